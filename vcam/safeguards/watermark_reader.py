"""Finding the mark again: residuals, the test on the whole frame, and the blind search. Pure functions.

A frame's residual is what stays after its smooth part has been taken away, levelled so that no strong edge outweighs
the rest. Residuals of many frames are added up: the mark stays in its place and grows, the picture moves and blurs out.
The sum is levelled once more (parts that stayed noisy count less), whitened, and compared with the public pattern.

Convention:
    total: float32 (H, W), sum of residuals at a working width; one cell of the pattern is about 4 px of it.
    samples: float32, a total resampled to 2 samples per cell.
    z: sum of the pattern's signs times the samples, over the root of the sum of the samples' squares. For a picture
        that knows nothing of the pattern, P(z >= t) <= exp(-t * t / 2) (Hoeffding, 1963: the signs are random).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vcam.safeguards.watermark_code import CODE_BITS, GRID_WH, Layout, Payload, layout, payload_from
from vcam.types import Plane

Array = NDArray[np.float32]

WHOLE_WIDTH = 640  # working width at which the whole-frame test has 4 px per cell
# Working widths for the search, each good for patterns whose cells are 3.1 to 5.2 px there.
SEARCH_WIDTHS = (400, 640, 1040, 1660)

_HIGH_PASS_PX = 2.5  # sigma, 0.62 of a cell
_LEVEL_PX, _LEVEL_FLOOR, _LEVEL_CLIP = 9, 0.5, 2.0
_SUM_LEVEL_SAMPLES, _SUM_LEVEL_POWER = 9, 1.5
_WHITENING = 0.6
_KERNEL = np.array([0.15, 0.75, 0.75, 0.15]) / 1.8  # how a cell looks after 2-fold sampling
_NEAR_CELLS = 14.0  # sigma of the neighbourhood whose pilots tell how well a data cell was kept
_LEAST_READABLE_Z = 3.5  # below it no payload is believed, so none is decoded
_SHIFTS = range(-2, 3)  # samples; the whole-frame test allows for one cell of misplacement
_FEWEST_COLUMNS, _MOST_COLUMNS, _COLUMNS_STEP = 80.0, 480.0, 1.014  # of cells across the picture
# Aspect of the frames that were marked, and coarse angles in degrees: the likeliest first.
_PASSES = ((16 / 9, (0.0,)), (16 / 9, (0.35, -0.35)), (4 / 3, (0.0, 0.35, -0.35)))
_FINE_COLUMNS = tuple(1 + 0.0025 * step for step in range(-4, 5))
_FINE_ANGLES = (-0.3, -0.15, 0.0, 0.15, 0.3)
_CANDIDATES = 3
_PAD_SAMPLES = 80  # the pattern may hang out of the picture by a quarter of its width

WHOLE_TESTS = 2 * len(_SHIFTS) ** 2
SEARCH_TESTS = 1_000_000_000  # at least as many as any search tries (measured: 3.5e8 with every pass at 720p)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pattern lies in the picture.

    Attributes:
        columns: how many cells would fit across the picture; 160 is a picture shown whole.
        aspect: width over height of the frame that was marked; 0 where the whole picture was taken for it.
        angle: degrees by which the picture had to be turned back.
        mirrored: whether left and right are exchanged.
        x, y: samples from the picture's top left corner to the pattern's.
    """

    columns: float = float(GRID_WH[0])
    aspect: float = 0.0
    angle: float = 0.0
    mirrored: bool = False
    x: int = 0
    y: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """The best fit of one look.

    Attributes:
        z: strength, see the module's convention.
        payload: what the mark says, if its check sum is right.
        place: where it lies.
        tests: how many places were tried to get it.
    """

    z: float
    payload: Payload | None
    place: Place
    tests: int


def residual(luma: Plane, width: int) -> Array:
    """One frame's residual.

    Args:
        luma: uint8 (H, W), any size.
        width: working width in px; the height follows the picture's aspect.

    Returns:
        float32, -2..2.
    """
    height = max(1, round(width * luma.shape[0] / luma.shape[1]))
    shrinks = width < luma.shape[1]
    picture = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    detail = picture.astype(np.float32)
    detail -= cv2.GaussianBlur(detail, (0, 0), _HIGH_PASS_PX)
    detail /= cv2.blur(np.abs(detail), (_LEVEL_PX, _LEVEL_PX)) + np.float32(_LEVEL_FLOOR)
    return np.clip(detail, -_LEVEL_CLIP, _LEVEL_CLIP, out=detail)


def widths_for(picture_width: int) -> tuple[int, ...]:
    """The working widths worth adding up for a picture: no picture is enlarged more than twice."""
    return tuple(width for width in SEARCH_WIDTHS if width <= 2 * picture_width)


