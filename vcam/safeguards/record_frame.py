"""The frame of a C2PA record: box headers, labels and the container's own bytes, which no C2PA signature covers.

They say nothing about the picture, but "one byte changed anywhere is found" shall hold for them too. So the record is
taken apart and put together again as this program writes it, and the two are compared byte by byte.

Boxes are those of JUMBF (ISO/IEC 19566-5): a length, four letters, the content; the record's tree is C2PA's.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from dataclasses import dataclass

_UUID_TAIL = bytes.fromhex("00110010800000aa00389b71")  # JUMBF's, after four letters that name the content
_PLAIN, _SALTED = b"\x03", b"\x13"  # toggles of a description: it can be asked for and has a label; it holds salt too
_LABEL_AT = 4 + len(_UUID_TAIL) + len(_PLAIN)
_CLAIMS = ("c2pa.claim", "c2pa.claim.v2")
_PAYLOADS = (b"cbor", b"json")
_BMFF_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_PADDING = b"\xa1cpadY"  # CBOR: the signature's unsigned header holds one entry, "pad", its length in two bytes
_DETACHED = b"\xf6\x58\x40"  # CBOR, after it: null in the payload's place, then the 64 bytes of the signature

Content = bytes | mmap.mmap


def frame_is_whole(content: Content, ending: str) -> bool:
    """Whether every byte round the signed parts of the record is the one that this program writes there.

    Args:
        content: of the file.
        ending: of the file's name, such as ``.jpg``; it names the container.
    """
    at = content.find(_description(b"c2pa", "c2pa")) - 8  # the header of the box that the description stands in
    if at < 0:
        return False
    try:
        record = content[at : at + struct.unpack(">I", content[at : at + 4])[0]]
        before, after = _container(record, ending)
        rebuilt = before + _rebuilt(record) + after
    except (ValueError, struct.error):
        return False
    start = at - len(before)
    return start >= 0 and content[start : start + len(rebuilt)] == rebuilt and _padding_is_empty(record)


def file_type(content: Content) -> bytes:
    """The first box of an MP4 or MOV file, which C2PA does not sign: the kind of file it is. Empty for other files."""
    return content[: int.from_bytes(content[:4], "big")] if content[4:8] == b"ftyp" else b""


@dataclass(frozen=True, slots=True)
class _Part:
    """One superbox taken apart: what its description says, and the boxes after it."""

    kind: bytes
    label: str
    salt: bytes
    rest: list[bytes]

    def rebuilt(self) -> bytes:
        """As a payload of the kind that its description names."""
        if self.kind not in _PAYLOADS or len(self.rest) != 1:
            raise ValueError("a part of the record has no payload of a known kind")
        return _superbox(self.kind, self.label, _box(self.kind, self.rest[0]), self.salt)


def _rebuilt(record: bytes) -> bytes:
    """The record put together again from its labels and payloads.

    Raises:
        ValueError, struct.error: its boxes are not those of a record of this program.
    """
    (store,) = _boxes(record)
    (manifest,) = _taken_apart(store).rest
    named = _taken_apart(manifest)
    assertions, claim, signature = (_taken_apart(content) for content in named.rest)
    if claim.label not in _CLAIMS:
        raise ValueError("the claim has another label")
    stated = b"".join(_taken_apart(content).rebuilt() for content in assertions.rest)
    (claimed,), (signed,) = claim.rest, signature.rest
    inside = (
        _superbox(b"c2as", "c2pa.assertions", stated)
        + _superbox(b"c2cl", claim.label, _box(b"cbor", claimed))
        + _superbox(b"c2cs", "c2pa.signature", _box(b"cbor", signed))
    )
    return _superbox(b"c2pa", "c2pa", _superbox(b"c2ma", named.label, inside))


def _taken_apart(superbox: bytes) -> _Part:
    description, *rest = _boxes(superbox)
    end = description.index(0, _LABEL_AT)
    salt = b"".join(_boxes(description[end + 1 :]))
    return _Part(description[:4], description[_LABEL_AT:end].decode(), salt, rest)


def _boxes(content: bytes) -> list[bytes]:
    """The contents of the boxes that stand one after the other; which letters they have, the comparison finds."""
    found, at = [], 0
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        if not 8 <= length <= len(content) - at:
            raise ValueError("a box is longer than what holds it")
        found.append(content[at + 8 : at + length])
        at += length
    return found


def _box(letters: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + letters + content


def _superbox(kind: bytes, label: str, content: bytes, salt: bytes = b"") -> bytes:
    return _box(b"jumb", _description(kind, label, salt) + content)


def _description(kind: bytes, label: str, salt: bytes = b"") -> bytes:
    toggles, private = (_SALTED, _box(b"c2sh", salt)) if salt else (_PLAIN, b"")
    return _box(b"jumd", kind + _UUID_TAIL + toggles + label.encode() + b"\0" + private)


def _container(record: bytes, ending: str) -> tuple[bytes, bytes]:
    """What stands right before and right after the record in a file of this kind.

    Raises:
        struct.error: the record is longer than the one segment of a JPEG that ours take.
    """
    size = len(record)
    if ending in (".jpg", ".jpeg"):
        return b"\xff\xeb" + struct.pack(">H", size + 10) + b"JP\x02\x11\0\0\0\x01", b""
    if ending == ".png":
        return struct.pack(">I", size) + b"caBX", struct.pack(">I", zlib.crc32(b"caBX" + record))
    if ending == ".webp":
        return b"C2PA" + struct.pack("<I", size), bytes(size % 2)
    head = b"uuid" + _BMFF_UUID + bytes(4) + b"manifest\0" + bytes(8)
    return struct.pack(">I", 4 + len(head) + size) + head, b""


def _padding_is_empty(record: bytes) -> bool:
    """Whether the zeros that fill up the signature's box are zeros still, and followed by the signature alone."""
    at = record.find(_PADDING)
    start = at + len(_PADDING) + 2
    length = int.from_bytes(record[start - 2 : start], "big")
    return at >= 0 and record[start : start + length + len(_DETACHED)] == bytes(length) + _DETACHED
