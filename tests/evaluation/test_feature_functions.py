"""Feature functions: chunks, devices and layers of a method, and what they refuse."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError, NonFiniteError
from ambigan.evaluation.features import FeatureFunction, extract, layer_features
from ambigan.methods.bigan import BiGAN, BiGANSettings
from ambigan.networks.permutation_invariant import MLPSettings

SPEC = DataSpec("images", (1, 4, 4), bounded=True)
IMAGES = torch.randint(256, (37, 1, 4, 4), generator=torch.Generator().manual_seed(0)).byte()


def toy_bigan() -> BiGAN:
    torch.manual_seed(0)
    return BiGAN(BiGANSettings(latent_dim=3, network=MLPSettings(hidden=(8, 6))), SPEC)


def flat(x: Tensor) -> Tensor:
    return x.flatten(1)


def test_images_come_as_floats_between_minus_one_and_one() -> None:
    features = extract(FeatureFunction("pixels", "baseline", flat), IMAGES)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, IMAGES.flatten(1).float() / 127.5 - 1)


def test_vectors_come_as_they_are() -> None:
    vectors = torch.randn(9, 5)
    assert torch.equal(extract(FeatureFunction("raw", "baseline", flat), vectors), vectors)


@pytest.mark.parametrize("chunk", [1, 5, 37, 1000])
def test_chunks_make_no_difference(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    function = layer_features(toy_bigan())
    whole = extract(function, IMAGES)
    monkeypatch.setattr("ambigan.evaluation.features.chunk_size", lambda *_: chunk)
    torch.testing.assert_close(extract(function, IMAGES), whole)


@pytest.mark.parametrize(
    ("shape", "largest"), [((3, 32, 32), 128), ((2,), 128), ((3, 640, 640), 1)]
)
def test_a_cpu_is_given_fewer_of_larger_examples(shape: tuple[int, ...], largest: int) -> None:
    seen: list[int] = []

    def count(x: Tensor) -> Tensor:
        seen.append(len(x))
        return x.flatten(1)[:, :1]

    values = torch.zeros(1, *shape, dtype=torch.uint8).expand(300, *shape)
    extract(FeatureFunction("first value", "baseline", count), values)
    assert max(seen) == largest
    assert sum(seen) == 300


def test_a_layer_is_named_and_is_what_the_method_says() -> None:
    method = toy_bigan()
    function = layer_features(method)
    assert (function.name, function.kind) == (method.default_layer, "model")
    x = IMAGES.float() / 127.5 - 1
    assert torch.equal(function.function(x), method.features(x))
    other = layer_features(method, "discriminator", "raw")
    assert (other.name, other.weights) == ("discriminator", "raw")
    assert torch.equal(other.function(x), method.features(x, "discriminator"))


def test_half_precision_is_widened() -> None:
    function = FeatureFunction("half", "model", lambda x: x.flatten(1).bfloat16())
    assert extract(function, IMAGES).dtype == torch.float32


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_named(bad: float) -> None:
    function = FeatureFunction("encoder.hidden2", "model", lambda x: x.flatten(1) * bad)
    with pytest.raises(NonFiniteError, match=r"encoder\.hidden2"):
        extract(function, IMAGES)


@pytest.mark.parametrize("shape", [(16,), (4, 4), (3, 16)])
def test_a_function_must_return_rows(shape: tuple[int, ...]) -> None:
    function = FeatureFunction("odd", "model", lambda x: torch.zeros(len(x) // 3, *shape))
    with pytest.raises(ConfigError, match=r"'odd' have shape .* returns \(37, D\)"):
        extract(function, IMAGES)


def test_nothing_to_extract_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no examples"):
        extract(FeatureFunction("pixels", "baseline", flat), IMAGES[:0])
