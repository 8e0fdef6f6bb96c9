"""BigBiGAN as one would write it down from the paper: what our step is compared with.

BigGAN's networks for 32x32, a ResNet-50 and residual MLPs by torch's own layers and its own
spectral norm; each turn ends in one `loss.backward()`, which in the turn of G and E makes
gradients of D's weights that nobody uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

ATTENDED = 16
"""Side of the feature maps after which attention follows."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the networks; the defaults are those of our preset `images`.

    Attributes:
        width: channels of D and G; their blocks have 2, 4, 8 and 16 times as many.
        stem: channels of E's first layer; its stages have 4, 8 and 16 times as many.
        depth: blocks in each stage of E.
        mlp: units of H, J and E's head.
        batch: images that each network sees in a turn.
        latent: dimensions of z.
    """

    width: int = 8
    stem: int = 16
    depth: int = 2
    mlp: int = 256
    batch: int = 64
    latent: int = 100


class Attention(nn.Module):
    """SAGAN's, keys and values by twos."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.key = nn.Conv2d(channels, channels // 8, 1, bias=False)
        self.value = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.out = nn.Conv2d(channels // 2, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, h: Tensor) -> Tensor:
        """`(N, C, H, W)` to the same."""
        query = self.query(h).flatten(2)
        key = F.max_pool2d(self.key(h), 2).flatten(2)
        value = F.max_pool2d(self.value(h), 2).flatten(2)
        shares = torch.softmax(query.transpose(1, 2) @ key, 2)
        return h + self.gamma * self.out((value @ shares.transpose(1, 2)).view_as(h[:, ::2]))


class ConditionalNorm(nn.Module):
    """Batch norm whose gain and bias are linear in a part of z."""

    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Linear(code, channels, bias=False)
        self.bias = nn.Linear(code, channels, bias=False)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """`(N, C, H, W)` and `(N, code)` to `(N, C, H, W)`."""
        gain, bias = 1 + self.gain(code), self.bias(code)
        return gain[:, :, None, None] * self.norm(h) + bias[:, :, None, None]


class UpBlock(nn.Module):
    """A block of BigGAN's G."""

    def __init__(self, before: int, after: int, code: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = ConditionalNorm(before, code), ConditionalNorm(after, code)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, h: Tensor, code: Tensor) -> Tensor:
        """Images twice as large."""
        inner = self.conv1(F.interpolate(F.relu(self.norm1(h, code)), scale_factor=2))
        inner = self.conv2(F.relu(self.norm2(inner, code)))
        return inner + self.shortcut(F.interpolate(h, scale_factor=2))


class Generator(nn.Module):
    """BigGAN's G at 32x32, without classes."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        channels = [sizes.width * n for n in (16, 8, 4, 2)]
        self.parts = [len(part) for part in torch.empty(sizes.latent).tensor_split(4)]
        self.project = nn.Linear(self.parts[0], channels[0] * 16)
        self.blocks = nn.ModuleList(
            UpBlock(channels[i], channels[i + 1], self.parts[i + 1]) for i in range(3)
        )
        self.attention = Attention(channels[2])
        self.norm = nn.BatchNorm2d(channels[-1])
        self.out = nn.Conv2d(channels[-1], 3, 3, padding=1)
        _under_spectral_norm(self)

    def forward(self, z: Tensor) -> Tensor:
        """Latents to images."""
        first, *codes = z.split(self.parts, 1)
        h = self.project(first).unflatten(1, (-1, 4, 4))
        for block, code in zip(self.blocks, codes, strict=True):
            h = block(h, code)
            h = self.attention(h) if h.shape[-1] == ATTENDED else h
        return torch.tanh(self.out(F.relu(self.norm(h))))


class DownBlock(nn.Module):
    """A block of BigGAN's D."""

    def __init__(self, before: int, after: int, halve: bool) -> None:
        super().__init__()
        self.first, self.halve = before == 3, halve
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, h: Tensor) -> Tensor:
        """Images half as large, or as large."""
        inner = self.conv2(F.relu(self.conv1(h if self.first else F.relu(h))))
        if self.halve:
            inner, h = F.avg_pool2d(inner, 2), F.avg_pool2d(h, 2)
        return inner + self.shortcut(h)


