"""The proof of the safeguards: ``make proof-safeguards``. Takes long the first time; finished cells are kept.

Each cell of the robustness table is kept in the folder FACEWARP_SCRATCH (default: .proof-cache in the checkout) under
the fingerprint of the code that made it, so that a stopped run goes on where it was and changed code starts anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from proof import mark_rig
from proof.pytest_rows import ROOT, rows_of_tests
from safeguards.test_gallery import MemoryKeys, add
from vcam.proof import Row
from vcam.safeguards.gallery import Gallery
from vcam.safeguards.provenance import is_available, read_provenance, sign_file, signing_key
from vcam.safeguards.vault import VaultDamaged, open_vault
from vcam.safeguards.verify import Finding, Verdict, verify
from vcam.safeguards.watermark import Marker
from vcam.safeguards.watermark_code import Kind, layout
from vcam.safeguards.watermark_reader import (
    WHOLE_WIDTH,
    cells_at,
    filtered,
    residual,
)
from vcam.types import VideoMode
from vcam.video.files_out import FileOutput

SCRATCH = Path(os.environ.get("FACEWARP_SCRATCH", ROOT / ".proof-cache"))
MARK_CODE = ("watermark.py", "watermark_code.py", "watermark_reader.py", "verify.py")
TABLE_CODECS = ("H.264", "VP8", "VP9", "AV1")
KBPS = (2000, 1000, 600, 300)
SIZES = ((1280, 720), (640, 360))
TABLE_FRAMES, FRAMES_AT_600, FRAMES_AT_300 = 60, 30, 60
RANDOM_KEYS, UNMARKED = 100_000, 500
DAMAGED_FILES = 10_000
BEYOND = ("35 % inset",)  # smaller than the mark is meant for; people will try it all the same


def rows() -> Iterator[Row]:
    """Every row, the quick ones first."""
    yield from cost_rows()
    yield from gallery_rows()
    yield from provenance_rows()
    yield from rows_of_tests("tests/safeguards", "tests/cli/test_verify.py", "-m", "not slow")
    yield from rows_of_tests("tests/daemon/test_without_network.py", "tests/device/test_call_round_trip.py")
    if not mark_rig.clips():
        yield Row("mark on clips", "no data", f"clips in {mark_rig.DATA / 'clips'}", False)
        return
    measure_cells(quality_cell, _searched_cell)
    yield from quality_rows()
    yield from false_alarm_rows()
    yield from table_rows()
    yield from attack_rows()


def cost_rows() -> Iterator[Row]:
    """Milliseconds of one core for each frame, the pattern's refresh included."""
    for (width, height), bar in (((1280, 720), 0.8), ((1920, 1080), 2.5)):
        random = np.random.default_rng(0)
        planes = [cv2.resize(random.integers(0, 255, (45, 80), np.uint8), (width, height)) for _ in range(4)]
        marker, threads = Marker(1, Kind.CAMERA), cv2.getNumThreads()
        cv2.setNumThreads(1)
        times = []
        for frame in range(240):
            began = time.thread_time()
            marker.mark_luma(planes[frame % 4])
            times.append((time.thread_time() - began) * 1e3)
        cv2.setNumThreads(threads)
        mean = float(np.mean(times[20:]))
        yield Row(
            f"mark, Y plane of {height}p", f"{mean:.2f} ms mean, {max(times[20:]):.2f} max", f"<= {bar} ms", mean <= bar
        )


def gallery_rows() -> Iterator[Row]:
    """Damaged files: each is found, none crashes, the other face stays as it was."""
    random = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gallery = Gallery(open_vault(folder, MemoryKeys()))
        good, bad = add(gallery, "Good"), add(gallery, "Bad", seed=1)
        targets = {folder / f"{bad.id}.face": gallery.load, folder / f"{bad.id}-0.photo": gallery.photos}
        whole = {path: path.read_bytes() for path in targets}
        found = crashed = 0
        for number in range(DAMAGED_FILES):
            path = list(targets)[number % 2]
            path.write_bytes(_damage(whole[path], random))
            try:
                targets[path](bad.id)
            except VaultDamaged:
                found += 1
            except Exception:  # noqa: BLE001 - a crash is what is counted
                crashed += 1
            path.write_bytes(whole[path])
        kept = gallery.photos(good.id) == gallery.photos(bad.id) and len(gallery.list_faces().faces) == 2
        every = sum(
            _refuses(gallery, bad.id, path, whole[path], at) for path in targets for at in range(len(whole[path]))
        )
    total = sum(map(len, whole.values()))
    figure = f"{found} of {DAMAGED_FILES} found, {crashed} crashes, other face {'whole' if kept else 'LOST'}"
    yield Row(
        "damaged gallery files", figure, "all found, no crash, nothing else lost", found == DAMAGED_FILES and kept
    )
    yield Row("one byte of a face or photo changed", f"{every} of {total} positions found", "every one", every == total)


