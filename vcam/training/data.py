"""The cache of faces that every training run reads: pictures cut and labelled once by the teachers.

A data folder holds ``faces/index.csv`` (file, set, identity, split, coverage, five points as
fractions of the crop), the pictures it names, and ``teachers/``. The cache is one folder per set
with memory-mapped arrays, moved into place when complete, so that training can begin on the first
sets while the others are still being read.

Convention:
    images: uint8 RGB, 128 px, ffhq_512 template. crops112: uint8 RGB, arcface_112 template.
    large: images at 256 px, of those sets whose pictures have so much.
    mesh: FaceMesh's 468 points, x, y in pixels of the 128 px crop, z in the same unit.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch.nn import functional

from vcam.errors import BadInput
from vcam.geometry import ARCFACE_112, FFHQ_512, similarity, transform
from vcam.training.mesher import MESH_POINTS, MESH_SIZE, Mesher, join_looks, to_side
from vcam.training.teachers import Teacher

SIZE = 128
LARGE = 2 * SIZE
EMBEDDER_SIZE = 112
SETS = ("generated", "celebamask", "celeba_wild", "celeba_test", "lfw", "utk")
IDENTITY_SETS = tuple(name for name in SETS if name != "lfw")  # whose people are learnt: LFW's pairs are a test
ARRAYS = ("images", "crops112", "mesh", "embeddings", "points5", "coverage")
_TEMPLATES = {"utk": ARCFACE_112}  # every other set is aligned to ffhq_512
_BATCH = 32
SHARP_SETS = ("generated", "celebamask", "celeba_wild")  # stored at 256 px: good enough to be answers
_FACE_BYTES = SIZE**2 * 3 + EMBEDDER_SIZE**2 * 3 + MESH_POINTS * 12 + 1024
ORIGINS = ("white", "black", "asian", "indian", "other")  # UTKFace's own labels 0..4; it has none for skin tone
AGES = ((16, 24), (25, 39), (40, 59), (60, 120))


@dataclass(frozen=True, slots=True)
class Picture:
    """One row of the index."""

    file: str
    set: str
    identity: str
    split: str
    coverage: float
    points5: NDArray[np.float64]  # (5, 2) fractions of the crop


@dataclass(frozen=True, slots=True)
class Faces:
    """Cached faces; all arrays have the same length N.

    Attributes:
        images: uint8 (N, 128, 128, 3) RGB, ffhq_512.
        crops112: uint8 (N, 112, 112, 3) RGB, arcface_112, cut from the file's own resolution.
        mesh: float32 (N, 468, 3).
        embeddings: float32 (N, 128), the teacher's, not normalised.
        points5: float32 (N, 5, 2) pixels of the 128 px crop.
        coverage: float32 (N,) share of the crop inside the original picture.
        identity: (N,) strings.
        split: (N,) "train" or "val".
        set: (N,) strings.
        file: (N,) paths inside the data folder.
    """

    images: NDArray[np.uint8]
    crops112: NDArray[np.uint8]
    mesh: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    points5: NDArray[np.float32]
    coverage: NDArray[np.float32]
    identity: NDArray[np.str_]
    split: NDArray[np.str_]
    set: NDArray[np.str_]
    file: NDArray[np.str_]

    def __len__(self) -> int:
        """How many faces there are."""
        return len(self.file)


def read_index(data_dir: Path) -> list[Picture]:
    """The rows of ``faces/index.csv``.

    Raises:
        BadInput: the folder has no index, or the index lacks a column.
    """
    path = data_dir / "faces" / "index.csv"
    if not path.is_file():
        raise BadInput(f"{data_dir} is not a data folder: {path} is missing (see the training section of CONTRIBUTING)")
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    try:
        return [_picture(row) for row in rows]
    except (KeyError, ValueError, TypeError) as error:
        raise BadInput(f"{path} cannot be read as an index of faces: {error}") from error


def _picture(row: dict[str, str]) -> Picture:
    points = np.array([float(row[f"{p}{axis}"]) for p in ("l", "r", "n", "ml", "mr") for axis in "xy"]).reshape(5, 2)
    return Picture(row["file"], row["set"], row["identity"], row["split"], float(row["coverage"]), points)


def cut_crop(image: NDArray[np.uint8], image_to_crop: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Warp a picture to a crop; smoothed first when it shrinks, reflected beyond its border."""
    scale = float(np.hypot(image_to_crop[0, 0], image_to_crop[1, 0]))
    if scale < 0.8:
        sigma = 0.5 * float(np.sqrt(1 / scale**2 - 1))
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    warped = cv2.warpAffine(
        image, image_to_crop, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(warped, np.uint8)


@dataclass(frozen=True, slots=True)
class _Cut:
    """One picture's crops."""

    image: NDArray[np.uint8]  # (128, 128, 3) RGB
    crop112: NDArray[np.uint8]  # (112, 112, 3) RGB
    mesh_crop: NDArray[np.uint8]  # (192, 192, 3) RGB
    points5: NDArray[np.float32]  # (5, 2) px of the 128 crop
    coverage: float


def _cut(picture: Picture, data_dir: Path) -> _Cut | None:
    """Read and cut one picture; None when it cannot be read."""
    bgr = cv2.imread(str(data_dir / picture.file), cv2.IMREAD_COLOR)
    if bgr is None:
        return None
    rgb = np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)
    side = rgb.shape[0]
    points = picture.points5 * side
    to_embedder = similarity(points, ARCFACE_112 * EMBEDDER_SIZE)
    crop112 = cut_crop(rgb, to_embedder, EMBEDDER_SIZE)
    if picture.set in _TEMPLATES:
        to_image = similarity(points, FFHQ_512 * SIZE)
        corners = transform(np.array([[0.0, 0], [side, 0], [side, side], [0, side]]), to_image)
        coverage = picture.coverage * _share_inside(corners)
        image = cut_crop(rgb, to_image, SIZE)
        mesh_crop = cut_crop(rgb, to_image * (MESH_SIZE / SIZE), MESH_SIZE)
        return _Cut(image, crop112, mesh_crop, transform(points, to_image), coverage)
    shrink = cv2.INTER_AREA if side >= SIZE else cv2.INTER_LINEAR
    image = np.asarray(cv2.resize(rgb, (SIZE, SIZE), interpolation=shrink), np.uint8)
    shrink = cv2.INTER_AREA if side >= MESH_SIZE else cv2.INTER_LINEAR
    mesh_crop = np.asarray(cv2.resize(rgb, (MESH_SIZE, MESH_SIZE), interpolation=shrink), np.uint8)
    return _Cut(image, crop112, mesh_crop, (picture.points5 * SIZE).astype(np.float32), picture.coverage)


