"""The real program with real networks, and an output whose readers come and go by a file.

Usage: real_program.py READERS_FILE CAMERA [--tray BACKEND]; while the file exists, the output is read.
"""

import argparse
import dataclasses
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from vcam.cli.daemon import be_the_program
from vcam.config import DesktopSettings, RunSettings, Settings, TrayBackend
from vcam.daemon.assemble import real_devices
from vcam.daemon.daemon import Daemon
from vcam.daemon.instance import InstanceLock, runtime_folder
from vcam.daemon.library import Library


class CountedOutput:
    """Takes pictures and knows whether it is read."""

    def __init__(self, mode, readers):
        self.name, self.mode, self.readers = "counted", mode, readers

    def send(self, image):
        assert image.shape == (self.mode.height, self.mode.width, 3)

    def watched(self):
        return self.readers.exists()

    def close(self):
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("readers", type=Path)
    parser.add_argument("camera")
    parser.add_argument("--tray", default="")
    given = parser.parse_args()
    devices = dataclasses.replace(real_devices(), open_output=lambda kind, mode: CountedOutput(mode, given.readers))
    desktop = DesktopSettings(tray=TrayBackend(given.tray or "none"), tour_seen=True)
    settings = Settings(run=RunSettings(camera=given.camera), desktop=desktop)
    folder = runtime_folder()
    faces = Library(folder=Path(tempfile.mkdtemp()))
    with InstanceLock(folder) as lock:
        assert lock.acquire()
        be_the_program(Daemon(settings, faces, devices, lambda changes: None), folder, headless=not given.tray)


if __name__ == "__main__":
    main()
