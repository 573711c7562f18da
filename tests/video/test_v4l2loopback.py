"""Finding the device and its readers in a kernel that the test draws as folders."""

import os

import pytest

from vcam.errors import BadSettings, OutputUnavailable
from vcam.types import VideoMode
from vcam.video.v4l2loopback import V4l2LoopbackOutput, find_device, prepare_device
from vcam.video.v4l2loopback_readers import LinuxFolders, ReaderWatch, count_module_openings

OURS, OTHER = "FaceWarp Cam", "OBS Virtual Camera"


class DrawnKernel:
    """Folders as the kernel shows them: labelled devices, the module, processes with what they have open."""

    def __init__(self, root, labels=(), refcnt=None):
        self.folders = LinuxFolders(root / "dev", root / "labels", root / "module", root / "proc")
        for folder in (self.folders.devices, self.folders.labels, self.folders.processes):
            folder.mkdir()
        for number, label in labels:
            folder = self.folders.labels / f"video{number}"
            folder.mkdir()
            (folder / "name").write_text(label + "\n")
            if "Cam" not in label:
                (folder / "device").mkdir()
            self.device(number).touch()
        if refcnt is not None:
            self.folders.module.mkdir()
            self.set_refcnt(refcnt)

    def set_refcnt(self, count):
        (self.folders.module / "refcnt").write_text(f"{count}\n")

    def device(self, number):
        return self.folders.devices / f"video{number}"

    def add_process(self, pid, *numbers):
        folder = self.folders.processes / str(pid) / "fd"
        folder.mkdir(parents=True)
        for descriptor, number in enumerate(numbers):
            (folder / str(descriptor)).symlink_to(self.device(number))
        return folder


def test_the_device_is_found_by_its_label(tmp_path):
    kernel = DrawnKernel(tmp_path, [(0, "Laptop Webcam"), (10, OTHER + " Cam"), (42, OURS)], refcnt=0)
    assert find_device(folders=kernel.folders) == kernel.device(42)


@pytest.mark.parametrize(
    ("labels", "refcnt", "sentence"),
    [
        ([(0, "Laptop Webcam")], None, "v4l2loopback is not loaded; install and load it with:\n(.|\n)*sudo modprobe"),
        ([], 0, "labelled 'FaceWarp Cam' .there is no video device.; load it anew with:\nsudo modprobe -r"),
        ([(3, "Dummy Cam")], 0, "/dev/video3 is 'Dummy Cam'"),
    ],
)
def test_no_device_of_ours(tmp_path, labels, refcnt, sentence):
    kernel = DrawnKernel(tmp_path, labels, refcnt)
    with pytest.raises(OutputUnavailable, match=sentence):
        V4l2LoopbackOutput(VideoMode(64, 48, 25), folders=kernel.folders)


def test_a_mode_no_camera_has(tmp_path):
    with pytest.raises(BadSettings, match="even"):
        V4l2LoopbackOutput(VideoMode(63, 48, 25), folders=DrawnKernel(tmp_path).folders)


def test_a_device_file_that_is_missing(tmp_path):
    kernel = DrawnKernel(tmp_path, [(42, OURS)], refcnt=0)
    kernel.device(42).unlink()
    with pytest.raises(OutputUnavailable, match="is this a container"):
        prepare_device(kernel.device(42), kernel.folders)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may open everything")
def test_no_permission(tmp_path):
    kernel = DrawnKernel(tmp_path, [(42, OURS)], refcnt=0)
    kernel.device(42).chmod(0)
    with pytest.raises(OutputUnavailable, match="usermod -aG video"):
        prepare_device(kernel.device(42), kernel.folders)


@pytest.mark.parametrize(
    ("refcnt", "processes", "watched"),
    [
        (1, {}, False),  # the one opening is ours
        (2, {200: [42]}, True),
        (2, {200: [10]}, False),  # somebody uses another device of the module
        (2, {200: []}, None),  # an opening that no visible process explains
        (3, {200: [10], 201: [42]}, True),
        (3, {200: [10], 201: []}, None),
        (4, {200: [10, 10, 10]}, False),
        (None, {200: []}, False),  # a kernel without a count: only what is seen
        (None, {200: [42]}, True),
    ],
)
def test_who_reads(tmp_path, refcnt, processes, watched):
    kernel = DrawnKernel(tmp_path, [(10, "Other Cam"), (42, OURS)], refcnt)
    kernel.add_process("self", 42)
    for pid, numbers in processes.items():
        kernel.add_process(pid, *numbers)
    watch = ReaderWatch(kernel.device(42), kernel.folders)
    assert watch.watched() is watched


def test_looks_at_most_once_a_second(tmp_path):
    kernel = DrawnKernel(tmp_path, [(42, OURS)], refcnt=1)
    kernel.add_process("self", 42)
    now = [0.0]
    watch = ReaderWatch(kernel.device(42), kernel.folders, every_s=1.0, clock=lambda: now[0])
    assert watch.watched() is False
    kernel.set_refcnt(2)
    kernel.add_process(200, 42)
    now[0] = 0.9
    assert watch.watched() is False
    now[0] = 1.0
    assert watch.watched() is True


def test_a_count_the_kernel_does_not_give(tmp_path):
    kernel = DrawnKernel(tmp_path, refcnt=3)
    assert count_module_openings(kernel.folders) == 3
    (kernel.folders.module / "refcnt").write_text("unknown\n")
    assert count_module_openings(kernel.folders) is None
