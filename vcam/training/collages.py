"""Training pictures of the detector: faces pasted on backgrounds, so that every label is known by its transform.

Convention:
    A box is what SCRFD (Guo et al., 2021) marks: forehead to chin, without the ears. From the face
    mesh's oval it follows by ``BOX_MARGINS``, fitted on 220 faces at 0 and 25 degrees of roll (mean IoU
    with SCRFD's own box .91), so it can be had for a turned face as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vcam import geometry, topology
from vcam.training import augment
from vcam.training.data import SIZE, Faces

BOX_MARGINS = np.array([0.0, -0.11, 0.0, 0.02])  # x1, y1, x2, y2 in units of the oval's width and height
SETS_ALONE = ("generated", "celebamask", "celeba_test")  # whole crops show one person; elsewhere others may look in
MOST_FACES = 5


@dataclass(frozen=True)
class Collage:
    """A picture and all faces in it.

    Attributes:
        image: uint8 (H, W, 3) RGB.
        boxes: float32 (K, 4) xyxy px, clipped to the picture.
        landmarks: float32 (K, 5, 2) px.
    """

    image: augment.Picture
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]


@dataclass(frozen=True)
class Scene:
    """What collages are like.

    Attributes:
        height_px: range of the faces' heights, spread evenly in their logarithm; the largest is
            also held below ``most`` of the picture's height.
        roll_deg: turned by up to this, either way.
        counts: probability of 0, 1, ... faces.
        distracted: whether faceless cuts of people and drawn hands lie about.
    """

    height_px: tuple[float, float] = (9.0, 215.0)
    most: float = 1.12
    roll_deg: float = 38.0
    counts: tuple[float, ...] = (0.15, 0.4, 0.2, 0.12, 0.08, 0.05)
    distracted: bool = True


def box_from_oval(oval: NDArray[np.floating]) -> NDArray[np.float32]:
    """The detector's box, float32 (4,) xyxy, from the mesh's 36 contour points."""
    box = geometry.box_of(oval)
    wh = box[2:] - box[:2]
    return np.asarray(box + np.concatenate([wh, wh]) * BOX_MARGINS, np.float32)


class CollageMaker:
    """Draws collages from cached faces of one split."""

    def __init__(self, faces: Faces, backgrounds: augment.Backgrounds, split: str, data_dir: Path | None = None):
        """Keep one split.

        Args:
            faces: needs images, mesh and points5.
            backgrounds: pictures without faces.
            split: "train" or "val".
            data_dir: where the original files are; faces shown larger than the cache's 128 px crop are read there.
        """
        self.chosen = np.flatnonzero(faces.split == split)
        self.images, self.points5, self.files = faces.images, faces.points5, faces.file
        self.ovals = faces.mesh[:, np.array(topology.MESH)[topology.OVAL], :2]
        self.alone = np.isin(faces.set, SETS_ALONE)
        self.backgrounds = backgrounds
        self.data_dir = data_dir
        self.tight = faces.set == "utk"  # re-cut from tighter crops: the files have another template

    def draw(self, rng: Generator, height: int, width: int, scene: Scene = Scene(), faults: bool = True) -> Collage:
        """One collage of ``height`` x ``width`` px."""
        image = self.backgrounds.draw(rng, height, width)
        if scene.distracted:
            image = self._distract(rng, image)
        boxes: list[NDArray[np.float32]] = []
        landmarks: list[NDArray[np.float32]] = []
        for _ in range(rng.choice(len(scene.counts), p=scene.counts)):
            image = self._paste(rng, image, scene, boxes, landmarks, faults)
        if faults:
            image = augment.camera_faults(image, rng)
        return Collage(
            image,
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(landmarks, np.float32).reshape(-1, 5, 2),
        )

    def _distract(self, rng: Generator, image: augment.Picture) -> augment.Picture:
        """Often add things that resemble a face in colour or texture but are none."""
        height, width = image.shape[:2]
        for _ in range(rng.poisson(0.7)):
            side = int(np.exp(rng.uniform(np.log(12), np.log(min(height, width)))))
            x, y = rng.integers(-side // 3, width - side // 2), rng.integers(-side // 3, height - side // 2)
            region = image[max(y, 0) : y + side, max(x, 0) : x + side]
            cut = self._faceless_cut(rng)
            region[:] = cv2.resize(cut, (region.shape[1], region.shape[0]), interpolation=cv2.INTER_AREA)
        if rng.random() < 0.15:
            side = max(height, width)
            mask = augment.draw_occluder(rng, side, rng.uniform(0.2, 0.8, 2) * side, side * rng.uniform(0.1, 0.5))
            skin = np.array([210, 160, 130]) * rng.uniform(0.35, 1.1)
            covered = np.zeros((side, side, 3), np.uint8)
            covered[:height, :width] = image
            image = augment.paint_occluder(rng, covered, mask, skin, self.backgrounds)[:height, :width]
        return np.ascontiguousarray(image)

    def _faceless_cut(self, rng: Generator) -> augment.Picture:
        """Hair, neck, clothes, a cheek: part of a crop that holds at most a third of the face's oval."""
        i = int(self.chosen[rng.integers(len(self.chosen))])
        low, high = self.ovals[i].min(0), self.ovals[i].max(0)
        for _ in range(8):
            side = int(rng.uniform(0.15, 0.6) * SIZE)
            x, y = rng.integers(0, SIZE - side + 1, 2)
            w, h = np.minimum(high, [x + side, y + side]) - np.maximum(low, [x, y])
            if max(w, 0) * max(h, 0) < 0.3 * np.prod(high - low):
                return np.asarray(self.images[i][y : y + side, x : x + side], np.uint8)
        return np.asarray(self.images[i][:24, :24], np.uint8)

    def _paste(self, rng: Generator, image: augment.Picture, scene: Scene, boxes: list[NDArray[np.float32]],
               landmarks: list[NDArray[np.float32]], faults: bool) -> augment.Picture:  # fmt: skip
        """Add one face unless it would hide another or lie mostly outside."""
        height, width = image.shape[:2]
        i = int(self.chosen[rng.integers(len(self.chosen))])
        oval, points5 = self.ovals[i].astype(np.float64), self.points5[i].astype(np.float64)
        largest = min(scene.height_px[1], scene.most * height)
        target = np.exp(rng.uniform(np.log(scene.height_px[0]), np.log(largest)))
        roll = float(np.clip(rng.normal(0, 14), -scene.roll_deg, scene.roll_deg))
        if rng.random() < 0.3:
            roll = rng.uniform(-scene.roll_deg, scene.roll_deg)
        scale = target / float(np.ptp(oval[:, 1]) * (1 + BOX_MARGINS[3] - BOX_MARGINS[1]))
        matrix = augment.centred_similarity(SIZE, roll, scale, np.zeros(2))
        if rng.random() < 0.5:
            matrix = geometry.compose(matrix, np.array([[-1.0, 0, SIZE - 1], [0, 1, 0]]))
            points5 = points5[[1, 0, 2, 4, 3]]
        box = box_from_oval(geometry.transform(oval, matrix))
        size = box[2:] - box[:2]
        spare = np.array([width, height]) - size
        wanted = rng.uniform(np.minimum(-0.25 * size, spare), np.maximum(spare + 0.25 * size, 0))
        matrix[:, 2] += wanted - box[:2]
        box = box_from_oval(geometry.transform(oval, matrix))
        clipped = np.clip(box, 0, [width, height, width, height]).astype(np.float32)
        shown = float(np.prod(clipped[2:] - clipped[:2]) / np.prod(size))
        if shown < 0.65 or any(_overlap(box, other) > 0.12 for other in boxes):
            return image
        image = self._composite(rng, image, i, matrix, oval, scale, boxes, faults)
        boxes.append(clipped)
        landmarks.append(geometry.transform(points5, matrix))
        return image

    def _composite(self, rng: Generator, image: augment.Picture, i: int, matrix: augment.Matrix,
                   oval: NDArray[np.floating], scale: float, others: list[NDArray[np.float32]],
                   faults: bool) -> augment.Picture:  # fmt: skip
        """Paste crop ``i``: the whole crop or the head alone, in front of the background but behind other faces."""
        crop, to_cache = self._sharpest(i, scale)
        head = _head_mask(rng, oval, whole=bool(self.alone[i]) and rng.random() < 0.5)
        if faults and rng.random() < 0.5:
            crop = augment.camera_faults(crop, rng)
        if faults and rng.random() < 0.15:
            crop = self._cover(rng, crop, oval / SIZE * crop.shape[0])
        crop_to_picture = geometry.compose(matrix, to_cache)
        crop, crop_to_picture = _shrink_first(crop, crop_to_picture)
        x1, y1, x2, y2 = _region_of(matrix, image.shape[0], image.shape[1])
        to_region = np.array([[0, 0, -x1], [0, 0, -y1]])
        size = (x2 - x1, y2 - y1)
        alpha = cv2.warpAffine(head, matrix + to_region, size)
        for other in others:
            a, b, c, d = np.round(other).astype(int)
            alpha[max(b - y1, 0) : max(d - y1, 0), max(a - x1, 0) : max(c - x1, 0)] = 0
        warped = cv2.warpAffine(crop, crop_to_picture + to_region, size, borderMode=cv2.BORDER_REPLICATE)
        region = image[y1:y2, x1:x2]
        region[:] = augment.blend(np.asarray(warped, np.uint8), region, np.asarray(alpha, np.uint8))
        return image

    def _cover(self, rng: Generator, crop: augment.Picture, oval: NDArray[np.floating]) -> augment.Picture:
        side = crop.shape[0]
        low, high = oval.min(0), oval.max(0)
        centre = (low + high) / 2 + rng.normal(0, 0.3, 2) * (high - low)
        mask = augment.draw_occluder(rng, side, centre, float((high - low).mean()) * rng.uniform(0.2, 0.55))
        skin = crop[int((low[1] + high[1]) / 2), int(low[0] * 0.7 + high[0] * 0.3)].astype(np.float64)
        return augment.paint_occluder(rng, crop, mask, skin, self.backgrounds)

    def _sharpest(self, i: int, scale: float) -> tuple[augment.Picture, augment.Matrix]:
        """The picture to paste and its ``picture_to_cached_crop``: the original file when it is shown large."""
        if self.data_dir is not None and scale > 1.1 and not self.tight[i]:
            bgr = cv2.imread(str(self.data_dir / str(self.files[i])), cv2.IMREAD_COLOR)
            if bgr is not None:
                factor = SIZE / bgr.shape[0]
                middle = 0.5 * factor - 0.5  # pixel centres
                picture = np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)
                return picture, np.array([[factor, 0, middle], [0, factor, middle]])
        return self.images[i], np.array([[1.0, 0, 0], [0, 1, 0]])


