from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.e2e.running import command, edge_run, environment, results, start, wait_until
from tests.edge.examples import smear
from tests.edge.segmenters.stand_in_tensorrt import write_engine
from tests.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def slides(tmp_path) -> Path:
    """Seven pictures with 0, 1, 2, 0, 1, 2, 0 dark tiles."""
    folder = tmp_path / "my slides"
    folder.mkdir()
    for index in range(7):
        tiles = [(0, 0), (2, 1)][: index % 3]
        cv2.imwrite(str(folder / f"{index + 5}.jpg"), smear(tiles, seed=index))
    return folder


def assert_one_sentence(stderr: str) -> None:
    assert "Traceback" not in stderr
    assert len([line for line in stderr.splitlines() if "ERROR" in line or line.startswith("edge-run:")]) == 1


def test_every_picture_of_a_folder_is_segmented_and_recorded_in_order(slides, model, tmp_path):
    done = edge_run("--camera", slides, "--model", model, "--record", tmp_path / "out", "--pictures")
    assert done.returncode == 0, done.stderr
    recorded = results(tmp_path / "out")
    assert [line["source"] for line in recorded] == [f"{i}.jpg" for i in range(5, 12)]
    assert [len(line["cells"]) for line in recorded] == [0, 1, 2, 0, 1, 2, 0]
    assert recorded[1]["cells"][0]["bbox"] == [0, 0, 32, 32]
    assert recorded[1]["model"]["backend"] == "onnxruntime-cpu"
    assert recorded[1]["quality"]["countable"]
    assert len(list((tmp_path / "out" / "pictures").glob("*.jpg"))) == 7
    assert done.stdout.splitlines()[-1].startswith("7 frames, 6 cells, 0 dropped, 0 failed, ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["dir://{}", "{}/*.jpg", "file://{}/5.jpg"])
def test_each_form_of_naming_pictures_runs(slides, model, form):
    assert edge_run("--camera", form.format(slides), "--model", model).returncode == 0


def test_a_missing_camera_is_4_and_names_what_exists(model):
    done = edge_run("--camera", "63", "--model", model)
    assert done.returncode == 4
    assert "/dev/video63" in done.stderr
    assert "this machine has" in done.stderr
    assert "VIDEOIO" not in done.stderr  # OpenCV's own noise
    assert_one_sentence(done.stderr)


def test_a_folder_of_text_files_is_4(model, tmp_path):
    for name in ("a.txt", "b.csv"):
        (tmp_path / name).write_text("text")
    done = edge_run("--camera", tmp_path, "--model", model)
    assert done.returncode == 4
    assert "holds no picture (2 other files)" in done.stderr
    assert_one_sentence(done.stderr)


def test_only_unreadable_pictures_is_4(model, tmp_path):
    (tmp_path / "a.jpg").write_text("text")
    done = edge_run("--camera", tmp_path, "--model", model)
    assert done.returncode == 4
    assert_one_sentence(done.stderr)


def test_a_truncated_jpeg_among_good_ones_is_counted_and_never_segmented(slides, model, tmp_path):
    broken = slides / "6.jpg"
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    done = edge_run("--camera", slides, "--model", model, "--record", tmp_path / "out")
    assert done.returncode == 0
    assert [line["source"] for line in results(tmp_path / "out")] == [f"{i}.jpg" for i in (5, 7, 8, 9, 10, 11)]
    assert len([line for line in done.stderr.splitlines() if "6.jpg" in line]) == 1
    assert done.stdout.splitlines()[-1].endswith("1 of 7 pictures could not be read")


@pytest.mark.parametrize("content", [None, b"", b"no model at all"])
def test_a_model_that_is_none_is_5(slides, tmp_path, content):
    path = tmp_path / "fake.onnx"
    if content is not None:
        path.write_bytes(content)
    done = edge_run("--camera", slides, "--model", path)
    assert done.returncode == 5
    assert "fake.onnx" in done.stderr
    assert_one_sentence(done.stderr)


def test_an_engine_that_fits_is_9_where_tensorrt_is_missing(slides, tmp_path):
    done = edge_run("--camera", slides, "--model", write_engine(tmp_path))
    if done.returncode != 5:  # a TensorRT that is there is not the one that the stand-in's engine was built by
        assert done.returncode == 9
        assert "cannot be imported" in done.stderr or "GPU" in done.stderr
    assert_one_sentence(done.stderr)


def spoil(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda engine: engine.unlink(), "cannot be read"),
        (spoil, "not the one that its sidecar describes"),
        (lambda engine: spoil(engine.with_name("x.engine.json")), "x.engine.json"),
        (lambda engine: engine.with_name("x.engine.json").unlink(), "x.engine.json is missing"),
        (lambda engine: next(engine.parent.glob("*.so")).unlink(), "is missing beside it"),
        (lambda engine: engine.with_name("x.engine.acceptance.json").unlink(), "was never verified"),
    ],
    ids=["engine missing", "engine", "sidecar", "sidecar missing", "plugin missing", "report missing"],
)
def test_a_damaged_engine_is_5_and_says_so_in_one_sentence(slides, tmp_path, damage, told):
    engine = write_engine(tmp_path)
    damage(engine)
    done = edge_run("--camera", slides, "--model", engine)
    assert done.returncode == 5
    assert told in done.stderr
    assert_one_sentence(done.stderr)


def test_a_window_without_a_display_is_9_names_headless_and_leaves_no_recording(slides, model, tmp_path):
    arguments = command("--camera", slides, "--model", model, "--pub", "none", "--record", tmp_path / "out")
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False, env=environment())
    assert done.returncode == 9
    assert "--headless" in done.stderr
    assert_one_sentence(done.stderr)
    assert not (tmp_path / "out").exists()


