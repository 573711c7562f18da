"""The room behind the actor: drawn, and out of focus."""

from __future__ import annotations

import cv2
import numpy as np

from actor.canvas import Array, blur, mix, noise

_LIGHTS = (  # x, y, radius, strength; in heights of the frame
    (1.50, 0.66, 0.036, 0.62), (1.62, 0.12, 0.022, 0.28), (1.42, 0.37, 0.019, 0.25), (1.70, 0.40, 0.024, 0.22),
    (1.38, 0.09, 0.016, 0.20),
)  # fmt: skip


def paint_room(width: int, height: int) -> Array:
    """A calm room: a wall, a window with daylight at the left, shelves with books, a lamp, a plant.

    Returns:
        float32 (height, width, 3) BGR 0..255.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    right = width / height
    daylight = np.exp(-(((x - 0.1) / 0.9) ** 2) - ((y - 0.35) / 0.9) ** 2)
    wall = np.array((150, 158, 164), np.float32) * (0.62 + 0.42 * daylight - 0.10 * y)[..., None]
    room = wall + np.array((-6, 0, 8), np.float32) * (x / right)[..., None]
    room = _draw_window(room, height)
    room = _draw_shelves(room, height, right)
    room = _draw_plant(room, height)
    room = blur(room, height / 42)
    room = _draw_lights(room, x, y)
    return np.clip(room + noise(71, 0.6, 2.0, (height, width))[..., None] * 0.7, 0, 255).astype(np.float32)


def _box(
    room: Array, unit: int, x1: float, y1: float, x2: float, y2: float, colour: tuple[float, float, float]
) -> None:
    cv2.rectangle(room, (round(x1 * unit), round(y1 * unit)), (round(x2 * unit), round(y2 * unit)), colour, -1)


def _draw_window(room: Array, unit: int) -> Array:
    room = room.copy()
    _box(room, unit, 0.06, -0.1, 0.47, 0.66, (196, 200, 204))
    for x1, x2 in ((0.09, 0.255), (0.28, 0.44)):
        for y1, y2 in ((-0.1, 0.28), (0.31, 0.63)):
            _box(room, unit, x1, y1, x2, y2, (246, 236, 226))
    _box(room, unit, 0.09, 0.44, 0.255, 0.63, (196, 214, 198))
    _box(room, unit, 0.28, 0.50, 0.44, 0.63, (184, 208, 190))
    _box(room, unit, 0.02, 0.66, 0.51, 0.70, (176, 184, 192))
    return room


def _draw_shelves(room: Array, unit: int, right: float) -> Array:
    room = room.copy()
    chance = np.random.default_rng(72)
    colours = (
        (92, 84, 70),
        (70, 92, 150),
        (120, 128, 132),
        (58, 70, 96),
        (150, 158, 168),
        (96, 110, 84),
        (70, 104, 160),
    )
    for shelf_y in (0.24, 0.52, 0.80):
        _box(room, unit, 1.30, shelf_y, right + 0.1, shelf_y + 0.022, (70, 92, 118))
        x = 1.33
        while x < right:
            thick, tall = chance.uniform(0.018, 0.045), chance.uniform(0.12, 0.19)
            if chance.random() < 0.80:
                _box(room, unit, x, shelf_y - tall, x + thick, shelf_y, colours[chance.integers(len(colours))])
            x += thick + 0.004
    return room


def _draw_plant(room: Array, unit: int) -> Array:
    room = room.copy()
    chance = np.random.default_rng(73)
    for _ in range(26):
        angle, length = chance.uniform(-2.7, -0.45), chance.uniform(0.08, 0.19)
        tip = 0.17 + length * np.cos(angle), 0.82 + length * np.sin(angle)
        middle = (round((0.17 + tip[0]) / 2 * unit), round((0.82 + tip[1]) / 2 * unit))
        green = float(chance.uniform(0.7, 1.2))
        cv2.ellipse(room, middle, (round(length / 2 * unit), round(0.020 * unit)), float(np.degrees(angle)), 0, 360,
                    (62 * green, 112 * green, 84 * green), -1)  # fmt: skip
    _box(room, unit, 0.11, 0.81, 0.23, 1.0, (104, 126, 176))
    return room


def _draw_lights(room: Array, x: Array, y: Array) -> Array:
    """A warm lamp, and the discs that small lights become out of focus."""
    glow = np.exp(-((x - 1.50) ** 2 + (y - 0.66) ** 2) / 0.03)
    room = room + glow[..., None] * np.array((26, 62, 92), np.float32)
    for at_x, at_y, radius, strength in _LIGHTS:
        distance = np.hypot(x - at_x, y - at_y)
        disc = np.clip((radius - distance) / 0.006 + 0.5, 0, 1) * (0.8 + 0.2 * (distance / radius) ** 2)
        room = mix(room, (176.0, 216.0, 244.0), np.asarray(disc * strength, np.float32))
    return room
