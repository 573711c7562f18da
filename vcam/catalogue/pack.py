"""The embedded pack: small networks that our own training code made, shipped with the program.

``models/pack.json`` lists each file with its SHA-256; a file is checked against it before it is loaded.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vcam.errors import ModelCorrupt, ModelMissing
from vcam.types import Embedding

_REPAIR = "install facewarp-cam again, or give another folder with --models"


@dataclass(frozen=True, slots=True)
class NetFile:
    """One network of the pack.

    Attributes:
        name: detector, landmarks, embedder, regions, identity or generator.
        path: the ONNX file.
        sha256: hex digest that the file must have.
        licence: terms of the weights.
    """

    name: str
    path: Path
    sha256: str
    licence: str


@dataclass(frozen=True, slots=True)
class BuiltInFace:
    """A source face of nobody: a point in the identity space, and a picture our generator made of it.

    Attributes:
        id: stable short name.
        name: what the user reads.
        embedding: float32 (512,) unit length.
        picture: PNG, an aligned crop (``ffhq_512`` template).
    """

    id: str
    name: str
    embedding: Embedding
    picture: Path


def find_models_folder() -> Path:
    """Where the pack lies: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_models"
    return installed if installed.is_dir() else package.parent / "models"


def find_clip(folder: Path | None = None) -> Path:
    """The clip of nobody that comes with the program: a drawn head that speaks, 1280x720.

    Raises:
        ModelMissing: it is not there.
    """
    clip = (folder or find_models_folder()) / "actor.mp4"
    if not clip.is_file():
        raise ModelMissing(f"the clip {clip} is missing; {_REPAIR}")
    return clip


def read_pack(folder: Path) -> dict[str, NetFile]:
    """The pack's networks by name.

    Raises:
        ModelMissing: there is no ``pack.json`` in the folder.
        ModelCorrupt: ``pack.json`` cannot be understood.
    """
    listing = folder / "pack.json"
    try:
        rows = json.loads(listing.read_text(encoding="utf-8"))["nets"]
        return {
            row["name"]: NetFile(row["name"], folder / row["file"], row["sha256"], row.get("licence", ""))
            for row in rows
        }
    except FileNotFoundError as error:
        raise ModelMissing(f"there is no list of models at {listing}; {_REPAIR}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelCorrupt(f"the list of models {listing} cannot be read ({error}); {_REPAIR}") from error


def verify(net: NetFile) -> NetFile:
    """Check the file against its SHA-256.

    Raises:
        ModelMissing: it is not there.
        ModelCorrupt: it is another file; the sentence names both digests.
    """
    try:
        found = hashlib.sha256(net.path.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise ModelMissing(f"the {net.name} model is missing: {net.path}; {_REPAIR}") from error
    except OSError as error:
        raise ModelCorrupt(f"the {net.name} model {net.path} cannot be read ({error.strerror}); {_REPAIR}") from error
    if found != net.sha256:
        raise ModelCorrupt(
            f"the {net.name} model {net.path} is damaged or another file: its SHA-256 is {found}, "
            f"expected {net.sha256}; {_REPAIR}"
        )
    return net


def has_net(name: str, folder: Path | None = None) -> bool:
    """Whether the pack lists a network of that name; its file is not looked at.

    Raises:
        ModelMissing, ModelCorrupt: the list is not there or cannot be understood.
    """
    return name in read_pack(folder or find_models_folder())


def net_file(name: str, folder: Path | None = None) -> Path:
    """Path of a verified network of the pack.

    Raises:
        ModelMissing: the pack has no network of that name, or its file is not there.
        ModelCorrupt: the file is not the one listed.
    """
    folder = folder or find_models_folder()
    pack = read_pack(folder)
    if name not in pack:
        raise ModelMissing(f"the pack {folder} has no {name} model (it has {', '.join(pack) or 'none'}); {_REPAIR}")
    return verify(pack[name]).path


def built_in_faces(folder: Path | None = None) -> tuple[BuiltInFace, ...]:
    """The source faces that come with the program, in the order of the list.

    Raises:
        ModelMissing: the list is not there.
        ModelCorrupt: the list cannot be understood.
    """
    folder = folder or find_models_folder()
    try:
        rows = json.loads((folder / "faces.json").read_text(encoding="utf-8"))
        with np.load(folder / "faces.npz") as data:
            vectors = dict(zip(data["ids"].tolist(), data["embeddings"], strict=True))
        return tuple(
            BuiltInFace(
                row["id"],
                row["name"],
                np.asarray(vectors[row["id"]], np.float32),
                folder / "faces" / f"{row['id']}.png",
            )
            for row in rows
        )
    except FileNotFoundError as error:
        raise ModelMissing(f"the built-in faces are missing: {error.filename}; {_REPAIR}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelCorrupt(f"the built-in faces in {folder} cannot be read ({error}); {_REPAIR}") from error
