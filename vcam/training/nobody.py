"""The built-in source faces: identities of people who do not exist, and their pictures.

    python -m vcam.training.nobody CHECKPOINT --data DIR --cache DIR --models models

An identity is drawn from a Gaussian round the mean of a group (sex, age, origin, after the labels of
the set "utk"), and pushed away from everybody the nets have ever seen. Its picture is made
by our own generator on a canvas that is nobody either: the average of many faces made by a GAN. Of some
identities that may be, the one that is worn with the fewest stains and lines is kept.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vcam import topology as topo
from vcam.errors import BadInput
from vcam.training.data import IDENTITY_SETS, Faces, load_faces, points_to_large, read_large
from vcam.training.details import identities_of
from vcam.training.export import load_generator
from vcam.training.face_masks import face_masks
from vcam.training.identity_space import basis
from vcam.training.losses import Weights, chroma_loss, spots_loss
from vcam.training.networks import AeiNet, mask_of
from vcam.training.pack import write_atomically
from vcam.training.pairs import likeness_of
from vcam.training.scales import halve
from vcam.training.smooth_faces import average_face

FAR = 0.35  # the greatest cosine to any training identity
_CANDIDATES = 300
_TYPICAL = 2.5  # of the group's mean: made-up people are to look like their group
_SPREAD = 0.7  # of the group's own spread: rarer faces look less like faces
_PUSHES = 500
_CANVAS_FACES = 16
_LOOKS = 24  # identities drawn for each person, of which one is kept


@dataclass(frozen=True)
class Somebody:
    """Which group a made-up person is drawn from.

    Attributes:
        name: a neutral first name.
        sex: 0 man, 1 woman (the labels of utk).
        ages: from and up to.
        origin: 0 white, 1 black, 2 asian, 3 indian, 4 other (the labels of utk).
    """

    name: str
    sex: int
    ages: tuple[int, int]
    origin: int


PEOPLE = (
    Somebody("Alba", 1, (18, 32), 4),
    Somebody("Bram", 0, (22, 36), 0),
    Somebody("Chidi", 0, (20, 40), 1),
    Somebody("Daria", 1, (20, 34), 0),
    Somebody("Emeka", 0, (38, 60), 1),
    Somebody("Farah", 1, (20, 36), 3),
    Somebody("Goran", 0, (45, 65), 0),
    Somebody("Hana", 1, (18, 34), 2),
    Somebody("Imani", 1, (20, 38), 1),
    Somebody("Jun", 0, (20, 38), 2),
    Somebody("Kavi", 0, (22, 42), 3),
    Somebody("Lena", 1, (42, 65), 0),
    Somebody("Mateo", 0, (20, 36), 4),
    Somebody("Nadia", 1, (36, 60), 3),
)


def group_rows(faces: Faces, person: Somebody) -> NDArray[np.intp]:
    """Rows of the set "utk" whose labels fit."""
    rows = []
    for row in np.flatnonzero((faces.set == "utk") & (faces.split == "train")):
        age, sex, origin = (int(v) for v in Path(faces.file[row]).name.split("_")[1:4])
        if sex == person.sex and origin == person.origin and person.ages[0] <= age <= person.ages[1]:
            rows.append(int(row))
    return np.array(rows, np.intp)


def draw_identity(
    mean: NDArray[np.float32],
    factor: NDArray[np.float32],
    known: NDArray[np.float32],
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], float]:
    """A unit vector near a group and far from every known identity.

    Args:
        mean: (D,) mean of the group.
        factor: (D, D) with factor @ factor.T the covariance of people about their groups.
        known: (N, D) unit vectors of everybody in the training data.
        rng: the source of chance.

    Returns:
        The vector, and its greatest cosine to a known identity.

    Raises:
        BadInput: the vector cannot be brought far enough from everybody.
    """
    drawn = _TYPICAL * mean + _SPREAD * rng.standard_normal((_CANDIDATES, len(mean))) @ factor.T
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    vector = drawn[(drawn @ known.T).max(1).argmin()]
    for _ in range(_PUSHES):
        cosines = known @ vector
        if cosines.max() < FAR:
            return vector.astype(np.float32), float(cosines.max())
        near = cosines > FAR - 0.01
        push = ((cosines[near] - FAR + 0.01)[:, None] * known[near]).sum(0) / np.sqrt(near.sum())
        vector = vector - 0.5 * push
        vector /= np.linalg.norm(vector)
    raise BadInput(f"no identity farther than cosine {FAR} from all training faces was found; try another seed")


def known_identities(faces: Faces, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Every person's mean embedding and every single photo's: (N, D) unit vectors."""
    _, person = np.unique(faces.identity, return_inverse=True)
    means = np.zeros((person.max() + 1, embeddings.shape[1]), np.float32)
    np.add.at(means, person, embeddings)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    return np.concatenate([means, embeddings])


