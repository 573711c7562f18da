"""The canvas on which the actor is painted, and the few tools of its painters.

Convention:
    units: the actor's coordinates; the ``ffhq_512`` crop of the portrait is the square 0..1, y down, z away
        from the camera.
    canvas: float32 (HEIGHT_PX, WIDTH_PX, 3) BGR 0..255; it holds more than the crop: hair, shoulders.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

UNIT_PX = 640  # canvas pixels for one unit: half as many again as the finished picture shows
LEFT, TOP = -0.6, -0.25  # units of the canvas's corner
WIDTH_PX, HEIGHT_PX = 1408, 1152


def to_px(points: NDArray[np.floating]) -> Array:
    """Canvas pixels of (..., 2) points in units."""
    return ((np.asarray(points, np.float32) - (LEFT, TOP)) * UNIT_PX).astype(np.float32)


def crop_to_canvas(side_px: int) -> NDArray[np.float64]:
    """``crop_to_canvas`` (2, 3) for a portrait of that side."""
    scale = UNIT_PX / side_px
    return np.array([[scale, 0, -LEFT * UNIT_PX], [0, scale, -TOP * UNIT_PX]])


def grid(window: tuple[slice, slice] | None = None, step_px: int = 1) -> tuple[Array, Array]:
    """Coordinates, in units, of every ``step_px``-th canvas pixel, in a window (rows, columns) or everywhere."""
    rows, columns = window or (slice(0, HEIGHT_PX), slice(0, WIDTH_PX))
    y, x = np.mgrid[rows.start : rows.stop : step_px, columns.start : columns.stop : step_px].astype(np.float32)
    return x / UNIT_PX + LEFT, y / UNIT_PX + TOP


def window_of(x1: float, y1: float, x2: float, y2: float) -> tuple[slice, slice]:
    """The canvas's rows and columns of a rectangle in units."""
    (left, top), (right, bottom) = to_px(np.array([[x1, y1], [x2, y2]])).round().astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def sample(image: Array, x: Array, y: Array, window: tuple[slice, slice] | None = None) -> Array:
    """The picture's values at places in units; ``window`` says which part of the canvas the picture is."""
    rows, columns = window or (slice(0, 0), slice(0, 0))
    map_x = (x - LEFT) * UNIT_PX - columns.start
    map_y = (y - TOP) * UNIT_PX - rows.start
    return np.asarray(
        cv2.remap(image, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR,
                  borderMode=cv2.BORDER_REPLICATE), np.float32)  # fmt: skip


def ramp(low: float | Array, high: float | Array, value: Array) -> Array:
    """Smooth step: 0 at ``low``, 1 at ``high``, level at both ends."""
    t = np.clip((value - low) / (np.asarray(high) - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def bell(distance: Array, width: float) -> Array:
    """A Gaussian bump of height 1."""
    return np.asarray(np.exp(-((distance / width) ** 2)), np.float32)


def blur(image: Array, sigma_px: float) -> Array:
    """Gaussian blur; a wide one is done on a smaller picture, which nobody can tell and takes a tenth of the time."""
    shrink = int(sigma_px // 4)
    if shrink < 2:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px), np.float32)
    size_wh = image.shape[1], image.shape[0]
    small_wh = max(size_wh[0] // shrink, 1), max(size_wh[1] // shrink, 1)
    small = cv2.GaussianBlur(cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA), (0, 0), sigma_px / shrink)
    return np.asarray(cv2.resize(small, size_wh, interpolation=cv2.INTER_CUBIC), np.float32)


def noise(seed: int, fine_px: float, coarse_px: float, shape: tuple[int, int] = (HEIGHT_PX, WIDTH_PX)) -> Array:
    """Band-passed noise (H, W) of standard deviation 1: structure between two sizes."""
    white = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    band = blur(white, fine_px) - blur(white, coarse_px)
    return np.asarray(band / band.std(), np.float32)


def strands(seed: int, flow_x: Array, flow_y: Array, length_px: int) -> Array:
    """Noise drawn out along a flow, of standard deviation 1 (line integral convolution, Cabral and Leedom, 1993).

    Args:
        seed: of the noise.
        flow_x: (H, W) direction, unit length.
        flow_y: (H, W).
        length_px: half the length of a strand.
    """
    height, width = flow_x.shape
    flow_x, flow_y = np.asarray(flow_x, np.float32), np.asarray(flow_y, np.float32)
    dots = noise(seed, 0.6, 3.0, (height, width))
    total = dots.copy()
    start_y, start_x = np.mgrid[0:height, 0:width].astype(np.float32)
    for sign in (-1.0, 1.0):
        x, y = start_x.copy(), start_y.copy()
        for _ in range(length_px):
            step_x = cv2.remap(flow_x, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            step_y = cv2.remap(flow_y, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            x, y = x + sign * step_x, y + sign * step_y
            total += cv2.remap(dots, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(total / total.std(), np.float32)


def spread(image: Array, known: Array, sigma_px: float) -> Array:
    """Fill what is not known with a smooth continuation of what is (normalised convolution).

    Args:
        image: float32 (H, W, 3).
        known: float32 (H, W), 0..1.
        sigma_px: how far the surroundings count; far gaps are filled from farther away.
    """
    result = image * known[..., None]
    weight = known.copy()
    for sigma in (sigma_px, 4 * sigma_px, 16 * sigma_px):
        near = blur(known, sigma)
        fill = blur(image * known[..., None], sigma) / np.maximum(near, 1e-6)[..., None]
        share = (1.0 - weight) * np.clip(near / 0.02, 0.0, 1.0)
        result += fill * share[..., None]
        weight += share
    return np.asarray(result / np.maximum(weight, 1e-6)[..., None], np.float32)


def mix(below: Array, above: Array | tuple[float, float, float], cover: Array) -> Array:
    """``above`` laid over ``below`` where ``cover`` (H, W) is 1."""
    share = cover[..., None]
    return np.asarray(below * (1.0 - share) + np.asarray(above, np.float32) * share, np.float32)