def provenance_rows() -> Iterator[Row]:
    """One bit of each byte changed in a signed photo and a signed video."""
    if not is_available():
        yield Row("one byte of a signed file changed", "c2pa-python is not installed", "found", False)
        return
    random = np.random.default_rng(2)
    picture = cv2.resize(random.integers(0, 255, (9, 16, 3), np.uint8), (160, 90), interpolation=cv2.INTER_CUBIC)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cv2.imwrite(str(folder / "plain.jpg"), picture)
        with FileOutput(folder / "plain.mp4", VideoMode(160, 90, 30.0)) as output:
            for shift in range(12):
                output.send(np.roll(picture, shift, 1))
        key = signing_key(open_vault(folder / "vault", MemoryKeys()))
        for ending in (".jpg", ".mp4"):
            signed, changed = folder / f"signed{ending}", folder / f"changed{ending}"
            sign_file(folder / f"plain{ending}", signed, key, 1)
            whole = signed.read_bytes()
            found = 0
            for at in range(len(whole)):
                bit = 1 << int(random.integers(8))
                changed.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
                found += not read_provenance(changed).intact
            intact = read_provenance(signed).intact
            figure = f"{found} of {len(whole)} positions found; unchanged it is {'' if intact else 'NOT '}intact"
            yield Row(f"one byte of a signed {ending} changed", figure, "every one", intact and found == len(whole))


def quality_rows() -> Iterator[Row]:
    """What the mark costs the picture and the encoder."""
    cells = [quality_cell(clip) for clip in mark_rig.clips()]
    least_psnr, least_ssim = min(cell["psnr"] for cell in cells), min(cell["ssim"] for cell in cells)
    plain, marked = sum(cell["plain"] for cell in cells), sum(cell["marked"] for cell in cells)
    each = [cell["marked"] / cell["plain"] - 1 for cell in cells]
    yield Row("PSNR-Y, worst clip", f"{least_psnr:.1f} dB", ">= 45 dB", least_psnr >= 45)
    yield Row("SSIM, worst clip", f"{least_ssim:.4f}", ">= 0.985", least_ssim >= 0.985)
    figure = f"{marked / plain - 1:+.1%} over {len(cells)} clips, single clips {min(each):+.1%} to {max(each):+.1%}"
    yield Row("bitrate at CRF 23", figure, "<= +5 %", marked / plain <= 1.05)


def false_alarm_rows() -> Iterator[Row]:
    """Pictures without a mark, and keys that are not ours."""
    cell = _kept("random keys", _random_keys)
    yield Row(f"{RANDOM_KEYS} random keys", f"largest z {cell['z']:.2f}", "< 6.0, none", cell["z"] < 6.0)
    cell = _kept("unmarked", _unmarked)
    figure = f"{cell['present']} of {cell['count']} called present, largest z {cell['z']:.2f}"
    yield Row(
        "unmarked pictures and clips",
        figure,
        f">= {UNMARKED}, none",
        cell["present"] == 0 and cell["count"] >= UNMARKED,
    )
    cells = [_searched_cell(clip) for clip in mark_rig.clips()]
    present = sum(cell["verdict"] == Verdict.PRESENT for cell in cells)
    figure = f"{present} of {len(cells)} called present, largest z {max(cell['z'] for cell in cells):.2f}"
    yield Row("unmarked clips, full search", figure, "none", present == 0)


