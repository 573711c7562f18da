"""What the watermark says and where in the picture each bit of it stands.

48 bits of payload (version, kind, hour, session), guarded by a CRC-16, spread by a convolutional code of rate 1/3
(constraint length 7, polynomials octal 133, 171, 165) to 210 code bits, which are scattered over a grid of cells that
covers the frame whatever its size. The pattern is public and the same for every copy of the program: the mark is a
label, not a lock.

Convention:
    bits: uint8 arrays of 0 and 1, most significant first.
    soft bits: float arrays, positive means 0; the size says how sure.
    cells: int8 (rows, columns) of -1 and +1.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
Cells = NDArray[np.int8]

VERSION = 1
GRID_WH = (160, 90)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

_FIELD_BITS = (4, 4, 16, 24)  # version, kind, hour, session
_PAYLOAD_BITS = sum(_FIELD_BITS)
_CRC_BITS = 16
_TAIL_BITS = 6  # zeros that bring the encoder back to state 0
_MESSAGE_BITS = _PAYLOAD_BITS + _CRC_BITS
_POLYNOMIALS = (0o133, 0o171, 0o165)
_STATES = 64
CODE_BITS = (_MESSAGE_BITS + _TAIL_BITS) * len(_POLYNOMIALS)

# A faint mark is decoded again with its soft bits nudged at random, by so much of their mean size. Noise passes the
# check sum, the version (1 in 16) and the kind (3 in 16) once in 2^16 * 85 times; with 80 tries once in 2^16 * 1.07.
_TRIES, _NUDGE = 80, 0.3

_PILOT_SHARE = 1 / 3  # of the cells are known beforehand and show where the pattern lies
_PATTERN_NAME = b"FaceWarp Cam mark, pattern 1"


class Kind(IntEnum):
    """What carries the mark."""

    CAMERA = 1
    VIDEO = 2
    PHOTO = 3


@dataclass(frozen=True, slots=True)
class Payload:
    """What a mark says.

    Attributes:
        kind: where the swap was shown.
        hour: whole hours since the start of 2026, UTC, 0..65535.
        session: 24 random bits, new at every start of the program; names no device and no person.
        version: of the pattern.
    """

    kind: Kind
    hour: int
    session: int
    version: int = VERSION

    def time(self) -> datetime:
        """The start of the hour in which the mark was made, UTC."""
        return datetime.fromtimestamp(EPOCH.timestamp() + 3600 * self.hour, UTC)


@dataclass(frozen=True, slots=True)
class Layout:
    """The public pattern.

    Attributes:
        sign: int8 (90, 160), the random sign of every cell.
        pilot: int32 (P,), flat indices of the cells that carry no bit.
        data: int32 (D,), flat indices of the cells that do; number i carries code bit ``i % CODE_BITS``.
    """

    sign: Cells
    pilot: NDArray[np.int32]
    data: NDArray[np.int32]


def layout() -> Layout:
    """The pattern of version 1. The arrays are read-only."""
    return layout_from(_PATTERN_NAME)


@cache
def layout_from(name: bytes) -> Layout:
    """A pattern drawn from a name by SHAKE-256, so that it stays the same on every machine and for ever."""
    columns, rows = GRID_WH
    cells = columns * rows
    stream = hashlib.shake_256(name).digest(cells // 8 + 8 * cells)
    sign = np.unpackbits(np.frombuffer(stream[: cells // 8], np.uint8)).astype(np.int8) * 2 - 1
    order = np.argsort(np.frombuffer(stream[cells // 8 :], "<u8"), kind="stable").astype(np.int32)
    pilots = round(cells * _PILOT_SHARE)
    parts = sign.reshape(rows, columns), np.sort(order[:pilots]), order[pilots:]
    for part in parts:
        part.setflags(write=False)
    return Layout(*parts)


def cells_of(payload: Payload) -> Cells:
    """The grid that carries ``payload``: int8 (90, 160) of -1 and +1.

    Raises:
        ValueError: a field does not fit its bits.
    """
    pattern = layout()
    code = encode(_pack(payload)).astype(np.int8)
    cells = pattern.sign.ravel().copy()
    cells[pattern.data] *= 1 - 2 * np.resize(code, pattern.data.size)
    return cells.reshape(pattern.sign.shape)


def payload_from(soft: NDArray[np.floating]) -> Payload | None:
    """Decode (CODE_BITS,) soft code bits; None if no try gives a right check sum and right fields."""
    messages = viterbi(soft + _NUDGE * float(np.abs(soft).mean()) * _nudges())
    return next(filter(None, map(_payload_in, messages)), None)


@cache
def _nudges() -> NDArray[np.float64]:
    """(_TRIES, CODE_BITS), the first all zero; the same on every machine."""
    nudges = np.random.Generator(np.random.PCG64(20261121)).standard_normal((_TRIES, CODE_BITS))
    nudges[0] = 0
    return nudges


def _payload_in(message: Bits) -> Payload | None:
    if _number(crc16(message[:_PAYLOAD_BITS])) != _number(message[_PAYLOAD_BITS:]):
        return None
    ends = np.cumsum(_FIELD_BITS)
    version, kind, hour, session = (
        _number(message[end - width : end]) for width, end in zip(_FIELD_BITS, ends, strict=True)
    )
    if version != VERSION or kind not in Kind.__members__.values():
        return None
    return Payload(Kind(kind), hour, session, version)


def crc16(bits: Bits) -> Bits:
    """CRC-16/CCITT-FALSE (start 0xFFFF, polynomial 0x1021) of a row of bits, as 16 bits."""
    register = 0xFFFF
    for bit in bits.tolist():
        carry = (register >> 15) ^ bit
        register = (register << 1) & 0xFFFF
        if carry:
            register ^= 0x1021
    return _bits(register, _CRC_BITS)


def encode(message: Bits) -> Bits:
    """(64,) message bits -> (CODE_BITS,) code bits; six zero bits end the code in state 0."""
    register, out = 0, []
    for bit in [*message.tolist(), *[0] * _TAIL_BITS]:
        register = ((register << 1) | bit) & 0x7F
        out += [(register & polynomial).bit_count() & 1 for polynomial in _POLYNOMIALS]
    return np.array(out, np.uint8)


@cache
def _trellis() -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """For each state: its two predecessors (64, 2), and the signs (64, 2, 3) of the code bits on the way from them."""
    states = np.arange(_STATES)
    before = np.stack([states >> 1, (states >> 1) | (_STATES >> 1)], 1)
    registers = (before << 1) | (states & 1)[:, None]
    parity = np.array([[[(r & p).bit_count() & 1 for p in _POLYNOMIALS] for r in row] for row in registers.tolist()])
    return before, 1.0 - 2.0 * parity


def viterbi(soft: NDArray[np.floating]) -> Bits:
    """The likeliest message bits (Viterbi, 1967; start and end in state 0): (N, CODE_BITS) soft bits -> (N, 64)."""
    before, signs = _trellis()
    count = len(soft)
    steps = np.asarray(soft, np.float64).reshape(count, -1, len(_POLYNOMIALS))
    gains = np.einsum("spk,ntk->tnsp", signs, steps)
    score = np.full((count, _STATES), -np.inf)
    score[:, 0] = 0.0
    second = np.empty((len(gains), count, _STATES), bool)  # whether the second predecessor was the better one
    for step, gain in enumerate(gains):
        both = score[:, before] + gain
        second[step] = both[..., 1] > both[..., 0]
        score = both.max(-1)
    rows, state = np.arange(count), np.zeros(count, np.intp)
    bits = np.empty((count, len(gains)), np.uint8)
    for step in range(len(gains) - 1, -1, -1):
        bits[:, step] = state & 1
        state = before[state, second[step, rows, state].astype(np.intp)]
    return bits[:, :_MESSAGE_BITS]


def _pack(payload: Payload) -> Bits:
    values = (payload.version, int(payload.kind), payload.hour, payload.session)
    for value, width in zip(values, _FIELD_BITS, strict=True):
        if not 0 <= value < 1 << width:
            raise ValueError(f"{payload}: {value} does not fit into {width} bits")
    bits = np.concatenate([_bits(value, width) for value, width in zip(values, _FIELD_BITS, strict=True)])
    return np.concatenate([bits, crc16(bits)])


def _bits(value: int, width: int) -> Bits:
    return np.array([value >> shift & 1 for shift in range(width - 1, -1, -1)], np.uint8)


def _number(bits: Bits) -> int:
    return int("".join(map(str, bits.tolist())), 2)
