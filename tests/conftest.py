"""What holds for every test: where devices are demanded, a device test that skips is a failure."""

import os

import pytest

DEMAND = "FACEWARP_DEMAND_DEVICES"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    demanded = os.environ.get(DEMAND) == "1" and item.get_closest_marker("device") is not None
    if demanded and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: {DEMAND}=1 is set, so this may not be skipped. {reason}"
    return report
