"""Sets known by name: read where they lie, else downloaded, else one clear line."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch

from ambigan.core.errors import DataError
from ambigan.data import DataSettings, import_torchvision, open_dataset, open_examples
from ambigan.data.image_sources.torchvision_datasets import data_root as root_of

from .made_sets import NUM_TEST, NUM_TRAIN, make_cifar, make_stl10, make_svhn


def write_idx(path: Path, values: np.ndarray[Any, Any]) -> None:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def small_mnist(tmp_path: Path) -> Path:
    """A root with 20 training and 5 test images in MNIST's files."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in (("train", 20), ("t10k", 5)):
        images = np.arange(count)[:, None, None] * np.ones((28, 28))
        write_idx(raw / f"{name}-images-idx3-ubyte", images)
        write_idx(raw / f"{name}-labels-idx1-ubyte", np.arange(count) % 10)
    return tmp_path


def refuse_download(_self: Any) -> None:
    raise URLError("no way out")


def test_files_that_are_there_are_read_offline(small_mnist: Path) -> None:
    data = open_dataset(DataSettings("mnist", root=str(small_mnist)))
    assert data.train.values.shape == (20, 1, 28, 28)
    assert data.train.values[:, 0, 0, 0].tolist() == list(range(20))
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [0, 1, 2, 3, 4]
    assert data.test.labels.dtype == torch.int64
    assert data.spec.shape == (1, 28, 28)


def test_a_holdout_is_the_last_of_train(small_mnist: Path) -> None:
    data = open_dataset(DataSettings("mnist", root=str(small_mnist), holdout=4))
    assert len(data.train) == 16
    assert data.test.values[:, 0, 0, 0].tolist() == [16, 17, 18, 19]


