"""The actor at rest: a portrait of nobody, cut out along drawn lines; hair, ears, neck and skin's grain are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from actor.canvas import (
    HEIGHT_PX,
    WIDTH_PX,
    Array,
    bell,
    blur,
    crop_to_canvas,
    grid,
    mix,
    noise,
    ramp,
    spread,
    strands,
    to_px,
)  # fmt: skip
from actor.sweater import knit_sweater
from vcam import topology
from vcam.geometry import FFHQ_512

# The lines along which this portrait is cut and painted, in units.
_HEAD = (
    (0.470, -0.030), (0.380, -0.016), (0.306, 0.024), (0.252, 0.095), (0.220, 0.190), (0.205, 0.295), (0.203, 0.390),
    (0.201, 0.440), (0.184, 0.458), (0.179, 0.500), (0.187, 0.565), (0.205, 0.625), (0.222, 0.660), (0.243, 0.671),
    (0.259, 0.676), (0.270, 0.725), (0.290, 0.785), (0.322, 0.838), (0.368, 0.882), (0.430, 0.914), (0.512, 0.926),
    (0.590, 0.914), (0.652, 0.882), (0.698, 0.838), (0.732, 0.785), (0.756, 0.725), (0.770, 0.676), (0.788, 0.670),
    (0.810, 0.657), (0.828, 0.622), (0.844, 0.565), (0.853, 0.500), (0.848, 0.460), (0.836, 0.440), (0.833, 0.390),
    (0.832, 0.300), (0.816, 0.195), (0.782, 0.098), (0.716, 0.014), (0.640, -0.026), (0.555, -0.038),
)  # fmt: skip
_HAIR = (
    (0.500, -0.060), (0.390, -0.045), (0.295, 0.005), (0.225, 0.085), (0.185, 0.190), (0.168, 0.300), (0.172, 0.395),
    (0.190, 0.440), (0.216, 0.462), (0.230, 0.525), (0.240, 0.530), (0.240, 0.465), (0.246, 0.400), (0.250, 0.345),
    (0.258, 0.300), (0.290, 0.262), (0.308, 0.226), (0.345, 0.196), (0.410, 0.186), (0.470, 0.168), (0.540, 0.166),
    (0.610, 0.174), (0.672, 0.186), (0.712, 0.215), (0.730, 0.252), (0.764, 0.296), (0.774, 0.345), (0.780, 0.400),
    (0.788, 0.465), (0.792, 0.530), (0.802, 0.525), (0.816, 0.462), (0.846, 0.440), (0.862, 0.395), (0.868, 0.300),
    (0.852, 0.190), (0.812, 0.085), (0.735, 0.005), (0.630, -0.045),
)  # fmt: skip
_NECK = ((0.318, 0.76), (0.326, 0.86), (0.330, 0.94), (0.316, 1.00), (0.270, 1.06), (0.756, 1.06), (0.710, 1.00),
         (0.696, 0.94), (0.700, 0.86), (0.708, 0.76))  # fmt: skip
_BEARD = ((0.262, 0.66), (0.300, 0.80), (0.400, 0.92), (0.512, 0.95), (0.624, 0.92), (0.724, 0.80), (0.762, 0.66),
          (0.690, 0.720), (0.640, 0.690), (0.560, 0.672), (0.512, 0.676), (0.464, 0.672), (0.384, 0.690),
          (0.334, 0.720))  # fmt: skip
_MOLES = ((0.655, 0.585, 0.0030, 0.42), (0.352, 0.752, 0.0024, 0.34), (0.432, 0.312, 0.0020, 0.26),
          (0.603, 0.868, 0.0022, 0.30), (0.300, 0.602, 0.0018, 0.24))  # fmt: skip
_HAIR_DARK, _HAIR_LIGHT = (14.0, 15.0, 18.0), (58.0, 68.0, 84.0)  # BGR


@dataclass(frozen=True, slots=True)
class Person:
    """What the animation moves.

    Attributes:
        colour: canvas.
        cover: float32 (HEIGHT_PX, WIDTH_PX), 1 = the actor.
        landmarks: float32 (157, 2) in units.
    """

    colour: Array
    cover: Array
    landmarks: Array


def paint_person(portrait: NDArray[np.uint8], landmarks: Array) -> Person:
    """Paint the actor.

    Args:
        portrait: uint8 (S, S, 3) BGR, ``ffhq_512`` crop, frontal, mouth closed; the lines above belong to it.
        landmarks: float32 (157, 2) in units.
    """
    head, neck = fill(_HEAD, 1.2), fill(_NECK, 1.2)
    colour = _continue_skin(_enlarge(portrait), head, neck)
    colour = _shade_neck(_shape_ears(_refine_skin(colour, landmarks)), head)
    hair, hair_cover, outline = _comb_hair(head)
    colour = mix(_cast_hair_shadow(colour, hair_cover), hair, hair_cover)
    cover = np.maximum(outline, neck * ramp(0.78, 0.83, grid()[1]))
    wool, dressed = knit_sweater(float(landmarks[topology.CHIN, 0]))
    return Person(mix(colour, wool, dressed), np.maximum(cover, dressed), landmarks)


def fill(line: tuple[tuple[float, float], ...], soft_px: float) -> Array:
    """The inside of a closed line through points in units, rounded off, with a soft edge: 0..1 on the canvas."""
    points = np.array(line)
    for _ in range(3):  # corner cutting (Chaikin, 1974)
        following = np.roll(points, -1, 0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1).reshape(-1, 2)
    inside = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cv2.fillPoly(inside, [(to_px(points) * 16).round().astype(np.int32)], 255, cv2.LINE_AA, 4)
    return blur(inside.astype(np.float32) / 255.0, soft_px)


def _enlarge(portrait: NDArray[np.uint8]) -> Array:
    placed = cv2.warpAffine(
        portrait.astype(np.float32), crop_to_canvas(len(portrait)), (WIDTH_PX, HEIGHT_PX),
        flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    sharper = placed + 0.9 * (placed - blur(placed, 2.5)) + 0.35 * (placed - blur(placed, 8.0))
    return np.clip(sharper, 0, 255).astype(np.float32)


def _continue_skin(colour: Array, head: Array, neck: Array) -> Array:
    """Skin out to the lines, from well inside them: the portrait's own edges, hair and clothes are not wanted."""
    _, y = grid()
    inner = cv2.erode(head, np.ones((19, 19), np.uint8)) * (
        1.0 - cv2.dilate(fill(_HAIR, 1.0), np.ones((5, 5), np.uint8))
    )
    throat = cv2.erode(neck, np.ones((33, 33), np.uint8)) * (y < 0.965) * (y > 0.80)
    known = (np.maximum(inner, throat) > 0.9).astype(np.float32)
    return mix(spread(colour, known, 5.0), colour, blur(known, 2.0) * known)


