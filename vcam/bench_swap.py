"""What the swap's CPU side costs, beside the least it could cost: networks are replaced by constants.

The yardstick ("floor") is the bare work on the same inputs, written out below with OpenCV calls alone and no
thought of steadiness between frames: cut a 256 px crop, blob, image, colour match, DIS flow at 128 px, a freshly
feathered mask, paste-back in the region. Both run interleaved in one process on one thread, and process CPU time
is compared, so that the ratio holds on any machine and under load.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.geometry import FFHQ_512, frame_to_crop_from, invert, transform
from vcam.imaging import from_blob, to_blob
from vcam.swap.blend import paste_back
from vcam.swap.buffers import Buffers
from vcam.swap.crop import cut_crop
from vcam.swap.finish import PASTE_SIZE_PX, Finisher
from vcam.swap.generate import check_finite, check_swap
from vcam.topology import COUNT, OVAL
from vcam.types import Affine, Image, Points

FRAMES_WH = ((1280, 720), (1920, 1080), (3840, 2160))
FIXED_FACE_PX = 252  # height of the face, 35 % of 720
FACE_SHARE = 0.35  # of the frame's height, as in the published comparison
FACE_OF_CROP = 0.68  # height of a face in an ffhq_512 crop, as a fraction of the crop's side
ROUNDS = 60

MAX_RATIO = 1.3  # of our cost to the floor's, at 720p and 1080p
MAX_GROWTH = 1.15  # of our cost from 720p to 4K at a fixed face size


@dataclass(frozen=True, slots=True)
class SwapCost:
    """One row of the bench.

    Attributes:
        frame_wh: size of the frame in px.
        face_px: height of the face in px.
        engine_px: side of the engine's crop in px.
        ours_ms: process CPU time of our CPU side, 10th percentile and median.
        floor_ms: the same of the floor.
        ratio: ours to the floor, of the 10th percentiles.
        fresh_bytes: most memory that was allocated and alive at once within one of our frames.
        frame_bytes: size of one frame; a full-frame copy would show as at least this in ``fresh_bytes``.
    """

    frame_wh: tuple[int, int]
    face_px: int
    engine_px: int
    ours_ms: tuple[float, float]
    floor_ms: tuple[float, float]
    ratio: float
    fresh_bytes: int
    frame_bytes: int


def measure_swap_costs(rounds: int = ROUNDS, engine_px: int = PASTE_SIZE_PX) -> list[SwapCost]:
    """Measure at 720p, 1080p and 4K, with a face of fixed size and with one that grows with the frame.

    Args:
        rounds: frames for each row.
        engine_px: side of the engine's crop in px; the floor always works at 256.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        faces = [(wh, FIXED_FACE_PX) for wh in FRAMES_WH]
        faces += [(wh, round(FACE_SHARE * wh[1])) for wh in FRAMES_WH[1:]]
        return [_measure(wh, face_px, engine_px, rounds) for wh, face_px in faces]
    finally:
        cv2.setNumThreads(threads)


def find_failures(rows: list[SwapCost]) -> list[str]:
    """What of the project's promises the rows break, one sentence each; empty when all is well."""
    failures = [
        f"{row.frame_wh[1]}p with a face of {row.face_px} px costs {row.ratio:.2f}x the floor, more than {MAX_RATIO}"
        for row in rows
        if row.frame_wh[1] <= 1080 and row.ratio > MAX_RATIO
    ]
    fixed = {row.frame_wh[1]: row.ours_ms[0] for row in rows if row.face_px == FIXED_FACE_PX}
    growth = fixed[2160] / fixed[720]
    if growth > MAX_GROWTH:
        failures.append(f"the cost grows by {growth:.2f}x from 720p to 4K at one face size, more than {MAX_GROWTH}")
    failures += [
        f"{row.frame_wh[1]}p allocates {row.fresh_bytes} bytes per frame, a frame has {row.frame_bytes}"
        for row in rows
        if row.face_px == FIXED_FACE_PX and row.frame_wh[1] > 720 and row.fresh_bytes >= row.frame_bytes / 2
    ]
    return failures


