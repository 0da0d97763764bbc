"""Do two backends say the same? Cell by cell, matched by the overlap of their boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.geometry import box_iou
from edge.segmenters.protocol import RawOutputs

MATCH_IOU = 0.5
CONFIDENT = 0.5
"""Scores from here on must be found again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Sums over pictures; boxes in network px, scores and masks in 0..1.

    Attributes
    ----------
    cells : confident cells of the reference
    matched : those of them that the other found, at box IoU 0.5 and any score
    invented : confident cells of the other that match no cell of the reference
    box_px, score, mask : sums over the matched cells of the mean absolute differences
    worst_iou : smallest box IoU of a matched cell
    """

    cells: int = 0
    matched: int = 0
    invented: int = 0
    box_px: float = 0.0
    score: float = 0.0
    mask: float = 0.0
    worst_iou: float = 1.0

    def __add__(self, other: Agreement) -> Agreement:
        return Agreement(
            cells=self.cells + other.cells,
            matched=self.matched + other.matched,
            invented=self.invented + other.invented,
            box_px=self.box_px + other.box_px,
            score=self.score + other.score,
            mask=self.mask + other.mask,
            worst_iou=min(self.worst_iou, other.worst_iou),
        )

    def figures(self) -> dict[str, float | int]:
        """Means over the matched cells."""
        count = max(self.matched, 1)
        return {
            "cells": self.cells,
            "matched": self.matched,
            "invented": self.invented,
            "box px": self.box_px / count,
            "score": self.score / count,
            "mask": self.mask / count,
            "worst IoU": self.worst_iou,
        }

    def holds(self, share: float, mask: float) -> bool:
        """At least this share of the cells is found again, few are invented, masks differ by at most `mask`."""
        invented = self.invented <= (1 - share) * self.cells
        return self.matched >= share * self.cells > 0 and invented and self.mask <= mask * self.matched


def agreement(wanted: RawOutputs, given: RawOutputs) -> Agreement:
    """Compare one picture: each confident cell of `wanted`, best score first, takes the best cell still free."""
    confident = np.flatnonzero(wanted.scores >= CONFIDENT)
    claims = int((given.scores >= CONFIDENT).sum())
    if len(given.scores) == 0 or len(wanted.scores) == 0:
        return Agreement(cells=len(confident), invented=claims)
    overlap = box_iou(wanted.boxes, given.boxes)
    known = overlap.max(axis=0) >= MATCH_IOU
    result = Agreement(cells=len(confident), invented=int((~known & (given.scores >= CONFIDENT)).sum()))
    for i in confident:
        j = int(overlap[i].argmax())
        if overlap[i, j] < MATCH_IOU:
            continue
        result += Agreement(
            matched=1,
            box_px=float(np.abs(wanted.boxes[i] - given.boxes[j]).mean()),
            score=float(abs(wanted.scores[i] - given.scores[j])),
            mask=float(np.abs(wanted.masks[i] - given.masks[j]).mean()),
            worst_iou=float(overlap[i, j]),
        )
        overlap[:, j] = 0
    return result
