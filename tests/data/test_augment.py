"""Crop, scale and flip against plain transcriptions, and the same on every number of ranks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from ambigan.core.errors import ConfigError
from ambigan.core.randomness import Randomness
from ambigan.data import (
    Batches,
    DataSettings,
    Split,
    find_image_source,
    for_other,
    open_dataset,
    open_examples,
    prepare_images,
    to_float,
)
from ambigan.data.batches.augment import NUM_DRAWS, Augment
from ambigan.data.images.cropping import augment_of
from ambigan.engine.train_step import make_batch
from games import toy_config, toy_method


def images(count: int, height: int, width: int, channels: int = 3) -> Tensor:
    draw = np.random.default_rng(0)
    return torch.from_numpy(draw.integers(0, 256, (count, channels, height, width), np.uint8))


def draws(count: int) -> Tensor:
    return Randomness(5).uniform(count, NUM_DRAWS)


def crop_and_flip(
    stored: Tensor, drawn: Tensor, crop: tuple[int, int], *, flip: bool
) -> np.ndarray[Any, Any]:
    """The same by plain slices, one image after the other."""
    result = []
    for image, (_, top, left, mirrored) in zip(stored.numpy(), drawn.numpy(), strict=True):
        y = int(top * (image.shape[1] - crop[0] + 1))
        x = int(left * (image.shape[2] - crop[1] + 1))
        part = image[:, y : y + crop[0], x : x + crop[1]]
        result.append(part[:, :, ::-1] if flip and mirrored < 0.5 else part)
    return np.stack(result)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("crop", [(5, 7), (9, 11), (1, 1), (9, 3)])
def test_a_crop_copies_pixels(crop: tuple[int, int], flip: bool) -> None:
    stored, drawn = images(50, 9, 11), draws(50)
    ours = Augment(crop, None, flip)(stored, drawn)
    theirs = crop_and_flip(stored, drawn, crop, flip=flip)
    assert torch.equal(ours, to_float(torch.from_numpy(theirs)))


def test_every_place_and_both_sides_come_up() -> None:
    whole = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 4, 4).repeat(2000, 1, 1, 1)
    seen = Augment((2, 2), None, True)(whole, draws(2000))
    corners = ((seen[:, 0] + 1) * 127.5).round().int()
    starts = torch.minimum(corners[:, 0, 0], corners[:, 0, 1])
    assert starts.bincount()[[0, 1, 2, 4, 5, 6, 8, 9, 10]].min() > 150  # of 222 expected
    assert 900 < int((corners[:, 0, 0] > corners[:, 0, 1]).sum()) < 1100


@pytest.mark.parametrize(("height", "width"), [(20, 30), (31, 17), (24, 24)])
@pytest.mark.parametrize("short_side", [(8, 14), (16, 16), (30, 50)])
def test_scales_are_those_of_torchs_antialiased_resizing(
    height: int, width: int, short_side: tuple[int, int]
) -> None:
    stored, drawn, crop = images(12, height, width), draws(12), (8, 7)
    ours = Augment(crop, short_side, False)(stored, drawn)
    for image, (scale, top, left, _), mine in zip(stored, drawn.tolist(), ours, strict=True):
        side = short_side[0] + int(scale * (short_side[1] - short_side[0] + 1))
        short = min(height, width)
        size = tuple(int(length * side / short + 0.5) for length in (height, width))
        assert min(size) == side
        large = interpolate(image[None].float(), size, mode="bilinear", antialias=True)[0]
        y, x = int(top * (size[0] - crop[0] + 1)), int(left * (size[1] - crop[1] + 1))
        theirs = large[:, y : y + crop[0], x : x + crop[1]]
        assert torch.allclose((mine + 1) * 127.5, theirs, atol=2e-3)


def test_the_stored_scale_is_left_as_it_is() -> None:
    stored, drawn = images(9, 12, 12), draws(9)
    scaled = Augment((6, 6), (12, 12), True)(stored, drawn)
    assert torch.allclose(scaled, Augment((6, 6), None, True)(stored, drawn), atol=1e-6)


@pytest.mark.parametrize("short_side", [None, (8, 14)])
def test_two_ranks_make_the_halves_of_one(short_side: tuple[int, int] | None) -> None:
    augment = Augment((6, 5), short_side, True)
    stored = images(40, 10, 12)
    split = Split(augment.centre(stored), None, stored=stored, augment=augment)
    batches = Batches(split, seed=3)
    whole = batches.gather(batches.indices(16, 8), Randomness(1, 16, 0))
    halves = [
        batches.gather(
            batches.indices(16, 8, rank, 2), Randomness(1, 16, 0, rank=rank, world_size=2)
        )
        for rank in range(2)
    ]
    if short_side is None:
        assert torch.equal(torch.cat(halves), whole)
    else:
        assert torch.allclose(torch.cat(halves), whole, atol=1e-6)


def test_latents_stay_as_they_were_and_nothing_is_drawn_in_vain() -> None:
    method = toy_method(toy_config("bigan-official"))
    stored = images(40, 12, 12, 1)
    augment = Augment((8, 8), None, True)
    plain = Split(augment.centre(stored), None)
    rows = torch.arange(8)
    one, two, third = (Randomness(4) for _ in range(3))
    before = make_batch(method, Batches(plain, 0), rows, one)
    changed = Split(plain.values, None, stored=stored, augment=augment)
    after = make_batch(method, Batches(changed, 0), rows, two)
    assert torch.equal(before.z, after.z)
    assert not torch.equal(before.x, after.x)
    method.prior.sample(8, third)
    assert torch.equal(one.uniform(3), third.uniform(3))


def test_without_noise_a_batch_is_the_middle() -> None:
    stored = images(10, 9, 12)
    augment = Augment((4, 6), (9, 12), True)
    split = Split(augment.centre(stored), None, stored=stored, augment=augment)
    assert split.values.untyped_storage().data_ptr() == stored.untyped_storage().data_ptr()
    assert torch.equal(split.values, stored[:, :, 2:6, 3:9])
    rows = torch.tensor([3, 1])
    assert torch.equal(Batches(split, 0).gather(rows), to_float(stored[rows][:, :, 2:6, 3:9]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for number in range(20):
        pixels = draw.integers(0, 256, (20 + number, 30), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    return tmp_path


def test_a_data_set_is_measured_by_its_middles(folder: Path) -> None:
    stored = open_dataset(DataSettings(f"folder:{folder}", size=(12, 10)))
    settings = DataSettings(f"folder:{folder}", size=(12, 10), crop=(8, 8), flip=True)
    data = open_dataset(settings)
    assert data.spec.shape == (1, 8, 8)
    assert data.sha256 != stored.sha256  # crops reach beside the centre, which is kept as well
    whole, cropped = (open_dataset(DataSettings("digits", crop=crop)) for crop in (None, (6, 6)))
    assert whole.sha256 == cropped.sha256
    assert torch.equal(data.test.values, stored.test.values[:, :, 2:10, 1:9])
    assert torch.equal(data.train.values, stored.train.values[:, :, 2:10, 1:9])
    assert data.train.stored is not None
    assert torch.equal(data.train.stored, stored.train.values)
    assert data.test.augment is None
    whole = open_examples(settings, data.spec, None)
    by_name = dict(zip(whole.files, whole.values, strict=True))
    for name, values in zip(data.test.files, data.test.values, strict=True):
        assert torch.equal(by_name[name], values)


@pytest.mark.parametrize("own", ["packed", "folder", "digits"])
def test_other_pictures_are_seen_at_the_scale_of_a_models_own(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, own: str
) -> None:
    root = tmp_path_factory.mktemp("own")
    for number in range(9):
        (root / "folder").mkdir(exist_ok=True)
        Image.new("L", (8, 8), number).save(root / "folder" / f"{number}.png")
    stored = DataSettings(f"folder:{root / 'folder'}")
    prepare_images(stored, find_image_source(stored), root / "packed")
    settings = DataSettings(own if own == "digits" else f"{own}:{root / own}", crop=(6, 6))
    spec = open_dataset(settings).spec
    theirs = open_examples(for_other(settings, f"folder:{folder}"), spec, None)
    whole = DataSettings(f"folder:{folder}", size=(8, 8), crop=(6, 6))
    assert torch.equal(theirs.values, open_examples(whole, spec, None).values)
    assert for_other(DataSettings("digits"), "mnist") == DataSettings("mnist")


def test_flips_alone_leave_the_size() -> None:
    data = open_dataset(DataSettings("digits", flip=True))
    assert data.spec.shape == (1, 8, 8)
    plain = open_dataset(DataSettings("digits")).train.values
    drawn = Batches(data.train, 0).gather(torch.arange(64), Randomness(0))
    x = to_float(plain[:64])
    mirrored = [torch.equal(a, b.flip(-1)) for a, b in zip(drawn, x, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(drawn, x, strict=True)]
    assert 16 < sum(same) < 48
    assert all(a or b for a, b in zip(same, mirrored, strict=True))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"crop": (9, 8)}, r"data.crop of 9,8 is larger than the images, which are 8x8"),
        ({"crop": (8, 8), "short_side": (7, 9)}, "the images scaled to data.short_side, which are"),
        ({"crop": (0, 8)}, "data.crop is 0,8; height and width must be 1 or more"),
        ({"short_side": (8, 9)}, "give data.crop as well"),
        ({"crop": (8, 8), "short_side": (9, 8)}, "data.short_side is 9,8; it must be a least"),
    ],
)
def test_what_cannot_be_cropped(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_dataset(DataSettings("digits", **values))


def test_vectors_are_not_cropped(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(9, 2)))
    with pytest.warns(UserWarning, match=r"data\.flip has no effect on 'npy'"):
        open_dataset(DataSettings(f"npy:{tmp_path / 'x.npy'}", flip=True))


def test_a_crop_larger_than_what_is_stored_is_refused() -> None:
    settings = DataSettings(crop=(32, 32), short_side=(32, 45))
    with pytest.raises(ConfigError, match=r"crop of 32,32 is larger than the stored images, 28x28"):
        augment_of(settings, (1, 28, 28))
    assert augment_of(settings, (1, 32, 40)) is not None
