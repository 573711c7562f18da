"""The picture a camera shows when there is nothing else to show."""

from __future__ import annotations

import cv2
import numpy as np

from vcam.types import Image, VideoMode

_BACKGROUND, _INK = (48, 40, 36), (200, 192, 186)  # BGR
_TITLE = "FaceWarp Cam"


def draw_placeholder(mode: VideoMode) -> Image:
    """Draw a quiet card with the camera's name, uint8 (H, W, 3) BGR of the mode's size."""
    image = np.full((mode.height, mode.width, 3), _BACKGROUND, dtype=np.uint8)
    scale = mode.width / 640
    thickness = max(1, round(2 * scale))
    (width, height), _ = cv2.getTextSize(_TITLE, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
    origin = ((mode.width - width) // 2, (mode.height + height) // 2)
    cv2.putText(image, _TITLE, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, thickness, cv2.LINE_AA)
    return image
