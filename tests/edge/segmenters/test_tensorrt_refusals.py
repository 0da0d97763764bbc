"""Engines and machines that do not fit: one sentence, and nothing of the GPU is left in use."""

from __future__ import annotations

import msgspec
import pytest

from edge.errors import BackendMissingError, ModelError
from edge.segmenters import open_segmenter, pycuda_driver
from edge.segmenters.sidecar import PluginFile
from tests.edge.segmenters.stand_in_gpu import Gpu
from tests.edge.segmenters.stand_in_rig import Rig, one_sentence
from tests.edge.segmenters.stand_in_tensorrt import SHAPES, SIDECAR, make_tensorrt, write_engine

replace = msgspec.structs.replace


def test_a_plan_with_other_tensors_than_its_sidecar_says_is_refused(monkeypatch, tmp_path):
    tensors = {**SHAPES, "scores": ("output", (9,))}
    rig = Rig(monkeypatch, Gpu(), tensors=tensors)
    with pytest.raises(ModelError, match="its sidecar says") as caught:
        open_segmenter(write_engine(tmp_path))
    one_sentence(caught)
    rig.assert_nothing_is_left()


@pytest.mark.parametrize("failure", ["load_library", "context"])
def test_what_fails_while_opening_leaves_nothing_behind(rig, tmp_path, failure):
    rig.modules["tensorrt"].fails.add(failure)
    with pytest.raises(ModelError, match="could not be opened on Stand-in GPU") as caught:
        open_segmenter(write_engine(tmp_path))
    one_sentence(caught)
    rig.assert_nothing_is_left()


def test_a_refused_plan_says_what_tensorrt_said_in_one_line(rig, tmp_path):
    sidecar = replace(SIDECAR, plugin=None, roi_align="plain")  # but the plan holds the plugin's node
    with pytest.raises(ModelError, match="no creator for MultilevelRoiAlign") as caught:
        open_segmenter(write_engine(tmp_path, sidecar))
    one_sentence(caught)
    rig.assert_nothing_is_left()


def test_wrong_tensorrt_is_told_before_the_gpu_is_looked_for(monkeypatch, tmp_path):
    rig = Rig(monkeypatch, Gpu(count=0), version="10.16.1.11")
    with pytest.raises(ModelError, match=r"tensorrt 10\.3\.0\.30 but this machine has 10\.16\.1\.11") as caught:
        open_segmenter(write_engine(tmp_path))
    assert "build-engine --int8 --out" in one_sentence(caught)
    assert rig.journal == []


def test_wrong_sm_is_told_before_anything_is_loaded(monkeypatch, tmp_path):
    rig = Rig(monkeypatch, Gpu(compute_capability=(8, 9)))
    with pytest.raises(ModelError, match="SM 87 but Stand-in GPU has SM 89") as caught:
        open_segmenter(write_engine(tmp_path))
    one_sentence(caught)
    assert rig.journal == ["retain primary context", "release context"]


@pytest.mark.parametrize("missing", ["tensorrt", "pycuda.driver"])
def test_a_missing_library_is_a_missing_backend(rig, tmp_path, missing):
    rig.modules[missing] = None
    with pytest.raises(BackendMissingError, match=missing.partition(".")[0]) as caught:
        open_segmenter(write_engine(tmp_path))
    assert "pip install" in one_sentence(caught)


def test_a_missing_gpu_is_a_missing_backend(monkeypatch, tmp_path):
    Rig(monkeypatch, Gpu(count=0))
    with pytest.raises(BackendMissingError, match="nvidia-smi") as caught:
        open_segmenter(write_engine(tmp_path))
    one_sentence(caught)


def test_a_driver_that_fails_is_a_missing_backend(rig, tmp_path):
    def fail():
        raise rig.modules["pycuda.driver"].Error("cuInit failed: no CUDA-capable device is detected")

    rig.modules["pycuda.driver"].init = fail
    with pytest.raises(BackendMissingError, match="no CUDA-capable device"):
        open_segmenter(write_engine(tmp_path))


