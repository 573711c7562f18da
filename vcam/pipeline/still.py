"""Crops worn as the program wears them in a call, one by one: what the networks are measured by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcam.faces.embed import Embedder
from vcam.inference import open_session
from vcam.swap.generate import Generator
from vcam.swap.likeness import FIRST_LOOKS, Likeness, composite
from vcam.types import Embedding, Image

Images = NDArray[np.uint8]
Vectors = NDArray[np.float32]


def wear_crops(generator_folder: Path, models: Path) -> Callable[[Images, Vectors, Vectors], Images]:
    """A generator as the program uses it, once it has seen its own first swaps.

    These are of the mirrored target: in a call no two frames are the same, and what is judged shall not be the picture
    that was looked at. A swap that the program would not show counts as it is.

    Args:
        generator_folder: of ``identity.onnx`` and ``generator.onnx``.
        models: of ``embedder.onnx``.

    Returns:
        Of targets uint8 (N, S, S, 3) RGB in the ``ffhq_512`` template, identities to wear float32 (N, 512) and those of
        who wears them, the swaps, uint8 (N, S, S, 3) RGB.

    Raises:
        ModelMissing, ModelCorrupt: a network cannot be loaded.
    """
    identity, net = (open_session(generator_folder / f"{name}.onnx", 1, ()) for name in ("identity", "generator"))
    generator, embed = Generator(identity, net), Embedder(open_session(models / "embedder.onnx", 1, ()))

    def worn(target: Image, identity: Embedding, wearer: Embedding) -> Image:
        likeness, away = Likeness(identity, generator.prepare, embed), generator.away(wearer)
        mirrored = np.ascontiguousarray(target[:, ::-1])
        for _ in range(FIRST_LOOKS):
            likeness.look(composite(mirrored, *generator.generate_unchecked(mirrored, likeness.style() - away)))
        return composite(target, *generator.generate_unchecked(target, likeness.style() - away))

    def wear(targets: Images, identities: Vectors, wearers: Vectors) -> Images:
        triples = zip(targets, identities, wearers, strict=True)
        return np.stack([worn(np.ascontiguousarray(t[:, :, ::-1]), z, w)[:, :, ::-1] for t, z, w in triples])

    return wear
