"""Names to data sets, and what is said of names that are none."""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambigan.core.errors import ConfigError
from ambigan.data import DataSettings, list_sources, located, open_dataset


def test_every_source_is_described_in_one_line() -> None:
    sources = list_sources()
    assert {"digits", "mnist", "folder:PATH", "csv:PATH", "parquet:PATH"} <= set(sources)
    assert all(text and "\n" not in text for text in sources.values())


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "minst",
            "unknown data set 'minst'. Did you mean 'mnist'? Known: archive, celeba, cifar10",
        ),
        ("folders:x", "unknown data set 'folders'. Did you mean 'folder'?"),
        ("photos", "Nor is there a folder photos."),
        ("photos/", "there is no file or folder photos/; give the path of one that exists."),
        ("spectra.csv", "there is no file or folder spectra.csv;"),
        ("photos.zip", "there is no file or folder photos.zip;"),
        ("a/b.npz", "there is no file or folder a/b.npz;"),
        ("folder", "data set 'folder' needs a path: folder:PATH."),
        ("csv:", "data set 'csv' needs a path: csv:PATH."),
        ("lsun", "data set 'lsun' needs a name: lsun:CATEGORY."),
        ("hf:", "data set 'hf' needs a name: hf:NAME[:SPLIT]."),
        ("imagenet:x", "data set 'imagenet' takes no path; write it as 'imagenet'."),
        ("digits:8", "data set 'digits' takes no path; write it as 'digits'."),
        ("", "unknown data set ''"),
    ],
)
def test_what_is_no_source(source: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        open_dataset(DataSettings(source))


def test_a_bare_path_is_understood_by_what_is_there(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for number in range(9):
        pixels = noise.integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "photos")
    shutil.make_archive(str(tmp_path / "b"), "gztar", tmp_path / "photos")
    (tmp_path / "a.zip").rename(tmp_path / "without_suffix")
    numbers = noise.normal(size=(9, 2))
    np.save(tmp_path / "x.dat.npy", numbers)
    (tmp_path / "x.dat.npy").rename(tmp_path / "x.dat")
    np.savez(tmp_path / "y.npz", x=numbers)
    np.savetxt(tmp_path / "z.csv", numbers, delimiter=",", header="a,b", comments="")
    sources = {
        "photos": "folder",
        "without_suffix": "archive",
        "b.tar.gz": "archive",
        "photos/3.png": "image",
        "x.dat": "npy",
        "y.npz": "npz",
        "z.csv": "csv",
    }
    opened = dict[str, str]()
    for name, source in sources.items():
        typed = str(tmp_path / name)
        assert located(DataSettings(typed)).source == f"{source}:{typed}"
        if source != "image":
            opened[name] = open_dataset(DataSettings(typed)).sha256
    assert opened["photos"] == opened["without_suffix"] == opened["b.tar.gz"]
    assert opened["x.dat"] == opened["y.npz"]


def test_the_name_is_as_typed_and_home_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(9, 2)))
    assert open_dataset(DataSettings("npy:~/x.npy")).name == "npy:~/x.npy"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (DataSettings(size=(8, 8)), "data.size has no effect on 'digits'; it is for folder:PATH, "),
        (DataSettings(scaling="minmax"), "data.scaling has no effect .* npy:PATH, npz:PATH, .*csv"),
        (DataSettings(drop=("a",)), "it is for .*csv:PATH, parquet:PATH"),
    ],
)
def test_a_setting_without_effect_warns(settings: DataSettings, said: str) -> None:
    with pytest.warns(UserWarning, match=said):
        open_dataset(settings)


def test_a_test_fraction_beside_a_published_split_warns(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).normal(size=(9, 2))
    np.savez(tmp_path / "x.npz", x_train=numbers, x_test=numbers)
    for part in ("train", "test"):
        for number in range(2):
            path = tmp_path / "in" / part / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), number).save(path)
    for source in (f"npz:{tmp_path / 'x.npz'}", f"folder:{tmp_path / 'in'}"):
        with pytest.warns(UserWarning, match=r"test_fraction has no effect .* is published"):
            open_dataset(DataSettings(source, test_fraction=0.5))


@pytest.mark.data
def test_the_split_of_a_published_set_is_its_own(data_root: Path) -> None:
    with pytest.warns(UserWarning, match=r"data\.split_seed has no effect on 'mnist'"):
        open_dataset(DataSettings("mnist", root=str(data_root), split_seed=3))


def test_paths_are_made_absolute_and_names_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    for typed, absolute in (
        ("folder:a/b", f"folder:{tmp_path}/a/b"),
        ("csv:~/x.csv", "csv:/home/me/x.csv"),
        ("packed:/p", "packed:/p"),
        ("lsun:bedroom", "lsun:bedroom"),
        ("hf:some/name", "hf:some/name"),
        ("mnist", "mnist"),
    ):
        assert located(DataSettings(typed)).source == absolute


def test_settings_of_every_source_do_not_warn() -> None:
    with warnings.catch_warnings(action="error"):
        open_dataset(DataSettings(root="/x", split_seed=2, test_fraction=0.2, holdout=5))
