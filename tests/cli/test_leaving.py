"""How the process ends: with the command's exit code, and without tearing libraries down under a stuck thread."""

import subprocess
import sys

import pytest

LEAVE = """
import atexit, threading
import vcam.cli.main as main
atexit.register(print, "torn down")
def run():
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    print("done")
    return 3
main.main = run if {stuck} else lambda: 3
main.command()
"""


@pytest.mark.parametrize("stuck", [True, False])
def test_a_stuck_thread_is_left_behind_without_tearing_anything_down(stuck):
    script = LEAVE.format(stuck=stuck)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert ("torn down" in done.stdout) is not stuck
    assert ("done" in done.stdout) is stuck  # nothing that was printed is lost
