"""facewarp train, export and evaluate, on a data folder of drawn faces with toy teachers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from training.faces_by_hand import drawn_face  # noqa: E402
from vcam.cli.main import main  # noqa: E402
from vcam.errors import BadInput  # noqa: E402
from vcam.inference import open_session  # noqa: E402
from vcam.training import data, loop  # noqa: E402

pytestmark = pytest.mark.train

POINTS = ((0.39, 0.47), (0.61, 0.47), (0.5, 0.56), (0.42, 0.69), (0.58, 0.69))
COLUMNS = [
    "file",
    "set",
    "identity",
    "split",
    "coverage",
    *(f"{p}{a}" for p in ("l", "r", "n", "ml", "mr") for a in "xy"),
]


def save_teacher(path: Path, side: int, stride: int, channels: int) -> None:
    """One convolution that samples the picture: ``channels`` numbers at each of the places."""
    weight = np.random.default_rng(side).uniform(10, 60, (channels, 3, 1, 1)).astype(np.float32)
    node = helper.make_node("Conv", ["x", "w"], ["y"], kernel_shape=[1, 1], pads=[0] * 4, strides=[stride] * 2)
    places = side // stride
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, places, places])
    graph = helper.make_graph([node], "toy", [x], [y], [numpy_helper.from_array(weight, "w")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder: six faces and a picture that cannot be read."""
    root = tmp_path / "data"
    (root / "faces" / "generated").mkdir(parents=True)
    (root / "teachers").mkdir()
    save_teacher(root / "teachers" / "FaceMesh.onnx", 192, 64, 156)  # 3 x 3 places: 468 points
    save_teacher(root / "teachers" / "liguiyuan_mfn.onnx", 112, 56, 32)
    rng = np.random.default_rng(0)
    rows = []
    for k in range(7):
        file = f"faces/generated/{k}.png"
        if k < 6:
            cv2.imwrite(str(root / file), drawn_face(rng)[:, :, ::-1])
        else:
            (root / file).write_bytes(b"no picture")
        points = [value for point in POINTS for value in point]
        rows.append([file, "generated", f"person{k}", "val" if k % 2 else "train", 1.0, *points])
    with (root / "faces" / "index.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([COLUMNS, *rows])
    return root


def facewarp(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


@pytest.mark.slow
def test_from_pictures_to_a_pack(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = (
        "train",
        "landmarks",
        "--data",
        folder,
        "--cache",
        tmp_path / "cache",
        "--out",
        tmp_path / "run",
        "--batch",
        4,
    )
    code, out, err = facewarp(capsys, *run, "--steps", 2)
    assert code == 0
    assert "6 faces cached, 1 unreadable pictures skipped" in err
    assert "training the landmarks for 2 steps" in out
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] == 2
    code, _, err = facewarp(capsys, *run, "--steps", 3, "--resume")
    assert code == 0
    assert "cached" not in err  # the cache is there
    checkpoint = tmp_path / "run" / "checkpoint.pt"
    assert torch.load(checkpoint, weights_only=True)["step"] == 3
    models = tmp_path / "models"
    code, out, _ = facewarp(capsys, "export", "landmarks", checkpoint, "--models", models)
    assert (code, "landmarks.onnx" in out) == (0, True)
    assert open_session(models / "landmarks.onnx", 1).inputs == {"crop": (1, 3, 128, 128)}
    assert [row["name"] for row in json.loads((models / "pack.json").read_text())["nets"]] == ["landmarks"]
    code, _, _ = facewarp(capsys, *run, "--steps", 4, "--pack", models)
    assert code == 0
    code, _, err = facewarp(capsys, "export", "detector", checkpoint, "--models", models)
    assert (code, "another architecture" in err) == (2, True)
    other = ("train", "regions", *run[2:], "--steps", 4, "--resume")
    (folder / "faces" / "celebamask_regions").mkdir()
    code, _, err = facewarp(capsys, *other)
    assert (code, "region maps" in err) == (2, True)


def test_a_figure_is_printed_beside_what_is_asked(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--data", folder, "--cache", tmp_path / "cache", "--pictures", 4)
    code, out, _ = facewarp(capsys, "evaluate", "pack", "landmarks", *options, "--json")
    assert code == 1  # nobody could be good at drawn faces whose teacher is a toy
    assert set(json.loads(out)["landmarks"]) >= {"aligned_error_percent", "ms", "ratio"}
    code, out, _ = facewarp(capsys, "evaluate", "pack", "landmarks", *options)
    assert (code, "asked <= 2.5: falls short" in out) == (1, True)
    code, _, err = facewarp(capsys, "evaluate", "pack", "eyebrows", *options)
    assert (code, "no small network eyebrows" in err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "landmarks", "--data", "EMPTY"), "is not a data folder"),
        (("train", "landmarks", "--data", "DATA", "--pack", "EMPTY"), "landmarks.onnx to begin with"),
        (("train", "landmarks", "--data", "DATA", "--resume", "--out", "GARBAGE"), "not a checkpoint"),
        (("train", "landmarks", "--data", "DATA", "--backgrounds", "EMPTY"), "no picture that could serve"),
        (("train", "landmarks", "--data", "DATA", "--out", "FILE/run"), "cannot be made"),
        (("train", "embedder", "--data", "DATA", "--cache", "FILE/cache"), "cannot be made"),
        (("export", "landmarks", "EMPTY/checkpoint.pt"), "there is no checkpoint"),
        (("export", "landmarks", "FILE"), "not a checkpoint"),
        (("evaluate", "pairs", "--data", "DATA", "--judges", "EMPTY"), "there is no recogniser in"),
        (("evaluate", "pairs", "--data", "DATA", "--dlib", "EMPTY"), "of pairs_val.csv is not in the cache"),
        (("evaluate", "pack", "embedder", "--data", "DATA"), "lists no picture of the sets lfw"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: tuple[str, ...], said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"EMPTY": tmp_path / "empty", "GARBAGE": tmp_path / "garbage", "FILE": tmp_path / "file", "DATA": folder}
    places["EMPTY"].mkdir()
    places["GARBAGE"].mkdir()
    (places["GARBAGE"] / "checkpoint.pt").write_bytes(b"no checkpoint")
    places["FILE"].write_bytes(b"a file")
    line = [
        str(places[a.split("/")[0]] / "/".join(a.split("/")[1:])) if a.split("/")[0] in places else a for a in arguments
    ]
    if arguments[0] != "export" and "--cache" not in arguments:
        line += ["--cache", str(tmp_path / "cache")]
    if arguments[0] == "train":
        line += ["--steps", "1", "--batch", "2", *([] if "--out" in line else ["--out", str(tmp_path / "run")])]
    code, _, err = facewarp(capsys, *line)
    assert code == 2
    assert said in err
    assert len([text for text in err.splitlines() if text.startswith("facewarp: ")]) == 1


def test_too_little_memory_or_disk_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"holding the faces needs 1000000000\.0 GB of memory"):
        data.check_memory(10**18, "holding the faces")
    with pytest.raises(BadInput, match="the cache needs"):
        data._check_disk(tmp_path, 10**18)


def test_a_damaged_cache_is_told(folder: Path, tmp_path: Path) -> None:
    data.cache_set(folder, tmp_path, "generated")
    (tmp_path / "generated" / "mesh.npy").write_bytes(b"damaged")
    with pytest.raises(BadInput, match="is damaged"):
        data.load_faces(tmp_path, ("generated",))


def test_a_device_that_is_not_there_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(BadInput, match="--device cpu"):
        loop.pick_device("cuda")
    assert loop.pick_device("auto") == "cpu"