def table_rows() -> Iterator[Row]:
    """Real codecs: how many frames it takes until the payload is right."""
    for codec in TABLE_CODECS:
        for width, height in SIZES:
            for kbps in KBPS:
                cells = [table_cell(clip, codec, (width, height), kbps) for clip in mark_rig.clips()]
                allowed = FRAMES_AT_600 if kbps >= 600 else FRAMES_AT_300
                good = sum(cell["right"] and cell["frames"] <= allowed for cell in cells)
                frames = " ".join(str(cell["frames"]) if cell["right"] else "no" for cell in cells)
                real = np.mean([cell["kbps"] for cell in cells])
                figure = f"{good} of {len(cells)} clips; frames: {frames}; {real:.0f} kbps"
                yield Row(
                    f"{codec} {height}p {kbps} kbps",
                    figure,
                    f"payload right within {allowed} frames",
                    good == len(cells),
                )


def attack_rows() -> Iterator[Row]:
    """What people do to recordings."""
    for name, (_, kbps, count, _) in mark_rig.ATTACKS.items():
        cells = [attack_cell(clip, name) for clip in mark_rig.clips()]
        good = sum(cell["right"] for cell in cells)
        strengths = " ".join(f"{cell['z']:.0f}" for cell in cells)
        figure = f"{good} of {len(cells)} clips; z {strengths}"
        judged = name not in BEYOND
        bar = "payload right" if judged else "told, not judged"
        yield Row(f"{name}, H.264 {kbps} kbps, {count} frames", figure, bar, good == len(cells) or not judged)


def measure_cells(*others: Callable[[Path], object]) -> None:
    """Every cell of the tables that is not kept yet, on every core.

    Args:
        *others: module-level functions that measure more cells of a clip.
    """
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        jobs = [pool.submit(job, clip) for job in (_attack_cells, _table_cells, *others) for clip in mark_rig.clips()]
        for job in jobs:
            job.result()


def _table_cells(clip: Path) -> None:
    """All of one clip together: reading and marking it takes longer than most cells."""
    for codec in TABLE_CODECS:
        for size_wh in SIZES:
            for kbps in KBPS:
                table_cell(clip, codec, size_wh, kbps)


def _attack_cells(clip: Path) -> None:
    for name in mark_rig.ATTACKS:
        attack_cell(clip, name)


def quality_cell(clip: Path) -> dict[str, Any]:
    """What the mark costs one clip."""
    return _kept(f"quality {clip.stem}", lambda: _quality(clip))


def _searched_cell(clip: Path) -> dict[str, Any]:
    """The costly search on a clip without a mark."""
    return _kept(f"searched {clip.stem}", lambda: _as_cell(verify(mark_rig.luma(p) for p in mark_rig.frames(clip, 30))))


def table_cell(clip: Path, codec: str, size_wh: tuple[int, int], kbps: int) -> dict[str, Any]:
    """One clip through one codec, shown whole."""

    def measure() -> dict[str, Any]:
        pictures = _marked(clip)
        if size_wh != (mark_rig.WIDTH, mark_rig.HEIGHT):
            pictures = mark_rig.resize(pictures, *size_wh)
        data = mark_rig.encode(pictures, codec, kbps)
        found = verify(mark_rig.decode(data), search_too=False)
        return _as_cell(found) | {"kbps": len(data) * 8 / 1000 / (len(pictures) / mark_rig.FPS)}

    return _kept(f"{codec} {size_wh[1]} {kbps} {clip.stem}", measure)


def attack_cell(clip: Path, name: str) -> dict[str, Any]:
    """One clip under one attack."""

    def measure() -> dict[str, Any]:
        change, kbps, count, search_too = mark_rig.ATTACKS[name]
        data = mark_rig.encode(mark_rig.changed(_marked(clip)[:count], change), "H.264", kbps)
        return _as_cell(verify(mark_rig.decode(data), search_too=search_too))

    return _kept(f"attack {name} {clip.stem}", measure)


def _as_cell(found: Finding) -> dict[str, Any]:
    right = found.payload is not None and found.payload.session == mark_rig.SESSION
    return {"right": right, "frames": found.frames_needed or 0, "z": found.z, "verdict": found.verdict.value}


_last_marked: tuple[Path, list[mark_rig.I420]] | None = None


