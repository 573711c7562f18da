"""Images as Qt shows them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtGui import QIcon, QImage, QPixmap

from vcam.daemon.faces import Faces
from vcam.errors import VcamError
from vcam.types import Image


def to_qimage(image: Image) -> QImage:
    """uint8 (H, W, 3) BGR as a Qt image that shares its memory; the caller keeps the array alive."""
    tight = np.ascontiguousarray(image)
    height, width = tight.shape[:2]
    return QImage(tight.data, width, height, width * 3, QImage.Format.Format_BGR888)


def to_pixmap(image: Image) -> QPixmap:
    """A copy for the screen."""
    return QPixmap.fromImage(to_qimage(image))


def face_icon(faces: Faces, face_id: str) -> QIcon | None:
    """The thumbnail of a face, or None when it has no picture."""
    try:
        image = faces.source(face_id).image
    except VcamError:
        return None
    return None if image is None else _cached_icon(face_id, image.tobytes(), image.shape[:2])


@lru_cache(maxsize=256)
def _cached_icon(_face_id: str, pixels: bytes, shape_hw: tuple[int, int]) -> QIcon:
    pixmap = to_pixmap(np.frombuffer(pixels, np.uint8).reshape(*shape_hw, 3))
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint a chosen face
    return icon
