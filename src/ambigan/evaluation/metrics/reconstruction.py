"""How far data and samples are from their way through the latents and back, beside wrong pairs.

A distance alone says little: it is small where all data are alike. So each stands beside the same
distance over shuffled pairs, where every example meets the reconstruction of another: the one
before it in an order drawn once, since a split may be sorted by class.
A ratio of 1 means that the reconstruction knows nothing of its input, 0 that it is perfect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ...core.errors import ConfigError, NonFiniteError
from ...core.randomness import Randomness
from ...data.dataset import Dataset
from ...data.values import to_float
from ...game import Method
from ..baselines.feature_baselines import fit_pca

Map = Callable[[Tensor], Tensor]
Errors = dict[str, float | None]
"""`error_KIND`, `error_KIND_shuffled` and `ratio_KIND` of `real`, `generated` and `latent`."""

UNITS = {"images": 0.5, "vectors": 1.0}
"""Images are measured in [0, 1], half their range here; vectors as their scaling left them."""

_CHUNK = 1024


def as_they_are(x: Tensor) -> Tensor:
    """What is reconstructed of data where it is all of them."""
    return x


@dataclass(frozen=True)
class Maps:
    """Ways between data and latents; None where there is none.

    Attributes:
        reconstruct: data to latents and back.
        sample: latents to data.
        encode: data to latents.
        draw: so many latents from the prior, by a source of randomness.
        target: what of data is reconstructed; smaller images where the generator makes those.
    """

    reconstruct: Map
    sample: Map | None = None
    encode: Map | None = None
    draw: Callable[[int, Randomness], Tensor] | None = None
    target: Map = as_they_are


def maps_of(method: Method) -> Maps:
    """What a method declares that it can do.

    Samples that are smaller than data cannot be encoded, and so are not reconstructed.

    Raises:
        ConfigError: it cannot reconstruct.
    """
    if "reconstruct" not in method.capabilities:
        known = ", ".join(sorted(method.capabilities)) or "nothing but features"
        raise ConfigError(f"{type(method).__name__} cannot reconstruct; it can do: {known}.")
    is_whole = method.sample_spec == method.spec
    return Maps(
        reconstruct=method.reconstruct,
        sample=method.decode if "sample" in method.capabilities and is_whole else None,
        encode=method.encode if "encode" in method.capabilities else None,
        draw=method.prior.sample,
        target=method.resize_to_sample,
    )


def reconstruction_errors(
    maps: Maps,
    dataset: Dataset,
    *,
    num_generated: int,
    seed: int,
    device: torch.device | str = "cpu",
) -> Errors:
    """Errors over the test split, and where it can sample and encode, over samples and latents.

    Source: Donahue et al., BiGAN, the authors' code: EGr, EGr_b, EGg, EGg_b. There, samples are
    100,000 and rounded to 256 levels before they are encoded and compared, and pairs are shifted
    within batches of 128 of the split's own order, which for MNIST is random as well.

    Args:
        maps: in eval mode, on the device.
        dataset: its test split is measured.
        num_generated: how many latents are drawn.
        seed: of these draws, made on the CPU.
        device: where the maps are computed.

    Raises:
        ConfigError: there is one example only, or a reconstruction has another shape.
        NonFiniteError: a reconstruction is not a number.
    """
    kind = dataset.spec.kind
    errors = real_errors(maps.reconstruct, dataset.test.values, kind, device, maps.target)
    if maps.sample is None or maps.encode is None or maps.draw is None:
        return errors | dict.fromkeys(_keys("generated", "latent"))
    latents = maps.draw(num_generated, Randomness(seed, "reconstruction"))
    return errors | generated_errors(maps.sample, maps.encode, latents, kind, device)


@torch.no_grad()
def real_errors(
    reconstruct: Map,
    values: Tensor,
    kind: str,
    device: torch.device | str = "cpu",
    target: Map = as_they_are,
) -> Errors:
    """Means of |t(x) - G(E(x))| and, shuffled, of |t(x') - G(E(x))|, x' the one after x.

    Args:
        reconstruct: data to latents and back.
        values: a split's values, uint8 images or float vectors.
        kind: `images` are measured in [0, 1], `vectors` in scaled units.
        device: where it is computed.
        target: t, what of data is reconstructed.
    """
    total = _Pairs("real", len(values))
    for part in _overlapping(len(values)):
        x = to_float(values[part].to(device))
        total.add(target(x), reconstruct(x[:-1]))
    return total.errors(UNITS[kind])


@torch.no_grad()
def generated_errors(
    sample: Map, encode: Map, latents: Tensor, kind: str, device: torch.device | str = "cpu"
) -> Errors:
    """Means of |G(z) - G(E(G(z)))| and of |z - E(G(z))|, and of both shuffled.

    Args:
        sample: latents to data.
        encode: data to latents.
        latents: `(N, latent_dim)`; their errors are in their own units.
        kind: of the data, `images` or `vectors`.
        device: where it is computed.
    """
    data, codes = _Pairs("generated", len(latents)), _Pairs("latent", len(latents))
    for part in _overlapping(len(latents)):
        z = latents[part].to(device)
        x = sample(z)
        found = encode(x[:-1])
        data.add(x, sample(found))
        codes.add(z, found)
    return data.errors(UNITS[kind]) | codes.errors(1.0)


def mean_maps(
    dataset: Dataset, target: Map = as_they_are, device: torch.device | str = "cpu"
) -> Maps:
    """Predicts the training mean, whatever the input."""
    values = dataset.train.values
    sums = [
        target(to_float(part.to(device))).sum(0, dtype=torch.float64)
        for part in torch.split(values, _CHUNK)
    ]
    mean = (torch.stack(sums).sum(0) / len(values)).float()
    return Maps(lambda x: mean.expand(len(x), *mean.shape), target=target)


def pca_maps(
    dataset: Dataset, width: int, target: Map = as_they_are, device: torch.device | str = "cpu"
) -> Maps:
    """Keeps `width` principal components of the training split."""
    pca = fit_pca(_targets(dataset.train.values, target, device), width)
    return Maps(lambda x: pca.reconstruct(target(x)), target=target)


def _targets(values: Tensor, target: Map, device: torch.device | str) -> Tensor:
    """What is reconstructed of a split's values, images in the 256 levels of their file."""
    first = target(to_float(values[:1].to(device)))
    if first.shape[1:] == values.shape[1:]:
        return values
    parts = (target(to_float(part.to(device))) for part in torch.split(values, _CHUNK))
    return torch.cat([((x + 1) * 127.5).round_().clamp_(0, 255).byte().cpu() for x in parts])


class _Pairs:
    """Sums of distances between things and their reconstructions, in step and one behind."""

    def __init__(self, name: str, num: int) -> None:
        if num < 2:
            raise ConfigError(f"shuffled pairs need two examples or more; there are {num}.")
        self.name, self.num = name, num
        self.total, self.shuffled = 0.0, 0.0

    def add(self, originals: Tensor, again: Tensor) -> None:
        """Originals `(n + 1, ...)`, the last of which has no reconstruction among `(n, ...)`."""
        if originals.shape[1:] != again.shape[1:]:
            raise ConfigError(
                f"a reconstruction has shape {tuple(again.shape[1:])}, its original"
                f" {tuple(originals.shape[1:])}; they cannot be compared."
            )
        self.total += _sum_of_distances(originals[:-1], again)
        self.shuffled += _sum_of_distances(originals[1:], again)

    def errors(self, unit: float) -> Errors:
        """The means, in units of which one of the data's is `unit`, and their ratio."""
        if not torch.tensor([self.total, self.shuffled]).isfinite().all():
            raise NonFiniteError(
                f"the reconstruction error ({self.name}) is no finite number; the networks have"
                " broken down, take an earlier checkpoint."
            )
        ratio = self.total / self.shuffled if self.shuffled else None
        means = (unit * self.total / self.num, unit * self.shuffled / self.num)
        return dict(zip(_keys(self.name), (*means, ratio), strict=True))


def _keys(*names: str) -> list[str]:
    return [key for n in names for key in (f"error_{n}", f"error_{n}_shuffled", f"ratio_{n}")]


def _overlapping(num: int) -> Iterator[Tensor]:
    """Places of consecutive chunks of a drawn order, each with the first of the next."""
    order = Randomness("pairs").permutation(num)
    for start in range(0, num, _CHUNK):
        yield order[torch.arange(start, min(start + _CHUNK, num) + 1) % num]


def _sum_of_distances(a: Tensor, b: Tensor) -> float:
    lengths = (a - b).flatten(1).float().square().sum(1).sqrt()
    return float(lengths.cpu().double().sum())
