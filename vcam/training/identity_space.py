"""The identity space: 512-d unit vectors, the teacher's 128-d ones turned by a fixed orthonormal matrix.

Embeddings are 512-d everywhere in the program, as is usual with ArcFace nets; the teacher we distil
has 128. The lift keeps every cosine, and there is one place where it is defined.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 512
TEACHER_DIMENSIONS = 128
_SEED = 20261121


@cache
def lift_matrix() -> NDArray[np.float32]:
    """Q: float32 (512, 128), Q.T @ Q = identity; the same on every machine up to rounding."""
    gaussian = np.random.default_rng(_SEED).standard_normal((DIMENSIONS, TEACHER_DIMENSIONS))
    q, r = np.linalg.qr(gaussian)
    return (q * np.sign(np.diag(r))).astype(np.float32)  # the sign makes the factorisation unique


def nobodies(count: int) -> NDArray[np.float32]:
    """Identities drawn at random: float32 (count, 512), unit length; the same ones every time."""
    return lift(np.random.default_rng(_SEED + 1).standard_normal((count, TEACHER_DIMENSIONS)).astype(np.float32))


def lift(embeddings128: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors in the identity space from the teacher's raw embeddings.

    Args:
        embeddings128: float32 (..., 128), any length but zero.

    Returns:
        float32 (..., 512), unit length.
    """
    unit = embeddings128 / np.linalg.norm(embeddings128, axis=-1, keepdims=True)
    return np.asarray(unit @ lift_matrix().T, np.float32)
