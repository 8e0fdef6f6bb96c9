"""Samples of a run against its test split, next to what gives such distances a meaning."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
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
from ..game import Method
from .baselines.sample_baselines import gaussian_stand_in, shuffled_values
from .config import EvaluationInputs
from .features import FeatureFunction, extract
from .metrics.inception import POOL_LAYER, find_weights, load_inception
from .metrics.sample_distances import WIDEST_COVARIANCE
from .protocols import Protocol
from .result import Kind, Result, Subject

logger = logging.getLogger(__name__)

Draw = Callable[[], Tensor]


@dataclass
class ReferenceFeatures:
    """The features in which samples and data are compared.

    Attributes:
        names: Layers of the run, or `RUN:LAYER` of another, or `NAME=RUN:LAYER` to have it called
            so in what is written; the run's own feature layer if empty, or if that is too wide for
            its covariance the widest layer that is not.
        method: The networks whose samples are measured.
        owner: The networks whose layers are meant where no run is named.
        load: Loads the networks of another run.
        inception: A file of Inception weights, or None to fetch it.
        device: The device on which features are computed.
    """

    names: Sequence[str]
    method: Method
    owner: Method
    load: Callable[[str], Method]
    inception: str | Path | None
    device: torch.device
    _networks: dict[str, Method] = field(default_factory=dict[str, Method])

    @classmethod
    def of(cls, inputs: EvaluationInputs) -> ReferenceFeatures:
        """The reference features of an evaluation."""
        config, owner = inputs.config, inputs.reference_owner or inputs.method
        names, inception = config.reference_features, config.inception
        return cls(names, inputs.method, owner, inputs.load, inception, inputs.device)

    def check(self, protocol: Protocol, dataset: Dataset) -> None:
        """Refuses what cannot be measured, before anything is done.

        Raises:
            ConfigError: Features are too wide for their covariance; or for Inception there are no
                weights, or the data are not images of one or three channels.
        """
        if protocol.needs != "sample":
            return
        if protocol.reference != "inception":
            self._check_widths(protocol)
            return
        spec = dataset.spec
        if spec.kind != "images" or spec.shape[0] not in (1, 3):
            raise ConfigError(
                f"{protocol.name} needs images of 1 or 3 channels; {dataset.name} holds"
                f" {spec.kind} of shape {'x'.join(map(str, spec.shape))}."
            )
        assert self.weights

    def _check_widths(self, protocol: Protocol) -> None:
        for name in self._names:
            if (width := self._width(name)) <= WIDEST_COVARIANCE:
                continue
            folder = reference_parts(name)[1]
            others = self._network(folder).feature_layers
            narrower = self._widest([f"{folder}:{o}" if folder else o for o in others])
            raise ConfigError(
                f"{protocol.name} takes the covariance of at most {WIDEST_COVARIANCE:,} features,"
                f" and {name} has {width:,}; compare in a narrower layer, such as"
                f" --reference-features {narrower or 'RUN:LAYER of another run'}."
            )

    @property
    def _names(self) -> Sequence[str]:
        if self.names:
            return self.names
        layer = self.owner.default_layer
        if self._width(layer) <= WIDEST_COVARIANCE:
            return [layer]
        return [self._widest(self.owner.feature_layers) or layer]

    def _widest(self, names: Sequence[str]) -> str | None:
        """The widest of layers that are not too wide; None if all are."""
        widths = {name: self._width(name) for name in names}
        narrow = [name for name, width in widths.items() if width <= WIDEST_COVARIANCE]
        return max(narrow, key=lambda name: widths[name], default=None)

    def _width(self, name: str) -> int:
        """The width of a layer's features of examples as this run's generator draws them."""
        few = torch.zeros(2, *self.method.sample_spec.shape)
        return extract(self._layer(name), few, self.device).shape[1]

    @cached_property
    def weights(self) -> Path:
        """The file of Inception weights."""
        return find_weights(self.inception)

    def functions(self, protocol: Protocol) -> list[FeatureFunction]:
        """What turns examples as the generator draws them into features.

        Raises:
            ConfigError: A layer or a run does not exist, or the run is of other data.
        """
        if protocol.reference == "inception":
            return [self._inception]
        return [self._layer(name) for name in self._names]

    @cached_property
    def _inception(self) -> FeatureFunction:
        """The reference network under the first digits of its weights' hash."""
        describe, sha256 = load_inception(self.weights, self.device)
        return FeatureFunction(f"inception {sha256[:8]}", "baseline", describe)

    def _network(self, folder: str) -> Method:
        if folder and folder not in self._networks:
            self._networks[folder] = self.load(folder)
        return self._networks[folder] if folder else self.owner

    def _layer(self, name: str) -> FeatureFunction:
        """A layer of this run, or of another; images are resized to what it sees."""
        called, folder, layer = reference_parts(name)
        other = self._network(folder)
        _check_alike(name, other.spec, self.method.sample_spec)
        other.find_layer(layer)
        size = other.spec.shape
        return FeatureFunction(
            called, "baseline", lambda x: other.features(_resized(x, size), layer)
        )


