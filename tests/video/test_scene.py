from itertools import pairwise

import numpy as np
import pytest

from vcam.video.scene import PERIOD, draw_scene


@pytest.mark.parametrize(("width", "height"), [(320, 180), (64, 48), (101, 77), (90, 160), (16, 16)])
def test_any_size_gives_a_picture_of_it(width, height):
    image = draw_scene(7, width, height)
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8
    assert image.std() > 10


def test_an_index_is_always_the_same_picture():
    assert np.array_equal(draw_scene(33, 160, 90), draw_scene(33, 160, 90))
    assert np.array_equal(draw_scene(33, 160, 90), draw_scene(33 + PERIOD, 160, 90))


def test_neighbours_differ():
    pictures = [draw_scene(index, 320, 180) for index in range(20)]
    assert all(np.abs(a.astype(int) - b).max() > 30 for a, b in pairwise(pictures))


def test_pictures_do_not_share_memory():
    first = draw_scene(0, 64, 48)
    first[:] = 0
    assert draw_scene(0, 64, 48).any()
