"""Make the actor: a head of nobody who speaks, blinks and looks about, as a film that loops without a seam.

    python scripts/make_actor.py [--film models/actor.mp4] [--photo models/actor.jpg]

The demo, the benchmark, the tests and ``--camera synthetic`` need somebody before the camera, and the repository holds
no picture of a real person. The face is ``scripts/actor/portrait.png``, which is nobody's; hair, clothes, eyeballs,
mouth, room and every movement are drawn by the code in ``scripts/actor``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from actor.motion import LOOP_S, moment_at
from actor.person import paint_person
from actor.stage import Stage
from tqdm import tqdm

from vcam.types import Image

HERE = Path(__file__).resolve().parent
MODELS = HERE.parent / "models"
WIDTH, HEIGHT, FPS = 1280, 720, 30
PHOTO_AT_S = 5.3  # a smile
PHOTO_SIDE_PX = 640
QUALITY = {"crf": "21", "preset": "slower"}  # x264: about 500 kB
_BT709, _VIDEO_RANGE = 1, 1  # code points of ITU-T H.273


def main() -> None:
    """Write the film and the photo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--film", type=Path, default=MODELS / "actor.mp4")
    parser.add_argument("--photo", type=Path, default=MODELS / "actor.jpg")
    options = parser.parse_args()
    portrait = cv2.imread(str(HERE / "actor" / "portrait.png"))
    landmarks = np.loadtxt(HERE / "actor" / "portrait.csv", np.float32, delimiter=",")
    stage = Stage(paint_person(portrait, landmarks), WIDTH, HEIGHT)
    write_photo(options.photo, stage.show(moment_at(PHOTO_AT_S)))
    write_film(options.film, (stage.show(moment_at(n / FPS)) for n in tqdm(range(round(LOOP_S * FPS)), unit="picture")))


def write_photo(path: Path, image: Image) -> None:
    """The square round the actor's head and shoulders, as JPEG."""
    left = (WIDTH - PHOTO_SIDE_PX) // 2
    square = image[HEIGHT - PHOTO_SIDE_PX - 40 : HEIGHT - 40, left : left + PHOTO_SIDE_PX]
    path.write_bytes(cv2.imencode(".jpg", square, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes())


def write_film(path: Path, images: Iterator[Image]) -> None:
    """H.264, small, marked as BT.709."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options=QUALITY)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = stream.codec_context
        context.color_range = _VIDEO_RANGE
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        for image in images:
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
