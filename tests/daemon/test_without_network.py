"""The whole program, its camera, its networks and every command, while every socket but a Unix one is refused."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import pytest

from vcam.catalogue import find_clip
from vcam.daemon.channel import ask
from vcam.daemon.instance import runtime_folder
from vcam.daemon.protocol import Request
from vcam.video.files import read_video

RIG = Path(__file__).resolve().parents[1] / "rigs" / "no_network"
PATIENCE_S = 120.0  # for a computer that does much else
TRY = """
import ctypes, socket
assert ctypes.CDLL(None).socket(int(socket.AF_INET), 1, 0) == -1, "a library could open a network socket"
socket.socket(socket.AF_UNIX).close()
try:
    socket.socket(socket.AF_INET)
except PermissionError:
    print("refused")
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="the kernel's filter is Linux's")]


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """The environment in which no program can reach a network, and what was tried there."""
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(RIG))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("FACEWARP_PASSPHRASE", "of a machine without a keyring")
    monkeypatch.setenv("REFUSED_SOCKETS", str(tmp_path / "refused"))
    return tmp_path / "refused"


def wait_for(condition):
    """The state, once the condition holds."""
    ends, pause = time.monotonic() + PATIENCE_S, threading.Event()
    while True:
        state = ask(runtime_folder(), Request("status"))
        if state is not None and condition(state):
            return state
        assert time.monotonic() < ends, state
        pause.wait(0.1)


def facewarp(*words, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "vcam", *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == code, done.stderr
    return done.stdout


def test_everything_works_while_only_unix_sockets_can_be_opened(offline, tmp_path):
    tried = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True, timeout=PATIENCE_S)
    assert tried.stdout == "refused\n", tried.stderr
    assert offline.read_text().count("family") == 1
    offline.unlink()

    photo, swapped = tmp_path / "me.png", tmp_path / "swapped.jpg"
    frame, _ = next(iter(read_video(find_clip())))
    cv2.imwrite(str(photo), frame.image)
    program = subprocess.Popen(
        [sys.executable, "-m", "vcam", "--headless", "--camera", "synthetic", "--output", "null"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for(lambda state: state["mood"] == "on")
        first = wait_for(lambda state: state["face"])["face"]
        facewarp("next")
        assert wait_for(lambda state: state["mood"] == "on")["face"] != first
        facewarp("faces", "add", photo, "--name", "Me", "--consent", "self")
        wait_for(lambda state: "Me" in [face["name"] for face in state["faces"]])
        facewarp("face", "Me")
        wait_for(lambda state: state["face_name"] == "Me" and state["mood"] == "on")
        facewarp("off")
        wait_for(lambda state: state["mood"] == "off")
        facewarp("swap", photo, swapped)
        found = json.loads(facewarp("verify", swapped, "--json", "--quick"))
        assert found["verdict"] == "present"
        facewarp("quit")
        assert program.wait(PATIENCE_S) == 0, program.stderr.read()
    finally:
        program.kill()
        program.communicate()
    assert not offline.exists(), offline.read_text()
