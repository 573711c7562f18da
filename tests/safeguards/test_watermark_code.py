import numpy as np
import pytest

from vcam.safeguards import watermark_code as code
from vcam.safeguards.watermark_code import Kind, Payload
from vcam.safeguards.watermark_reader import soft_bits


def soft(bits):
    return 1.0 - 2.0 * bits


def code_of(payload):
    pattern = code.layout()
    signs = code.cells_of(payload).ravel() * pattern.sign.ravel()
    return (signs[pattern.data][: code.CODE_BITS] < 0).astype(np.uint8)


@pytest.mark.parametrize(
    "payload",
    [Payload(Kind.CAMERA, 0, 0), Payload(Kind.VIDEO, 7780, 0xABCDEF), Payload(Kind.PHOTO, 0xFFFF, 0xFFFFFF)],
)
def test_a_payload_comes_back(payload):
    assert code.payload_from(soft(code_of(payload))) == payload


def test_crc_is_the_one_of_the_standard():
    digits = np.unpackbits(np.frombuffer(b"123456789", np.uint8))
    assert int("".join(map(str, code.crc16(digits).tolist())), 2) == 0x29B1


def test_one_code_bit_in_six_may_be_wrong():
    random = np.random.default_rng(0)
    payload = Payload(Kind.CAMERA, 7780, 0x123456)
    right = sum(
        code.payload_from(soft(code_of(payload)) + random.normal(0, 0.95, code.CODE_BITS)) == payload for _ in range(50)
    )
    assert right >= 47


def test_noise_gives_no_payload():
    random = np.random.default_rng(1)
    assert all(code.payload_from(random.normal(size=code.CODE_BITS)) is None for _ in range(30))


def test_where_the_mark_was_wiped_out_the_data_count_little():
    random, pattern = np.random.default_rng(2), code.layout()
    payload = Payload(Kind.CAMERA, 7780, 0x123456)
    kept = np.arange(160 * 90) % 160 < 64  # the left of the picture; the rest moved
    right = {"weighted": 0, "alike": 0}
    for _ in range(10):
        cells = (0.24 * kept * code.cells_of(payload).ravel() + random.normal(size=kept.size)).astype(np.float32)
        signed = (cells * pattern.sign.ravel())[pattern.data]
        alike = np.bincount(np.arange(signed.size) % code.CODE_BITS, signed, code.CODE_BITS)
        right["alike"] += code.payload_from(alike) == payload
        right["weighted"] += code.payload_from(soft_bits(cells, pattern)) == payload
    assert right["weighted"] >= 8
    assert right["alike"] <= 4


def test_the_pattern_never_changes():
    pattern = code.layout()
    assert pattern.sign.shape == (90, 160)
    assert pattern.pilot.size + pattern.data.size == 90 * 160
    assert not np.intersect1d(pattern.pilot, pattern.data).size
    # written into recordings that people keep: these numbers may change only together with the version
    assert [int(pattern.sign.sum()), int(pattern.pilot[:100].sum()), int(pattern.data[:100].sum())] == [
        -100,
        14206,
        710809,
    ]


@pytest.mark.parametrize("payload", [Payload(Kind.CAMERA, 1 << 16, 0), Payload(Kind.CAMERA, 0, 1 << 24)])
def test_a_field_that_does_not_fit_is_refused(payload):
    with pytest.raises(ValueError, match="does not fit"):
        code.cells_of(payload)
