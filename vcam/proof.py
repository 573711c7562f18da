"""Our claims, checked: ``make proof-camera`` and its sisters.

A proof is a module with ``rows() -> list[Row]``: one row for each claim of an issue that a machine can
judge. ``python -m vcam.proof NAME`` prints them, writes ``proof/NAME.json`` and exits 1 if one falls short.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

PROOFS = {
    "camera": "tests.proof.camera",
    "desktop": "tests.proof.desktop",
    "networks": "tests.proof.networks",
    "safeguards": "tests.proof.safeguards",
}
FOLDER = Path("proof")


@dataclass(frozen=True, slots=True)
class Row:
    """One claim.

    Attributes:
        row: what was measured.
        figure: what came out.
        bar: what it must be.
        ok: whether it is.
    """

    row: str
    figure: str
    bar: str
    ok: bool


def print_rows(rows: Iterable[Row]) -> list[Row]:
    """Print each row as it comes, ``row | figure | bar | ok``; all of them."""
    seen = []
    for row in rows:
        print(f"{row.row} | {row.figure} | {row.bar} | {'ok' if row.ok else 'FALLS SHORT'}", flush=True)
        seen.append(row)
    return seen


def main(arguments: list[str]) -> int:
    """Run one proof; 1 if a row falls short or nothing could be judged, 2 for an unknown name."""
    name = arguments[0] if len(arguments) == 1 else ""
    if name not in PROOFS:
        print(f"facewarp: there is no proof called {name!r}; there are {', '.join(PROOFS)}", file=sys.stderr)
        return 2
    rows = print_rows(importlib.import_module(PROOFS[name]).rows())
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    short = sum(not row.ok for row in rows)
    print(f"{len(rows) - short} of {len(rows)} rows hold")
    return 1 if short or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
