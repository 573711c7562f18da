import logging
import re
import threading

import numpy as np
import pytest

from vcam.daemon.log_file import start_logging
from vcam.errors import BadInput
from vcam.safeguards.badge import Badge
from vcam.safeguards.guard import Guard, guard_state
from vcam.safeguards.quiet import without_names
from vcam.types import BadgeMode


@pytest.mark.parametrize(
    ("mode", "due_at_s"),
    [
        (BadgeMode.OFF, []),
        (BadgeMode.FIRST, [0, 1, 2, 3, 4, 7, 8, 20]),  # another face at 7 s, a break from 8 to 20 s
        (BadgeMode.ALWAYS, [0, 1, 2, 3, 4, 5, 6, 7, 8, 20]),
    ],
)
def test_when_the_badge_is_due(mode, due_at_s):
    badge = Badge()
    worn = dict.fromkeys(range(7), "ann") | dict.fromkeys((7, 8, 20), "ben")
    assert [at for at, source_id in worn.items() if badge.due(mode, source_id, 100.0 + at)] == due_at_s


@pytest.mark.parametrize("size_wh", [(640, 360), (1280, 720), (320, 240), (720, 1280)])
@pytest.mark.parametrize("face", [(0, 0.5, 0.6, 1), (0.4, 0.5, 1, 1), (0.2, 0.1, 0.8, 0.85), None])
def test_the_badge_keeps_off_the_face(size_wh, face):
    width, height = size_wh
    image = np.full((height, width, 3), 120, np.uint8)
    box = None if face is None else np.array(face, np.float32) * [width, height, width, height]
    Badge().draw(image, box)
    changed = (image != 120).any(2)
    assert changed.any()
    if box is not None:
        x1, y1, x2, y2 = (int(v) for v in box)
        assert not changed[y1:y2, x1:x2].any()
    rows = np.flatnonzero(changed.any(1))
    assert len(rows) >= 24  # letters of half that height can be read at 360p
    assert int(image.max()) >= 250


def test_the_badge_stays_in_its_corner():
    badge, images = Badge(), [np.full((360, 640, 3), 120, np.uint8) for _ in range(3)]
    badge.draw(images[0], np.array([0, 180, 320, 360], np.float32))
    badge.draw(images[1], np.array([200, 0, 400, 200], np.float32))
    badge.draw(images[2], None)
    np.testing.assert_array_equal(images[0], images[2])
    np.testing.assert_array_equal(images[1], images[2])


@pytest.mark.parametrize("size_wh", [(64, 64), (110, 64), (128, 26), (7680, 64)])
def test_a_very_small_picture_does_not_fail(size_wh):
    image = np.full((size_wh[1], size_wh[0], 3), 120, np.uint8)
    Badge().draw(image, np.array([0, 0, 20, 20], np.float32))


def test_without_a_guard_that_is_said():
    assert guard_state(None) == "no content guard is installed"


class Judge:
    """Gives the answers in turn; tells when all were taken."""

    def __init__(self, answers):
        self.answers, self.done = list(answers), threading.Event()

    def __call__(self, image):
        answer = self.answers.pop(0)
        if not self.answers:
            self.done.set()
        if answer is None:
            raise RuntimeError("the model fell over")
        return answer


@pytest.mark.parametrize(
    ("answers", "stops"),
    [((0.9, 0.95), True), ((0.9, 0.1, 0.9), True), ((0.9, 0.1, 0.1, 0.9), False), ((None, 0.9), False)],
)
def test_two_hits_of_three_stop_the_swap(answers, stops):
    judge, stopped = Judge(answers), threading.Event()
    with Guard(judge, stopped.set, period_s=0.0) as guard:
        while not judge.done.wait(0.001):
            guard.see(np.zeros((4, 4, 3), np.uint8))
    assert stopped.is_set() is stops


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("cannot read '/home/zoe/My Photos/zoe bell.jpg' now", "zoe"),
        ("/home/zoe/photo.png is damaged", "zoe"),
        (r"C:\Users\Zoe\face.webp is damaged", "Zoe"),
        ("zoe.jpg is empty; give another photo", "zoe"),
        ('"Zoe Bell.mp4" has no pictures', "Zoe"),
        ("~/pictures/zoe", "zoe"),
        ("there is no face called 'Zoe Bell'; the program's log isn't told", "Zoe"),
    ],
)
def test_logs_hold_no_names(text, hidden):
    assert hidden not in without_names(text)
    assert re.search("<file>|<name>", without_names(text))


@pytest.mark.parametrize("text", ["swap stage 4.2 ms", "sent 30 frames, 2 dropped", "the system's keyring isn't open"])
def test_other_lines_stay_as_they_are(text):
    assert without_names(text) == text


def test_the_log_file_shows_where_an_error_was_and_names_nobody(tmp_path):
    start_logging(tmp_path / "program.log")
    log = logging.getLogger("vcam.daemon")
    try:
        try:
            raise OSError("/home/zoe/x.png cannot be read")
        except OSError as error:
            raise BadInput("there is no face called 'Zoe Bell'") from error
    except BadInput:
        log.exception("housekeeping failed for %s", "zoe.jpg")
    handler = logging.getLogger("vcam").handlers.pop()
    handler.close()
    text = (tmp_path / "program.log").read_text()
    assert "zoe" not in text.lower()
    assert "BadInput: there is no face called <name>" in text
    assert "OSError" in text
    assert "test_badge_guard_quiet.py line" in text
