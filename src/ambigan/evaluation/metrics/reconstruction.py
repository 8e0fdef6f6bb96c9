"""Errors of data and samples against their reconstruction through the latents.

An error alone says little, since it is small where all data are alike. So each is reported next to
the same error over shuffled pairs, where every example is compared with the reconstruction of
another one: its predecessor in a random order, since a split may be sorted by class. A ratio of 1
means that the reconstruction carries no information about its input, 0 that it is perfect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite

import torch
from jaxtyping import Float
from torch import Tensor

from ...core.distributed import from_workers, workers
from ...core.errors import ConfigError, NonFiniteError
from ...core.randomness import Randomness
from ...data.dataset import Dataset
from ...data.values import to_float
from ...game import Method
from ..baselines.feature_baselines import fit_pca

Map = Callable[[Tensor], Tensor]
Errors = dict[str, float | None]
"""Values of `error_KIND`, `error_KIND_shuffled` and `ratio_KIND`, where KIND is `real` and, if they
were measured, `generated` and `latent`."""

UNITS = {"images": 0.5, "vectors": 1.0}
"""Factor on errors by kind of data. Images are measured in [0, 1], half their range here; vectors
in scaled units."""

_CHUNK = 1024


def as_they_are(x: Tensor) -> Tensor:
    """Returns x: the target of reconstruction where that is the whole data."""
    return x


@dataclass(frozen=True)
class Maps:
    """Maps between data and latents; None where a method has none.

    Attributes:
        reconstruct: Map from data to latents and back.
        sample: Map from latents to data.
        encode: Map from data to latents.
        draw: Function that draws a number of latents from the prior, given a source of randomness.
        target: Map from data to the form that is reconstructed, smaller images where the generator
            makes smaller ones.
    """

    reconstruct: Map
    sample: Map | None = None
    encode: Map | None = None
    draw: Callable[[int, Randomness], Tensor] | None = None
    target: Map = as_they_are


def maps_of(method: Method) -> Maps:
    """Returns the maps that a method declares, which can reconstruct.

    Samples that are smaller than the data cannot be encoded, so they are not reconstructed.
    """
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
    """Measures errors over the test split and, where the maps allow it, over samples and latents.

    Source: Donahue et al., BiGAN, the authors' code: EGr, EGr_b, EGg, EGg_b. There, 100,000 samples
    are rounded to 256 levels before they are encoded and compared, and pairs are shifted within
    batches of 128 in the split's own order, which for MNIST is random as well.

    Args:
        maps: Maps of the method, in eval mode and on the device.
        dataset: Data set whose test split is measured.
        num_generated: Number of latents to draw.
        seed: Seed of the latents, which are drawn on the CPU.
        device: Device on which the maps are computed.

    Raises:
        ConfigError: There is only one example, or a reconstruction has another shape.
        NonFiniteError: A reconstruction is not finite.
    """
    kind = dataset.spec.kind
    errors = real_errors(maps.reconstruct, dataset.test.values, kind, device, maps.target)
    if maps.sample is None or maps.encode is None or maps.draw is None:
        return errors
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
    """Returns the means of |t(x) - G(E(x))| and, shuffled, of |t(x') - G(E(x))|.

    x' is the example after x, and t the `target`. Images are measured in [0, 1], vectors in scaled
    units.
    """
    total = _Pairs("real", len(values))
    # x holds one example more than is reconstructed, whose target pairs with the last one.
    for number, part in _overlapping(len(values)):
        x = to_float(values[part].to(device))
        total.add(number, target(x), reconstruct(x[:-1]))
    return total.errors(UNITS[kind])


@torch.no_grad()
def generated_errors(
    sample: Map,
    encode: Map,
    latents: Float[Tensor, "N latent_dim"],
    kind: str,
    device: torch.device | str = "cpu",
) -> Errors:
    """Returns the means of |G(z) - G(E(G(z)))| and of |z - E(G(z))|, and of both shuffled."""
    data, codes = _Pairs("generated", len(latents)), _Pairs("latent", len(latents))
    for number, part in _overlapping(len(latents)):
        z = latents[part].to(device)
        x = sample(z)
        found = encode(x[:-1])
        data.add(number, x, sample(found))
        codes.add(number, z, found)
    return data.errors(UNITS[kind]) | codes.errors(1.0)


@torch.no_grad()
def squared_errors(
    maps: Maps, dataset: Dataset, device: torch.device | str = "cpu"
) -> tuple[float, float]:
    """Returns the mean squared error of test data by value, and that of the training mean.

    Units are those of `real_errors`. Each process measures all of it: it is a pass over the split.

    Raises:
        NonFiniteError: A reconstruction is not finite.
    """
    predict_mean = mean_maps(dataset, maps.target, device).reconstruct
    unit, sums, num = UNITS[dataset.spec.kind] ** 2, [0.0, 0.0], 0
    for part in torch.split(dataset.test.values, _CHUNK):
        x = to_float(part.to(device))
        target = maps.target(x)
        num += target.numel()
        for place, predict in enumerate((maps.reconstruct, predict_mean)):
            sums[place] += float((target - predict(x)).double().square().sum())
    if not isfinite(sums[0]):
        raise NonFiniteError(
            "the squared reconstruction error is not finite, so training has diverged; use an"
            " earlier checkpoint."
        )
    return unit * sums[0] / num, unit * sums[1] / num


def mean_maps(
    dataset: Dataset, target: Map = as_they_are, device: torch.device | str = "cpu"
) -> Maps:
    """Returns maps that predict the training mean for every input."""
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
    """Returns maps that keep `width` principal components of the training split."""
    pca = fit_pca(_targets(dataset.train.values, target, device), width)
    return Maps(lambda x: pca.reconstruct(target(x)), target=target)


def _targets(values: Tensor, target: Map, device: torch.device | str) -> Tensor:
    """Returns the targets of a split, images in the 256 levels of their files."""
    first = target(to_float(values[:1].to(device)))
    # PCA is fitted on what is compared: resized images, rounded as a file would store them.
    if first.shape[1:] == values.shape[1:]:
        return values
    parts = (target(to_float(part.to(device))) for part in torch.split(values, _CHUNK))
    return torch.cat([((x + 1) * 127.5).round_().clamp_(0, 255).byte().cpu() for x in parts])


class _Pairs:
    """Sums of distances to reconstructions, of matching pairs and of pairs shifted by one."""

    def __init__(self, name: str, num: int) -> None:
        if num < 2:
            raise ConfigError(f"shuffled pairs need two examples or more; there are {num}.")
        self.name, self.num = name, num
        self.sums: dict[int, tuple[float, float]] = {}

    def add(self, number: int, originals: Tensor, reconstructions: Tensor) -> None:
        """Adds originals `(n + 1, ...)` with reconstructions `(n, ...)` of all but the last.

        They are of the chunk of that number.
        """
        if originals.shape[1:] != reconstructions.shape[1:]:
            raise ConfigError(
                f"a reconstruction has shape {tuple(reconstructions.shape[1:])}, its original"
                f" {tuple(originals.shape[1:])}; they cannot be compared."
            )
        self.sums[number] = (
            _sum_of_distances(originals[:-1], reconstructions),
            _sum_of_distances(originals[1:], reconstructions),
        )

    def errors(self, unit: float) -> Errors:
        """Returns the means, times `unit`, and their ratio."""
        merged = {number: pair for sums in from_workers(self.sums) for number, pair in sums.items()}
        # In the order of chunks, so that rounding does not depend on who computed which.
        total, shuffled = (sum(merged[n][place] for n in sorted(merged)) for place in (0, 1))
        if not torch.tensor([total, shuffled]).isfinite().all():
            raise NonFiniteError(
                f"the reconstruction error ({self.name}) is not finite, so training has diverged;"
                " use an earlier checkpoint."
            )
        ratio = total / shuffled if shuffled else None
        return {
            f"error_{self.name}": unit * total / self.num,
            f"error_{self.name}_shuffled": unit * shuffled / self.num,
            f"ratio_{self.name}": ratio,
        }


def _overlapping(num: int) -> Iterator[tuple[int, Tensor]]:
    """Yields the chunks of a random order of indices, each with the first of the next chunk.

    Each has its number. Processes that share a measurement take them in turn.
    """
    order, here = Randomness("pairs").permutation(num), workers()
    for number, start in enumerate(range(0, num, _CHUNK)):
        # The modulo closes the circle: the last example is paired with the first.
        if number % here.size == here.rank:
            yield number, order[torch.arange(start, min(start + _CHUNK, num) + 1) % num]


def _sum_of_distances(a: Tensor, b: Tensor) -> float:
    """Sums the Euclidean lengths of the differences of paired examples."""
    lengths = (a - b).flatten(1).float().square().sum(1).sqrt()
    return float(lengths.cpu().double().sum())
