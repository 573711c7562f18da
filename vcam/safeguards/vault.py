"""A folder of encrypted files and the key to it.

Every file is ``FWV1``, 12 random bytes, and AES-256-GCM of the content with the file's name as associated data, so that
one changed byte, a cut end, or a file put in another's place is found. The 256-bit key is random. It lies in the
system's keyring; where there is none, it lies in the folder itself, wrapped by a key that scrypt makes of a passphrase.
This protects a stolen disk and a backup, not against programs that run as the user.

File names and sizes are not hidden; so names must say nothing.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import keyring
import keyring.backends.fail
import keyring.errors
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from vcam.errors import BadInput

Passphrase = Callable[[], str | None]

SERVICE = "facewarp-cam"
HEADER = "vault.json"
PASSPHRASE_VARIABLE = "FACEWARP_PASSPHRASE"
_MAGIC = b"FWV1"
_NONCE_BYTES, _TAG_BYTES = 12, 16
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 17, 8, 1  # about 128 MiB and one to two seconds
_MOST_SCRYPT_N = 1 << 20
_SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,80}")
_RESET = "'facewarp faces reset' throws the old faces away and starts anew"


class VaultLocked(BadInput):
    """The key cannot be had: no keyring, lost key, wrong passphrase."""


class VaultDamaged(BadInput):
    """A file of the vault is not what was written."""


class KeyStore(Protocol):
    """Where the key lies outside the folder."""

    def usable(self) -> bool:
        """Whether this system has such a store at all."""
        ...

    def load(self, name: str) -> bytes | None:
        """The key, or None if there is none of that name."""
        ...

    def save(self, name: str, key: bytes) -> None:
        """Keep the key."""
        ...

    def delete(self, name: str) -> None:
        """Destroy the key; nothing happens if there is none."""
        ...


class SystemKeyring:
    """The keyring of the desktop: Secret Service, Keychain, Credential Manager."""

    def usable(self) -> bool:
        """False on systems without a desktop's keyring."""
        return not isinstance(keyring.get_keyring(), keyring.backends.fail.Keyring)

    def load(self, name: str) -> bytes | None:
        """See ``KeyStore``.

        Raises:
            VaultLocked: the keyring is locked or does not answer.
        """
        try:
            text = keyring.get_password(SERVICE, name)
        except keyring.errors.KeyringError as error:
            raise VaultLocked(f"the system's keyring cannot be read ({error}); unlock it and try again") from error
        return base64.b64decode(text) if text else None

    def save(self, name: str, key: bytes) -> None:
        """See ``KeyStore``.

        Raises:
            VaultLocked: the keyring is locked or does not answer.
        """
        try:
            keyring.set_password(SERVICE, name, base64.b64encode(key).decode())
        except keyring.errors.KeyringError as error:
            raise VaultLocked(f"the system's keyring takes no key ({error}); unlock it and try again") from error

    def delete(self, name: str) -> None:
        """See ``KeyStore``."""
        with contextlib.suppress(keyring.errors.PasswordDeleteError):
            keyring.delete_password(SERVICE, name)


def passphrase_from_environment() -> str | None:
    """The passphrase of a machine without a desktop."""
    return os.environ.get(PASSPHRASE_VARIABLE) or None


