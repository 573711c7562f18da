import json

import cv2
import pytest

from safeguards.moving_picture import frames
from vcam.cli.verify import add_parser
from vcam.safeguards.watermark import Marker
from vcam.safeguards.watermark_code import Kind


def call(*arguments):
    import argparse

    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["verify", *map(str, arguments)])
    return parsed.run(parsed)


@pytest.fixture
def photo(tmp_path):
    picture = next(frames(1, size_wh=(800, 600)))
    Marker(0x123456, Kind.PHOTO, lambda: 1_795_000_000.0).mark_bgr(picture)
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), picture)
    return path


def test_a_marked_photo(photo, capsys):
    assert call(photo, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "present"
    assert found["payload"]["session"] == "123456"
    assert found["payload"]["kind"] == "photo"
    assert found["false_alarm_at_most"] < 1e-6


def test_it_is_said_in_words(photo, capsys):
    assert call(photo) == 0
    text = capsys.readouterr().out
    assert "photo.png: present" in text
    assert "123456" in text
    assert "Its absence proves nothing" in text


def test_an_unmarked_photo_is_not_called_real(tmp_path, capsys):
    path = tmp_path / "plain.png"
    cv2.imwrite(str(path), next(frames(1, size_wh=(800, 600))))
    assert call(path, "--quick") == 1
    text = capsys.readouterr().out
    assert "not found" in text
    assert "real" not in text
