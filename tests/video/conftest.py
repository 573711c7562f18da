"""A clock that only moves when somebody waits, or when a test moves it; a camera that is closed while it is read."""

import threading

import pytest

from vcam.errors import CameraLost


class FakeClock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

    def wait(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def close_while_reading():
    """Closes a camera while another thread waits for its picture: the wait ends, and says that it was closed."""

    def close(camera):
        ended = threading.Event()

        def read():
            with pytest.raises(CameraLost, match="closed"):
                camera.read()
            ended.set()

        threading.Thread(target=read).start()
        camera.close()
        assert ended.wait(5)

    return close
