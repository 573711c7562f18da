import ast
import gettext
import shutil
import string
import subprocess

import pytest

from vcam.config import Language
from vcam.desktop.translate import LOCALE_FOLDER, translator
from vcam.safeguards.consent import PROMISE, TEXT_VERSION, TEXTS

GERMAN = LOCALE_FOLDER / "de" / "LC_MESSAGES" / "facewarp.mo"


def texts():
    """Every text given to ``tr`` in the desktop's code, and what a keeper agrees to."""
    yield from (*TEXTS[TEXT_VERSION].values(), PROMISE)
    for file in sorted(LOCALE_FOLDER.parent.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", ""))
            if name in ("tr", "_tr") and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def fields(text):
    return sorted(field for _, field, _, _ in string.Formatter().parse(text) if field)


def test_every_text_has_a_german_translation_with_the_same_fields():
    with GERMAN.open("rb") as file:
        german = gettext.GNUTranslations(file)
    for text in texts():
        assert text in german._catalog, f"no German for {text!r}"
        assert fields(german.gettext(text)) == fields(text)


@pytest.mark.skipif(shutil.which("msgfmt") is None, reason="gettext is not installed")
def test_the_compiled_file_is_that_of_the_text_file(tmp_path):
    subprocess.run(["msgfmt", "-c", "-o", tmp_path / "fresh.mo", GERMAN.with_suffix(".po")], check=True)
    assert (tmp_path / "fresh.mo").read_bytes() == GERMAN.read_bytes()


def test_english_stays_english():
    assert translator(Language.ENGLISH)("Quit") == "Quit"
