from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli import GROUPS, parse_command_line
from edge.config import Settings
from edge.config_sources import Given, key_lines, load_settings, print_settings
from edge.errors import ConfigurationError

FPS = ("camera", "fps")


def typed(*arguments: str):
    return parse_command_line(arguments).given


@pytest.fixture
def rig(tmp_path) -> Path:
    path = tmp_path / "rig.toml"
    path.write_text('[camera]\nuri = "0"\nfps = 10\nwidth = 640\n', encoding="utf-8")
    return path


def faults(error: pytest.ExceptionInfo[ConfigurationError]) -> str:
    return str(error.value)


def test_defaults_need_no_source():
    loaded = load_settings({}, {}, None)
    assert loaded.settings == Settings()
    assert loaded.origins == {}


@pytest.mark.parametrize(
    ("arguments", "environment", "value", "origin"),
    [
        (("--fps", "30"), {"WBC_CAMERA__FPS": "20"}, 30, "command line --fps"),
        ((), {"WBC_CAMERA__FPS": "20"}, 20, "environment variable WBC_CAMERA__FPS"),
        ((), {}, 10, "rig.toml line 3"),
    ],
)
def test_command_line_beats_environment_beats_file(rig, arguments, environment, value, origin):
    loaded = load_settings(typed(*arguments), environment, rig)
    assert loaded.settings.camera.fps == value
    assert loaded.origins[FPS].endswith(origin)
    assert loaded.settings.camera.width == 640


def test_all_faults_of_all_sources_come_at_once_with_their_places(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text(
        '[camera]\n\nfpss = 3\nloop = -1\n[recrod]\ndir = "x"\n[model]\nthreads = "many"\n', encoding="utf-8"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_settings(typed("--alpha", "9"), {"WBC_CAMERA__GAIN": "loud", "WBC_CAMERA_FPS": "3"}, path)
    text = faults(caught)
    for place in (
        "rig.toml line 3: camera.fpss is no setting; did you mean fps?",
        "rig.toml line 4: camera.loop = -1",
        "recrod is no section; did you mean record?",
        "rig.toml line 8: model.threads = 'many'",
        "command line --alpha: overlay.alpha = 9.0",
        "environment variable WBC_CAMERA__GAIN: camera.gain = 'loud'",
        "environment variable WBC_CAMERA_FPS",
    ):
        assert place in text
    assert text.startswith("7 settings")


def test_one_fault_is_reported_in_the_singular():
    with pytest.raises(ConfigurationError, match=r"^one setting cannot be used"):
        load_settings(typed("--threshold", "1.5"), {}, None)


def test_variables_of_others_are_left_alone():
    assert load_settings({}, {"WBC_DATA": "x", "PATH": "/bin", "wbc_camera__fps": "x"}, None).origins == {}


@pytest.mark.parametrize("text", ["[camera\n", "[camera]\nfps = \n", "a = 1\na = 2\n"])
def test_broken_toml_names_file_and_line(tmp_path, text):
    path = tmp_path / "rig.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"rig\.toml is not valid TOML: .*line \d"):
        load_settings({}, {}, path)


def test_a_section_that_is_no_table_is_a_fault(tmp_path):
    path = tmp_path / "rig.toml"
    path.write_text("camera = 3\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="line 1: camera = 3"):
        load_settings({}, {}, path)


def test_a_missing_file_is_a_fault(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings({}, {}, tmp_path / "none.toml")


def test_key_lines_know_sections_dotted_keys_and_comments():
    text = '# camera\n[camera] # here\n  fps = 3\nuri="0"\n\n[a.b]\nc.d = 1\n'
    assert key_lines(text) == {
        ("camera",): 2,
        ("camera", "fps"): 3,
        ("camera", "uri"): 4,
        ("a", "b"): 6,
        ("a", "b", "c", "d"): 7,
    }


def test_printed_settings_are_toml_that_gives_the_same_settings(tmp_path):
    loaded = load_settings(typed("--camera", 'a "b".jpg', "--record", "out", "--pictures"), {}, None)
    path = tmp_path / "printed.toml"
    path.write_text(print_settings(loaded), encoding="utf-8")
    assert load_settings({}, {}, path).settings == loaded.settings


def test_printed_settings_show_origins_but_no_password(rig):
    text = print_settings(load_settings(typed("--camera", "rtsp://me:secret@host/x"), {"WBC_CAMERA__FPS": "5"}, rig))
    assert "secret" not in text
    lines = {line.split(" = ")[0]: line for line in text.splitlines()}
    assert lines["uri"].endswith("# command line --camera")
    assert lines["fps"].endswith("# environment variable WBC_CAMERA__FPS")
    assert lines["width"].endswith("rig.toml line 4")
    assert lines["loop"].endswith("# default")


def test_an_open_endpoint_needs_insecure_bind():
    with pytest.raises(ConfigurationError, match="--insecure-bind"):
        load_settings(typed("--pub", "tcp://0.0.0.0:5570"), {}, None)
    loaded = load_settings(typed("--pub", "tcp://0.0.0.0:5570", "--insecure-bind"), {}, None)
    assert loaded.settings.publish.endpoint == "tcp://0.0.0.0:5570"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pub", "5570"),
        ("--pub-images", "tcp://127.0.0.1:99999"),
        ("--overlay", "mask,cat"),
        ("--pictures",),
        ("--threshold", "0"),
        ("--threshold", "nan"),
        ("--duration", "-1"),
        ("--frames", "0"),
        ("--um-per-px", "inf"),
        ("--loop", "-1"),
    ],
)
def test_values_that_mean_nothing_are_refused(arguments):
    with pytest.raises(ConfigurationError):
        load_settings(typed(*arguments), {}, None)


@pytest.mark.parametrize(
    "arguments", [("--fps", "fast"), ("--drop", "all"), ("--unknown",), ("--cam", "0"), ("extra",)]
)
def test_a_command_line_that_cannot_be_understood_ends_with_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_command_line(arguments)
    assert caught.value.code == 2
    assert "edge-run: error" in capsys.readouterr().err


def test_every_option_stands_for_a_setting_that_exists():
    for option in (option for group in GROUPS.values() for option in group):
        section, name = option.key
        assert name in type(getattr(Settings(), section)).model_fields


def test_flags_that_were_not_typed_give_nothing():
    assert typed() == {}
    assert typed("--headless") == {("overlay", "headless"): Given(value=True, origin="command line --headless")}
