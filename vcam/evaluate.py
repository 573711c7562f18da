"""How steady a swapped video is: flicker, as a ratio to the input's own.

Flicker is what is left between two consecutive pictures of the face when its movement has been taken away: both
pictures are cut by the same alignment, and the older one is moved along the input's optical flow (the warping error
of Lai et al., "Learning Blind Video Temporal Consistency", 2018). The input has some too: noise, light, flow's errors.
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
from vcam.types import Control, Frame, Image, Mask, Work
from vcam.video.files import read_video

FRAMES = 300
SIDE_PX = 128
LEAST_PAIRS = 10


@dataclass(frozen=True, slots=True)
class Flicker:
    """A clip's steadiness.

    Attributes:
        frames: frames looked at.
        swapped: of those, really swapped.
        input_levels: mean warping error of the input inside the face, grey levels.
        swap_levels: the same of the swap.
        ratio: swap's to input's.
    """

    frames: int
    swapped: int
    input_levels: float
    swap_levels: float
    ratio: float


def measure_flicker(
    clip: Path,
    face: str | None,
    settings: PipelineSettings,
    frames: int = FRAMES,
    notice: Callable[[str], None] = lambda _: None,
    advance: Callable[[int], object] = lambda _: None,
    ask: Ask = refuse_unstated,
) -> Flicker:
    """Swap a clip of a face and measure how it flickers.

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
    if len(errors) < LEAST_PAIRS:
        raise BadVideo(f"{clip.name}: only {swapped} of {seen} frames could be swapped; that is too few to judge")
    of_input, of_swap = np.mean(errors, 0)
    return Flicker(seen, swapped, float(of_input), float(of_swap), float(of_swap / max(of_input, 1e-6)))


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
