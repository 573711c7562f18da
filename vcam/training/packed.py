"""The cache as one small file, to carry it to a machine with a GPU.

    python -m vcam.training.packed pack --cache DIR --file faces.npz
    python -m vcam.training.packed unpack --cache DIR --file faces.npz

Pictures become WebP, landmarks bytes at half a pixel, embeddings signed bytes: about 2.6 kB a face.
What the generator does not need (other mesh points, the embedder's crops) is left out, and so are the pictures
at 256 px, for which there is no room: a generator trained on such a cache learns its finest layers at home.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology as topo
from vcam.errors import BadInput
from vcam.training.data import SETS, Picture, load_faces, publish
from vcam.training.mesher import MESH_POINTS

LIMIT_BYTES = 60_000_000
_QUALITY = 75
_STEPS_PER_PX = 2  # landmarks: half a pixel
_TEXTS = ("file", "set", "identity", "split")
_ZERO = 64  # the byte of depth 0


def pack(cache_dir: Path, file: Path, sets: Sequence[str] = SETS, limit_bytes: int = LIMIT_BYTES) -> int:
    """Write as many faces as fit into one file, set after set; returns how many.

    Args:
        cache_dir: where the cache is.
        file: the .npz to write.
        sets: in the order of their worth: what does not fit is left out at the end.
        limit_bytes: the greatest size of the file.
    """
    faces = load_faces(cache_dir, sets, ("images", "mesh", "embeddings", "points5", "coverage"))
    overhead = topo.COUNT * 3 + 128 + 5 * 2 * 4 + 4 + 8 + 160  # bytes of one face beside its picture
    pictures: list[bytes] = []
    used = 0
    for image in faces.images:
        encoded = cv2.imencode(".webp", image[:, :, ::-1], [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1].tobytes()
        used += len(encoded) + overhead
        if used > limit_bytes:
            break
        pictures.append(encoded)
    count = len(pictures)
    landmarks = faces.mesh[:count, list(topo.MESH)] * _STEPS_PER_PX + [0, 0, _ZERO]
    unit = faces.embeddings[:count]
    largest = np.abs(unit).max(1)
    columns: dict[str, Any] = {
        "pictures": np.frombuffer(b"".join(pictures), np.uint8),
        "ends": np.cumsum([len(p) for p in pictures]),
        "landmarks": landmarks.round().clip(0, 255).astype(np.uint8),
        "embeddings": (unit / largest[:, None] * 127).round().astype(np.int8),
        "largest": largest,
        "points5": faces.points5[:count],
        "coverage": faces.coverage[:count],
    }
    columns |= {f"text_{name}": np.char.encode(getattr(faces, name)[:count]) for name in _TEXTS}
    np.savez(file, **columns)
    return count


def unpack(file: Path, cache_dir: Path) -> None:
    """Write the cache of a packed file, one folder a set; mesh points that were left out are 0.

    Raises:
        BadInput: the file is not there or is no packed cache.
    """
    try:
        with np.load(file) as stored:
            columns = {name: stored[name] for name in stored.files}
        ends = columns["ends"]
        images = _decode(columns["pictures"], ends)
    except (OSError, KeyError, ValueError) as error:
        raise BadInput(f"{file} is not a packed cache of faces: {error}") from error
    count = len(ends)
    mesh = np.zeros((count, MESH_POINTS, 3), np.float32)
    mesh[:, list(topo.MESH)] = (columns["landmarks"].astype(np.float32) - [0, 0, _ZERO]) / _STEPS_PER_PX
    embeddings = columns["embeddings"].astype(np.float32) * (columns["largest"][:, None] / 127)
    arrays = {
        "images": images,
        "crops112": np.zeros((count, 0), np.uint8),
        "mesh": mesh,
        "embeddings": embeddings.astype(np.float32),
        "points5": columns["points5"],
        "coverage": columns["coverage"],
    }
    texts = {name: np.char.decode(columns[f"text_{name}"]) for name in _TEXTS}
    for set_name in np.unique(texts["set"]):
        rows = np.flatnonzero(texts["set"] == set_name)
        kept = [_picture(texts, columns, int(row)) for row in rows]
        publish(cache_dir, str(set_name), {name: array[rows] for name, array in arrays.items()}, kept)


def _picture(texts: dict[str, NDArray[Any]], columns: dict[str, NDArray[Any]], row: int) -> Picture:
    file, set_name, identity, split = (str(texts[name][row]) for name in _TEXTS)
    return Picture(file, set_name, identity, split, float(columns["coverage"][row]), columns["points5"][row] / 128)


def _decode(pictures: NDArray[np.uint8], ends: NDArray[np.int64]) -> NDArray[np.uint8]:
    images = []
    for part in np.split(pictures, ends[:-1]):
        bgr = cv2.imdecode(part, cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError("a picture cannot be decoded")
        images.append(bgr[:, :, ::-1])
    return np.asarray(images, np.uint8)


def main(argv: Sequence[str] | None = None) -> None:
    """Pack or unpack from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("pack", "unpack"))
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--file", type=Path, required=True)
    options = parser.parse_args(argv)
    if options.what == "pack":
        print(f"{pack(options.cache, options.file)} faces packed into {options.file}")
    else:
        unpack(options.file, options.cache)


if __name__ == "__main__":
    main()
