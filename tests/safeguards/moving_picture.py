"""Drawn moving pictures for the mark's tests: smooth colour clouds, a textured block that moves, camera noise."""

import cv2
import numpy as np


def frames(count, size_wh=(640, 360), seed=0, noise=1.0):
    """``count`` BGR frames, uint8 (H, W, 3)."""
    width, height = size_wh
    random = np.random.default_rng(seed)
    clouds = cv2.resize(random.integers(40, 215, (9, 16, 3), np.uint8), size_wh, interpolation=cv2.INTER_CUBIC)
    block = cv2.resize(random.integers(30, 225, (40, 30, 3), np.uint8), (width // 4, height // 2))
    for index in range(count):
        picture = clouds.copy()
        x = int(width * (0.35 + 0.1 * np.sin(index / 7)))
        picture[height // 4 : height // 4 + block.shape[0], x : x + block.shape[1]] = block
        yield np.clip(picture + random.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def luma_frames(count, **options):
    """The same as Y planes of I420, each writeable."""
    for picture in frames(count, **options):
        yield cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)[: picture.shape[0]].copy()
