"""The daemon: one running camera and what the user wants of it.

Commands change an immutable value and return at once; what takes time (opening a camera, loading networks,
writing settings) is done by the runner's threads and by the daemon's own housekeeping thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from vcam import settings_file
from vcam.config import Engine, Settings
from vcam.daemon.devices import Devices, is_camera
from vcam.daemon.faces import Faces, find_face
from vcam.daemon.state import Mood, State
from vcam.errors import BadInput, UnknownCamera, VcamError
from vcam.pipeline.runner import Runner
from vcam.safeguards.guard import Guard, guard_state
from vcam.types import Control, Safe, Shown, Source

TICK_S = 0.5  # between two looks at what the runner's threads report
CAMERAS_EVERY_S = 5.0  # between two listings of the cameras
PAUSE_S = 600.0
FACES_S = 2.0  # a command that names a face waits so long for the library to be read at the start
SLEPT_S = 5.0  # the wall clock ran ahead of the monotonic clock by more: the computer has slept

log = logging.getLogger(__name__)
Listener = Callable[[State], None]


class Daemon:
    """Owns the runner. Use it as a context manager; every method may be called from any thread.

    The device is there before the faces are: a keyring may ask for its password, a passphrase takes a second.

    Args:
        settings: at the start.
        faces: the library of source faces; read in a thread of its own once the device is being opened.
        devices: how cameras, outputs and networks are opened.
        save: takes settings changed by the user, by ``section.key``; called in the housekeeping thread.

    Attributes:
        settings: as they are now.
        faces: as given.
        runner: the running camera; replaced when the output's size changes.
        panel_opener: opens the panel; None where there is none.
        quit_requested: set when the program shall end.
    """

    def __init__(
        self, settings: Settings, faces: Faces, devices: Devices, save: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self.settings, self.faces, self._devices, self._save = settings, faces, devices, save
        self.panel_opener: Callable[[], None] | None = None
        self.quit_requested = threading.Event()
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        self._changes: dict[str, Any] = {}
        self._work = threading.Event()
        self._restart = False
        self._pause_ends: float | None = None
        self._cameras: tuple[str, ...] = ()
        self._notice = ""
        self._faces_read = threading.Event()
        self._source: Source | None = None
        self._preset = self._matching_preset()
        self.runner = self._new_runner(Control(settings.enabled, None))
        self._follow_settings()
        self._state = self._compose()
        self._guard = None if devices.judge is None else Guard(devices.judge, self._stop_by_guard)
        self._housekeeper = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)

    def __enter__(self) -> Self:
        self.runner.__enter__()
        threading.Thread(target=self._read_faces, name="faces", daemon=True).start()
        self._housekeeper.start()
        if self._guard is not None:
            self._guard.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.quit()
        if self._guard is not None:
            self._guard.__exit__(None, None, None)
        self._housekeeper.join(2.0)
        self.runner.__exit__(None, None, None)

    # --- what is shown ------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """As it is now."""
        return self._state

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Be told every change, in the thread that made it; must not block. Returns what ends it."""
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def publish(self) -> None:
        """Tell the listeners if anything has changed."""
        with self._lock:
            state = self._compose()
            if state == self._state:
                return
            self._state = state
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(state)
            except Exception:
                log.exception("a listener failed")  # a broken window must never stop the camera

    # --- what can be asked ----------------------------------------------------------------------------

    def turn(self, enabled: bool) -> None:
        """Switch the swap on or off, from the next frame on."""
        with self._lock:
            self.runner.control = replace(self.runner.control, enabled=enabled)
        self.publish()

    def toggle(self) -> None:
        """Switch the swap on if it is off, and off if it is on."""
        with self._lock:
            self.turn(not self.runner.control.enabled)

    def wear(self, wanted: str) -> None:
        """Wear a face, by id or name, from the next frame on.

        Raises:
            BadInput: there is no such face, or it cannot be worn.
        """
        self._await_faces()
        face = find_face(self.faces.list(), wanted)
        source = self.faces.source(face.id)
        self._devices.prepare(source)  # before the switch, so that no frame has to wait for it
        with self._lock:
            self._source, self._notice = source, ""
            self.runner.control = replace(self.runner.control, source=source)
            self._remember("swap.face", face.id)
        self.publish()

    def step_face(self, step: int) -> None:
        """Wear the next face (1) or the previous one (-1).

        Raises:
            BadInput: there is none, or it cannot be worn.
        """
        self._await_faces()
        faces = self.faces.list()
        if not faces:
            raise BadInput("there is no face to wear yet; add one: facewarp faces add PHOTO")
        ids = [face.id for face in faces]
        current = ids.index(self._source.id) if self._source is not None and self._source.id in ids else -step
        self.wear(ids[(current + step) % len(ids)])

    def reload_faces(self) -> None:
        """Read the library again: tell the listeners, and wear another face if the worn one is gone.

        Raises:
            BadInput: it has not yet been read for the first time.
        """
        self._await_faces()
        self._read_again()

    def _read_again(self) -> None:
        self.faces.reload()
        ids = [face.id for face in self.faces.list()]
        if self._source is not None and self._source.id not in ids:
            with self._lock:
                self._source = self.faces.source(ids[0]) if ids else None
                self.runner.control = replace(self.runner.control, source=self._source)
        self.publish()

    def reload_faces_soon(self) -> None:
        """The same in a thread of its own: the first opening of a gallery takes a second, or asks for a key.

        Until it is done, what needs the faces waits.

        Raises:
            BadInput: see ``reload_faces``.
        """
        self._await_faces()
        self._faces_read.clear()
        threading.Thread(target=self._reload_faces, name="faces", daemon=True).start()

    def use_camera(self, wanted: str) -> None:
        """Take another camera; it is opened behind the scenes.

        Raises:
            UnknownCamera: there is none of that name.
        """
        names = self._cameras or self._devices.camera_names()
        if wanted and not is_camera(wanted, names):
            raise UnknownCamera(f"there is no camera {wanted!r}; there are: {', '.join(names) or 'none'}, synthetic")
        self._change("camera.camera", wanted or None)
        self.runner.reopen_camera()

    def choose_engine(self, engine: Engine) -> None:
        """Make the face another way; the networks are loaded behind the scenes."""
        self._change("swap.engine", engine)
        self.runner.rebuild_pipeline(self._build_pipeline)

    def choose_safe(self, safe: Safe) -> None:
        """Choose what is shown when a frame could not be swapped."""
        with self._lock:
            self.runner.control = replace(self.runner.control, safe=safe)
        self._change("swap.safe", safe)

    def choose_preset(self, name: str) -> None:
        """Take all values of a preset.

        Raises:
            BadSettings: there is none of that name.
        """
        self._adopt(settings_file.load_preset(name, self.settings))

    def choose(self, name: str, value: Any) -> None:
        """Change one setting by its name in the file; camera and networks follow by themselves."""
        self._adopt(settings_file.with_value(self.settings, settings_file.BY_NAME[name], value))

    def toggle_pause(self) -> None:
        """Release the webcam and show a card for ten minutes, or end that."""
        with self._lock:
            paused = not self.runner.paused
            self.runner.paused = paused
            self._pause_ends = time.monotonic() + PAUSE_S if paused else None
            self._notice = ""
        self.publish()

    def open_panel(self) -> None:
        """Show the panel.

        Raises:
            BadInput: this program has none.
        """
        if self.panel_opener is None:
            raise BadInput(
                "there is no panel here: it needs a desktop and the extra gui (pip install 'facewarp-cam[gui]'), "
                "and a program that was started without --headless"
            )
        self.panel_opener()

    def quit(self) -> None:
        """End the program."""
        self.quit_requested.set()
        self._work.set()
        self.publish()

    # --- behind the scenes ------------------------------------------------------------------------------

    def _change(self, name: str, value: Any) -> None:
        with self._lock:
            self.settings = settings_file.with_value(self.settings, settings_file.BY_NAME[name], value)
            self._preset = self._matching_preset()
            self._remember(name, value)
        self.publish()

    def _adopt(self, settings: Settings) -> None:
        """Take other settings: remember what differs, and restart what depends on it."""
        with self._lock:
            before, self.settings = self.settings, settings
            for setting in settings_file.SETTINGS:
                value = settings_file.value_of(settings, setting)
                if value != settings_file.value_of(before, setting):
                    self._remember(setting.name, value)
            self._preset = self._matching_preset()
            self._follow_settings()
            self._restart |= (before.run.mode, before.run.output) != (settings.run.mode, settings.run.output)
        if before.run.pipeline != settings.run.pipeline:
            self.runner.rebuild_pipeline(self._build_pipeline)
        if before.run.camera != settings.run.camera:
            self.runner.reopen_camera()
        self._work.set()
        self.publish()

    def _follow_settings(self) -> None:
        run = self.settings.run
        self.runner.control = replace(self.runner.control, safe=run.safe, badge=run.badge, cross_fade=run.cross_fade)

    def _remember(self, name: str, value: Any) -> None:
        self._changes[name] = value
        self._work.set()

    def _read_faces(self) -> None:
        """Read the library and wear the chosen face, unless the user has been quicker."""
        try:
            self.faces.reload()
            source = self._first_source()
        except VcamError as error:
            self._notice, source = str(error), None
        except Exception:
            log.exception("the faces could not be read")
            self._notice, source = "the faces could not be read; the log says why (see: facewarp doctor)", None
        with self._lock:
            if self._source is None:
                self._source = source
                self.runner.control = replace(self.runner.control, source=source)
        self._faces_read.set()
        self.publish()

    def _reload_faces(self) -> None:
        try:
            self._read_again()
        except VcamError as error:
            self._notice = str(error)
        except Exception:
            log.exception("the faces could not be read")
        finally:
            self._faces_read.set()
        self.publish()

    def _await_faces(self) -> None:
        if not self._faces_read.wait(FACES_S):
            raise BadInput("your faces are still being read; if the keyring asks for its password, answer it")

    def _first_source(self) -> Source | None:
        faces = self.faces.list()
        try:
            if self.settings.run.face:
                return self.faces.source(find_face(faces, self.settings.run.face).id)
        except BadInput as error:
            self._notice = str(error)
        return self.faces.source(faces[0].id) if faces else None

    def _new_runner(self, control: Control) -> Runner:
        run = self.settings.run
        return Runner(
            lambda: self._devices.open_camera(self.settings.run.camera or "", self.settings.run.mode),
            self._build_pipeline,
            lambda: self._devices.open_output(run.output, run.mode),
            run.mode,
            control,
            blur=self._devices.blur,
            card=self._devices.card,
            wait_for_camera=True,
        )

    def _build_pipeline(self) -> Any:
        return self._devices.build_pipeline(self.settings.run.pipeline)

    def _matching_preset(self) -> str:
        for name in settings_file.preset_names():
            if settings_file.load_preset(name, self.settings) == self.settings:
                return name
        return ""

    def _problem(self) -> str:
        runner = self.runner
        if runner.output_error:
            return runner.output_error
        if runner.error is not None:
            return str(runner.error)
        if runner.control.source is None and self._faces_read.is_set() and not self._notice:
            return "there is no face to wear yet; add one: facewarp faces add PHOTO"
        return runner.camera_error or self._notice

    def _compose(self) -> State:
        runner, run = self.runner, self.settings.run
        control, problem = runner.control, self._problem()
        mood = Mood.FAULT if problem else _mood(control.enabled, runner.shown, runner.idle, runner.paused)
        closed = runner.idle or runner.paused or bool(runner.camera_error)
        in_use = "" if closed or not runner.camera_name else f"{runner.camera_name}, {runner.camera_mode}"
        return State(
            enabled=control.enabled,
            mood=mood,
            problem=problem,
            face="" if control.source is None else control.source.id,
            faces=self.faces.list(),
            camera=run.camera or "",
            camera_in_use=in_use,
            cameras=self._cameras,
            output=runner.output_name,
            size=f"{run.mode.width}x{run.mode.height}",
            fps=run.mode.fps,
            engine=run.pipeline.engine,
            preset=self._preset,
            safe=control.safe,
            badge=control.badge,
            guard=guard_state(self._devices.judge),
            paused=runner.paused,
            idle=runner.idle and not runner.paused,
            quitting=self.quit_requested.is_set(),
        )

    def _keep_house(self) -> None:
        listed_at = -CAMERAS_EVERY_S
        ahead_s = time.time() - time.monotonic()
        while not self.quit_requested.is_set():
            try:
                self._write_changes()
                if self._restart:
                    self._restart_runner()
                if time.monotonic() - listed_at >= CAMERAS_EVERY_S:
                    self._cameras, listed_at = self._devices.camera_names(), time.monotonic()
                if time.time() - time.monotonic() - ahead_s > SLEPT_S:
                    log.info("the computer has slept: the camera is opened afresh")
                    self.runner.reopen_camera()
                ahead_s = time.time() - time.monotonic()
                if self._pause_ends is not None and time.monotonic() >= self._pause_ends:
                    self.toggle_pause()
                live = self.runner.live_picture
                if self._guard is not None and live is not None:
                    self._guard.see(live)
                self.publish()
            except Exception:
                log.exception("housekeeping failed")
            self._work.wait(TICK_S)
            self._work.clear()
        self._write_changes()

    def _stop_by_guard(self) -> None:
        """The webcam is released and a card shown until the user ends that; nothing is kept."""
        with self._lock:
            self.runner.paused, self._pause_ends = True, None
            self._notice = "the content guard has stopped the camera; to go on, end the pause"
        self.publish()

    def _write_changes(self) -> None:
        with self._lock:
            changes, self._changes = self._changes, {}
        if changes:
            try:
                self._save(changes)
            except VcamError as error:
                log.warning("%s", error)

    def _restart_runner(self) -> None:
        with self._lock:
            self._restart = False
            old, preview, paused = self.runner, self.runner.preview, self.runner.paused
            fresh = self._new_runner(old.control)
            fresh.preview, fresh.paused = preview, paused
            self.runner = fresh
        old.__exit__(None, None, None)
        fresh.__enter__()


def _mood(enabled: bool, shown: Shown | None, idle: bool, paused: bool) -> Mood:
    if paused:
        return Mood.SAFE
    if idle:
        return Mood.ON if enabled else Mood.OFF
    if not enabled or shown is Shown.RAW:
        return Mood.OFF
    return Mood.ON if shown in (Shown.SWAPPED, Shown.HELD) else Mood.SAFE
