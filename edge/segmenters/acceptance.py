"""The acceptance report of an engine: what its precision costs on held-out pictures, and whether that may run."""

from __future__ import annotations

import shlex
from pathlib import Path

import msgspec

from edge.errors import ModelError
from edge.segmenters.sealed_json import read_sealed, write_sealed
from edge.segmenters.sidecar import EngineSidecar, Sha256

ACCEPTANCE_VERSION = 1
MIOU_LOSS_LIMIT = 0.002
RECALL_LOSS_LIMIT = 0.005
FALSE_CELLS_LIMIT = 0.05


class Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How well one precision does on the pictures.

    Attributes
    ----------
    miou : mean IoU of the masks of the cells that were found, 0..1
    recall : share of the cells that were found, 0..1
    found, missed : cells, of those that are in the pictures
    false_cells : cells reported where there is none
    count_error : mean over the pictures of |cells reported - cells there|
    """

    miou: float
    recall: float
    found: int
    missed: int
    false_cells: int
    count_error: float


class WorstPicture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The picture on which the candidate loses most: its name and the loss of mask mIoU against FP32 there."""

    name: str
    miou_loss: float


class AcceptanceReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The verdict on one plan.

    Attributes
    ----------
    plan_sha256, onnx_sha256 : the plan that was judged and the graph it was built from
    judged_on : what ran, in words, e.g. "the engine on NVIDIA H100" or "the Q/DQ graph on ONNX Runtime 1.32, CPU"
    source : which pictures, in words
    pictures, cells : how many were looked at
    figures : by precision, "fp32", "fp16" and "int8" as far as they were run
    candidate : the precision of the plan, a key of `figures`
    miou_loss, recall_loss : FP32 minus candidate; negative if the candidate does better
    more_false_cells : false cells per fully labelled picture, candidate minus FP32
    miou_loss_limit, recall_loss_limit, more_false_cells_limit : the largest that pass
    worst : None if there was no picture with a cell
    passed : True if the plan may run
    faults : why not, in words; empty if passed
    version : layout version of this record
    """

    plan_sha256: Sha256
    onnx_sha256: Sha256
    judged_on: str
    source: str
    pictures: int
    cells: int
    figures: dict[str, Figures]
    candidate: str
    miou_loss: float
    recall_loss: float
    more_false_cells: float = 0.0
    miou_loss_limit: float = MIOU_LOSS_LIMIT
    recall_loss_limit: float = RECALL_LOSS_LIMIT
    more_false_cells_limit: float = FALSE_CELLS_LIMIT
    worst: WorstPicture | None
    passed: bool
    faults: tuple[str, ...] = ()
    version: int = ACCEPTANCE_VERSION


def acceptance_path(engine: Path) -> Path:
    """`x.engine.acceptance.json` for `x.engine`."""
    return engine.with_name(engine.name + ".acceptance.json")


def verify_command(engine: Path) -> str:
    """The command that judges the engine, as a person types it."""
    return f"python -m export verify {shlex.quote(str(engine))} IMAGES"


def write_acceptance(engine: Path, report: AcceptanceReport) -> None:
    """Write `x.engine.acceptance.json`; raises ModelError if it cannot be written."""
    write_sealed(acceptance_path(engine), report)


def read_acceptance(engine: Path) -> AcceptanceReport | None:
    """Read the report, None if there is none; raises ModelError if it is unreadable, edited or of another version."""
    path = acceptance_path(engine)
    if not path.exists():
        return None
    return read_sealed(path, AcceptanceReport, ACCEPTANCE_VERSION, _mend(engine))


def check_acceptance(report: AcceptanceReport | None, sidecar: EngineSidecar, engine: Path) -> None:
    """Raises ModelError, one sentence, unless the report is of this engine and passed."""
    mend = _mend(engine)
    if report is None:
        raise ModelError(f"{engine} was never verified ({acceptance_path(engine).name} is missing); {mend}")
    if (report.plan_sha256, report.onnx_sha256) != (sidecar.plan_sha256, sidecar.onnx_sha256):
        raise ModelError(f"{acceptance_path(engine)} judges another engine than {engine}; {mend}")
    if report.candidate != sidecar.precision:
        raise ModelError(
            f"{acceptance_path(engine)} judges {report.candidate} but {engine} computes in {sidecar.precision}; {mend}"
        )
    if not report.passed:
        reasons = "; ".join(report.faults) or "no reason is given"
        raise ModelError(
            f"{engine} failed its acceptance ({reasons}); build it at a higher precision, verify it on more pictures "
            f"with `{verify_command(engine)}`, or run it all the same with --allow-unverified"
        )


def _mend(engine: Path) -> str:
    return f"verify it with `{verify_command(engine)}` or run it all the same with --allow-unverified"
