"""The layer check finds what it is there to find, and the program passes it."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
spec = importlib.util.spec_from_file_location("check_layers", ROOT / "scripts" / "check_layers.py")
assert spec is not None
assert spec.loader is not None
check_layers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_layers)


def test_the_program_passes():
    assert check_layers.check(ROOT) == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("vcam/geometry.py", "from vcam.video import files\n", "imports video"),
        ("vcam/faces/track.py", "from vcam.swap import blend\n", "imports swap"),
        ("vcam/faces/track.py", "import vcam.pipeline.gate\n", "imports pipeline"),
        ("vcam/swap/blend.py", "import onnxruntime as ort\n", "outside its home"),
        ("vcam/cli/run.py", "def run():\n    from pyvirtualcam import Camera\n", "outside its home"),
        ("vcam/cli/train.py", "from vcam.training import data\n", "not inside a function"),
        ("vcam/training/data.py", "from vcam.faces import detect\n", "imports faces (layer 3)"),
        ("vcam/types.py", "import cv2\n", "ground floor"),
        ("vcam/extra.py", "", "has no layer"),
        ("vcam/config.py", "x = 1\n" * 501, "at most 500"),
        ("vcam/config.py", "def f():\n" + "    x = 1\n" * 61, "at most 60"),
    ],
)
def test_a_planted_fault_is_found(tmp_path, path, text, fault):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    found = check_layers.check(tmp_path)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("vcam/pipeline/build.py", "from vcam.faces import track\nfrom vcam.swap import blend\n"),
        ("vcam/cli/train.py", "def run():\n    from vcam.training import data\n"),
        ("vcam/inference.py", "import onnxruntime\n"),
    ],
)
def test_what_is_allowed_passes(tmp_path, path, text):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(text)
    assert check_layers.check(tmp_path) == []
