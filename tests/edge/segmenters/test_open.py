"""What --model, --provider and --allow-unverified come to, as the person at the rig meets it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

from edge.cli import parse_command_line
from edge.config_sources import load_settings, print_settings
from edge.errors import BackendMissingError, ConfigurationError, EdgeError, ModelError
from edge.segmenters import onnx_runtime, open_segmenter
from edge.segmenters.sidecar import sidecar_path
from edge.session import run_session
from tests.edge.segmenters.stand_in_gpu import Gpu
from tests.edge.segmenters.stand_in_rig import Rig
from tests.edge.segmenters.stand_in_tensorrt import REPORT, write_engine
from tests.tiny_model import write_tiny_model


@pytest.fixture
def model(tmp_path) -> Path:
    return write_tiny_model(tmp_path / "tiny.onnx")


def ended(engine: Path, *arguments: str) -> EdgeError | None:
    """How a run over one white picture ends."""
    picture = engine.parent / "white.png"
    cv2.imwrite(str(picture), np.full((96, 128, 3), 255, np.uint8))
    typed = ("--camera", str(picture), "--model", str(engine), "--headless", "--pub", "none", "--pub-images", "none")
    settings = load_settings(parse_command_line((*typed, *arguments)).given, {}, None).settings
    try:
        run_session(settings, report=lambda text: None)
    except EdgeError as error:
        return error
    return None


def tamper_with_engine(engine):
    engine.write_bytes(b"another plan")


def tamper_with_sidecar(engine):
    path = sidecar_path(engine)
    path.write_text(path.read_text().replace("percentile", "entropy"))


def take_plugin_away(engine):
    (engine.parent / "x.plugin.so").unlink()


def take_report_away(engine):
    (engine.parent / "x.engine.acceptance.json").unlink()


def nothing(engine):
    return None


@pytest.mark.parametrize(
    ("spoil", "gpu", "version", "code"),
    [
        (nothing, {}, "10.3.0.30", 0),
        (tamper_with_engine, {}, "10.3.0.30", 5),
        (tamper_with_sidecar, {}, "10.3.0.30", 5),
        (take_plugin_away, {}, "10.3.0.30", 5),
        (take_report_away, {}, "10.3.0.30", 5),
        (nothing, {}, "10.16.1.11", 5),
        (nothing, {"compute_capability": (8, 9)}, "10.3.0.30", 5),
        (nothing, {"count": 0}, "10.3.0.30", 9),
        (tamper_with_engine, {"count": 0}, "10.3.0.30", 5),
    ],
    ids=["all is well", "engine", "sidecar", "plugin", "report", "TensorRT", "SM", "no GPU", "engine, no GPU"],
)
def test_a_run_ends_with_the_documented_code_and_one_sentence(monkeypatch, tmp_path, spoil, gpu, version, code):
    Rig(monkeypatch, Gpu(**gpu), version=version)
    engine = write_engine(tmp_path)
    spoil(engine)
    error = ended(engine)
    assert (error.exit_code if error else 0) == code
    assert "\n" not in str(error)


def test_a_run_leaves_nothing_on_the_gpu(monkeypatch, tmp_path):
    rig = Rig(monkeypatch, Gpu())
    assert ended(write_engine(tmp_path)) is None
    rig.assert_nothing_is_left()


def test_a_failed_report_stops_the_run_unless_it_is_allowed(monkeypatch, tmp_path):
    Rig(monkeypatch, Gpu())
    failed = type(REPORT)(**{name: getattr(REPORT, name) for name in REPORT.__struct_fields__} | {"passed": False})
    engine = write_engine(tmp_path, report=failed)
    assert isinstance(ended(engine), ModelError)
    assert ended(engine, "--allow-unverified") is None


def test_the_program_itself_ends_with_code_5_and_one_line(tmp_path):
    engine = write_engine(tmp_path)
    tamper_with_engine(engine)
    program = [sys.executable, "-m", "edge", "--camera", "synth://smear", "--model", str(engine), "--headless"]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if "SHA-256" in line]) == 1


@pytest.mark.parametrize(("option", "named"), [({"threads": 2}, "--threads 2"), ({"provider": "cuda"}, "--provider")])
def test_options_of_onnx_runtime_are_refused_for_an_engine(tmp_path, option, named):
    with pytest.raises(ConfigurationError, match=named):
        open_segmenter(write_engine(tmp_path), **option)


def test_the_suffix_must_be_one_of_the_two(tmp_path):
    with pytest.raises(ModelError, match=r"\.onnx or \.engine"):
        open_segmenter(tmp_path / "model.pt")


def test_the_cpu_is_the_default_provider(model):
    assert open_segmenter(model).backend == open_segmenter(model, provider="cpu").backend == "onnxruntime-cpu"


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_never_replaced_by_the_cpu(monkeypatch, model, provider):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(BackendMissingError, match=r"here has CPUExecutionProvider;.*onnxruntime-gpu") as caught:
        open_segmenter(model, provider=provider)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_does_not_start_is_never_replaced_by_the_cpu(monkeypatch, model, provider, capsys):
    """ONNX Runtime itself makes a session on the CPU then."""
    name = onnx_runtime.EXECUTION_PROVIDERS[provider]
    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [name, "CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: print("libcudnn is not there"), raising=False)  # noqa: T201 - as it does
    monkeypatch.setattr(
        onnxruntime, "InferenceSession", lambda *given, **more: real(*given, **{**more, "providers": None})
    )
    with pytest.raises(BackendMissingError, match=rf"{name} is installed but did not start.*CPUExecutionProvider"):
        open_segmenter(model, provider=provider)
    assert capsys.readouterr().out == ""


def test_a_provider_that_fails_to_start_is_told_from_a_file_that_is_no_model(monkeypatch, model, tmp_path):
    real = onnxruntime.InferenceSession

    def fail(data, options, providers, enable_fallback):
        assert enable_fallback == 0
        if providers != ["CPUExecutionProvider"]:
            raise RuntimeError("libcublasLt.so.12: cannot open shared object file")
        return real(data, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(BackendMissingError, match="libcublasLt"):
        open_segmenter(model, provider="cuda")
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="is not a model"):
        open_segmenter(tmp_path / "no.onnx", provider="cuda")


def test_a_provider_that_starts_is_named_in_the_backend(monkeypatch, model):
    real = onnxruntime.InferenceSession

    class Gpuish:
        def __init__(self, data, options, providers, enable_fallback):
            assert providers == ["CUDAExecutionProvider", "CPUExecutionProvider"]
            self.session = real(data, options, providers=["CPUExecutionProvider"])

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

        def __getattr__(self, name):
            return getattr(self.session, name)

    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(onnxruntime, "InferenceSession", Gpuish)
    assert open_segmenter(model, provider="cuda").backend == "onnxruntime-cuda"


def test_both_settings_come_from_all_sources_and_are_printed_with_their_origin(tmp_path):
    rig = tmp_path / "rig.toml"
    rig.write_text('[model]\nprovider = "tensorrt"\nallow_unverified = true\n')
    loaded = load_settings(parse_command_line(["--provider", "cuda"]).given, {}, rig)
    assert (loaded.settings.model.provider, loaded.settings.model.allow_unverified) == ("cuda", True)
    lines = print_settings(loaded).splitlines()
    assert any(line.startswith('provider = "cuda"') and "command line --provider" in line for line in lines)
    assert any(line.startswith("allow_unverified = true") and "rig.toml line 3" in line for line in lines)
    environment = {"WBC_MODEL__PROVIDER": "gpu", "WBC_MODEL__ALLOW_UNVERIFIED": "1"}
    with pytest.raises(ConfigurationError, match=r"WBC_MODEL__PROVIDER: model\.provider = 'gpu'"):
        load_settings({}, environment, None)
