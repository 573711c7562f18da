"""The actor: the film is what it says, loops without a seam, and our own nets can work on it."""

import numpy as np
import pytest

from vcam import topology
from vcam.catalogue import find_models_folder, net_file
from vcam.errors import ModelMissing
from vcam.faces.detect import Detector
from vcam.faces.landmarks import LandmarkFitter
from vcam.inference import open_session
from vcam.video.files import VideoReader, read_video

FILM = find_models_folder() / "actor.mp4"
EVERY = 12  # pictures between those that are looked at


@pytest.fixture(scope="module")
def pictures():
    return [frame.image.copy() for frame, _ in read_video(FILM)]


def open_net(name):
    try:
        return open_session(net_file(name), accelerators=())
    except ModelMissing as missing:
        pytest.skip(str(missing))


def test_film_has_the_stated_size_rate_and_length(pictures):
    with VideoReader(FILM) as reader:
        facts = reader.facts
    assert (facts.width, facts.height, facts.fps) == (1280, 720, 30)
    assert not facts.has_audio
    assert len(pictures) == 240
    assert FILM.stat().st_size <= 700_000


def test_film_loops_without_a_seam(pictures):
    def change(a, b):
        return np.abs(a.astype(np.int16) - b).mean()

    largest_step = max(change(a, b) for a, b in zip(pictures[:-1:5], pictures[1::5], strict=False))
    assert change(pictures[-1], pictures[0]) < 1.5 * largest_step


@pytest.mark.slow
def test_detector_finds_exactly_one_face_in_every_picture(pictures):
    detect = Detector(open_net("detector"))
    assert [len(detect(picture)) for picture in pictures[::EVERY]] == [1] * len(pictures[::EVERY])


@pytest.mark.slow
def test_landmarks_are_found_and_move_smoothly(pictures):
    detect, fit = Detector(open_net("detector")), LandmarkFitter(open_net("landmarks"))
    fits = [fit(pictures[0], detect(pictures[0])[0].landmarks5)]
    for picture in pictures[1:]:
        fits.append(fit(picture, topology.landmarks5_from(fits[-1].landmarks)))
    points = np.stack([fit.landmarks for fit in fits])
    height = np.linalg.norm(points[:, topology.FOREHEAD] - points[:, topology.CHIN], axis=1)
    nose_step = np.linalg.norm(np.diff(points[:, topology.NOSE_TIP], axis=0), axis=1)
    turned = np.ptp([fit.pose[0] for fit in fits])
    assert min(fit.visibility for fit in fits) > 0.9
    assert np.median(height) == pytest.approx(0.40 * 720, rel=0.1)
    assert nose_step.max() < 0.03 * height.mean()
    assert turned > 20


@pytest.mark.slow
def test_mouth_opens(pictures):
    detect = Detector(open_net("detector"))
    grey = []
    for picture in pictures[::4]:
        x, y = detect(picture)[0].landmarks5[3:].mean(0).round().astype(int)
        grey.append(picture[y : y + 12, x - 8 : x + 8].mean())
    assert np.ptp(grey) > 40
