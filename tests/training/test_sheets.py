"""What a person looks at while a net learns."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.train
pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("matplotlib", reason="training needs the extra 'train'")

from vcam.training import sheets  # noqa: E402

GREY = np.full((5, 32, 40, 3), 100, np.uint8)


def test_the_contact_sheet_has_a_row_for_each_kind() -> None:
    assert sheets.bands(GREY, GREY, GREY, columns=2).shape == (2 * 3 * 32, 2 * 40, 3)
    assert sheets.bands(GREY, columns=12).shape == (32, 5 * 40, 3)


def test_what_was_found_is_drawn_where_it_lies_and_the_pictures_stay_clean() -> None:
    dotted = sheets.with_points(GREY, np.full((5, 1, 2), 10.0))
    assert (dotted[:, 10, 10] != 100).any(1).all()
    assert (dotted[:, 25:, 25:] == 100).all()
    boxed = sheets.with_boxes(list(GREY), [np.array([[4, 4, 20, 20]])] * 4 + [np.zeros((0, 4))])
    assert (boxed[:4, 4, 4:20] != 100).any(2).all()
    assert (boxed[4] == 100).all()
    classes = np.zeros((5, 16, 20), int)
    classes[:, 8:] = 3
    tinted = sheets.with_classes(GREY, classes, 9)
    assert (tinted[:, :16] == 100).all()
    assert (tinted[:, 16:] != 100).any(3).all()
    assert (GREY == 100).all()


def test_curves_are_drawn_from_what_a_run_wrote(tmp_path: Path) -> None:
    sheets.write_curves(tmp_path)
    assert not (tmp_path / "curves.png").exists()  # nothing to draw yet
    (tmp_path / "log.csv").write_text("step,seconds,rate,points\n20,1,0.1,3\n40,2,0.1,2\n")
    one = _size_of(tmp_path)
    notes = [{"step": 20 * k, "seconds": k, **{f"figure{j}": 1 / k for j in range(6)}} for k in (1, 2)]
    (tmp_path / "validation.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes))
    assert _size_of(tmp_path)[0] > one[0]  # a second row of charts


def _size_of(folder: Path) -> tuple[int, ...]:
    sheets.write_curves(folder)
    return cv2.imread(str(folder / "curves.png")).shape
