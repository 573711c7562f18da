"""What a person looks at while a net learns: its curves, and what it makes of pictures it has never seen."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (N, H, W, 3) RGB

_CURVE_COLOURS = 32
_SEEN = (90, 255, 120)


def bands(*kinds: Images, columns: int = 12) -> NDArray[np.uint8]:
    """A contact sheet: for every so many pictures one row of each kind, such as source, target, swap; (H, W, 3) RGB.

    A last row that would not be full is left out, unless it is the only one.
    """
    columns = min(columns, len(kinds[0]))
    starts = range(0, len(kinds[0]) - columns + 1, columns)
    return np.vstack([np.hstack(list(kind[start : start + columns])) for start in starts for kind in kinds])


def with_points(images: Images, points: NDArray[np.floating]) -> Images:
    """Copies of pictures with a dot at each point (N, P, 2) px."""
    drawn = images.copy()
    for image, places in zip(drawn, points, strict=True):
        for x, y in places:
            cv2.circle(image, (round(float(x)), round(float(y))), 1, _SEEN, -1)
    return drawn


def with_boxes(images: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.floating]]) -> Images:
    """Copies of pictures of one size with boxes (K, 4) xyxy px each."""
    drawn = [image.copy() for image in images]
    for image, found in zip(drawn, boxes, strict=True):
        for left, top, right, bottom in np.round(found).astype(int).tolist():
            cv2.rectangle(image, (left, top), (right, bottom), _SEEN, 2)
    return np.stack(drawn)


def with_classes(images: Images, classes: NDArray[np.integer], count: int) -> Images:
    """Pictures tinted by classes (N, h, w) of so many, one hue each; class 0 stays as it is."""
    hues = np.stack([np.arange(count) * 180 // count, np.full(count, 255), np.full(count, 255)], 1).astype(np.uint8)
    colours = cv2.cvtColor(hues[None], cv2.COLOR_HSV2RGB)[0]
    drawn = images.copy()
    for image, found in zip(drawn, classes, strict=True):
        size = (image.shape[1], image.shape[0])
        enlarged = cv2.resize(found.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        tinted = cv2.addWeighted(image, 0.5, colours[enlarged], 0.5, 0)
        image[enlarged > 0] = tinted[enlarged > 0]
    return drawn


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Write an RGB picture as JPEG."""
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    path.write_bytes(encoded.tobytes())


def write_curves(out: Path) -> None:
    """Draw ``curves.png`` from the ``log.csv`` and ``validation.jsonl`` of a run: one small chart for each figure.

    Losses are drawn as the median of 25 rows round each place; figures on unseen pictures as they are.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    curves = _losses(out / "log.csv") | _figures(out / "validation.jsonl")
    if not curves:
        return
    columns = 4
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(4 * columns, 2.4 * rows), layout="constrained")
    charts = figure.subplots(rows, columns, squeeze=False).ravel()
    for chart, (name, (steps, values)) in zip(charts, curves.items(), strict=False):
        chart.plot(steps, values, linewidth=1.2, color="tab:green" if name.startswith("unseen") else "tab:blue")
        chart.set_title(name, fontsize=9)
        chart.grid(alpha=0.3)
    for chart in charts[len(curves) :]:
        chart.set_axis_off()
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    drawn.quantize(_CURVE_COLOURS).save(out / "curves.png", optimize=True)  # a third of the size


Curves = dict[str, tuple[list[float], list[float]]]


def _losses(log: Path) -> Curves:
    if not log.is_file():
        return {}
    with log.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    names = [name for name in rows[0] if name not in ("step", "seconds", "rate")] if rows else []
    told = {name: [row for row in rows if row[name]] for name in names}  # not all of the time, if a loss came in later
    return {
        name: ([float(row["step"]) for row in some], _smoothed([float(row[name]) for row in some]))
        for name, some in told.items()
    }


def _smoothed(values: list[float], window: int = 25) -> list[float]:
    half = window // 2
    return [float(np.median(values[max(0, k - half) : k + half + 1])) for k in range(len(values))]


def _figures(notes: Path) -> Curves:
    if not notes.is_file():
        return {}
    rows = [json.loads(line) for line in notes.read_text().splitlines()]
    names = dict.fromkeys(name for row in rows for name in row if name not in ("step", "seconds"))
    return {
        f"unseen: {name}": ([row["step"] for row in rows if name in row], [row[name] for row in rows if name in row])
        for name in names
    }
