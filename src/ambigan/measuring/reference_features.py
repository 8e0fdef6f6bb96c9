"""Samples of a run against its test split, beside what gives such distances a meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.errors import ConfigError
from ..core.files import sha256_of
from ..core.randomness import Randomness
from ..data import Dataset, chunk_size, to_float
from ..evaluation.baselines.sample_baselines import gaussian_stand_in, shuffled_values
from ..evaluation.features import FeatureFunction, extract
from ..evaluation.metrics.inception import POOL_LAYER, find_weights, load_inception
from ..evaluation.metrics.sample_distances import WIDEST_COVARIANCE
from ..evaluation.protocols import Protocol, run_generation
from ..evaluation.results import ResultRow, generation_row
from ..game import Method
from ..run import Run, Weights, load
from ..training import untrained
from .feature_sets import Baseline, Tell
from .result_cache import ResultCache

RANDOM_GENERATOR = "random generator"
"""The row of what an untrained generator draws."""


@dataclass
class ReferenceFeatures:
    """In which features samples and data are compared.

    Attributes:
        names: layers of the run, or `RUN:LAYER` of another, or `NAME=RUN:LAYER` to have it called
            so in what is written; its own feature layer if empty, or if that is too wide for its
            covariance the widest layer that is not.
        inception: a file of Inception weights, or None to fetch it.
        own: the run whose layers are meant; the one measured if None.
    """

    names: Sequence[str] = ()
    inception: str | Path | None = None
    own: Callable[[], Run] | None = None
    _loaded: dict[torch.device, FeatureFunction] = field(
        default_factory=dict[torch.device, FeatureFunction]
    )

    def check(self, protocol: Protocol, run: Run, dataset: Dataset) -> None:
        """Refuses what cannot be measured, before anything is done.

        Raises:
            ConfigError: features too wide for their covariance; or for Inception no weights, or
                data that are no images of one or three channels.
        """
        if "sample" not in protocol.needs:
            return
        if not protocol.name.endswith("_inception"):
            self._check_widths(protocol, run)
            return
        spec = dataset.spec
        if spec.kind != "images" or spec.shape[0] not in (1, 3):
            raise ConfigError(
                f"{protocol.name} needs images of 1 or 3 channels; {dataset.name} holds"
                f" {spec.kind} of shape {'x'.join(map(str, spec.shape))}."
            )
        assert self.weights

    def _check_widths(self, protocol: Protocol, run: Run) -> None:
        for name in self._names(run):
            if (width := self._width(name, run)) <= WIDEST_COVARIANCE:
                continue
            folder = space_parts(name)[1]
            others = (load(folder) if folder else run).method.feature_layers
            narrower = self._widest([f"{folder}:{o}" if folder else o for o in others], run)
            raise ConfigError(
                f"{protocol.name} takes the covariance of at most {WIDEST_COVARIANCE:,} features,"
                f" and {name} has {width:,}; compare in a narrower layer, such as --space"
                f" {narrower or 'RUN:LAYER of another run'}."
            )

    def _names(self, run: Run) -> Sequence[str]:
        if self.names:
            return self.names
        method = (self._owner or run).method
        if self._width(method.default_layer, run) <= WIDEST_COVARIANCE:
            return [method.default_layer]
        return [self._widest(method.feature_layers, run) or method.default_layer]

    def _widest(self, names: Sequence[str], run: Run) -> str | None:
        """Of layers not too wide; None if all are."""
        widths = {name: self._width(name, run) for name in names}
        narrow = [name for name, width in widths.items() if width <= WIDEST_COVARIANCE]
        return max(narrow, key=lambda name: widths[name], default=None)

    def _width(self, name: str, run: Run) -> int:
        """Of a layer's features of examples as this run's generator draws them."""
        few = torch.zeros(2, *run.method.sample_spec.shape)
        return extract(_layer_of(name, self._owner or run), few, run.device).shape[1]

    @cached_property
    def weights(self) -> Path:
        """The file of Inception weights."""
        return find_weights(self.inception)

    @cached_property
    def _owner(self) -> Run | None:
        return self.own() if self.own else None

    def functions(self, protocol: Protocol, run: Run) -> list[FeatureFunction]:
        """What turns examples as the generator draws them into features.

        Raises:
            ConfigError: a layer or a run does not exist, or the run is of other data.
        """
        if protocol.name.endswith("_inception"):
            return [self._inception_on(run.device)]
        return [_layer_of(name, self._owner or run) for name in self._names(run)]

    def _inception_on(self, device: torch.device) -> FeatureFunction:
        """The reference network under the first digits of its weights' hash; loaded once."""
        if device not in self._loaded:
            describe, sha256 = load_inception(self.weights, device)
            self._loaded[device] = FeatureFunction(f"inception {sha256[:8]}", "baseline", describe)
        return self._loaded[device]


def measure_generation(
    runs: Sequence[Run],
    dataset: Dataset,
    protocol: Protocol,
    spaces: ReferenceFeatures,
    baselines: Sequence[Baseline],
    tell: Tell,
    kept: ResultCache,
) -> list[ResultRow]:
    """The rows of one protocol, for each space: samples of each kind of weights, then stand-ins.

    Stand-ins that no network draws are of the data alone, in the form that the features of its test
    split tell.
    """
    rows: list[ResultRow] = []
    for function in spaces.functions(protocol, runs[0]):
        device = runs[0].device
        real = extract(_of_data(function, runs[0].method), dataset.test.values, device)
        space = {"space": function.name, "real": sha256_of(real.numpy().tobytes())}
        for name, weights, draw in _drawn(runs, dataset, protocol, baselines):
            measure = partial(_row, name, weights, draw, function, protocol, real, device, tell)
            of_data = weights is None and name != RANDOM_GENERATOR
            rows.append(kept.row(protocol, name, weights, measure, of_data=of_data, **space))
    return rows