def look_at_whole(total: Array, pattern: Layout | None = None) -> Match:
    """Test the picture as a frame shown whole, plain and mirrored.

    Args:
        total: sum of residuals at ``WHOLE_WIDTH``.
        pattern: the public pattern unless another is given (false alarms are counted with random ones).
    """
    pattern = pattern or layout()
    columns, rows = GRID_WH
    plain = filtered(np.asarray(cv2.resize(total, (2 * columns, 2 * rows), interpolation=cv2.INTER_AREA), np.float32))
    best, at, cells = -np.inf, Place(), np.zeros(columns * rows, np.float32)
    for mirrored in (False, True):
        picture = np.ascontiguousarray(plain[:, ::-1]) if mirrored else plain
        for y in _SHIFTS:
            for x in _SHIFTS:
                here = cells_at(picture, x, y)
                z = strength(here, pattern)
                if z > best:
                    best, at, cells = z, Place(mirrored=mirrored, x=x, y=y), here
    return Match(best, _payload(best, cells, pattern), at, WHOLE_TESTS)


def search(totals: dict[int, Array], enough: float) -> Match:
    """Look for the pattern at any position, at many sizes, mirrored, and slightly turned.

    Args:
        totals: sums of residuals by working width, see ``widths_for``.
        enough: a z that ends the search early, if the payload can be read too.

    Returns:
        The best match; its ``tests`` are a bound that holds whether or not the search ended early.
    """
    pattern, best = layout(), Match(0.0, None, Place(), SEARCH_TESTS)
    for aspect, angles in _PASSES:
        coarse: list[tuple[float, Place]] = []
        for place, total in _coarse_places(totals, aspect, angles):
            coarse += _best_positions(total, place)
        coarse.sort(key=lambda item: -item[0])
        fine: list[tuple[float, Place]] = []
        for _, place in coarse[:_CANDIDATES]:
            for near in _near(place):
                fine += _best_positions(_total_for(totals, near.columns), near)
        if not fine:
            continue
        _, place = max(fine, key=lambda item: item[0])
        picture = _samples(_total_for(totals, place.columns), place)
        cells = cells_at(picture[:, ::-1] if place.mirrored else picture, place.x, place.y)
        z = strength(cells, pattern)
        match = Match(z, _payload(z, cells, pattern), place, SEARCH_TESTS)
        best = max(best, match, key=lambda m: m.z)
        if match.z >= enough and match.payload is not None:
            return match
    return best


def filtered(samples: Array) -> Array:
    """Level, whiten and smooth samples so that each cell's sign stands out at its first sample."""
    noise = cv2.blur(np.abs(samples), (_SUM_LEVEL_SAMPLES, _SUM_LEVEL_SAMPLES))
    level = samples / (noise + 0.1 * noise.mean() + 1e-9) ** _SUM_LEVEL_POWER
    spectrum = np.fft.rfft2(level)
    size = np.abs(spectrum)
    spectrum /= (size + 1e-3 * size.mean() + 1e-9) ** _WHITENING
    white = np.fft.irfft2(spectrum, s=samples.shape).astype(np.float32)
    out = np.asarray(cv2.sepFilter2D(white, -1, _KERNEL, _KERNEL, anchor=(1, 1)), np.float32)
    bound = 4 * float(out.std())
    return np.clip(out, -bound, bound, out=out)


def cells_at(picture: Array, x: int, y: int) -> Array:
    """The (rows * columns,) values under the pattern placed at (x, y) samples; 0 outside the picture."""
    columns, rows = GRID_WH
    out = np.zeros((rows, columns), np.float32)
    at_y, at_x = y + 2 * np.arange(rows), x + 2 * np.arange(columns)
    inside_y, inside_x = (at_y >= 0) & (at_y < picture.shape[0]), (at_x >= 0) & (at_x < picture.shape[1])
    out[np.ix_(inside_y, inside_x)] = picture[np.ix_(at_y[inside_y], at_x[inside_x])]
    return out.ravel()


def strength(cells: Array, pattern: Layout) -> float:
    """The z of the pilot cells."""
    pilot = cells[pattern.pilot]
    energy = float(pilot @ pilot)
    return float(pilot @ pattern.sign.ravel()[pattern.pilot]) / energy**0.5 if energy > 0 else 0.0


def _payload(z: float, cells: Array, pattern: Layout) -> Payload | None:
    return payload_from(soft_bits(cells, pattern)) if z >= _LEAST_READABLE_Z else None


def soft_bits(cells: Array, pattern: Layout) -> NDArray[np.float64]:
    """(CODE_BITS,) sums over the data cells; positive means 0.

    Each cell counts by how well the pilots round it were kept (maximal ratio combining; Brennan, 1959): where the
    picture moved or the encoder smoothed, the data cells are as lost as the pilots are.
    """
    agreeing = cells * pattern.sign.ravel()
    signed = (agreeing * _kept(agreeing, pattern))[pattern.data]
    return np.bincount(np.arange(signed.size) % CODE_BITS, signed, CODE_BITS).astype(np.float64)


