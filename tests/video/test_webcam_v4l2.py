import errno
import os

import pytest

from vcam.errors import CameraBusy, CameraDenied, CameraLost
from vcam.video.camera_info import CameraInfo

v4l2 = pytest.importorskip("vcam.video.webcam_v4l2", exc_type=ImportError, reason="V4L2 is only on Linux")

CAMERA = CameraInfo("HD Pro Webcam C920", "usb-046d_C920", "/dev/video0")

MEANINGS = [
    (errno.EBUSY, CameraBusy, "in use by another program"),
    (errno.EACCES, CameraDenied, "permission denied.*usermod"),
    (errno.EPERM, CameraDenied, "permission denied.*usermod"),
    (errno.ENODEV, CameraLost, "was unplugged"),
    (errno.ENOENT, CameraLost, "was unplugged"),
    (errno.ENXIO, CameraLost, "was unplugged"),
    (errno.EIO, CameraLost, "was unplugged or stopped working"),
]


@pytest.mark.parametrize(("number", "kind", "sentence"), MEANINGS, ids=[errno.errorcode[row[0]] for row in MEANINGS])
def test_each_error_of_the_driver_has_its_own_sentence(number, kind, sentence, tmp_path):
    error = v4l2.translate(OSError(number, os.strerror(number)), CAMERA, proc=tmp_path)
    assert type(error) is kind
    assert str(error).count("\n") == 0
    with pytest.raises(kind, match=rf"'HD Pro Webcam C920' \(/dev/video0\).*{sentence}"):
        raise error


def draw_process(proc, number, name, *handles):
    (proc / number / "fd").mkdir(parents=True)
    (proc / number / "comm").write_text(name + "\n")
    for place, path in enumerate(handles):
        (proc / number / "fd" / str(place)).symlink_to(path)


def test_the_program_that_holds_the_camera_is_named(tmp_path):
    draw_process(tmp_path, "7", "bash", "/dev/null")
    draw_process(tmp_path, "1234", "zoom", "/dev/null", "/dev/video0")
    draw_process(tmp_path, str(os.getpid()), "facewarp", "/dev/video0")
    (tmp_path / "99").mkdir()  # a process that has just ended
    (tmp_path / "meminfo").touch()
    assert v4l2.find_holders("/dev/video0", tmp_path) == ["zoom, process 1234"]
    error = v4l2.translate(OSError(errno.EBUSY, "busy"), CAMERA, proc=tmp_path)
    assert "(zoom, process 1234)" in str(error)


@pytest.mark.parametrize(
    ("stamp_s", "is_monotonic", "expected"),
    [(99.95, True, 99.95), (99.95, False, 100.0), (100.5, True, 100.0), (98.0, True, 100.0), (0.0, True, 100.0)],
)
def test_only_a_sane_stamp_is_believed(stamp_s, is_monotonic, expected):
    assert v4l2.to_capture_time(stamp_s, is_monotonic, 100.0) == expected


def test_a_path_that_is_no_camera_is_lost(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(CameraLost):
            v4l2.V4l2Camera(CameraInfo("C920", "id", str(path)), None)