def _row(
    name: str,
    weights: Weights | None,
    draw: Callable[[], Tensor],
    function: FeatureFunction,
    protocol: Protocol,
    real: Tensor,
    device: torch.device,
    tell: Tell,
) -> ResultRow:
    started = perf_counter()
    kind = f" ({weights})" if weights else ""
    tell(f"measuring {protocol.name} of {name}{kind} in {function.name}")
    generated = extract(function, draw(), device)
    scores = run_generation(protocol, generated, real, device=device)
    return generation_row(
        name,
        "model" if weights else "baseline",
        scores,
        space=function.name,
        dim=POOL_LAYER if protocol.name.endswith("_inception") else real.shape[1],
        num=len(generated),
        seconds=perf_counter() - started,
        weights=weights,
    )


def _drawn(
    runs: Sequence[Run], dataset: Dataset, protocol: Protocol, baselines: Sequence[Baseline]
) -> Iterator[tuple[str, Weights | None, Callable[[], Tensor]]]:
    """Names, weights and makers of the sets that stand against the test split."""
    num, seed = protocol.constants["num_generated"], protocol.constants["seed"]
    first = runs[0].method
    for run in runs:
        yield "samples", run.weights, lambda method=run.method: _samples(method, num, seed)
    if "raw" in baselines:
        some = Randomness(seed, "floor").permutation(len(dataset.train))[:num].sort().values
        yield "training examples", None, lambda: _targets(first, dataset.train.values[some])
    if "pca" in baselines:
        width = min(first.prior.dim, first.sample_spec.num_values, len(dataset.train))
        train = lambda: _targets(first, dataset.train.values)  # noqa: E731
        bounded = first.sample_spec.bounded
        name = f"gaussian of pca{width}"
        yield name, None, lambda: gaussian_stand_in(train(), width, num, seed, bounded)
        yield "shuffled values", None, lambda: shuffled_values(train(), num, seed)
    if "random" in baselines:
        yield (
            RANDOM_GENERATOR,
            None,
            lambda: _samples(untrained(runs[0], dataset), num, seed),
        )


@torch.no_grad()
def _samples(method: Method, num: int, seed: int) -> Tensor:
    """What a method draws of so many latents, on the CPU."""
    device = next(method.parameters()).device
    latents = method.prior.sample(num, Randomness(seed, "generation"))
    chunks = latents.split(chunk_size(method.sample_spec.num_values, device))
    parts = [method.decode(z.to(device)).float().cpu() for z in chunks]
    return torch.cat(parts)


@torch.no_grad()
def _targets(method: Method, values: Tensor) -> Tensor:
    """Data in the form that the generator draws, on the CPU; as stored if that is it."""
    if method.sample_spec == method.spec:
        return values
    device = next(method.parameters()).device
    chunks = values.split(chunk_size(method.spec.num_values, device))
    parts = [method.resize_to_sample(to_float(x.to(device))).cpu() for x in chunks]
    return torch.cat(parts)


def _of_data(function: FeatureFunction, method: Method) -> FeatureFunction:
    """The same features of data, brought to the form that the generator draws first."""
    return FeatureFunction(
        function.name, function.kind, lambda x: function.function(method.resize_to_sample(x))
    )


def _layer_of(name: str, run: Run) -> FeatureFunction:
    """A layer of this run, or with `RUN:LAYER` of another; images are resized to what it sees."""
    called, folder, layer = space_parts(name)
    other = load(folder, device=str(run.device)) if folder else run
    _check_alike(name, other.spec, run.method.sample_spec)
    other.method.find_layer(layer)
    size = other.spec.shape
    return FeatureFunction(
        called, "baseline", lambda x: other.method.features(_resized(x, size), layer)
    )


def space_parts(name: str) -> tuple[str, str, str]:
    """What a space is called, its run's folder if it is another's, and the layer."""
    folder, _, layer = name.rpartition(":")
    called, is_named, rest = folder.partition("=")
    if not is_named and "=" in layer:
        raise ConfigError(f"space '{name}': a name is for a layer of another run, NAME=RUN:LAYER.")
    if not is_named or Path(folder).exists():  # a folder's name may have that sign in it
        return name, folder, layer
    if not called:
        raise ConfigError(f"space '{name}': there is no name before =; write NAME=RUN:LAYER.")
    return called, rest, layer


def _check_alike(name: str, theirs: DataSpec, ours: DataSpec) -> None:
    same = theirs == ours
    if theirs.kind == ours.kind == "images":
        same = theirs.shape[0] == ours.shape[0]
    if not same:
        raise ConfigError(
            f"'{name}' describes {theirs.kind} of shape {'x'.join(map(str, theirs.shape))}; the"
            f" samples are {ours.kind} of shape {'x'.join(map(str, ours.shape))}."
        )


def _resized(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    if x.shape[1:] == shape:
        return x
    return F.interpolate(x, shape[1:], mode="bilinear", antialias=True)