def _overlap(box: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Intersection over the smaller of the two."""
    wh = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    if (wh <= 0).any():
        return 0.0
    return float(np.prod(wh) / min(np.prod(box[2:] - box[:2]), np.prod(other[2:] - other[:2])))


def _region_of(crop_to_picture: augment.Matrix, height: int, width: int) -> tuple[int, int, int, int]:
    """The part x1, y1, x2, y2 of a picture that a 128 px crop touches; at least one pixel."""
    corners = geometry.transform(np.array([[0, 0], [SIZE, 0], [0, SIZE], [SIZE, SIZE]]), crop_to_picture)
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int) + 1
    x1, y1 = np.clip(low, 0, [width - 1, height - 1])
    x2, y2 = np.clip(high, [x1 + 1, y1 + 1], [width, height])
    return int(x1), int(y1), int(x2), int(y2)


def _head_mask(rng: Generator, oval: NDArray[np.floating], whole: bool) -> NDArray[np.uint8]:
    """What is pasted of a 128 px crop: all but a thin border, or an ellipse round the head with a soft edge."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    if whole:
        mask[2:-2, 2:-2] = 255
        return mask
    low, high = oval.min(0), oval.max(0)
    grow = rng.uniform(1.15, 1.9)
    centre = (low + high) / 2 - [0, 0.06 * grow * (high[1] - low[1])]
    axes = (high - low) / 2 * grow
    cv2.ellipse(mask, np.round(centre).astype(int).tolist(), np.round(axes).astype(int).tolist(), 0, 0, 360, 255, -1)
    mask[:2], mask[-2:], mask[:, :2], mask[:, -2:] = 0, 0, 0, 0
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 5)), np.uint8)


def _shrink_first(crop: augment.Picture, crop_to_picture: augment.Matrix) -> tuple[augment.Picture, augment.Matrix]:
    """Area-average a crop that will be shown much smaller, so that it does not alias."""
    scale = float(np.hypot(crop_to_picture[0, 0], crop_to_picture[1, 0]))
    if scale > 0.7:
        return crop, crop_to_picture
    side = max(int(crop.shape[0] * scale * 1.2), 8)
    factor = crop.shape[0] / side
    middle = 0.5 * factor - 0.5
    small = np.asarray(cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    return small, geometry.compose(crop_to_picture, np.array([[factor, 0, middle], [0, factor, middle]]))
