from fractions import Fraction

import pytest

from vcam.pipeline.offline import at_constant_rate


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([0.0, 0.1, 0.2], "abc"),
        ([0.0, 0.3, 0.4], "aaabc"),
        ([0.2, 0.3], "ab"),
        ([0.0, 0.01, 0.1], "ac"),
        ([0.0, 0.1001, 0.1999, 0.3002], "abcd"),
        ([], ""),
    ],
)
def test_one_picture_for_each_tick(times, expected):
    assert "".join(at_constant_rate(zip("abcd", times, strict=False), Fraction(10))) == expected
