"""The stages: closures that move values between a ``Work`` and the pure functions of ``faces`` and ``swap``.

Whatever keeps memory from frame to frame is made here, once for each pipeline, and seen by one thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from vcam.errors import NoFace, SwapError
from vcam.faces.regions import Occlusion
from vcam.faces.track import UserTrack
from vcam.geometry import frame_to_crop_from, invert, transform
from vcam.safeguards.badge import Badge
from vcam.safeguards.watermark import Marker, can_carry
from vcam.swap.blend import paste_back
from vcam.swap.buffers import Buffers
from vcam.swap.crop import cut_crop
from vcam.swap.fade import CrossFade
from vcam.swap.finish import PASTE_SIZE_PX, Finisher
from vcam.types import Crop, Embedding, Image, Mask, Source, Stage, Work

T = TypeVar("T")


class Engine(Protocol):
    """Makes a swap of a crop; the AEI-Net generator and the mesh engine are such.

    Attributes:
        size: side of its swaps in px.
    """

    size: int

    def prepare(self, source: Source) -> None:
        """Work out and keep what depends on the source alone; from any thread.

        Raises:
            SwapError: this engine cannot wear that source; the sentence says why.
        """
        ...

    def __call__(self, source: Source, crop: Crop, wearer: Embedding | None) -> tuple[Image, Mask]:
        """The swap, uint8 (S, S, 3) BGR, and its mask, float32 (S, S); both aligned like the crop.

        The wearer is the user's own identity, as far as the tracker knows it.
        """
        ...


def track_user(track: UserTrack) -> Stage:
    """Find or follow the user's face."""

    def stage(work: Work) -> None:
        face = track.update(work.frame)
        if face is None:
            raise NoFace("No face in the picture")
        work.faces = (face,)

    return stage


def cut_out(buffers: Buffers) -> Stage:
    """Cut the user's face out of the frame, aligned."""

    def stage(work: Work) -> None:
        face = work.faces[0]
        if face.landmarks is None:
            raise SwapError("the face has no dense landmarks")
        frame_to_crop = frame_to_crop_from(face.landmarks5, PASTE_SIZE_PX)
        image = cut_crop(work.frame.image, frame_to_crop, PASTE_SIZE_PX, buffers)
        work.crop = Crop(image, frame_to_crop, transform(face.landmarks, frame_to_crop))

    return stage


def find_occlusion(occlusion: Occlusion) -> Stage:
    """Find what is before the face: hands, hair and things stay as they are."""

    def stage(work: Work) -> None:
        crop = cropped(work)
        crop.occlusion = occlusion(crop.image, work.frame.captured_at)

    return stage


def swap_face(engine: Engine, finisher: Finisher) -> Stage:
    """Make the swap and finish it: colour of the target, steadiness, sharpness, grain, and the mask."""
    worn: str | None = None
    fade = CrossFade()

    def stage(work: Work) -> None:
        nonlocal worn
        crop, source = cropped(work), work.control.source
        if source is None:
            raise SwapError("No source face is chosen")
        at = work.frame.captured_at
        if source.id != worn:
            worn = source.id
            fade.begin(work.control.cross_fade)
            finisher.reset()
        swap, mask = engine(source, crop, work.faces[0].embedding)
        finished, crop.mask = finisher.finish(swap, mask, crop.image, crop.landmarks, at, crop.occlusion)
        crop.swap = fade(finished, at)

    return stage


def blend(buffers: Buffers) -> Stage:
    """Paste the swap back into a copy of the frame: the one full-frame copy of the whole way."""

    def stage(work: Work) -> None:
        crop = cropped(work)
        if crop.swap is None or crop.mask is None:
            raise SwapError("the crop was not swapped")
        image = work.frame.image.copy()
        if paste_back(image, crop.swap, crop.mask, invert(crop.frame_to_crop), buffers) is None:
            raise NoFace("The face is outside the picture")
        work.image, work.swapped = image, True

    return stage


def label(badge: Badge) -> Stage:
    """Draw the visible label into the swapped picture, in place and beside the face, when the user wants it."""

    def stage(work: Work) -> None:
        source = work.control.source
        if work.swapped and source is not None and badge.due(work.control.badge, source.id, work.frame.captured_at):
            badge.draw(work.image, work.faces[0].box)

    return stage


def mark(marker: Marker) -> Stage:
    """Put the invisible mark into the swapped picture; one too small for the pattern goes without."""

    def stage(work: Work) -> None:
        height, width = work.image.shape[:2]
        if work.swapped and can_carry(width, height):
            marker.mark_bgr(work.image)

    return stage


def cropped(work: Work) -> Crop:
    """The crop that an earlier stage has cut.

    Raises:
        SwapError: none has.
    """
    if work.crop is None:
        raise SwapError("the face was not cut out")
    return work.crop


def once_per_source(prepare: Callable[[Source], T]) -> Callable[[Source], T]:
    """Keep what was prepared for the sources worn so far, so that a switch between them costs nothing."""
    kept: dict[str, T] = {}

    def prepared(source: Source) -> T:
        if source.id not in kept:
            kept[source.id] = prepare(source)
        return kept[source.id]

    return prepared
