from dataclasses import replace

import pytest

from vcam.config import Engine, Language
from vcam.daemon.state import FaceName, Mood, State
from vcam.desktop.actions import MORE_DEEDS
from vcam.desktop.icon import draw_icon
from vcam.desktop.menu import Action, build_menu, tooltip
from vcam.desktop.translate import translator
from vcam.types import BadgeMode, Safe

STATE = State(
    True,
    Mood.ON,
    face="ana",
    faces=(FaceName("ana", "Ana"), FaceName("ben", "Ben")),
    cameras=("Front", "Desk"),
    camera="Desk",
    preset="balanced",
)
ENGLISH = translator(Language.ENGLISH)


def menu(state=STATE, has_panel=True, autostart=False):
    return {item.text: item for item in build_menu(state, ENGLISH, has_panel, autostart) if item}


def chosen(item):
    return [child.text for child in item.children if child and child.checked]


def test_the_menu_shows_the_state():
    items = menu()
    assert items["Swap my face"].checked
    assert items["Swap my face"].default
    assert chosen(items["Face"]) == ["Ana"]
    assert chosen(items["Camera"]) == ["Desk"]
    assert chosen(items["Quality"]) == ["Balanced", "Network (AEI-Net)"]
    assert chosen(items["When no face is found"]) == ["Blur the picture"]
    assert chosen(items["Label on the picture"]) == ["No label"]
    assert not items["Pause for 10 minutes"].checked


@pytest.mark.parametrize(
    ("change", "text", "attribute", "value"),
    [
        ({"enabled": False}, "Swap my face", "checked", False),
        ({"paused": True}, "Pause for 10 minutes", "checked", True),
        ({"faces": ()}, "Face", "enabled", False),
        ({"faces": (FaceName("ana", "Ana"),)}, "Next face", "enabled", False),
        ({"problem": "no camera"}, "no camera", "enabled", False),
    ],
)
def test_each_change_of_state_is_seen(change, text, attribute, value):
    assert getattr(menu(replace(STATE, **change))[text], attribute) == value


def test_the_other_choices():
    state = replace(STATE, camera="", engine=Engine.MESH, preset="", safe=Safe.RAW, badge=BadgeMode.ALWAYS)
    items = menu(state, has_panel=False, autostart=True)
    assert chosen(items["Camera"]) == ["First camera there is"]
    assert chosen(items["Quality"]) == ["Warped photo (no network)"]
    assert chosen(items["When no face is found"]) == ["Show my own face"]
    assert chosen(items["Label on the picture"]) == ["Always"]
    assert not items["Open the panel"].enabled
    assert items["Start with the computer"].checked


def test_a_chosen_camera_that_is_gone_stays_in_the_menu():
    assert chosen(menu(replace(STATE, camera="Gone"))["Camera"]) == ["Gone"]


def test_actions_name_what_they_do():
    items = menu()
    assert items["Face"].children[1].action == Action("face", "ben")
    assert items["Camera"].children[1].action == Action("camera", "Front")
    assert items["Quality"].children[0].action == Action("preset", "light")
    assert items["Label on the picture"].children[1].action == Action("badge", "first-5-seconds")
    assert {"engine", "preset", "safe", "badge", "autostart"} == set(MORE_DEEDS)


def test_the_menu_speaks_german():
    german = translator(Language.GERMAN)
    texts = [item.text for item in build_menu(STATE, german, True, False) if item]
    assert "Mein Gesicht tauschen" in texts
    assert not set(texts) & set(menu())


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({"LANG": "de_AT.UTF-8"}, "Beenden"),
        ({"LANG": "fr_FR"}, "Quit"),
        ({"LANGUAGE": "de", "LANG": "en_US"}, "Beenden"),
    ],
)
def test_the_systems_language_is_taken(environment, text):
    assert translator(Language.SYSTEM, environment)("Quit") == text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "on, wearing Ana"),
        ({"enabled": False, "mood": Mood.OFF}, "off"),
        ({"mood": Mood.SAFE}, "hidden"),
        ({"paused": True}, "paused"),
        ({"problem": "No camera."}, "No camera."),
    ],
)
def test_tooltip(change, words):
    assert words in tooltip(replace(STATE, **change), ENGLISH)


def test_the_four_icons_differ_in_shape_too():
    alphas_and_inks = {draw_icon(mood, 22).tobytes() for mood in Mood}
    grey = {
        (draw_icon(mood, 22)[..., 3] > 128).tobytes() + (draw_icon(mood, 22)[..., :3].max(2) > 250).tobytes()
        for mood in Mood
    }
    assert len(alphas_and_inks) == len(grey) == 4
    assert draw_icon(Mood.ON, 64).shape == (64, 64, 4)
