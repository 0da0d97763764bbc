"""`python -m export` (also `edge-export` and `export`): checkpoint -> model files that the runtime reads."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge.errors import BackendMissingError, ConfigurationError, EdgeError


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-export", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("onnx", help="checkpoint -> model.onnx, compared with PyTorch cell by cell")
    command.add_argument("checkpoint", type=Path, help="best.safetensors of a training run")
    command.add_argument("--out", type=Path, required=True, help="file to write, *.onnx")
    command.add_argument("--threshold", type=float, default=0.5, help="default score threshold of the model (0..1)")
    command.add_argument("--pictures", type=Path, help="folder of pictures to compare on, besides simulated ones")
    command.set_defaults(run=_onnx)
    return parser


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
    try:
        return int(options.run(options))
    except EdgeError as error:
        print(f"edge-export: {error}", file=sys.stderr)
        return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
