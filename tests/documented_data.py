"""Small files of every kind that docs/howto/data.md names, made in the current folder."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from scipy.io import savemat

RANDOM = np.random.default_rng(0)
COUNT = 40


def pictures(count: int = COUNT, side: int = 32, *channels: int) -> np.ndarray[Any, Any]:
    """Smooth random images of 8 bits, none a near copy of another."""
    shape = (count, side // 4, side // 4, *channels)
    return RANDOM.integers(0, 256, shape, np.uint8).repeat(4, 1).repeat(4, 2)


def save_folder(folder: str, names: list[str], suffix: str = ".png") -> None:
    for name, image in zip(names, pictures(len(names), 32, 3), strict=True):
        path = Path(folder, name).with_suffix(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def photos() -> None:
    names = [f"{kind}/{number:02}" for kind in ("cat", "dog") for number in range(COUNT // 2)]
    save_folder("photos", names, ".jpg")


def scenes() -> None:
    parts = {"train": COUNT, "val": 8, "test": 8, "masks": 8}
    save_folder("scenes", [f"{part}/{n:02}" for part, count in parts.items() for n in range(count)])


def patients() -> None:
    save_folder("patients", [f"patient{n // 4}/{n % 4}" for n in range(COUNT)])


def cells() -> None:
    import tifffile

    Path("cells").mkdir()
    for number, image in enumerate(pictures().astype(np.uint16) * 16 + 7):
        tifffile.imwrite(f"cells/{number:02}.tif", image)


def bands() -> None:
    import tifffile

    Path("bands").mkdir()
    for number in range(COUNT):
        values = RANDOM.normal(size=(13, 16, 16)).astype(np.float32)
        tifffile.imwrite(
            f"bands/{number:02}.tif", values, photometric="minisblack", planarconfig="separate"
        )


def movie() -> None:
    import tifffile

    tifffile.imwrite("movie.tif", pictures(), photometric="minisblack")


def xray() -> None:
    from data.test_medical_and_phone_formats import write_dicom

    Path("xray").mkdir()
    for number, image in enumerate(pictures().astype(np.int16) * 8):
        write_dicom(Path(f"xray/{number:02}.dcm"), image)


def images_npy() -> None:
    np.save("images.npy", pictures(COUNT, 32, 3))


def medmnist() -> None:
    sizes = {"train": COUNT, "val": 8, "test": 8}
    arrays = {f"{part}_images": pictures(count, 28) for part, count in sizes.items()}
    labels = {f"{part}_labels": np.arange(count)[:, None] % 2 for part, count in sizes.items()}
    np.savez("medmnist.npz", **arrays, **labels)


def cells_h5() -> None:
    import h5py

    with h5py.File("cells.h5", "w") as file:
        file["scans"] = pictures(COUNT, 28)
        file["diagnosis"] = np.arange(COUNT) % 2


def faces() -> None:
    savemat("faces.mat", {"X": pictures(COUNT, 32, 3).transpose(1, 2, 3, 0)})


def photos_zip() -> None:
    if not Path("photos").exists():
        photos()
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for path in sorted(Path("photos").rglob("*.jpg")):
            archive.write(path)


def list_csv() -> None:
    photos_zip()
    paths = sorted(map(str, Path("photos").rglob("*.jpg")))
    table = pd.DataFrame({"path": paths, "thumbnail": paths, "species": ["cat", "dog"] * 20})
    table["split"] = ["test" if n % 5 == 0 else "train" for n in range(len(paths))]
    table.to_csv("list.csv", index=False)


def digits_csv() -> None:
    table = pd.DataFrame(pictures(COUNT, 8).reshape(COUNT, 64))
    table.columns = [f"pixel{number}" for number in range(64)]
    table.insert(0, "label", np.arange(COUNT) % 10)
    table.to_csv("digits.csv", index=False)


def numbers(width: int = 6) -> pd.DataFrame:
    names = [f"length_{letter}" for letter in "abcdefgh"[:width]]
    return pd.DataFrame(RANDOM.normal(size=(COUNT, width)).round(4), columns=names)


def table_csv() -> None:
    numbers().to_csv("table.csv", index=False)


def nameless() -> None:
    np.savetxt("nameless.txt", numbers().to_numpy())


def european() -> None:
    (numbers() * 100).to_csv("european.csv", index=False, sep=";", decimal=",", encoding="utf-16")


def table_parquet() -> None:
    numbers().assign(batch=1, gain=3.0).to_parquet("table.parquet")


def spectra() -> None:
    waves = np.arange(900, 1700, 20)
    curves = np.exp(-(((waves - RANDOM.uniform(1000, 1600, (COUNT, 1))) / 150) ** 2))
    table = pd.DataFrame(curves.round(5), columns=waves.astype(str))
    table.insert(0, "Brix", RANDOM.uniform(8, 16, COUNT).round(2))
    table.insert(0, "sample", [f"plum-{number}" for number in range(COUNT)])
    table.to_csv("spectra.csv", index=False)


def columns_csv() -> None:
    waves = np.arange(900, 1700, 20)
    curves = np.exp(-(((waves[:, None] - RANDOM.uniform(1000, 1600, COUNT)) / 150) ** 2))
    table = pd.DataFrame(curves.round(5), columns=[f"s{number}" for number in range(COUNT)])
    table.insert(0, "wavelength", waves)
    table.to_csv("columns.csv", index=False)


def survey() -> None:
    table = numbers(4)
    table["city"] = RANDOM.choice(["Bern", "Lima", "Oslo"], COUNT)
    table["sector"] = RANDOM.choice(["private", "public"], COUNT)
    table.loc[3, "length_a"], table.loc[7, "length_b"] = None, -999
    table.to_csv("survey.csv", index=False)


def wine() -> None:
    table = numbers(5)
    table["alcohol"] = (table["length_a"] * 2 + 12).round(2)
    table["cultivar"] = RANDOM.choice(["nebbiolo", "barbera"], COUNT)
    table["bottle"] = [f"bottle {number}" for number in range(COUNT)]
    table.to_csv("wine.csv", index=False)


def wine_labels() -> None:
    bottles = [f"bottle {number}" for number in reversed(range(COUNT))]
    grades = RANDOM.choice(["good", "fair"], COUNT)
    pd.DataFrame({"bottle": bottles, "grade": grades}).to_csv("wine-labels.csv", index=False)


def plates() -> None:
    numbers().assign(plate=[f"P{n // 4}" for n in range(COUNT)]).to_csv("plates.csv", index=False)


def hub() -> None:
    save_folder("hub", [f"train/{kind}/{n}" for kind in ("cat", "dog") for n in range(20)])


MADE: dict[str, Callable[[], None]] = {
    "photos": photos,
    "scenes": scenes,
    "patients": patients,
    "cells": cells,
    "bands": bands,
    "movie.tif": movie,
    "xray": xray,
    "images.npy": images_npy,
    "medmnist.npz": medmnist,
    "cells.h5": cells_h5,
    "faces.mat": faces,
    "photos.zip": photos_zip,
    "list.csv": list_csv,
    "digits.csv": digits_csv,
    "table.csv": table_csv,
    "nameless.txt": nameless,
    "european.csv": european,
    "table.parquet": table_parquet,
    "spectra.csv": spectra,
    "columns.csv": columns_csv,
    "survey.csv": survey,
    "wine.csv": wine,
    "wine-labels.csv": wine_labels,
    "plates.csv": plates,
    "hub": hub,
}
