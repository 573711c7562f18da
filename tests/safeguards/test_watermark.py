import cv2
import numpy as np
import pytest

from safeguards.moving_picture import frames, luma_frames
from vcam.safeguards.verify import FALSE_ALARMS, Verdict, least_z, verify
from vcam.safeguards.watermark import Marker
from vcam.safeguards.watermark_code import Kind
from vcam.safeguards.watermark_reader import WHOLE_TESTS

NOW = 1_795_000_000.0


def marked(count, **options):
    marker = Marker(0xABCDEF, Kind.CAMERA, lambda: NOW)
    for plane in luma_frames(count, **options):
        marker.mark_luma(plane)
        yield plane


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


def jpeg(plane, quality):
    return cv2.imdecode(cv2.imencode(".jpg", plane, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def shrunk(plane):
    return cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


CHANGES = {
    "untouched": lambda plane: plane,
    "mirrored": lambda plane: np.ascontiguousarray(plane[:, ::-1]),
    "brighter": lambda plane: cv2.add(plane, 30),
    "flatter": lambda plane: cv2.convertScaleAbs(plane, alpha=0.7, beta=20),
    "blurred": lambda plane: cv2.GaussianBlur(plane, (0, 0), 1.5),
    "half size": shrunk,
    "jpeg 40": lambda plane: jpeg(plane, 40),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_mark_is_read_back(change):
    finding = verify((CHANGES[change](plane) for plane in marked(30)), search_too=False)
    assert finding.verdict is Verdict.PRESENT
    assert finding.payload.session == 0xABCDEF
    assert finding.payload.kind is Kind.CAMERA
    assert finding.payload.time().timestamp() <= NOW < finding.payload.time().timestamp() + 3600
    assert finding.false_alarm < FALSE_ALARMS
    assert finding.place.mirrored == (change == "mirrored")


def test_the_mark_cannot_be_seen():
    pairs = list(zip(luma_frames(12), marked(12), strict=True))
    assert min(psnr(*pair) for pair in pairs) >= 45
    assert max(int(cv2.absdiff(*pair).max()) for pair in pairs) <= 2


@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_the_mark_fades_where_the_picture_moves_and_not_where_the_camera_is_noisy(noise):
    pairs = zip(luma_frames(40, noise=noise), marked(40, noise=noise), strict=True)
    added = np.mean([cv2.absdiff(*pair) for pair in list(pairs)[20:]], 0)
    moving, still = added[120:240, 280:360].mean(), added[:, 460:].mean()  # within the textured block; beside it
    assert still >= 0.3
    assert moving <= 0.4 * still


def test_colour_pictures_carry_it_too():
    marker = Marker(5, Kind.PHOTO, lambda: NOW)
    picture = next(frames(1, size_wh=(800, 600)))
    marker.mark_bgr(picture)
    finding = verify([cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)], still=True, search_too=False)
    assert finding.payload.session == 5
    assert finding.payload.kind is Kind.PHOTO


def test_a_new_size_in_mid_stream_is_marked_at_once():
    marker = Marker(9, Kind.CAMERA, lambda: NOW)
    for size_wh in ((640, 360), (320, 240), (640, 480)):
        plane = next(luma_frames(1, size_wh=size_wh))
        marker.mark_luma(plane)
        assert verify([plane], still=True, search_too=False).verdict is Verdict.PRESENT


def test_a_swap_that_starts_late_is_found():
    plain = luma_frames(320, size_wh=(320, 180))
    finding = verify((p for part in (plain, marked(40, size_wh=(320, 180), seed=3)) for p in part), search_too=False)
    assert finding.verdict is Verdict.PRESENT
    assert finding.frames_read > 320


@pytest.mark.parametrize(
    ("planes", "verdict", "word"),
    [
        (lambda: luma_frames(40), Verdict.NOT_FOUND, "does not mean"),
        (lambda: luma_frames(10), Verdict.CANNOT_TELL, "too short"),
        (lambda: luma_frames(40, size_wh=(240, 136)), Verdict.CANNOT_TELL, "too small"),
        (lambda: iter(()), Verdict.CANNOT_TELL, "no picture"),
    ],
)
def test_what_is_said_without_a_mark(planes, verdict, word):
    finding = verify(planes(), search_too=False)
    assert finding.verdict is verdict
    assert word in finding.reason
    assert "real" not in finding.reason
    assert finding.payload is None


@pytest.mark.parametrize("bad", [np.zeros((80, 160), np.uint8), np.zeros((360, 159), np.uint8)])
def test_a_picture_that_is_too_small_is_refused(bad):
    with pytest.raises(ValueError, match="too small"):
        Marker(1, Kind.CAMERA).mark_luma(bad)


def test_a_read_only_picture_is_refused():
    plane = np.zeros((360, 640), np.uint8)
    plane.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        Marker(1, Kind.CAMERA).mark_luma(plane)


def test_all_looks_together_keep_to_the_budget():
    spent = sum(
        WHOLE_TESTS * np.exp(-(least_z(WHOLE_TESTS, look, readable=False) ** 2) / 2) for look in range(1, 10_000)
    )
    assert spent <= FALSE_ALARMS
    assert least_z(WHOLE_TESTS, 1, readable=True) < least_z(WHOLE_TESTS, 1, readable=False)


SEARCHES = {
    "crop": lambda plane: plane[36:324, 60:572],
    "square": lambda plane: plane[:, 140:500],
    "letterbox": lambda plane: cv2.copyMakeBorder(plane, 60, 60, 0, 0, cv2.BORDER_CONSTANT, value=16),
}


@pytest.mark.slow
@pytest.mark.parametrize("change", SEARCHES)
def test_the_search_finds_it_in_a_part_of_the_picture(change):
    finding = verify(np.ascontiguousarray(SEARCHES[change](plane)) for plane in marked(30))
    assert finding.verdict is Verdict.PRESENT
    assert finding.payload.session == 0xABCDEF
