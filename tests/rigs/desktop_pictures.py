"""Pictures of every page of the panel, light and dark, and of the tray's menu, with the real program and nobody's face.

Usage: desktop_pictures.py FOLDER; needs the tools of packages-desktop.txt. The camera is the clip of nobody that comes
with the program, or the drawn scene.
"""

# ruff: noqa: E402 - Qt must know its platform before it is imported

import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "rigs")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from desktop_session import DesktopSession, until
from PIL import Image
from PySide6.QtCore import QEventLoop, QTimer

from vcam.catalogue import find_models_folder
from vcam.config import DesktopSettings, Language, RunSettings, Settings, Theme
from vcam.daemon.assemble import assemble
from vcam.daemon.state import Mood
from vcam.desktop.panel.preview import PERIOD_MS
from vcam.desktop.panel.window import PanelWindow
from vcam.desktop.translate import translator
from vcam.types import Shown

PAGES = ("live", "faces", "camera", "speed", "tour", "about")
ICON_AT = (16, 16)  # in the tray of xfce4-panel
LONGEST_MS, SETTLE_MS = 60_000, 1500


def camera():
    """The clip of nobody, or the drawn scene."""
    clip = find_models_folder() / "actor.mp4"
    return str(clip) if clip.is_file() else "synthetic"


def photograph_panel(folder, theme, language):
    """Every page, as PNG files named by page and theme."""
    desktop = DesktopSettings(theme=theme, language=language, tour_seen=True)
    settings = Settings(run=RunSettings(camera=camera(), output="null"), desktop=desktop)
    with assemble(settings, folder / "settings.toml") as daemon:
        window = PanelWindow(daemon, translator(language))
        window.show()
        for number, page in enumerate(PAGES):
            window.open_page(number)
            if page == "live":
                window.live.view.press("split")
            if page == "tour":
                for _ in range(3):
                    window.tour.forward.click()
            if page == "about":
                window.check.check()
                wait_for(window.check.start.isEnabled)
            let_run(SETTLE_MS * (4 if page == "speed" else 1))
            if page == "live":
                wait_for(lambda: daemon.state.mood is Mood.ON and daemon.runner.shown is Shown.SWAPPED)
            window.grab().save(str(folder / f"{page}-{theme}-{language}.png"))
        window.dispose()


def let_run(milliseconds):
    """Qt and the program's threads meanwhile; QTest.qWait would keep the other threads of Python from running."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def wait_for(condition):
    """Until it is so and on the screen, or it takes too long."""
    waited_ms = 0
    while not condition() and waited_ms < LONGEST_MS:
        let_run(20)
        waited_ms += 20
    let_run(PERIOD_MS + 20)


def photograph_menu(folder):
    """The open tray menu with the faces, cut out of a screen with a StatusNotifier tray."""
    with tempfile.TemporaryDirectory() as home, DesktopSession(Path(home), size="640x480") as session:
        session.start_tray("xfce4-panel")
        flags = ("--camera", camera(), "--output", "null", "--tray", "qt", "--language", "en", "--tour-seen", "true")
        session.start(sys.executable, "-m", "vcam", *flags, cwd=ROOT)
        until(lambda: session.facewarp("status")[0] == 0, "the program")

        def told(part):
            return part in session.facewarp("status", "--json")[1]

        def clicked():
            session.click(*ICON_AT)
            return told('"enabled": false')

        until(clicked, "the icon")  # a right click before it is there would open the tray host's own menu
        until(lambda: session.facewarp("on")[0] == 0 and told('"mood": "on"'), "a swap")
        session.open_faces(session.open_menu(*ICON_AT))
        session.screenshot(folder / "menu.png")


def make_small(path):
    """256 colours are enough for a page, and a third of the bytes."""
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(256)
    small.save(path, optimize=True)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for theme, language in ((Theme.LIGHT, Language.ENGLISH), (Theme.DARK, Language.GERMAN)):
        photograph_panel(folder, theme, language)
    photograph_menu(folder)
    (folder / "settings.toml").unlink(missing_ok=True)
    for path in folder.glob("*.png"):
        make_small(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
