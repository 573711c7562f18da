"""The lock on the user's face, in a drawn world: people are places, sizes and identities over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from draw_faces import face_landmarks
from vcam.errors import SwapError
from vcam.faces.landmarks import Fit
from vcam.faces.track import UserTrack
from vcam.geometry import box_of
from vcam.topology import landmarks5_from
from vcam.types import Face, Frame

FPS = 30
SHAPE = face_landmarks(100) - 50  # round its crop's centre, for a face of size 1


@dataclass
class Person:
    """Somebody in front of the camera.

    Attributes:
        identity: which axis of the identity space.
        place: frame index -> (x, y) of the face's centre in px, or None while out of sight.
        size: frame index -> face size, 1 is a crop of 100 px.
    """

    identity: int
    place: Callable[[int], tuple[float, float] | None]
    size: Callable[[int], float] = lambda index: 1.0

    def landmarks(self, index: int) -> np.ndarray | None:
        place = self.place(index)
        return None if place is None else (SHAPE * self.size(index) + place).astype(np.float32)


class World:
    """Real functions with the interfaces of the networks; counts how often they are asked."""

    def __init__(self, *people: Person, noise_px: float = 0.3) -> None:
        self.people = people
        self.noise_px = noise_px
        self.index = 0
        self.calls = {"detect": 0, "fit": 0, "embed": 0}
        self.random = np.random.default_rng(0)

    def seen(self) -> list[tuple[Person, np.ndarray]]:
        return [(p, points) for p in self.people if (points := p.landmarks(self.index)) is not None]

    def nearest(self, landmarks5: np.ndarray) -> tuple[Person, np.ndarray] | None:
        """The front-most person (the last in the list) whose face covers the middle of the five points."""
        centre = landmarks5.mean(0)
        for person, points in reversed(self.seen()):
            if np.linalg.norm(landmarks5_from(points).mean(0) - centre) < 20 * person.size(self.index):
                return person, points
        return None

    def tremble(self, points: np.ndarray) -> np.ndarray:
        return (points + self.random.normal(0, self.noise_px, (1, 2))).astype(np.float32)

    def detect(self, image: np.ndarray) -> tuple[Face, ...]:
        self.calls["detect"] += 1
        return tuple(Face(box_of(points), self.tremble(landmarks5_from(points)), 0.9) for _, points in self.seen())

    def fit(self, image: np.ndarray, landmarks5: np.ndarray) -> Fit:
        self.calls["fit"] += 1
        found = self.nearest(landmarks5)
        if found is None:
            return Fit(SHAPE + landmarks5.mean(0), np.zeros(3, np.float32), 0.02)
        return Fit(self.tremble(found[1]), np.zeros(3, np.float32), 0.98)

    def embed(self, image: np.ndarray, landmarks5: np.ndarray) -> np.ndarray:
        self.calls["embed"] += 1
        found = self.nearest(landmarks5)
        if found is None:
            raise SwapError("nobody there")
        vector = self.random.normal(0, 0.01, 512)
        vector[found[0].identity] += 1
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    def run(self, frames: int, track: UserTrack | None = None) -> list[int | None]:
        """Identity of the followed face in each frame; None where nobody is followed."""
        track = track or UserTrack(self.detect, self.fit, self.embed)
        image = np.zeros((480, 640, 3), np.uint8)
        followed: list[int | None] = []
        for self.index in range(frames):
            face = track.update(Frame(image, self.index, self.index / FPS))
            person = None if face is None else self.nearest(face.landmarks5)
            followed.append(None if person is None else person[0].identity)
        return followed


def still(x: float, y: float) -> Callable[[int], tuple[float, float]]:
    return lambda index: (x, y)


def alive(x: float, y: float) -> Callable[[int], tuple[float, float]]:
    """Sways slowly by 15 px."""
    return lambda index: (x + 15 * np.sin(index / 12), y + 4 * np.cos(index / 9))


def away(path: Callable[[int], tuple[float, float]], start: int, stop: int) -> Callable[[int], tuple | None]:
    return lambda index: None if start <= index < stop else path(index)


USER, OTHER = 1, 2


def walk_by(index: int) -> tuple[float, float]:
    """Crosses the picture within 4 s at the height of the user's face."""
    return (640 * index / 120 - 20, 242.0)


