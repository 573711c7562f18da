"""The camera "FaceWarp Cam" as a PipeWire node: no root, no kernel module.

Two layouts are offered, and the first reader chooses. Browsers take I420 (BT.601, which they assume and the format
says). GStreamer takes BGRA: its PipeWire source ignores the colour matrix and would read I420 of 720 lines as BT.709.

PipeWire runs its own thread and calls us back on it with the loop's lock held. So a callback takes no lock of ours, and
nobody holds a lock that a callback needs while taking the loop's.
"""

from __future__ import annotations

import ctypes
import os
import socket
import threading
import time
import weakref
from fractions import Fraction
from pathlib import Path

import numpy as np

from vcam.errors import OutputLost, OutputUnavailable
from vcam.types import Image, VideoMode
from vcam.video import pipewire_abi as abi
from vcam.video.colour import BGRA, I420, Layout, check_device_mode, check_image

NODE_NAME = "facewarp_cam"
DESCRIPTION = "FaceWarp Cam"
LAYOUTS = (BGRA, I420)  # in this order GStreamer takes the first and browsers the second
CONNECT_TIMEOUT_S = 3.0


def probe_pipewire() -> None:
    """Find out whether a node could be published now, without publishing one.

    Raises:
        OutputUnavailable: no library, or no daemon that answers; the message says which.
    """
    abi.load_library()
    address = _daemon_socket()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(address))
        except OSError as error:
            raise OutputUnavailable(f"PipeWire is not running ({address}: {error.strerror})") from error


def _daemon_socket() -> Path:
    remote = os.environ.get("PIPEWIRE_REMOTE", "pipewire-0")
    folders = (os.environ.get(name) for name in ("PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"))
    return Path(next(filter(None, folders), "/run"), remote)


class PipeWireOutput:
    """A PipeWire video source that any reader of the session can link to; an `Output`."""

    name = f"{DESCRIPTION} (PipeWire)"

    def __init__(self, mode: VideoMode, *, node_name: str = NODE_NAME, description: str = DESCRIPTION) -> None:
        """Publish the node.

        Args:
            mode: even size, rate above 0.
            node_name: the node's stable name.
            description: what users read in a list of cameras.

        Raises:
            BadSettings: the mode is not one a camera can have.
            OutputUnavailable: no library, no daemon, or the daemon refused.
        """
        check_device_mode(mode)
        probe_pipewire()
        self.mode = mode
        self.skipped = 0  # pictures for which the readers had no free buffer
        self._stream = _Stream(mode, node_name, description)
        self._number = 0
        self._closing = threading.Lock()
        self._close = weakref.finalize(self, self._stream.destroy)  # also before the interpreter goes down

    def send(self, image: Image) -> None:
        """Hand one picture to the readers; costs nothing while there are none. See `Output.send`."""
        check_image(image, self.mode)
        with self._closing:
            if not self._close.alive:
                raise OutputLost(f"{self.name} is closed")
            self._stream.check()
            self._number += 1
            if self._stream.state == abi.PW_STREAM_STATE_STREAMING and not self._stream.publish(image, self._number):
                self.skipped += 1

    def watched(self) -> bool:
        """Whether some program reads the camera now."""
        return self._stream.state == abi.PW_STREAM_STATE_STREAMING

    def close(self) -> None:
        """Take the node away."""
        with self._closing:
            self._close()


