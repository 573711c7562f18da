"""Small real devices and faces for the tests of daemon and desktop: every picture tells what made it."""

import hashlib
import threading
import time
from collections import deque

import numpy as np

from vcam.config import RunSettings, Settings
from vcam.daemon.daemon import Daemon
from vcam.daemon.devices import Devices
from vcam.daemon.state import FaceName
from vcam.errors import BadInput, CameraLost, UnknownCamera
from vcam.safeguards.consent import LOOKS, ConsentRefused
from vcam.types import Basis, Consent, Frame, Source, VideoMode

MODE = VideoMode(64, 48, 60.0)
CAMERAS = ("Front camera", "Desk camera")
RAW_GREY, BLUR_GREY, CARD_GREY = 10, 90, 200
WAIT_S = 5.0


def colour_of(face_id):
    """Grey level of a worn face, 30 to 79."""
    return 30 + hashlib.sha256(face_id.encode()).digest()[0] % 50


def make_source(face_id, name=None):
    vector = np.random.default_rng(colour_of(face_id)).standard_normal(512).astype(np.float32)
    return Source(face_id, name or face_id.title(), vector / np.linalg.norm(vector), Consent(Basis.SYNTHETIC, "1", ""))


class FewFaces:
    """Three faces."""

    def __init__(self, ids=("ana", "ben", "zoe")):
        self.sources = {face_id: make_source(face_id) for face_id in ids}
        self.built_in = set()
        self.keeper_grey = RAW_GREY  # what the camera shows while the keeper is before it

    def list(self):
        return tuple(FaceName(source.id, source.name, source.id in self.built_in) for source in self.sources.values())

    def reload(self):
        """Nothing is kept elsewhere."""

    def add(self, photos, name, basis, note="", *, which=None, looks=None):
        for photo in photos:
            if not photo.data:
                raise BadInput(f"{photo.name} is empty")
        if looks is not None and any(look[0] != 1 for look in looks):
            raise ConsentRefused("somebody else has looked")
        self.looks = looks
        self.added = [(photo.data, name, basis, note) for photo in photos]
        self.sources[name.lower()] = make_source(name.lower(), name)
        return self.sources[name.lower()]

    def look_into(self, next_picture, seen):
        """The keeper's looks where the camera shows ``keeper_grey``; else somebody's."""
        pictures = []
        for count in range(1, LOOKS + 1):
            pictures.append(next_picture())
            seen(count)
        return [np.eye(512, dtype=np.float32)[int(picture[0, 0, 0] != self.keeper_grey)] for picture in pictures]

    def export(self, passphrase):
        return b" ".join([passphrase.encode(), *(name.encode() for name in self.sources)]), len(self.sources)

    def import_from(self, content, passphrase):
        known, *ids = content.decode().split()
        if passphrase != known:
            raise BadInput("that is not the passphrase of this file")
        return tuple(self.sources.setdefault(face_id, make_source(face_id)) for face_id in ids)

    def rename(self, wanted, name):
        self.sources[wanted] = make_source(wanted, name)

    def remove(self, wanted):
        del self.sources[wanted]

    def source(self, face_id):
        if face_id not in self.sources:
            raise BadInput(f"there is no face {face_id!r}")
        return self.sources[face_id]


class KeysInMemory:
    """A keyring."""

    def __init__(self):
        self.keys = {}

    def usable(self):
        return True

    def load(self, name):
        return self.keys.get(name)

    def save(self, name, key):
        self.keys[name] = key

    def delete(self, name):
        self.keys.pop(name, None)


class GreyCamera:
    """Gives the raw grey at 60 fps until closed."""

    def __init__(self, name, mode=MODE):
        self.name, self.asked, self.mode = name, mode, mode
        self._closed = threading.Event()
        self._index = 0

    def read(self):
        if self._closed.wait(1 / 60):
            raise CameraLost("the camera was closed")
        self._index += 1
        image = np.full((self.mode.height, self.mode.width, 3), RAW_GREY, np.uint8)
        return Frame(image, self._index, time.perf_counter())

    def close(self):
        self._closed.set()


class WatchedOutput:
    """Remembers what was sent; ``wait_for`` a grey level."""

    def __init__(self, mode):
        self.name, self.mode = "recording", mode
        self.readers = True
        self.closed = False
        self.sent = deque(maxlen=2000)  # (time, grey level)
        self._changed = threading.Condition()

    def send(self, image):
        assert image.shape == (self.mode.height, self.mode.width, 3)
        with self._changed:
            self.sent.append((time.perf_counter(), int(image[0, 0, 0])))
            self._changed.notify_all()

    def watched(self):
        return self.readers

    def close(self):
        self.closed = True

    def wait_for(self, grey, timeout_s=WAIT_S):
        """Seconds (perf_counter) at which a picture of that grey level was next sent."""
        with self._changed:
            self.sent.clear()
            done = self._changed.wait_for(lambda: any(level == grey for _, level in self.sent), timeout_s)
            assert done, f"no picture of grey level {grey}; the last were {[level for _, level in self.sent][-5:]}"
            return next(at for at, level in self.sent if level == grey)


def wear(work):
    """A pipeline stage: paints the frame in the worn face's colour."""
    work.image = np.full_like(work.frame.image, colour_of(work.control.source.id))
    work.swapped = True


class Bench:
    """A daemon with fakes all round.

    Attributes:
        daemon: not started; use it with ``with``.
        outputs: those opened so far; ``output`` is the newest.
        opened: names of the cameras opened so far.
        saved: settings that were saved.
    """

    def __init__(self, settings=None, faces=None, stages=(("wear", wear),), open_output=WatchedOutput, judge=None):
        self.outputs, self.opened, self.saved, self.built = [], [], {}, []
        self.missing = set()
        self._make_output = open_output
        self.output_opened = threading.Event()
        self.faces = faces or FewFaces()
        devices = Devices(
            lambda: CAMERAS,
            self._open_camera,
            self._open_output,
            lambda pipeline: self.built.append(pipeline) or stages,
            lambda image: np.full_like(image, BLUR_GREY),
            lambda width, height, reason: np.full((height, width, 3), CARD_GREY, np.uint8),
            judge=judge,
        )
        settings = settings or Settings(run=RunSettings(mode=MODE, camera=CAMERAS[0]))
        self.daemon = Daemon(settings, self.faces, devices, self.saved.update)

    @property
    def output(self):
        assert self.output_opened.wait(WAIT_S)
        return self.outputs[-1]

    def _open_camera(self, name, mode):
        if name in self.missing:
            raise UnknownCamera(f"there is no camera {name!r}")
        self.opened.append(name)
        return GreyCamera(name, mode)

    def _open_output(self, kind, mode):
        self.outputs.append(self._make_output(mode))
        self.output_opened.set()
        return self.outputs[-1]


def wait_for_state(daemon, condition, timeout_s=WAIT_S):
    """The first state that fulfils the condition."""
    changed = threading.Condition()

    def told(_state):
        with changed:
            changed.notify_all()

    stop = daemon.listen(told)
    try:
        with changed:
            assert changed.wait_for(lambda: condition(daemon.state), timeout_s), daemon.state
            return daemon.state
    finally:
        stop()
