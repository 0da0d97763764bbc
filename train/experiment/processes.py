"""One process, or several that torchrun starts and that train one network together (DDP)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

LONGEST_WAIT = timedelta(hours=12)  # the others wait while the first one validates, predicts or tunes the watershed


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """This process among `count`; only the first one writes files."""

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Join the processes that torchrun started (WORLD_SIZE, RANK, LOCAL_RANK), one GPU each; else be the only one."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(device)
    if count == 1:
        yield Processes(rank=0, count=1, device=device)
        return
    distributed.init_process_group("nccl" if has_gpu else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Processes(rank=distributed.get_rank(), count=count, device=device)
    finally:
        distributed.destroy_process_group()
