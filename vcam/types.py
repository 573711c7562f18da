"""The values that travel through the program, and the names of their array types.

Convention:
    image: uint8 (H, W, 3) BGR, 0..255. A frame's image is read-only once it has been handed on.
    pixel coordinates: x to the right, y down, (0, 0) is the centre of the top left pixel;
        "left" and "right" always mean the image's left and right.
    time: seconds of ``time.perf_counter`` unless a name ends in ``_ms``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3) BGR
Plane = NDArray[np.uint8]  # (H, W)
Mask = NDArray[np.float32]  # (S, S), 0..1, 1 = take the swap
Box = NDArray[np.float32]  # (4,) x1, y1, x2, y2 in pixels
Points = NDArray[np.float32]  # (N, 2) x, y in pixels
Affine = NDArray[np.float64]  # (2, 3); the direction is in the variable's name
Embedding = NDArray[np.float32]  # (512,) unit length


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from a camera.

    Attributes:
        image: uint8 (H, W, 3) BGR.
        index: running number at the camera; frames dropped later keep theirs.
        captured_at: seconds (``perf_counter``) at which the picture left the camera.
    """

    image: Image
    index: int
    captured_at: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face in a frame.

    Attributes:
        box: float32 (4,) xyxy in frame pixels.
        landmarks5: float32 (5, 2) px: eye on the image's left, eye on its right, nose tip,
            mouth corner left, mouth corner right.
        score: 0..1, the detector's or the landmark net's confidence.
        landmarks: float32 (157, 2) px in the order of ``vcam.topology``, once they are known.
        track_id: stable number of the tracked face.
        embedding: float32 (512,) unit length, once it is known.
    """

    box: Box
    landmarks5: Points
    score: float
    landmarks: Points | None = None
    track_id: int | None = None
    embedding: Embedding | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture file in memory: what is pasted or taken by a camera never lies on the disk unencrypted.

    Attributes:
        name: of the file, as the user reads it.
        data: the file's bytes.
    """

    name: str
    data: bytes


class Basis(StrEnum):
    """Why a source face may be worn."""

    SELF = "self"
    WRITTEN = "written consent"
    LICENSED = "licensed"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class Consent:
    """The record without which no source face exists.

    Attributes:
        basis: the ground on which the face may be worn.
        text_version: which wording was agreed to.
        recorded_at: ISO 8601 time, UTC.
        photo_sha256: hex digest of the photo's bytes; empty for a synthetic identity.
        note: free text of the keeper.
    """

    basis: Basis
    text_version: str
    recorded_at: str
    photo_sha256: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.basis, Basis):
            raise TypeError(f"consent basis must be one of {[b.value for b in Basis]}, not {self.basis!r}")
        if self.basis is not Basis.SYNTHETIC and not self.photo_sha256:
            raise ValueError("a consent record for a photo needs the photo's SHA-256")


@dataclass(frozen=True, slots=True)
class Source:
    """Whose face is worn. It cannot be built without a consent record.

    Attributes:
        id: stable short name, safe as a file name.
        name: what the user reads.
        embedding: float32 (512,) unit length.
        consent: the record.
        image: uint8 (S, S, 3) BGR aligned crop (``ffhq_512`` template) of the source; the mesh engine
            needs it, the AEI-Net engine does not.
    """

    id: str
    name: str
    embedding: Embedding
    consent: Consent
    image: Image | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.consent, Consent):
            raise TypeError(f"source {self.name!r} has no consent record")
        if self.embedding.shape != (512,) or not np.all(np.isfinite(self.embedding)):
            raise ValueError(f"source {self.name!r}: embedding must be 512 finite numbers, not {self.embedding.shape}")
        length = float(np.linalg.norm(self.embedding))
        if abs(length - 1.0) > 1e-3:
            raise ValueError(f"source {self.name!r}: embedding must have unit length, not {length:.3f}")


