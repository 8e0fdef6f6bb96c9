"""Guided backpropagation against its rule written out, and the picture of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ambigan
from ambigan.analysis import read_guided_gradients
from ambigan.cli import main
from ambigan.core.data_spec import DataSpec
from ambigan.core.errors import ConfigError
from ambigan.run import Run
from ambigan.testing import SPEC
from games import toy_config, toy_method


def dense_run() -> Run:
    """A GAN whose D is two matrices with leaky rectifiers."""
    config = toy_config("gan-paper", settings__network__discriminator_norm="none")
    method = toy_method(config, seed=3)
    for parameter in method.discriminator.parameters():
        torch.nn.init.normal_(parameter)
    return Run(Path("run"), config, method.eval(), SPEC, None, None, 0, "raw")


def test_positive_gradients_alone_pass_a_rectifier_on_the_way_back() -> None:
    run = dense_run()
    images = torch.randint(0, 256, (40, *SPEC.shape), dtype=torch.uint8)
    found = read_guided_gradients(run, images, num_units=5, num_images=3)
    assert found.layer == "discriminator.hidden2"
    d = run.method.discriminator
    first, second = (layer.linear for layer in (d.hidden1, d.hidden2))
    w1, b1, w2, b2 = (
        p.detach().double().numpy() for p in (first.weight, first.bias, second.weight, second.bias)
    )

    def slope(h: np.ndarray) -> np.ndarray:
        return np.where(h > 0, 1, 0.2)

    x = (images.double().numpy() / 127.5 - 1).reshape(40, -1)
    before1 = x @ w1.T + b1
    before2 = (before1 * slope(before1)) @ w2.T + b2
    response = before2 * slope(before2)
    for unit in range(5):
        best = np.argsort(-response[:, unit])[:3]
        shown = found.learned.images[unit].reshape(3, -1)
        np.testing.assert_allclose(shown, x[best], atol=1e-6)
        back = np.maximum(slope(before2)[best, unit, None] * w2[unit], 0) * slope(before1)[best]
        np.testing.assert_allclose(
            found.learned.gradients[unit].reshape(3, -1), back @ w1, rtol=1e-4, atol=1e-5
        )
    plain = slope(before2)[best, 4, None] * w2[4] * slope(before1)[best] @ w1
    assert not np.allclose(found.learned.gradients[4].reshape(3, -1), plain, rtol=1e-2)


def test_a_unit_of_maps_responds_by_its_largest_value(conv_run: Path) -> None:
    run = ambigan.load(conv_run)
    images = torch.randint(0, 256, (30, *run.spec.shape), dtype=torch.uint8)
    found = read_guided_gradients(run, images, "encoder", "encoder.conv2", num_units=3)
    maps = run.method.features(torch.as_tensor(found.learned.images[:, 0]), "encoder.conv2@1")
    everywhere = run.method.features(images / 127.5 - 1, "encoder.conv2@1")
    assert maps.diagonal()[:3].numpy() == pytest.approx(everywhere.amax(0)[:3].numpy(), rel=1e-5)
    assert found.initial.images.shape == found.learned.images.shape == (3, 4, *run.spec.shape)
    assert not np.array_equal(found.initial.gradients, found.learned.gradients)


def test_the_verb_draws_them(
    conv_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "guided.png"
    assert main(["filters", str(conv_run), "--guided", "--out", str(out)]) == 0
    assert out.is_file()
    gradients = np.load(out.with_suffix(".npy"))
    assert gradients.shape[:2] == (6, 4) or gradients.shape[0] < 6
    assert np.abs(gradients).max() > 0
    capsys.readouterr()
    assert main(["filters", str(conv_run), "--layer", "encoder.conv1"]) == 2
    assert "--layer is of guided gradients; add --guided" in capsys.readouterr().err
    assert main(["filters", str(conv_run), "--guided", "--layer", "encoder.conv9"]) == 2
    assert "unknown layer 'encoder.conv9" in capsys.readouterr().err


def test_vectors_are_refused() -> None:
    run = dense_run()
    spec = DataSpec("vectors", (5,), False)
    rows = Run(run.path, run.config, run.method, spec, None, None, 0, "raw")
    with pytest.raises(ConfigError, match="these data are rows"):
        read_guided_gradients(rows, torch.zeros(3, 5))
