"""How steady and how sharp a swapped video is, both as ratios to the input's own.

Flicker is what is left between two consecutive pictures of the face when its movement has been taken away: both
pictures are cut by the same alignment, and the older one is moved along the input's optical flow (the warping error
of Lai et al., "Learning Blind Video Temporal Consistency", 2018). The input has some too: noise, light, flow's errors.

Sharpness is the spread of the grey Laplacian inside the face, at the size that the face has in the clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.catalogue import find_models_folder
from vcam.config import PipelineSettings
from vcam.errors import BadVideo, VcamError
from vcam.geometry import compose
from vcam.pipeline.build import Engines
from vcam.pipeline.enrol import read_source
from vcam.pipeline.process import process
from vcam.safeguards.consent import Ask, refuse_unstated
from vcam.swap.buffers import Buffers
from vcam.swap.crop import cut_crop
from vcam.swap.mask import face_hull_mask
from vcam.types import Control, Crop, Frame, Image, Mask, Work
from vcam.video.files import read_video

FRAMES = 300
SIDE_PX = 128
LEAST_PAIRS = 10
SHARP_EVERY = 5  # swapped frames


@dataclass(frozen=True, slots=True)
class ClipFigures:
    """How a swapped clip looks beside the clip itself.

    Attributes:
        frames: frames looked at.
        swapped: of those, really swapped.
        face_px: mean height of the face, brows to chin and a little more.
        input_levels: mean warping error of the input inside the face, grey levels.
        swap_levels: the same of the swap.
        flicker: swap's warping error to input's.
        sharpness: swap's to input's.
    """

    frames: int
    swapped: int
    face_px: float
    input_levels: float
    swap_levels: float
    flicker: float
    sharpness: float


def measure_clip(
    clip: Path,
    face: str | None,
    settings: PipelineSettings,
    frames: int = FRAMES,
    notice: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], object] = lambda _: None,
    ask: Ask = refuse_unstated,
) -> ClipFigures:
    """Swap a clip of a face and measure how it flickers and how sharp it is.

    Args:
        clip: a video.
        face: name of a built-in face, or a photo; None is the first built-in one.
        settings: of the pipeline.
        frames: at most so many from its beginning.
        notice: takes a sentence for the user that is not an error.
        advance: called after each frame with 1.
        ask: why a photo may be worn.

    Raises:
        BadVideo: it cannot be read, or hardly a frame of it could be swapped.
        VcamError: the face or the models cannot be used.
    """
    source = read_source(face, settings.models or find_models_folder(), notice, ask)
    pipeline = Engines(settings).build()
    seen, swapped, buffers = 0, 0, Buffers()
    before: tuple[Image, Image] | None = None  # crops of input and swap
    errors: list[tuple[float, float]] = []
    sharp: list[tuple[float, float, float]] = []  # input, swap, height of the face
    for frame, time_s in read_video(clip):
        if seen == frames:
            break
        seen += 1
        work = Work(Frame(frame.image, frame.index, time_s), Control(True, source), frame.image)
        try:
            image = process(pipeline, work)
        except VcamError:
            before = None
            continue
        finally:
            advance(1)
        assert work.crop is not None
        swapped += 1
        scale = SIDE_PX / work.crop.image.shape[0]
        frame_to_small = compose(np.array([[scale, 0, 0], [0, scale, 0.0]]), work.crop.frame_to_crop)
        now = tuple(cut_crop(picture, frame_to_small, SIDE_PX, buffers).copy() for picture in (frame.image, image))
        if before is not None:
            hull = face_hull_mask(work.crop.landmarks * np.float32(scale), SIDE_PX)
            errors.append(warping_errors(before, (now[0], now[1]), hull))
        before = now[0], now[1]
        if swapped % SHARP_EVERY == 1:
            sharp.append(sharpness_of(frame.image, image, work.crop, buffers))
    if len(errors) < LEAST_PAIRS:
        raise BadVideo(f"{clip.name}: only {swapped} of {seen} frames could be swapped; that is too few to judge")
    of_input, of_swap = np.mean(errors, 0)
    sharp_input, sharp_swap, face_px = np.mean(sharp, 0)
    return ClipFigures(
        frames=seen,
        swapped=swapped,
        face_px=float(face_px),
        input_levels=float(of_input),
        swap_levels=float(of_swap),
        flicker=float(of_swap / max(of_input, 1e-6)),
        sharpness=float(sharp_swap / max(sharp_input, 1e-6)),
    )


def sharpness_of(frame: Image, swap: Image, crop: Crop, buffers: Buffers) -> tuple[float, float, float]:
    """The spread of the grey Laplacian inside the face, of a frame and of the same frame swapped; the face's height.

    The face's edge is left out. Levels and px.
    """
    side = crop.image.shape[0]
    hull = (face_hull_mask(crop.landmarks, side) > 0.5).astype(np.uint8)
    inside = cv2.erode(hull, np.ones((side // 16 * 2 + 1,) * 2)) > 0
    spreads = [
        float(cv2.Laplacian(_grey(cut_crop(picture, crop.frame_to_crop, side, buffers)), cv2.CV_32F)[inside].std())
        for picture in (frame, swap)
    ]
    zoom = float(np.sqrt(abs(np.linalg.det(crop.frame_to_crop[:, :2]))))
    return spreads[0], spreads[1], float(np.ptp(np.nonzero(hull.any(1))[0])) / zoom


def warping_errors(before: tuple[Image, Image], now: tuple[Image, Image], hull: Mask) -> tuple[float, float]:
    """Mean change of two videos' pictures from one frame to the next, less the movement that the first one shows.

    Args:
        before: the older pictures of input and swap, uint8 (S, S, 3) BGR, aligned.
        now: the newer ones.
        hull: float32 (S, S) 0..1, where the face is.

    Returns:
        Grey levels, of the input and of the swap.
    """
    old, new = (_grey(pictures[0]) for pictures in (before, now))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(new, old, None)  # type: ignore[call-overload]
    columns, rows = np.meshgrid(np.arange(new.shape[1]), np.arange(new.shape[0]))
    maps = (np.stack([columns, rows], 2) + flow).astype(np.float32)
    of_input, of_swap = (
        np.abs(_grey(newer).astype(np.float32) - _moved(_grey(older), maps))
        for older, newer in zip(before, now, strict=True)
    )
    weight = float(hull.sum())
    return float((of_input * hull).sum()) / weight, float((of_swap * hull).sum()) / weight


def _grey(image: Image) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _moved(image: NDArray[np.uint8], maps: NDArray[np.float32]) -> NDArray[np.float32]:
    moved = cv2.remap(image, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]
    return np.asarray(moved, np.float32)
