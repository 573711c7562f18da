"""Logs that say nothing about people: a filter for the log file's handler.

What the program logs holds ids only. Error messages, however, carry file names, and users name photos after people;
ours carry names of faces, always in quotes. So paths, file names and quoted words are cut out before a line is written.
"""

from __future__ import annotations

import logging
import re
import traceback
from pathlib import PurePath
from types import TracebackType

_HIDDEN = "<file>"
_MEDIA = "jpg jpeg png webp bmp tif tiff gif heic heif avif mp4 mkv mov avi webm m4v face photo"
_FILE = re.compile(
    r"""(?P<quote>['"])[^'"\n]*[/\\][^'"\n]*(?P=quote)"""  # a quoted path, blanks and all
    r"""|(?:[A-Za-z]:)?[\w.~-]*(?:[/\\][^\s'":;,)]+)+"""  # a bare path
    rf"""|(?P<mark>['"])[^'"\n]*\.(?:{"|".join(_MEDIA.split())})(?P=mark)"""  # a quoted file name
    rf"""|[^\s'"/\\]+\.(?:{"|".join(_MEDIA.split())})\b""",  # a bare file name
    re.IGNORECASE,
)


_QUOTED = re.compile(r"""(?<!\w)(['"])[^'"\n]+\1(?!\w)""")  # an apostrophe within a word opens no quotation
_ErrorInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def without_names(text: str) -> str:
    """The text with paths, names of media files and whatever stands in quotes replaced."""
    return _QUOTED.sub("<name>", _FILE.sub(_HIDDEN, text))


class QuietFormatter(logging.Formatter):
    """Formats like its parent, and then cuts the names out. A traceback shows where, not what the values were."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or several with a traceback."""
        return without_names(super().format(record))

    def formatException(self, ei: _ErrorInfo) -> str:  # noqa: N802 - the parent's name
        """A line for each error of the chain and for each of its frames: file, line, function."""
        lines, error = [], ei[1]
        while error is not None:
            lines.append(f"{type(error).__name__}: {error}")
            for frame in traceback.extract_tb(error.__traceback__):
                lines.append(f"  {PurePath(frame.filename).name} line {frame.lineno} in {frame.name}")
            error = error.__cause__ or error.__context__
        return "\n".join(lines)