class _Stream:
    """One ``pw_stream`` with its thread loop; the caller takes care that nothing is called after `destroy`."""

    def __init__(self, mode: VideoMode, node_name: str, description: str) -> None:
        self.state = abi.PW_STREAM_STATE_UNCONNECTED
        self._mode = mode
        self._error = ""
        self._layout: Layout | None = None
        self._settled = threading.Event()
        self._library = abi.load_library()
        # Both are called from C as long as the stream lives, so they must live as long.
        self._events = abi.PwStreamEvents(
            version=2,
            state_changed=abi.StateChanged(self._on_state_changed),
            param_changed=abi.ParamChanged(self._on_param_changed),
        )
        self._stream: int | None = None
        self._loop = self._library.pw_thread_loop_new(b"facewarp-camera", None)
        if not self._loop or self._library.pw_thread_loop_start(self._loop) < 0:
            raise OutputUnavailable("PipeWire's thread could not be started")
        try:
            self._connect(node_name, description)
        except OutputUnavailable:
            self.destroy()
            raise

    def _connect(self, node_name: str, description: str) -> None:
        library, mode = self._library, self._mode
        properties = (
            "{ media.class = Video/Source media.role = Camera media.type = Video node.virtual = true"
            f' node.name = "{node_name}" node.description = "{description}" node.nick = "{description}" }}'
        )
        rate = Fraction(mode.fps).limit_denominator(1001)
        formats = abi.PodArray(*(abi.enum_format(layout.name, mode.width, mode.height, rate) for layout in LAYOUTS))
        flags = abi.PW_STREAM_FLAG_MAP_BUFFERS | abi.PW_STREAM_FLAG_DRIVER
        library.pw_thread_loop_lock(self._loop)
        try:
            self._stream = library.pw_stream_new_simple(
                library.pw_thread_loop_get_loop(self._loop),
                description.encode(),
                library.pw_properties_new_string(properties.encode()),
                ctypes.addressof(self._events),
                None,
            )
            if not self._stream:
                raise OutputUnavailable(f"PipeWire made no stream: {os.strerror(ctypes.get_errno())}")
            result = library.pw_stream_connect(
                self._stream, abi.PW_DIRECTION_OUTPUT, abi.PW_ID_ANY, flags, formats.pointers, formats.count
            )
        finally:
            library.pw_thread_loop_unlock(self._loop)
        if result < 0:
            raise OutputUnavailable(f"PipeWire cannot be reached: {os.strerror(-result)}")
        if not self._settled.wait(CONNECT_TIMEOUT_S):
            raise OutputUnavailable(f"PipeWire did not answer within {CONNECT_TIMEOUT_S:g} s")
        if self.state < abi.PW_STREAM_STATE_PAUSED:
            raise OutputUnavailable(f"PipeWire refused the camera: {self._error or 'no reason given'}")

    def _on_state_changed(self, _data: int, _old: int, new: int, error: bytes | None) -> None:
        self.state = new
        self._error = error.decode(errors="replace") if error else self._error
        if new in (abi.PW_STREAM_STATE_ERROR, abi.PW_STREAM_STATE_UNCONNECTED) or new >= abi.PW_STREAM_STATE_PAUSED:
            self._settled.set()

    def _on_param_changed(self, _data: int, param: int, address: int | None) -> None:
        if param != abi.SPA_PARAM_Format:
            return
        chosen = abi.chosen_layout(address) if address else None
        self._layout = next((layout for layout in LAYOUTS if layout.name == chosen), None)
        if self._layout is not None:
            size, stride = self._layout.size(self._mode), self._layout.stride(self._mode)
            answer = abi.PodArray(abi.buffers_param(size, stride), abi.header_param())
            self._library.pw_stream_update_params(self._stream, answer.pointers, answer.count)

    def check(self) -> None:
        """Raise `OutputLost` when the daemon has gone."""
        if self.state < abi.PW_STREAM_STATE_PAUSED:
            raise OutputLost(f"PipeWire took {DESCRIPTION} away: {self._error or 'the daemon has ended'}")

    def publish(self, image: Image, number: int) -> bool:
        """Fill a buffer, queue it, start a cycle; False when the readers have left no buffer free.

        Queueing first and starting the cycle after saves the frame of delay that filling in a ``process``
        callback costs.
        """
        library = self._library
        library.pw_thread_loop_lock(self._loop)
        try:
            buffer = library.pw_stream_dequeue_buffer(self._stream)
            if not buffer:
                return False
            filled = self._fill(buffer.contents.buffer.contents, image, number)
            library.pw_stream_queue_buffer(self._stream, buffer)
            library.pw_stream_trigger_process(self._stream)
            return filled
        finally:
            library.pw_thread_loop_unlock(self._loop)

    def _fill(self, buffer: abi.SpaBuffer, image: Image, number: int) -> bool:
        layout, data = self._layout, buffer.datas[0]
        chunk = data.chunk.contents
        if layout is None or not data.data or data.maxsize < layout.size(self._mode):
            chunk.size = 0
            return False
        memory = (ctypes.c_uint8 * layout.size(self._mode)).from_address(data.data)
        layout.convert(image, np.ctypeslib.as_array(memory).reshape(layout.shape(self._mode)))
        chunk.offset, chunk.flags = 0, 0
        chunk.size, chunk.stride = layout.size(self._mode), layout.stride(self._mode)
        for meta in buffer.metas[: buffer.n_metas]:
            if meta.type == abi.SPA_META_Header and meta.data and meta.size >= ctypes.sizeof(abi.SpaMetaHeader):
                header = abi.SpaMetaHeader.from_address(meta.data)
                header.flags, header.offset, header.dts_offset = 0, 0, 0
                header.pts, header.seq = time.monotonic_ns(), number
        return True

    def destroy(self) -> None:
        """Take the stream and its thread down."""
        library = self._library
        if self._stream:
            library.pw_thread_loop_lock(self._loop)
            library.pw_stream_destroy(self._stream)
            library.pw_thread_loop_unlock(self._loop)
        library.pw_thread_loop_stop(self._loop)  # never with its lock held: it joins the thread
        library.pw_thread_loop_destroy(self._loop)