def _share_inside(corners: NDArray[np.float32]) -> float:
    """The share of the 128 px crop that a convex quadrilateral covers."""
    crop = np.array([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]], np.float32)
    area, _ = cv2.intersectConvexConvex(corners, crop)
    return float(area) / SIZE**2


class _Labeller:
    """The teachers: FaceMesh for the points, MobileFaceNet for the embedding."""

    def __init__(self, data_dir: Path):
        self.mesher = Mesher(data_dir / "teachers")
        self.embedder = Teacher(data_dir / "teachers" / "liguiyuan_mfn.onnx").to(memory_format=torch.channels_last)

    def meshes(self, cuts: list[_Cut]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Plain and mirrored looks, (N, 468, 3) each, in pixels of the 128 px crop."""
        plain, mirrored = zip(*(self.mesher.looks(cut.mesh_crop) for cut in cuts), strict=True)
        return to_side(np.stack(plain), SIZE), to_side(np.stack(mirrored), SIZE)

    @torch.inference_mode()
    def embeddings(self, cuts: list[_Cut]) -> NDArray[np.float32]:
        """(N, 128) raw embeddings."""
        crops = torch.from_numpy(np.stack([c.crop112 for c in cuts])).permute(0, 3, 1, 2).float()
        embeddings, _ = self.embedder(crops)
        return embeddings.numpy()


def _batches(pictures: list[Picture], size: int) -> Iterator[list[Picture]]:
    for start in range(0, len(pictures), size):
        yield pictures[start : start + size]


def missing_sets(data_dir: Path, cache_dir: Path, wanted: Iterable[str]) -> dict[str, int]:
    """Those of some sets that the data folder has and the cache has not, each with its number of pictures.

    Raises:
        BadInput: a set is missing and the folder has no index, or it has none of the sets and neither has the cache.
    """
    absent = [name for name in wanted if not (cache_dir / name).is_dir()]
    if not absent:
        return {}
    counts = Counter(p.set for p in read_index(data_dir))
    missing = {name: counts[name] for name in absent if counts[name]}
    if not missing and set(absent) == set(wanted):
        raise BadInput(f"{data_dir / 'faces' / 'index.csv'} lists no picture of the sets {', '.join(absent)}")
    return missing


def cache_set(data_dir: Path, cache_dir: Path, set_name: str, advance: Callable[[int], object] = lambda _: None) -> int:
    """Cache one set; returns how many pictures could not be read.

    Args:
        data_dir: where the index and the teachers are.
        cache_dir: where the cache is.
        set_name: as the index names it.
        advance: called with the number of pictures done since the last call.

    Raises:
        BadInput: the set has no readable picture, or there is too little disk or memory.
    """
    pictures = [p for p in read_index(data_dir) if p.set == set_name]
    _check_disk(cache_dir, len(pictures) * _FACE_BYTES)
    check_memory(2 * len(pictures) * _FACE_BYTES, f"caching the set {set_name}")  # in parts, then joined
    labeller = _Labeller(data_dir)
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in (*ARRAYS, "mirrored")}
    kept: list[Picture] = []
    for batch in _batches(pictures, _BATCH):
        pairs = [(p, c) for p in batch if (c := _cut(p, data_dir)) is not None]
        advance(len(batch))
        if not pairs:
            continue
        kept += [p for p, _ in pairs]
        cuts = [c for _, c in pairs]
        mesh, mirrored = labeller.meshes(cuts)
        parts["images"].append(np.stack([c.image for c in cuts]))
        parts["crops112"].append(np.stack([c.crop112 for c in cuts]))
        parts["mesh"].append(mesh)
        parts["mirrored"].append(mirrored)
        parts["embeddings"].append(labeller.embeddings(cuts))
        parts["points5"].append(np.stack([c.points5 for c in cuts]))
        parts["coverage"].append(np.array([c.coverage for c in cuts], np.float32))
    if not kept:
        raise BadInput(f"no picture of the set {set_name!r} in {data_dir} could be read")
    arrays = {name: np.concatenate(part) for name, part in parts.items()}
    arrays["mesh"] = join_looks(arrays["mesh"], arrays.pop("mirrored"))
    publish(cache_dir, set_name, arrays, kept)
    if set_name in SHARP_SETS:
        cache_large(data_dir, cache_dir, set_name)
    return len(pictures) - len(kept)


def cache_large(data_dir: Path, cache_dir: Path, set_name: str) -> None:
    """Add to a cached set its pictures at 256 px: ``large.npy``, uint8 (N, 256, 256, 3) RGB.

    Raises:
        BadInput: a picture cannot be read any more, or there is too little disk.
    """
    with (cache_dir / set_name / "rows.csv").open(newline="", encoding="utf-8") as lines:
        files = [row["file"] for row in csv.DictReader(lines)]
    _check_disk(cache_dir, len(files) * LARGE**2 * 3)
    partial = cache_dir / set_name / "large.partial.npy"
    stored = np.lib.format.open_memmap(partial, "w+", np.uint8, (len(files), LARGE, LARGE, 3))
    for row, file in enumerate(files):
        stored[row] = read_large(data_dir / file)
    stored.flush()
    partial.rename(cache_dir / set_name / "large.npy")


def read_large(file: Path) -> NDArray[np.uint8]:
    """A picture that is aligned to the ffhq_512 template, at 256 px: uint8 (256, 256, 3) RGB.

    Raises:
        BadInput: it cannot be read.
    """
    bgr = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if bgr is None:
        raise BadInput(f"{file} cannot be read any more")
    return to_large(np.asarray(bgr[:, :, ::-1], np.uint8))


def to_large(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A square picture at 256 px."""
    how = cv2.INTER_AREA if image.shape[0] > LARGE else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (LARGE, LARGE), interpolation=how), np.uint8)


