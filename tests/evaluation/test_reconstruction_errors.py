"""Reconstruction errors against a float64 transcription, and their two ends: 0 and 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError, NonFiniteError
from ambigan.core.randomness import Randomness
from ambigan.data.dataset import Dataset, Split
from ambigan.evaluation.metrics import reconstruction
from ambigan.evaluation.metrics.reconstruction import (
    Maps,
    generated_errors,
    maps_of,
    mean_maps,
    pca_maps,
    real_errors,
    reconstruction_errors,
    squared_errors,
)
from ambigan.methods.bigan import BiGAN, BiGANSettings
from ambigan.networks.permutation_invariant import MLPSettings
from ambigan.priors import UniformPrior

IMAGES = torch.randint(256, (50, 1, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
MAPPING = torch.randn(16, 16, generator=torch.Generator().manual_seed(1)) / 8
SPEC = DataSpec("images", (1, 4, 4), bounded=True)


def dataset(values: Tensor, spec: DataSpec) -> Dataset:
    train, test = Split(values[:30], None), Split(values[30:], None)
    return Dataset("toy", spec, train, test, None, None, "0" * 64)


def blur(x: Tensor) -> Tensor:
    return (x.flatten(1) @ MAPPING.to(x)).tanh().view_as(x)


def transcription(x: NDArray[np.float64], again: NDArray[np.float64]) -> tuple[float, float]:
    """Means over examples of the distances of pairs in step and one apart in a drawn order."""
    order = Randomness("pairs").permutation(len(x)).numpy()
    x, again = x[order], again[order]
    in_step = np.sqrt(((x - again).reshape(len(x), -1) ** 2).sum(1)).mean()
    apart = np.sqrt(((np.roll(x, -1, 0) - again).reshape(len(x), -1) ** 2).sum(1)).mean()
    return in_step, apart


@pytest.mark.parametrize("chunk", [1, 7, 49, 50, 1024])
def test_images_are_measured_between_zero_and_one(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruction, "_CHUNK", chunk)
    x = IMAGES.double().numpy() / 255
    again = (blur(IMAGES.double() / 127.5 - 1).numpy() + 1) / 2
    error, shuffled = transcription(x, again)
    found = real_errors(blur, IMAGES, "images")
    assert found["error_real"] == pytest.approx(error, rel=1e-5)
    assert found["error_real_shuffled"] == pytest.approx(shuffled, rel=1e-5)
    assert found["ratio_real"] == pytest.approx(error / shuffled, rel=1e-5)


def test_data_sorted_by_class_are_not_paired_within_their_class() -> None:
    """A reconstruction that knows the class alone is better than one of another example."""
    classes = torch.arange(10).repeat_interleave(20)[:, None].float().expand(-1, 16)
    x = classes + 0.1 * torch.randn(200, 16, generator=torch.Generator().manual_seed(2))
    found = real_errors(lambda values: values.round(), x, "vectors")
    assert found["ratio_real"] is not None
    assert found["ratio_real"] < 0.1


def test_vectors_are_measured_as_they_are() -> None:
    x = torch.randn(21, 16, generator=torch.Generator().manual_seed(2))
    error, shuffled = transcription(x.double().numpy(), blur(x).double().numpy())
    found = real_errors(blur, x, "vectors")
    assert found["error_real"] == pytest.approx(error, rel=1e-5)
    assert found["error_real_shuffled"] == pytest.approx(shuffled, rel=1e-5)


@pytest.mark.parametrize("chunk", [1, 8, 1024])
def test_samples_and_latents(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "_CHUNK", chunk)
    generator = torch.Generator().manual_seed(3)
    g, e = torch.randn(3, 16, generator=generator), torch.randn(16, 3, generator=generator)
    z = torch.randn(19, 3, generator=generator)
    x = np.tanh(z.double().numpy() @ g.double().numpy())
    codes = x @ e.double().numpy()
    found = generated_errors(
        lambda z: (z @ g).tanh().view(-1, 1, 4, 4), lambda x: x.flatten(1) @ e, z, "images"
    )
    error, shuffled = transcription((x + 1) / 2, (np.tanh(codes @ g.double().numpy()) + 1) / 2)
    assert found["error_generated"] == pytest.approx(error, rel=1e-4)
    assert found["error_generated_shuffled"] == pytest.approx(shuffled, rel=1e-4)
    error, shuffled = transcription(z.double().numpy(), codes)
    assert found["error_latent"] == pytest.approx(error, rel=1e-4)
    assert found["error_latent_shuffled"] == pytest.approx(shuffled, rel=1e-4)
    assert found["ratio_latent"] == pytest.approx(error / shuffled, rel=1e-4)


def test_the_identity_is_perfect() -> None:
    found = real_errors(lambda x: x, IMAGES, "images")
    assert (found["error_real"], found["ratio_real"]) == (0, 0)


def test_a_permutation_knows_nothing() -> None:
    generator = torch.Generator().manual_seed(4)
    x = torch.randn(800, 16, generator=generator)
    order = torch.randperm(800, generator=generator)
    found = real_errors(lambda _: x[order], x, "vectors")
    assert found["ratio_real"] == pytest.approx(1, abs=0.02)


def test_data_that_are_all_alike_have_no_ratio() -> None:
    found = real_errors(lambda x: x, torch.zeros(9, 2), "vectors")
    assert found == {"error_real": 0, "error_real_shuffled": 0, "ratio_real": None}


def errors_of(maps: reconstruction.Maps, data: Dataset) -> dict[str, float | None]:
    return reconstruction.reconstruction_errors(maps, data, num_generated=0, seed=0)


def test_the_mean_of_the_training_split_has_ratio_one() -> None:
    data = dataset(IMAGES, SPEC)
    found = errors_of(mean_maps(data), data)
    x = IMAGES.double() / 255
    expected = (x[30:] - x[:30].mean(0)).flatten(1).norm(dim=1).mean()
    assert found["error_real"] == pytest.approx(float(expected), rel=1e-5)
    assert found["ratio_real"] == pytest.approx(1)
    assert "error_generated" not in found


def test_components_stand_between_the_mean_and_the_data() -> None:
    data = dataset(IMAGES, SPEC)
    errors = [errors_of(pca_maps(data, width), data)["error_real"] for width in (1, 8, 16)]
    assert [*sorted(errors, reverse=True)] == errors  # pyright: ignore
    assert errors[-1] == pytest.approx(0, abs=1e-4)


def test_a_method_is_measured_by_its_abilities() -> None:
    torch.manual_seed(0)
    network = MLPSettings(hidden=(8, 6))
    bigan = BiGAN(BiGANSettings(latent_dim=3, network=network), SPEC).eval()
    found = reconstruction_errors(maps_of(bigan), dataset(IMAGES, SPEC), num_generated=100, seed=0)
    assert len(found) == 9
    assert all(isinstance(value, float) for value in found.values())


def test_without_an_encoder_only_data_are_measured() -> None:
    found = reconstruction_errors(Maps(blur), dataset(IMAGES, SPEC), num_generated=9, seed=0)
    assert set(found) == {"error_real", "error_real_shuffled", "ratio_real"}


def test_draws_are_a_function_of_the_seed() -> None:
    maps = Maps(
        blur, lambda z: z @ MAPPING[:3], lambda x: x @ MAPPING[:, :3], UniformPrior(3).sample
    )
    data = dataset(torch.randn(40, 16), DataSpec("vectors", (16,), bounded=False))
    first, again, other = (
        reconstruction_errors(maps, data, num_generated=20, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first["error_latent"] != other["error_latent"]
    z = UniformPrior(3).sample(20, Randomness(0, "reconstruction"))
    expected = (z - z @ MAPPING[:3] @ MAPPING[:, :3]).norm(dim=1).mean()
    assert first["error_latent"] == pytest.approx(float(expected), rel=1e-4)


def test_other_shapes_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match=r"shape \(1, 2, 2\), its original \(1, 4, 4\)"):
        real_errors(lambda x: x[:, :, :2, :2], IMAGES, "images")


def test_a_single_example_cannot_be_shuffled() -> None:
    with pytest.raises(ConfigError, match="two examples or more; there are 1"):
        real_errors(blur, IMAGES[:1], "images")


def test_what_is_no_number_is_an_error() -> None:
    with pytest.raises(NonFiniteError, match="reconstruction error"):
        real_errors(lambda x: x * float("nan"), IMAGES, "images")


def halved(x: Tensor) -> Tensor:
    return torch.nn.functional.avg_pool2d(x, 2)


def test_what_is_drawn_smaller_is_compared_with_smaller_data() -> None:
    found = real_errors(halved, IMAGES, "images", target=halved)
    assert found["ratio_real"] == 0
    small = (halved(IMAGES.double() / 127.5 - 1).numpy() + 1) / 2
    error, shuffled = transcription(small, small * 0 + 0.5)
    found = real_errors(lambda x: 0 * halved(x), IMAGES, "images", target=halved)
    assert found["error_real"] == pytest.approx(error, rel=1e-5)
    assert found["error_real_shuffled"] == pytest.approx(shuffled, rel=1e-5)


def test_baselines_of_what_is_drawn_smaller() -> None:
    data = dataset(IMAGES, SPEC)
    small = halved(IMAGES[:30].float() / 127.5 - 1)
    test = halved(IMAGES[30:].float() / 127.5 - 1)
    expected = (test - small.mean(0)).flatten(1).norm(dim=1).mean() / 2
    assert errors_of(mean_maps(data, halved), data)["error_real"] == pytest.approx(
        float(expected), rel=1e-5
    )
    assert errors_of(pca_maps(data, 4, halved), data)["error_real"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("chunk", [7, 1024])
def test_squared_errors_are_of_values_and_compared_with_the_mean(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconstruction, "_CHUNK", chunk)
    train, test = IMAGES[:30].double().numpy() / 255, IMAGES[30:].double().numpy() / 255
    again = (blur(IMAGES[30:].double() / 127.5 - 1).numpy() + 1) / 2
    found = squared_errors(Maps(blur), dataset(IMAGES, SPEC))
    expected = ((test - again) ** 2).mean(), ((test - train.mean(0)) ** 2).mean()
    assert found == pytest.approx(expected, rel=1e-5)
    vectors = torch.randn(50, 3) + 2
    same = dataset(vectors, DataSpec("vectors", (3,), bounded=False))
    assert squared_errors(mean_maps(same), same)[0] == squared_errors(mean_maps(same), same)[1]
    assert squared_errors(pca_maps(same, 3), same)[0] == pytest.approx(0, abs=1e-10)


def test_a_reconstruction_that_is_no_number_is_refused() -> None:
    with pytest.raises(NonFiniteError, match="training has diverged"):
        squared_errors(Maps(lambda x: x * torch.nan), dataset(IMAGES, SPEC))
