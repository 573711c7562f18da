"""What the rig makes of a browser's answer, without a browser."""

import pytest

from rigs.browsers import Seen, judged
from rigs.page_server import BrowserEnded

CRASH = "video_capture_pipewire.cc, line 301\n# Check failed: !race_checker301.RaceDetected()"


def test_an_error_comes_with_the_browsers_last_words():
    assert judged(Seen(error="NotAllowedError: denied"), "no portal").error == "NotAllowedError: denied; no portal"


def test_a_browser_whose_capture_process_crashed_is_to_be_started_anew():
    with pytest.raises(BrowserEnded, match=r"(?s)Timeout starting video source.*RaceDetected"):
        judged(Seen(error="AbortError: Timeout starting video source"), CRASH)


def test_a_crash_after_the_page_saw_enough_does_not_count():
    seen = Seen(cameras=("FaceWarp Cam",), numbers=(1, 2))
    assert judged(seen, CRASH) == seen
