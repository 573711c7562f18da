"""Logs that say nothing about people: a filter for the log file's handler.

What the program logs holds ids only. Error messages of the system, however, carry file names, and users name photos
after people; so paths and file names are cut out before a line is written.
"""

from __future__ import annotations

import logging
import re

_HIDDEN = "<file>"
_MEDIA = "jpg jpeg png webp bmp tif tiff gif heic heif avif mp4 mkv mov avi webm m4v face photo"
_FILE = re.compile(
    r"""(?P<quote>['"])[^'"\n]*[/\\][^'"\n]*(?P=quote)"""  # a quoted path, blanks and all
    r"""|(?:[A-Za-z]:)?[\w.~-]*(?:[/\\][^\s'":;,)]+)+"""  # a bare path
    rf"""|(?P<mark>['"])[^'"\n]*\.(?:{"|".join(_MEDIA.split())})(?P=mark)"""  # a quoted file name
    rf"""|[^\s'"/\\]+\.(?:{"|".join(_MEDIA.split())})\b""",  # a bare file name
    re.IGNORECASE,
)


def without_file_names(text: str) -> str:
    """The text with paths and names of media files replaced."""
    return _FILE.sub(_HIDDEN, text)


class QuietFormatter(logging.Formatter):
    """Formats like its parent, tracebacks included, and then cuts the file names out."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or several with a traceback."""
        return without_file_names(super().format(record))
