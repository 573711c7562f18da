import pytest

from vcam.config import parse_fps, parse_size
from vcam.errors import BadSettings


@pytest.mark.parametrize(("text", "size"), [("1280x720", (1280, 720)), (" 640X360 ", (640, 360))])
def test_size(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "720", "1280x", "1281x720", "0x0", "12x12", "99999x720", "-2x4", "axb", "1e3x720"]
)
def test_a_wrong_size_is_told(text):
    with pytest.raises(BadSettings, match="such as 1280x720"):
        parse_size(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1000", "nan", "inf", "fast"])
def test_a_wrong_rate_is_told(text):
    with pytest.raises(BadSettings, match="from 1 to 240"):
        parse_fps(text)


def test_rate():
    assert parse_fps("29.97") == 29.97
