"""The panel without a screen: every control changes the state it names."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PySide6.QtWidgets", reason="needs the extra gui and libegl1", exc_type=ImportError)

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
    QListWidget,
    QMessageBox,
    QSlider,
)

from desktop_fakes import CAMERAS, CARD_GREY, MODE, RAW_GREY, WAIT_S, Bench, FewFaces, colour_of, wait_for_state
from vcam.config import DesktopSettings, Engine, Language, RunSettings, Settings, Theme
from vcam.desktop.panel.camera_dialog import CameraDialog
from vcam.desktop.panel.consent_dialog import Answer, ConsentDialog
from vcam.desktop.panel.look_dialog import LookDialog
from vcam.desktop.panel.preview import View, compose
from vcam.desktop.panel.speed_page import nice_scale
from vcam.desktop.panel.style import DARK, LIGHT, colours, style_sheet
from vcam.desktop.panel.which_dialog import WhichDialog
from vcam.desktop.panel.window import PanelWindow
from vcam.desktop.translate import translator
from vcam.doctor import Finding, Health
from vcam.pipeline.enrol import SeveralFaces
from vcam.safeguards.consent import LOOKS, wording
from vcam.types import BadgeMode, Basis, Photo, Safe
from vcam.video.photos import decode_photo

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ENGLISH = translator(Language.ENGLISH)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    desktop = DesktopSettings(language=Language.ENGLISH, theme=Theme.LIGHT, tour_seen=True)
    made = Bench(Settings(run=RunSettings(mode=MODE, camera=CAMERAS[0]), desktop=desktop))
    with made.daemon:
        yield made


@pytest.fixture
def window(bench):
    made = PanelWindow(bench.daemon, ENGLISH)
    made.show()
    wait(lambda: made.live.faces.count() == 3)
    yield made
    made.dispose()


def wait(condition):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        QTest.qWait(10)


def agree(dialog):
    """In place of exec; the dialog is tested by itself below."""
    dialog.choices[Basis.SELF].setChecked(True)
    return ConsentDialog.DialogCode.Accepted


@pytest.fixture
def files_meanwhile(bench, tmp_path, monkeypatch):
    """Names of the temporary files that there are while a face is added."""
    folder, names, add = tmp_path / "temporary", [], bench.faces.add
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    def look_and_add(*given, **more):
        names.extend(file.name for file in folder.iterdir())
        return add(*given, **more)

    bench.faces.add = look_and_add
    return names


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_the_switch_turns_the_swap_off_and_on(bench, window):
    click(window.live.switch)
    bench.output.wait_for(RAW_GREY)
    wait(lambda: not bench.daemon.state.enabled)
    QTest.keyClick(window.live.switch, Qt.Key.Key_Space)
    bench.output.wait_for(colour_of("ana"))


def test_the_pause_is_a_button(bench, window):
    click(window.live.pause)
    bench.output.wait_for(CARD_GREY)
    wait(lambda: bench.daemon.state.paused and window.live.pause.isChecked())
    click(window.live.pause)
    bench.output.wait_for(colour_of("ana"))


def test_a_face_is_worn_by_click_and_by_key(bench, window):
    faces = window.live.faces
    QTest.mouseClick(faces.viewport(), Qt.MouseButton.LeftButton, pos=faces.visualItemRect(faces.item(1)).center())
    bench.output.wait_for(colour_of("ben"))
    QTest.keyClick(faces, Qt.Key.Key_Right)
    QTest.keyClick(faces, Qt.Key.Key_Return)
    bench.output.wait_for(colour_of("zoe"))


def test_every_control_of_the_settings_changes_what_it_names(bench, window):
    window.open_page(2)
    page, daemon = window.settings, bench.daemon
    page.camera.setCurrentIndex(page.camera.findData("Desk camera"))
    page.camera.activated.emit(page.camera.currentIndex())
    wait_for_state(daemon, lambda state: state.camera == "Desk camera")
    page.preset.press("light")
    wait_for_state(daemon, lambda state: state.size == "640x360" and state.preset == "light")
    page.safe.press(Safe.HOLD_CARD)
    wait_for_state(daemon, lambda state: state.safe is Safe.HOLD_CARD)
    page.badge.press(BadgeMode.ALWAYS)
    wait_for_state(daemon, lambda state: state.badge is BadgeMode.ALWAYS)
    click(page.more_button)
    assert page.more.isVisible()
    page.engine.press(Engine.MESH)
    wait_for_state(daemon, lambda state: state.engine is Engine.MESH)
    page.size_choice.setCurrentText("640x480")
    page.size_choice.activated.emit(page.size_choice.currentIndex())
    wait_for_state(daemon, lambda state: state.size == "640x480" and state.preset == "")
    page.rate.activated.emit(0)
    wait_for_state(daemon, lambda state: state.fps == 15)
    page.threads.setValue(3)
    assert daemon.settings.run.pipeline.threads == 3
    QTest.keyClick(page.threads, Qt.Key.Key_Right)
    assert daemon.settings.run.pipeline.threads == 4
    page.cross_fade.click()
    assert daemon.runner.control.cross_fade
    wait_for_state(daemon, lambda state: "Desk camera" in state.camera_in_use)
    wait(lambda: "Desk camera" in page.given.text())


def test_autostart_is_a_checkbox(bench, window, tmp_path):
    window.open_page(2)
    box = window.settings.autostart
    file = tmp_path / "config" / "autostart" / "facewarp-cam.desktop"
    box.click()
    assert "Exec=" in file.read_text()
    box.click()
    assert not file.exists()


def test_a_dropped_photo_becomes_a_face(bench, window, tmp_path, monkeypatch):
    photo = tmp_path / "Mia.png"
    photo.write_bytes(b"photo")
    monkeypatch.setattr(ConsentDialog, "exec", agree)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(photo))])
    drop = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(drop)  # on any page
    assert window.stack.currentWidget() is window.faces
    wait(lambda: bench.daemon.state.face == "mia")
    assert bench.faces.added == [(b"photo", "Mia", Basis.SELF, "")]
    assert photo.exists()


def test_a_pasted_picture_is_added_without_a_file(bench, window, files_meanwhile, monkeypatch):
    monkeypatch.setattr(ConsentDialog, "exec", agree)
    picture = QImage(8, 8, QImage.Format.Format_RGB888)
    picture.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(picture)
    window.open_page(1)
    window.faces.paste()
    wait(lambda: bench.daemon.state.face == "pasted")
    ((data, name, basis, _),) = bench.faces.added
    assert (name, basis) == ("Pasted", Basis.SELF)
    assert decode_photo(Photo("Pasted.png", data))[3, 3].tolist() == [0, 0, 255]
    assert files_meanwhile == []


def test_a_photo_that_cannot_be_used_is_told(bench, window):
    window.faces.add([Photo("empty.png", b"")], Answer("Mia", Basis.SELF))
    wait(lambda: "empty.png is empty" in window.message.text())
    assert "Drop photos" in window.faces.note.text()
    assert window.message.isVisible()


def test_a_photo_is_taken_with_the_camera_that_rests(bench, window, files_meanwhile, monkeypatch):
    window.open_page(1)  # where no preview keeps the camera awake

    def take(dialog):  # exec would wait for a person
        assert not dialog.take.isEnabled()
        dialog.show()
        wait(dialog.take.isEnabled)
        click(dialog.take)
        return dialog.result()

    monkeypatch.setattr(CameraDialog, "exec", take)
    monkeypatch.setattr(ConsentDialog, "exec", agree)
    click(next(b for b in window.faces.findChildren(QAbstractButton) if b.text() == "Take a photo"))
    wait(lambda: bench.daemon.state.face == "me")
    ((data, name, _, _),) = bench.faces.added
    assert name == "Me"
    assert decode_photo(Photo("Me.png", data))[3, 3, 0] == RAW_GREY
    assert files_meanwhile == []
    assert bench.daemon.runner.preview is None


def look(dialog):
    """In place of exec: until it ends by itself."""
    dialog.show()
    wait(lambda: not dialog.isVisible())
    return dialog.result()


def test_ones_own_face_is_confirmed_by_a_look_into_the_camera(bench, window, monkeypatch):
    monkeypatch.setattr(LookDialog, "exec", look)
    window.open_page(1)
    window.faces.look_and_add([Photo("me.png", b"photo")], Answer("Mia", Basis.SELF, confirm=True))
    wait(lambda: bench.daemon.state.face == "mia")
    assert len(bench.faces.looks) == LOOKS
    assert bench.daemon.runner.preview is None
    assert bench.daemon.state.enabled


def test_somebody_elses_look_is_told_and_the_keeper_decides(bench, window, monkeypatch):
    bench.faces.keeper_grey = RAW_GREY + 1
    asked = []

    def press(question, text):
        asked.append(question.text())
        click(next(b for b in question.buttons() if b.text() == text))
        return question.result()

    answers = ["Try again", "Add without it"]
    monkeypatch.setattr(LookDialog, "exec", look)
    monkeypatch.setattr(QMessageBox, "exec", lambda question: press(question, answers.pop(0)))
    window.open_page(1)
    window.faces.look_and_add([Photo("me.png", b"photo")], Answer("Mia", Basis.SELF, confirm=True))
    wait(lambda: bench.daemon.state.face == "mia")
    assert asked == ["The face in the camera does not seem to be the one in the photo."] * 2
    assert bench.faces.looks is None


def test_a_look_without_a_face_can_be_repeated_and_cancelled(bench, window):
    bench.faces.look_into = lambda next_picture, _seen: [next_picture()][:0]
    dialog = LookDialog(window.faces, bench.daemon, window._feed, ENGLISH)
    dialog.show()
    wait(dialog.again.isVisible)
    assert "No face was seen clearly" in dialog.says.text()
    click(dialog.again)
    assert not dialog.again.isVisible()
    wait(dialog.again.isVisible)
    dialog.reject()
    assert (dialog.result(), dialog.looks) == (LookDialog.DialogCode.Rejected, ())


def test_a_paused_camera_gives_no_look(bench, window, monkeypatch):
    monkeypatch.setattr("vcam.desktop.panel.look_dialog.PICTURE_S", 0.1)
    bench.daemon.toggle_pause()
    wait_for_state(bench.daemon, lambda state: state.paused)
    wait(lambda: bench.daemon.runner.live_picture is None)
    dialog = LookDialog(window.faces, bench.daemon, window._feed, ENGLISH)
    dialog.show()
    wait(dialog.again.isVisible)
    assert "gives no picture. End a pause" in dialog.says.text()
    dialog.reject()


def test_faces_that_came_with_the_program_cannot_be_changed(bench, window):
    bench.faces.built_in = {"ben"}
    bench.daemon.reload_faces()
    wait(lambda: any(face.built_in for face in bench.daemon.state.faces))
    window.open_page(1)
    page = window.faces
    assert page.rename.isEnabled()
    page.faces.setCurrentRow(1)
    assert not page.rename.isEnabled()
    QTest.keyClick(page.faces, Qt.Key.Key_Delete)
    assert "ben" in bench.faces.sources
    page.faces.setCurrentRow(2)
    assert page.remove.isEnabled()


def test_of_several_faces_one_is_chosen(bench, window, monkeypatch):
    photo = Photo("both.png", b"photo")
    asked = []

    def add(photos, name, basis, note="", *, which=None, looks=None):
        asked.append(which)
        if not which:
            raise SeveralFaces(photo, (np.zeros((8, 8, 3), np.uint8), np.ones((8, 8, 3), np.uint8)))
        return FewFaces.add(bench.faces, photos, name, basis, note)

    def press_the_second(dialog):  # exec would wait for a person
        click(dialog.faces[1])
        return dialog.result()

    bench.faces.add = add
    monkeypatch.setattr(WhichDialog, "exec", press_the_second)
    window.faces.add([photo], Answer("Mia", Basis.SELF))
    wait(lambda: bench.daemon.state.face == "mia")
    assert asked == [{}, {photo: 2}]


def test_faces_are_exported_and_imported(bench, window, tmp_path):
    file = tmp_path / "faces.facewarp"
    window.faces.export(file, "secret")
    wait(lambda: "written to the file: 3" in window.faces.note.text())
    bench.faces.remove("zoe")
    window.faces.import_from(file, "wrong")
    wait(lambda: "not the passphrase" in window.message.text())
    window.faces.import_from(file, "secret")
    wait_for_state(bench.daemon, lambda state: len(state.faces) == 3)
    window.faces.import_from(tmp_path / "none", "secret")
    wait(lambda: "cannot be read" in window.message.text())


def test_the_consent_record_is_shown(window, monkeypatch):
    shown = []
    monkeypatch.setattr(QMessageBox, "information", lambda *given: shown.append(given[1:]))
    window.open_page(1)
    click(next(b for b in window.faces.findChildren(QAbstractButton) if b.text() == "Record"))
    assert shown[0][0] == "Ana"
    assert "synthetic" in shown[0][1]


def test_no_face_is_added_without_a_complete_consent(window):
    dialog = ConsentDialog(window.faces, "Mia", ENGLISH)
    ok = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    assert not ok.isEnabled()
    dialog.choices[Basis.SELF].setChecked(True)
    assert ok.isEnabled()
    dialog.choices[Basis.WRITTEN].setChecked(True)
    assert not ok.isEnabled()
    dialog.note.setText("Mia Muster, letter of 3 May")
    assert ok.isEnabled()
    assert dialog.answer() == Answer("Mia", Basis.WRITTEN, "Mia Muster, letter of 3 May")
    dialog.choices[Basis.SYNTHETIC].setChecked(True)
    assert ok.isEnabled()
    assert dialog.answer() == Answer("Mia", Basis.SYNTHETIC)
    dialog.choices[Basis.SELF].setChecked(True)
    dialog.confirm.setChecked(True)
    assert dialog.answer() == Answer("Mia", Basis.SELF, confirm=True)
    dialog.name.clear()
    assert not ok.isEnabled()


def test_the_wording_that_is_recorded_is_read_before(window):
    dialog = ConsentDialog(window.faces, "Mia", ENGLISH)
    assert set(dialog.choices) == set(Basis)
    for basis, choice in dialog.choices.items():
        choice.setChecked(True)
        assert dialog.stated.text() == wording(basis)
        dialog.show()
        assert dialog.stated.height() >= dialog.stated.heightForWidth(dialog.stated.width())  # nothing is cut off


def test_an_error_in_a_slot_is_told_and_the_camera_goes_on(bench, window, caplog):
    def broken(_state):
        raise ZeroDivisionError

    window.live.view._buttons["before"].clicked.connect(broken)
    window.live.view.press("before")
    wait(lambda: "did not work" in window.message.text())
    bench.output.wait_for(colour_of("ana"))
    assert "a slot failed" in caplog.text


def test_the_preview_costs_nothing_while_hidden(bench, window):
    assert bench.daemon.runner.preview is not None
    wait(lambda: window._feed.after is not None)
    window.open_page(2)
    assert bench.daemon.runner.preview is None
    window.open_page(0)
    assert bench.daemon.runner.preview is not None
    window.hide()
    assert bench.daemon.runner.preview is None


def test_the_three_views():
    before, after = np.full((720, 1280, 3), 10, np.uint8), np.full((720, 1280, 3), 99, np.uint8)
    shown = partial(compose, size_wh=(801, 450))
    assert shown(before, after, View.BEFORE).shape == (450, 801, 3)
    assert shown(before, after, View.AFTER)[0, 0, 0] == 99
    split = shown(before, after, View.SPLIT)
    assert split.shape == (450, 801, 3)
    assert split[0, [0, 399, 400, 800], 0].tolist() == [10, 10, 99, 99]
    assert shown(None, after, View.SPLIT)[0, 0, 0] == 99
    assert shown(None, None, View.BEFORE) is None
    assert compose(before, after, View.SPLIT, (2560, 1440)).shape == (720, 1280, 3)
    assert compose(before, after, View.SPLIT, (1279, 719)).shape == (719, 1279, 3)  # one half alone would fit


def test_the_preview_shows_the_whole_picture_in_its_place(bench, window):
    preview = window.live.preview
    preview.setFixedSize(500, 400)
    window._feed.after = np.full((720, 1280, 3), 99, np.uint8)
    window._feed.after[:, :640] = 180
    preview.show_view(View.AFTER)
    seen = preview.grab().toImage()
    ratio = seen.devicePixelRatio()
    grey = [seen.pixelColor(round(x * ratio), round(y * ratio)).red() for x, y in ((30, 70), (470, 330), (5, 200))]
    assert grey == [180, 99, 180]
    assert seen.pixelColor(round(250 * ratio), round(20 * ratio)).name() == LIGHT.page


def test_the_tour_goes_forward_and_ends(bench, window):
    window.open_page(4)
    tour = window.tour
    for step in range(4):
        assert tour.steps.currentIndex() == step
        click(tour.forward)
    assert bench.daemon.settings.desktop.tour_seen
    assert tour.steps.currentIndex() == 0


def test_the_times_are_those_of_now(bench, window):
    bench.output.wait_for(colour_of("ana"))
    window.open_page(3)
    speed = window.speed
    wait(lambda: len(speed.graph.values) > 0)
    assert "Latency" in speed.rates.text()
    assert list(speed._rows) == ["wear"]
    bench.daemon.toggle_pause()
    wait(lambda: "No live pictures now" in speed.rates.text())


@pytest.mark.parametrize(("largest", "end"), [(0, 50), (50, 50), (51, 100), (180, 200), (201, 500), (832, 1000)])
def test_scales_end_at_round_figures(largest, end):
    assert nice_scale(largest) == end


def test_who_closes_the_window_has_seen_the_tour(bench, window):
    bench.daemon.choose("desktop.tour_seen", False)
    window.close()
    assert bench.daemon.settings.desktop.tour_seen


def test_what_needs_no_root_is_repaired_by_a_button(window, monkeypatch):
    mended = []
    page = window.check
    found = [Finding("autostart", Health.FAULT, "stale", "facewarp autostart on", lambda: mended.append(True))]
    monkeypatch.setattr(page, "check", lambda: page.show_findings([Finding("autostart", Health.OK, "on")]))
    page.show_findings(found)
    click(next(b for b in page.findChildren(QAbstractButton) if b.text() == "Repair"))
    wait(lambda: mended and not any(b.text() == "Repair" for b in page.findChildren(QAbstractButton)))


def test_pages_can_be_reached_by_keys(window):
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    for number in range(6):
        QTest.keyClick(window, Qt.Key(Qt.Key.Key_1 + number), Qt.KeyboardModifier.ControlModifier)
        assert window.stack.currentIndex() == number


def test_every_control_has_a_name_for_screen_readers(window):
    nameless = [
        control
        for kind in (QAbstractButton, QComboBox, QSlider, QListWidget, QLineEdit)
        for control in window.findChildren(kind)
        if not (control.accessibleName() or getattr(control, "text", str)()) and control.objectName()[:3] != "qt_"
    ]
    assert nameless == []


def test_many_calls_do_not_use_up_none():
    """PySide6 6.12.0 on Python 3.11 aborts after some ten thousand calls; the camera would die with the panel."""
    code = (
        "from vcam.desktop.tray_qt import application\n"
        "app = application()\n"
        "for _ in range(60_000): app.setObjectName('x')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[2])


def test_themes():
    assert colours(Theme.LIGHT) is LIGHT
    assert colours(Theme.DARK) is DARK
    assert LIGHT.accent in style_sheet(LIGHT)
