import cv2
import numpy as np
import pytest

from vcam.types import VideoMode
from vcam.video.v4l2_formats import DECODERS, BrokenPicture, Layout, Offer, Range, choose_offer

HD = VideoMode(1280, 720, 30)
WIDTH, HEIGHT = 64, 48

CHOICES = [
    ("MJPG before raw", HD, [("YUYV", 1280, 720, 30), ("MJPG", 1280, 720, 30)], 1),
    ("full rate before raw", HD, [("YUYV", 1280, 720, 10), ("MJPG", 1280, 720, 30)], 1),
    ("YUYV before NV12", HD, [("NV12", 1280, 720, 30), ("YUYV", 1280, 720, 30)], 1),
    ("NV12 before BGR3", HD, [("BGR3", 1280, 720, 30), ("NV12", 1280, 720, 30)], 1),
    ("size before format", HD, [("MJPG", 640, 480, 30), ("YUYV", 1280, 720, 30)], 1),
    ("nearest size", HD, [("MJPG", 640, 480, 30), ("MJPG", 1920, 1080, 30), ("MJPG", 1024, 576, 30)], 2),
    ("faster before slower", HD, [("MJPG", 1280, 720, 25), ("MJPG", 1280, 720, 60)], 1),
    ("least too fast", HD, [("MJPG", 1280, 720, 120), ("MJPG", 1280, 720, 60)], 1),
    ("29.97 is 30", HD, [("YUYV", 1280, 720, 30), ("MJPG", 1280, 720, 29.97)], 1),
    ("rate not told", HD, [("YUYV", 1280, 720, 10), ("YU12", 1280, 720, 0)], 1),
    ("what cannot be decoded", HD, [("H264", 1280, 720, 30), ("YUYV", 320, 240, 5)], 1),
]


@pytest.mark.parametrize(("asked", "offers", "best"), [row[1:] for row in CHOICES], ids=[row[0] for row in CHOICES])
def test_choice(asked, offers, best):
    listed = [Offer(*offer) for offer in offers]
    assert choose_offer(listed, asked) == listed[best]
    assert choose_offer(listed[::-1], asked) == listed[best]


def test_nothing_to_choose():
    assert choose_offer([Offer("H264", 1280, 720, 30), Offer("GREY", 640, 480, 30)], HD) is None


@pytest.mark.parametrize(
    ("least", "most", "step", "asked", "given"),
    [
        (2, 8192, 1, 720, 720),
        (160, 640, 16, 720, 640),
        (160, 640, 16, 10, 160),
        (160, 640, 16, 201, 208),
        (5, 5, 0, 9, 5),
    ],
)
def test_range_gives_the_nearest_accepted_value(least, most, step, asked, given):
    assert Range(least, most, step).nearest(asked) == given


def pack_422(image, conversion):
    return cv2.cvtColor(image, conversion).reshape(HEIGHT, -1)


def pack_nv12(image):
    planes = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    luma, chroma = planes[: WIDTH * HEIGHT], planes[WIDTH * HEIGHT :].reshape(2, -1)
    return np.concatenate([luma, chroma.T.reshape(-1)]).reshape(-1, WIDTH)


PACKERS = {
    "YUYV": lambda image: pack_422(image, cv2.COLOR_BGR2YUV_YUY2),
    "UYVY": lambda image: pack_422(image, cv2.COLOR_BGR2YUV_UYVY),
    "NV12": pack_nv12,
    "BGR3": lambda image: image.reshape(HEIGHT, -1),
    "RGB3": lambda image: image[..., ::-1].reshape(HEIGHT, -1),
}


@pytest.fixture(scope="module")
def smooth():
    """A picture of slopes, of which halved colour planes lose nothing."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([40 + 2 * x, 60 + 2 * y, 200 - x - y], axis=2).astype(np.uint8)


@pytest.mark.parametrize("padding", [0, 32])
@pytest.mark.parametrize("fourcc", PACKERS)
def test_raw_format_gives_the_picture_back(fourcc, padding, smooth):
    rows = np.pad(PACKERS[fourcc](smooth), ((0, 0), (0, padding)))
    image = DECODERS[fourcc](rows.reshape(-1), Layout(WIDTH, HEIGHT, rows.shape[1]))
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(image.astype(int) - smooth).max() <= 6


def test_yu12_gives_the_picture_back_with_padded_lines(smooth):
    planes = cv2.cvtColor(smooth, cv2.COLOR_BGR2YUV_I420).reshape(-1)
    luma = np.pad(planes[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH), ((0, 0), (0, 32)))
    chroma = np.pad(planes[WIDTH * HEIGHT :].reshape(HEIGHT, WIDTH // 2), ((0, 0), (0, 16)))
    data = np.concatenate([luma.reshape(-1), chroma.reshape(-1)])
    image = DECODERS["YU12"](data, Layout(WIDTH, HEIGHT, WIDTH + 32))
    assert np.abs(image.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize("fourcc", [name for name in DECODERS if name not in ("MJPG", "JPEG")])
def test_short_raw_buffer_is_broken(fourcc):
    with pytest.raises(BrokenPicture):
        DECODERS[fourcc](np.zeros(WIDTH * HEIGHT // 2, np.uint8), Layout(WIDTH, HEIGHT, WIDTH * 2))


def encode_jpeg(image):
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].reshape(-1)


def without_tables(jpeg):
    """Leave out the Huffman tables, as many webcams do."""
    data, at = jpeg.tobytes(), 2
    kept = data[:2]
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big") + 2
        kept += b"" if data[at + 1] == 0xC4 else data[at : at + length]
        at += length
    return np.frombuffer(kept + data[at:], np.uint8)


@pytest.mark.parametrize("prepare", [lambda jpeg: jpeg, without_tables], ids=["plain", "without Huffman tables"])
def test_mjpg_is_decoded(prepare, smooth):
    image = DECODERS["MJPG"](prepare(encode_jpeg(smooth)), Layout(WIDTH, HEIGHT, 0))
    assert np.abs(image.astype(int) - smooth).max() <= 12


@pytest.mark.parametrize(
    "damage",
    [
        lambda jpeg: jpeg[: len(jpeg) // 2],
        lambda jpeg: jpeg[:0],
        lambda jpeg: np.zeros(5000, np.uint8),
        lambda jpeg: encode_jpeg(np.zeros((HEIGHT, WIDTH // 2, 3), np.uint8)),
    ],
    ids=["cut off", "empty", "zeros", "another size"],
)
def test_damaged_mjpg_is_broken(damage, smooth):
    with pytest.raises(BrokenPicture):
        DECODERS["MJPG"](damage(encode_jpeg(smooth)), Layout(WIDTH, HEIGHT, 0))
