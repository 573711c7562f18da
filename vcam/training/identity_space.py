"""The identity space: 512-d unit vectors of two parts, orthogonal to each other.

The first is the teacher's: its 128-d unit vectors turned by a fixed orthonormal matrix, which keeps every cosine. The
second are as many details, which our embedder sees before it sums them up in the first (``details.py``). The other half
of the dimensions is empty: 512 is what such vectors have everywhere.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 512
TEACHER_DIMENSIONS = 128
DETAILS = 128
DETAILS_SHARE = 0.5  # of the square of a vector's length
_SEED = 20261121


@cache
def basis() -> NDArray[np.float32]:
    """Q: float32 (512, 256), Q.T @ Q = identity, the teacher's part first; the same everywhere up to rounding."""
    rng = np.random.default_rng(_SEED)
    parts = [rng.standard_normal((DIMENSIONS, size)) for size in (TEACHER_DIMENSIONS, DETAILS)]
    q, r = np.linalg.qr(np.concatenate(parts, 1))
    return (q * np.sign(np.diag(r))).astype(np.float32)  # the sign makes the factorisation unique


def lift_matrix() -> NDArray[np.float32]:
    """The basis of the teacher's part: float32 (512, 128)."""
    return basis()[:, :TEACHER_DIMENSIONS]


def details_matrix() -> NDArray[np.float32]:
    """The basis of the details: float32 (512, 128)."""
    return basis()[:, TEACHER_DIMENSIONS:]


def nobodies(count: int) -> NDArray[np.float32]:
    """Identities drawn at random: float32 (count, 512), unit length; the same ones every time."""
    rng = np.random.default_rng(_SEED + 1)
    parts = [rng.standard_normal((count, size)).astype(np.float32) for size in (TEACHER_DIMENSIONS, DETAILS)]
    return join(*parts)


def join(embeddings128: NDArray[np.float32], details: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors from both parts.

    Args:
        embeddings128: float32 (..., 128), any length but zero.
        details: float32 (..., 128), any length but zero.

    Returns:
        float32 (..., 512), unit length.
    """
    unit = details / np.linalg.norm(details, axis=-1, keepdims=True)
    parts = (1 - DETAILS_SHARE) ** 0.5 * lift(embeddings128), DETAILS_SHARE**0.5 * (unit @ details_matrix().T)
    return np.asarray(sum(parts), np.float32)


def teachers_part(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The teacher's part alone: float32 (..., 512) -> (..., 128), unit length."""
    part = vectors @ lift_matrix()
    return np.asarray(part / np.linalg.norm(part, axis=-1, keepdims=True), np.float32)


def lift(embeddings128: NDArray[np.float32]) -> NDArray[np.float32]:
    """The teacher's raw embeddings as unit vectors without details.

    Args:
        embeddings128: float32 (..., 128), any length but zero.

    Returns:
        float32 (..., 512), unit length.
    """
    unit = embeddings128 / np.linalg.norm(embeddings128, axis=-1, keepdims=True)
    return np.asarray(unit @ lift_matrix().T, np.float32)
