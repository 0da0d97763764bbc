"""What may run an ONNX file; named by `--provider`."""

from __future__ import annotations

from typing import Literal, get_args

OnnxRuntimeProvider = Literal["cpu", "cuda", "tensorrt"]
OpenVinoProvider = Literal["openvino", "openvino-bf16"]
Provider = Literal[OnnxRuntimeProvider, OpenVinoProvider]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
