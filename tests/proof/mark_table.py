"""The table of what the mark outlives, for the docs: ``make mark-table`` writes ``vcam/safeguards/MARK.md``.

It is made of the same cells as the rows of ``make proof-safeguards``; those that are kept are not measured again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from proof import mark_rig
from proof.pytest_rows import ROOT
from proof.safeguards import KBPS, SIZES, TABLE_CODECS, TABLE_FRAMES, attack_cell, measure_cells, table_cell

PAGE = ROOT / "vcam" / "safeguards" / "MARK.md"
HEAD = f"""# What the invisible mark outlives

Made by `make mark-table` from {{count}} talking heads of {TABLE_FRAMES} frames at 30 a second, shown as a 720p camera
shows them. Live settings: x264 veryfast zerolatency, VP8 and VP9 realtime cpu-used 8, SVT-AV1 preset 10; one key frame.
Asked: the payload right within 30 frames from 600 kbps on, within 60 at 300.

For each clip: after how many frames `facewarp verify` had read the payload; "-" where it had not after {TABLE_FRAMES}.
"""


def lines() -> Iterator[str]:
    """The page, line by line; cells that are missing are measured."""
    clips = mark_rig.clips()
    measure_cells()
    yield HEAD.format(count=len(clips))
    yield "| codec | size | " + " | ".join(f"{kbps} kbps" for kbps in KBPS) + " |"
    yield "| --- " * (2 + len(KBPS)) + "|"
    for codec in TABLE_CODECS:
        for size_wh in SIZES:
            cells = [[table_cell(clip, codec, size_wh, kbps) for clip in clips] for kbps in KBPS]
            shown = [" ".join(str(cell["frames"]) if cell["right"] else "-" for cell in row) for row in cells]
            yield f"| {codec} | {size_wh[1]}p | " + " | ".join(shown) + " |"
    yield "\nWhat people do to recordings, then x264. z is the strength, in brackets where it was not read.\n"
    yield "| done to it | kbps | frames | payload right | z |"
    yield "| --- | --- | --- | --- | --- |"
    for name, (_, kbps, count, _) in mark_rig.ATTACKS.items():
        cells = [attack_cell(clip, name) for clip in clips]
        right = sum(cell["right"] for cell in cells)
        strengths = " ".join(f"{cell['z']:.0f}" if cell["right"] else f"({cell['z']:.0f})" for cell in cells)
        yield f"| {name} | {kbps} | {count} | {right} of {len(cells)} | {strengths} |"


def main() -> int:
    """Write the page; 1 if there are no clips to measure on."""
    if not mark_rig.clips():
        print(
            f"facewarp: there are no clips in {mark_rig.DATA / 'clips'}; name a folder: FACEWARP_DATA", file=sys.stderr
        )
        return 1
    PAGE.write_text("\n".join(lines()) + "\n", encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
