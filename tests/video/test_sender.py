"""The sender keeps its rate whatever happens on either side of it."""

import threading

import numpy as np
import pytest

from vcam.errors import OutputLost, OutputUnavailable
from vcam.types import VideoMode
from vcam.video.null import RecordingOutput
from vcam.video.sender import Pacer, Sender

MODE = VideoMode(8, 6, 200)
PICTURE = np.zeros((6, 8, 3), np.uint8)
TIMEOUT_S = 5.0


def numbered(number):
    return np.full((6, 8, 3), number % 256, np.uint8)


@pytest.mark.parametrize(
    ("took_s", "expected_deadlines"),
    [
        ([0.0] * 5, [10.0, 10.1, 10.2, 10.3, 10.4, 10.5]),
        ([0.04] * 5, [10.0, 10.1, 10.2, 10.3, 10.4, 10.5]),  # work within the period changes nothing
        ([0.0, 0.35, 0.0], [10.0, 10.1, 10.5, 10.6]),  # three ticks are past, 10.4 lies in the past too
        ([0.08, 0.08], [10.0, 10.2, 10.3 + 0.1]),  # 10.1 would follow after a fifth of the period
    ],
)
def test_deadlines_stay_on_the_grid_and_never_bunch(took_s, expected_deadlines):
    pacer = Pacer(10, 10.0)
    deadlines = [pacer.deadline_s]
    for took in took_s:
        pacer.advance(pacer.deadline_s + took)
        deadlines.append(pacer.deadline_s)
    assert deadlines == pytest.approx(expected_deadlines)


def test_no_drift_over_an_hour():
    pacer = Pacer(30000 / 1001, 5.0)
    for _ in range(100_000):
        assert pacer.advance(pacer.deadline_s) == 0
    assert pacer.deadline_s == pytest.approx(5.0 + 100_000 * 1001 / 30000, abs=1e-6)


def test_left_out_ticks_are_counted():
    pacer = Pacer(10, 0.0)
    assert [pacer.advance(0.0), pacer.advance(0.46), pacer.advance(0.5)] == [0, 4, 0]


def test_a_rest_keeps_to_the_grid_and_leaves_nothing_out():
    pacer = Pacer(10, 0.0)
    assert [pacer.advance(0.0, 3), pacer.advance(0.3, 3), pacer.advance(1.06, 3)] == [0, 0, 3]
    assert pacer.deadline_s == pytest.approx(1.2)
    assert pacer.advance(1.2) == 0
    assert pacer.deadline_s == pytest.approx(1.3)


def test_the_gaps_of_a_rest_are_not_held_against_the_output():
    output = RecordingOutput(MODE)
    sender = Sender(lambda: output, MODE.fps, lambda: PICTURE, pytest.fail)
    sender.resting = True
    with sender:
        assert output.wait_for(4)
    assert sender.stats.longest_gap_ms == 0


def test_pictures_arrive_in_order_and_the_output_is_closed():
    output = RecordingOutput(MODE)
    numbers = iter(range(10**6))
    with Sender(lambda: output, MODE.fps, lambda: numbered(next(numbers)), pytest.fail) as sender:
        assert output.wait_for(20)
    kept = [sent.kept[0, 0, 0] for sent in output.sent]
    assert kept == [number % 256 for number in range(len(kept))]
    assert output.closed
    assert sender.stats.sent == len(kept)
    assert sender.stats.longest_gap_ms > 0


def test_an_exception_of_the_picture_repeats_the_last_one():
    output, errors, calls = RecordingOutput(MODE), [], []

    def next_image():
        calls.append(None)
        if len(calls) > 3:
            raise ValueError("no picture")
        return numbered(len(calls))

    with Sender(lambda: output, MODE.fps, next_image, errors.append):
        assert output.wait_for(10)
    assert [sent.kept[0, 0, 0] for sent in output.sent][:8] == [1, 2, 3, 3, 3, 3, 3, 3]
    assert all(str(error) == "no picture" for error in errors)


def test_a_failing_error_callback_does_not_stop_it(caplog):
    output = RecordingOutput(MODE)
    calls = []

    def next_image():
        calls.append(None)
        if len(calls) == 2:
            raise ValueError("no picture")
        return PICTURE

    def on_error(error):
        raise RuntimeError("the callback itself")

    with Sender(lambda: output, MODE.fps, next_image, on_error):
        assert output.wait_for(10)
    assert "no picture" in caplog.text


def test_a_picture_the_output_refuses_is_told_and_the_next_one_goes_out():
    output, errors = RecordingOutput(MODE), []
    pictures = iter([np.zeros((2, 2, 3), np.uint8)])
    with Sender(lambda: output, MODE.fps, lambda: next(pictures, PICTURE), errors.append):
        assert output.wait_for(5)
    assert [type(error) for error in errors] == [ValueError]


def test_a_lost_output_is_opened_again_while_the_ticks_go_on():
    first, second = RecordingOutput(MODE, lost_at={3}), RecordingOutput(MODE)
    may_open, opened = threading.Event(), []
    errors, asked = [], []
    enough_ticks = threading.Event()

    def open_output():
        opened.append(None)
        if len(opened) == 1:
            return first
        assert may_open.wait(TIMEOUT_S)
        return second

    def next_image():
        asked.append(None)
        if len(asked) > 30:
            enough_ticks.set()
        return PICTURE

    with Sender(open_output, MODE.fps, next_image, errors.append) as sender:
        assert enough_ticks.wait(TIMEOUT_S)  # the clock goes on while the output cannot be opened
        may_open.set()
        assert second.wait_for(3)
    assert len(first.sent) == 3
    assert first.closed
    assert second.closed
    assert [type(error) for error in errors] == [OutputLost]
    assert sender.stats.lost == 1
    assert sender.stats.failed >= 20


def test_each_reason_of_a_failed_reopening_is_told_once():
    second = RecordingOutput(MODE)
    answers = iter(
        [RecordingOutput(MODE, lost_at={0}), OutputUnavailable("not yet"), OutputUnavailable("not yet"), second]
    )
    errors = []

    def open_output():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with Sender(open_output, MODE.fps, lambda: PICTURE, errors.append):
        assert second.wait_for(1)
    assert [str(error) for error in errors][1:] == ["not yet"]


def test_the_first_opening_fails_in_the_callers_thread():
    def open_output():
        raise OutputUnavailable("none here")

    sender = Sender(open_output, MODE.fps, lambda: PICTURE, pytest.fail)
    with pytest.raises(OutputUnavailable, match="none here"):
        sender.start()
    sender.close()
    sender.close()
