"""The mean of two generators: of one run, and of a run that went on from what the first had exported.

    python -m vcam.training.mix FIRST.pt SECOND.pt --share 0.65 --emphasis 1.3 --out OUT.pt

A run that goes on from a pack stays in the same valley, where the mean of the two ends is often better than either
(Wortsman et al., "Model soups", 2022): what both have learnt stays, what only one paints fades.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from vcam.errors import BadInput
from vcam.training.export import load_generator
from vcam.training.loop import Plan, save_checkpoint
from vcam.training.networks import AeiNet
from vcam.training.warm_start import grown


def mix(first: AeiNet, second: AeiNet, share: float) -> AeiNet:
    """The weighted mean of two nets of one architecture, norms' statistics too.

    Args:
        first: as it was exported, emphasis and all: where the second run began; its identity layers may be narrower.
        second: what came of it; changed in place and returned.
        share: 0..1 of the second.

    Raises:
        BadInput: the share is out of range.
    """
    if not 0 <= share <= 1:
        raise BadInput(f"the share is from 0 to 1, not {share:g}")
    theirs = first.state_dict()
    with torch.no_grad():
        for name, value in second.state_dict().items():
            if value.is_floating_point():
                value.copy_(torch.lerp(grown(theirs[name], value), value, share))
    return second


def main(argv: Sequence[str] | None = None) -> None:
    """Mix from the command line; what is written is a checkpoint from which a run has not begun yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("--share", type=float, required=True, help="of the second, 0 to 1")
    parser.add_argument("--emphasis", type=float, required=True, help="with which the first was exported")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    second = load_generator(options.second, emphasis=1.0)
    mixed = mix(load_generator(options.first, options.emphasis), second, options.share)
    save_checkpoint(options.out, mixed, mixed, torch.optim.AdamW(mixed.parameters()), Plan(steps=0), 0, 0.0)


if __name__ == "__main__":
    main()
