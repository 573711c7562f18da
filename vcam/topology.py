"""The 157 landmarks: which points of the face they are, and the groups they form.

They are a subset of the 468 points of MediaPipe's face mesh (Kartynnik et al., "Real-time Facial
Surface Geometry from Monocular Video on Mobile GPUs", 2019): contour, lips, eyelids, brows, nose
and cheeks. ``MESH`` holds the mesh's own numbers; everything else indexes into the 157.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
         150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip
_LIPS_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146)
_LIPS_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
_EYE_LEFT = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
_EYE_RIGHT = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
_BROW_LEFT = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
_BROW_RIGHT = (336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
_NOSE = (168, 6, 197, 195, 5, 4, 1, 2, 98, 327, 49, 279, 129, 358)
_CHEEKS = (50, 280, 205, 425, 187, 411, 101, 330, 36, 266, 9, 8, 151, 199, 18)

_GROUPS = (_OVAL, _LIPS_OUTER, _LIPS_INNER, _EYE_LEFT, _EYE_RIGHT, _BROW_LEFT, _BROW_RIGHT, _NOSE, _CHEEKS)
_ENDS = np.cumsum([0, *(len(g) for g in _GROUPS)])

MESH: tuple[int, ...] = sum(_GROUPS, ())
COUNT = len(MESH)


def _span(group: int) -> NDArray[np.intp]:
    return np.arange(_ENDS[group], _ENDS[group + 1], dtype=np.intp)


OVAL = _span(0)  # closed polygon, from the top of the forehead to the image's right and round
LIPS_OUTER = _span(1)  # closed polygon, from the image's left corner along the upper lip
LIPS_INNER = _span(2)  # closed polygon, the same way
EYE_LEFT = _span(3)  # closed polygon of the lids, image's left eye, from its outer corner along the upper lid
EYE_RIGHT = _span(4)  # image's right eye, from its outer corner along the upper lid
BROW_LEFT = _span(5)  # closed polygon, upper edge then lower edge
BROW_RIGHT = _span(6)
NOSE = _span(7)
CHEEKS = _span(8)
EYES = np.concatenate([EYE_LEFT, EYE_RIGHT])
EYE_GROWN = 1.3  # of the lids' contour: lashes belong to the eye, and a worn lid would cut through them
BROWS = np.concatenate([BROW_LEFT, BROW_RIGHT])
LIPS = np.concatenate([LIPS_OUTER, LIPS_INNER])


def _at(mesh_number: int) -> int:
    return MESH.index(mesh_number)


NOSE_TIP = _at(1)
MOUTH_LEFT = _at(61)
MOUTH_RIGHT = _at(291)
LIP_UPPER = _at(13)  # inner edge, middle
LIP_LOWER = _at(14)
LID_UPPER_LEFT, LID_LOWER_LEFT = _at(159), _at(145)
LID_UPPER_RIGHT, LID_LOWER_RIGHT = _at(386), _at(374)
EYE_OUTER_LEFT, EYE_INNER_LEFT = _at(33), _at(133)
EYE_OUTER_RIGHT, EYE_INNER_RIGHT = _at(263), _at(362)
CHIN = _at(152)
FOREHEAD = _at(10)
_FOREHEAD_NARROWING = 0.6  # of the brows' width, for each unit of height: foreheads are round


def landmarks5_from(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The five points of the aligning templates, from the dense ones.

    Args:
        landmarks: float32 (157, 2), any frame of coordinates.

    Returns:
        float32 (5, 2): eye centres (image left, right), nose tip, mouth corners (left, right).
    """
    eyes = [landmarks[EYE_LEFT].mean(0), landmarks[EYE_RIGHT].mean(0)]
    return np.stack([*eyes, landmarks[NOSE_TIP], landmarks[MOUTH_LEFT], landmarks[MOUTH_RIGHT]]).astype(np.float32)


def above_brows(landmarks: NDArray[np.float32], height: float) -> NDArray[np.float32]:
    """Points over the brows, nearer together the higher: a raised brow must not stick out of a mask.

    Args:
        landmarks: float32 (157, 2), any frame of coordinates.
        height: how far above, in distances from the brows' middle to the mouth's.

    Returns:
        float32 (20, 2).
    """
    brows = landmarks[BROWS]
    middle, mouth = brows.mean(0), landmarks[[MOUTH_LEFT, MOUTH_RIGHT]].mean(0)
    narrowed = middle + (brows - middle) * (1 - _FOREHEAD_NARROWING * abs(height))
    return np.asarray(narrowed + height * (middle - mouth), np.float32)


def mirrored_order() -> NDArray[np.intp]:
    """Permutation p such that ``flipped[i]`` is the mirror twin of point ``p[i]``.

    Polygons are walked in mirrored order, so a flipped picture's landmarks are
    ``(W - 1 - x, y)`` of ``landmarks[mirrored_order()]``.
    """

    def reverse_from_start(span: NDArray[np.intp]) -> NDArray[np.intp]:
        return np.concatenate([span[:1], span[:0:-1]])

    def swap_ends(span: NDArray[np.intp]) -> NDArray[np.intp]:
        half = len(span) // 2  # 0 = left corner, half = right corner
        return np.concatenate([span[half::-1], span[:half:-1]])

    pairs = {50: 280, 205: 425, 187: 411, 101: 330, 36: 266, 98: 327, 49: 279, 129: 358}
    pairs |= {v: k for k, v in pairs.items()}
    single = [_at(pairs.get(MESH[i], MESH[i])) for i in np.concatenate([NOSE, CHEEKS])]
    brow_right_upper_first = np.concatenate([BROW_RIGHT[4::-1], BROW_RIGHT[:4:-1]])
    brow_left_upper_first = np.concatenate([BROW_LEFT[4::-1], BROW_LEFT[:4:-1]])
    return np.concatenate(
        [
            reverse_from_start(OVAL),
            swap_ends(LIPS_OUTER),
            swap_ends(LIPS_INNER),
            EYE_RIGHT,
            EYE_LEFT,
            brow_right_upper_first,
            brow_left_upper_first,
            np.array(single, dtype=np.intp),
        ]
    )
