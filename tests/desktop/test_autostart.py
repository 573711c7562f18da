import configparser
import plistlib
import shlex
import sys
from pathlib import Path

import pytest

from vcam.cli.main import main
from vcam.desktop.autostart import (
    autostart_file,
    autostart_text,
    is_autostarted,
    is_unit_enabled,
    set_autostart,
    unit_file,
    unit_link,
    unit_text,
)
from vcam.desktop.selfcheck import _check_autostart
from vcam.doctor import Health

HOME = {"HOME": "/home/ana"}
ODD = ["/opt/My Tools/100%/face$warp", "-m", 'v"cam']
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="systemd and XDG belong to Linux")


@pytest.mark.parametrize(
    ("platform", "environment", "file"),
    [
        ("linux", HOME, "/home/ana/.config/autostart/facewarp-cam.desktop"),
        ("linux", HOME | {"XDG_CONFIG_HOME": "/etc/ana"}, "/etc/ana/autostart/facewarp-cam.desktop"),
        ("darwin", HOME, "/home/ana/Library/LaunchAgents/org.facewarp-cam.plist"),
        ("win32", HOME, None),
    ],
)
def test_each_system_has_its_place(platform, environment, file):
    assert autostart_file(environment, platform) == (None if file is None else Path(file))


def test_the_launch_agent_holds_the_command_as_it_is():
    agent = plistlib.loads(autostart_text(ODD, "darwin").encode())
    assert agent["ProgramArguments"] == ODD
    assert agent["RunAtLoad"] is True


def test_the_run_key_is_one_quoted_line():
    assert autostart_text(["C:\\Program Files\\facewarp.exe", "--flag"], "win32") == (
        '"C:\\Program Files\\facewarp.exe" --flag'
    )


def test_the_desktop_entry_keeps_odd_characters():
    entry = configparser.RawConfigParser()
    entry.optionxform = str
    entry.read_string(autostart_text(ODD, "linux"))
    line = entry["Desktop Entry"]["Exec"].replace("\\\\", "\\")  # what a desktop reads
    assert [part.replace("%%", "%").replace(r"\$", "$") for part in shlex.split(line)] == ODD
    plain = autostart_text(["/usr/bin/facewarp"], "linux")
    assert "Exec=/usr/bin/facewarp\n" in plain


def test_the_unit_keeps_odd_characters():
    unit = configparser.RawConfigParser()
    unit.read_string(unit_text(ODD))
    parts = [part.replace("%%", "%").replace("$$", "$") for part in shlex.split(unit["Service"]["ExecStart"])]
    assert parts == [*ODD, "--headless"]
    assert unit["Install"]["WantedBy"] == "default.target"


@on_linux
def test_one_way_takes_the_place_of_the_other(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["autostart", "on"]) == 0
    assert is_autostarted()
    assert main(["autostart", "on", "--headless"]) == 0
    assert "systemctl --user start facewarp-cam" in capsys.readouterr().out
    assert not autostart_file().exists()
    assert is_unit_enabled()
    assert unit_link(unit_file()).resolve() == unit_file().resolve()
    set_autostart()  # the checkbox, pressed once
    assert not is_autostarted()
    assert main(["autostart", "on", "--headless"]) == 0
    assert main(["autostart", "on"]) == 0
    assert not is_unit_enabled()
    assert main(["autostart", "off"]) == 0
    assert not is_autostarted()
    assert list(tmp_path.rglob("*.service")) == []


@on_linux
@pytest.mark.parametrize("more", [(), ("--headless",)])
def test_the_self_check_mends_an_autostart_of_another_program(tmp_path, monkeypatch, more):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["autostart", "on", *more]) == 0
    assert _check_autostart().health is Health.OK
    file = unit_file() if more else autostart_file()
    file.write_text(file.read_text().replace("=/", "=/gone/"))
    finding = _check_autostart()
    assert (finding.health, finding.repair) == (Health.FAULT, " ".join(("facewarp autostart on", *more)))
    finding.fix()
    assert _check_autostart().health is Health.OK
    assert is_unit_enabled() is bool(more)


@on_linux
def test_a_place_that_cannot_be_written_is_told(tmp_path, monkeypatch, capsys):
    (tmp_path / "autostart").write_text("in the way")
    (tmp_path / "systemd").write_text("in the way")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for more in ((), ("--headless",)):
        assert main(["autostart", "on", *more]) == 2
        assert "cannot be changed" in capsys.readouterr().err