class Vault:
    """An open vault. Make one with ``open_vault``.

    Args:
        folder: mode 0700.
        key: 32 bytes.
        name: of the key in its store.
        keys: the store.
    """

    def __init__(self, folder: Path, key: bytes, name: str, keys: KeyStore) -> None:
        self.folder = folder
        self._cipher, self._name, self._keys = AESGCM(key), name, keys

    def write(self, name: str, content: bytes) -> None:
        """Encrypt and write a file; afterwards there is the whole new file or the whole old one."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        _write_file(self._path(name), _MAGIC + nonce + self._cipher.encrypt(nonce, content, _aad(name)))

    def read(self, name: str) -> bytes:
        """Read and decrypt a file.

        Raises:
            VaultDamaged: it was changed, cut, swapped, or cannot be read.
        """
        try:
            sealed = self._path(name).read_bytes()
        except OSError as error:
            raise VaultDamaged(f"{self._path(name)} cannot be read: {error.strerror}") from error
        if not sealed.startswith(_MAGIC) or len(sealed) < len(_MAGIC) + _NONCE_BYTES + _TAG_BYTES:
            raise VaultDamaged(f"{self._path(name)} is damaged: it is not a file of this program or was cut off")
        nonce, rest = sealed[len(_MAGIC) :][:_NONCE_BYTES], sealed[len(_MAGIC) + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, _aad(name))
        except InvalidTag as error:
            raise VaultDamaged(
                f"{self._path(name)} was changed after it was written and is not used; restore it from a backup"
            ) from error

    def names(self, suffix: str) -> list[str]:
        """Names of the files that end so, sorted."""
        return sorted(path.name for path in self.folder.glob(f"*{suffix}") if _SAFE_NAME.fullmatch(path.name))

    def delete(self, name: str) -> None:
        """Remove a file; nothing happens if it is gone."""
        self._path(name).unlink(missing_ok=True)

    def destroy(self) -> None:
        """Destroy the key, then every file. What a disk or backup still holds can no longer be read."""
        self._keys.delete(self._name)
        header = self.folder / HEADER
        # a wrapped key lies in the header: write over it before the name goes away
        header.write_bytes(secrets.token_bytes(max(1, header.stat().st_size)))
        for path in self.folder.iterdir():
            if path.is_file():
                path.unlink()

    def _path(self, name: str) -> Path:
        if not _SAFE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name for a file of the vault")
        return self.folder / name


def open_vault(
    folder: Path, keys: KeyStore, passphrase: Passphrase = passphrase_from_environment, scrypt_n: int = _SCRYPT_N
) -> Vault:
    """Open the vault in a folder, or make one.

    Args:
        folder: is made if need be, for the user alone.
        keys: where the key lies; ``SystemKeyring`` but for tests.
        passphrase: is asked when there is no keyring, and when the vault was made with a passphrase.
        scrypt_n: cost of a new passphrase vault, a power of 2.

    Raises:
        VaultLocked: no key: none in the keyring, no passphrase, a wrong one.
        VaultDamaged: the header was changed.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = folder / HEADER
    if not path.exists():
        return _make_vault(folder, keys, passphrase, scrypt_n)
    header = _read_header(path)
    name = header["name"]
    if header["kept"] == "keyring":
        key = keys.load(name) if keys.usable() else None
        if key is None:
            raise VaultLocked(
                f"the key of the faces in {folder} is not in this system's keyring, so they cannot be opened; "
                f"restore the keyring, or {_RESET}"
            )
        if hashlib.sha256(key).hexdigest() != header["key_sha256"]:
            raise VaultLocked(f"the keyring's key is not the one of the faces in {folder}; restore it, or {_RESET}")
    else:
        key = _unwrap(header, _ask(passphrase, folder))
    return Vault(folder, key, name, keys)


def destroy_vault(folder: Path, keys: KeyStore) -> None:
    """Reset without opening: for a lost key or a forgotten passphrase."""
    path = folder / HEADER
    if not path.exists():
        return
    try:
        name = _read_header(path)["name"]
    except VaultDamaged:
        name = ""
    Vault(folder, bytes(32), name, keys).destroy()


def _make_vault(folder: Path, keys: KeyStore, passphrase: Passphrase, scrypt_n: int) -> Vault:
    if any(folder.glob("*.face")):
        raise VaultDamaged(f"{folder / HEADER} is gone and with it the way to the key; restore it, or {_RESET}")
    key, name = secrets.token_bytes(32), secrets.token_hex(8)
    header: dict[str, object] = {"v": 1, "name": name}
    if keys.usable():
        # a fingerprint of 256 random bits tells nothing about them
        header |= {"kept": "keyring", "key_sha256": hashlib.sha256(key).hexdigest()}
        keys.save(name, key)
    else:
        salt, nonce = secrets.token_bytes(16), secrets.token_bytes(_NONCE_BYTES)
        wrapping = _stretch(_ask(passphrase, folder), salt, scrypt_n)
        wrapped = nonce + AESGCM(wrapping).encrypt(nonce, key, _aad(name))
        header |= {"kept": "passphrase", "n": scrypt_n, "salt": salt.hex(), "wrapped": wrapped.hex()}
    text = json.dumps(header, sort_keys=True)
    _write_file(folder / HEADER, f"{text}\n{hashlib.sha256(text.encode()).hexdigest()}\n".encode())
    return Vault(folder, key, name, keys)


def _read_header(path: Path) -> dict[str, Any]:
    damaged = VaultDamaged(f"{path} was changed or cut off; restore it from a backup, or {_RESET}")
    try:
        text, digest, end = path.read_text("ascii").split("\n")
    except (OSError, ValueError) as error:
        raise damaged from error
    if end or hashlib.sha256(text.encode()).hexdigest() != digest:
        raise damaged
    header: dict[str, Any] = json.loads(text)
    if header.get("v") != 1:
        raise VaultDamaged(f"{path} was written by a newer version of this program; update facewarp-cam")
    return header


def _unwrap(header: dict[str, Any], passphrase: str) -> bytes:
    wrapped = bytes.fromhex(header["wrapped"])
    wrapping = _stretch(passphrase, bytes.fromhex(header["salt"]), min(int(header["n"]), _MOST_SCRYPT_N))
    try:
        return AESGCM(wrapping).decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _aad(header["name"]))
    except InvalidTag as error:
        raise VaultLocked(f"that is not the passphrase of the faces; try again, or {_RESET}") from error


def _ask(passphrase: Passphrase, folder: Path) -> str:
    text = passphrase()
    if not text:
        raise VaultLocked(
            f"this system has no keyring, so the faces in {folder} need a passphrase; set {PASSPHRASE_VARIABLE}"
        )
    return text


def _stretch(passphrase: str, salt: bytes, n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=n, r=_SCRYPT_R, p=_SCRYPT_P).derive(passphrase.encode())


def _aad(name: str) -> bytes:
    return b"facewarp-cam/" + name.encode()


def _write_file(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
