"""The commands of the running program, of faces and of the self-check, as a user types them."""

import json

import pytest

from desktop_fakes import Bench
from vcam.cli.daemon import read_settings
from vcam.cli.main import build_parser, main
from vcam.daemon import channel, protocol
from vcam.daemon.commands import execute
from vcam.daemon.instance import InstanceLock, runtime_folder


@pytest.fixture
def program():
    bench = Bench()
    with bench.daemon:
        listening = channel.listen(
            runtime_folder(), lambda line: protocol.answer(line, lambda request: execute(bench.daemon, request))
        )
        yield bench.daemon
        listening.close()


def test_the_remote_control(program, capsys):
    assert main(["off"]) == 0
    assert main(["face", "zoe"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["status"]) == 0
    assert capsys.readouterr().out.startswith("swap    off\n")
    assert main(["status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["face"] == "zoe"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["face", "Nobody"], "there is no face called 'Nobody'; there are: Ana, Ben, Zoe"),
        (["camera", "Nothing"], "there is no camera 'Nothing'; there are: Front camera, Desk camera"),
        (["panel"], "there is no panel here"),
        (["face", "x" * 5000], "the command is too long"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_exit_code_2(program, words, sentence, capsys):
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("facewarp: ")
    assert sentence in error
    assert error.count("\n") == 1


def test_without_a_program_it_says_how_to_start_it(capsys):
    assert main(["toggle"]) == 2
    assert capsys.readouterr().err == "facewarp: FaceWarp Cam is not running; start it with: facewarp\n"


def test_a_second_start_hands_over_to_the_first(program, capsys):
    with InstanceLock(runtime_folder()) as lock:
        assert lock.acquire()
        assert main(["--headless"]) == 0
    assert "running already" in capsys.readouterr().err


def test_a_damaged_settings_file_is_one_sentence(tmp_path, capsys):
    file = tmp_path / "settings.toml"
    file.write_text('[swap]\nengine = "gan"\n')
    assert main(["--headless", "--settings", str(file)]) == 2
    assert "line 2: swap.engine must be one of aei, mesh" in capsys.readouterr().err


def test_flags_go_before_the_file(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('[camera]\nfps = 24\ncamera = "Desk"\n')
    given = build_parser().parse_args(["--fps", "15", "--toggle-key", "none"])
    settings = read_settings(given, file)
    assert (settings.run.mode.fps, settings.run.camera, settings.hotkeys.toggle) == (15, "Desk", None)


@pytest.mark.parametrize("words", [["--fps", "0"], ["--engine", "gan"], ["--toggle-key", "F"], ["faces"], ["dance"]])
def test_wrong_words_are_told_without_a_traceback(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err
