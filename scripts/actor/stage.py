"""The actor in the room: one finished picture for each moment."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from actor.canvas import Array
from actor.eyes import GAZE_RADIUS, clear_eyes, find_eyes, move_eye
from actor.head import build_relief, look_up, turn
from actor.motion import Moment
from actor.mouth import find_mouth, move_mouth
from actor.person import Person
from actor.room import paint_room
from vcam.types import Image

FACE_SHARE = 0.40  # of the frame's height, from forehead to chin
FACE_UNITS = 0.690  # the same in units
MIDDLE_UNITS = (0.5, 0.585)  # what lies in the frame's middle
TEETH_DEPTH = 0.035  # units behind the lips
LIDS_AT_REST = 0.10  # closed by so much: the lid covers the iris's upper edge
LOOKS_BACK = 0.60  # the share of a turn of the head that the eyes make up for; the flattened relief turns less


class Stage:
    """Everything that does not move, and the picture of every moment."""

    def __init__(self, person: Person, width: int, height: int) -> None:
        self._size_wh = width, height
        self._eyes = find_eyes(person.landmarks)
        self._mouth = find_mouth(person.landmarks)
        self._relief = build_relief(person.landmarks)
        self._colour = clear_eyes(person.colour, self._eyes)
        self._cover = person.cover
        self._room = paint_room(width, height)
        scale = FACE_SHARE * height / FACE_UNITS
        self._units_to_frame: NDArray[np.float64] = np.array(
            [[scale, 0, width / 2 - scale * MIDDLE_UNITS[0]], [0, scale, height / 2 - scale * MIDDLE_UNITS[1]]]
        )

    def show(self, moment: Moment) -> Image:
        """The picture of a moment: uint8 (H, W, 3) BGR."""
        colour, cover = self._express(moment)
        x, y = look_up(turn(self._relief, moment), self._size_wh, self._units_to_frame)
        seen = cv2.remap(colour, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        share = cv2.remap(cover, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[..., None]
        return np.clip(self._room * (1 - share) + seen * share + 0.5, 0, 255).astype(np.uint8)

    def _express(self, moment: Moment) -> tuple[Array, Array]:
        """Canvas and cover with eyes and mouth of the moment."""
        yaw, pitch = np.radians(moment.yaw_deg), np.radians(moment.pitch_deg)
        side, down = np.radians(moment.gaze_deg)
        gaze = (
            float(GAZE_RADIUS * np.sin(side - LOOKS_BACK * yaw)),
            float(GAZE_RADIUS * np.sin(down - LOOKS_BACK * pitch)),
        )
        colour, cover = self._colour.copy(), self._cover.copy()
        for eye in self._eyes:
            colour[eye.window] = move_eye(self._colour, eye, LIDS_AT_REST + (1 - LIDS_AT_REST) * moment.lids, gaze)
        teeth_shift = float(-TEETH_DEPTH * np.sin(yaw)), float(-TEETH_DEPTH * np.sin(pitch))
        colour[self._mouth.window], cover[self._mouth.window] = move_mouth(
            colour, cover, self._mouth, moment.mouth, teeth_shift
        )
        return colour, cover
