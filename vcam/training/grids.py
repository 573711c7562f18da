"""Where frozen nets look at a picture: grids for ``grid_sample``."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def sampling_grid(image_from_crop: Tensor, side: int) -> Tensor:
    """The sampling grid of a crop.

    Args:
        image_from_crop: (B, 2, 3) affine from pixels of the crop to pixels of the 128 px picture.
        side: S, of the crop in pixels.

    Returns:
        (B, S, S, 2) in grid_sample's -1..1 without aligned corners.
    """
    rows, columns = torch.meshgrid(*[torch.arange(side, dtype=torch.float32)] * 2, indexing="ij")
    pixels = torch.stack([columns, rows, torch.ones_like(rows)], -1)  # (S, S, 3)
    places = torch.einsum("bij,hwj->bhwi", image_from_crop, pixels)
    return (places + 0.5) / 64 - 1  # 64 = half of 128


def sampled(pictures: Tensor, grid: Tensor) -> Tensor:
    """Pictures (B, C, S, S) at the places of a grid (B, H, W, 2): (B, C, H, W)."""
    return functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def resized(grid: Tensor, side: int) -> Tensor:
    """The same places (B, H, W, 2), as a grid of another size."""
    planes = functional.interpolate(grid.permute(0, 3, 1, 2), size=side, mode="bilinear", align_corners=False)
    return planes.permute(0, 2, 3, 1)
