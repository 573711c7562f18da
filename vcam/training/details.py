"""The details of a face: what our embedder sees of it before it sums it up in the teacher's 128 numbers.

    python -m vcam.training.details --cache DIR --models models

The layer before the last knows far more than those numbers tell. From it, a linear map foretells how a recogniser of
another kind (dlib) sees another photo of the same person with a cosine of .65, from the 128 numbers with .50; dlib's
own word on the first photo has .67. The map is linear discriminant analysis: directions in which the photos of one
person hardly differ and people do, each scaled to the differences within people.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vcam.errors import BadInput
from vcam.inference import Net, open_session
from vcam.training.data import EMBEDDER_SIZE, IDENTITY_SETS, Faces, load_faces
from vcam.training.export_small import export_small
from vcam.training.identity_space import DETAILS, DIMENSIONS, details_matrix
from vcam.training.landmarks import to_net
from vcam.training.small_nets import EmbedderNet
from vcam.training.warm_start import frozen

_SHRINKAGE = 0.5  # of the differences within people, towards those of a round cloud
_BATCH = 32


def features_of(net: EmbedderNet, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the last layer of the embedder reads: crops (N, 112, 112, 3) RGB -> (N, 512)."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(crops), _BATCH):
            parts.append(net.features(to_net(np.asarray(crops[start : start + _BATCH]))).numpy())
    return np.concatenate(parts)


def discriminants(
    features: NDArray[np.float32], person: NDArray[np.intp], count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear discriminant analysis (Fisher, 1936; Rao, 1948), by whitening what differs within people.

    Args:
        features: (N, D).
        person: (N,) who it is; people with a single photo count among all, and tell nothing of what differs within.
        count: K, of directions kept, at most D.

    Returns:
        A matrix (K, D) and an offset (K,): the coordinates of features f are ``matrix @ f + offset``.

    Raises:
        BadInput: nobody has two photos.
    """
    centre, scale = features.mean(0), features.std(0) + 1e-6
    scaled = ((features - centre) / scale).astype(np.float64)
    _, person, photos = np.unique(person, return_inverse=True, return_counts=True)
    means = np.zeros((len(photos), features.shape[1]))
    np.add.at(means, person, scaled)
    means /= photos[:, None]
    several = photos[person] > 1
    if not several.any():
        raise BadInput("no person has two photos, so nothing is known of what makes photos of one person differ")
    inner = scaled[several] - means[person[several]]
    within = inner.T @ inner / (several.sum() - (photos > 1).sum())
    within += _SHRINKAGE * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whitening = vectors / np.sqrt(values)
    between, directions = np.linalg.eigh(whitening.T @ np.cov(scaled.T) @ whitening)
    matrix = (whitening @ directions[:, np.argsort(-between)[:count]]).T / scale
    return matrix.astype(np.float32), (-matrix @ centre).astype(np.float32)


def with_details(net: EmbedderNet, matrix: NDArray[np.float32], offset: NDArray[np.float32]) -> EmbedderNet:
    """The embedder with discriminants (128, 512), (128,) as its details; changed in place."""
    basis = details_matrix()
    with torch.no_grad():
        net.details.weight.copy_(torch.from_numpy(basis @ matrix))
        net.details.bias.copy_(torch.from_numpy(basis @ offset))
    return net


def embed_with(folder: Path) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """The embedder of a pack: crops (N, 112, 112, 3) RGB -> unit vectors (N, 512)."""
    return embedding_by(open_session(folder / "embedder.onnx", 1, ()))


def embedding_by(net: Net) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    """An embedder as a function: crops (N, 112, 112, 3) RGB -> unit vectors (N, 512)."""

    def embed(crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        vectors = np.zeros((len(crops), DIMENSIONS), np.float32)
        for row, crop in enumerate(crops):
            blob = (crop.astype(np.float32).transpose(2, 0, 1)[None] - 127.5) / 127.5
            vectors[row] = net.run(crop=blob)["embedding"][0]
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    return embed


def identities_of(faces: Faces, cache_dir: Path, pack: Path) -> NDArray[np.float32]:
    """Unit vectors (N, 512) of all faces by the embedder that ships; kept in the cache, for they take minutes.

    Args:
        faces: with ``crops112``.
        cache_dir: where they are kept, by embedder and pictures.
        pack: folder of the embedder.
    """
    embedder = (pack / "embedder.onnx").read_bytes()
    name = hashlib.sha256(embedder + "\n".join(map(str, faces.file)).encode()).hexdigest()[:16]
    kept = cache_dir / f"identities-{name}.npy"
    if kept.exists():
        return np.asarray(np.load(kept), np.float32)
    print(f"embedding {len(faces.file)} faces, about {len(faces.file) // 150} s", file=sys.stderr, flush=True)
    vectors = embed_with(pack)(faces.crops112)
    partial = kept.with_suffix(".partial.npy")
    np.save(partial, vectors)
    partial.replace(kept)
    return vectors


def main(argv: Sequence[str] | None = None) -> None:
    """Fit the details of the pack's embedder and write it anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True, help="folder of the pack")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    faces = load_faces(options.cache, IDENTITY_SETS, ("crops112",))
    net = EmbedderNet()
    frozen(net, options.models / "embedder.onnx", torch.zeros(1, 3, EMBEDDER_SIZE, EMBEDDER_SIZE))
    trained = np.flatnonzero(faces.split == "train")
    print(f"embedding {len(trained)} faces, about {len(trained) // 100} s", file=sys.stderr, flush=True)
    features = features_of(net, faces.crops112[trained])
    person = np.unique(faces.identity[trained], return_inverse=True)[1]
    print(export_small("embedder", with_details(net, *discriminants(features, person, DETAILS)), options.models))


if __name__ == "__main__":
    main()
