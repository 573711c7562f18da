"""Our cameras and outputs against real kernel devices, in a small virtual machine that is booted once."""

import shlex
import sys
from pathlib import Path

import pytest

from rigs.kernel_vm import PROGRAMS, build, cache_folder, run_in_vm
from rigs.requirements import need_programs

pytestmark = [
    pytest.mark.device,
    pytest.mark.timeout(900),  # an emulated machine; alone on two cores it takes about two minutes
    pytest.mark.skipif(sys.platform != "linux", reason="the kernel camera is Linux's"),
]
FOLDER = Path(__file__).parent
JOBS = sorted(path.stem for path in FOLDER.glob("vm_*_job.py"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Each job's exit code and words, by its name; they run one after the other in one machine."""
    need_programs(*PROGRAMS, "v4l2-ctl", "ffmpeg")
    out = tmp_path_factory.mktemp("vm")
    build(cache_folder())
    python = f"PYTHONDONTWRITEBYTECODE=1 {shlex.quote(sys.executable)}"
    lines = [f"cd {shlex.quote(str(FOLDER.parents[1]))}"]
    for job in JOBS:
        command = f"PYTHONPATH=.:tests {python} {shlex.quote(str(FOLDER / job))}.py"
        lines.append(f"{command} >/mnt/out/{job}.log 2>&1; echo $? >/mnt/out/{job}.code")
    console = run_in_vm(cache_folder(), out, "\n".join(lines), timeout_s=800)
    found = {}
    for job in JOBS:
        code, log = out / f"{job}.code", out / f"{job}.log"
        words = log.read_text() if log.exists() else console
        found[job] = (code.read_text().strip() if code.exists() else "not run", words)
    return found


@pytest.mark.parametrize("job", JOBS)
def test_a_job_in_the_machine(results, job):
    code, words = results[job]
    print(words)
    assert code == "0", words
