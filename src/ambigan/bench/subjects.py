"""The games whose steps are timed: ours by preset, and the tutorials' loops of the same game."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import unknown_name
from ..core.settings import override
from ..engine.config import RunConfig
from ..presets import find_preset
from . import textbook_bigan, textbook_bigbigan, textbook_dcgan
from .textbook_bigbigan import Sizes

Work = Callable[[], object]
Textbook = Callable[[Tensor], Work]
"""From uint8 images on the device to one step."""

WIDTHS = {"cpu": 32, "cuda": 128}
"""Of DCGAN's networks: the paper's where there is a GPU, else what two cores can step through."""

LARGE = {"cpu": Sizes(), "cuda": Sizes(width=64, stem=64, mlp=1024, batch=256)}
"""Of BigBiGAN's networks: preset `images` on a CPU, and several times as wide on a GPU."""


@dataclass(frozen=True)
class Subject:
    """A game on one shape of images.

    Attributes:
        name: by which it is asked for.
        title: one line.
        shape: of an image.
        method: ours.
        preset: of the method.
        changes: settings by dotted name.
        textbooks: tutorials' steps by name and precision; the first is the yardstick.
        num_examples: images to draw from.
    """

    name: str
    title: str
    shape: tuple[int, int, int]
    method: str
    preset: str
    textbooks: Mapping[tuple[str, str], Textbook]
    changes: Mapping[str, str] = field(default_factory=dict[str, str])
    num_examples: int = 60_000

    @property
    def spec(self) -> DataSpec:
        """The form of the data."""
        return DataSpec("images", self.shape, bounded=True)

    def config(self, **train: str) -> RunConfig:
        """Of our run, with training settings of one's own."""
        changes = {f"train.{name}": value for name, value in train.items()}
        return override(find_preset(self.method, self.preset), {**self.changes, **changes})


def bigan(_device: torch.device) -> Subject:
    """BiGAN's permutation-invariant networks on MNIST's shape."""
    step = textbook_bigan.textbook_step
    return Subject(
        "bigan",
        "BiGAN, preset official, on images of 28x28",
        (1, 28, 28),
        "bigan",
        "official",
        {
            ("textbook loop", "fp32"): step,
            ("textbook loop, one forward", "fp32"): partial(step, share_forward=True),
            ("textbook loop", "bf16"): partial(step, autocast=True),
        },
    )


def dcgan(device: torch.device) -> Subject:
    """DCGAN at 64x64, D and G in turn."""
    width = WIDTHS[device.type]
    step = partial(textbook_dcgan.textbook_step, width=width)
    return Subject(
        "dcgan",
        f"DCGAN, preset dcgan at width {width}, on images of 64x64",
        (3, 64, 64),
        "gan",
        "dcgan",
        {
            ("textbook loop", "fp32"): step,
            ("textbook loop, samples shared", "fp32"): partial(step, share_samples=True),
            ("textbook loop", "bf16"): partial(step, autocast=True),
        },
        {"settings.network.width": str(width)},
        num_examples=5_000,
    )


def bigbigan(device: torch.device) -> Subject:
    """BigBiGAN at 32x32, D and then G and E together, on what a text on it would build."""
    sizes = LARGE[device.type]
    step = partial(textbook_bigbigan.textbook_step, sizes=sizes)
    better = partial(step, freeze=True, channels_last=True)
    network = {
        "width": sizes.width,
        "encoder_width": sizes.stem / 64,
        "encoder_depths": ",".join([str(sizes.depth)] * 3),
        "head_width": sizes.mlp,
        "mlp_width": sizes.mlp,
        "mlp_spectral_norm": "true",
        "head_places": 1,
        "joint_places": 1,
        "crelu": "false",
    }
    return Subject(
        "bigbigan",
        f"BigBiGAN, preset images at width {sizes.width} without our changes to the paper's"
        f" networks, {sizes.batch} images of 32x32",
        (3, 32, 32),
        "bigbigan",
        "images",
        {
            ("textbook loop", "fp32"): step,
            ("textbook loop, D frozen, channels last", "fp32"): better,
            ("textbook loop", "bf16"): partial(step, autocast=True),
            ("textbook loop, D frozen, channels last", "bf16"): partial(better, autocast=True),
        },
        {
            "settings.latent_dim": str(sizes.latent),
            "train.batch_size": str(sizes.batch),
            **{f"settings.network.{name}": str(value) for name, value in network.items()},
        },
    )


SUBJECTS: dict[str, Callable[[torch.device], Subject]] = {
    "bigan": bigan,
    "dcgan": dcgan,
    "bigbigan": bigbigan,
}


def find_subject(name: str, device: torch.device) -> Subject:
    """The game of that name, at the size for the device.

    Raises:
        ConfigError: there is none.
    """
    if name not in SUBJECTS:
        raise unknown_name("game to time", name, SUBJECTS)
    return SUBJECTS[name](device)