def measure_generation(
    inputs: EvaluationInputs, protocol: Protocol, references: ReferenceFeatures
) -> list[Result]:
    """The results of one protocol in each reference features: samples, then baselines.

    Baselines that no network draws depend on the data alone, in the form that the features of its
    test split tell.
    """
    results: list[Result] = []
    for function in references.functions(protocol):
        of_data = _of_data(function, inputs.method)
        real = extract(of_data, inputs.dataset.test.values, inputs.device)
        about = {"reference": function.name, "real": sha256_of(real.numpy().tobytes())}
        for name, kind, weights, draw in _drawn(inputs, protocol):
            dim = POOL_LAYER if protocol.reference == "inception" else real.shape[1]
            subject = Subject(name, kind, weights, dim, function.name)
            measure = partial(_measure, subject, draw, function, protocol, real, inputs)
            results.append(
                inputs.cache.result(
                    protocol,
                    name,
                    weights,
                    inputs.provenance,
                    measure,
                    of_data=kind == "baseline",
                    **about,
                )
            )
    return results


def _measure(
    subject: Subject,
    draw: Draw,
    function: FeatureFunction,
    protocol: Protocol,
    real: Tensor,
    inputs: EvaluationInputs,
) -> Result:
    started = perf_counter()
    kind = f" ({subject.weights})" if subject.weights else ""
    logger.info("measuring %s of %s%s in %s", protocol.name, subject.name, kind, function.name)
    generated = extract(function, draw(), inputs.device)
    found = protocol.measure(generated, real, inputs.device)
    return Result(
        protocol.record,
        replace(subject, num=len(generated)),
        found.metrics,
        inputs.provenance,
        round(perf_counter() - started, 2),
        found.details,
    )


def _drawn(
    inputs: EvaluationInputs, protocol: Protocol
) -> Iterator[tuple[str, Kind, str | None, Draw]]:
    """Names, kinds, weights and makers of the sets that are compared with the test split."""
    num, seed = protocol.constants["num_generated"], protocol.constants["seed"]
    first, train, asked = inputs.method, inputs.dataset.train, inputs.config.baselines
    for run in inputs.runs:
        yield (
            "samples",
            "model",
            run.weights,
            lambda method=run.method: _samples(method, num, seed),
        )
    if "raw" in asked:
        some = Randomness(seed, "floor").permutation(len(train))[:num].sort().values
        yield "training examples", "baseline", None, lambda: _targets(first, train.values[some])
    if "pca" in asked:
        spec = first.sample_spec
        width = min(first.prior.dim, spec.num_values, len(train))
        targets = lambda: _targets(first, train.values)  # noqa: E731
        drawn = lambda: gaussian_stand_in(targets(), width, num, seed, spec.bounded)  # noqa: E731
        yield f"gaussian of pca{width}", "baseline", None, drawn
        yield (
            "shuffled values",
            "baseline",
            None,
            lambda: shuffled_values(targets(), num, seed),
        )
    if "random" in asked:
        random = lambda: _samples(inputs.untrained(), num, seed)  # noqa: E731
        yield "random generator", "untrained", None, random


@torch.no_grad()
def _samples(method: Method, num: int, seed: int) -> Tensor:
    """Samples of so many latents, on the CPU."""
    device = next(method.parameters()).device
    latents = method.prior.sample(num, Randomness(seed, "generation"))
    chunks = torch.split(latents, chunk_size(method.sample_spec.num_values, device))
    parts = [method.decode(z.to(device)).float().cpu() for z in chunks]
    return torch.cat(parts)


@torch.no_grad()
def _targets(method: Method, values: Tensor) -> Tensor:
    """Data in the form that the generator draws, on the CPU; as stored if that is it."""
    if method.sample_spec == method.spec:
        return values
    device = next(method.parameters()).device
    chunks = torch.split(values, chunk_size(method.spec.num_values, device))
    parts = [method.resize_to_sample(to_float(x.to(device))).cpu() for x in chunks]
    return torch.cat(parts)


def _of_data(function: FeatureFunction, method: Method) -> FeatureFunction:
    """The same features of data, brought to the form that the generator draws first."""
    return FeatureFunction(
        function.name, function.kind, lambda x: function.function(method.resize_to_sample(x))
    )


def reference_parts(name: str) -> tuple[str, str, str]:
    """What reference features are called, their run's folder if it is another's, and the layer."""
    folder, _, layer = name.rpartition(":")
    called, is_named, rest = folder.partition("=")
    if not is_named and "=" in layer:
        raise ConfigError(
            f"reference features '{name}': a name is for a layer of another run, NAME=RUN:LAYER."
        )
    if not is_named or Path(folder).exists():  # a folder's name may have that sign in it
        return name, folder, layer
    if not called:
        raise ConfigError(
            f"reference features '{name}': there is no name before =; write NAME=RUN:LAYER."
        )
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
