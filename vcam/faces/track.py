"""Following the user's face: one lock that a poster, a passer-by or a second head does not take over.

A state machine without a clock, a camera or a network of its own: the frame brings the time, the networks come
as functions. Per frame it costs one landmark fit; the detector runs every tenth frame, the embedder every two
seconds, and both at once when something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vcam.errors import SwapError
from vcam.faces.landmarks import Fit
from vcam.faces.smooth import LandmarkSmoother
from vcam.geometry import box_of, cosine_similarity
from vcam.topology import landmarks5_from
from vcam.types import Embedding, Face, Frame, Image, Points

Detect = Callable[[Image], tuple[Face, ...]]
FitLandmarks = Callable[[Image, Points], Fit]
Embed = Callable[[Image, Points], Embedding]


@dataclass(frozen=True, slots=True)
class TrackPolicy:
    """When to look, whom to keep. "Size" is a face's size as ``_size_px`` measures it, about half the eye distance.

    Attributes:
        detect_every: frames between two looks with the detector while all is well.
        min_visibility: 0..1; a fit below it is no face.
        max_misses: looks in a row that find nobody at the tracked place before the lock is given up: the
            landmark net can go on fitting a face to a curtain.
        max_jump: distance in sizes that one face can lie from where it was expected.
        max_drift: distance in sizes between a fitted point and the detector's from which the fit starts afresh
            at the detector's: a fit feeds on the last one, and could go on being wrong.
        max_gap_s: the expected place is not carried on for longer than this.
        crossing: distance in sizes at which another face may be taken for the user's: identity is checked.
        max_growth: ratio by which one face can change its size between two looks.
        embed_every_s: between two identity checks.
        learn_count: checks right after the lock that make the user's identity.
        learn_every_s: between these.
        max_embed_yaw_deg: an embedding of a face turned further says little.
        same_person: cosine from which a face is the user (two photos of one person: 0.67 in the mean, frames of one
            clip far more; 1 in 100 pairs of strangers reaches it).
        other_person: cosine below which the tracked face is somebody else, at least in this frame.
        max_strikes: checks in a row that say so before the lock is given up.
        relock_s: for so long after a loss only the same person gets the lock back; then anybody may.
        max_candidates: faces that are compared with the user in one frame, the largest ones.
        moved: displacement in sizes that shows a face to be alive; pictures tremble by a tenth of it.
        still_s: a lock that has not moved for so long is a picture, if somebody else moves.
        min_rival: size of that somebody, relative to the picture.
    """

    detect_every: int = 10
    min_visibility: float = 0.5
    max_misses: int = 3
    max_jump: float = 1.5
    max_drift: float = 0.5
    max_gap_s: float = 0.2
    crossing: float = 4.0
    max_growth: float = 1.6
    embed_every_s: float = 2.0
    learn_count: int = 3
    learn_every_s: float = 0.3
    max_embed_yaw_deg: float = 30.0
    same_person: float = 0.3
    other_person: float = 0.18
    max_strikes: int = 3
    relock_s: float = 5.0
    max_candidates: int = 3
    moved: float = 0.3
    still_s: float = 2.0
    min_rival: float = 0.5


@dataclass(slots=True)
class _Lock:
    """What is known of the face that is followed now."""

    landmarks5: Points
    seen_at: float
    first_landmarks5: Points
    locked_at: float
    velocity: Points  # px / s, common to the five points: (1, 2)
    checked_at: float = -np.inf
    frames_since_look: int = 0
    misses: int = 0
    strikes: int = 0
    has_moved: bool = False


@dataclass(slots=True)
class _Rival:
    """Another face, remembered only as long as the lock has not been seen to move."""

    first_landmarks5: Points
    landmarks5: Points


class UserTrack:
    """Follows one face, the user's.

    Args:
        detect: all faces of an image, the surest first.
        fit: dense landmarks of the face near five points.
        embed: identity of the face at five points; its ``SwapError`` means "cannot tell".
        policy: the numbers.

    Attributes:
        fit: the last fit of the user's face, unsmoothed; None while nobody is followed.
    """

    def __init__(self, detect: Detect, fit: FitLandmarks, embed: Embed, policy: TrackPolicy | None = None) -> None:
        self._detect, self._fit_landmarks, self._embed = detect, fit, embed
        self._policy = policy or TrackPolicy()
        self._smooth = LandmarkSmoother()
        self._lock: _Lock | None = None
        self._rivals: list[_Rival] = []
        self._identity: Embedding | None = None
        self._learnt = 0
        self._lost_at = -np.inf
        self._track_id = 0
        self.fit: Fit | None = None

    def update(self, frame: Frame) -> Face | None:
        """The user's face in this frame, or None. Frames come in order; some may be missing.

        Raises:
            SwapError: a network failed.
        """
        fit = self._follow(frame) if self._lock else None
        if self._lock and (fit is None or self._lock.frames_since_look >= self._policy.detect_every):
            fit = self._look(frame, fit)
        if self._lock and fit is not None:
            fit = self._check_identity(frame, fit)
        if self._lock is None:
            fit = self._search(frame)
            if fit is not None:
                fit = self._check_identity(frame, fit)  # what is worn depends on the wearer, from the first frame on
        if self._lock is None or fit is None:
            self.fit = None
            return None
        return self._remember(frame, self._lock, fit)

    # One frame of an existing lock.

    def _follow(self, frame: Frame) -> Fit | None:
        """Fit the landmarks where the face is expected now."""
        lock = self._locked()
        step_s = min(frame.captured_at - lock.seen_at, self._policy.max_gap_s)
        expected = (lock.landmarks5 + lock.velocity * step_s).astype(np.float32)
        lock.frames_since_look += 1
        return self._try_fit(frame.image, expected)

    def _try_fit(self, image: Image, landmarks5: Points) -> Fit | None:
        """A fit that is a face, near and of the size of the one that was asked for."""
        fit = self._fit_landmarks(image, landmarks5)
        if not np.isfinite(fit.landmarks).all() or not fit.visibility >= self._policy.min_visibility:
            return None
        return fit if self._is_same_place(landmarks5, landmarks5_from(fit.landmarks)) else None

    def _fit_afresh(self, image: Image, landmarks5: Points) -> Fit | None:
        """A fit from the detector's points: twice, since these are rough and the first fit is the better start."""
        first = self._try_fit(image, landmarks5)
        return self._try_fit(image, landmarks5_from(first.landmarks)) if first else None

    def _look(self, frame: Frame, fit: Fit | None) -> Fit | None:
        """Compare the lock with what the detector sees; take up the face again if the fit was lost."""
        lock = self._locked()
        lock.frames_since_look = 0
        faces = self._detect(frame.image)
        here = lock.landmarks5 if fit is None else landmarks5_from(fit.landmarks)
        near = [face for face in faces if self._is_same_place(here, face.landmarks5)]
        own = min(near, key=lambda face: _distance_px(face.landmarks5, here), default=None)
        if own is None:
            fit = self._settle_clash(frame, here, faces, fit)
        if fit is None:
            known = own is not None and self._likeness(frame.image, own.landmarks5) >= self._policy.other_person
            fit = self._fit_afresh(frame.image, own.landmarks5) if own and known else None
            if fit is None:
                self._give_up(frame)
            return fit
        lock.misses = 0 if own else lock.misses + 1
        if lock.misses >= self._policy.max_misses:
            self._give_up(frame)
            return None
        if own and _moved_sizes(own.landmarks5, here) > self._policy.max_drift:
            fit = self._fit_afresh(frame.image, own.landmarks5) or fit
        others = [face for face in faces if face is not own]
        if any(_distance_px(face.landmarks5, here) < self._policy.crossing * _size_px(here) for face in others):
            lock.checked_at = -np.inf
        return self._prefer_the_living(frame, fit, others)

    def _settle_clash(self, frame: Frame, here: Points, faces: tuple[Face, ...], fit: Fit | None) -> Fit | None:
        """A face of quite another size at the tracked place: the fit has gone astray, and the detector is believed."""
        for face in faces:
            reach = self._policy.max_jump * max(_size_px(here), _size_px(face.landmarks5))
            if _distance_px(here, face.landmarks5) <= reach:
                return self._fit_afresh(frame.image, face.landmarks5)
        return fit

    def _prefer_the_living(self, frame: Frame, fit: Fit, others: list[Face]) -> Fit | None:
        """Leave a lock that has never moved (a picture) for a face of fair size that moves."""
        lock, policy = self._locked(), self._policy
        if lock.has_moved:
            self._rivals = []
            return fit
        known = self._rivals
        self._rivals = []
        for face in others:
            before = next((r for r in known if self._is_same_place(r.landmarks5, face.landmarks5)), None)
            first = before.first_landmarks5 if before else face.landmarks5
            self._rivals.append(_Rival(first, face.landmarks5))
            alive = _moved_sizes(first, face.landmarks5) > policy.moved
            fair = _size_px(face.landmarks5) >= policy.min_rival * _size_px(lock.landmarks5)
            if alive and fair and frame.captured_at - lock.locked_at >= policy.still_s:
                self._forget()
                return self._start(frame, face.landmarks5)
        return fit

    def _check_identity(self, frame: Frame, fit: Fit) -> Fit | None:
        """Now and then, see whether the followed face is still the user; learn the user's identity at first."""
        lock, policy = self._locked(), self._policy
        learning = self._learnt < policy.learn_count
        wait_s = 0.0 if lock.strikes else policy.learn_every_s if learning else policy.embed_every_s
        turned = abs(float(fit.pose[0])) > policy.max_embed_yaw_deg
        if turned or frame.captured_at - lock.checked_at < wait_s:
            return fit
        lock.checked_at = frame.captured_at
        embedding = self._try_embed(frame.image, landmarks5_from(fit.landmarks))
        if embedding is None:
            return fit
        likeness = 1.0 if self._identity is None else cosine_similarity(embedding, self._identity)
        lock.strikes = lock.strikes + 1 if likeness < policy.other_person else 0
        if lock.strikes >= policy.max_strikes:
            self._give_up(frame)
            return None
        if likeness >= policy.same_person:
            self._learn(embedding)
        return fit

    def _likeness(self, image: Image, landmarks5: Points) -> float:
        """Cosine between the face at these points and the user; 1 while the user is unknown, -1 if unreadable."""
        if self._identity is None:
            return 1.0
        embedding = self._try_embed(image, landmarks5)
        return -1.0 if embedding is None else cosine_similarity(embedding, self._identity)

    def _learn(self, embedding: Embedding) -> None:
        """Fold one more look at the user into the mean, which later looks change only slowly."""
        self._learnt += 1
        weight = 1 / min(self._learnt, 10)
        mean = embedding if self._identity is None else (1 - weight) * self._identity + weight * embedding
        self._identity = np.asarray(mean / np.linalg.norm(mean), np.float32)

    def _try_embed(self, image: Image, landmarks5: Points) -> Embedding | None:
        try:
            return self._embed(image, landmarks5)
        except SwapError:
            return None  # cannot tell who it is: neither for nor against the lock

    # Without a lock.

    def _search(self, frame: Frame) -> Fit | None:
        """Lock on the user if still remembered, else on the largest, most central face."""
        faces = self._detect(frame.image)
        if self._identity is not None and frame.captured_at - self._lost_at > self._policy.relock_s:
            self._forget()
        height, width = frame.image.shape[:2]
        ranked = sorted(faces, key=lambda face: -_prominence(face.landmarks5, width, height))
        for face in ranked[: self._policy.max_candidates]:
            if self._likeness(frame.image, face.landmarks5) < self._policy.same_person:
                continue
            fit = self._start(frame, face.landmarks5)
            if fit is not None:
                return fit
        return None

    def _start(self, frame: Frame, landmarks5: Points) -> Fit | None:
        """Lock on the face at these points, if the landmarks can be fitted there."""
        fit = self._fit_afresh(frame.image, landmarks5)
        if fit is None:
            return None
        points = landmarks5_from(fit.landmarks)
        self._lock = _Lock(points, frame.captured_at, points, frame.captured_at, np.zeros((1, 2), np.float32))
        self._rivals = []
        self._smooth = LandmarkSmoother()
        self._track_id += self._identity is None
        return fit

    def _give_up(self, frame: Frame) -> None:
        self._lock = None
        self._lost_at = frame.captured_at

    def _forget(self) -> None:
        """Whoever comes next may be anybody."""
        self._lock = None
        self._identity = None
        self._learnt = 0

    # What leaves.

    def _remember(self, frame: Frame, lock: _Lock, fit: Fit) -> Face:
        self.fit = fit
        points = landmarks5_from(fit.landmarks)
        step_s = frame.captured_at - lock.seen_at
        if step_s > 0:
            velocity = (points.mean(0) - lock.landmarks5.mean(0))[None] / step_s
            lock.velocity = (0.5 * lock.velocity + 0.5 * velocity).astype(np.float32)
        lock.landmarks5, lock.seen_at = points, frame.captured_at
        lock.has_moved |= _moved_sizes(lock.first_landmarks5, points) > self._policy.moved
        landmarks = self._smooth(fit.landmarks, frame.captured_at)
        face = Face(box_of(landmarks), landmarks5_from(landmarks), fit.visibility, landmarks)
        return replace(face, track_id=self._track_id, embedding=self._identity)

    def _locked(self) -> _Lock:
        if self._lock is None:
            raise RuntimeError("no face is locked")
        return self._lock

    def _is_same_place(self, here: Points, there: Points) -> bool:
        growth = _size_px(there) / _size_px(here)
        if not 1 / self._policy.max_growth <= growth <= self._policy.max_growth:
            return False
        return _distance_px(here, there) <= self._policy.max_jump * _size_px(here)


def _size_px(landmarks5: Points) -> float:
    """Root mean square distance of the five points from their centre; at least a thousandth of a px."""
    return max(float(np.sqrt(((landmarks5 - landmarks5.mean(0)) ** 2).sum(1).mean())), 1e-3)


def _distance_px(a: Points, b: Points) -> float:
    return float(np.linalg.norm(a.mean(0) - b.mean(0)))


def _moved_sizes(first: Points, now: Points) -> float:
    """The largest displacement of the five points, in sizes."""
    return float(np.linalg.norm(now - first, axis=1).max()) / _size_px(first)


def _prominence(landmarks5: Points, width: int, height: int) -> float:
    """Size in px, halved at the picture's corner."""
    off_centre = np.linalg.norm((landmarks5.mean(0) - (width / 2, height / 2)) / (width / 2, height / 2)) / np.sqrt(2)
    return _size_px(landmarks5) * (1 - 0.5 * float(off_centre))