class Safe(StrEnum):
    """What goes out, while the swap is on, in place of a frame that was not swapped."""

    HOLD_BLUR = "hold-blur"
    HOLD_CARD = "hold-card"
    RAW = "raw"


class BadgeMode(StrEnum):
    """When swapped pictures carry the visible label "AI face"."""

    OFF = "off"
    FIRST = "first-5-seconds"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Control:
    """What the user wants now. Replaced whole, never edited; read once for each frame."""

    enabled: bool
    source: Source | None
    safe: Safe = Safe.HOLD_BLUR
    badge: BadgeMode = BadgeMode.OFF
    cross_fade: bool = False


class Shown(StrEnum):
    """What a frame that leaves the program shows."""

    SWAPPED = "swapped"
    HELD = "held"
    BLURRED = "blurred"
    CARD = "card"
    RAW = "raw"


@dataclass(slots=True)
class Crop:
    """The user's face cut out and aligned, on its way to a swap.

    Attributes:
        image: uint8 (S, S, 3) BGR, ``ffhq_512`` template; the target.
        frame_to_crop: affine from frame px to crop px.
        landmarks: float32 (157, 2) px in the crop.
        occlusion: float32 (R, R) 0..1 over the crop, 1 where nothing is before the face; None where nobody looked.
        swap: uint8 (S, S, 3) BGR, once it has been made.
        mask: float32 (S, S) 0..1, once it has been made; 1 = take the swap.
    """

    image: Image
    frame_to_crop: Affine
    landmarks: Points
    occlusion: Mask | None = None
    swap: Image | None = None
    mask: Mask | None = None


@dataclass(slots=True)
class Work:
    """One frame's trip through the pipeline, seen by one thread only.

    Attributes:
        frame: the frame as captured; its image is never written to.
        control: the user's wish, read once for this frame.
        image: uint8 (H, W, 3) BGR, the picture being made; the frame's own array until a stage
            that changes pixels has replaced it.
        faces: the user's face, or nothing.
        crop: the user's face, aligned, once it has been cut out.
        swapped: True only when a stage has put a checked swap into ``image``.
        ms: milliseconds by stage.
    """

    frame: Frame
    control: Control
    image: Image
    faces: tuple[Face, ...] = ()
    crop: Crop | None = None
    swapped: bool = False
    ms: dict[str, float] = field(default_factory=dict)


Stage = Callable[[Work], None]
Pipeline = tuple[tuple[str, Stage], ...]


@dataclass(frozen=True, slots=True)
class VideoMode:
    """Size and rate of a camera or an output. ``fps`` 0 means "as fast as it is read"."""

    width: int
    height: int
    fps: float

    def __str__(self) -> str:
        return f"{self.width}x{self.height} at {self.fps:g} fps"


class Camera(Protocol):
    """A source of frames: a webcam, a file, a synthetic scene.

    Attributes:
        name: as shown to the user.
        asked: the mode that was asked for, or None.
        mode: the mode really obtained.
    """

    name: str
    asked: VideoMode | None
    mode: VideoMode

    def read(self) -> Frame:
        """Wait for the next frame.

        Raises:
            CameraLost: the device is gone or gives nothing; it may be opened again later.
            EndOfVideo: a file that is played once has ended.
        """
        ...

    def close(self) -> None:
        """Release the device. May be called twice, and from another thread than ``read``."""
        ...


class Output(Protocol):
    """A device or file that takes finished pictures.

    Attributes:
        name: as shown to the user, for example "FaceWarp Cam (PipeWire)".
        mode: what the output was opened with; every image must have this size.
    """

    name: str
    mode: VideoMode

    def send(self, image: Image) -> None:
        """Hand over one picture, uint8 (H, W, 3) BGR of the output's size. Does not pace.

        Raises:
            OutputLost: the device is gone.
        """
        ...

    def watched(self) -> bool | None:
        """Whether some program reads the output now; None where that cannot be known."""
        ...

    def close(self) -> None:
        """Release the device. May be called twice."""
        ...
