import pytest

from vcam import doctor
from vcam.doctor import Finding, Health, check_exclusive_caps, check_settings, examine


def test_a_damaged_settings_file_is_a_fault_that_can_be_fixed(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('[swap]\nengine = "gan"\n')
    (finding,) = check_settings(path)
    assert finding.health is Health.FAULT
    assert "line 2" in finding.text
    assert str(path) in finding.repair
    finding.fix()
    assert not path.exists()
    assert (tmp_path / "settings.toml.broken").exists()
    (finding,) = check_settings(path)
    assert finding.health is Health.OK


@pytest.mark.parametrize(("text", "faults"), [("Y,Y,N\n", 0), ("N,N\n", 1)])
def test_exclusive_caps_are_asked_for(tmp_path, text, faults):
    parameters = tmp_path / "exclusive_caps"
    parameters.write_text(text)
    found = list(check_exclusive_caps(parameters))
    assert len(found) == faults
    assert all("exclusive_caps=1" in finding.repair for finding in found)


def test_without_the_module_nothing_is_said_of_exclusive_caps(tmp_path):
    assert list(check_exclusive_caps(tmp_path / "none")) == []


def test_everything_is_looked_at_whatever_is_broken(tmp_path, monkeypatch):
    for name in ("XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    findings = list(examine())
    assert {"program", "log", "settings", "camera", "virtual camera", "disk"} <= {finding.name for finding in findings}
    assert all(isinstance(finding, Finding) and finding.text for finding in findings)
    assert [f.repair for f in findings if f.name == "program"] == ["facewarp"]
    faults = [finding for finding in findings if finding.health is Health.FAULT]
    assert all(finding.repair for finding in faults if finding.name in ("camera", "virtual camera"))


def test_little_room_is_a_fault(monkeypatch):
    monkeypatch.setattr(doctor, "LEAST_FREE_MB", 10**9)
    assert all(finding.health is Health.FAULT for finding in doctor.check_disk())