class MLPBlock(nn.Module):
    """Two layers around which a shortcut leads, batch norm before each ReLU or none."""

    def __init__(self, width: int, norm: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = (
            nn.BatchNorm1d(width) if norm else nn.Identity() for _ in range(2)
        )
        self.one, self.two = nn.Linear(width, width, bias=not norm), nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        """`(N, width)` to the same."""
        return h + self.two(F.relu(self.norm2(self.one(F.relu(self.norm1(h))))))


class Discriminator(nn.Module):
    """F, H and J, and their scores."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        channels = [3, *(sizes.width * n for n in (2, 4, 8, 16))]
        self.blocks = nn.ModuleList(
            DownBlock(channels[i], channels[i + 1], halve=i < 2) for i in range(4)
        )
        self.attention = Attention(channels[1])
        self.H = nn.Sequential(nn.Linear(sizes.latent, sizes.mlp), *_blocks(sizes.mlp, 2))
        both = channels[-1] + sizes.mlp
        self.J = nn.Sequential(nn.Linear(both, sizes.mlp), *_blocks(sizes.mlp, 2), nn.ReLU())
        self.score_x = nn.Linear(channels[-1], 1)
        self.score_z, self.score_xz = nn.Linear(sizes.mlp, 1), nn.Linear(sizes.mlp, 1)
        _under_spectral_norm(self)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """Pairs to three scores each."""
        for block in self.blocks:
            x = block(x)
            x = self.attention(x) if x.shape[-1] == ATTENDED else x
        f, h = F.relu(x).sum((2, 3)), self.H(z)
        j = self.J(torch.cat([f, h], 1))
        return torch.cat([self.score_x(f), self.score_z(F.relu(h)), self.score_xz(j)], 1)


class Bottleneck(nn.Module):
    """A block of ResNet-50, norms first."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        middle = after // 4
        self.norm1, self.norm2 = nn.BatchNorm2d(before), nn.BatchNorm2d(middle)
        self.norm3 = nn.BatchNorm2d(middle)
        self.conv1 = nn.Conv2d(before, middle, 1, bias=False)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, padding=1, bias=False)
        self.conv3 = nn.Conv2d(middle, after, 1, bias=False)
        same = before == after and stride == 1
        self.shortcut = None if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, h: Tensor) -> Tensor:
        """`(N, before, H, W)` to `(N, after, H / stride, W / stride)`."""
        inner = F.relu(self.norm1(h))
        h = h if self.shortcut is None else self.shortcut(inner)
        inner = self.conv2(F.relu(self.norm2(self.conv1(inner))))
        return h + self.conv3(F.relu(self.norm3(inner)))


class Encoder(nn.Module):
    """A ResNet-50 of three stages, and a residual MLP that gives a mean and a deviation."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, sizes.stem, 3, padding=1, bias=False)]
        before = sizes.stem
        for stage, times in enumerate((4, 8, 16)):
            after = sizes.stem * times
            strides = [2 if stage else 1, *[1] * (sizes.depth - 1)]
            for stride in strides:
                layers.append(Bottleneck(before, after, stride))
                before = after
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(before), nn.ReLU())
        self.head = nn.Sequential(
            nn.Linear(before, sizes.mlp),
            *_blocks(sizes.mlp, 1, norm=True),
            nn.BatchNorm1d(sizes.mlp),
            nn.ReLU(),
            nn.Linear(sizes.mlp, 2 * sizes.latent),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Images to latents that are drawn."""
        mean, before = self.head(self.body(x).mean((2, 3))).chunk(2, 1)
        return mean + F.softplus(before) * torch.randn_like(mean)


def textbook_step(
    images: Tensor,
    sizes: Sizes,
    *,
    freeze: bool = False,
    autocast: bool = False,
    channels_last: bool = False,
) -> Callable[[], None]:
    """One iteration: D's turn, then the turn of G and E, each on its own images.

    Args:
        images: uint8 `(N, 3, 32, 32)`, on the device.
        sizes: sizes of the networks and of a batch.
        freeze: whether D's weights need no gradients in the turn of G and E.
        autocast: whether forward passes run under bf16 autocast.
        channels_last: whether images and kernels are laid out channels last.
    """
    device = images.device
    layout = torch.channels_last if channels_last else torch.contiguous_format
    D, G, E = (network(sizes).to(device) for network in (Discriminator, Generator, Encoder))
    for network in (D, G, E):
        network.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    opt_d = torch.optim.Adam(D.parameters(), lr=4e-4, betas=(0.5, 0.999))
    opt_ge = torch.optim.Adam([*G.parameters(), *E.parameters()], lr=2e-4, betas=(0.5, 0.999))
    mixed = torch.autocast(device.type, torch.bfloat16, enabled=autocast)

    def draw() -> tuple[Tensor, Tensor]:
        rows = torch.randint(len(images), (sizes.batch,), device=device)
        x = images[rows].float().div(127.5).sub(1).contiguous(memory_format=layout)
        return x, torch.randn(sizes.batch, sizes.latent, device=device)

    def step() -> None:
        x, z = draw()
        opt_d.zero_grad()
        with mixed:
            with torch.no_grad():
                fake, code = G(z), E(x)
            loss_d = F.relu(1 - D(x, code)).mean() + F.relu(1 + D(fake, z)).mean()
        loss_d.backward()
        opt_d.step()
        x, z = draw()
        opt_ge.zero_grad()
        D.requires_grad_(not freeze)
        with mixed:
            loss_ge = D(x, E(x)).mean() - D(G(z), z).mean()
        loss_ge.backward()
        opt_ge.step()
        D.requires_grad_(True)

    return step


def _blocks(width: int, num: int, *, norm: bool = False) -> list[nn.Module]:
    return [MLPBlock(width, norm) for _ in range(num)]


def _under_spectral_norm(network: nn.Module) -> None:
    for module in list(network.modules()):
        if isinstance(module, nn.Linear | nn.Conv2d):
            spectral_norm(module)
