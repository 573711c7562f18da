import pytest

from vcam import settings_file
from vcam.config import Engine, Settings, parse_hotkey
from vcam.errors import BadSettings
from vcam.settings_file import BY_NAME, SETTINGS, load, load_preset, parse, preset_names, update, value_of, with_value
from vcam.types import Safe


def test_a_new_file_holds_every_setting_with_a_comment_and_reads_back(tmp_path):
    path = tmp_path / "new" / "settings.toml"
    update(path, {"swap.face": "Ana"})
    text = path.read_text()
    assert all(f"{setting.name.split('.')[1]} = " in text and setting.comment in text for setting in SETTINGS)
    assert load(path).run.face == "Ana"
    assert with_value(load(path), BY_NAME["swap.face"], None) == Settings()


def test_no_file_means_defaults(tmp_path):
    assert load(tmp_path / "none.toml") == Settings()


def test_changing_one_value_keeps_what_the_user_wrote(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('# mine\n[swap]\nengine = "mesh"   # slow laptop\n\n[camera]\nfps = 24\n')
    update(path, {"camera.fps": 25.0, "swap.safe": Safe.HOLD_CARD})
    text = path.read_text()
    assert "# mine\n" in text
    assert 'engine = "mesh"   # slow laptop' in text
    settings = load(path)
    assert (settings.run.mode.fps, settings.run.safe, settings.run.pipeline.engine) == (25, Safe.HOLD_CARD, Engine.MESH)
    assert [file.name for file in tmp_path.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[swap]\n\nengine = "gan"\n', "line 3: swap.engine must be one of aei, mesh, not 'gan'"),
        ("[swap]\nenabled = 3\n", "line 2: swap.enabled must be true or false, not '3'"),
        ('[camera]\nsize = "big"\n', "line 2: camera.size size must be WIDTHxHEIGHT"),
        ("[camera]\nfps = 0\n", "line 2: camera.fps frames per second must be"),
        ('[camera]\noutput = "zoom"\n', "line 2: camera.output must be one of auto, pipewire"),
        ("[swap]\nthreads = -1\n", "line 2: swap.threads must be a whole number from 1 to 64"),
        ('[hotkeys]\ntoggle_key = "F"\n', "line 2: hotkeys.toggle_key a hotkey is one or more of Ctrl"),
        ('[swap]\nengin = "aei"\n', "line 2: there is no setting swap.engin; did you mean swap.engine?"),
        ('[nonsense]\nx = "y"\n', "line 2: there is no setting nonsense.x"),
        ("loose = 1\n", "line 1: loose stands outside a"),
        ("[swap]\nface = [1]\n", "line 2: swap.face must be one plain value"),
        ("[swap\n", "line 1: this is not TOML"),
        ("[swap]\nface = \n", "line 2: this is not TOML"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_allowed(text, sentence):
    with pytest.raises(BadSettings) as caught:
        parse(text, "settings.toml")
    assert f"settings.toml, {sentence}" in str(caught.value)


def test_a_file_that_cannot_be_read_or_written_is_told(tmp_path):
    (tmp_path / "settings.toml").mkdir()
    with pytest.raises(BadSettings, match="cannot be read"):
        load(tmp_path / "settings.toml")
    (tmp_path / "file").touch()
    with pytest.raises(BadSettings, match="cannot be written"):
        update(tmp_path / "file" / "settings.toml", {"swap.face": "Ana"})


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        settings_file.write_atomically(path, "\ud800")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["settings.toml"]


@pytest.mark.parametrize("name", preset_names())
def test_presets_change_quality_only(name):
    changed = load_preset(name, Settings())
    differing = {s.name for s in SETTINGS if value_of(changed, s) != value_of(Settings(), s)}
    assert differing <= {"camera.size", "camera.fps", "swap.threads", "swap.engine"}


def test_an_unknown_preset_is_told():
    with pytest.raises(BadSettings, match="there are: light, balanced, best"):
        load_preset("super", Settings())


@pytest.mark.parametrize(
    ("text", "key"), [("ctrl + alt+f", "Ctrl+Alt+F"), ("Win+F5", "Super+F5"), ("shift+ctrl+space", "Ctrl+Shift+Space")]
)
def test_hotkeys_are_read(text, key):
    assert str(parse_hotkey(text)) == key


@pytest.mark.parametrize("text", ["", "F", "Ctrl+", "Ctrl+Foo", "Hyper+F", "Ctrl+F25", "Ctrl+Alt"])
def test_wrong_hotkeys_are_told(text):
    with pytest.raises(BadSettings, match="such as Ctrl"):
        parse_hotkey(text)


def test_no_hotkey():
    assert parse_hotkey("none") is None


def test_every_flag_is_different():
    assert len({setting.flag for setting in SETTINGS}) == len(SETTINGS)
