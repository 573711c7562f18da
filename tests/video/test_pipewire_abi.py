"""The parameter format against bytes written down from PipeWire's own tools, and its reading back."""

import ctypes
import struct
from fractions import Fraction

import pytest

from vcam.video import pipewire_abi as abi


def words(*values):
    return struct.pack(f"<{len(values)}I", *values)


def test_a_format_object_word_by_word():
    pod = abi.enum_format("BGRA", 640, 360, Fraction(30000, 1001))
    assert pod == words(
        *(0x80, 15, 0x40003, 3),  # size of the body, Object, Format, EnumFormat
        *(1, 0, 4, 3, 2, 0),  # mediaType: Id video, padding
        *(2, 0, 4, 3, 1, 0),  # mediaSubtype: Id raw
        *(0x20001, 0, 4, 3, 12, 0),  # format: BGRA
        *(0x20003, 0, 8, 10, 640, 360),  # size: Rectangle
        *(0x20004, 0, 8, 11, 30000, 1001),  # framerate: Fraction
    )


def test_i420_says_its_matrix_and_range():
    pod = abi.enum_format("I420", 640, 360, Fraction(30))
    assert pod.endswith(words(0x2000C, 0, 4, 3, 2, 0) + words(0x2000D, 0, 4, 3, 4, 0))  # 16..235, BT.601


@pytest.mark.parametrize("layout", ["I420", "BGRA"])
def test_the_chosen_layout_is_read_back(layout):
    pod = abi.enum_format(layout, 640, 360, Fraction(30))
    memory = ctypes.create_string_buffer(pod, len(pod))
    assert abi.chosen_layout(ctypes.addressof(memory)) == layout


@pytest.mark.parametrize(("number", "layout"), [(2, "I420"), (12, "BGRA"), (23, None)])
def test_a_choice_of_one_is_read_like_its_value(number, layout):
    choice = words(20, 19) + words(0, 0, 4, 3, number, 0)  # size, Choice; kind None, flags, size, Id, value
    pod = words(8 + 24 + 8 + 32, 15, 0x40003, 4) + words(1, 0, 4, 3, 2, 0) + words(0x20001, 0) + choice
    memory = ctypes.create_string_buffer(pod, len(pod))
    assert abi.chosen_layout(ctypes.addressof(memory)) == layout


def test_a_format_without_a_layout():
    pod = words(8 + 24, 15, 0x40003, 4) + words(1, 0, 4, 3, 2, 0)
    memory = ctypes.create_string_buffer(pod, len(pod))
    assert abi.chosen_layout(ctypes.addressof(memory)) is None


def test_a_pod_array_points_at_its_pods():
    array = abi.PodArray(abi.pod_int(7), abi.pod_id(8))
    assert array.count == 2
    assert [ctypes.string_at(pointer + 8, 4) for pointer in array.pointers] == [words(7), words(8)]
