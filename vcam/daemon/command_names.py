"""The commands of the running program by name. Light: a client loads nothing else."""

from __future__ import annotations

from typing import NamedTuple


class CommandName(NamedTuple):
    """One command.

    Attributes:
        name: as typed.
        argument: name of its one argument; empty for none.
        help: one line.
    """

    name: str
    argument: str
    help: str


COMMAND_NAMES = (
    CommandName("on", "", "switch the swap on"),
    CommandName("off", "", "switch the swap off: your own face is shown"),
    CommandName("toggle", "", "switch the swap on or off"),
    CommandName("face", "NAME", "wear another face"),
    CommandName("next", "", "wear the next face"),
    CommandName("previous", "", "wear the previous face"),
    CommandName("status", "", "tell what is going on"),
    CommandName("camera", "NAME", "take another camera, a video file, or synthetic"),
    CommandName("pause", "", "release the webcam for ten minutes, or end the pause"),
    CommandName("reload", "", "look at the faces again, after they were changed elsewhere"),
    CommandName("panel", "", "open the panel"),
    CommandName("quit", "", "end the program; the camera FaceWarp Cam goes away"),
)