def _measure(frame_wh: tuple[int, int], face_px: int, engine_px: int, rounds: int) -> SwapCost:
    scenes = [_scene(frame_wh, face_px, seed) for seed in range(3)]
    ours, floor = OurSide(engine_px), Floor()
    times: dict[str, list[float]] = {"ours": [], "floor": []}
    for index in range(rounds + 5):
        image, landmarks, landmarks5 = scenes[index % len(scenes)]
        for name, side in (("ours", ours), ("floor", floor)):
            taken_ms = _cpu_ms(lambda side=side: side(image, landmarks, landmarks5, index / 30))  # type: ignore[misc]  # noqa: B023
            if index >= 5:  # the first ones fill the buffers
                times[name].append(taken_ms)
    image, landmarks, landmarks5 = scenes[0]
    fresh_bytes = _peak_bytes(lambda: ours(image, landmarks, landmarks5, (rounds + 5) / 30))
    (ours_p10, ours_p50), (floor_p10, floor_p50) = (np.percentile(times[name], [10, 50]) for name in times)
    return SwapCost(
        frame_wh, face_px, engine_px, (float(ours_p10), float(ours_p50)), (float(floor_p10), float(floor_p50)),
        float(ours_p10 / floor_p10), fresh_bytes, image.nbytes,
    )  # fmt: skip


def _cpu_ms(call: Callable[[], None]) -> float:
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1e3


def _peak_bytes(call: Callable[[], None]) -> int:
    """Most memory alive at once that numpy and Python took within the call; OpenCV's results are numpy arrays."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def _scene(frame_wh: tuple[int, int], face_px: int, seed: int) -> tuple[Image, Points, Points]:
    """A frame with noise, and the landmarks of a face in its middle, slightly elsewhere for each seed."""
    random = np.random.default_rng(seed)
    width, height = frame_wh
    coarse = np.random.default_rng(9).integers(30, 225, (9, 16, 3), np.uint8)
    image = cv2.resize(coarse, frame_wh, interpolation=cv2.INTER_CUBIC)
    tile = random.normal(0, 3, (120, 160, 3)).astype(np.int16)
    noise = np.tile(tile, (height // 120, width // 160, 1))
    noisy = np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)
    scale = face_px / FACE_OF_CROP / PASTE_SIZE_PX
    turn = np.radians(4 + seed)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle = np.array([width / 2, 0.55 * height]) + random.normal(0, 1, 2)
    crop_to_frame = np.hstack([linear, (middle - linear @ np.full(2, PASTE_SIZE_PX / 2))[:, None]])
    angles = np.linspace(0, 2 * np.pi, COUNT, endpoint=False)
    oval = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False)
    crop_points = PASTE_SIZE_PX * (0.5 + 0.12 * np.stack([np.cos(angles), np.sin(angles)], 1))
    crop_points[OVAL] = PASTE_SIZE_PX * (
        np.array([0.5, 0.56]) + np.stack([0.27 * np.cos(oval), 0.36 * np.sin(oval)], 1)
    )
    return noisy, transform(crop_points, crop_to_frame), transform(FFHQ_512 * PASTE_SIZE_PX, crop_to_frame)


def _constant_swap(size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a generator might give: blobs of a swap and of its mask."""
    random = np.random.default_rng(1)
    coarse = random.uniform(-0.7, 0.7, (12, 12, 3)).astype(np.float32)
    swap = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC).transpose(2, 0, 1)[None]
    rows, columns = np.mgrid[:size, :size] / (size - 1) - 0.5
    mask = np.clip((0.45 - np.hypot(rows, columns)) / 0.05, 0, 1).astype(np.float32)
    return np.ascontiguousarray(swap), mask


class OurSide:
    """One frame through our own functions, with a constant in the network's place."""

    def __init__(self, engine_px: int) -> None:
        self._engine_px = engine_px
        self._swap_blob, self._mask = _constant_swap(engine_px)
        self._blob = np.empty_like(self._swap_blob)
        self._finisher = Finisher(engine_px)
        self._buffers = Buffers()

    def __call__(self, image: Image, landmarks: Points, landmarks5: Points, at: float) -> None:
        """Swap the face in ``image`` in place."""
        frame_to_crop = frame_to_crop_from(landmarks5, PASTE_SIZE_PX)
        crop = cut_crop(image, frame_to_crop, PASTE_SIZE_PX, self._buffers)
        target = crop
        if self._engine_px != PASTE_SIZE_PX:
            target = np.asarray(cv2.resize(crop, (self._engine_px,) * 2, interpolation=cv2.INTER_AREA), np.uint8)
        to_blob(target, out=self._blob)
        check_finite(self._swap_blob, self._mask)
        swap = from_blob(self._swap_blob)
        check_swap(swap, self._mask, target)
        points = transform(landmarks, frame_to_crop)
        finished, mask = self._finisher.finish(swap, self._mask, crop, points, at)
        paste_back(image, finished, mask, invert(frame_to_crop), self._buffers)


