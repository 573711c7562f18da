"""Aligned crops: templates, the similarity from five points, and what follows from it. Pure functions.

Convention:
    A template is float64 (5, 2): the five points as fractions of the crop's side. An aligned crop of
    side S has template point t at pixel ``t * S`` (the field's habit; half a pixel is ignored alike
    everywhere). Affine matrices are float64 (2, 3), act on column vectors (x, y, 1), and carry their
    direction in the name.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.types import Affine, Box, Image, Points

# Facts of the field; listed for instance in facefusion's face_helper and insightface's face_align.
FFHQ_512 = np.array(
    [[0.37691676, 0.46864664], [0.62285697, 0.46912813], [0.50123859, 0.61331904],
     [0.39308822, 0.725411], [0.61150205, 0.72490465]]
)  # fmt: skip
ARCFACE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
) / 112.0  # fmt: skip


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> Affine:
    """The least-squares similarity that takes ``source`` points to ``target`` points.

    Closed form in two dimensions (Umeyama, 1991, without reflection).

    Args:
        source: (N, 2), N >= 2, not all equal.
        target: (N, 2).

    Returns:
        float64 (2, 3) ``source_to_target``.

    Raises:
        ValueError: the points are not finite or all the same.
    """
    src, dst = np.asarray(source, np.float64), np.asarray(target, np.float64)
    src_mean, dst_mean = src.mean(0), dst.mean(0)
    x, d = src - src_mean, dst - dst_mean
    n = float((x * x).sum())
    if not np.isfinite(n) or n < 1e-9:
        raise ValueError("a similarity needs at least two different, finite points")
    a = float((x * d).sum()) / n
    b = float((x[:, 0] * d[:, 1] - x[:, 1] * d[:, 0]).sum()) / n
    matrix = np.array([[a, -b], [b, a]])
    return np.hstack([matrix, (dst_mean - matrix @ src_mean)[:, None]])


def frame_to_crop_from(landmarks5: Points, size: int, template: NDArray[np.floating] = FFHQ_512) -> Affine:
    """``frame_to_crop`` for an aligned crop of ``size`` px, from five landmarks in frame pixels."""
    return similarity(landmarks5, template * size)


def invert(matrix: Affine) -> Affine:
    """The inverse of a (2, 3) affine."""
    return np.asarray(cv2.invertAffineTransform(matrix), np.float64)


def compose(second: Affine, first: Affine) -> Affine:
    """The affine that applies ``first``, then ``second``."""
    linear = second[:, :2] @ first[:, :2]
    return np.hstack([linear, (second[:, :2] @ first[:, 2] + second[:, 2])[:, None]])


def transform(points: NDArray[np.floating], matrix: Affine) -> Points:
    """Apply a (2, 3) affine to (N, 2) points; float32."""
    return (np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def crop_to_crop(size_from: int, from_template: NDArray[np.floating], size_to: int,
                 to_template: NDArray[np.floating]) -> Affine:  # fmt: skip
    """The fixed affine between two aligned crops of the same face made with different templates."""
    return similarity(from_template * size_from, to_template * size_to)


def align(image: Image, frame_to_crop: Affine, size: int) -> Image:
    """Cut an aligned crop: uint8 (size, size, 3) BGR, bilinear, border pixels repeated.

    When the crop shrinks the picture by more than 1.5 the region is first halved as often as
    needed, so that fine texture does not alias.
    """
    scale = float(np.hypot(frame_to_crop[0, 0], frame_to_crop[1, 0]))
    region, matrix = image, frame_to_crop
    if scale < 1 / 1.5:
        box = box_of(transform(np.array([[0, 0], [size, 0], [0, size], [size, size]]), invert(frame_to_crop)))
        x1, y1 = max(int(box[0]) - 4, 0), max(int(box[1]) - 4, 0)
        x2, y2 = min(int(box[2]) + 5, image.shape[1]), min(int(box[3]) + 5, image.shape[0])
        if x2 - x1 >= 8 and y2 - y1 >= 8:
            region = image[y1:y2, x1:x2]
            down = min(1.0, scale * 1.25)
            wh = max(int((x2 - x1) * down), 4), max(int((y2 - y1) * down), 4)
            fx, fy = wh[0] / (x2 - x1), wh[1] / (y2 - y1)
            region = np.asarray(cv2.resize(region, wh, interpolation=cv2.INTER_AREA), np.uint8)
            crop_from_small = np.array([[1 / fx, 0, x1 + 0.5 / fx - 0.5], [0, 1 / fy, y1 + 0.5 / fy - 0.5]])
            matrix = compose(frame_to_crop, crop_from_small)
    warped = cv2.warpAffine(region, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def box_of(points: NDArray[np.floating]) -> Box:
    """The axis-aligned box round (N, 2) points: float32 (4,) xyxy."""
    low, high = np.min(points, 0), np.max(points, 0)
    return np.array([low[0], low[1], high[0], high[1]], np.float32)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two xyxy boxes, 0..1."""
    width = min(float(a[2]), float(b[2])) - max(float(a[0]), float(b[0]))
    height = min(float(a[3]), float(b[3])) - max(float(a[1]), float(b[1]))
    if width <= 0 or height <= 0:
        return 0.0
    inter = width * height
    area = float((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]))
    return inter / (area - inter)


def cosine_similarity(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Cosine of the angle between two vectors, -1..1."""
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b)))