def _kept(agreeing: Array, pattern: Layout) -> Array:
    """For each cell the mean of the pilots round it and of all pilots together, at least 0. No data cell counts."""
    is_pilot = np.zeros_like(agreeing)
    is_pilot[pattern.pilot] = 1
    near, share = (
        cv2.GaussianBlur(plane.reshape(GRID_WH[::-1]), (0, 0), _NEAR_CELLS).ravel()
        for plane in (agreeing * is_pilot, is_pilot)
    )
    mean = float(agreeing[pattern.pilot].mean())
    return np.asarray(np.maximum(near / share, 0) + max(mean, 0), np.float32)


def _coarse_places(totals: dict[int, Array], aspect: float, angles: tuple[float, ...]) -> Iterator[tuple[Place, Array]]:
    steps = int(np.log(_MOST_COLUMNS / _FEWEST_COLUMNS) / np.log(_COLUMNS_STEP))
    for step in range(steps + 1):
        columns = _FEWEST_COLUMNS * _COLUMNS_STEP**step
        if columns > 1.3 * max(totals) / 4:
            return
        for angle in angles:
            yield Place(columns, aspect, angle), _total_for(totals, columns)


def _near(place: Place) -> Iterator[Place]:
    for factor in _FINE_COLUMNS:
        for angle in _FINE_ANGLES:
            yield Place(place.columns * factor, place.aspect, place.angle + angle, place.mirrored)


def _total_for(totals: dict[int, Array], columns: float) -> Array:
    return totals[min(totals, key=lambda width: abs(np.log(width / (4 * columns))))]


def _samples(total: Array, place: Place) -> Array:
    """The total, turned back and resampled to 2 samples per cell, filtered."""
    height, width = total.shape
    if place.angle:
        turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), place.angle, 1.0)
        total = np.asarray(cv2.warpAffine(total, turn, (width, height), flags=cv2.INTER_LINEAR), np.float32)
    tallness = (GRID_WH[0] / GRID_WH[1]) / place.aspect  # a cell's height over its width
    size = round(2 * place.columns), round(2 * place.columns * height / width / tallness)
    return filtered(np.asarray(cv2.resize(total, size, interpolation=cv2.INTER_AREA), np.float32))


def _best_positions(total: Array, place: Place) -> list[tuple[float, Place]]:
    """The best position of the pattern, plain and mirrored."""
    picture = _samples(total, place)
    height, width = picture.shape
    shape = tuple(
        cv2.getOptimalDFTSize(max(length, 2 * cells) + _PAD_SAMPLES)
        for length, cells in ((height, GRID_WH[1]), (width, GRID_WH[0]))
    )
    pilots, box = _templates(shape)
    energy = np.fft.irfft2(np.fft.rfft2(picture * picture, s=shape) * box, s=shape)
    root = np.sqrt(np.maximum(energy, 0.25 * energy.max()) + 1e-12)
    found = []
    for mirrored in (False, True):
        spectrum = np.fft.rfft2(picture[:, ::-1] if mirrored else picture, s=shape)
        match = np.fft.irfft2(spectrum * pilots, s=shape)
        match /= _mirror_window(root, width) if mirrored else root
        y, x = divmod(int(match.argmax()), shape[1])
        z = float(match[y, x])
        y, x = y - shape[0] * (y > height), x - shape[1] * (x > width)
        found.append((z, Place(place.columns, place.aspect, place.angle, mirrored, x, y)))
    return found


def _mirror_window(root: Array, width: int) -> Array:
    """The energy under the pattern in the mirrored picture: position x there is ``width - 320 - x`` here."""
    return root[:, (width - 2 * GRID_WH[0] - np.arange(root.shape[1])) % root.shape[1]]


@cache
def _templates(shape: tuple[int, int]) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """Conjugate spectra of the pilot pattern and of the share of pilots, for correlation."""
    columns, rows = GRID_WH
    pattern = layout()
    cells = np.zeros(columns * rows, np.float32)
    cells[pattern.pilot] = pattern.sign.ravel()[pattern.pilot]
    pilots = np.zeros(shape, np.float32)
    pilots[: 2 * rows : 2, : 2 * columns : 2] = cells.reshape(rows, columns)
    box = np.zeros(shape, np.float32)
    box[: 2 * rows, : 2 * columns] = pattern.pilot.size / (4 * rows * columns)
    return np.fft.rfft2(pilots).conj().astype(np.complex64), np.fft.rfft2(box).conj().astype(np.complex64)
