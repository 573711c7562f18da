"""Pixels in and out of networks, colour, feathering and the safe pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vcam.imaging import (
    apply_colour,
    colour_transfer,
    draw_card,
    feather,
    from_blob,
    letterbox,
    measure_colour,
    privacy_blur,
    shrink,
    to_blob,
)


def noise_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_blob_is_rgb_in_minus_one_to_one() -> None:
    image = noise_image(24, 32)
    blob = to_blob(image)
    assert (blob.shape, blob.dtype) == ((1, 3, 24, 32), np.float32)
    expected = (image[..., ::-1].transpose(2, 0, 1)[None].astype(np.float64) - 127.5) / 127.5
    np.testing.assert_allclose(blob, expected, atol=1e-6)


def test_blob_round_trip_is_exact() -> None:
    image = noise_image(24, 32)
    np.testing.assert_array_equal(from_blob(to_blob(image)), image)


def test_out_buffers_are_filled_also_as_views() -> None:
    image = noise_image(24, 32)
    large = np.full((1, 3, 64, 64), 9.0, np.float32)
    view = large[:, :, :24, :32]
    assert to_blob(image, out=view) is view
    np.testing.assert_array_equal(large[:, :, :24, :32], to_blob(image))
    assert (large[:, :, 24:] == 9).all()
    assert (large[:, :, :, 32:] == 9).all()
    out = np.zeros((24, 32, 3), np.uint8)
    from_blob(to_blob(image), out=out)
    np.testing.assert_array_equal(out, image)


def test_out_of_range_values_are_cut_off() -> None:
    blob = np.zeros((1, 3, 2, 2), np.float32)
    blob[0, 0], blob[0, 2] = 7.0, -7.0
    np.testing.assert_array_equal(from_blob(blob)[0, 0], [0, 128, 255])


LETTERBOXES = [
    ((1280, 720), (192, 320)),
    ((640, 480), (192, 256)),
    ((480, 640), (192, 160)),
    ((100, 100), (192, 192)),
    ((3840, 200), (32, 320)),
    ((320, 192), (192, 320)),
]


@pytest.mark.parametrize(("wh", "blob_hw"), LETTERBOXES)
def test_letterbox_fits_the_top_left(wh: tuple[int, int], blob_hw: tuple[int, int]) -> None:
    image = np.full((wh[1], wh[0], 3), 255, np.uint8)
    blob, scale = letterbox(image, (320, 192))
    assert blob.shape == (1, 3, *blob_hw)
    assert scale == pytest.approx(min(320 / wh[0], 192 / wh[1]))
    height, width = round(wh[1] * scale), round(wh[0] * scale)
    assert np.allclose(blob[:, :, :height, :width], 1)
    assert (blob[:, :, height:] == 0).all()
    assert (blob[:, :, :, width:] == 0).all()


def test_shrink_keeps_the_mean_and_little_of_the_noise() -> None:
    image = noise_image(720, 1280)
    small = shrink(image, 320, 180)
    assert small.shape == (180, 320, 3)
    assert abs(float(small.mean()) - float(image.mean())) < 1
    assert small.std() < 0.35 * image.std()


def test_colour_transfer_reaches_the_wanted_statistics() -> None:
    random = np.random.default_rng(0)
    given = np.clip(random.normal((90, 120, 150), 20, (128, 128, 3)), 0, 255).astype(np.uint8)
    wanted = np.clip(random.normal((110, 110, 140), 25, (128, 128, 3)), 0, 255).astype(np.uint8)
    mask = np.ones((128, 128), np.float32)
    a, b = measure_colour(given, mask), measure_colour(wanted, mask)
    assert a is not None
    assert b is not None
    matched = apply_colour(given, colour_transfer(a, b))
    np.testing.assert_allclose(matched.mean((0, 1)), wanted.mean((0, 1)), atol=1)
    np.testing.assert_allclose(matched.std((0, 1)), wanted.std((0, 1)), atol=1)


@pytest.mark.parametrize(("given_std", "wanted_std"), [(0.0, 30.0), (1.0, 90.0), (60.0, 1.0)])
def test_colour_transfer_is_limited(given_std: float, wanted_std: float) -> None:
    random = np.random.default_rng(0)
    given, wanted = (
        np.clip(random.normal(level, std, (64, 64, 3)), 0, 255).astype(np.uint8)
        for level, std in ((20, given_std), (240, wanted_std))
    )
    mask = np.ones((64, 64), np.float32)
    a, b = measure_colour(given, mask), measure_colour(wanted, mask)
    assert a is not None
    assert b is not None
    transfer = colour_transfer(a, b)
    assert np.isfinite(transfer).all()
    assert ((np.diag(transfer) >= 0.7) & (np.diag(transfer) <= 1.4)).all()
    assert abs(float(apply_colour(given, transfer).mean()) - float(given.mean())) < 45


def test_colour_of_nothing_is_none() -> None:
    assert measure_colour(noise_image(64, 64), np.zeros((64, 64), np.float32)) is None


def test_feather_is_a_symmetric_ramp() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[:, :100] = 255
    soft = feather(mask, 12)[50].astype(int)
    assert (np.diff(soft[40:160]) <= 0).all()
    assert abs(soft[99] + soft[100] - 255) <= 2
    assert soft[100 - 13] >= 253
    assert soft[100 + 13] <= 2


@pytest.mark.parametrize("wh", [(1280, 720), (640, 480), (480, 640), (37, 23), (1, 1)])
def test_privacy_blur_keeps_no_detail(wh: tuple[int, int]) -> None:
    image = noise_image(wh[1], wh[0])
    image[: wh[1] // 2] //= 2
    blurred = privacy_blur(image)
    assert blurred.shape == image.shape
    assert not np.shares_memory(blurred, image)
    if min(wh) > 100:
        # Nothing finer than a cell is left: a picture blurred by half a cell is the same.
        cell = min(wh) / 6
        assert np.abs(cv2.GaussianBlur(blurred, (0, 0), cell / 8).astype(int) - blurred).mean() < 1
        assert blurred[: wh[1] // 4].mean() < 0.75 * blurred[-wh[1] // 4 :].mean()


@pytest.mark.parametrize("wh", [(640, 360), (1280, 720), (720, 1280), (64, 48)])
def test_card_is_calm_and_shows_its_text(wh: tuple[int, int]) -> None:
    card = draw_card(*wh, "Camera starting")
    assert (card.shape, card.dtype) == ((wh[1], wh[0], 3), np.uint8)
    written = np.abs(card.astype(int) - card[0, 0]).sum(2) > 60
    assert 0.001 < written.mean() < 0.2
    columns = np.flatnonzero(written.any(0))
    assert abs((columns[0] + columns[-1]) / 2 - wh[0] / 2) <= max(3, 0.02 * wh[0])
    assert (draw_card(*wh, "No face in the picture") != card).any()


def test_long_text_fits_the_card() -> None:
    card = draw_card(
        640, 360, "The camera is in use by another program; close that program and it comes back by itself"
    )
    written = np.abs(card.astype(int) - card[0, 0]).sum(2) > 60
    columns = np.flatnonzero(written.any(0))
    assert columns[0] >= 20
    assert columns[-1] <= 620
