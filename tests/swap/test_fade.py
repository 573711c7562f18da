import numpy as np

from vcam.swap.fade import FADE_S, CrossFade


def grey(level):
    return np.full((8, 8, 3), level, np.uint8)


def test_the_old_face_fades_out_and_the_first_picture_shows_the_change():
    fade = CrossFade()
    fade(grey(100), 1.0)
    fade.begin(True)
    levels = [int(fade(grey(200), 1.0 + step * FADE_S / 10)[0, 0, 0]) for step in range(1, 12)]
    assert levels == [110, 120, 130, 140, 150, 160, 170, 180, 190, 200, 200]


def test_the_old_picture_is_kept_though_its_memory_is_used_again():
    fade, buffer = CrossFade(), grey(100)
    fade(buffer, 1.0)
    fade.begin(True)
    buffer[:] = 200
    assert fade(buffer, 1.0 + FADE_S / 2)[0, 0, 0] == 150


def test_a_switch_during_a_fade_goes_on_from_what_was_shown():
    fade = CrossFade()
    fade(grey(100), 1.0)
    fade.begin(True)
    assert fade(grey(200), 1.0 + FADE_S / 2)[0, 0, 0] == 150
    fade.begin(True)
    assert fade(grey(50), 1.0 + FADE_S)[0, 0, 0] == 100


def test_without_the_wish_and_without_a_recent_picture_there_is_no_fade():
    fade, swap = CrossFade(), grey(200)
    fade.begin(True)
    assert fade(swap, 1.0) is swap
    fade.begin(False)
    assert fade(swap, 1.1) is swap
    fade.begin(True)
    assert fade(swap, 1.1 + FADE_S) is swap
    fade(swap, 1.0)  # a video has begun again
    fade.begin(True)
    assert fade(swap, 0.0) is swap
