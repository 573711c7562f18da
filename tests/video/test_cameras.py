from pathlib import Path

import pytest

from vcam.errors import UnknownCamera
from vcam.types import VideoMode
from vcam.video.camera_info import CameraInfo
from vcam.video.cameras import find_camera, open_camera
from vcam.video.v4l2_nodes import System, list_nodes

C920 = CameraInfo("HD Pro Webcam C920", "usb-046d_C920_A1B2-video-index0", "/dev/video0")
BUILT_IN = CameraInfo("Integrated Camera", "pci-0000:00:14.0-usb-0:8:1.0-video-index0", "/dev/video2")
TWIN = CameraInfo("Integrated Camera", "pci-0000:00:14.0-usb-0:9:1.0-video-index0", "/dev/video4")


class DrawnSystem:
    """A computer's folders with the cameras a test draws into them."""

    def __init__(self, root):
        self.root = root
        self.asked = []
        self.answers = {}
        for folder in ("sys/class/video4linux", "sys/devices", "dev/v4l/by-id", "dev/v4l/by-path", "udev"):
            (root / folder).mkdir(parents=True)

    @property
    def system(self):
        return System(self.root / "sys", self.root / "dev", self.root / "udev", self.ask)

    def ask(self, path):
        self.asked.append(path.name)
        return self.answers[path.name]

    def add(self, node, name, index=0, device="1-1:1.0", udev=None, by_id=None, by_path=None, gives=None):
        number = int(node.removeprefix("video"))
        folder = self.root / "sys/class/video4linux" / node
        folder.mkdir()
        (folder / "name").write_text(name + "\n")
        (folder / "index").write_text(f"{index}\n")
        (folder / "dev").write_text(f"81:{number}\n")
        if device:
            (self.root / "sys/devices" / device).mkdir(exist_ok=True)
            (folder / "device").symlink_to(self.root / "sys/devices" / device)
        if udev is not None:
            (self.root / f"udev/c81:{number}").write_text(f"S:v4l/by-id/x\nE:ID_V4L_CAPABILITIES={udev}\nG:seat\n")
        (self.root / "dev" / node).touch()
        for folder_name, link in (("by-id", by_id), ("by-path", by_path)):
            if link:
                (self.root / "dev/v4l" / folder_name / link).symlink_to(f"../../{node}")
        self.answers[node] = gives


@pytest.fixture
def drawn(tmp_path):
    return DrawnSystem(tmp_path)


def test_listing_webcams_opens_none_and_leaves_out_metadata_nodes(drawn):
    drawn.add("video0", "HD Pro Webcam C920", udev=":capture:", by_id=C920.id, by_path="pci-1-video-index0")
    drawn.add("video1", "HD Pro Webcam C920", index=1, udev=":", by_id="usb-046d_C920_A1B2-video-index1")
    drawn.add("video2", "Integrated Camera", device="1-8:1.0", udev=":capture:", by_path=BUILT_IN.id)
    found = list_nodes(drawn.system)
    assert [(camera.name, camera.id) for camera in found] == [(c.name, c.id) for c in (C920, BUILT_IN)]
    assert [camera.path for camera in found] == [str(drawn.root / "dev/video0"), str(drawn.root / "dev/video2")]
    assert drawn.asked == []


def test_our_own_device_is_left_out(drawn):
    drawn.add("video42", "FaceWarp Cam", device=None, gives=True)
    assert list_nodes(drawn.system) == ()
    assert drawn.asked == []


def test_virtual_devices_are_asked_because_udevs_answer_grows_old(drawn):
    drawn.add("video10", "Fed", device=None, udev=":video_output:", gives=True)
    drawn.add("video11", "Not fed", device=None, udev=":capture:", gives=False)
    assert [(camera.name, camera.id) for camera in list_nodes(drawn.system)] == [("Fed", "video10")]


def test_without_udev_the_node_is_asked_and_named_by_its_place(drawn):
    drawn.add("video0", "vivid", device="vivid.0", gives=True)
    drawn.add("video1", "vivid", device="vivid.0", index=1, gives=False)
    assert [camera.id for camera in list_nodes(drawn.system)] == ["vivid.0-video-index0"]


def test_a_node_that_may_not_be_opened_counts_when_it_is_the_first(drawn):
    drawn.add("video0", "Forbidden", gives=None)
    drawn.add("video1", "Forbidden", index=1, gives=None)
    assert [Path(camera.path).name for camera in list_nodes(drawn.system)] == ["video0"]


def test_cameras_come_in_the_order_of_their_numbers(drawn):
    for number in (10, 9, 2):
        drawn.add(f"video{number}", f"camera {number}", udev=":capture:")
    assert [camera.name for camera in list_nodes(drawn.system)] == ["camera 2", "camera 9", "camera 10"]


def test_a_computer_without_cameras(tmp_path):
    assert list_nodes(System(tmp_path, tmp_path, tmp_path)) == ()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("HD Pro Webcam C920", C920),
        ("c920", C920),
        ("/dev/video2", BUILT_IN),
        (BUILT_IN.id, BUILT_IN),
        ("integrated", BUILT_IN),
    ],
)
def test_finding(wanted, found):
    assert find_camera(wanted, (C920, BUILT_IN)) == found


@pytest.mark.parametrize("wanted", ["nonsense", "/dev/video7", "0", "cam", ""])
def test_an_unknown_camera_is_refused_with_the_list(wanted):
    with pytest.raises(UnknownCamera, match=r"HD Pro Webcam C920.*Integrated Camera|Several") as error:
        find_camera(wanted, (C920, BUILT_IN))
    assert "\n" not in str(error.value)


def test_an_exact_name_wins_over_part_of_a_longer_one():
    longer = CameraInfo("HD Pro Webcam C920 (2)", "other", "/dev/video9")
    assert find_camera(C920.name, (longer, C920)) == C920


def test_twins_are_told_apart_by_id():
    with pytest.raises(UnknownCamera, match=r"Several cameras.*0:8.*0:9"):
        find_camera("Integrated Camera", (C920, BUILT_IN, TWIN))
    assert find_camera(TWIN.id, (C920, BUILT_IN, TWIN)) == TWIN


def test_no_camera_at_all():
    with pytest.raises(UnknownCamera, match="no camera; plug one in"):
        find_camera("C920", ())


def test_opening_the_drawn_scene():
    camera = open_camera("synthetic", VideoMode(64, 48, 30), paced=False)
    assert camera.read().image.shape == (48, 64, 3)
    camera.close()


def test_opening_what_is_not_there():
    with pytest.raises(UnknownCamera, match=r"no camera.*'holiday.mp4'|no video file 'holiday.mp4'"):
        open_camera("holiday.mp4")