def test_what_is_missing_is_downloaded(small_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere, asked = small_mnist / "elsewhere", list[bool]()

    def download(dataset: Any) -> None:
        asked.append(True)
        Path(dataset.raw_folder).parent.mkdir(parents=True, exist_ok=True)
        if not Path(dataset.raw_folder).exists():
            Path(dataset.raw_folder).symlink_to(small_mnist / "MNIST" / "raw")

    monkeypatch.setattr(import_torchvision("datasets").MNIST, "download", download)
    assert len(open_dataset(DataSettings("mnist", root=str(elsewhere))).train) == 20
    assert asked


def test_a_failed_download_says_where_and_how(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_torchvision("datasets").MNIST, "download", refuse_download)
    with pytest.raises(DataError) as caught:
        open_dataset(DataSettings("mnist", root=str(tmp_path)))
    said = str(caught.value)
    assert str(tmp_path / "MNIST" / "raw") in said
    assert all(part in said for part in ("AMBIGAN_DATA", "--data.root", "no way out"))
    assert "\n" not in said


def test_a_root_that_cannot_be_written_is_the_same_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be downloaded"):
        open_dataset(DataSettings("mnist", root=str(tmp_path / "file")))


def test_damaged_files_are_named(small_mnist: Path) -> None:
    images = small_mnist / "MNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:500])
    with pytest.raises(DataError, match=r"MNIST/raw cannot be read .*delete them"):
        open_dataset(DataSettings("mnist", root=str(small_mnist)))


def test_the_root_is_the_setting_then_the_variable_then_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMBIGAN_DATA", "/somewhere")
    assert root_of(DataSettings(root="/here")) == Path("/here")
    assert root_of(DataSettings()) == Path("/somewhere")
    monkeypatch.delenv("AMBIGAN_DATA")
    assert root_of(DataSettings()) == Path("~/.cache/ambigan").expanduser()


@pytest.mark.parametrize(("name", "kind"), [("cifar10", "CIFAR10"), ("cifar100", "CIFAR100")])
def test_cifar(name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = make_cifar(tmp_path, monkeypatch, kind)
    data = open_dataset(DataSettings(name, root=str(tmp_path)))
    assert data.spec.shape == (3, 32, 32)
    assert np.array_equal(data.train.values.numpy(), images)
    assert data.train.values.is_contiguous()
    assert data.train.labels is not None
    assert data.train.labels.tolist() == [place % 10 for place in range(NUM_TRAIN)]
    assert data.label_names is not None
    assert data.label_names[3] == "class 3"
    everything = open_examples(DataSettings(name, root=str(tmp_path)), data.spec, None)
    assert len(everything) == NUM_TRAIN + NUM_TEST


def test_svhn_lies_in_the_root_and_its_tens_are_zeros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_svhn(tmp_path, monkeypatch)
    data = open_dataset(DataSettings("svhn", root=str(tmp_path)))
    assert np.array_equal(data.train.values.numpy(), images)
    assert data.train.labels is not None
    assert data.train.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert data.label_names == tuple("0123456789")
    assert len(data.test) == NUM_TEST


def test_stl10_trains_on_its_labelled_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_stl10(tmp_path, monkeypatch)
    data = open_dataset(DataSettings("stl10", root=str(tmp_path)))
    assert np.array_equal(data.train.values.numpy(), images["train"])
    assert data.train.labels is not None
    assert data.train.labels[:3].tolist() == [0, 1, 2]
    assert data.label_names is not None
    assert data.label_names[0] == "airplane"


def test_all_of_stl10_has_no_labels_to_train_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = make_stl10(tmp_path, monkeypatch)
    data = open_dataset(DataSettings("stl10-unlabelled", root=str(tmp_path)))
    both = np.concatenate([images["train"], images["unlabeled"]])
    assert np.array_equal(data.train.values.numpy(), both)
    assert data.train.labels is None
    assert np.array_equal(data.test.values.numpy(), images["test"])
    assert data.test.labels is not None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cifar10", "CIFAR10 is missing or incomplete in ROOT/cifar-10-batches-py, and could not"),
        ("cifar100", "a folder with cifar-100-python as it is unpacked."),
        (
            "svhn",
            "SVHN is missing or incomplete in ROOT, .* with train_32x32.mat and test_32x32.mat.",
        ),
        ("stl10", "a folder with stl10_binary as it is unpacked."),
        ("stl10-unlabelled", "STL10 is missing or incomplete in ROOT/stl10_binary, and could not"),
    ],
)
def test_offline_each_says_what_it_needs(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("CIFAR10", "SVHN", "STL10"):
        source = getattr(import_torchvision("datasets"), kind)
        monkeypatch.setattr(source, "download", refuse_download)
    with pytest.raises(DataError, match=said.replace("ROOT", str(tmp_path))) as caught:
        open_dataset(DataSettings(name, root=str(tmp_path)))
    assert "\n" not in str(caught.value)


@pytest.mark.data
def test_the_real_files_of_cifar10(data_root: Path) -> None:
    if not (data_root / "cifar-10-batches-py").is_dir():
        pytest.skip("no CIFAR-10 below AMBIGAN_DATA")
    data = open_dataset(DataSettings("cifar10", root=str(data_root)))
    assert (len(data.train), len(data.test)) == (50_000, 10_000)
    assert data.train.labels is not None
    assert data.train.labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert data.train.labels.bincount().tolist() == [5000] * 10
    means = data.train.values.double().mean((0, 2, 3)) / 255  # as published: .4914, .4822, .4465
    assert torch.allclose(means, torch.tensor([0.4914, 0.4822, 0.4465]).double(), atol=1e-4)


@pytest.mark.data
def test_the_real_files(data_root: Path) -> None:
    data = open_dataset(DataSettings("mnist", root=str(data_root), holdout=10_000))
    assert (len(data.train), len(data.test)) == (50_000, 10_000)
    assert data.train.labels is not None
    assert data.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert abs(data.train.values.double().mean().item() - 33.3) < 0.2
