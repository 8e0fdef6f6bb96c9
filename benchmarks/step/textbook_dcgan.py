"""DCGAN as tutorials write it: what our step is compared with.

D's loss on real and on generated images, each with a backward pass of its own; then G's, whose
backward pass runs through D and makes gradients of D's weights that nobody uses. Networks, sizes
and optimiser are those of our preset `dcgan`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn

BATCH, LATENT, HALVINGS = 128, 100, 4


class Generator(nn.Module):
    """G of DCGAN at 64x64, batch norm of the first layer over units."""

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = [width * 2**i for i in reversed(range(HALVINGS))]
        self.first = channels[0]
        self.project = nn.Linear(LATENT, channels[0] * 16, bias=False)
        self.norm = nn.BatchNorm1d(channels[0] * 16)
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [
                nn.ConvTranspose2d(before, after, 5, 2, 2, output_padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
        last = nn.ConvTranspose2d(channels[-1], 3, 5, 2, 2, output_padding=1, bias=False)
        self.layers = nn.Sequential(*layers, last, nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Latents to images."""
        h = torch.relu(self.norm(self.project(z)))
        return self.layers(h.view(-1, self.first, 4, 4))


class Discriminator(nn.Module):
    """D of DCGAN at 64x64."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(3, width, 5, 2, 2, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        for i in range(HALVINGS - 1):
            layers += [
                nn.Conv2d(width * 2**i, width * 2 ** (i + 1), 5, 2, 2, bias=False),
                nn.BatchNorm2d(width * 2 ** (i + 1)),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        last = nn.Linear(width * 2 ** (HALVINGS - 1) * 16, 1, bias=False)
        self.layers = nn.Sequential(*layers, nn.Flatten(), last)

    def forward(self, x: Tensor) -> Tensor:
        """Images to their logits."""
        return self.layers(x)


def textbook_step(
    images: Tensor, width: int, *, share_samples: bool = False, autocast: bool = False
) -> Callable[[], None]:
    """One iteration: D's step, then G's.

    Args:
        images: uint8 `(N, 3, 64, 64)`, on the device.
        width: channels of D's first layer.
        share_samples: whether G's step reuses the images of D's step, which is a smaller game than
            ours: G draws new latents in our game, as in the authors' code.
        autocast: whether forward passes run under bf16 autocast.
    """
    device = images.device
    D, G = Discriminator(width).to(device), Generator(width).to(device)
    adam = {"lr": 2e-4, "betas": (0.5, 0.999), "weight_decay": 1e-5}
    opt_d, opt_g = (torch.optim.Adam(network.parameters(), **adam) for network in (D, G))
    loss_of = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(BATCH, 1, device=device), torch.zeros(BATCH, 1, device=device)

    def step() -> None:
        rows = torch.randint(len(images), (BATCH,), device=device)
        x = images[rows].float().div(127.5).sub(1)
        mixed = torch.autocast(device.type, torch.bfloat16, enabled=autocast)
        opt_d.zero_grad()
        with mixed:
            fake = G(_latents(device))
            real_loss, fake_loss = loss_of(D(x), ones), loss_of(D(fake.detach()), zeros)
        real_loss.backward()
        fake_loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        with mixed:
            again = fake if share_samples else G(_latents(device))
            loss = loss_of(D(again), ones)
        loss.backward()
        opt_g.step()

    return step


def _latents(device: torch.device) -> Tensor:
    return torch.rand(BATCH, LATENT, device=device) * 2 - 1
