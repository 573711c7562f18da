import shutil
import subprocess

import pytest

from vcam.cli.main import build_parser, main
from vcam.cli.shell import manual
from vcam.daemon.command_names import COMMAND_NAMES


def test_the_manual_names_every_command_and_flag():
    text = manual(build_parser())
    for command in COMMAND_NAMES:
        assert f".SS facewarp {command.name}\n" in text
    for flag in ("toggle\\-key", "headless", "consent"):
        assert flag in text
    assert ".SS facewarp faces add\n" in text


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_is_a_script_the_shell_can_read(shell, capsys):
    pytest.importorskip("shtab")
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "toggle" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)
