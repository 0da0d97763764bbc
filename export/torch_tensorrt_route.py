"""A second way to TensorRT, to check the first by: PyTorch network -> Torch-TensorRT, on a desktop GPU.

Nothing of it is in the runtime. It needs the full TensorRT, a GPU and a PyTorch of the version that Torch-TensorRT was
built for; the last build for Jetson Orin is 2.8.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from edge.errors import BackendMissingError, ModelError
from edge.postprocess import postprocess
from edge.preprocess import preprocess
from edge.segmenters.protocol import RawOutputs
from edge.types import Floats, Image, Instances
from train.checkpoint import load_model
from train.inference import model_spec
from train.judge import Segment
from train.model.leukocytemask import LeukocyteMask
from train.model.rpn import RpnOutputs

Precision = Literal["fp32", "fp16"]
_TYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16}
DEVICE = "cuda"


def torch_tensorrt_segment(checkpoint: Path, precision: Precision, threshold: float | None = None) -> Segment:
    """A function from a uint8 BGR picture to its cells in source pixels, by engines that Torch-TensorRT built.

    Backbone with pyramid, RPN, localization branch and mask branch are an engine each. What lies between them, RoIAlign
    and the selection of boxes, stays in PyTorch and float32, as does the 1x1 convolution before the mask's RoIAlign.

    Parameters
    ----------
    checkpoint : best.safetensors of a training run
    precision : of the engines; their inputs and outputs are float32 outside
    threshold : of the scores; None takes the default of a new model

    Raises
    ------
    BackendMissingError : no Torch-TensorRT, or no GPU that PyTorch can use
    ModelError : no checkpoint of this program, or Torch-TensorRT fails on it
    """
    compile_part = _compiler(_import(), _TYPES[precision])
    model, _ = load_model(checkpoint)
    spec = model_spec(model.config)
    network = _with_engines(model.to(DEVICE), checkpoint, compile_part, _TYPES[precision])

    def segment(image: Image) -> Instances:
        tensor, letterbox = preprocess(image, spec)
        return postprocess(_run(network, tensor), letterbox, spec, threshold)

    return segment


Gather = Callable[[list[Tensor]], Any]


class Engine(nn.Module):
    """In the place of a part of the network: float32 outside, the engine's type inside.

    Parameters
    ----------
    run : takes the part's tensors one by one; gives one, or several in any sequence
    gather : from a list of tensors to what the part gives
    """

    def __init__(self, run: Callable[..., Any], dtype: torch.dtype, gather: Gather) -> None:
        super().__init__()
        self._run = run
        self._dtype = dtype
        self._gather = gather

    def forward(self, given: Tensor | list[Tensor]) -> Any:
        outputs = _listed(self._run(*(tensor.to(self._dtype) for tensor in _listed(given))))
        return self._gather([output.float() for output in outputs])


class OneByOne(nn.Module):
    """A part of the network that takes its tensors as arguments, where the part itself takes a list."""

    def __init__(self, part: nn.Module, *, takes_list: bool) -> None:
        super().__init__()
        self.part = part
        self.takes_list = takes_list

    def forward(self, *tensors: Tensor) -> Any:
        return self.part(list(tensors) if self.takes_list else tensors[0])


CompilePart = Callable[[nn.Module, list[Tensor]], Callable[..., Any]]


@torch.no_grad()
def _with_engines(
    model: LeukocyteMask, checkpoint: Path, compile_part: CompilePart, dtype: torch.dtype
) -> LeukocyteMask:
    """Exchange the parts for engines, in place."""
    model.add_module("backbone", nn.Sequential(model.backbone, model.pyramid))
    model.add_module("pyramid", nn.Identity())
    names = ("backbone", "rpn", "localization", "mask")
    seen = _inputs_and_outputs(model, names)
    for name in names:
        given, output = seen[name]
        part = OneByOne(model.get_submodule(name), takes_list=not isinstance(given, Tensor)).to(dtype)
        try:
            run = compile_part(part, [tensor.to(dtype) for tensor in _listed(given)])
        except Exception as error:  # TensorRT, Torch-TensorRT and torch.export raise a dozen unrelated types
            reason = " ".join(str(error).split())[:300]
            raise ModelError(
                f"Torch-TensorRT failed on the part '{name}' of {checkpoint} ({type(error).__name__}: {reason}); leave "
                "--via out to judge the engine itself"
            ) from error
        model.add_module(name, Engine(run, dtype, _gather(output)))
    return model


def _inputs_and_outputs(model: LeukocyteMask, names: Sequence[str]) -> dict[str, tuple[Any, Any]]:
    """What each part takes and gives for one picture: the engines' shapes, which never change."""
    seen: dict[str, tuple[Any, Any]] = {}

    def keep(name: str) -> Callable[..., None]:
        return lambda _, inputs, output: seen.update({name: (inputs[0], output)})

    hooks = [model.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    try:
        model(torch.zeros(1, 3, model.config.input_height, model.config.input_width, device=DEVICE))
    finally:
        for hook in hooks:
            hook.remove()
    return seen


@torch.no_grad()
def _run(network: LeukocyteMask, tensor: Floats) -> RawOutputs:
    """As `train.inference.run_network`, but all slots are computed: an engine has one shape."""
    cells = network(torch.from_numpy(tensor).to(DEVICE))
    kept = cells.scores[0] >= network.config.score_floor
    boxes, scores, masks = (values[0][kept].float().cpu().numpy() for values in cells)
    return RawOutputs(boxes=boxes, scores=scores, masks=masks)


def _compiler(torch_tensorrt: Any, dtype: torch.dtype) -> CompilePart:
    """How this version of Torch-TensorRT compiles a part."""
    build = torch_tensorrt.dynamo.compile
    known = inspect.signature(build).parameters
    options: dict[str, Any] = {"min_block_size": 1, "disable_tf32": dtype is torch.float32}
    if "use_explicit_typing" in known:
        options["use_explicit_typing"] = True  # the part's own types; `enabled_precisions` beside it is an error
    elif "enabled_precisions" in known:
        options["enabled_precisions"] = {torch.float32, dtype}
    options = {name: value for name, value in options.items() if name in known}

    def compile_part(part: nn.Module, inputs: list[Tensor]) -> Callable[..., Any]:
        exported = torch.export.export(part.eval(), tuple(inputs))
        compiled: Callable[..., Any] = build(exported, inputs, **options)
        return compiled

    return compile_part


def _import() -> Any:
    try:
        module = importlib.import_module("torch_tensorrt")
    except (ImportError, OSError, RuntimeError) as error:  # it loads TensorRT's libraries by hand
        raise BackendMissingError(
            f"--via torch-tensorrt needs Torch-TensorRT, which cannot be imported ({error}); install the version for "
            f"PyTorch {torch.__version__} with `pip install torch-tensorrt` (it brings the full TensorRT; for Jetson "
            "Orin its last version is 2.8) or leave --via out"
        ) from error
    if not torch.cuda.is_available():
        raise BackendMissingError(
            f"--via torch-tensorrt needs an NVIDIA GPU but PyTorch {torch.__version__} sees none; see what "
            "`nvidia-smi` shows and install a PyTorch built for CUDA, or leave --via out"
        )
    return module


def _listed(tensors: Any) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gather(sample: Any) -> Gather:
    """The way back from `_listed`, to a tensor, a list or a named tuple as `sample` is one."""
    if isinstance(sample, Tensor):
        return lambda tensors: tensors[0]
    return RpnOutputs._make if isinstance(sample, RpnOutputs) else list
