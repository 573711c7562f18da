"""The pieces work while every socket but a Unix one is refused."""

import socket
import sys

import cv2
import pytest

from safeguards.moving_picture import frames, luma_frames
from safeguards.test_gallery import MemoryKeys, add
from vcam.safeguards.gallery import Gallery
from vcam.safeguards.provenance import is_available, read_provenance, sign_file, signing_key
from vcam.safeguards.vault import open_vault
from vcam.safeguards.verify import Verdict, verify
from vcam.safeguards.watermark import Marker
from vcam.safeguards.watermark_code import Kind

_refusing = False


def _refuse_network(event, arguments):
    if _refusing and event in ("socket.__new__", "socket.connect", "socket.bind", "socket.getaddrinfo"):
        family = arguments[1] if event == "socket.__new__" else getattr(arguments[0], "family", None)
        if family != socket.AF_UNIX:
            raise PermissionError(f"{event} while the network is refused")


@pytest.fixture
def no_network():
    global _refusing
    sys.addaudithook(_refuse_network)  # stays for the life of the process; the flag switches it off
    _refusing = True
    yield
    _refusing = False


def test_no_piece_needs_the_network(no_network, tmp_path):
    with pytest.raises(PermissionError):
        socket.socket(socket.AF_INET)
    marker, planes = Marker(7, Kind.CAMERA), list(luma_frames(2))
    for plane in planes:
        marker.mark_luma(plane)
    assert verify(planes, search_too=False).verdict is Verdict.PRESENT
    vault = open_vault(tmp_path / "faces", MemoryKeys())
    gallery = Gallery(vault)
    assert gallery.load(add(gallery).id).source.name == "Ann"
    if is_available():
        plain, signed = tmp_path / "a.png", tmp_path / "b.png"
        cv2.imwrite(str(plain), next(frames(1, size_wh=(160, 90))))
        sign_file(plain, signed, signing_key(vault), 7)
        assert read_provenance(signed).intact
