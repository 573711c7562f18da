"""Files that the program has written get a signed provenance record, where that can be had."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vcam.daemon.library import gallery_folder
from vcam.errors import VcamError

if TYPE_CHECKING:
    from vcam.safeguards.vault import KeyStore


def sign_written(
    path: Path, session: int, *, swapped: bool, marked: bool, folder: Path | None = None, keys: KeyStore | None = None
) -> str:
    """Sign a file with the key of this installation, which lies sealed beside the user's faces.

    Args:
        path: of the finished file; it stays as it is if it cannot be signed.
        session: 24 bits, as in the watermark.
        swapped: whether it shows a swap; a file that shows none is not signed.
        marked: whether the watermark is in it.
        folder: of the gallery.
        keys: where the gallery's key lies.

    Returns:
        What came of it, in words that go on after "written": "signed", or "not signed: " and why.
    """
    if not swapped:
        return "not signed: it shows no swap"
    from vcam.safeguards.provenance import check_available, sign_in_place, signing_key
    from vcam.safeguards.vault import SystemKeyring, open_vault

    try:
        check_available(path)  # before anybody is asked for a key
        sign_in_place(path, signing_key(open_vault(folder or gallery_folder(), keys or SystemKeyring())), session,
                      marked=marked)  # fmt: skip
    except VcamError as error:
        return f"not signed: {error}"
    except OSError as error:
        return f"not signed: {error.strerror or error}"
    return "signed"