class Floor:
    """The least work for the same picture: OpenCV calls in a row."""

    def __init__(self) -> None:
        swap_blob, self._mask = _constant_swap(PASTE_SIZE_PX)
        self._swap_blob = swap_blob
        self._blob = np.empty_like(swap_blob)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._last_grey = np.zeros((128, 128), np.uint8)

    def __call__(self, image: Image, landmarks: Points, landmarks5: Points, at: float) -> None:  # noqa: ARG002
        """Swap the face in ``image`` in place."""
        side = PASTE_SIZE_PX
        frame_to_crop = frame_to_crop_from(landmarks5, side)
        crop = cv2.warpAffine(image, frame_to_crop, (side, side), borderMode=cv2.BORDER_REPLICATE)
        to_blob(np.asarray(crop, np.uint8), out=self._blob)
        merged = cv2.merge([self._swap_blob[0, 2], self._swap_blob[0, 1], self._swap_blob[0, 0]])
        swap = cv2.addWeighted(merged, 127.5, merged, 0.0, 127.5, dtype=cv2.CV_8U)
        swap = self._match_colour(swap, crop)
        grey = cv2.resize(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), (128, 128), interpolation=cv2.INTER_AREA)
        self._flow.calc(grey, self._last_grey, None)  # type: ignore[call-overload]
        self._last_grey = np.asarray(grey, np.uint8)
        hull = np.zeros((side, side), np.uint8)
        cv2.fillConvexPoly(hull, transform(landmarks[OVAL], frame_to_crop).astype(np.int32), (255,))
        opacity = cv2.blur(cv2.blur(hull, (25, 25)), (25, 25))
        self._paste(image, np.asarray(swap, np.uint8), np.asarray(opacity, np.uint8), invert(frame_to_crop))

    def _match_colour(self, swap: cv2.typing.MatLike, crop: cv2.typing.MatLike) -> cv2.typing.MatLike:
        """Mean and deviation of each channel, by a table."""
        inside = (cv2.resize(self._mask, (64, 64)) > 0.5).astype(np.uint8)
        given, wanted = (
            cv2.meanStdDev(cv2.resize(x, (64, 64), interpolation=cv2.INTER_AREA), mask=inside) for x in (swap, crop)
        )
        gain = np.asarray(wanted[1]) / np.asarray(given[1])
        table = (np.arange(256)[:, None] - np.ravel(given[0])) * np.ravel(gain) + np.ravel(wanted[0])
        return cv2.LUT(swap, np.clip(table, 0, 255).astype(np.uint8)[None])

    @staticmethod
    def _paste(image: Image, swap: Image, opacity: Image, crop_to_frame: Affine) -> None:
        """Four channels in one warp, then two 8-bit operations in the region."""
        x, y, w, h = cv2.boundingRect(opacity)
        corners = transform(np.array([[x, y], [x + w, y], [x, y + h], [x + w, y + h]]), crop_to_frame)
        left, top = (max(int(v) - 1, 0) for v in corners.min(0))
        right, bottom = (int(v) + 2 for v in corners.max(0))
        region = image[top:bottom, left:right]
        colour = cv2.multiply(swap, cv2.cvtColor(opacity, cv2.COLOR_GRAY2BGR), scale=1 / 255)
        packed = cv2.merge([*cv2.split(colour), cv2.bitwise_not(opacity)])
        matrix = crop_to_frame.copy()
        matrix[:, 2] -= (left, top)
        warped = cv2.warpAffine(packed, matrix, (region.shape[1], region.shape[0]), borderValue=(0, 0, 0, 255))
        inverse = cv2.cvtColor(cv2.extractChannel(warped, 3), cv2.COLOR_GRAY2BGR)
        cv2.multiply(region, inverse, dst=region, scale=1 / 255)
        cv2.add(region, cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR), dst=region)
