"""Reverse pseudo-inputs: a real picture is the answer, the input is that picture wearing another face.

The donor's face is warped onto the answer's landmarks by a thin-plate spline (Bookstein, 1989),
matched in colour and pasted with a feather; the generator must undo it. This is the reverse
supervision of "ReliableSwap" (Yuan et al., 2023) with the mesh engine as the pseudo swapper.

Convention:
    images: uint8 RGB (S, S, 3). landmarks: float32 (157, 2) in pixels, order of ``vcam.topology``.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology as topo
from vcam.training.data import SIZE

Picture = NDArray[np.uint8]
Points = NDArray[np.float32]

_OVAL_CONTROLS = topo.OVAL[::2]
_FEATURES = (topo.LIPS_OUTER[::2], topo.LIPS_INNER[::2], topo.EYE_LEFT, topo.EYE_RIGHT, topo.BROW_LEFT[:5],
             topo.BROW_RIGHT[:5], topo.NOSE, topo.CHEEKS)  # fmt: skip
_CONTROLS = np.concatenate([_OVAL_CONTROLS, *_FEATURES])
_GRID_STEPS = 32
_GRID = np.stack(np.meshgrid(*[np.arange(_GRID_STEPS + 1)] * 2), -1).reshape(-1, 2) / _GRID_STEPS
_STIFFNESS = 0.02


@dataclass(frozen=True, slots=True)
class Likeness:
    """What makes one face a fitting donor for another, in units of a just visible difference.

    Attributes:
        pose: float32 (N, 3) yaw, pitch, roll; 8 degrees = 1.
        expression: float32 (N, 4) mouth opening and width, eye opening, height of the mouth's corners.
    """

    pose: NDArray[np.float32]
    expression: NDArray[np.float32]


def head_pose(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Yaw, pitch, roll in degrees of each mesh against the mean face (Kabsch).

    Args:
        mesh: float32 (N, P, 3).

    Returns:
        float32 (N, 3).
    """
    centred = mesh - mesh.mean(1, keepdims=True)
    mean_face = centred.mean(0)
    mean_face[:, 0] -= mean_face[:, 0].mean()
    u, _, vt = np.linalg.svd(np.einsum("pi,npj->nij", mean_face, centred))
    reflection = np.sign(np.linalg.det(u @ vt))
    vt[:, 2] *= reflection[:, None]
    rotation = np.einsum("nij,njk->nki", u, vt)  # mean face -> mesh, column vectors
    yaw = np.degrees(np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2]))
    pitch = np.degrees(-np.arcsin(np.clip(rotation[:, 1, 2], -1, 1)))
    roll = np.degrees(np.arctan2(rotation[:, 1, 0], rotation[:, 1, 1]))
    return np.stack([yaw, pitch, roll], 1).astype(np.float32)


def likeness_of(landmarks: NDArray[np.float32]) -> Likeness:
    """Describe faces by their 3-D landmarks.

    Args:
        landmarks: float32 (N, 157, 3).
    """
    xy = landmarks[:, :, :2]
    between_eyes = np.linalg.norm(xy[:, topo.EYE_OUTER_LEFT] - xy[:, topo.EYE_OUTER_RIGHT], axis=1)

    def distance(a: int, b: int) -> NDArray[np.float32]:
        return np.asarray(np.linalg.norm(xy[:, a] - xy[:, b], axis=1) / between_eyes, np.float32)

    eyes = distance(topo.LID_UPPER_LEFT, topo.LID_LOWER_LEFT) + distance(topo.LID_UPPER_RIGHT, topo.LID_LOWER_RIGHT)
    corners = xy[:, [topo.MOUTH_LEFT, topo.MOUTH_RIGHT], 1].mean(1)
    middle = xy[:, [topo.LIP_UPPER, topo.LIP_LOWER], 1].mean(1)
    expression = np.stack(
        [
            distance(topo.LIP_UPPER, topo.LIP_LOWER) / 0.05,
            distance(topo.MOUTH_LEFT, topo.MOUTH_RIGHT) / 0.08,
            eyes / 2 / 0.025,
            (corners - middle) / between_eyes / 0.05,
        ],
        1,
    )
    return Likeness((head_pose(landmarks) / 8).astype(np.float32), expression.astype(np.float32))


