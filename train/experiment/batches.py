"""The training pictures of an epoch: each once, in random order, augmented anew, divided among the processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from train.data.augment import Example
from train.data.batches import to_target
from train.experiment.augmentation import Augmentation, augment
from train.experiment.square import to_bytes
from train.losses import Target

Batch = tuple[Tensor, list[Target]]
"""uint8 RGB [B, 3, S, S] and the cells of each picture."""

WORKERS = 2
AHEAD = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochBatches:
    """What a picture looks like depends on the seed, the epoch and its place in the epoch alone.

    Attributes
    ----------
    examples : all training pictures, square
    batch : pictures per step and process
    rank, processes : which share of each step is this process's
    """

    examples: list[Example]
    augmentation: Augmentation
    batch: int
    seed: int
    rank: int = 0
    processes: int = 1

    @property
    def steps(self) -> int:
        """Steps per epoch; the last one is filled up with pictures from the epoch's start."""
        return -(-len(self.examples) // (self.batch * self.processes))

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, drawn ahead in threads while the network trains."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.examples))
        order = np.resize(order, self.steps * self.batch * self.processes)
        waiting: deque[Future[Batch]] = deque()
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="batches") as pool:
            for step in range(self.steps):
                waiting.append(pool.submit(self._draw, order, number, step))
                if len(waiting) == AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _draw(self, order: np.ndarray, epoch: int, step: int) -> Batch:
        start = (step * self.processes + self.rank) * self.batch
        examples = [
            augment(self.examples[order[place]], self.augmentation, np.random.default_rng([self.seed, epoch, place]))
            for place in range(start, start + self.batch)
        ]
        return to_bytes([example.image for example in examples]), [to_target(example) for example in examples]