def test_no_camera_is_2_and_gives_an_example():
    done = edge_run()
    assert done.returncode == 2
    assert "--camera 0" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--threshold", "1.5"),
        ("--threshold", "0.1"),  # the model puts out nothing below 0.25
        ("--overlay", "cats"),
        ("--pub-images", "tcp://0.0.0.0:5572"),
        ("--config", "missing.toml"),
        ("--pictures",),
    ],
)
def test_settings_that_cannot_be_used_are_3(slides, model, arguments):
    done = edge_run("--camera", slides, "--model", model, *arguments)
    assert done.returncode == 3
    assert_one_sentence(done.stderr)


def test_a_folder_that_holds_a_run_is_3_and_stays_as_it_is(slides, model, tmp_path):
    arguments = ("--camera", slides, "--model", model, "--record", tmp_path / "out")
    assert edge_run(*arguments).returncode == 0
    before = (tmp_path / "out" / "results.jsonl").read_bytes()
    again = edge_run(*arguments)
    assert again.returncode == 3
    assert "already holds a run" in again.stderr
    assert (tmp_path / "out" / "results.jsonl").read_bytes() == before


def test_frames_ends_after_so_many(slides, model, tmp_path):
    done = edge_run("--camera", slides, "--model", model, "--record", tmp_path / "out", "--frames", "3", "--loop", "0")
    assert done.returncode == 0
    assert len(results(tmp_path / "out")) == 3
    assert done.stdout.startswith("3 frames, ")


def test_duration_ends_an_endless_run(slides, model):
    done = edge_run("--camera", slides, "--model", model, "--loop", "0", "--duration", "0.3")
    assert done.returncode == 0
    assert int(done.stdout.split()[0]) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_cleanly(slides, model, tmp_path, number):
    out = tmp_path / "out"
    process = start("--camera", slides, "--model", model, "--loop", "0", "--record", out)
    wait_until(lambda: (out / "results.jsonl").exists() and (out / "results.jsonl").stat().st_size > 5000, process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == 0, stderr
    assert "Traceback" not in stderr
    assert int(stdout.split()[0]) == len(results(out))


def test_a_kill_leaves_only_whole_lines(slides, model, tmp_path):
    out = tmp_path / "out"
    process = start("--camera", slides, "--model", model, "--loop", "0", "--record", out)
    wait_until(lambda: (out / "results.jsonl").exists() and (out / "results.jsonl").stat().st_size > 20000, process)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert len(results(out)) > 5


def test_command_line_beats_environment_beats_file(slides, model, tmp_path):
    rig = tmp_path / "rig.toml"
    rig.write_text(
        f"[camera]\nuri = {json.dumps(str(slides))}\n[model]\npath = {json.dumps(str(model))}\n[run]\nframes = 1\n"
    )
    assert edge_run("--config", rig).stdout.startswith("1 frame, ")
    assert edge_run("--config", rig, WBC_RUN__FRAMES="2").stdout.startswith("2 frames, ")
    assert edge_run("--config", rig, "--frames", "4", WBC_RUN__FRAMES="2").stdout.startswith("4 frames, ")
    printed = edge_run("--config", rig, "--print-config", WBC_RUN__FRAMES="2")
    assert printed.returncode == 0
    assert re.search(r"frames = 2 +# environment variable WBC_RUN__FRAMES", printed.stdout)


def test_validate_config_reports_every_fault_with_its_line(tmp_path):
    rig = tmp_path / "rig.toml"
    rig.write_text("[camera]\nfpss = 3\nloop = -1\n")
    done = edge_run("--config", rig, "--validate-config")
    assert done.returncode == 3
    assert "rig.toml line 2" in done.stderr
    assert "rig.toml line 3" in done.stderr
    rig.write_text("[camera]\nfps = 3\n")
    assert edge_run("--config", rig, "--validate-config").returncode == 0


def test_json_logs_are_json_to_the_last_line(slides, model):
    (slides / "6.jpg").write_bytes(b"broken")
    done = edge_run("--camera", slides, "--model", model, "--log-format", "json")
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert any("6.jpg" in record["message"] and record["level"] == "warning" for record in records)
    failed = edge_run("--camera", slides / "none", "--model", model, "--log-format", "json")
    assert [json.loads(line)["level"] for line in failed.stderr.splitlines()] == ["error"]


def test_a_frame_that_is_not_fit_for_counting_is_marked_and_logged_once(model, tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((96, 128, 3), 255, np.uint8))
    done = edge_run("--camera", tmp_path, "--model", model, "--record", tmp_path / "out")
    assert [line["quality"]["countable"] for line in results(tmp_path / "out")] == [False] * 3
    assert len([line for line in done.stderr.splitlines() if "overexposed" in line]) == 1


def test_a_crowded_frame_is_marked_truncated(model, tmp_path):
    picture = np.zeros((96, 128, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "full.png"), picture)
    edge_run("--camera", tmp_path, "--model", model, "--record", tmp_path / "out")
    (line,) = results(tmp_path / "out")
    assert (line["truncated"], len(line["cells"])) == (True, 8)


def test_a_stale_limit_drops_and_counts(slides, model):
    done = edge_run("--camera", slides, "--model", model, "--max-staleness", "1e-9")
    assert done.returncode == 0
    assert done.stdout.startswith("0 frames, 0 cells, 7 dropped (7 stale), 0 failed")
