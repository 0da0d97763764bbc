"""`python -m train` (also `edge-train`): fit a model, judge it and its scores, list and compose pictures, report the
experiment."""

from __future__ import annotations

import argparse
import sys

from edge.errors import EdgeError
from train import compose, evaluate, fit, listing, reliability_command
from train.experiment import command as crossval
from train.experiment.report import command as report


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edge-train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("fit", help="train a model from labelled pictures")
    fit.add_fit_arguments(one)
    one.set_defaults(run=fit.run_fit)
    two = commands.add_parser("evaluate", help="judge a model on labelled pictures")
    evaluate.add_evaluate_arguments(two)
    two.set_defaults(run=evaluate.run_evaluate)
    scores = commands.add_parser("reliability", help="what scores and thresholds are worth, from an evaluation")
    reliability_command.add_reliability_arguments(scores)
    scores.set_defaults(run=reliability_command.run_reliability)
    three = commands.add_parser("list", help="name the pictures of one side of a split")
    listing.add_list_arguments(three)
    three.set_defaults(run=listing.run_list)
    fields = commands.add_parser("compose", help="put fields together from labelled pictures, crowded and empty ones")
    compose.add_compose_arguments(fields)
    fields.set_defaults(run=compose.run_compose)
    four = commands.add_parser("crossval", help="run the paper's experiment, fold by fold")
    crossval.add_crossval_arguments(four)
    four.set_defaults(run=crossval.run_crossval)
    five = commands.add_parser("report", help="write the experiment's tables and figures beside the paper's")
    report.add_report_arguments(five)
    five.set_defaults(run=report.run_report)
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
        resume = {"fit": "; --resume goes on from the last checkpoint", "crossval": "; the same command goes on"}
        print(f"edge-train: {options.command} was stopped{resume.get(options.command, '')}", file=sys.stderr)
        return 0


if __name__ == "__main__":
    sys.exit(main())
