from __future__ import annotations

import math

import pytest
import torch

from train.optimisation import NonFiniteLossError, finite_sum, warm_cosine


def test_a_non_finite_loss_names_the_run_the_step_the_components_and_the_remedy() -> None:
    losses = {"class": torch.tensor(1.0), "mask": torch.tensor(math.nan, requires_grad=True)}
    with pytest.raises(
        NonFiniteLossError, match=r"^a run: the loss is not finite at step 6 \(class 1, mask nan\); rest$"
    ):
        finite_sum(losses, 5, "a run", "rest")


def test_a_finite_loss_is_summed() -> None:
    assert finite_sum({"a": torch.tensor(1.0), "b": torch.tensor(2.5)}, 0, "a run", "rest").item() == 3.5


def test_the_rate_rises_linearly_and_falls_as_half_a_cosine() -> None:
    shares = [warm_cosine(step, 104, 4, 0.1) for step in range(105)]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert shares[4] == 1.0
    assert shares[54] == pytest.approx(0.55)
    assert shares[104] == pytest.approx(0.1)


def test_without_warmup_the_first_step_has_the_full_rate() -> None:
    assert warm_cosine(0, 10, 0, 0.0) == 1.0
