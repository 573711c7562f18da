"""The commands named are those of the system we run on."""

import pytest

from vcam.video.install_hints import LOAD_MODULE, read_packages, v4l2loopback_commands


@pytest.mark.parametrize(
    ("os_release", "command"),
    [
        ("ID=debian\n", "linux-headers-$(dpkg --print-architecture)"),
        ("ID=ubuntu\nID_LIKE=debian\n", "linux-headers-generic"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "linux-headers-generic"),
        ("ID=fedora\n", "dnf install akmod-v4l2loopback"),
        ('ID="manjaro"\nID_LIKE=arch\n', "pacman -S v4l2loopback-dkms"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "zypper install"),
        ("ID=plan9\n", "of your distribution"),
    ],
)
def test_commands_by_distribution(tmp_path, os_release, command):
    (tmp_path / "os-release").write_text(os_release)
    commands = v4l2loopback_commands(tmp_path / "os-release", tmp_path)
    assert command in commands
    assert commands.endswith(LOAD_MODULE)


def test_an_installed_module_only_needs_loading(tmp_path):
    (tmp_path / "modules.dep").write_text("kernel/a.ko:\nupdates/dkms/v4l2loopback.ko: kernel/videodev.ko\n")
    assert v4l2loopback_commands(modules=tmp_path) == LOAD_MODULE


def test_no_os_release(tmp_path):
    assert "of your distribution" in read_packages(tmp_path / "nothing").v4l2loopback
