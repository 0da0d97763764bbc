"""Run the FP32 model over pictures and count what its inner tensors hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx

from calib.int8.histogram import Histogram
from calib.int8.session import Network
from edge.cameras.files import read_picture
from edge.errors import ConfigurationError, ModelError
from edge.preprocess import preprocess
from edge.spec import ModelSpec
from edge.types import Floats


def observe(
    model: onnx.ModelProto, names: Sequence[str], tensors: Iterable[Floats], *, threads: int | None = None
) -> dict[str, Histogram]:
    """Histograms of the named tensors over all inputs; memory holds one run's tensors at a time.

    Parameters
    ----------
    tensors : inputs of the model's only input, float32 [1, 3, H, W]

    Raises
    ------
    ModelError : the model has no such tensor, one is no float or holds a value that is not finite, or one never held
        anything but zeros, so that nobody knows its range
    """
    (source,) = (item.name for item in model.graph.input)
    inner = [name for name in names if name != source]
    network = Network(with_outputs(model, inner), threads=threads)
    histograms = {name: Histogram() for name in names}
    for tensor in tensors:
        values = dict(zip(inner, network.run(inner, {source: tensor}), strict=True))
        values[source] = tensor
        for name, histogram in histograms.items():
            _add(histogram, values[name], name)
    _check_seen(histograms)
    return histograms


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """A copy of the model that also puts out the named inner tensors; ONNX Runtime finds out their types itself."""
    made = {name for node in model.graph.node for name in node.output}
    missing = [name for name in names if name not in made]
    if missing:
        raise ModelError(f"the model has no tensor '{missing[0]}' ({len(missing)} of {len(names)} are missing)")
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    already = {item.name for item in copy.graph.output}
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in already)
    return copy


def read_tensors(paths: Iterable[Path], spec: ModelSpec) -> Iterator[Floats]:
    """Picture files as network inputs, one at a time; raises ConfigurationError if one changed and cannot be read."""
    for path in paths:
        try:
            image = read_picture(path)
        except ValueError as error:
            raise ConfigurationError(f"{path} could be read a moment ago but not now ({error}); try again") from error
        yield preprocess(image, spec)[0]


def _add(histogram: Histogram, values: Floats, name: str) -> None:
    if not np.issubdtype(values.dtype, np.floating):
        raise ModelError(f"the tensor '{name}' holds {values.dtype}, of which there is no range; it must stay as it is")
    try:
        histogram.add(values)
    except ValueError as error:
        raise ModelError(
            f"the tensor '{name}' held a value that is not finite, so the model is broken; export it again"
        ) from error


def _check_seen(histograms: dict[str, Histogram]) -> None:
    unknown = [name for name, histogram in histograms.items() if histogram.largest == 0]
    if unknown:
        never = [name for name in unknown if histograms[name].total == 0]
        what = f"'{never[0]}' held no value at all" if never else f"'{unknown[0]}' held nothing but zeros"
        raise ModelError(
            f"{len(unknown)} of {len(histograms)} tensors have no range: over all pictures {what}; "
            "give pictures that show cells, or a model that finds them"
        )