def test_pycuda_without_a_driver_says_so(rig, tmp_path, monkeypatch):
    def fail(name):
        if name == "pycuda.driver":
            raise ImportError("libcuda.so.1: cannot open shared object file")
        return rig._import(name)

    monkeypatch.setattr(pycuda_driver.importlib, "import_module", fail)
    with pytest.raises(BackendMissingError, match=r"libcuda\.so\.1.*driver"):
        open_segmenter(write_engine(tmp_path))


class TestWithoutGpuOrTensorRt:
    """What files alone can tell is told on any machine."""

    @pytest.fixture(autouse=True)
    def _bare(self, rig):
        rig.modules.update({"tensorrt": None, "pycuda.driver": None})

    def test_a_good_engine_lacks_its_backend(self, tmp_path):
        with pytest.raises(BackendMissingError):
            open_segmenter(write_engine(tmp_path))

    def test_a_missing_engine(self, tmp_path):
        with pytest.raises(ModelError, match=r"x\.engine cannot be read"):
            open_segmenter(tmp_path / "x.engine")

    def test_a_missing_sidecar(self, tmp_path):
        engine = write_engine(tmp_path)
        (tmp_path / "x.engine.json").unlink()
        with pytest.raises(ModelError, match=r"x\.engine\.json is missing.*build-engine"):
            open_segmenter(engine)

    def test_a_tampered_engine(self, tmp_path):
        engine = write_engine(tmp_path)
        engine.write_bytes(b"Stand-in plan")
        with pytest.raises(ModelError, match=r"SHA-256.*build-engine"):
            open_segmenter(engine)

    def test_a_tampered_sidecar(self, tmp_path):
        engine = write_engine(tmp_path)
        path = tmp_path / "x.engine.json"
        path.write_text(path.read_text().replace('"sm": "87"', '"sm": "89"'))
        with pytest.raises(ModelError, match=r"was changed.*build-engine"):
            open_segmenter(engine)

    def test_a_missing_plugin(self, tmp_path):
        engine = write_engine(tmp_path)
        (tmp_path / "x.plugin.so").unlink()
        with pytest.raises(ModelError, match=r"x\.plugin\.so is missing.*build-engine"):
            open_segmenter(engine)

    def test_another_plugin(self, tmp_path):
        engine = write_engine(tmp_path)
        (tmp_path / "x.plugin.so").write_bytes(b"another one")
        with pytest.raises(ModelError, match=r"x\.plugin\.so is not the one"):
            open_segmenter(engine)

    def test_a_plugin_elsewhere_is_not_followed(self, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        sidecar = replace(SIDECAR, plugin=PluginFile(file="elsewhere/p.so", sha256=SIDECAR.plugin.sha256))
        with pytest.raises(ModelError, match="missing beside it"):
            open_segmenter(write_engine(tmp_path, sidecar))

    def test_a_missing_report_can_be_allowed(self, tmp_path):
        engine = write_engine(tmp_path, report=None)
        with pytest.raises(ModelError, match=r"never verified.*export verify.*--allow-unverified"):
            open_segmenter(engine)
        with pytest.raises(BackendMissingError):
            open_segmenter(engine, allow_unverified=True)

    def test_the_sidecar_is_checked_even_if_the_report_is_not(self, tmp_path):
        engine = write_engine(tmp_path, report=None)
        engine.write_bytes(b"Stand-in plan")
        with pytest.raises(ModelError, match="SHA-256"):
            open_segmenter(engine, allow_unverified=True)


def test_rtx_is_looked_for_by_its_own_name(rig, tmp_path):
    sidecar = replace(SIDECAR, flavour="tensorrt-rtx", tensorrt="1.7.1.116", sm=None, runs_on=("80+",))
    engine = write_engine(tmp_path, sidecar)
    with pytest.raises(BackendMissingError, match="tensorrt-rtx-cu13"):
        open_segmenter(engine)
    rig.modules["tensorrt_rtx"] = make_tensorrt(rig.gpu, version="1.7.1.116")
    segmenter = open_segmenter(engine)
    assert segmenter.backend == "tensorrt-rtx-1.7.1.116"
    segmenter.close()
