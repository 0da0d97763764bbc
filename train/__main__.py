"""`python -m train` (also `edge-train`): fit a model, judge a model, list pictures."""

from __future__ import annotations

import argparse
import sys

from edge.errors import EdgeError
from train import evaluate, fit, listing


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("fit", help="train a model from labelled pictures")
    fit.add_fit_arguments(one)
    one.set_defaults(run=fit.run_fit)
    two = commands.add_parser("evaluate", help="judge a model on labelled pictures")
    evaluate.add_evaluate_arguments(two)
    two.set_defaults(run=evaluate.run_evaluate)
    three = commands.add_parser("list", help="name the pictures of one side of a split")
    listing.add_list_arguments(three)
    three.set_defaults(run=listing.run_list)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code (`edge.errors`)."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except EdgeError as error:
        print(f"edge-train: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("edge-train: stopped; `fit --resume` goes on from the last checkpoint", file=sys.stderr)
        return 0


if __name__ == "__main__":
    sys.exit(main())
