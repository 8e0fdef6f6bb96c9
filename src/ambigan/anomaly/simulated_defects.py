"""A network that finds defects, trained on normal images with defects that are simulated.

Source: CutPaste (Li et al., 2021) and DRAEM (Zavrtanik et al., 2021), with shapes and fills of
ours and a small network without a reconstruction.
"""

from __future__ import annotations

import math
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEPS = 600
"""Steps of training."""

BATCH = 16

SIDES = 32, 128
"""Least and greatest length of the short side on which the network works."""

_WIDTH = 16
_LEARNING_RATE = 3e-3
_CLEAN = 0.25  # images of a batch that stay as they are
_WINDOW = 15  # pixels over which local contrast is taken


def working_size(height: int, width: int) -> tuple[int, int]:
    """Height and width on which the network works, multiples of 8."""
    short = min(height, width)
    scale = min(max(short, SIDES[0]), SIDES[1]) / short
    return max(8, round(height * scale / 8) * 8), max(8, round(width * scale / 8) * 8)


class DefectNetwork(nn.Module):
    """Logits of a defect at half the resolution; a small U-Net over two normalised images.

    Args:
        channels: Channels of the images.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        w = _WIDTH
        self.to_half = nn.Sequential(
            nn.Conv2d(2 * channels, w, 5, 2, 2), _activation(), _block(w, w)
        )
        self.to_quarter = nn.Sequential(_block(w, 2 * w, 2), _block(2 * w, 2 * w))
        self.to_eighth = nn.Sequential(
            _block(2 * w, 3 * w, 2), _block(3 * w, 3 * w), _block(3 * w, 3 * w, dilation=2)
        )
        self.join_quarter, self.join_half = _block(5 * w, 2 * w), _block(3 * w, w)
        self.output = nn.Conv2d(w, 1, 1)
        assert self.output.bias is not None
        nn.init.constant_(self.output.bias, -3.0)  # defects are rare

    def forward(self, x: Tensor) -> Tensor:
        """Maps images `(N, C, H, W)` in [-1, 1] to logits `(N, 1, H / 2, W / 2)`."""
        half = self.to_half(_normalised(x))
        quarter = self.to_quarter(half)
        h = self.join_quarter(torch.cat([_doubled(self.to_eighth(quarter)), quarter], 1))
        return self.output(self.join_half(torch.cat([_doubled(h), half], 1)))


def train_defect_network(images: Tensor, seed: int, steps: int = STEPS) -> DefectNetwork:
    """Trains a network to find simulated defects.

    Args:
        images: Normal images `(N, C, H, W)` in [-1, 1], of a `working_size`.
        seed: Seed of weights, batches and defects.
        steps: Number of steps.
    """
    rng: Any = torch.random  # torch's types are partial
    with rng.fork_rng(devices=[]):
        rng.manual_seed(seed)
        network = DefectNetwork(images.shape[1])
    draw = torch.Generator().manual_seed(seed)
    optimizer: Any = torch.optim.AdamW(network.parameters(), _LEARNING_RATE, weight_decay=1e-3)
    network.train()
    for step in range(steps):
        course = 0.5 * (1 + math.cos(math.pi * step / steps)) + 0.01
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * min(1, step / 30 + 0.05) * course
        batch = images[torch.randint(len(images), (BATCH,), generator=draw)]
        batch = batch.flip([axis for axis in (2, 3) if _uniform(draw) < 0.5])
        gamma = torch.rand(BATCH, 1, 1, 1, generator=draw) * 0.6 + 0.7
        defective, where = add_defects(((batch + 1) / 2).clamp(0, 1) ** gamma, images, draw)
        logits = network(defective * 2 - 1)
        where = F.max_pool2d(where, 2)
        right = torch.sigmoid(torch.where(where > 0, logits, -logits))
        # The focal loss (Lin et al., 2017) with an exponent of 1.
        loss = (1 - right) * F.binary_cross_entropy_with_logits(logits, where, reduction="none")
        optimizer.zero_grad(set_to_none=True)
        cast(Any, 10 * loss.mean()).backward()
        optimizer.step()
    return network.eval().requires_grad_(False)


def add_defects(images: Tensor, others: Tensor, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Adds up to three defects to most images: darker, brighter, pasted or plain shapes.

    Args:
        images: Images `(B, C, H, W)` in [0, 1].
        others: Images in [-1, 1] of the same form, of which parts are pasted.
        draw: Source of random numbers.

    Returns:
        The images, and where defects are: 1 or 0, `(B, 1, H, W)`.
    """
    changed, (height, width) = images.clone(), images.shape[2:]
    where = images.new_zeros(len(images), 1, height, width)
    for image, mask in zip(changed, where, strict=True):
        if _uniform(draw) < _CLEAN:
            continue
        for _ in range(int(_uniform(draw, 1, 4))):
            shape = _shape(height, width, draw)
            filled = image + shape * (_fill(image, others, draw) - image)
            visible = (shape > 0.5) & ((filled - image).abs().amax(0, keepdim=True) > 0.02)
            mask.logical_or_(visible)
            image.copy_(filled.clamp(0, 1))
    return changed, where


