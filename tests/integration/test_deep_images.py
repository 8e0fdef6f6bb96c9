"""Images of many bands and of more than 8 bits keep their levels, and pictures show them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ambigan
from ambigan.cli import main
from ambigan.core.errors import ConfigError
from ambigan.data import DataSettings, open_dataset

SMALL = (
    *(
        "--preset",
        "images",
        "--batch-size",
        "8",
        "--epochs",
        "1",
        "--settings.latent-dim",
        "3",
        "--quiet",
    ),
    *("--settings.network.width", "2", "--train.statistics-batches", "2"),
)


def fields(count: int, bands: int, side: int) -> np.ndarray:
    """Smooth fields, each band of which has another scale."""
    draw, (y, x) = np.random.default_rng(0), np.mgrid[:side, :side] / side
    found = np.empty((count, bands, side, side), np.float32)
    for image in found:
        centre = draw.random(2)
        blob = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 0.1)
        image[:] = (
            blob * draw.uniform(0.2, 1, (bands, 1, 1)) * np.linspace(1, 3, bands)[:, None, None]
        )
    return found


@pytest.mark.parametrize(
    "method",
    ["autoencoder", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bigan", "gan"))],
)
def test_thirteen_bands_are_trained_on_and_shown(tmp_path: Path, method: str) -> None:
    values, run = fields(40, 13, 64), tmp_path / "run"
    np.save(tmp_path / "bands.npy", values)
    source = ("--data", f"npy:{tmp_path / 'bands.npy'}", "--data.bands", "4,3,2")
    assert main(["train", method, *source, "--out", str(run), *SMALL]) == 0
    loaded = ambigan.load(run)
    assert loaded.spec.shape == (13, 64, 64)
    if method != "autoencoder":
        assert main(["sample", str(run), "--num", "4", "--quiet"]) == 0
        assert np.load(run / "samples.npy").shape == (4, 13, 64, 64)
        assert_spread(run / "samples.png", least=0)
    if method != "gan":
        assert main(["reconstruct", str(run), "--num", "4", "--quiet"]) == 0
        with Image.open(run / "reconstructions.png") as picture:
            shown = np.asarray(picture)
        first = values[open_dataset(loaded.config.data).test.rows[0], [3, 2, 1]]
        scaling = loaded.scaling
        assert scaling is not None
        low, high = ((scaling.shift + sign * scaling.scale).numpy()[[3, 2, 1]] for sign in (-1, 1))
        right = np.rint(((first - low) / (high - low)).clip(0, 1) * 255).transpose(1, 2, 0)
        assert abs(shown[:64, :64].astype(int) - right).max() <= 1
    assert main(["report", str(run), "--quiet"]) == 0
    assert (run / "report.html").stat().st_size > 10_000


def assert_spread(path: Path, least: float) -> None:
    """The picture is neither black nor white."""
    with Image.open(path) as picture:
        shown = np.asarray(picture).astype(float)
    assert 10 < shown.mean() < 245
    assert shown.std() >= least


def test_bands_that_are_not_there(tmp_path: Path) -> None:
    np.save(tmp_path / "bands.npy", fields(20, 4, 8))
    source = f"npy:{tmp_path / 'bands.npy'}"
    with pytest.raises(ConfigError, match=r"data.bands 5 is beyond the 4 channels .* 1 to 4"):
        open_dataset(DataSettings(source, bands=(5, 3, 2)))
    with pytest.raises(ConfigError, match="one band or three"):
        DataSettings(source, bands=(1, 2))


def test_pictures_are_in_the_range_of_the_model() -> None:
    cells = np.random.default_rng(0).integers(90, 3000, (40, 3, 16, 16), np.uint16)
    run = ambigan.fit(
        "autoencoder", cells, epochs=1, batch_size=8, latent_dim=3, network__width=2, bands=(2,)
    )
    shown = run.pictures(run.originals(cells[:4]))
    low, high = cells.min(), cells.max()  # of both splits; the range is that of training
    right = (cells[:4, 1:2].astype(float) - low) / (high - low) * 2 - 1
    assert shown.shape == (4, 1, 16, 16)
    assert abs(shown - right).max() < 0.01


@pytest.mark.parametrize("percentiles", [(0.0, 100.0), (0.1, 99.9)])
@pytest.mark.parametrize("size", [None, (16, 16)])
def test_twelve_bits_in_sixteen_keep_their_levels(
    tmp_path: Path, percentiles: tuple[float, float], size: tuple[int, int] | None
) -> None:
    draw = np.random.default_rng(0)
    levels = draw.gamma(2.0, 180.0, (60, 32, 32)).clip(0, 4095).astype(np.uint16)
    for number, image in enumerate(levels):
        Image.fromarray(image).save(tmp_path / f"{number:02}.png")
    data = open_dataset(
        DataSettings(f"folder:{tmp_path}", size=size, range_percentiles=percentiles)
    )
    assert data.scaling is not None
    assert data.train.rows is not None
    stored = data.train.values
    assert stored.dtype == torch.float32
    back = data.scaling.invert(stored).numpy()
    right = levels[data.train.rows.numpy()].astype(float)
    if size is None:
        low, high = np.percentile(right, percentiles)
        assert len(np.unique(back.round())) > 1000  # and not seventeen
        assert abs(back[:, 0] - right.clip(low, high)).max() < 0.01 * (high - low)
        for percent in (1, 99):
            asked = np.percentile(right, percent)
            assert abs(np.percentile(back, percent) - asked) < 0.01 * asked
    else:
        asked = np.percentile(right.reshape(-1, 16, 2, 16, 2).mean((2, 4)), 50)
        assert abs(np.percentile(back, 50) - asked) < 0.03 * asked


@pytest.mark.parametrize("size", [None, (12, 12)])
@pytest.mark.filterwarnings("ignore:.*hardly.*")
def test_8_bit_images_are_like_their_twins_of_16_bits(
    tmp_path: Path, size: tuple[int, int] | None
) -> None:
    """Among images of 16 bits in training, and alone when the model is used."""
    draw, flat, folder = np.random.default_rng(0), tmp_path / "flat", tmp_path / "mixed"
    folder.mkdir()
    flat.mkdir()
    for number in range(24):
        levels = np.kron(draw.integers(0, 256, (4, 4)), np.ones((6, 6))).astype(np.uint8)
        deep = levels.astype(np.uint16) * 257
        Image.fromarray(levels).save(folder / f"{number:02}-a.png")
        Image.fromarray(deep).save(folder / f"{number:02}-b.png")
        Image.fromarray(levels).save(flat / f"{number:02}-a.png")
    run = ambigan.fit("autoencoder", f"folder:{folder}", preset="small", epochs=1, size=size)
    assert run.scaling is not None
    mixed = run.features(f"folder:{folder}")
    assert np.abs(mixed[::2] - mixed[1::2]).max() < 1e-4 * np.abs(mixed).max()
    alone = ambigan.load(run.path).features(f"folder:{flat}")
    assert np.abs(alone - mixed[::2]).max() < 1e-4 * np.abs(mixed).max()
    assert alone.std(0).max() > 0
