"""Make the actor's face: the average of many faces that a GAN made, all of them warped to one shape. It is nobody's.

    python scripts/make_portrait.py --data DIR --cache DIR

Needs torch and the data sets (see ``vcam/training/data.py``); the result, ``actor/portrait.png`` with its landmarks
``actor/portrait.csv``, is in the repository. ``actor/person.py`` holds lines that were drawn for this very picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology
from vcam.training.data import SIZE, Faces, load_faces, unit_embeddings
from vcam.training.nobody import average_canvas, neutral_rows

HERE = Path(__file__).resolve().parent
FACES_AVERAGED = 30
# The others are chosen by their likeness to these: generated faces with short dark hair.
ALIKE = ("94e86fec", "bac3a1e4", "d248c131", "8748fb71", "8f53e203", "df353e3b")
STRANGE_SHARE = 0.06  # of the sides' pixels may differ from the ground: more is long hair
DARK_HAIR = 75  # grey level
LIGHT_GROUND = 120


def main() -> None:
    """Choose, average, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with faces/")
    parser.add_argument("--cache", type=Path, required=True, help="what the training has made of it")
    options = parser.parse_args()
    faces = load_faces(options.cache, ("generated",), ("images", "mesh", "embeddings"))
    landmarks = faces.mesh[:, list(topology.MESH)]
    neutral = neutral_rows(faces, landmarks)
    shape = landmarks[neutral][:, :, :2].mean(0)
    rows = choose(faces, neutral)
    portrait = average_canvas(options.data, faces, rows, shape)
    cv2.imwrite(str(HERE / "actor" / "portrait.png"), portrait[:, :, ::-1])
    np.savetxt(HERE / "actor" / "portrait.csv", shape / SIZE, "%.4f", ",")


def choose(faces: Faces, neutral: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows of the faces to average: short dark hair before a plain light ground, and alike."""
    images = np.asarray(faces.images)[neutral].astype(np.float32)
    strange, light = 0.0, np.full(len(neutral), np.inf)
    for corner_x, side_x in ((slice(3, 10), slice(6, 16)), (slice(118, 125), slice(112, 122))):
        ground = np.median(images[:, 4:24, corner_x].reshape(len(images), -1, 3), 1)
        side = images[:, 40:100, side_x].reshape(len(images), -1, 3)
        strange = strange + (np.abs(side - ground[:, None]).max(-1) > 28).mean(1)
        light = np.minimum(light, ground.mean(1))
    dark = images[:, 8:16, 58:70].mean((1, 2, 3)) < DARK_HAIR
    fitting = neutral[(strange < STRANGE_SHARE) & (light > LIGHT_GROUND) & dark]
    embeddings = unit_embeddings(faces.embeddings)
    wanted = embeddings[[row for row, file in enumerate(faces.file) if any(f"gen_{name}" in file for name in ALIKE)]]
    return np.asarray(fitting[np.argsort(-embeddings[fitting] @ wanted.mean(0))[:FACES_AVERAGED]], np.intp)


if __name__ == "__main__":
    main()