def average_canvas(
    data_dir: Path, faces: Faces, rows: NDArray[np.intp], shape: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """The mean of many faces warped to one shape: uint8 RGB (256, 256, 3), ffhq_512.

    Args:
        data_dir: where the pictures are.
        faces: the cache.
        rows: the faces to average.
        shape: (157, 2) landmarks in pixels of a 128 px crop.
    """
    landmarks = faces.mesh[:, list(topo.MESH), :2]
    images = [read_large(data_dir / faces.file[row]) for row in rows]
    return average_face(images, [points_to_large(landmarks[row]) for row in rows], points_to_large(shape))


@torch.inference_mode()
def render(net: AeiNet, canvas: NDArray[np.uint8], identity: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A made-up person's picture: uint8 RGB (256, 256, 3), ffhq_512.

    Args:
        net: the generator, in evaluation mode.
        canvas: uint8 RGB (256, 256, 3).
        identity: (512,) unit vector.
    """
    x = torch.from_numpy(canvas).permute(2, 0, 1)[None].float() / 127.5 - 1
    colour, logit = net(x, torch.from_numpy(identity)[None])
    swap = ((colour[0].permute(1, 2, 0).numpy() + 1) * 127.5).clip(0, 255)
    mask = mask_of(logit)[0, 0].numpy()[..., None]
    return np.asarray((canvas + mask * (swap - canvas)).clip(0, 255).round(), np.uint8)


def blemishes(picture: NDArray[np.uint8], canvas: NDArray[np.uint8], shape: NDArray[np.float32]) -> float:
    """How many stains of colour, dots and lines a made-up face has, as the generator's losses weigh them.

    Args:
        picture: uint8 RGB (256, 256, 3), the canvas with the face on it.
        canvas: uint8 RGB (256, 256, 3).
        shape: (157, 2) landmarks of both in pixels of a 128 px crop.
    """
    masks = face_masks(shape)._asdict()
    places = {name: torch.from_numpy(plane).float()[None, None] / 255 for name, plane in masks.items()}
    made, before = (
        halve(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1) for image in (picture, canvas)
    )
    skins = torch.cat([places[name] for name in ("round_eyes", "jaw", "edge", "cheeks")], 1)
    stains = Weights.chroma * chroma_loss(made, before, places["area"])
    return float(stains + Weights.spots * spots_loss(made, before, skins, places["round_brows"]))


def neutral_rows(faces: Faces, landmarks: NDArray[np.float32]) -> NDArray[np.intp]:
    """GAN-made faces that look straight ahead with closed mouth and open eyes."""
    likeness = likeness_of(landmarks)
    straight = (np.abs(likeness.pose[:, :2]) < 1).all(1)  # 8 degrees
    mouth_closed = likeness.expression[:, 0] < np.median(likeness.expression[:, 0])
    return np.flatnonzero((faces.set == "generated") & straight & mouth_closed)


def make_people(net: AeiNet, data_dir: Path, cache_dir: Path, models_dir: Path, seed: int = 0) -> None:
    """Draw, render and store the built-in faces: ``faces.json``, ``faces.npz``, ``faces/ID.png``."""
    faces = load_faces(cache_dir, IDENTITY_SETS, ("mesh", "crops112"))
    embeddings = identities_of(faces, cache_dir, models_dir) @ basis()
    landmarks = faces.mesh[:, list(topo.MESH)]
    groups = [group_rows(faces, person) for person in PEOPLE]
    spread = np.concatenate([embeddings[rows] - embeddings[rows].mean(0) for rows in groups])
    values, vectors = np.linalg.eigh(np.cov(spread.T))
    factor = (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
    known = known_identities(faces, embeddings)
    neutral = neutral_rows(faces, landmarks)
    everybody = np.mean([embeddings[rows].mean(0) for rows in groups], 0)
    shape = landmarks[neutral][:, :, :2].mean(0)
    entries, identities = [], []
    (models_dir / "faces").mkdir(parents=True, exist_ok=True)
    for number, (person, rows) in enumerate(zip(PEOPLE, groups, strict=True)):
        mean = embeddings[rows].mean(0)
        of_any_age = embeddings[group_rows(faces, replace(person, ages=(0, 120)))].mean(0)
        typical = neutral[np.argsort(-embeddings[neutral] @ (of_any_age - everybody))[:_CANVAS_FACES]]
        canvas = average_canvas(data_dir, faces, typical, shape)
        looks = []
        for look in range(_LOOKS):
            vector, nearest = draw_identity(mean, factor, known, np.random.default_rng([seed, number, look]))
            identity = vector @ basis().T
            picture = render(net, canvas, identity)
            looks.append((blemishes(picture, canvas, shape), identity, nearest, picture))
        flaws, identity, nearest, picture = min(looks, key=lambda look: look[0])
        print(f"{person.name}: blemishes {flaws:.2f}, the least of {_LOOKS}", file=sys.stderr, flush=True)
        file = f"faces/{person.name.lower()}.png"
        write_atomically(models_dir / file, cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes())
        entries.append(
            {
                "id": person.name.lower(),
                "name": person.name,
                "thumbnail": file,
                "greatest_cosine_to_a_training_face": round(nearest, 3),
            }
        )
        identities.append(identity)
    buffer = io.BytesIO()
    np.savez(buffer, ids=np.array([e["id"] for e in entries]), embeddings=np.stack(identities))
    write_atomically(models_dir / "faces.npz", buffer.getvalue())
    write_atomically(models_dir / "faces.json", (json.dumps(entries, indent=1) + "\n").encode())


def main(argv: Sequence[str] | None = None) -> None:
    """Make the built-in faces from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    make_people(load_generator(options.checkpoint), options.data, options.cache, options.models, options.seed)


if __name__ == "__main__":
    main()