def _refine_skin(colour: Array, landmarks: Array) -> Array:
    """Pores, faint blotches, a shaved beard, some moles, single hairs in the brows."""
    x, y = grid()
    grey = colour.mean(-1, keepdims=True)
    colour = grey + 0.90 * (colour - grey)  # averages of many faces come out ruddy
    light = grey[..., 0] / 255.0
    pores = noise(11, 0.7, 2.2) * 2.8 + noise(12, 1.5, 5.0) * 2.6
    grain = pores * (0.4 + 1.6 * light * (1.0 - light))
    blotches = noise(13, 8.0, 36.0)[..., None] * np.array((-0.7, -0.4, 1.9), np.float32)
    lips = fill(tuple(landmarks[topology.LIPS_OUTER].tolist()), 6.0)
    stubble = 1.0 - fill(_BEARD, 18.0) * (1.0 - lips) * (0.040 + 0.022 * np.clip(noise(14, 0.7, 1.8), -1, 2.5))
    refined = (colour + grain[..., None] + blotches) * stubble[..., None]
    for at_x, at_y, radius, strength in _MOLES:
        spot = ramp(1.25, 0.55, np.hypot(x - at_x, y - at_y) / radius) * strength
        refined = mix(refined, (44.0, 60.0, 96.0), spot)
    return _draw_brows(np.clip(refined, 0, 255).astype(np.float32), landmarks)


def _draw_brows(colour: Array, landmarks: Array) -> Array:
    """Single hairs over the brows' soft shade: outwards, and upright near the nose."""
    shape = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    x, _ = grid()
    for brow in (topology.BROW_LEFT, topology.BROW_RIGHT):
        cv2.fillConvexPoly(shape, cv2.convexHull(to_px(landmarks[brow]).round().astype(np.int32)), 255)
    lean = np.clip((x - float(FFHQ_512[2, 0])) * 6.0, -1.0, 1.0)
    hairs = strands(21, lean, -np.sqrt(np.clip(1.0 - lean**2, 0.05, 1.0)), 9)
    within = blur(shape.astype(np.float32) / 255.0, 5.0)
    shade = ramp(0.0, 34.0, blur(colour, 26.0).mean(-1) - blur(colour, 3.0).mean(-1)) * within
    return np.clip(colour * (1.0 - 0.22 * shade[..., None] * np.clip(hairs, -1.2, 2.0)[..., None]), 0, 255)


