"""The gate keeps the bare face in: a model-based test over every order of events, and the plain cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcam.pipeline.gate import HOLD_S, LIVE_S, Gate
from vcam.types import Basis, Consent, Control, Frame, Safe, Shown, Source

RAW, SWAPPED, BLURRED, CARD = 10, 20, 30, 40
SIZE = (4, 6, 3)


def picture(value: int) -> np.ndarray:
    return np.full(SIZE, value, np.uint8)


def make_source() -> Source:
    embedding = np.zeros(512, np.float32)
    embedding[0] = 1
    return Source("ada", "Ada", embedding, Consent(Basis.SYNTHETIC, "1", "2026-01-01T00:00:00Z"))


def make_gate() -> Gate:
    return Gate(blur=lambda image: picture(BLURRED), card=lambda reason: picture(CARD))


def frame(index: int, at: float) -> Frame:
    return Frame(picture(RAW), index, at)


def on(safe: Safe = Safe.HOLD_BLUR) -> Control:
    return Control(True, make_source(), safe)


OFF = Control(False, None)


def test_start_shows_a_card_whatever_the_switch_says():
    for control in (OFF, on(), on(Safe.HOLD_CARD), on(Safe.RAW)):
        assert make_gate().choose(control, 0.0).shown is Shown.CARD


@pytest.mark.parametrize(
    ("control", "shown", "value"),
    [
        (OFF, Shown.RAW, RAW),
        (on(), Shown.BLURRED, BLURRED),
        (on(Safe.HOLD_CARD), Shown.CARD, CARD),
        (on(Safe.RAW), Shown.RAW, RAW),
    ],
)
def test_a_live_frame_without_a_swap(control, shown, value):
    gate = make_gate()
    gate.see(frame(0, 1.0))
    gate.failed("no face")
    chosen = gate.choose(control, 1.01)
    assert (chosen.shown, int(chosen.image[0, 0, 0])) == (shown, value)


@pytest.mark.parametrize("safe", list(Safe))
def test_a_good_picture_is_held_half_a_second_and_no_longer(safe):
    gate = make_gate()
    gate.see(frame(0, 1.0))
    gate.swapped(picture(SWAPPED), frame(0, 1.0), 1.02)
    gate.failed("no face")
    gate.see(frame(1, 1.5))
    assert gate.choose(on(safe), 1.02 + HOLD_S).shown is Shown.HELD
    assert gate.choose(on(safe), 1.03 + HOLD_S).shown is not Shown.HELD


def test_latency_is_told_once_per_picture():
    gate = make_gate()
    gate.see(frame(0, 1.0))
    gate.swapped(picture(SWAPPED), frame(0, 1.0), 1.02)
    assert gate.choose(on(), 1.03).captured_at == 1.0
    assert gate.choose(on(), 1.06).captured_at is None


def test_an_old_camera_picture_is_not_live():
    gate = make_gate()
    gate.see(frame(0, 1.0))
    assert gate.choose(OFF, 1.0 + LIVE_S + 0.01).shown is Shown.CARD


def test_the_cameras_own_array_is_never_accepted_as_a_swap():
    gate, raw = make_gate(), frame(0, 1.0)
    for image in (raw.image, raw.image[:], raw.image[1:]):
        with pytest.raises(ValueError, match="own frame"):
            gate.swapped(image, raw, 1.0)


EVENTS = st.sampled_from(["see", "swap", "fail", "forget", "tick", "tick", "off", "on", "card", "raw"])


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(EVENTS, st.floats(0.0, 0.7, allow_subnormal=False)), max_size=60))
def test_no_order_of_events_lets_a_raw_picture_out(events):
    gate, control, now, index, last_good = make_gate(), on(), 0.0, 0, -10.0
    switches = {"off": OFF, "on": on(), "card": on(Safe.HOLD_CARD), "raw": on(Safe.RAW)}
    for event, pause in events:
        now += pause
        if event in switches:
            control = switches[event]
        elif event == "see":
            index += 1
            gate.see(frame(index, now))
        elif event == "swap":
            gate.swapped(picture(SWAPPED), frame(index, now), now)
            last_good = now
        elif event == "fail":
            gate.failed("a stage raised")
        elif event == "forget":
            gate.forget("camera lost")
        else:
            chosen = gate.choose(control, now)
            value = int(chosen.image[0, 0, 0])
            assert value == {Shown.RAW: RAW, Shown.BLURRED: BLURRED, Shown.CARD: CARD}.get(chosen.shown, SWAPPED)
            if control.enabled and control.safe is not Safe.RAW:
                assert value != RAW
            if control.enabled and now - last_good <= HOLD_S:
                assert value == SWAPPED
            if not control.enabled:
                assert chosen.shown in (Shown.RAW, Shown.CARD)
