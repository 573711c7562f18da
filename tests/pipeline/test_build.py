"""The pipelines that are built, on the clip of nobody: every swapped picture is marked, no other is."""

import itertools
import json
import shutil
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest

import onnx_toys
from vcam.catalogue import built_in_faces, find_clip, find_models_folder
from vcam.config import Engine, PipelineSettings
from vcam.errors import BadSettings, ModelCorrupt, NoFace, SwapError
from vcam.faces.embed import Embedder
from vcam.imaging import privacy_blur
from vcam.inference import open_session
from vcam.pipeline.build import Engines, check_models
from vcam.pipeline.enrol import built_in_source, read_source
from vcam.pipeline.process import process
from vcam.swap.likeness import FIRST_LOOKS
from vcam.topology import landmarks5_from
from vcam.types import BadgeMode, Basis, Control, Frame, Work
from vcam.video.files import read_video


@pytest.fixture(scope="module")
def frames():
    found = []
    for frame, time_s in read_video(find_clip()):
        found.append(Frame(frame.image, frame.index, time_s))
        if len(found) == 8:
            return found
    return found


@pytest.fixture(scope="module")
def source():
    return built_in_source(built_in_faces()[0])


@pytest.mark.parametrize("engine", list(Engine))
def test_a_swap_changes_the_face_and_nothing_else(engine, frames, source):
    pipeline = Engines(PipelineSettings(engine, mark=False)).build()
    for frame in frames:
        before = frame.image.copy()
        work = Work(frame, Control(True, source), frame.image)
        image = process(pipeline, work)
        assert np.array_equal(frame.image, before)
        changed = np.abs(image.astype(int) - before).max(2) > 0
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        left, top, right, bottom = work.faces[0].box
        reach = 0.6 * (bottom - top)
        assert left - reach <= columns[0] <= columns[-1] <= right + reach
        assert top - reach <= rows[0] <= rows[-1] <= bottom + reach
        assert changed.mean() > 0.01


def test_what_is_worn_settles_in_the_first_frames_and_is_more_like_the_source(frames):
    embed = Embedder(open_session(find_models_folder() / "embedder.onnx", 1))
    gained = []
    for face in built_in_faces()[:7:2]:
        worn, pipeline = built_in_source(face), Engines(PipelineSettings(mark=False)).build()
        likeness, pictures = [], []
        for number in range(FIRST_LOOKS + 3):
            work = Work(Frame(frames[0].image, number, number / 30), Control(True, worn), frames[0].image)
            pictures.append(process(pipeline, work).astype(int))
            likeness.append(float(embed(work.image, landmarks5_from(work.faces[0].landmarks)) @ worn.embedding))
        gained.append(likeness[-1] - likeness[0])
        steps = [float(np.abs(b - a).mean()) for a, b in itertools.pairwise(pictures)]
        assert max(steps[FIRST_LOOKS:]) < 0.5 * steps[0]
    assert np.mean(gained) > 0.005


def test_a_source_is_prepared_once_and_one_that_cannot_be_worn_is_told(source):
    engines = Engines(PipelineSettings(Engine.MESH))
    engines.prepare(source)  # nothing is built yet, so there is nothing to do
    engines.build()
    engines.prepare(source)
    mesh = engines._built._mesh(source)
    engines.prepare(source)
    assert engines._built._mesh(source) is mesh
    with pytest.raises(SwapError, match="needs one"):
        engines.prepare(replace(source, id="other", image=None))


def test_a_fade_ends_in_the_other_face(frames, source):
    other = built_in_source(built_in_faces()[5])
    pictures = {}
    for fade in (False, True):
        pipeline = Engines(PipelineSettings(mark=False)).build()
        for number, worn in enumerate((source, other, other, other)):
            frame = Frame(frames[0].image, number, number * 0.1)
            control = Control(True, worn, cross_fade=fade)
            pictures[fade, number] = process(pipeline, Work(frame, control, frame.image)).astype(int)
    off_the_old = [float(np.abs(pictures[True, n] - pictures[True, 0]).mean()) for n in range(1, 4)]
    off_the_new = [float(np.abs(pictures[True, n] - pictures[False, n]).mean()) for n in range(1, 4)]
    assert 0 < off_the_old[0] < off_the_old[1] < off_the_old[2]
    assert off_the_new[0] > off_the_new[1] > off_the_new[2] == 0


def test_the_mark_changes_little_and_everywhere(frames, source):
    control = Control(True, source)
    plain, marked = (
        [process(pipeline, Work(frame, control, frame.image)) for frame in frames]
        for pipeline in (Engines(PipelineSettings(mark=on)).build() for on in (False, True))
    )
    for without, with_mark in zip(plain, marked, strict=True):
        difference = np.abs(with_mark.astype(int) - without)
        assert 0 < difference.max() <= 6
        assert (difference.max(2) > 0).mean() > 0.2


