"""The files of an engine: the plan, its plugin library, and everything that can be told from them without a GPU."""

from __future__ import annotations

import hashlib
from pathlib import Path

from edge.errors import ModelError
from edge.segmenters.acceptance import check_acceptance, read_acceptance
from edge.segmenters.engine_facts import EngineFacts, check_sidecar
from edge.segmenters.sidecar import EngineSidecar, Sha256, read_sidecar, rebuild_command


def read_engine(engine: Path, *, allow_unverified: bool) -> tuple[EngineSidecar, bytes, EngineFacts]:
    """Sidecar, plan and what is known of the files, all checked.

    The plan is read once, so that what was checked is what is loaded.

    Raises
    ------
    ModelError : a file is missing, changed or not of this engine, or the acceptance report says no
    """
    plan = _read_plan(engine)
    sidecar = read_sidecar(engine)
    facts = file_facts(engine, sidecar, plan)
    check_sidecar(sidecar, facts, engine)
    if not allow_unverified:
        check_acceptance(read_acceptance(engine), sidecar, engine)
    return sidecar, plan, facts


def file_facts(engine: Path, sidecar: EngineSidecar, plan: bytes) -> EngineFacts:
    """The facts that need neither TensorRT nor a GPU; `plan` is the content of the engine file."""
    plugin = plugin_path(engine, sidecar)
    return EngineFacts(
        plan_sha256=hashlib.sha256(plan).hexdigest(), plugin_sha256=None if plugin is None else _sha256(plugin)
    )


def plugin_path(engine: Path, sidecar: EngineSidecar) -> Path | None:
    """The plugin library beside the engine, None if it needs none; a folder in its recorded name counts for nothing."""
    return None if sidecar.plugin is None else engine.with_name(Path(sidecar.plugin.file).name)


def _read_plan(engine: Path) -> bytes:
    try:
        return engine.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{engine} cannot be read ({error.strerror}); build it with `{rebuild_command(engine)}`"
        ) from error


def _sha256(path: Path) -> Sha256 | None:
    """None if there is no such file; raises ModelError if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"the plugin library {path} cannot be read ({error.strerror}); copy it there again") from error
