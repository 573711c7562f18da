"""Several named contents in one file, sealed with a passphrase: how faces travel to another computer."""

from __future__ import annotations

import json
import secrets
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from vcam.errors import BadInput

_MAGIC = b"FWB1"
_SALT_BYTES, _NONCE_BYTES = 16, 12
_SCRYPT_N = 1 << 17


def seal_bundle(parts: dict[str, bytes], passphrase: str) -> bytes:
    """Seal named contents.

    Raises:
        BadInput: the passphrase is empty.
    """
    if not passphrase:
        raise BadInput("an exported file of faces needs a passphrase")
    index = json.dumps({name: len(content) for name, content in parts.items()}).encode()
    plain = struct.pack(">I", len(index)) + index + b"".join(parts.values())
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    return _MAGIC + salt + nonce + AESGCM(_stretch(passphrase, salt)).encrypt(nonce, plain, _MAGIC)


def open_bundle(content: bytes, passphrase: str) -> dict[str, bytes]:
    """The named contents.

    Raises:
        BadInput: not such a file, changed, or another passphrase.
    """
    start = len(_MAGIC) + _SALT_BYTES + _NONCE_BYTES
    if not content.startswith(_MAGIC) or len(content) < start + 16:
        raise BadInput("this is not an exported file of faces, or it was cut off")
    salt, nonce = content[len(_MAGIC) :][:_SALT_BYTES], content[start - _NONCE_BYTES : start]
    try:
        plain = AESGCM(_stretch(passphrase, salt)).decrypt(nonce, content[start:], _MAGIC)
    except InvalidTag as error:
        raise BadInput("wrong passphrase, or the exported file was changed") from error
    (length,) = struct.unpack_from(">I", plain)
    at, parts = 4 + length, {}
    for name, size in json.loads(plain[4:at]).items():
        parts[name] = plain[at : at + size]
        at += size
    return parts


def _stretch(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=8, p=1).derive(passphrase.encode())
