"""The mark survives a real video call: WebRTC in Chromium, recorded at the far end."""

import sys

import cv2
import pytest

from rigs.call import record_call, write_y4m
from rigs.requirements import need_programs
from safeguards.moving_picture import frames
from vcam.safeguards.verify import Verdict, verify
from vcam.safeguards.watermark import Marker
from vcam.safeguards.watermark_code import Kind
from vcam.video.files import read_video

pytestmark = [
    pytest.mark.device,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="the rig starts Debian's chromium"),
]
KBPS, SECONDS, SESSION = 600, 10, 0x5EED01


def marked_frames(count):
    marker = Marker(SESSION, Kind.CAMERA)
    for picture in frames(count, size_wh=(1280, 720)):
        i420 = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
        marker.mark_luma(i420[:720])
        yield i420


def test_the_mark_survives_a_call(tmp_path):
    need_programs("chromium")
    write_y4m(tmp_path / "camera.y4m", marked_frames(60))
    recording = tmp_path / "call.webm"
    recording.write_bytes(record_call(tmp_path / "camera.y4m", KBPS, SECONDS))
    sizes = []

    def planes():
        for frame, _ in read_video(recording):
            sizes.append(frame.image.shape[1::-1])
            yield cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)

    finding = verify(planes())
    print(f"call at {KBPS} kbps, {min(sizes)} to {max(sizes)} px: z {finding.z:.1f} after {finding.frames_read} frames")
    assert finding.verdict is Verdict.PRESENT
    assert finding.payload.session == SESSION
