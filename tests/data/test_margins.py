"""Random crops reach all of an image whose shorter side is stored at the size asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ambigan.core.errors import ConfigError, DataError
from ambigan.core.randomness import Randomness
from ambigan.data import (
    Batches,
    DataSettings,
    Split,
    find_image_source,
    open_dataset,
    open_examples,
    prepare_images,
    to_float,
    verify_packed,
)
from ambigan.data.batches import sampler
from ambigan.data.batches.augment import NUM_DRAWS, Augment
from ambigan.data.batches.margins import Margins, split_centre
from ambigan.data.images.pixel_form import fitted

SHAPES = [(12, 20), (17, 12), (12, 12), (12, 24), (13, 12), (24, 12)]
CENTRE = (12, 12)


def stored(count: int, channels: int = 3) -> tuple[list[Any], Tensor, Margins]:
    """Whole images, and the same as they are stored."""
    draw = np.random.default_rng(0)
    whole = [
        draw.integers(0, 256, (channels, *SHAPES[number % len(SHAPES)]), np.uint8)
        for number in range(count)
    ]
    pairs = [split_centre(image, CENTRE) for image in whole]
    sizes = torch.tensor([image.shape[1:] for image in whole])
    pixels = torch.from_numpy(np.concatenate([beside for _, beside in pairs]))
    margins = Margins.of(pixels, sizes, CENTRE)
    assert margins is not None
    return whole, torch.from_numpy(np.stack([centre for centre, _ in pairs])), margins


@pytest.mark.parametrize("crop", [(8, 8), (12, 5), (12, 12), (1, 1)])
def test_a_crop_is_cut_from_the_whole_image(crop: tuple[int, int]) -> None:
    whole, centres, margins = stored(60)
    drawn = Randomness(5).uniform(60, NUM_DRAWS)
    ours = Augment(crop, None, True)(centres, drawn, margins)
    for image, (_, top, left, mirrored), mine in zip(whole, drawn.numpy(), ours, strict=True):
        y = int(top * (image.shape[1] - crop[0] + 1))
        x = int(left * (image.shape[2] - crop[1] + 1))
        part = image[:, y : y + crop[0], x : x + crop[1]]
        part = part[:, :, ::-1] if mirrored < 0.5 else part
        assert torch.equal(mine, to_float(torch.from_numpy(part.copy())))


@pytest.mark.parametrize("short_side", [(8, 14), (12, 12), (8, 8), (20, 40)])
def test_scaled_crops_are_those_of_whole_images(short_side: tuple[int, int]) -> None:
    whole, centres, margins = stored(60)
    drawn, crop = Randomness(6).uniform(60, NUM_DRAWS), (8, 7)
    ours = Augment(crop, short_side, False)(centres, drawn, margins)
    for image, (scale, top, left, _), mine in zip(whole, drawn.tolist(), ours, strict=True):
        side = short_side[0] + int(scale * (short_side[1] - short_side[0] + 1))
        size = tuple(int(length * side / 12 + 0.5) for length in image.shape[1:])
        large = torch.from_numpy(image)[None].float()
        large = interpolate(large, size, mode="bilinear", antialias=True)[0]
        y, x = int(top * (size[0] - crop[0] + 1)), int(left * (size[1] - crop[1] + 1))
        theirs = large[:, y : y + crop[0], x : x + crop[1]]
        assert torch.allclose((mine + 1) * 127.5, theirs, atol=2e-3)


def test_square_images_are_cropped_as_without_margins() -> None:
    _, centres, margins = stored(36)
    square = torch.arange(36)[(margins.counts == 0)]
    drawn = Randomness(5).uniform(len(square), NUM_DRAWS)
    augment = Augment((8, 8), None, True)
    assert torch.equal(
        augment(centres[square], drawn, margins.take(square)), augment(centres[square], drawn)
    )


def test_parts_of_a_split_keep_their_own_margins() -> None:
    _, centres, margins = stored(30)
    tail, drawn = slice(7, 25), Randomness(2).uniform(18, NUM_DRAWS)
    augment = Augment((9, 9), None, False)
    expected = augment(centres, Randomness(2).uniform(30, NUM_DRAWS), margins)
    assert expected.shape == (30, 3, 9, 9)
    part = margins.part(tail)
    rows = torch.arange(7, 25)
    assert len(part.pixels) == int(margins.counts[tail].sum())
    for same in (part, margins.at(rows), margins.take(rows)):
        assert torch.equal(augment(centres[tail], drawn, same), augment(centres[tail], drawn, part))
    assert len(margins.part(slice(5, 5)).pixels) == 0


def test_streamed_margins_give_the_same_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    _, centres, margins = stored(60)
    augment = Augment((8, 8), (8, 14), True)
    values = augment.centre(centres)
    split = Split(values, None, stored=centres, margins=margins, augment=augment)
    resident = Batches(split, 0)
    monkeypatch.setattr(sampler, "fits", lambda *_: False)
    streamed = Batches(split, 0)
    for start in range(0, 200, 20):
        streamed.expect(start + 20, 20)
        one, two = (
            batches.gather(batches.indices(start, 20), Randomness(start))
            for batches in (streamed, resident)
        )
        assert torch.equal(one, two)
    assert torch.equal(resident.gather(torch.arange(4)), to_float(values[:4]))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder, draw = tmp_path / "photographs", np.random.default_rng(0)
    folder.mkdir()
    for number in range(40):
        height, width = [(60, 80), (80, 60), (72, 72), (40, 200), (90, 61)][number % 5]
        small = draw.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
        Image.fromarray(small).resize((width, height)).save(folder / f"{number:02}.png")
    return folder


def settings_of(source: Path | str, **changes: Any) -> DataSettings:
    return DataSettings(f"folder:{source}", **{"size": (36, 36), "crop": (32, 32)} | changes)


def test_the_longer_side_is_kept_and_the_centre_is_as_ever(photographs: Path) -> None:
    data = open_dataset(settings_of(photographs))
    cut = open_dataset(settings_of(photographs, crop=None))
    assert data.train.margins is not None
    assert data.sha256 != cut.sha256  # the sides are data of training as well
    assert torch.equal(data.train.values, cut.train.values[:, :, 2:34, 2:34])
    for name, size in zip(data.train.files, data.train.margins.sizes.tolist(), strict=True):
        with Image.open(photographs / name) as image:
            exact = [36 * length / min(image.size) for length in (image.height, image.width)]
        for length, right in zip(size, exact, strict=True):
            assert min(right, 72) - 2 < length <= min(right, 72)
    assert any("of 8 no more than 2 times" in fact for fact in data.inventory.facts)
    embedded = open_examples(settings_of(photographs), data.spec, None)
    by_name = dict(zip(embedded.files, embedded.values, strict=True))
    for name, values in zip(data.test.files, data.test.values, strict=True):
        assert torch.equal(by_name[name], values)


def test_what_lies_beside_the_centre_is_the_image_in_its_scale() -> None:
    ramp = np.tile(np.arange(0, 240, 2, dtype=np.uint8), (40, 1))  # 40 x 120, rising to the right
    whole = fitted(Image.fromarray(ramp), (20, 20), 2)
    assert whole.shape == (1, 20, 40)
    row = whole[0, 10].astype(int)
    assert (abs(np.diff(row) - 4) <= 1).all()  # each pixel covers two of the source
    assert abs(row.mean() - 119) < 1
    tall = fitted(Image.fromarray(ramp.T), (20, 20), 2)
    assert np.array_equal(tall[0].T, whole[0])


def test_packed_sides_are_those_of_the_folder(photographs: Path, tmp_path: Path) -> None:
    settings, out = settings_of(photographs, crop=None), tmp_path / "packed"
    source = find_image_source(settings)
    manifest, _ = prepare_images(settings, source, out, keeps_sides=True)
    assert manifest.format == 3
    packed = DataSettings(f"packed:{out}", crop=(32, 32))
    ours, theirs = open_dataset(packed), open_dataset(settings_of(photographs))
    assert ours.sha256 == theirs.sha256 == manifest.sha256
    rows = torch.arange(len(ours.train))
    draws = [Batches(data.train, 0).gather(rows, Randomness(1)) for data in (ours, theirs)]
    assert torch.equal(*draws)
    assert verify_packed(out).sha256 == manifest.sha256
    assert (again := prepare_images(settings, source, out, keeps_sides=True))[1]
    assert again[0] == manifest
    with pytest.raises(ConfigError, match="keeps_sides"):
        prepare_images(settings, source, out)
    flipped = open_dataset(DataSettings(f"packed:{out}", flip=True))
    assert flipped.spec.shape == (3, 36, 36)
    assert Batches(flipped.train, 0).gather(rows, Randomness(1)).shape[1:] == (3, 36, 36)
    plain, _ = prepare_images(settings, source, tmp_path / "plain")
    assert plain.format == 2
    (out / "margins.npy").write_bytes(b"")
    with pytest.raises(DataError, match="it was cut"):
        open_dataset(packed)


def test_sides_are_kept_of_images_that_are_resized() -> None:
    settings = DataSettings("digits")
    with pytest.raises(ConfigError, match="give --size as well"):
        prepare_images(settings, find_image_source(settings), Path("none"), keeps_sides=True)


def test_deep_images_keep_their_sides_in_their_range(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    (tmp_path / "deep").mkdir()
    for number in range(20):
        values = draw.integers(100, 4096, (24, 36 + number), np.uint16)
        Image.fromarray(values).save(tmp_path / "deep" / f"{number:02}.png")
    asked = {"size": (12, 12), "range": (0.0, 4095.0)}
    data = open_dataset(settings_of(tmp_path / "deep", crop=(8, 8), short_side=(8, 12), **asked))
    margins = data.train.margins
    assert margins is not None
    assert margins.pixels.dtype == torch.float32
    assert abs(float(margins.pixels.mean())) < 0.1
    drawn = Batches(data.train, 0).gather(torch.arange(18), Randomness(0))
    assert abs(float(drawn.mean())) < 0.1  # not divided by 255
    settings = settings_of(tmp_path / "deep", crop=None, **asked)
    prepare_images(settings, find_image_source(settings), tmp_path / "packed", keeps_sides=True)
    packed = open_dataset(DataSettings(f"packed:{tmp_path / 'packed'}", crop=(8, 8)))
    assert packed.sha256 == data.sha256
