"""What the training loop and the prediction ask of a network."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from torch import Tensor, nn

from edge.geometry import Letterbox
from edge.types import Floats
from train.losses import Target

MasksOn = Literal["refined", "proposals"]
"""The boxes that LeukocyteMask cuts its masks from: refined by the localization branch, or as the RPN proposes them."""


class Learner(Protocol):
    """A network, its loss and its way to a segmentation. `network` may be moved between devices at any time."""

    @property
    def network(self) -> nn.Module: ...

    def losses(self, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
        """Components of the loss, scalars whose sum is minimised.

        Called with normalised RGB float32 [B, 3, S, S] and the cells of each picture, in training mode with gradients
        and for the validation loss in evaluation mode without.
        """
        ...

    def soft_mask(self, image: Tensor, letterbox: Letterbox) -> Floats:
        """Soft foreground map float32 [H, W] in 0..1 at the source picture's own size.

        Called in evaluation mode, without gradients, with one normalised picture [1, 3, S, S].
        """
        ...

    def description(self) -> dict[str, Any]:
        """What the network is, as JSON values: kept with its weights."""
        ...
