"""Feeding a device through pyvirtualcam: imported only when it is wanted, its errors translated."""

from __future__ import annotations

import threading
from typing import Any

from vcam.errors import OutputLost, OutputUnavailable
from vcam.types import Image, VideoMode
from vcam.video.colour import Layout, check_device_mode, check_image
from vcam.video.placeholder import draw_placeholder

_PLACEHOLDERS = 4  # more than a device has buffers (v4l2loopback: 2 by default), so that no face is left in one


def backends() -> frozenset[str]:
    """The names of pyvirtualcam's backends on this system.

    Raises:
        OutputUnavailable: pyvirtualcam is not installed, or does not load.
    """
    try:
        from pyvirtualcam import camera
    except (ImportError, OSError) as error:
        raise OutputUnavailable(f"pyvirtualcam cannot be loaded: {error}") from error
    return frozenset(camera.BACKENDS)


class PyVirtualCamOutput:
    """One named device of a driver, never another one; an `Output`."""

    def __init__(self, backend: str, device: str, layout: Layout, mode: VideoMode, name: str) -> None:
        """Open the device.

        Args:
            backend: "v4l2loopback", "unitycapture" or "obs".
            device: the device's name as the backend knows it.
            layout: what is sent; the one that the driver takes with the least work.
            mode: even size, rate above 0.
            name: as shown to the user.

        Raises:
            BadSettings: the mode is not one a camera can have.
            OutputUnavailable: with the backend's own reason.
        """
        check_device_mode(mode)
        self.name = name
        self.mode = mode
        self._layout = layout
        self._lock = threading.Lock()
        self._camera = _open_camera(backend, device, layout, mode)
        self._open = True

    def send(self, image: Image) -> None:
        """Hand over one picture. See `Output.send`."""
        check_image(image, self.mode)
        with self._lock:
            if not self._open:
                raise OutputLost(f"{self.name} is closed")
            self._send(image)

    def _send(self, image: Image) -> None:
        pixels = self._layout.convert(image, None)
        try:
            self._camera.send(pixels)
        except (RuntimeError, OSError) as error:
            raise OutputLost(f"{self.name} takes no more pictures: {error}") from error

    def watched(self) -> bool | None:
        """Not known: the drivers of Windows and macOS do not say."""
        return None

    def close(self) -> None:
        """Leave a placeholder in the device, so that no reader keeps a face, and release it."""
        with self._lock:
            if not self._open:
                return
            self._open = False
            placeholder = draw_placeholder(self.mode)
            try:
                for _ in range(_PLACEHOLDERS):
                    self._send(placeholder)
            except OutputLost:
                pass  # the device is gone, and the last picture with it
            finally:
                self._camera.close()


def _open_camera(backend: str, device: str, layout: Layout, mode: VideoMode) -> Any:
    if backend not in backends():
        raise OutputUnavailable(f"pyvirtualcam has no {backend} on this system")
    import pyvirtualcam

    pixel_format = pyvirtualcam.PixelFormat[layout.name]
    try:
        return pyvirtualcam.Camera(mode.width, mode.height, mode.fps, fmt=pixel_format, device=device, backend=backend)
    except (RuntimeError, ValueError, OSError) as error:
        raise OutputUnavailable(f"{device} cannot be opened through {backend}: {error}") from error
