"""train, export and evaluate where torch is not installed: help works, the rest says what is missing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vcam.cli.main import build_parser, main
from vcam.cli.shell import manual


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from vcam.cli.main import build_parser; build_parser().format_help(); "
        "print({'torch', 'onnx', 'onnxruntime'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "landmarks", "--data", "data"),
        ("export", "landmarks", "checkpoint.pt"),
        ("evaluate", "pack", "--data", "data"),
        ("evaluate", "pairs", "--data", "data"),
    ],
)
def test_what_is_missing_is_told(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(arguments) == 2
    assert "training needs torch, which is not installed: pip install 'facewarp-cam[train]'" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--minutes", "0"), ("--steps", "1.5"), ("--rate", "fast"), ("--batch", "-4")])
def test_numbers_that_cannot_be_are_refused(option: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["train", "landmarks", "--data", "data", *option])
    assert ended.value.code == 2
    assert f"not '{option[1]}'" in capsys.readouterr().err


def test_the_manual_has_them() -> None:
    text = manual(build_parser())
    for command in ("train", "export", "evaluate pack", "evaluate pairs", "evaluate video"):
        assert f".SS facewarp {command}\n" in text
