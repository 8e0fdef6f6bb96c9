"""fc6, fc7 and fc8 on the maps of a backbone, as convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.randomness import seed_from
from .initial_weights import scale_outputs


class Head(nn.Module):
    """relu(fc6), relu(fc7), each with dropout, and one linear layer for each output.

    They are convolutions, fc6 with a kernel as large as the map it sees and the others of 1x1, so
    that one head serves single maps and, padded, maps of any size. Each channel of what enters is
    first shifted and scaled to mean 0 and deviation 1 on data, by numbers that stay; a learning
    rate that fits one backbone then fits another.

    Source: Krizhevsky et al. (2012); as convolutions, Long et al. (2015), section 3.1.

    Args:
        channels: Number of channels of the backbone's map.
        pooled: Side of the map that fc6 sees.
        width: Number of units of fc6 and fc7.
        outputs: Number of outputs of each last layer.
        dropout: Part of the units that is dropped in training.
        padded: Whether maps keep their size.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        channels: int,
        pooled: int,
        width: int,
        outputs: Sequence[int],
        dropout: float,
        *,
        padded: bool = False,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        before, after = ((pooled - 1) // 2, pooled // 2) if padded else (0, 0)
        self.padding = (before, after, before, after)
        self.fc6 = nn.Conv2d(channels, width, pooled)
        self.fc7 = nn.Conv2d(width, width, 1)
        self.fc8 = nn.ModuleList(nn.Conv2d(width, num, 1) for num in outputs)
        self.register_buffer("shift", torch.zeros(1, channels, 1, 1))
        self.register_buffer("scale", torch.ones(1, channels, 1, 1))

    def forward(self, h: Tensor) -> list[Tensor]:
        """Maps `(N, channels, H, W)` to each layer's `(N, outputs, H', W')`."""
        h = F.pad((h - self.shift) * self.scale, self.padding)
        for layer in (self.fc6, self.fc7):
            h = F.dropout(F.relu(layer(h)), self.dropout, self.training)
        return [layer(h) for layer in self.fc8]

    @torch.no_grad()
    def draw(self, h: Tensor, seed: int) -> None:
        """Draws fc6 and fc7, each unit of mean 0 and deviation 1 on `h`; fc8 begins at zero.

        Source: Krähenbühl et al. (2016), section 3.1. There fc8 is drawn as well.
        """
        self.shift = h.mean((0, 2, 3), keepdim=True)
        self.scale = 1 / h.std((0, 2, 3), keepdim=True).clamp_min(1e-6)
        h = F.pad((h - self.shift) * self.scale, self.padding)
        for number, layer in enumerate((self.fc6, self.fc7), start=6):
            noise = torch.Generator().manual_seed(seed_from(seed, "fc", number))
            drawn = torch.randn(layer.weight.shape, generator=noise)
            layer.weight.copy_(drawn / drawn[0].numel() ** 0.5)
            scale_outputs(layer, h)
            h = F.relu(layer(h))
        for parameter in self.fc8.parameters():
            nn.init.zeros_(parameter)


def pool_to(h: Tensor, side: int) -> Tensor:
    """pool5: the largest values of a grid of fields, `(N, C, side, side)`; smaller maps stay.

    In Caffe's AlexNet it is a 3x3 window with stride 2, which makes 6x6 of 13x13; the fields here
    have the same number for every size of map. It does not exist in a BiGAN's E.
    """
    return F.adaptive_max_pool2d(h, (min(side, h.shape[2]), min(side, h.shape[3])))
