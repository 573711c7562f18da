"""FaceMesh as a teacher of landmarks: the mean of several looks at one face.

One look is a poor label. Moved by 2 px of 128, FaceMesh contradicts itself by 2.8 % of the inter-eye distance, in
a mirrored picture by 4 %, and two such looks agree on the opening of the eyes only to r = .80 to .92 (measured on
400 unseen faces). Means over eight looks agree to 1.0 % and r = .98: that is what can be learnt, and measured against.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam import topology
from vcam.geometry import invert
from vcam.inference import open_session

MESH_SIZE = 192
MESH_POINTS = 468
# Shift in px of the 192, scale, roll in degrees; each is taken plain and mirrored.
LOOKS = ((0.0, 0.0, 1.0, 0.0), (4.0, -3.0, 0.96, 3.0), (-4.0, 3.0, 1.05, -3.0), (-2.0, -4.0, 1.0, 4.0))

Meshes = NDArray[np.float32]  # (N, 468, 3)


class Mesher:
    """FaceMesh (Kartynnik et al., 2019), asked several times."""

    def __init__(self, teachers_dir: Path):
        """Load the net.

        Raises:
            ModelMissing: the folder has no FaceMesh.onnx.
        """
        self._net = open_session(teachers_dir / "FaceMesh.onnx", 1, ())
        ((self._name, shape),) = self._net.inputs.items()
        self._channels_first = shape[1] == 3

    def looks(self, crop: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The mean of the plain looks, and of the mirrored ones, whose points are still in the teacher's order.

        Args:
            crop: uint8 (192, 192, 3) RGB, ffhq_512 template.

        Returns:
            Twice float32 (468, 3) px of the crop.
        """
        mirrored = np.ascontiguousarray(crop[:, ::-1])
        plain, other = (np.stack([self._look(c, *look) for look in LOOKS]).mean(0) for c in (crop, mirrored))
        other[:, 0] = MESH_SIZE - 1 - other[:, 0]
        return np.asarray(plain, np.float32), np.asarray(other, np.float32)

    def one_look(self, crop: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What a single look gives: float32 (468, 3) px of the crop (192, 192, 3)."""
        return self._look(crop, *LOOKS[0])

    def _look(self, crop: NDArray[np.uint8], right: float, down: float, scale: float, roll: float) -> Meshes:
        middle = (MESH_SIZE - 1) / 2
        matrix = np.asarray(cv2.getRotationMatrix2D((middle, middle), -roll, scale), np.float64)
        matrix[:, 2] += np.array([right, down])
        seen = cv2.warpAffine(crop, matrix, (MESH_SIZE, MESH_SIZE), borderMode=cv2.BORDER_REPLICATE)
        blob = seen[None].astype(np.float32) / np.float32(255)
        if self._channels_first:
            blob = np.ascontiguousarray(blob.transpose(0, 3, 1, 2))
        mesh = next(iter(self._net.run(**{self._name: blob}).values())).reshape(MESH_POINTS, 3)
        back = invert(matrix)
        mesh[:, :2] = mesh[:, :2] @ back[:, :2].T + back[:, 2]
        mesh[:, 2] /= scale
        return mesh


def join_looks(plain: Meshes, mirrored: Meshes) -> Meshes:
    """The mean of both kinds of looks, (N, 468, 3), once it is known which point is the twin of which."""
    return np.asarray((plain + mirrored[:, twins(plain)]) / 2, np.float32)


def twins(meshes: Meshes) -> NDArray[np.intp]:
    """(468,) the point that takes each one's place in a mirrored face.

    Those that the program uses are known by name; for the others the nearest one in the mirrored mean face stands.
    """
    face = meshes.mean(0)
    face = face - face.mean(0) * [1, 0, 0]
    apart = np.linalg.norm((face * [-1, 1, 1])[:, None] - face[None], axis=2)
    twin = (apart + apart.T).argmin(1)
    known = np.array(topology.MESH)
    twin[known] = known[topology.mirrored_order()]
    return twin


def to_side(meshes: Meshes, side: int) -> Meshes:
    """Meshes in px of the 192 as px of a crop of another side; a pixel's place is its middle."""
    scale = side / MESH_SIZE
    return np.asarray(meshes * scale + (scale - 1) / 2 * np.array([1, 1, 0]), np.float32)
