"""``facewarp doctor``: what works here, what does not, and how to mend it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from vcam.cli.arguments import Subparsers
from vcam.errors import VcamError

if TYPE_CHECKING:
    from vcam.doctor import Finding


def add_parser(subparsers: Subparsers) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "doctor",
        help="check this computer",
        description="Check camera, virtual camera, models, tray, keys; tell repairs.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--fix", action="store_true", help="mend what can be mended without root")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print each finding; 1 if one is a fault."""
    from vcam.doctor import Health

    marks = {Health.OK: "ok   ", Health.NOTE: "note ", Health.FAULT: "FAULT"}
    findings = []
    for finding in all_findings():
        findings.append(finding)
        if not arguments.json:
            print(f"{marks[finding.health]} {finding.name}: {finding.text}")
            for line in finding.repair.splitlines():
                print(f"      -> {line}")
        if arguments.fix and finding.fix is not None:
            finding.fix()
            if not arguments.json:
                print("      mended")
    if arguments.json:
        print(json.dumps([as_plain(finding) for finding in findings], indent=2))
    return int(any(finding.health is Health.FAULT for finding in findings))


def all_findings() -> Iterator[Finding]:
    """Those of the program and those of the desktop."""
    from vcam import settings_file
    from vcam.config import Settings
    from vcam.desktop.selfcheck import examine_desktop
    from vcam.doctor import examine

    yield from examine()
    try:
        hotkeys = settings_file.load(settings_file.default_path()).hotkeys
    except VcamError:
        hotkeys = Settings().hotkeys  # the damaged file is a finding already
    yield from examine_desktop(hotkeys)


def as_plain(finding: Finding) -> dict[str, object]:
    """For JSON."""
    return {
        "name": finding.name,
        "health": finding.health.value,
        "text": finding.text,
        "repair": finding.repair,
        "fixable": finding.fix is not None,
    }
