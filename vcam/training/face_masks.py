"""The places of a face that the generator's losses tell apart."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology as topo
from vcam.training.pairs import polygon_mask

Plane = NDArray[np.uint8]

FOREHEAD_HEIGHT = 0.35  # the face area reaches so far above the brows: a raised one would stay as a ghost
AROUND_EYE = 2.2  # of the lids' contour: there dots are painted that pass for lids and corners
EDGE_INSIDE = 0.8  # of the oval: outside of it hair is painted beside the real hair, which helps recognisers alone
BROW_MARGIN = 0.08  # so far above the brows the identity is still looked for
_ROUND_BROWS_PX = (15, 9)  # rows and columns of 128 that a brow is widened by: there bright lines set it off
OPENING_EDGE_PX = 0.7  # of 128: how softly the swap ends at the lips' and the lids' inner edge


class FaceMasks(NamedTuple):
    """The places of a face: uint8 (128, 128) each, 255 = there.

    Attributes:
        area: what is swapped, with a soft edge: without what lies between lips and between lids.
        core: the same without the forehead.
        detail: mouth, eyes and brows.
        inside: what lies between lips and between lids.
        cheeks: of the core, below the eyes and beside nose and mouth.
        round_eyes: the skin round the eyes.
        round_brows: the brows and the skin round them.
        jaw: the skin round the lips, down to the chin.
        edge: forehead and temples, from the face's edge inwards.
    """

    area: Plane
    core: Plane
    detail: Plane
    inside: Plane
    cheeks: Plane
    round_eyes: Plane
    round_brows: Plane
    jaw: Plane
    edge: Plane


def face_masks(points: NDArray[np.float32]) -> FaceMasks:
    """The places of a face whose landmarks lie at ``points``, float32 (157, 2) pixels of the 128."""
    inside = polygon_mask(points[topo.LIPS_INNER], 0.95)
    for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
        inside |= polygon_mask(points[eye], topo.EYE_GROWN)
    brows = np.concatenate([points[topo.BROWS], topo.above_brows(points, FOREHEAD_HEIGHT)])
    area = cv2.blur(polygon_mask(points[topo.OVAL], 1.06) | polygon_mask(_hull(brows)), (9, 9))
    area = np.minimum(area, 255 - cv2.GaussianBlur(inside, (0, 0), OPENING_EDGE_PX))
    oval = points[topo.OVAL]
    below = oval[oval[:, 1] > points[topo.BROWS][:, 1].mean()]
    core = polygon_mask(_hull(np.concatenate([below, points[topo.BROWS], topo.above_brows(points, BROW_MARGIN)])))
    core = np.minimum(cv2.blur(core, (9, 9)), area)
    detail = polygon_mask(points[topo.LIPS_OUTER], 1.15)
    for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
        detail |= polygon_mask(points[eye], 1.5)
    for brow in (topo.BROW_LEFT, topo.BROW_RIGHT):
        detail |= np.asarray(cv2.dilate(polygon_mask(_hull(points[brow])), np.ones((11, 7), np.uint8)), np.uint8)
    cheeks = np.where(detail > 0, 0, core)
    cheeks[: max(int(points[topo.EYES, 1].max()), 0)] = 0
    cheeks[cv2.dilate(polygon_mask(_hull(points[topo.NOSE])), np.ones((3, 3), np.uint8)) > 0] = 0
    round_eyes = np.zeros_like(inside)
    for eye in (topo.EYE_LEFT, topo.EYE_RIGHT):
        round_eyes |= cv2.dilate(polygon_mask(points[eye], AROUND_EYE), np.ones((7, 7), np.uint8)).astype(np.uint8)
    brows_only = [polygon_mask(_hull(points[brow])) for brow in (topo.BROW_LEFT, topo.BROW_RIGHT)]
    round_eyes[cv2.dilate(brows_only[0] | brows_only[1] | inside, np.ones((3, 3), np.uint8)) > 0] = 0
    round_brows = cv2.dilate(brows_only[0] | brows_only[1], np.ones(_ROUND_BROWS_PX, np.uint8))
    jaw = area.copy()
    jaw[: max(int(points[topo.NOSE_TIP, 1]), 0)] = 0
    jaw[polygon_mask(points[topo.LIPS_OUTER], 1.1) > 0] = 0
    edge = np.where((detail > 0) | (polygon_mask(oval, EDGE_INSIDE) > 0), 0, area)
    edge[max(int(points[topo.NOSE_TIP, 1]), 0) :] = 0  # below, a beard may be worn
    rings = np.minimum(round_eyes, area), np.minimum(round_brows, area)
    return FaceMasks(
        *(np.asarray(plane, np.uint8) for plane in (area, core, detail, inside, cheeks, *rings, jaw, edge))
    )


def _hull(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(cv2.convexHull(points)[:, 0], np.float32)
