"""A photo dropped on the panel is worn a moment later: real panel, daemon, gallery and networks."""

import os
import shutil
import time
from hashlib import sha256

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PySide6.QtWidgets", reason="needs the extra gui and libegl1", exc_type=ImportError)

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtTest import QTest

from desktop_fakes import KeysInMemory, wait_for_state
from vcam.catalogue import built_in_faces, find_clip
from vcam.config import DesktopSettings, Language, RunSettings, Settings
from vcam.daemon.assemble import real_devices
from vcam.daemon.daemon import Daemon
from vcam.daemon.library import Library
from vcam.daemon.state import Mood
from vcam.desktop.panel.consent_dialog import ConsentDialog
from vcam.desktop.panel.window import PanelWindow
from vcam.desktop.translate import translator
from vcam.types import Basis, VideoMode

NAME = "Mia of the long name"  # a short one comes up by chance among encrypted bytes
LONG_S = 60.0  # networks are loaded and a face is enrolled on a machine that may be busy


@pytest.fixture
def library(tmp_path):
    return Library(folder=tmp_path / "faces", keys=KeysInMemory(), read=False)


@pytest.fixture
def daemon(library):
    settings = Settings(
        run=RunSettings(output="null", mode=VideoMode(640, 360, 30.0), camera=str(find_clip())),
        desktop=DesktopSettings(language=Language.ENGLISH, tour_seen=True),
    )
    with Daemon(settings, library, real_devices(), lambda changes: None) as running:
        yield running


def drop(page, photo):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(photo))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    page.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, left, none))


def frames(daemon, kind):
    return daemon.runner.report("", "")[f"frames_{kind}"]


def wait(condition):
    """Let the panel work until something is so."""
    give_up_at = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < give_up_at, "waited in vain"
        QTest.qWait(20)


def agree(dialog):
    """In place of exec, which would wait for a person."""
    dialog.choices[Basis.SELF].setChecked(True)
    return ConsentDialog.DialogCode.Accepted


def test_a_dropped_photo_is_worn_and_lies_encrypted(daemon, library, tmp_path, monkeypatch):
    monkeypatch.setattr(ConsentDialog, "exec", agree)
    photo = shutil.copy(built_in_faces()[11].picture, tmp_path / f"{NAME}.png")
    window = PanelWindow(daemon, translator(Language.ENGLISH))
    try:
        wait_for_state(daemon, lambda state: state.mood is Mood.ON, LONG_S)
        drop(window.faces, photo)
        wait(lambda: daemon.state.face_name == NAME)
        swapped = frames(daemon, "swapped")
        wait(lambda: frames(daemon, "swapped") > swapped + 5)
    finally:
        window.dispose()
    assert frames(daemon, "raw") == 0
    assert daemon.state.problem == ""
    kept = library.source(daemon.state.face)
    assert kept.consent.basis is Basis.SELF
    assert kept.consent.photo_sha256 == sha256(photo.read_bytes()).hexdigest()
    content = b"".join(file.read_bytes() for file in (tmp_path / "faces").iterdir())
    assert photo.read_bytes()[100:140] not in content
    assert NAME.encode() not in content
    again = Library(folder=tmp_path / "faces", keys=library._keys)
    assert [face.name for face in again.list() if not face.built_in] == [NAME]