ROWS = {
    # name: (people in the world, frames, expected share of frames on the user, on nobody)
    "nobody": ([], 30, 0.0, 1.0),
    "one face": ([Person(USER, alive(320, 240))], 120, 1.0, 0.0),
    "passer-by behind": ([Person(OTHER, walk_by), Person(USER, alive(320, 240))], 150, 1.0, 0.0),
    "passer-by of double size at the edge": (
        [Person(USER, alive(320, 240)), Person(OTHER, away(alive(560, 240), 0, 40), lambda i: 2.0)],
        150, 1.0, 0.0,
    ),
    "five faces, the user the largest": (
        [Person(USER, alive(320, 240), lambda i: 1.5)]
        + [Person(OTHER + n, alive(80 + 130 * n, 80 if n % 2 else 420)) for n in range(4)],
        150, 1.0, 0.0,
    ),
    "lost for a second and back": ([Person(USER, away(alive(320, 240), 60, 90))], 150, 0.8, 0.2),
    "back elsewhere": (
        [Person(USER, lambda i: None if 60 <= i < 75 else (200 + 5 * np.sin(i / 9), 240) if i < 60 else (450, 200))],
        150, 0.9, 0.1,
    ),
    "size jump": ([Person(USER, alive(320, 240), lambda i: 1.0 if i < 60 else 1.9)], 150, 1.0, 0.0),
    "fast move": ([Person(USER, lambda i: (120 + 8.0 * min(i, 50), 240))], 80, 1.0, 0.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_the_user_is_followed(name: str) -> None:
    people, frames, on_user, on_nobody = ROWS[name]
    followed = World(*people).run(frames)
    assert followed.count(USER) / frames == pytest.approx(on_user, abs=0.03)
    assert followed.count(None) / frames == pytest.approx(on_nobody, abs=0.03)
    assert all(identity in (USER, None) for identity in followed)


def test_passer_by_in_front_is_not_kept() -> None:
    """Somebody walks between user and camera: at most the moment of hiding goes to them."""
    world = World(Person(USER, alive(320, 240)), Person(OTHER, walk_by))
    followed = world.run(180)
    assert followed.count(OTHER) <= 12
    assert followed[-60:].count(USER) == 60


def test_stranger_alone_has_to_wait() -> None:
    """When the user leaves and somebody else is there, the lock passes on only after the re-lock time."""
    user = Person(USER, lambda i: alive(320, 240)(i) if i < 60 else None)
    stranger = Person(OTHER, away(alive(330, 240), 0, 90))
    followed = World(user, stranger).run(60 + 9 * FPS)
    assert OTHER not in followed[: 60 + 4 * FPS]
    assert followed[-1] == OTHER


def test_poster_gives_way_to_a_moving_face() -> None:
    poster, user = Person(OTHER, still(300, 240), lambda i: 1.4), Person(USER, alive(480, 260))
    followed = World(poster, user).run(6 * FPS)
    assert followed[-1] == USER
    assert followed[4 * FPS :].count(USER) == 2 * FPS


def test_poster_never_takes_over() -> None:
    poster, user = Person(OTHER, still(150, 200), lambda i: 1.8), Person(USER, alive(320, 240), lambda i: 1.6)
    user_leaves = Person(USER, away(user.place, 120, 180), user.size)
    followed = World(poster, user_leaves).run(300)
    assert OTHER not in followed
    assert followed[-60:].count(USER) == 60


def test_networks_are_asked_seldom() -> None:
    world = World(Person(USER, alive(320, 240)))
    world.run(300)
    assert world.calls["detect"] <= 300 / 10 + 2
    assert world.calls["fit"] <= 304
    assert world.calls["embed"] <= 300 / FPS / 2 + 5


def test_curtain_is_given_up() -> None:
    """The landmark net goes on seeing a face where the detector sees none."""
    world = World(Person(USER, alive(320, 240)))
    track = UserTrack(lambda image: world.detect(image) if world.index < 30 else (), world.fit, world.embed)
    followed = world.run(90, track)
    assert followed[40] == USER
    assert followed[-1] is None


def test_drifting_fit_is_brought_back() -> None:
    """A fit that feeds on its own error grows by 2 % a frame, unless it starts from the detector's points."""
    world = World(Person(USER, still(320, 240)), noise_px=0.0)
    right = landmarks5_from((SHAPE + np.array([320, 240])).astype(np.float32))

    def fit(image: np.ndarray, landmarks5: np.ndarray) -> Fit:
        grown = float(np.ptp(landmarks5[:, 1]) / np.ptp(right[:, 1])) * 1.02
        offset = right.mean(0) - (320, 240)
        points = SHAPE * grown + right.mean(0) - offset * grown
        return Fit(points.astype(np.float32), np.zeros(3, np.float32), 0.9)

    track = UserTrack(world.detect, fit, world.embed)
    for index in range(100):
        face = track.update(Frame(np.zeros((480, 640, 3), np.uint8), index, index / FPS))
        assert face is not None
        assert np.abs(face.landmarks5 - right).max() < 15


def test_a_fit_gone_astray_gives_way_to_the_detector() -> None:
    """A fit that has settled on half the face's size, as on an eye for a face, is corrected at the next look."""
    world = World(Person(USER, still(320, 240)), noise_px=0.0)

    def fit(image: np.ndarray, landmarks5: np.ndarray) -> Fit:
        points = SHAPE + np.array([320, 240])
        share = np.ptp(landmarks5[:, 1]) / np.ptp(landmarks5_from(points.astype(np.float32))[:, 1])
        if world.index == 21:
            points = SHAPE * 0.75 + np.array([320, 240])
        elif share < 0.8:
            points = SHAPE * 0.55 + np.array([320, 240])
        return Fit(points.astype(np.float32), np.zeros(3, np.float32), 0.9)

    track = UserTrack(world.detect, fit, world.embed)
    sizes = []
    for world.index in range(60):
        face = track.update(Frame(np.zeros((480, 640, 3), np.uint8), world.index, world.index / FPS))
        assert face is not None
        sizes.append(float(np.ptp(face.landmarks5[:, 1])))
    wrong = [index for index, size in enumerate(sizes) if size < 0.9 * sizes[0]]
    assert 5 <= len(wrong) <= 10  # the frames until the next look


def test_who_the_user_is_is_known_from_the_first_frame_on() -> None:
    world = World(Person(USER, alive(320, 240)))
    world.index = 0
    face = UserTrack(world.detect, world.fit, world.embed).update(Frame(np.zeros((480, 640, 3), np.uint8), 0, 0.0))
    assert face is not None
    assert face.embedding is not None
    assert face.embedding.argmax() == USER


def test_track_id_changes_with_the_person_only() -> None:
    user = Person(USER, lambda i: None if 40 <= i < 60 or i >= 100 else alive(320, 240)(i))
    stranger = Person(OTHER, lambda i: alive(330, 240)(i) if i >= 120 else None)
    world = World(user, stranger)
    track = UserTrack(world.detect, world.fit, world.embed)
    ids = []
    for world.index in range(100 + 8 * FPS):
        face = track.update(Frame(np.zeros((480, 640, 3), np.uint8), world.index, world.index / FPS))
        ids.append(None if face is None else face.track_id)
    assert {i for i in ids[:100] if i is not None} == {1}
    assert ids[-1] == 2
