"""The outputs without a device."""

import numpy as np
import pytest

from vcam.errors import OutputLost
from vcam.types import VideoMode
from vcam.video.null import NullOutput, RecordingOutput

MODE = VideoMode(4, 2, 30)
PICTURE = np.zeros((2, 4, 3), np.uint8)


def test_null_counts_and_refuses_another_size():
    output = NullOutput(MODE)
    output.send(PICTURE)
    with pytest.raises(ValueError, match=r"uint8 \(2, 4, 3\) pictures, not uint8 \(3, 4, 3\)"):
        output.send(np.zeros((3, 4, 3), np.uint8))
    assert output.sent == 1
    assert output.watched()


def test_recording_keeps_copies_and_times():
    times = iter([1.0, 2.0])
    output = RecordingOutput(MODE, clock=lambda: next(times))
    picture = PICTURE.copy()
    output.send(picture)
    picture[:] = 9
    output.send(picture)
    assert [int(sent.kept.max()) for sent in output.sent] == [0, 9]
    assert [sent.at_s for sent in output.sent] == [1.0, 2.0]


def test_recording_fails_where_it_is_told_to():
    output = RecordingOutput(MODE, keep=lambda image: int(image.sum()), lost_at={1}, watched=None)
    output.send(PICTURE)
    with pytest.raises(OutputLost, match="picture 1"):
        output.send(PICTURE)
    output.send(PICTURE)
    output.close()
    with pytest.raises(OutputLost, match="closed"):
        output.send(PICTURE)
    assert [sent.kept for sent in output.sent] == [0, 0]
    assert output.watched() is None
    output.set_watched(False)
    assert output.watched() is False
