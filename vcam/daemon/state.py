"""What the tray, the panel and ``facewarp status`` show: one immutable value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from vcam.config import Engine
from vcam.safeguards.guard import guard_state
from vcam.types import BadgeMode, Safe


class Mood(StrEnum):
    """The state at a glance; each has an icon of its own."""

    OFF = "off"  # the swap is off, the camera's own picture goes out
    ON = "on"  # swapped pictures go out, or would if anybody were watching
    SAFE = "safe"  # a picture that hides the face goes out: no face found, models loading, paused
    FAULT = "fault"  # something the user should mend: no camera, no output, a damaged model


@dataclass(frozen=True, slots=True)
class FaceName:
    """A source face that can be chosen.

    Attributes:
        id: stable, safe as a file name.
        name: what the user reads.
        built_in: came with the program and cannot be removed.
    """

    id: str
    name: str
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is shown, and nothing else.

    Attributes:
        enabled: the swap is on.
        mood: see there.
        problem: one sentence on what is wrong, with the way out; empty when nothing is.
        face: id of the worn face; empty when there is none.
        faces: which can be chosen.
        camera: the wanted camera's name; empty for the first there is.
        camera_in_use: the opened camera's name and mode; empty when none is open.
        cameras: which can be chosen.
        output: the opened output's name; empty until there is one.
        size: of the output, such as 1280x720.
        fps: of the output.
        engine: see ``Engine``.
        preset: the preset whose values are all set; empty when there is none.
        safe: see ``Safe``.
        badge: see ``BadgeMode``.
        guard: one sentence on the content guard.
        paused: the user wants a rest.
        idle: nobody reads the output, and the webcam is released.
        quitting: the program ends.
    """

    enabled: bool
    mood: Mood
    problem: str = ""
    face: str = ""
    faces: tuple[FaceName, ...] = ()
    camera: str = ""
    camera_in_use: str = ""
    cameras: tuple[str, ...] = ()
    output: str = ""
    size: str = ""
    fps: float = 0.0
    engine: Engine = Engine.AEI
    preset: str = ""
    safe: Safe = Safe.HOLD_BLUR
    badge: BadgeMode = BadgeMode.OFF
    guard: str = guard_state(None)
    paused: bool = False
    idle: bool = False
    quitting: bool = False

    @property
    def face_name(self) -> str:
        """The worn face as the user reads it."""
        return next((face.name for face in self.faces if face.id == self.face), "")

    def as_plain(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self) | {"face_name": self.face_name}


def describe(plain: Mapping[str, Any]) -> str:
    """The state, as ``as_plain`` gives it, in a few lines for a person."""
    swap = f"on, wearing {plain['face_name'] or 'nobody'}" if plain["enabled"] else "off"
    resting = " (paused)" if plain["paused"] else " (nobody is watching, the camera is off)" if plain["idle"] else ""
    lines = [
        f"swap    {swap}{resting}",
        f"camera  {plain['camera_in_use'] or (plain['camera'] or 'first camera') + ' (closed)'}",
        f"output  {plain['output'] or 'none yet'}, {plain['size']} at {plain['fps']:g} fps",
        f"engine  {plain['engine']}" + (f", preset {plain['preset']}" if plain["preset"] else ""),
        f"safe    {plain['safe']}",
        f"guard   {plain['guard']}",
    ]
    if plain["problem"]:
        lines.append(f"problem {plain['problem']}")
    return "\n".join(lines)