def _marked(clip: Path) -> list[mark_rig.I420]:
    global _last_marked
    if _last_marked is None or _last_marked[0] != clip:
        _last_marked = clip, mark_rig.mark(mark_rig.frames(clip, TABLE_FRAMES))
    return _last_marked[1]


def _quality(clip: Path) -> dict[str, Any]:
    plain = mark_rig.frames(clip, TABLE_FRAMES)
    marked = mark_rig.mark(plain)
    pairs = [(mark_rig.luma(a), mark_rig.luma(b)) for a, b in zip(plain[::6], marked[::6], strict=True)]
    return {
        "psnr": min(mark_rig.psnr(*pair) for pair in pairs),
        "ssim": min(mark_rig.ssim(*pair) for pair in pairs),
        "plain": len(mark_rig.encode(plain, "H.264 file", None, crf=23)),
        "marked": len(mark_rig.encode(marked, "H.264 file", None, crf=23)),
    }


def _random_keys() -> dict[str, Any]:
    """z of random patterns on unmarked clips at the place of the real one."""
    random, pattern, largest = np.random.default_rng(3), layout(), 0.0
    for clip in mark_rig.clips()[:5]:
        total = sum(residual(mark_rig.luma(p), WHOLE_WIDTH) for p in mark_rig.frames(clip, 30))
        samples = filtered(np.asarray(cv2.resize(total, (320, 180), interpolation=cv2.INTER_AREA), np.float32))
        pilot = cells_at(samples, 0, 0)[pattern.pilot]
        pilot /= np.sqrt(pilot @ pilot)
        for _ in range(RANDOM_KEYS // 5 // 1000):
            signs = np.unpackbits(random.integers(0, 256, (1000, -(-pilot.size // 8)), np.uint8), axis=1)
            z = (signs[:, : pilot.size].astype(np.float32) * 2 - 1) @ pilot
            largest = max(largest, float(z.max()))
    return {"z": largest}


def _unmarked() -> dict[str, Any]:
    """Face pictures scaled up to 640 px, and the clips; each one query."""
    pictures = sorted((mark_rig.DATA / "faces").glob("*/*.webp"))
    present, count, largest = 0, 0, 0.0
    for path in pictures[:: max(1, len(pictures) // UNMARKED)]:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            continue
        large = cv2.resize(picture, (640, 640), interpolation=cv2.INTER_CUBIC)
        found = verify([np.asarray(large, np.uint8)], still=True, search_too=False)
        present, count, largest = present + (found.verdict is Verdict.PRESENT), count + 1, max(largest, found.z)
    for clip in mark_rig.clips():
        found = verify((mark_rig.luma(p) for p in mark_rig.frames(clip, 60)), search_too=False)
        present, count, largest = present + (found.verdict is Verdict.PRESENT), count + 1, max(largest, found.z)
    return {"present": present, "count": count, "z": largest}


def _damage(content: bytes, random: np.random.Generator) -> bytes:
    """Cut, overwritten, lengthened, emptied, replaced, or one bit flipped."""
    at = int(random.integers(len(content)))
    match int(random.integers(6)):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + random.bytes(16) + content[at + 16 :]
        case 2:
            return content + random.bytes(1 + at % 50)
        case 3:
            return b""
        case 4:
            return random.bytes(len(content))
        case _:
            return content[:at] + bytes([content[at] ^ (1 << int(random.integers(8)))]) + content[at + 1 :]


def _refuses(gallery: Gallery, face_id: str, path: Path, whole: bytes, at: int) -> bool:
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    try:
        gallery.photos(face_id)
    except VaultDamaged:
        return True
    finally:
        path.write_bytes(whole)
    return False


def _kept(name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The kept result of a cell, or a new one."""
    path = SCRATCH / _fingerprint() / f"{name.replace(' ', '_').replace('%', '')}.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return kept
    result = measure()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(result), "utf-8")
    temporary.replace(path)
    return result


def _fingerprint() -> str:
    code = b"".join((ROOT / "vcam" / "safeguards" / name).read_bytes() for name in MARK_CODE)
    return hashlib.sha256(code + (Path(__file__).with_name("mark_rig.py")).read_bytes()).hexdigest()[:12]
