"""Samples of a run against its test split, next to what gives such distances a meaning."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache, cached_property, partial
from pathlib import Path
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

from ..core.data_spec import DataSpec
from ..core.distributed import by_main, own_rows
from ..core.errors import ConfigError
from ..core.files import sha256_of
from ..core.randomness import Randomness
from ..data import chunk_size, to_float
from ..game import Method
from .baselines.feature_baselines import pca_name
from .baselines.sample_baselines import gaussian_stand_in, shuffled_values
from .config import EvaluationInputs
from .features import FeatureFunction, extract
from .metrics.inception import POOL_LAYER, find_weights, load_inception
from .metrics.sample_distances import WIDEST_COVARIANCE
from .protocols import Protocol
from .result import Result, Subject

logger = logging.getLogger(__name__)

Draw = Callable[[], Tensor]


class ReferenceFeatures:
    """The features in which the samples and the data of an evaluation are compared."""

    def __init__(self, inputs: EvaluationInputs) -> None:
        self.inputs = inputs
        self.owner = inputs.reference_owner or inputs.method
        self._load = cache(inputs.load)

    def check(self, protocol: Protocol) -> None:
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
        dataset, spec = self.inputs.dataset, self.inputs.dataset.spec
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
        if self.inputs.config.reference_features:
            return self.inputs.config.reference_features
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
        few = torch.zeros(2, *self.inputs.method.sample_spec.shape)
        function = self._layer(name)
        return by_main(lambda: extract(function, few, self.inputs.device).shape[1])

    @cached_property
    def weights(self) -> Path:
        """The file of Inception weights."""
        return find_weights(self.inputs.config.inception)

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
        describe, sha256 = load_inception(self.weights, self.inputs.device)
        return FeatureFunction(f"inception {sha256[:8]}", "baseline", describe)

    def _network(self, folder: str) -> Method:
        return self._load(folder) if folder else self.owner

    def _layer(self, name: str) -> FeatureFunction:
        """A layer of this run, or of another; images are resized to what it sees."""
        called, folder, layer = reference_parts(name)
        other = self._network(folder)
        _check_alike(name, other.spec, self.inputs.method.sample_spec)
        other.find_layer(layer)
        size = other.spec.shape

        def describe(x: Tensor) -> Tensor:
            if x.shape[1:] != size:
                x = F.interpolate(x, size[1:], mode="bilinear", antialias=True)
            return other.features(x, layer)

        return FeatureFunction(called, "baseline", describe)


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
        digest, width = by_main(partial(_digest_and_width, real))
        dim = POOL_LAYER if protocol.reference == "inception" else width
        for drawn, draw in _drawn(inputs, protocol):
            subject = replace(drawn, dim=dim, reference_features=function.name)
            results.append(
                inputs.cache.result(
                    protocol,
                    subject.name,
                    subject.weights,
                    inputs.provenance,
                    partial(_measure, subject, draw, function, protocol, real, inputs),
                    of_data=subject.kind == "baseline",
                    reference=function.name,
                    real=digest,
                )
            )
    return results


def _digest_and_width(features: Tensor) -> tuple[str, int]:
    return sha256_of(features.numpy().tobytes()), features.shape[1]


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
    drawn = draw()
    generated = extract(function, drawn, inputs.device)
    found = by_main(lambda: protocol.measure(generated, real, inputs.device))
    subject = replace(subject, num=len(drawn))
    return protocol.result(subject, found, inputs.provenance, perf_counter() - started)


def _drawn(inputs: EvaluationInputs, protocol: Protocol) -> Iterator[tuple[Subject, Draw]]:
    """The sets that are compared with the test split, and functions that make them."""
    num, seed = protocol.constants["num_generated"], protocol.constants["seed"]
    method, train, asked = inputs.method, inputs.dataset.train, inputs.config.baselines
    for run in inputs.runs:
        yield Subject("samples", "model", run.weights), partial(_samples, run.method, num, seed)
    if "raw" in asked:
        some = Randomness(seed, "floor").permutation(len(train))[:num].sort().values
        subject = Subject("training examples", "baseline")
        yield subject, lambda: _targets(method, train.values[some])
    if "pca" in asked:
        spec = method.sample_spec
        width = min(method.prior.dim, spec.num_values, len(train))
        yield (
            Subject(f"gaussian of {pca_name(width)}", "baseline"),
            lambda: gaussian_stand_in(
                _targets(method, train.values), width, num, seed, spec.bounded
            ),
        )
        yield (
            Subject("shuffled values", "baseline"),
            lambda: shuffled_values(_targets(method, train.values), num, seed),
        )
    if "random" in asked:
        subject = Subject("random generator", "untrained")
        yield subject, lambda: _samples(inputs.untrained(), num, seed)


@torch.no_grad()
def _samples(method: Method, num: int, seed: int) -> Tensor:
    """Samples of so many latents, on the CPU; of its own share alone where processes share them.

    `extract` takes the same share of them.
    """
    device = next(method.parameters()).device
    latents = method.prior.sample(num, Randomness(seed, "generation"))
    chunk = chunk_size(method.sample_spec.num_values, device)
    samples, rows = torch.zeros(num, *method.sample_spec.shape), own_rows(num, chunk)
    for start in rows[::chunk]:
        part = slice(start, min(start + chunk, rows.stop))
        samples[part] = method.decode(latents[part].to(device)).float().cpu()
    return samples


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
