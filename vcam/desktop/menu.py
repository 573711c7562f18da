"""The tray menu as a pure function of the state. It follows pystray's model: text, check, radio, default, submenu."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vcam.config import Engine
from vcam.daemon.state import Mood, State
from vcam.desktop.translate import Translate
from vcam.settings_file import preset_names
from vcam.types import BadgeMode, Safe


@dataclass(frozen=True, slots=True)
class Action:
    """What choosing an item does; ``vcam.desktop.actions`` knows how.

    Attributes:
        name: of the deed.
        value: its argument.
    """

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a menu.

    Attributes:
        text: as shown.
        action: what choosing it does; None for a submenu or a heading.
        checked: None for an item without a mark.
        radio: the mark is that of one among several.
        default: a click on the icon chooses it.
        enabled: it can be chosen.
        children: of a submenu.
        face: id of the face whose thumbnail may stand beside the text.
    """

    text: str
    action: Action | None = None
    checked: bool | None = None
    radio: bool = False
    default: bool = False
    enabled: bool = True
    children: tuple[Item | None, ...] = ()
    face: str = ""


SEPARATOR: Item | None = None
Menu = tuple[Item | None, ...]


def build_menu(state: State, tr: Translate, has_panel: bool, autostart: bool) -> Menu:
    """Everything the tray offers now.

    Args:
        state: of the daemon.
        tr: texts in the user's language.
        has_panel: the panel can be opened.
        autostart: the program starts with the session.
    """
    head = (Item(state.problem, enabled=False), SEPARATOR) if state.problem else ()
    return (
        *head,
        Item(tr("Swap my face"), Action("toggle"), checked=state.enabled, default=True),
        Item(tr("Next face"), Action("next"), enabled=len(state.faces) > 1),
        Item(tr("Face"), children=_faces(state), enabled=bool(state.faces)),
        SEPARATOR,
        Item(tr("Camera"), children=_cameras(state, tr)),
        Item(tr("Quality"), children=_quality(state, tr)),
        Item(tr("When no face is found"), children=_safe(state, tr)),
        Item(tr("Label on the picture"), children=_badge(state, tr)),
        Item(tr("Pause for 10 minutes"), Action("pause"), checked=state.paused),
        SEPARATOR,
        Item(tr("Open the panel"), Action("panel"), enabled=has_panel),
        Item(tr("Start with the computer"), Action("autostart"), checked=autostart),
        Item(tr("About and self-check"), Action("doctor")),
        Item(tr("Quit"), Action("quit")),
    )


def _faces(state: State) -> Menu:
    return tuple(
        Item(face.name, Action("face", face.id), checked=face.id == state.face, radio=True, face=face.id)
        for face in state.faces
    )


def _cameras(state: State, tr: Translate) -> Menu:
    chosen = state.camera
    names = dict.fromkeys(("", *state.cameras, chosen))
    return tuple(
        Item(camera_text(name, tr), Action("camera", name), checked=name == chosen, radio=True) for name in names
    )


def camera_text(name: str, tr: Translate) -> str:
    """A camera as the user reads it; of a video file, its name without the folder."""
    known = {"": tr("First camera there is"), "synthetic": tr("Drawn test picture")}
    return known.get(name) or Path(name).name


def _quality(state: State, tr: Translate) -> Menu:
    names = {"light": tr("Light"), "balanced": tr("Balanced"), "best": tr("Best")}
    engines = {Engine.AEI: tr("Network (AEI-Net)"), Engine.MESH: tr("Warped photo (no network)")}
    return (
        *(Item(names[p], Action("preset", p), checked=p == state.preset, radio=True) for p in preset_names()),
        SEPARATOR,
        *(Item(text, Action("engine", e), checked=e is state.engine, radio=True) for e, text in engines.items()),
    )


def _safe(state: State, tr: Translate) -> Menu:
    texts = {
        Safe.HOLD_BLUR: tr("Blur the picture"),
        Safe.HOLD_CARD: tr("Show a card"),
        Safe.RAW: tr("Show my own face"),
    }
    return tuple(
        Item(text, Action("safe", safe), checked=safe is state.safe, radio=True) for safe, text in texts.items()
    )


def _badge(state: State, tr: Translate) -> Menu:
    texts = {
        BadgeMode.OFF: tr("No label"),
        BadgeMode.FIRST: tr("For the first 5 seconds"),
        BadgeMode.ALWAYS: tr("Always"),
    }
    return tuple(
        Item(text, Action("badge", badge), checked=badge is state.badge, radio=True) for badge, text in texts.items()
    )


def status(state: State, tr: Translate) -> str:
    """What is going on, as a line of the panel."""
    text = tooltip(state, tr).removeprefix("FaceWarp Cam: ")
    return text[:1].upper() + text[1:]


def tooltip(state: State, tr: Translate) -> str:
    """What the icon says under the mouse."""
    if state.problem:
        return f"FaceWarp Cam: {state.problem}"
    if state.paused:
        return tr("FaceWarp Cam: paused")
    if not state.enabled:
        return tr("FaceWarp Cam: off, your own face is shown")
    if state.mood is Mood.SAFE:
        return tr("FaceWarp Cam: no swap now, your face is hidden")
    return tr("FaceWarp Cam: on, wearing {face}").format(face=state.face_name)
