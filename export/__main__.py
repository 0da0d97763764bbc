"""`python -m export` (also `edge-export` and `export`): checkpoint -> model file -> engine, and its acceptance.

python -m export onnx best.safetensors --out model.onnx
python -m export build-engine --int8 --out x.engine
python -m export verify x.engine IMAGES
python -m export quantise --out model-int8.onnx
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from edge.errors import BackendMissingError, ConfigurationError, EdgeError

STOPPED = 130
"""Exit code of a shell's interrupted command: what it should have written is not there."""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("onnx", help="checkpoint -> model.onnx, compared with PyTorch cell by cell")
    command.add_argument("checkpoint", type=Path, help="best.safetensors of a training run")
    command.add_argument("--out", type=Path, required=True, help="file to write, *.onnx")
    command.add_argument("--threshold", type=float, default=0.5, help="default score threshold of the model (0..1)")
    command.add_argument("--pictures", type=Path, help="folder of pictures to compare on, besides simulated ones")
    command.set_defaults(run=_onnx)
    _add_build_engine(commands.add_parser("build-engine", help="model.onnx -> TensorRT engine"))
    _add_verify(commands.add_parser("verify", help="what an engine's precision costs; writes its acceptance report"))
    _add_quantise(commands.add_parser("quantise", help="model.onnx -> INT8 model.onnx for a CPU with OpenVINO"))
    return parser


def _add_quantise(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", type=Path, nargs="?", metavar="MODEL.onnx", help="default: the packaged model")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.onnx", help="file to write")
    command.add_argument(
        "--ranges", type=Path, metavar="FILE.json", help="of `python -m calib int8` (default: the model's own)"
    )
    command.add_argument(
        "--data",
        dest="images",
        type=Path,
        nargs="+",
        default=[],
        metavar="IMAGES",
        help="labelled pictures to judge by (default: simulated fields)",
    )
    command.add_argument("--split", type=Path, metavar="FILE", help="split file; judge one side of it only")
    command.add_argument("--side", choices=("train", "validation", "test"), default="test", help="default: test")
    command.set_defaults(run=_quantise)


def _quantise(options: argparse.Namespace) -> int:
    try:
        from export.quantise_command import run_quantise
    except ImportError as error:
        raise BackendMissingError(
            f"{error.name} is not installed but quantising needs it; run `pip install leukoedge[calib]`"
        ) from error
    return run_quantise(options)


def _add_verify(command: argparse.ArgumentParser) -> None:
    command.add_argument("engine", type=Path, metavar="x.engine")
    command.add_argument(
        "images", type=Path, nargs="*", metavar="IMAGES", help="labelled pictures (default: simulated fields)"
    )
    command.add_argument("--split", type=Path, metavar="FILE", help="split file; judge one side of it only")
    command.add_argument("--side", choices=("train", "validation", "test"), default="test", help="default: test")
    command.add_argument("--model", type=Path, metavar="MODEL.onnx", help="what it was built from (default: packaged)")
    command.add_argument(
        "--via", choices=("torch-tensorrt",), help="run the PyTorch network that way too (desktop GPU)"
    )
    command.add_argument(
        "--checkpoint", type=Path, metavar="FILE.safetensors", help="for --via: weights of the network"
    )
    command.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    try:
        from export.verify_command import run_verify
    except ImportError as error:
        raise BackendMissingError(
            f"{error.name} is not installed but judging engines needs it; run `pip install leukoedge[calib]`"
        ) from error
    return run_verify(options)


def _add_build_engine(command: argparse.ArgumentParser) -> None:
    command.add_argument("model", type=Path, nargs="?", metavar="MODEL.onnx", help="default: the packaged model")
    command.add_argument("--out", type=Path, required=True, metavar="x.engine", help="file to write")
    precision = command.add_mutually_exclusive_group()
    precision.add_argument("--fp16", action="store_true", help="float16 layers (default)")
    precision.add_argument("--int8", action="store_true", help="INT8 convolutions, float16 elsewhere")
    align = command.add_mutually_exclusive_group()
    align.add_argument("--plugin", action="store_true", help="RoIAlign by our plugin (default)")
    align.add_argument("--plain", action="store_true", help="RoIAlign by plain operations: no plugin library needed")
    command.add_argument(
        "--trt", choices=("tensorrt", "rtx"), help="builder (default: TensorRT, else TensorRT-RTX, as installed)"
    )
    command.add_argument("--target", metavar="SM", help="compute capability to build for, e.g. 86 (--trt rtx only)")
    command.add_argument("--plugin-library", type=Path, metavar="FILE.so", help="default: the one `make plugin` built")
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--ranges", type=Path, metavar="FILE.json", help="of `python -m calib int8` (default: packaged)"
    )
    source.add_argument("--calib-data", metavar="IMAGES", help="calibrate on these pictures first (see `calib int8`)")
    command.set_defaults(run=_build_engine)


def _build_engine(options: argparse.Namespace) -> int:
    try:
        from export.engine_command import run_build_engine
    except ImportError as error:
        raise BackendMissingError(
            f"{error.name} is not installed but building engines needs it; run `pip install leukoedge[calib]`"
        ) from error
    return run_build_engine(options)


def _onnx(options: argparse.Namespace) -> int:
    if options.out.suffix != ".onnx":
        raise ConfigurationError(
            f"--out {options.out} must end in .onnx: the runtime chooses its backend by the suffix"
        )
    if options.pictures is not None and not options.pictures.is_dir():
        raise ConfigurationError(f"--pictures {options.pictures} is not a folder; give one that holds pictures")
    try:
        from export.onnx_model import export_onnx
    except ImportError as error:
        raise BackendMissingError(
            f"{error.name} is not installed but exporting needs it; run `pip install leukoedge[export]`"
        ) from error
    print(f"exporting {options.checkpoint} and comparing it with PyTorch ...")
    report = export_onnx(options.checkpoint, options.out, threshold=options.threshold, pictures=options.pictures)
    print(f"{report}\nwrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB)")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code (`edge.errors`)."""
    options = build_parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(options.run(options))
    except EdgeError as error:
        print(f"edge-export: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edge-export: stopped; nothing was written", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())
