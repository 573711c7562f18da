"""Texts of the tray and the panel in the user's language, by gettext."""

from __future__ import annotations

import gettext
import locale
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from vcam.config import Language

Translate = Callable[[str], str]
LOCALE_FOLDER = Path(__file__).resolve().parent / "locale"


def system_language(environment: Mapping[str, str] = os.environ) -> str:
    """The desktop's language as two letters; English where it says nothing."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = environment.get(name, "")
        if value:
            return value[:2].lower()
    return (locale.getlocale()[0] or "en")[:2].lower()


def translator(language: Language, environment: Mapping[str, str] = os.environ) -> Translate:
    """What turns an English text into the user's; texts without a translation stay English."""
    wanted = system_language(environment) if language is Language.SYSTEM else language.value
    return gettext.translation("facewarp", LOCALE_FOLDER, [wanted], fallback=True).gettext