def nearest(likeness: Likeness, wanted: int, candidates: NDArray[np.intp], *, with_expression: bool) -> int:
    """The candidate most like the wanted face in pose and, if asked, in expression."""
    return int(ranked(likeness, wanted, candidates, with_expression=with_expression)[0])


def ranked(likeness: Likeness, wanted: int, candidates: NDArray[np.intp], *, with_expression: bool) -> NDArray[np.intp]:
    """The candidates, those first that are most like the wanted face in pose and, if asked, in expression."""
    distance = ((likeness.pose[candidates] - likeness.pose[wanted]) ** 2).sum(1)
    if with_expression:
        distance += ((likeness.expression[candidates] - likeness.expression[wanted]) ** 2).sum(1)
    return candidates[distance.argsort(kind="stable")]


def _radial(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = ((a[:, None] - b[None]) ** 2).sum(-1)
    return squared * np.log(squared + 1e-9)


def thin_plate_field(
    points_from: NDArray[np.floating], points_to: NDArray[np.floating], size: int = SIZE
) -> NDArray[np.float32]:
    """Where each pixel of the warped picture comes from.

    Args:
        points_from: (N, 2) pixels in the picture that is warped.
        points_to: (N, 2) pixels where they shall come to lie.
        size: S, the side of both pictures in pixels.

    Returns:
        float32 (S, S, 2): for every pixel of the result its x, y in the picture.
    """
    source, target = points_from.astype(np.float64) / size, points_to.astype(np.float64) / size
    n = len(source)
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = _radial(target, target) + _STIFFNESS * np.eye(n)
    system[:n, n] = system[n, :n] = 1
    system[:n, n + 1 :] = target
    system[n + 1 :, :n] = target.T
    weights = np.linalg.solve(system, np.vstack([source, np.zeros((3, 2))]))
    coarse = _radial(_GRID, target) @ weights[:n] + weights[n] + _GRID @ weights[n + 1 :]
    field = (coarse.reshape(_GRID_STEPS + 1, _GRID_STEPS + 1, 2) * size).astype(np.float32)
    step = size / _GRID_STEPS
    enlarge = np.array([[step, 0, 0], [0, step, 0]], np.float32)
    return np.asarray(cv2.warpAffine(field, enlarge, (size, size), flags=cv2.INTER_LINEAR), np.float32)


def _blended_shape(answer: Points, donor: Points, share: float) -> Points:
    """The control points of the pseudo-input: a share of the donor's build, all of the answer's expression.

    Each feature moves towards the donor's place and width, but keeps the answer's opening: else the net
    would have to guess how far the mouth and the eyes are open.
    """
    parts = [answer[_OVAL_CONTROLS]]
    inner = np.concatenate(_FEATURES)
    shift = answer[inner].mean(0) - donor[inner].mean(0)
    for feature in _FEATURES:
        mine, theirs = answer[feature], donor[feature] + shift
        width = np.ptp(theirs[:, 0]) / max(float(np.ptp(mine[:, 0])), 1.0)
        scale = 1 + share * (np.clip(width, 0.7, 1.4) - 1)
        centre = mine.mean(0)
        parts.append((mine - centre) * scale + centre + share * (theirs.mean(0) - centre))
    return np.concatenate(parts).astype(np.float32)


def polygon_mask(points: NDArray[np.floating], grow: float = 1.0, size: int = SIZE) -> NDArray[np.uint8]:
    """A filled polygon, scaled about its centre: uint8 (S, S), 255 inside."""
    centre = points.mean(0)
    grown = (points - centre) * grow + centre
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.round(grown * 8).astype(np.int32)], 255, shift=3)
    return mask


