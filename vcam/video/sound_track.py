"""The sound of one video, carried over to another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer

from vcam.errors import BadVideo

_COPIED = {  # what players expect in a container; everything else is encoded anew
    "mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"},
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"},
    "matroska": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac", "vorbis", "pcm_s16le", "pcm_s24le"},
}
_AAC_FRAME = 1024  # samples


class SoundTrack:
    """Writes the first sound stream of a file into a container, in step with the pictures.

    Packets are copied as they are; only what the container cannot hold is encoded anew, as AAC. A file without sound
    gives a track that writes nothing.
    """

    def __init__(self, path: Path, target: OutputContainer) -> None:
        """Open the file and add a stream to the container, before its first packet is written.

        Raises:
            BadVideo: the file cannot be read.
        """
        self._target = target
        try:
            self._source = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            raise BadVideo(f"the sound of {path} cannot be read: {error}") from error
        self._packets: Iterator[Any] = iter(())
        self._next: Any = None
        self._copies = True
        if not self._source.streams.audio:
            return
        sound = self._source.streams.audio[0]
        self._starts_at = Fraction(self._source.start_time or 0, av.time_base)
        self._copies = sound.codec_context.codec.canonical_name in _COPIED[target.format.name]
        if self._copies:
            self._stream: Any = target.add_stream_from_template(sound)
        else:
            self._encoder = _AacEncoder(sound, target)
        self._packets = self._source.demux(sound)
        self._advance()

    def _advance(self) -> None:
        """Take the next packet that has a time; None at the end."""
        self._next = next((packet for packet in self._packets if packet.pts is not None), None)

    def write_until(self, end_s: Fraction) -> None:
        """Write the sound that begins before a time on the pictures' time line, seconds."""
        while self._next is not None:
            packet = self._next
            shift = round(self._starts_at / packet.time_base)
            if (packet.pts - shift) * packet.time_base >= end_s:
                return
            packet.pts -= shift
            if packet.dts is not None:
                packet.dts -= shift
            if self._copies:
                packet.stream = self._stream
                self._target.mux(packet)
            else:
                self._target.mux(self._encoder.encode(packet))
            self._advance()

    def finish(self) -> None:
        """Write what an encoder still holds."""
        if not self._copies:
            self._target.mux(self._encoder.finish())

    def close(self) -> None:
        """Release the file."""
        self._source.close()


class _AacEncoder:
    """Sound of any kind, encoded anew without a gap from where it begins."""

    def __init__(self, sound: Any, target: OutputContainer) -> None:
        self._rate = sound.codec_context.sample_rate
        layout = "mono" if sound.codec_context.channels == 1 else "stereo"
        self._stream = target.add_stream("aac", rate=self._rate, layout=layout)
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=self._rate, frame_size=_AAC_FRAME)
        self._samples: int | None = None  # so many lie before the next chunk

    def encode(self, packet: Any) -> list[Any]:
        packets = []
        for frame in packet.decode():
            if self._samples is None:
                self._samples = round((frame.time or 0) * self._rate)
            packets += self._encode(self._resampler.resample(frame))
        return packets

    def finish(self) -> list[Any]:
        if self._samples is None:
            return []
        return [*self._encode(self._resampler.resample(None)), *self._stream.encode(None)]

    def _encode(self, chunks: list[Any]) -> list[Any]:
        packets = []
        for chunk in chunks:
            chunk.pts, chunk.time_base = self._samples, Fraction(1, self._rate)
            self._samples += chunk.samples
            packets += self._stream.encode(chunk)
        return packets
