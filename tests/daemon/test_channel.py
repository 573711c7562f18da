import json
import os
import random
import socket
import stat
import subprocess
import threading
import time

import pytest

from desktop_fakes import Bench
from vcam.daemon import channel, protocol
from vcam.daemon.channel_unix import MAX_CLIENTS, UnixChannel, ask, socket_path
from vcam.daemon.commands import execute
from vcam.daemon.instance import InstanceLock, runtime_folder
from vcam.daemon.protocol import MAX_REQUEST_BYTES, Request, decode_reply, encode_request
from vcam.errors import BadInput


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return runtime_folder()


@pytest.fixture
def path(folder):
    """A socket that echoes the command as the state."""

    def echo(request):
        if request.command == "explode":
            raise RuntimeError("inside")
        return {"command": request.command, "arguments": list(request.arguments)}

    listening = UnixChannel(socket_path(folder), lambda line: protocol.answer(line, echo))
    yield socket_path(folder)
    listening.close()


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(path))
    connection.settimeout(5)
    return connection


def still_answers(path):
    began = time.perf_counter()
    assert ask(path, encode_request(Request("status")))["command"] == "status"
    return time.perf_counter() - began


def test_a_command_is_answered_quickly(path):
    assert ask(path, encode_request(Request("face", ("Zoë",)))) == {"command": "face", "arguments": ["Zoë"]}
    assert max(still_answers(path) for _ in range(50)) < 0.1


def test_the_socket_is_closed_to_others(path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_random_bytes_are_answered_with_a_clear_error(path):
    noise = random.Random(7)
    for _ in range(20):
        with connect(path) as connection:
            connection.sendall(noise.randbytes(1000).replace(b"\n", b" ") + b"\n")
            with pytest.raises(BadInput, match="this is not a command"):
                decode_reply(connection.recv(65536))
    still_answers(path)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"[]", "a JSON object"),
        (b'{"version": 2, "command": "on"}', "speaks version 1, the command is of version 2"),
        (b'{"version": 1}', "needs a text command"),
        (b'{"version": 1, "command": "on", "arguments": "x"}', "needs a text command"),
        (b'{"version": 1, "command": "on", "arguments": [1]}', "must be texts"),
        (b"[" * 3000, "one line of JSON"),
        (b"", "one line of JSON"),
    ],
)
def test_wrong_requests_are_told(path, line, sentence):
    with connect(path) as connection:
        connection.sendall(line + b"\n")
        assert sentence in json.loads(connection.recv(65536))["error"]


def test_an_endless_line_is_cut_off(path):
    with connect(path) as connection:
        connection.sendall(b"x" * (MAX_REQUEST_BYTES + 1))
        assert b"at most" in connection.recv(65536)
        assert connection.recv(65536) == b""
    still_answers(path)


def test_clients_that_never_read_or_never_finish_hurt_nobody(path):
    stuck = [connect(path) for _ in range(MAX_CLIENTS + 5)]
    line = encode_request(Request("status", ("x" * 1000,)))
    for connection in stuck[-5:]:
        connection.setblocking(False)
        try:
            for _ in range(10_000):
                connection.send(line)
        except OSError:
            pass  # full, or sent away
    assert still_answers(path) < 1
    for connection in stuck:
        connection.close()
    assert still_answers(path) < 1


def test_an_error_inside_is_answered(path, caplog):
    with pytest.raises(BadInput, match="failed inside the program"):
        ask(path, encode_request(Request("explode")))
    assert "a command failed" in caplog.text
    still_answers(path)


def test_a_stale_socket_is_replaced(folder):
    stale = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    stale.bind(str(socket_path(folder)))
    stale.close()
    assert ask(socket_path(folder), encode_request(Request("status"))) is None
    listening = UnixChannel(socket_path(folder), lambda line: protocol.answer(line, lambda _: {"fresh": True}))
    assert ask(socket_path(folder), encode_request(Request("status"))) == {"fresh": True}
    listening.close()
    assert not socket_path(folder).exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make another user's socket")
def test_another_users_socket_and_folder_are_refused(folder):
    path = socket_path(folder)
    path.touch()
    os.chown(path, 65534, 65534)
    with pytest.raises(BadInput, match="belongs to another user"):
        ask(path, encode_request(Request("status")))
    with pytest.raises(BadInput, match="belongs to another user"):
        UnixChannel(path, lambda line: line)
    os.chown(folder, 65534, 65534)
    with pytest.raises(BadInput, match="belongs to another user"):
        runtime_folder()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_users_client_is_refused(path):
    path.chmod(0o666)
    for parent in (path.parent, *path.parent.parents):
        if parent.stat().st_uid == 0 and str(parent) != "/":
            parent.chmod(parent.stat().st_mode | 0o055)
    script = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
        "s.sendall(sys.argv[2].encode()); print(s.recv(4096).decode())"
    )
    line = encode_request(Request("off")).decode()
    asked = subprocess.run(
        ["/usr/bin/env", "python3", "-c", script, path, line], user=65534, group=65534, capture_output=True, timeout=20
    )
    assert b"belongs to another user" in asked.stdout, asked.stderr
    still_answers(path)


def test_a_link_in_place_of_the_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "facewarp-cam").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="is a link"):
        runtime_folder()


def test_of_two_starts_at_once_one_runs_and_gets_the_others_command(folder):
    results, listening, lock_held = [], [], threading.Lock()
    barrier = threading.Barrier(4)

    def start():
        lock = InstanceLock(folder)
        barrier.wait()
        state = channel.become_first(lock, folder, Request("panel"))
        if state is None:
            listening.append(channel.listen(folder, lambda line: protocol.answer(line, lambda r: {"got": r.command})))
            listening.append(lock)
        with lock_held:
            results.append(state)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results.count(None) == 1
    assert results.count({"got": "panel"}) == 3
    listening[0].close()
    listening[1].__exit__(None, None, None)
    with InstanceLock(folder) as lock:
        assert lock.acquire()


def test_a_command_without_a_program_says_how_to_start_it(folder):
    with pytest.raises(BadInput, match="start it with: facewarp"):
        channel.command(Request("on"))


def test_the_whole_way_from_client_to_daemon(folder):
    bench = Bench()
    with bench.daemon:
        listening = channel.listen(folder, lambda line: protocol.answer(line, lambda r: execute(bench.daemon, r)))
        assert channel.command(Request("off"))["enabled"] is False
        assert channel.command(Request("face", ("ben",)))["face"] == "ben"
        with pytest.raises(BadInput, match="there is no face called"):
            channel.command(Request("face", ("Nobody",)))
        listening.close()