def test_the_badge_is_in_swapped_pictures_beside_the_face_and_costs_no_copy(frames, source):
    made = {}
    for mode in (BadgeMode.OFF, BadgeMode.FIRST, BadgeMode.ALWAYS):
        pipeline = Engines(PipelineSettings(mark=False)).build()  # a later frame of the same one is worn otherwise
        work = Work(frames[0], Control(True, source, badge=mode), frames[0].image)
        for name, stage in pipeline:
            before = work.image
            stage(work)
            assert name != "badge" or work.image is before
        made[mode] = work
    names = [name for name, _ in pipeline]
    assert names.index("blend") < names.index("badge")
    drawn = (made[BadgeMode.ALWAYS].image != made[BadgeMode.OFF].image).any(2)
    left, top, right, bottom = (int(v) for v in made[BadgeMode.OFF].faces[0].box)
    assert drawn.sum() > 1000
    assert not drawn[top:bottom, left:right].any()
    assert np.array_equal(made[BadgeMode.FIRST].image, made[BadgeMode.ALWAYS].image)
    unswapped = Work(frames[0], Control(True, source, badge=BadgeMode.ALWAYS), frames[0].image)
    dict(pipeline)["badge"](unswapped)
    assert np.array_equal(frames[0].image, unswapped.image)


def test_a_switch_of_source_falls_between_two_frames(frames):
    first, second = (built_in_source(face) for face in built_in_faces()[:2])
    pipeline = Engines(PipelineSettings()).build()
    pictures = [
        process(pipeline, Work(frame, Control(True, source), frame.image))
        for frame, source in zip(frames, [first, first, second, first, second, second, first, first], strict=True)
    ]
    assert all(picture.shape == frames[0].image.shape for picture in pictures)


def test_no_face_is_told(source):
    pipeline = Engines(PipelineSettings()).build()
    blank = Frame(np.full((360, 640, 3), 90, np.uint8), 0, 0.0)
    with pytest.raises(NoFace):
        process(pipeline, Work(blank, Control(True, source), blank.image))


def test_the_users_face_is_not_found_in_a_blurred_frame(frames, source):
    pipeline = Engines(PipelineSettings()).build()
    blurred = Frame(privacy_blur(frames[0].image), 0, 0.0)
    with pytest.raises(NoFace):
        process(pipeline, Work(blurred, Control(True, source), blurred.image))


def test_five_faces_and_a_4k_frame(frames, source):
    head = frames[0].image[60:660, 380:900]
    crowd = np.full((2160, 3840, 3), 120, np.uint8)
    for place in range(5):
        crowd[200 : 200 + 600, 100 + place * 720 : 100 + place * 720 + 520] = head
    work = Work(Frame(crowd, 0, 0.0), Control(True, source), crowd)
    image = process(Engines(PipelineSettings(mark=False)).build(), work)
    changed = np.flatnonzero((image != crowd).any((0, 2)))
    assert changed[-1] - changed[0] < 720, "only one of the five is the user"


def test_every_model_is_checked_before_the_start(tmp_path):
    check_models(PipelineSettings())
    (tmp_path / "pack.json").write_text("{")
    with pytest.raises(ModelCorrupt):
        check_models(PipelineSettings(models=tmp_path))


def test_built_in_faces_are_nobody(source):
    assert source.consent.basis is Basis.SYNTHETIC
    said = []
    names = [face.name for face in built_in_faces()]
    assert len(names) >= 12
    assert read_source(names[3].upper(), find_models_folder(), said.append).name == names[3]
    assert read_source(None, find_models_folder(), said.append).name == names[0]
    assert not said
    with pytest.raises(BadSettings, match=names[0]):
        read_source("Nobody Of That Name", find_models_folder(), said.append)


def test_what_is_before_the_face_stays_where_the_pack_has_regions(frames, tmp_path):
    source = built_in_source(built_in_faces()[1])
    models = shutil.copytree(find_models_folder(), tmp_path / "models")
    rows = [row for row in json.loads((models / "pack.json").read_text())["nets"] if row["name"] != "regions"]
    (models / "pack.json").write_text(json.dumps({"nets": rows}))
    changed = {}
    for kind in ("without", "with"):
        if kind == "with":
            toy = onnx_toys.save_regions(models / "regions.onnx", least=-0.65)  # darker than 44 levels is no face
            rows.append({"name": "regions", "file": toy.name, "sha256": sha256(toy.read_bytes()).hexdigest()})
            (models / "pack.json").write_text(json.dumps({"nets": rows}))
        settings = PipelineSettings(models=models, mark=False)
        check_models(settings)
        pipeline = Engines(settings).build()
        assert ("regions" in dict(pipeline)) == (kind == "with")
        work = Work(frames[0], Control(True, source), frames[0].image)
        process(pipeline, work)
        left, top, right, bottom = work.faces[0].box.astype(int)
        bar = (slice((top + 2 * bottom) // 3, (top + 4 * bottom) // 5), slice(left, (left + right) // 2))
        hidden = frames[0].image.copy()
        hidden[bar] = 24  # dark, yet not black: on black no worn face would show
        later = Frame(hidden, 1, frames[0].captured_at + 0.4)  # a gap: nothing fades in
        image = process(pipeline, Work(later, Control(True, source), hidden))
        difference = np.abs(image.astype(int) - hidden).max(2)
        changed[kind] = difference[bar][8:-8, -40:-12].max()
        assert (difference > 0).mean() > 0.01
    assert changed["without"] > 3
    assert changed["with"] == 0


def test_listed_regions_that_are_damaged_are_told(tmp_path):
    models = shutil.copytree(find_models_folder(), tmp_path / "models")
    rows = [row for row in json.loads((models / "pack.json").read_text())["nets"] if row["name"] != "regions"]
    rows.append({"name": "regions", "file": "regions.onnx", "sha256": "0" * 64})
    (models / "pack.json").write_text(json.dumps({"nets": rows}))
    (models / "regions.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelCorrupt, match="regions"):
        check_models(PipelineSettings(models=models))