def _shape(height: int, width: int, draw: torch.Generator) -> Tensor:
    """A soft shape, `(1, H, W)`: a rough superellipse of random size, place and direction."""
    short = min(height, width)
    size = math.exp(_uniform(draw, math.log(max(3, short / 26)), math.log(0.4 * short)))
    stretch = math.exp(_uniform(draw, -1, 1))
    if _uniform(draw) < 0.25:  # long and thin
        stretch *= math.exp(_uniform(draw, -1.2, 1.2))
    tall, wide = min(max(size * stretch, 3), 0.9 * height), min(max(size / stretch, 3), 0.9 * width)
    y = torch.arange(height)[:, None] - _uniform(draw, 0, height)
    x = torch.arange(width)[None] - _uniform(draw, 0, width)
    angle = _uniform(draw, 0, math.pi)
    u = (y * math.cos(angle) + x * math.sin(angle)).abs() / (tall / 2)
    v = (x * math.cos(angle) - y * math.sin(angle)).abs() / (wide / 2)
    cell = max(2.5, min(tall, wide) / _uniform(draw, 1, 4))
    grid = max(2, round(height / cell)), max(2, round(width / cell))
    noise = torch.randn(1, 1, *grid, generator=draw)
    rough = F.interpolate(noise, (height, width), mode="bicubic", align_corners=False)[0, 0]
    inside = 1 - u ** _uniform(draw, 1.5, 6) - v ** _uniform(draw, 1.5, 6)
    soft = torch.sigmoid((inside + _uniform(draw) * rough) * _uniform(draw, 3, 12))
    return (soft * ((u < 1.3) & (v < 1.3)))[None]


def _fill(image: Tensor, others: Tensor, draw: torch.Generator) -> Tensor:
    """What a shape is filled with, `(C, H, W)`."""
    kind = _uniform(draw)
    if kind < 0.5:
        darker = _uniform(draw) < 0.7
        return image * (_uniform(draw, 0.2, 0.85) if darker else _uniform(draw, 1.2, 2.2))
    if kind < 0.9:
        other = (others[int(_uniform(draw, 0, len(others)))] + 1) / 2
        height, width = image.shape[1:]
        shift = int(_uniform(draw, 0, height)), int(_uniform(draw, 0, width))
        return torch.roll(other, shift, (1, 2)) * _uniform(draw, 0.6, 1.4)
    level = torch.rand(len(image), 1, 1, generator=draw) * 0.8
    return level + 0.05 * torch.randn(image.shape, generator=draw)


def _uniform(draw: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    return low + (high - low) * float(torch.rand((), generator=draw))


def _normalised(x: Tensor) -> Tensor:
    """Logarithms of intensities, standardised over each image, and over each neighbourhood."""
    levels = torch.log((x + 1) / 2 + 0.05)
    mean, deviation = levels.mean((2, 3), keepdim=True), levels.std((2, 3), keepdim=True)
    local = _local_mean(levels)
    spread = (_local_mean(levels.square()) - local.square()).clamp(min=0).sqrt()
    return torch.cat([(levels - mean) / (deviation + 1e-3), (levels - local) / (spread + 0.05)], 1)


def _local_mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, _WINDOW, 1, _WINDOW // 2, count_include_pad=False)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def _activation() -> nn.Module:
    return nn.LeakyReLU(0.1)


def _block(channels: int, out: int, stride: int = 1, dilation: int = 1) -> nn.Module:
    convolution = nn.Conv2d(channels, out, 3, stride, dilation, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), _activation())
