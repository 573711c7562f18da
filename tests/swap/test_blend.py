"""Paste-back against a reference in floating point, and its confinement to the region."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vcam.swap.blend import find_region, paste_back
from vcam.swap.buffers import Buffers
from vcam.swap.crop import cut_crop

SIDE = 256


def round_mask(side: int = SIDE) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] / (side - 1) - 0.5
    return np.clip((0.42 - np.hypot(rows, columns)) / 0.08, 0, 1).astype(np.float32)


def texture(height: int, width: int, seed: int) -> np.ndarray:
    """Smooth colour with noise, like a picture."""
    random = np.random.default_rng(seed)
    coarse = random.integers(20, 235, (12, 16, 3)).astype(np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(smooth + random.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


def placed(scale: float, roll_deg: float, x: float, y: float, side: int = SIDE) -> np.ndarray:
    """``crop_to_frame`` that puts the crop's middle at (x, y)."""
    turn = np.radians(roll_deg)
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.hstack([linear, (np.array([x, y]) - linear @ [side / 2, side / 2])[:, None]])


def reference(image: np.ndarray, swap: np.ndarray, mask: np.ndarray, crop_to_frame: np.ndarray) -> np.ndarray:
    """The same in float32 over the whole frame."""
    size_wh = image.shape[1], image.shape[0]
    alpha = cv2.warpAffine(mask, crop_to_frame, size_wh)[..., None]
    colour = cv2.warpAffine(swap.astype(np.float32) * mask[..., None], crop_to_frame, size_wh)
    return image * (1 - alpha) + colour


PLACES = {
    "middle": placed(1.4, 4, 320, 180),
    "turned": placed(1.1, 63, 300, 190),
    "left edge": placed(1.5, -10, 20, 180),
    "bottom right corner": placed(1.5, 8, 640, 360),
    "far face": placed(0.6, 5, 300, 150),
    "larger than the frame": placed(6.0, 2, 320, 180),
}


@pytest.mark.parametrize("place", PLACES)
def test_agrees_with_float(place: str) -> None:
    image, swap, mask = texture(360, 640, 1), texture(SIDE, SIDE, 2), round_mask()
    expected = reference(image, swap, mask, PLACES[place])
    out = image.copy()
    region = paste_back(out, swap, mask, PLACES[place], Buffers())
    assert region is not None
    assert np.abs(out - expected).max() <= 2.0 + 0.5
    assert np.abs(out - expected).mean() <= 0.6
    assert (out != image).any()


@pytest.mark.parametrize("place", [*PLACES, "tiny", "one px"])
def test_nothing_outside_the_region_changes(place: str) -> None:
    places = PLACES | {"tiny": placed(0.08, 20, 100, 100), "one px": placed(0.004, 0, 100, 100)}
    image, swap, mask = texture(360, 640, 1), texture(SIDE, SIDE, 2), round_mask()
    out = image.copy()
    region = paste_back(out, swap, mask, places[place], Buffers())
    assert region is not None
    inside = np.zeros(image.shape[:2], bool)
    inside[region.top : region.bottom, region.left : region.right] = True
    np.testing.assert_array_equal(out[~inside], image[~inside])
    touched = cv2.warpAffine(mask, places[place], (640, 360)) > 0.01
    assert not (touched & ~inside).any()


def test_a_view_into_a_larger_picture_is_respected() -> None:
    """Rows of the frame need not lie side by side in memory."""
    whole = texture(400, 700, 3)
    before = whole.copy()
    paste_back(whole[20:380, 30:670], texture(SIDE, SIDE, 2), round_mask(), PLACES["left edge"], Buffers())
    after = before.copy()
    part = np.ascontiguousarray(before[20:380, 30:670])
    paste_back(part, texture(SIDE, SIDE, 2), round_mask(), PLACES["left edge"], Buffers())
    after[20:380, 30:670] = part
    np.testing.assert_array_equal(whole, after)


def test_beside_the_frame_and_empty_mask_do_nothing() -> None:
    image = texture(360, 640, 1)
    out = image.copy()
    swap, mask = texture(SIDE, SIDE, 2), round_mask()
    assert paste_back(out, swap, mask, placed(1.0, 0, -400, 100), Buffers()) is None
    assert paste_back(out, swap, np.zeros_like(mask), PLACES["middle"], Buffers()) is None
    np.testing.assert_array_equal(out, image)


def test_a_buffer_kept_from_a_larger_face_does_no_harm() -> None:
    image, swap, mask, buffers = texture(360, 640, 1), texture(SIDE, SIDE, 2), round_mask(), Buffers()
    paste_back(image.copy(), swap, mask, PLACES["larger than the frame"], buffers)
    kept, fresh = image.copy(), image.copy()
    paste_back(kept, swap, mask, PLACES["far face"], buffers)
    paste_back(fresh, swap, mask, PLACES["far face"], Buffers())
    np.testing.assert_array_equal(kept, fresh)


def test_read_only_and_wrong_shapes_are_refused() -> None:
    image, swap, mask = texture(360, 640, 1), texture(SIDE, SIDE, 2), round_mask()
    image.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        paste_back(image, swap, mask, PLACES["middle"], Buffers())
    with pytest.raises(ValueError, match="swap and mask"):
        paste_back(image.copy(), swap, mask[:128, :128], PLACES["middle"], Buffers())
    with pytest.raises(ValueError, match="image_out"):
        paste_back(image[..., 0].copy(), swap, mask, PLACES["middle"], Buffers())


def test_region_hugs_the_mask() -> None:
    opacity = np.zeros((SIDE, SIDE), np.uint8)
    opacity[100:120, 50:90] = 255
    region = find_region(opacity, np.eye(2, 3), 640, 360)
    assert region is not None
    assert (region.left, region.top, region.right, region.bottom) == (48, 98, 92, 122)


@pytest.mark.parametrize("scale", [0.1, 0.3, 0.45, 0.8, 1.0, 3.0])
def test_crop_agrees_with_a_plain_warp(scale: float) -> None:
    """On a smooth picture halving changes nothing that can be seen."""
    rows, columns = np.mgrid[:720, :1280].astype(np.float32)
    image = np.stack([columns / 6, rows / 4, (rows + columns) / 10], 2).astype(np.uint8)
    frame_to_crop = cv2.invertAffineTransform(placed(1 / scale, 7, 700, 300))
    crop = cut_crop(image, frame_to_crop, SIDE, Buffers())
    plain = cv2.warpAffine(image, frame_to_crop, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(crop.astype(int) - plain).max() <= 3


@pytest.mark.parametrize("x", [-3000.0, -100.0, 0.0, 1279.0, 5000.0])
def test_crop_beside_the_frame_repeats_the_border(x: float) -> None:
    image = texture(720, 1280, 5)
    crop = cut_crop(image, cv2.invertAffineTransform(placed(1.5, 0, x, 360)), SIDE, Buffers())
    assert crop.shape == (SIDE, SIDE, 3)


def test_crop_and_paste_of_the_same_place_fit() -> None:
    """What was cut and pasted back unchanged lies where it was."""
    image = cv2.GaussianBlur(texture(720, 1280, 4), (0, 0), 3)
    crop_to_frame = placed(1.3, 12, 640, 300)
    crop = cut_crop(image, cv2.invertAffineTransform(crop_to_frame), SIDE, Buffers())
    out = image.copy()
    paste_back(out, crop.copy(), round_mask(), crop_to_frame, Buffers())
    assert np.abs(out.astype(int) - image).mean() < 0.1
    assert np.abs(out.astype(int) - image).max() <= 4
