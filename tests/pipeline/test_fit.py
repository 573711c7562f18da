import numpy as np
import pytest

from vcam.pipeline.fit import fit


def test_the_right_size_is_passed_on_untouched():
    image = np.zeros((36, 64, 3), np.uint8)
    assert fit(image, 64, 36) is image


@pytest.mark.parametrize(
    ("have_wh", "bars"),
    [((48, 36), (8, 0)), ((640, 360), (0, 0)), ((64, 64), (14, 0)), ((21, 9), (0, 4)), ((1, 100), (31, 0))],
)
def test_the_whole_picture_is_kept_between_bars(have_wh, bars):
    image = np.full((have_wh[1], have_wh[0], 3), 200, np.uint8)
    result = fit(image, 64, 36)
    assert result.shape == (36, 64, 3)
    columns = np.flatnonzero(result[:, :, 0].max(0))
    rows = np.flatnonzero(result[:, :, 0].max(1))
    assert (columns[0], rows[0]) == pytest.approx(bars, abs=1)
    assert columns[-1] == pytest.approx(63 - bars[0], abs=1)
    assert rows[-1] == pytest.approx(35 - bars[1], abs=1)