def _shade_neck(colour: Array, head: Array) -> Array:
    """The chin's shadow on the neck, and the neck's roundness."""
    x, y = grid()
    below = (1.0 - head) * ramp(0.76, 0.86, y)
    across = np.abs(x - 0.513) / 0.19
    shade = 1.0 - below * (0.03 + 0.32 * ramp(0.45, 1.10, across) + 0.14 * bell(y - 0.93, 0.05))
    return np.asarray(colour * shade[..., None], np.float32)


def _shape_ears(colour: Array) -> Array:
    """The ears' hollow, and light on their rim; the portrait shows them without any shape."""
    x, y = grid()
    shade = np.ones_like(x)
    for side, at_x in ((-1.0, 0.214), (1.0, 0.820)):
        along, out = (y - 0.560) / 0.060, (x - at_x) * side
        bow = out - 0.006 * np.cos(along * 1.5) + 0.002
        shade -= 0.26 * bell(bow, 0.0070) * bell(along, 0.85)
        shade += 0.10 * bell(bow - 0.013, 0.005) * bell(along + 0.3, 1.0)
        shade -= 0.16 * bell(out + 0.016, 0.008) * bell((y - 0.575) / 0.03, 1.0)
    return np.asarray(colour * shade[..., None], np.float32)


def _cast_hair_shadow(colour: Array, hair_cover: Array) -> Array:
    shade = 0.22 * blur(hair_cover, 6.0) + 0.05 * blur(hair_cover, 16.0)
    return np.asarray(colour * (1.0 - shade)[..., None], np.float32)


def _fray(soft: Array) -> Array:
    """How far from flat a soft edge is: 1 in its middle, 0 inside and outside."""
    return np.asarray(np.clip(4.0 * soft * (1.0 - soft), 0.0, 1.0), np.float32)


def _comb_hair(head: Array) -> tuple[Array, Array, Array]:
    """Short hair, brushed up and to the image's right.

    Returns:
        Its colour, its cover, and the cover of the whole head with an outline that ends in strands.
    """
    x, y = grid()
    top = ramp(0.40, 0.02, y)
    sweep = 0.5 * ramp(0.24, 0.40, x) * ramp(0.80, 0.60, x)
    angle = -(1.7 * (x - 0.46) + sweep) * top + noise(31, 24.0, 80.0) * 0.20 + noise(35, 7.0, 24.0) * 0.17
    flow = np.sin(angle), np.cos(angle)
    fine = strands(32, *flow, 11)
    locks = blur(strands(33, *flow, 24), 2.0)
    locks /= locks.std()
    tufts = blur(locks, 4.0)
    tufts /= tufts.std()
    inside, within = fill(_HAIR, 8.0), blur(head, 5.0)
    frayed = (0.15 * fine + 0.10 * locks + 0.11 * tufts) * (1.0 - 0.45 * ramp(0.10, 0.30, y))
    cover = ramp(0.24, 0.76, inside + _fray(inside) * frayed) * (1.0 - 0.35 * ramp(0.43, 0.54, y))
    outline = ramp(0.36, 0.64, within + _fray(within) * frayed * ramp(0.47, 0.43, y))
    dome = 0.30 + 0.36 * bell(np.hypot((x - 0.42) / 1.7, y - 0.065), 0.085) + 0.12 * bell(x - 0.22, 0.04)
    dome = dome - 0.15 * ramp(0.60, 0.84, x) - 0.14 * ramp(0.30, 0.50, y) - 0.14 * bell(within - 0.5, 0.4)
    light = np.clip(dome * (1.0 + 0.15 * locks + 0.17 * fine + 0.24 * tufts), 0.0, 1.3)
    colour = np.array(_HAIR_DARK, np.float32) + light[..., None] * np.array(_HAIR_LIGHT, np.float32)
    return np.asarray(colour, np.float32), cover, np.where(y < 0.45, outline, head).astype(np.float32)
