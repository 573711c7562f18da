"""Skipping a device test where a program it needs is missing, with the command that installs it."""

import shutil
from pathlib import Path

import pytest

EXTRA_FOLDERS = "/usr/sbin:/sbin:/usr/libexec"


def need_programs(*programs: str) -> None:
    """Skip the test unless all programs are there (in CI such a skip is a failure, see tests/conftest.py)."""
    missing = [name for name in programs if not (shutil.which(name) or shutil.which(name, path=EXTRA_FOLDERS))]
    if missing:
        listed = Path(__file__).with_name("packages.txt")
        pytest.skip(f"{', '.join(missing)} not found; install the Debian packages of {listed}")
