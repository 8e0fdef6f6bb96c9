"""BiGAN on MNIST's shape as a tutorial writes it: what our step is compared with.

D's update on detached pairs, then G's and E's with a forward of its own, `loss.backward()` for
both, and torch's optimiser as it comes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH, DATA, WIDTH, LATENT = 128, 784, 1024, 50


class Encoder(nn.Module):
    """E of the authors' code."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(DATA, WIDTH, bias=False)
        self.two = nn.Linear(WIDTH, WIDTH, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH, affine=False)
        self.out = nn.Linear(WIDTH, LATENT, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Data to latents."""
        h = F.leaky_relu(self.one(x), 0.2)
        h = F.leaky_relu(self.norm(self.two(h)), 0.2)
        return 2 * torch.sigmoid(self.out(h)) - 1


class Generator(nn.Module):
    """G of the authors' code."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(LATENT, WIDTH, bias=False)
        self.norm_one = nn.BatchNorm1d(WIDTH, affine=False)
        self.two = nn.Linear(WIDTH, WIDTH, bias=False)
        self.skip = nn.Linear(LATENT, WIDTH, bias=False)
        self.norm_two = nn.BatchNorm1d(WIDTH, affine=False)
        self.out = nn.Linear(WIDTH, DATA, bias=False)

    def forward(self, z: Tensor) -> Tensor:
        """Latents to data."""
        h = F.relu(self.norm_one(self.one(z)))
        h = F.relu(self.norm_two(self.two(h) + self.skip(z)))
        return torch.sigmoid(self.out(h))


class Discriminator(nn.Module):
    """D of the authors' code."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(DATA, WIDTH, bias=False)
        self.two = nn.Linear(WIDTH, WIDTH, bias=False)
        self.skip = nn.Linear(LATENT, WIDTH, bias=False)
        self.norm = nn.BatchNorm1d(WIDTH, affine=False)
        self.out = nn.Linear(WIDTH, 1, bias=False)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """A pair to its logit."""
        h = F.leaky_relu(self.one(x), 0.2)
        h = F.leaky_relu(self.norm(self.two(h) + self.skip(z)), 0.2)
        return self.out(h)


def textbook_step(
    images: Tensor, *, share_forward: bool = False, autocast: bool = False
) -> Callable[[], None]:
    """One step of the alternating loop.

    Args:
        images: uint8 `(N, 1, 28, 28)`, on the device.
        share_forward: whether G(z) and E(x) are computed once for both updates.
        autocast: whether forward passes run under bf16 autocast.
    """
    device = images.device
    D, G, E = (network().to(device) for network in (Discriminator, Generator, Encoder))
    adam = {"lr": 2e-4, "betas": (0.5, 0.999), "weight_decay": 2.5e-5}
    opt_d = torch.optim.Adam(D.parameters(), **adam)
    opt_ge = torch.optim.Adam([*G.parameters(), *E.parameters()], **adam)
    loss_of = nn.BCEWithLogitsLoss()
    ones, zeros = torch.ones(BATCH, 1, device=device), torch.zeros(BATCH, 1, device=device)

    def step() -> None:
        rows = torch.randint(len(images), (BATCH,), device=device)
        x = images[rows].float().div(255).flatten(1)
        z = torch.rand(BATCH, LATENT, device=device) * 2 - 1
        mixed = torch.autocast(device.type, torch.bfloat16, enabled=autocast)
        with mixed, torch.set_grad_enabled(share_forward):
            fake, code = G(z), E(x)
        opt_d.zero_grad()
        with mixed:
            loss_d = loss_of(D(x, code.detach()), ones) + loss_of(D(fake.detach(), z), zeros)
        loss_d.backward()
        opt_d.step()
        opt_ge.zero_grad()
        with mixed:
            if not share_forward:
                fake, code = G(z), E(x)
            loss_ge = loss_of(D(x, code), zeros) + loss_of(D(fake, z), ones)
        loss_ge.backward()
        opt_ge.step()

    return step
