"""The tray icon, drawn by code: half of a face is ours, half is another's. Shape and colour both tell the state."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.daemon.state import Mood

Icon = NDArray[np.uint8]  # (S, S, 4) RGBA

_COLOURS = {Mood.OFF: (134, 142, 150), Mood.ON: (18, 184, 134), Mood.SAFE: (245, 159, 0), Mood.FAULT: (240, 62, 62)}
_OVER = 8  # drawn this many times larger, then shrunk: smooth edges
_INK = (255, 255, 255)


def draw_icon(mood: Mood, side_px: int) -> Icon:
    """The icon for a state.

    Off is an outline, on is half filled, safe carries two bars, a fault carries an exclamation mark.

    Returns:
        uint8 (side_px, side_px, 4) RGBA, transparent around the shape.
    """
    side = side_px * _OVER
    centre, radius, stroke = (side // 2, side // 2), round(side * 0.42), max(round(side * 0.09), 1)
    alpha = np.zeros((side, side), np.uint8)
    ink = np.zeros((side, side), np.uint8)
    if mood in (Mood.SAFE, Mood.FAULT):
        cv2.circle(alpha, centre, radius + stroke // 2, 255, -1, cv2.LINE_AA)
        (_draw_bars if mood is Mood.SAFE else _draw_mark)(ink, side)
    else:
        cv2.circle(alpha, centre, radius, 255, stroke, cv2.LINE_AA)
        if mood is Mood.ON:
            cv2.ellipse(alpha, centre, (radius, radius), 0, -90, 90, 255, -1, cv2.LINE_AA)
        _draw_face(alpha, ink, side, half=mood is Mood.ON)
    colour = np.empty((side, side, 3), np.float32)
    colour[:] = _COLOURS[mood]
    weight = ink[..., None].astype(np.float32) / 255
    rgb = colour * (1 - weight) + np.asarray(_INK, np.float32) * weight
    full = np.dstack([rgb.astype(np.uint8), alpha])
    return np.asarray(cv2.resize(full, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def _draw_face(alpha: NDArray[np.uint8], ink: NDArray[np.uint8], side: int, half: bool) -> None:
    """Eyes and mouth: in the colour on the empty half, in white on the filled one."""
    eye, stroke = round(side * 0.06), max(round(side * 0.07), 1)
    left, right, eye_y = round(side * 0.36), round(side * 0.64), round(side * 0.42)
    mouth = (side // 2, round(side * 0.56)), (round(side * 0.17), round(side * 0.13))
    cv2.circle(alpha, (left, eye_y), eye, 255, -1, cv2.LINE_AA)
    cv2.ellipse(alpha, *mouth, 0, 90, 170, 255, stroke, cv2.LINE_AA)
    other = ink if half else alpha
    cv2.circle(other, (right, eye_y), eye, 255, -1, cv2.LINE_AA)
    cv2.ellipse(other, *mouth, 0, 10, 90, 255, stroke, cv2.LINE_AA)


def _draw_bars(ink: NDArray[np.uint8], side: int) -> None:
    for x in (0.38, 0.62):
        top, bottom = (round(side * x), round(side * 0.34)), (round(side * x), round(side * 0.66))
        cv2.line(ink, top, bottom, 255, round(side * 0.11), cv2.LINE_AA)


def _draw_mark(ink: NDArray[np.uint8], side: int) -> None:
    middle = side // 2
    cv2.line(ink, (middle, round(side * 0.28)), (middle, round(side * 0.54)), 255, round(side * 0.12), cv2.LINE_AA)
    cv2.circle(ink, (middle, round(side * 0.71)), round(side * 0.07), 255, -1, cv2.LINE_AA)