def points_to_large(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Places (N, 2) in px of a picture at 128 as px of the same at 256; a pixel's place is its middle."""
    return (points + np.float32(0.5)) * (LARGE // SIZE) - np.float32(0.5)


class LargePictures:
    """The cached faces at 256 px; those whose set has no larger pictures are enlarged."""

    def __init__(self, cache_dir: Path, faces: Faces):
        """Map what is cached; ``faces`` needs images."""
        self._images = faces.images
        self._large: list[NDArray[np.uint8] | None] = []
        self._first: list[int] = []
        for name in dict.fromkeys(faces.set.tolist()):
            path = cache_dir / name / "large.npy"
            self._large.append(np.load(path, mmap_mode="r") if path.is_file() else None)
            self._first.append(int(np.argmax(faces.set == name)))

    def __getitem__(self, row: int) -> NDArray[np.uint8]:
        """uint8 (256, 256, 3) RGB of a row of the faces."""
        part = int(np.searchsorted(self._first, row, side="right")) - 1
        large = self._large[part]
        return to_large(self._images[row]) if large is None else np.asarray(large[row - self._first[part]])


def _check_disk(cache_dir: Path, needed: int) -> None:
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"the folder {cache_dir} cannot be made ({error.strerror}); name another with --cache"
        ) from error
    free = shutil.disk_usage(cache_dir).free
    if free < needed:
        raise BadInput(f"{cache_dir} has {free / 1e9:.1f} GB free; the cache needs {needed / 1e9:.1f} GB more")


def check_memory(needed: int, what: str) -> None:
    """Refuse what would make the computer swap or the system end the run.

    Args:
        needed: bytes.
        what: for the sentence.

    Raises:
        BadInput: less is free.
    """
    free = psutil.virtual_memory().available
    if free < needed:
        raise BadInput(
            f"{what} needs {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; "
            "close other programs, or take fewer sets"
        )


def publish(cache_dir: Path, set_name: str, arrays: dict[str, NDArray[np.generic]], kept: list[Picture]) -> None:
    """Write a set beside its place and move it there, so that a reader never sees half a set."""
    partial = cache_dir / f".{set_name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(partial / f"{name}.npy", array)
    with (partial / "rows.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["file", "set", "identity", "split"])
        writer.writerows([p.file, p.set, p.identity, p.split] for p in kept)
    final = cache_dir / set_name
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)


def load_faces(cache_dir: Path, sets: Iterable[str], arrays: Iterable[str] = ARRAYS) -> Faces:
    """Load cached sets; sets that are not cached (yet) are left out.

    Args:
        cache_dir: where the cache is.
        sets: names out of ``SETS``.
        arrays: which arrays to load; the others are empty.

    Raises:
        BadInput: none of the sets is cached, or there is too little memory.
    """
    found = [cache_dir / name for name in sets if (cache_dir / name).is_dir()]
    if not found:
        raise BadInput(f"no set of faces is cached in {cache_dir}: facewarp train makes the cache")
    wanted = set(arrays)
    files = [folder / f"{name}.npy" for folder in found for name in wanted]
    check_memory(sum(file.stat().st_size for file in files if file.is_file()), "holding the faces")

    def column(name: str) -> NDArray[Any]:
        if name not in wanted:
            return np.empty(0)
        try:
            return np.concatenate([np.load(folder / f"{name}.npy", mmap_mode="r") for folder in found])
        except (OSError, ValueError) as error:
            raise BadInput(f"the cache in {cache_dir} is damaged ({error}); delete it, and it is made again") from error

    rows: list[dict[str, str]] = []
    for folder in found:
        with (folder / "rows.csv").open(newline="", encoding="utf-8") as lines:
            rows += csv.DictReader(lines)
    values: dict[str, NDArray[Any]] = {name: column(name) for name in ARRAYS}
    values |= {name: np.array([row[name] for row in rows]) for name in ("identity", "split", "set", "file")}
    return Faces(**values)


def unit_embeddings(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of unit length."""
    return functional.normalize(torch.from_numpy(embeddings), dim=1).numpy()


def labels_of(file: str) -> tuple[str, ...]:
    """``utk_AGE_SEX_ORIGIN_...`` -> age band, sex, origin; nothing for another set's file name."""
    parts = Path(file).name.split("_")
    if parts[0] != "utk" or len(parts) < 4:
        return ()
    age, sex, origin = (int(part) for part in parts[1:4])
    band = next((f"age {low}-{high}" for low, high in AGES if low <= age <= high), "age unknown")
    return band, "female" if sex else "male", ORIGINS[origin]


def main(argv: Sequence[str] | None = None) -> None:
    """Cache sets in the order given: ``python -m vcam.training.data --data DIR --cache DIR [SET ...]``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("sets", nargs="*", help=f"default: {' '.join(SETS)}")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    for name in options.sets or SETS:
        began = time.perf_counter()
        skipped = cache_set(options.data, options.cache, name)
        print(f"{name}: done in {time.perf_counter() - began:.0f} s, {skipped} unreadable pictures skipped", flush=True)


if __name__ == "__main__":
    main()
