import struct
import zlib

import cv2
import numpy as np
import pytest

from vcam.errors import BadPhoto
from vcam.video.photos import find_size, read_orientation, read_photo, turn_upright
from vcam.video.scene import draw_scene

PICTURE = draw_scene(0, 96, 64)


def exif_with(orientation, order="<"):
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(order + "IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def encode(extension, image=PICTURE, orientation=None):
    if orientation is None:
        return cv2.imencode(extension, image)[1].tobytes()
    exif = np.frombuffer(exif_with(orientation), np.uint8)
    return cv2.imencodeWithMetadata(extension, image, [cv2.IMAGE_METADATA_EXIF], [exif])[1].tobytes()


@pytest.fixture
def save(tmp_path):
    def write(data, name="photo.jpg"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.mark.parametrize(("extension", "error"), [(".jpg", 3), (".png", 0), (".webp", 3), (".bmp", 0)])
def test_reading(extension, error, save):
    image = read_photo(save(encode(extension), "foto ünï 写真" + extension))
    assert image.dtype == np.uint8
    assert np.abs(image.astype(int) - PICTURE).mean() <= error


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone_as_opencv_undoes_it(extension, orientation, save):
    data = encode(extension, orientation=orientation)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    image = read_photo(save(data))
    assert image.shape == ((96, 64, 3) if orientation >= 5 else (64, 96, 3))
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_transparent_parts_become_white_and_stay_upright(save):
    half = np.dstack([PICTURE, np.full((64, 96), 255, np.uint8)])
    half[:, :48, 3] = 0
    image = read_photo(save(encode(".png", half, orientation=6)))
    assert np.array_equal(image, turn_upright(np.where(half[..., 3:] > 0, PICTURE, 255).astype(np.uint8), 6))


@pytest.mark.parametrize("kind", ["grey", "16 bit"])
def test_other_depths_become_bgr(kind, save):
    stored = PICTURE[..., 0] if kind == "grey" else PICTURE.astype(np.uint16) * 257
    expected = cv2.cvtColor(PICTURE[..., 0], cv2.COLOR_GRAY2BGR) if kind == "grey" else PICTURE
    assert np.array_equal(read_photo(save(encode(".png", stored))), expected)


def huge_png():
    """A PNG of 20000 x 20000 px that takes a few bytes."""
    head = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + encode(".png")[33:]
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"not a picture at all, only words" * 10, "is not a JPEG, PNG, WebP or BMP"),
        (encode(".jpg")[:3], "is not a JPEG"),
        (encode(".png")[:60], "is damaged"),
        (encode(".jpg")[: len(encode(".jpg")) // 2], "is damaged"),
        (encode(".webp")[:40], "is damaged"),
        (huge_png(), "is too large with 20000x20000 px"),
        (b"GIF89a" + bytes(100), "is not a JPEG"),
    ],
    ids=["empty", "text", "head only", "short PNG", "short JPEG", "short WebP", "huge", "GIF"],
)
def test_bad_photo_is_refused_in_one_sentence(data, reason, save):
    with pytest.raises(BadPhoto, match=reason) as error:
        read_photo(save(data))
    assert str(error.value).startswith("photo.jpg")
    assert "\n" not in str(error.value)


def test_missing_photo_and_folder(tmp_path):
    for path in (tmp_path / "nobody.jpg", tmp_path):
        with pytest.raises(BadPhoto, match=r"No such file|Is a directory|Permission"):
            read_photo(path)


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".bmp"])
def test_size_is_read_without_decoding(extension):
    assert find_size(encode(extension)) == (96, 64)


def test_size_of_lossless_webp():
    lossless = cv2.imencode(".webp", PICTURE, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    assert find_size(lossless) == (96, 64)


@pytest.mark.parametrize(
    ("exif", "orientation"),
    [
        (exif_with(6), 6),
        (exif_with(8, ">"), 8),
        (b"Exif\0\0" + exif_with(3), 3),
        (exif_with(99), 1),
        (exif_with(6)[:12], 1),
        (b"", 1),
        (b"nonsense", 1),
    ],
)
def test_orientation_in_exif(exif, orientation):
    assert read_orientation(exif) == orientation


def test_any_damage_gives_a_picture_or_the_one_error(save):
    chance = np.random.default_rng(5)
    for extension in (".jpg", ".png", ".webp", ".bmp"):
        whole = encode(extension)
        for _ in range(25):
            data = bytearray(whole)
            for at in chance.integers(0, len(data), 8):
                data[at] = chance.integers(256)
            try:
                image = read_photo(save(bytes(data)))
            except BadPhoto:
                continue
            assert image.dtype == np.uint8
            assert image.ndim == 3
