"""The real program of the tray around small devices: what is sent is written, picture by picture, to a file.

Usage: desktop_program.py SENT_FILE [--tray BACKEND] [--toggle KEY] [--next KEY] [--headless] [--first-time]
"""

# ruff: noqa: E402 - the tests are not a package; their folder is put on the path first

import argparse
import struct
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[1])]

from desktop_fakes import CAMERAS, MODE, Bench, WatchedOutput
from vcam.cli.daemon import be_the_program
from vcam.config import DesktopSettings, HotkeySettings, Language, RunSettings, Settings, TrayBackend, parse_hotkey
from vcam.daemon.instance import InstanceLock, runtime_folder
from vcam.daemon.log_file import start_logging

RECORD = struct.Struct("dB")  # seconds (CLOCK_MONOTONIC), grey level


class WritingOutput(WatchedOutput):
    def __init__(self, mode, path):
        super().__init__(mode)
        self.file = path.open("ab", buffering=0)

    def send(self, image):
        super().send(image)
        self.file.write(RECORD.pack(time.monotonic(), int(image[0, 0, 0])))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sent", type=Path)
    parser.add_argument("--tray", default="auto")
    parser.add_argument("--toggle", default="Ctrl+Alt+F")
    parser.add_argument("--next", default="Ctrl+Alt+N")
    parser.add_argument("--headless", action="store_true")
    parser.add_argument("--first-time", action="store_true")
    given = parser.parse_args()
    start_logging(given.sent.with_suffix(".log"))
    settings = Settings(
        run=RunSettings(mode=MODE, camera=CAMERAS[0]),
        hotkeys=HotkeySettings(parse_hotkey(given.toggle), parse_hotkey(given.next)),
        desktop=DesktopSettings(
            language=Language.ENGLISH, tray=TrayBackend(given.tray), tour_seen=not given.first_time
        ),
    )
    bench = Bench(settings, open_output=lambda mode: WritingOutput(mode, given.sent))
    folder = runtime_folder()
    with InstanceLock(folder) as lock:
        assert lock.acquire()
        be_the_program(bench.daemon, folder, given.headless)


if __name__ == "__main__":
    main()
