"""Tests as rows: each test's outcome, with what it printed as its figure."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from vcam.proof import Row

ROOT = Path(__file__).resolve().parents[2]


def rows_of_tests(*selection: str) -> Iterator[Row]:
    """Run tests and turn each into a row; a test that was skipped falls short, for nothing was shown.

    Args:
        *selection: paths and options, as pytest takes them.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-o", "junit_logging=system-out", f"--junitxml={report}"]
        subprocess.run([*command, *selection], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        if not report.exists():
            yield Row(" ".join(selection), "pytest did not run", "passes", False)
            return
        for case in ElementTree.parse(report).iter("testcase"):
            name = f"{case.get('classname', '').rpartition('.')[2]}: {case.get('name')}".replace("_", " ")
            trouble = next(
                (case.find(kind) for kind in ("failure", "error", "skipped") if case.find(kind) is not None), None
            )
            printed = (case.findtext("system-out") or "").replace("Captured Out", "").replace("-" * 3, "")
            said = " ".join(printed.split()).strip("- ")
            if trouble is None:
                yield Row(name, said or "passed", "passes", True)
            else:
                yield Row(name, f"{trouble.tag}: {trouble.get('message', '')[:160]}", "passes", False)
