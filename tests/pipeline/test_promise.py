"""While the swap is on, no fault of any kind at any stage at any moment lets the bare face out."""

import pytest

from promise import MOMENTS, OUTER_FAULTS, STAGE_FAULTS, STAGES, Case, bare_frame, cases, is_raw, play
from vcam.imaging import privacy_blur
from vcam.types import Safe

PRIVATE = [safe for safe in Safe if safe is not Safe.RAW]


def test_the_judge_knows_a_bare_face():
    assert is_raw(bare_frame(40).image, 40)
    assert is_raw(bare_frame(20).image, 40)
    assert not is_raw(privacy_blur(bare_frame(40).image), 40)


def test_there_are_enough_frames():
    assert sum(120 for case in cases() if case.safe is not Safe.RAW) >= 10_000


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("fault", [*STAGE_FAULTS, *OUTER_FAULTS])
@pytest.mark.parametrize("safe", PRIVATE)
def test_no_raw_frame_leaves(fault, moment, safe):
    for stage in STAGES if fault in STAGE_FAULTS else ("",):
        case = Case(fault, stage, moment, safe)
        frames, raw, worn = play(case)
        assert frames == 120
        assert raw == 0, case
        assert worn > 0 or moment == "again and again", case


def test_raw_leaves_when_the_user_chose_it():
    assert play(Case("no face", "track", "for long", Safe.RAW))[1] > 0
