"""``facewarp verify``: does a photo or a recording carry the mark of this program?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcam.cli.arguments import Subparsers

if TYPE_CHECKING:
    from vcam.safeguards.provenance import Provenance
    from vcam.safeguards.verify import Finding
    from vcam.types import Image, Plane

CAVEAT = (
    "The mark is a label put on by people who use this program openly. Its absence proves nothing, and since the code "
    "is open, somebody could have put it there on purpose."
)


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "verify",
        help="look for the invisible mark in a photo, video or screen recording",
        description="Look for the invisible mark and the provenance record of this program. The answer is: present, "
        f"not found, or cannot tell. {CAVEAT}",
        epilog="Exit code: 0 present, 1 not found or cannot tell, 2 unreadable file.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="photo, video or screen recording")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--quick", action="store_true", help="only whole pictures: no search for cropped, inset or turned ones"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify one file; 0 if the mark is there.

    Raises:
        VcamError: the file cannot be read.
    """
    from tqdm import tqdm

    from vcam.pipeline.files import is_photo
    from vcam.safeguards.verify import Verdict, verify

    path: Path = arguments.file
    still = is_photo(path)
    with tqdm(unit=" frames", disable=None, file=sys.stderr, desc=path.name, total=1 if still else _count(path)) as bar:

        def advance(frames: int) -> None:
            bar.update(frames - bar.n)

        finding = verify(
            _photo_plane(path) if still else _video_planes(path),
            still=still,
            search_too=not arguments.quick,
            progress=advance,
        )
    provenance, unreadable = _provenance(path)
    if arguments.json:
        print(json.dumps(_as_json(path, finding, provenance), indent=1))
    else:
        print("\n".join(_as_text(path, finding, provenance.sentence() if provenance else unreadable)))
    return 0 if finding.verdict is Verdict.PRESENT else 1


def _count(path: Path) -> int | None:
    from vcam.video.files import probe_video

    return probe_video(path).frame_count or None


def _photo_plane(path: Path) -> Iterator[Plane]:
    from vcam.video.photos import read_photo

    yield _luma(read_photo(path))


def _video_planes(path: Path) -> Iterator[Plane]:
    from vcam.video.files import read_video

    for frame, _ in read_video(path):
        yield _luma(frame.image)


def _luma(image: Image) -> Plane:
    import cv2
    import numpy as np

    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)


def _provenance(path: Path) -> tuple[Provenance | None, str]:
    """The record; or None and why it cannot be read: the extra is missing, or the format carries none."""
    from vcam.safeguards.provenance import ProvenanceUnavailable, read_provenance

    try:
        return read_provenance(path), ""
    except ProvenanceUnavailable as error:
        return None, f"cannot be read: {error}"


def _as_json(path: Path, finding: Finding, provenance: Provenance | None) -> dict[str, Any]:
    payload = finding.payload
    return {
        "file": str(path),
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "payload": payload
        and {
            "version": payload.version,
            "kind": payload.kind.name.lower(),
            "hour": payload.time().isoformat(),
            "session": f"{payload.session:06x}",
        },
        "strength": round(finding.z, 2),
        "strength_needed": round(finding.least_z, 2),
        "false_alarm_at_most": finding.false_alarm,
        "frames_read": finding.frames_read,
        "frames_needed": finding.frames_needed,
        "place": finding.place and asdict(finding.place),
        "provenance": provenance and asdict(provenance) | {"sentence": provenance.sentence()},
        "caveat": CAVEAT,
    }


def _as_text(path: Path, finding: Finding, provenance: str) -> list[str]:
    lines = [f"{path.name}: {finding.verdict.value}", f"  {finding.reason}"]
    payload = finding.payload
    if payload:
        hour = payload.time().strftime("%Y-%m-%d %H:00 UTC")
        lines.append(f"  made by: {payload.kind.name.lower()}, hour: {hour}, session: {payload.session:06x}")
    if finding.place and finding.frames_needed:
        lines.append(
            f"  strength {finding.z:.1f}, needed {finding.least_z:.1f}; a picture without the mark matches so well "
            f"once in {1 / max(finding.false_alarm, 1e-300):.0e} times; {finding.frames_needed} frames were enough"
        )
        lines += ["  shown mirrored"] if finding.place.mirrored else []
        if finding.place.aspect:
            lines.append(f"  shown at {160 / finding.place.columns:.0%} of the picture's width")
    lines.append(f"  provenance: {provenance}")
    return [*lines, f"  {CAVEAT}"]
