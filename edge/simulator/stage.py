"""A stage that drifts: where the window stands on the slide at each frame."""

from __future__ import annotations

import math

import numpy as np

_PERIODS = (97.0, 41.0, 163.0)  # frames; incommensurable, so that the path does not repeat for hours
_JUMP_EVERY = 40  # frames between two deliberate moves to another place


class DriftingStage:
    """A pure function of the frame's index: a slow wander, and now and then a move to another field."""

    def __init__(self, seed: int, travel: tuple[int, int], reach_px: float) -> None:
        """`travel` is the farthest window position in x and y, px; `reach_px` how far the drift wanders."""
        self._seed = seed
        self._travel = travel
        self._reach = min(reach_px, travel[0] / 2, travel[1] / 2)
        self._phases = np.random.default_rng([seed, 3]).uniform(0, 2 * math.pi, (2, len(_PERIODS)))

    def position(self, index: int) -> tuple[int, int]:
        """Left and top of the window in slide px, inside the travel."""
        field = np.random.default_rng([self._seed, 4, index // _JUMP_EVERY]).uniform(0, 1, 2)
        place = []
        for axis in (0, 1):
            drift = sum(
                math.sin(2 * math.pi * index / period + phase)
                for period, phase in zip(_PERIODS, self._phases[axis], strict=True)
            )
            room = self._travel[axis] - 2 * self._reach
            place.append(round(self._reach + field[axis] * room + drift / len(_PERIODS) * self._reach))
        return place[0], place[1]