def _paste_area(landmarks: Points, rng: np.random.Generator, size: int) -> NDArray[np.uint8]:
    """The face oval, a little smaller or larger, half the time with more or less of the forehead."""
    oval = landmarks[topo.OVAL].copy()
    if rng.random() < 0.5:
        oval[[0, 1, 2, 3, 4, -1, -2, -3, -4], 1] += rng.uniform(-6, 6) * size / SIZE
    return polygon_mask(oval, rng.uniform(0.86, 1.02), size)


def _match_colour(
    face: NDArray[np.float32], answer: NDArray[np.float32], area: NDArray[np.uint8], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Bring the warped face to the answer's colour: by statistics, or by low-frequency transfer."""
    inside = area > 0
    if rng.random() < 0.5:
        wanted, wanted_spread = answer[inside].mean(0), answer[inside].std(0)
        mean, spread = face[inside].mean(0), face[inside].std(0)
        matched = (face - mean) * np.clip(wanted_spread / (spread + 1e-3), 0.6, 1.6) + wanted
    else:
        sigma = rng.uniform(7, 16) / 4  # at 32 px: so smooth a thing is all there
        weight = area.astype(np.float32)[..., None] / 255
        small = (SIZE // 4, SIZE // 4)
        packed = cv2.resize(np.dstack([(answer - face) * weight, weight]), small, interpolation=cv2.INTER_AREA)
        blurred = cv2.GaussianBlur(packed, (0, 0), sigma)
        low = blurred[..., :3] / (blurred[..., 3:] + 1e-3)
        matched = face + cv2.resize(low, area.shape, interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.3:
        matched = matched + rng.normal(0, 6, 3)
    return np.asarray(matched, np.float32)


def _keep_own(area: NDArray[np.float32], landmarks: Points, rims: NDArray[np.uint8] | None) -> NDArray[np.float32]:
    """Leave the answer's own mouth interior, eyes and rims in the input: teeth, gaze and glasses are the target's."""
    size = area.shape[0]
    kept = polygon_mask(landmarks[topo.LIPS_INNER], size=size)
    for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
        kept |= polygon_mask(landmarks[eye], size=size)
    if rims is not None:
        kept |= np.asarray(cv2.dilate(rims, np.ones((3, 3), np.uint8)), np.uint8)
    soft = cv2.GaussianBlur(kept, (0, 0), 0.8 * size / SIZE).astype(np.float32) / 255
    return np.asarray(area * (1 - soft), np.float32)


def pseudo_input(
    answer: Picture,
    answer_landmarks: Points,
    donor: Picture,
    donor_landmarks: Points,
    rng: np.random.Generator,
    rims: NDArray[np.uint8] | None = None,
) -> Picture:
    """The answer wearing the donor's face.

    Args:
        answer: the real picture the generator shall give back; both pictures have the same side S.
        answer_landmarks: its (157, 2) landmarks.
        donor: a picture of somebody else in a like pose.
        donor_landmarks: its landmarks.
        rng: every choice comes from here.
        rims: uint8 (S, S), 255 on the rims of glasses that the answer wears, and the input shall.
    """
    shape = _blended_shape(answer_landmarks, donor_landmarks, rng.uniform(0, 0.6))
    size = answer.shape[0]
    field = thin_plate_field(donor_landmarks[_CONTROLS], shape, size)
    worn = cv2.remap(donor, field[..., 0], field[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    area = _paste_area(answer_landmarks, rng, size)
    if np.count_nonzero(area) < size**2 // 80:
        return answer
    real = answer.astype(np.float32)
    matched = _match_colour(worn.astype(np.float32), real, area, rng)
    feather = np.asarray(cv2.GaussianBlur(area, (0, 0), rng.uniform(1.5, 4) * size / SIZE), np.float32) / np.float32(
        255
    )
    share = _keep_own(feather, answer_landmarks, rims)[..., None]
    return np.asarray(np.clip(real + (matched - real) * share, 0, 255), np.uint8)
