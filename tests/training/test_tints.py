"""Colours that the target has nowhere near are taken back; its own, and the swap's brightness, stay."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs torch")

from torch.nn.functional import pixel_shuffle, pixel_unshuffle  # noqa: E402

from vcam.training.tints import natural_colours  # noqa: E402

SKIN, LIPS = (0.4, 0.0, -0.2), (0.3, -0.3, -0.2)
PATCH = slice(48, 80)  # of 128


def picture(patch: tuple[float, ...]) -> torch.Tensor:
    plain = torch.tensor(SKIN).view(1, 3, 1, 1).repeat(1, 1, 128, 128)
    plain[..., PATCH, PATCH] = torch.tensor(patch).view(1, 3, 1, 1)
    return plain


def seen(swap: torch.Tensor, target: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    mask = torch.ones(1, 1, 64, 64) if mask is None else mask
    halved = torch.nn.functional.avg_pool2d(target, 2)
    return pixel_shuffle(natural_colours(pixel_unshuffle(swap, 2), halved, mask), 2)


def tint(pictures: torch.Tensor) -> torch.Tensor:
    """The colours' mean shares of the patch's brightness, (3,)."""
    inner = pictures[0, :, 56:72, 56:72].mean((1, 2)) + 1
    return inner / inner.mean()


def test_a_face_that_has_the_targets_colours_stays_as_it_is() -> None:
    made = seen(picture(LIPS), picture(LIPS))  # whose edges are softened
    assert (tint(made) - tint(picture(LIPS))).abs().max() < 0.02
    assert (made - picture(LIPS)).abs().mean() < 0.01
    torch.testing.assert_close(seen(picture(SKIN), picture(SKIN)), picture(SKIN), atol=1e-4, rtol=0)


@pytest.mark.parametrize("stain", [(0.0, 0.3, -0.1), (0.8, 0.0, 0.0), (0.1, 0.1, 0.3), (0.3, -0.3, 0.2)])
def test_a_stain_gets_the_colour_of_the_skin_and_keeps_its_brightness(stain: tuple[float, ...]) -> None:
    swap, target = picture(stain), picture(SKIN)
    made = seen(swap, target)
    torch.testing.assert_close(made.mean(1), swap.mean(1))
    assert (tint(made) - tint(target)).abs().max() < 0.025
    assert (tint(swap) - tint(target)).abs().max() > 0.1


def test_a_dark_brow_is_a_dark_place_of_the_skins_colour() -> None:
    made = seen(picture((-0.7, -0.7, -0.7)), picture(SKIN))
    assert (tint(made) - tint(picture(SKIN))).abs().max() < 0.1  # 2 grey levels of a dark place
    assert made[0, :, 64, 64].mean() == pytest.approx(-0.7)


def test_stripes_of_colour_run_together() -> None:
    stripes = picture(SKIN)
    stripes[:, 0, :, ::8] += 0.3
    stripes[:, 2, :, 4::8] += 0.3
    made = seen(stripes, picture(SKIN))
    before, after = ((x + 1) / (x.mean(1, keepdim=True) + 1) for x in (stripes, made))
    assert after.diff(dim=3).abs().mean() < 0.1 * before.diff(dim=3).abs().mean()


def test_hair_beyond_the_mask_has_no_say_and_nothing_at_all_is_no_error() -> None:
    swap, mask = picture(SKIN), torch.zeros(1, 1, 64, 64)
    mask[..., 24:40, 24:40] = 1
    green = torch.tensor([-0.5, 0.5, -0.5]).view(1, 3, 1, 1).repeat(1, 1, 128, 128)
    green[..., PATCH, PATCH] = torch.tensor(SKIN).view(1, 3, 1, 1)
    assert (tint(seen(swap, green, mask)) - tint(swap)).abs().max() < 0.02
    black = torch.full((1, 3, 128, 128), -1.0)
    for one in (
        seen(black, black),
        seen(swap, black, torch.zeros_like(mask)),
        seen(black, swap, torch.zeros_like(mask)),
    ):
        assert torch.isfinite(one).all()
