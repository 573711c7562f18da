"""The list of the embedded pack, ``models/pack.json``: written whenever a net is exported."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

RESEARCH_LICENCE = "research and personal use only (trained on data sets for non-commercial research)"


def register(models_dir: Path, name: str, file: str, licence: str = RESEARCH_LICENCE) -> None:
    """Enter a file, with its size and SHA-256, into the pack's list, in place of an older one of that name.

    Args:
        models_dir: the folder of the pack.
        name: the net's name in the catalogue, for example ``generator``.
        file: the file's name inside ``models_dir``; it must be there.
        licence: the terms of the weights.
    """
    listing = models_dir / "pack.json"
    rows = json.loads(listing.read_text(encoding="utf-8"))["nets"] if listing.exists() else []
    content = (models_dir / file).read_bytes()
    row = {
        "name": name,
        "file": file,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "licence": licence,
    }
    rows = sorted([*(other for other in rows if other["name"] != name), row], key=lambda r: r["name"])
    write_atomically(listing, (json.dumps({"nets": rows}, indent=2) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the place and move there, so that nobody ever reads half a file."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
