"""Inputs that were once read wrongly without a word, through the command line as a user types it.

Each case is a folder of files, the commands, and what the program must say: words of its lines, or
those of the one line by which it refuses. Finer tests of each kind lie next to this module.
"""

from __future__ import annotations

import gzip
import json
import shlex
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import tifffile
from PIL import Image
from scipy.io import savemat

import ambigan
from ambigan.cli import main
from ambigan.data import open_dataset

random = np.random.default_rng(0)


def noise(*shape: int, high: int = 256, dtype: str = "uint8") -> np.ndarray[Any, Any]:
    return random.integers(0, high, shape).astype(dtype)


def folder(name: str, count: int = 40, suffix: str = ".png", shape: tuple[int, ...] = (32, 32, 3)):
    Path(name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(noise(*shape)).save(Path(name, f"{number}{suffix}"))


def table(path: str, count: int = 60, width: int = 6, **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(random.normal(size=(count, width)), columns=[*"abcdefgh"[:width]])
    frame = frame.assign(**columns)
    if path:
        frame.to_csv(path, index=False)
    return frame


def i01() -> None:
    Path("d").mkdir()
    for i in range(40):
        image = Image.fromarray(random.integers(100, 500, (32, 32)).astype("u2"))
        image.save(f"d/{i}.png")


def i02() -> None:
    for name, dtype in (("f", "f4"), ("g", "f8"), ("s", "i2")):
        Path(name).mkdir()
        for i in range(20):
            values = random.normal(0, 300, (16, 16)).astype(dtype)
            if name == "f" and i == 3:
                values[0, 0] = np.nan
            tifffile.imwrite(f"{name}/{i}.tif", values)


def i03() -> None:
    Path("d").mkdir()
    for i in range(20):
        bands: Any = {"photometric": "minisblack", "planarconfig": "separate"}
        tifffile.imwrite(f"d/{i}.tif", noise(4, 32, 32), **bands)


def i04() -> None:
    tifffile.imwrite("movie.tif", noise(60, 16, 16), photometric="minisblack")
    Path("d").mkdir()
    for i in range(40):
        tifffile.imwrite(f"d/{i}.tif", noise(5, 16, 16), photometric="minisblack")
    frames = [Image.fromarray(noise(16, 16)) for _ in range(20)]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])


def i05() -> None:
    np.save("x.npy", noise(60, 32, 32, 3))
    np.save("hw.npy", noise(60, 32, 32))
    np.save("chw.npy", noise(60, 3, 32, 32))
    np.save("float.npy", random.random((60, 32, 32, 3)).astype("f4"))
    np.save("doubt.npy", noise(20, 3, 16, 3))
    arrays = {
        f"{part}_images": noise(count, 28, 28) for part, count in (("train", 40), ("test", 9))
    }
    labels = {
        f"{part}_labels": noise(count, 1, high=2) for part, count in (("train", 40), ("test", 9))
    }
    np.savez("medmnist.npz", **arrays, **labels)
    np.savez("arr.npz", noise(40, 16, 16, 3))
    np.savez("named.npz", images=noise(40, 16, 16), labels=noise(40, high=3))
    with h5py.File("x.h5", "w") as file:
        file["images"] = noise(40, 16, 16, 3)
    savemat("x.mat", {"X": noise(16, 16, 3, 40)})
    Path("arrays").mkdir()
    for i in range(20):
        np.save(f"arrays/{i}.npy", noise(16, 16, 13).astype("f4"))


def i06() -> None:
    pixels = pd.DataFrame(noise(40, 784), columns=[f"pixel{n}" for n in range(784)])
    pixels.insert(0, "label", noise(40, high=10))
    pixels.to_csv("mnist.csv", index=False)


def i07() -> None:
    folder("d", 15, ".jpg")
    for i in range(25):
        Path(f"d/{i}.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    Path("d/scan.exr").write_bytes(b"\x76\x2f\x31\x01" + bytes(60))
    Image.fromarray(noise(32, 32, 3)).save("d/without-suffix", format="PNG")
    Path("d/notes.txt").write_text("notes")


def i08() -> None:
    folder("d/cat", 20)
    folder("d/dog", 20)
    folder("d", 1)


def i09() -> None:
    folder("a/images")
    folder("a/masks", 40, shape=(32, 32))
    for part, count in (("seg_train", 20), ("seg_test", 5)):
        folder(f"b/{part}/forest", count)
        folder(f"b/{part}/sea", count)
    for part, count in (("train", 20), ("val", 5), ("test", 6)):
        folder(f"c/{part}", count)


def i10() -> None:
    for clip in range(10):
        first = noise(8, 8, 3).repeat(4, 0).repeat(4, 1).astype(int)
        Path(f"d/clip{clip}").mkdir(parents=True)
        for i in range(6):
            near = np.clip(first + random.integers(-3, 4, first.shape), 0, 255).astype("u1")
            Image.fromarray(near).save(f"d/clip{clip}/{i}.png")


def i11() -> None:
    folder("d/cat", 20)
    folder("d/dog", 20)
    paths = sorted(map(str, Path("d").rglob("*.png")))
    with zipfile.ZipFile("d.zip", "w") as archive, tarfile.open("d.tar.gz", "w:gz") as other:
        for path in paths:
            archive.write(path)
            other.add(path)
    labels = [path.split("/")[1] for path in paths]
    listed = pd.DataFrame({"file": paths, "label": labels})
    listed.to_csv("list.csv", index=False)
    content = [Path(path).read_bytes() for path in paths]
    pd.DataFrame({"image": content, "mask": content, "label": labels}).to_parquet("bytes.parquet")
    pd.DataFrame({"scan": content, "image": content}).to_parquet("two.parquet")


def i12() -> None:
    folder("d", 20, shape=(16, 24, 3))
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf='
        '"http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:tiff='
        '"http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
    )
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    Image.fromarray(noise(24, 16, 3)).save("d/turned.png", pnginfo=info)


def i13() -> None:
    folder("d", 40, ".jpg")
    Path("d/empty.jpg").write_bytes(b"")
    Path("d/pointer.png").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"
    )
    for number in range(3):
        Path(f"d/page{number}.jpg").write_text("<!DOCTYPE html><html><body>404</body></html>")


def i14() -> None:
    folder("d", 30)


def t02() -> None:
    times = np.sort(random.uniform(1, 9, 200))
    lines = np.exp(-np.arange(12) / times[:, None])
    np.savetxt("d.csv", lines, delimiter=",")
    waves = np.arange(1, 60)
    np.savetxt("xy.csv", np.stack([waves, np.exp(-waves / 9)], 1), delimiter=",")


def t03() -> None:
    table("class.csv", Class=noise(60, high=3))
    table("target.csv", target=noise(60, high=2))
    table("y.csv", y=noise(60, high=2))
    waves = {f"wl{n}": random.normal(size=40) for n in range(20)}
    pd.DataFrame({"Brix": random.normal(12, 2, 40), **waves}).to_csv("brix.csv.gz", index=False)


def t04() -> None:
    frame = table("", 300)
    frame.loc[17, "c"] = 1e9
    frame.to_csv("far.csv", index=False)
    frame = table("", 60)
    frame.loc[3, "a"] = -999
    frame.to_csv("mark.csv", index=False)


def t05() -> None:
    table("d.csv", id=np.arange(1, 61), patient_id=np.arange(60) // 3)


def t08() -> None:
    spectra = pd.DataFrame(random.random((50, 30)), columns=[f"s{n}" for n in range(30)])
    spectra.insert(0, "wavelength", np.arange(900, 1150, 5))
    spectra.to_csv("columns.csv", index=False)
    body = table("").round(3).to_csv(index=False).split("\n", 1)
    Path("two.csv").write_text(body[0] + "\nmm,mm,mm,kg,kg,kg\n" + body[1])


def t09() -> None:
    frame = table("").round(3) * 1000
    frame.to_csv("comma.csv", index=False, sep=";", decimal=",")
    text = "\n".join(";".join(f"{n:,.2f}" for n in row) for row in frame.to_numpy())
    Path("thousands.csv").write_text("a;b;c;d;e;f\n" + text)
    frame.rename(columns={"a": "Größe"}).to_csv("latin.csv", index=False, encoding="latin-1")
    gaps = frame.astype(object)
    gaps.iloc[2, 1], gaps.iloc[3, 2], gaps.iloc[4, 0] = "?", "-", "NA"
    gaps.to_csv("gaps.csv", index=False)
    Path("comments.csv").write_text("# made by hand\n# twice\n" + frame.to_csv(index=False))
    np.savetxt("blanks.txt", frame.to_numpy(), fmt="%10.3f", header="a b c d e f", comments="")
    kinds = random.choice(["tcp", "udp", "icmp"], 60)
    kdd = frame.assign(protocol=kinds, flag=random.choice(["SF", "S0"], 60))
    with gzip.open("kdd.csv.gz", "wt") as file:
        kdd.to_csv(file, index=False, header=False)


def t10() -> None:
    frame, labels = table(""), noise(60, high=2)
    np.savez("Xy.npz", X=frame, y=labels)
    np.savez("Xtrain.npz", X_train=frame, y_train=labels, X_test=frame[:9], y_test=labels[:9])
    np.savez("data.npz", data=frame, target=labels)
    frame.to_feather("t.feather")
    frame.to_excel("t.xlsx", index=False)
    savemat("t.mat", {"X": frame.to_numpy(), "y": labels})
    scipy.sparse.save_npz("sparse.npz", scipy.sparse.csr_matrix(frame.to_numpy()))
    Path("parts").mkdir()
    frame[:30].to_parquet("parts/0.parquet")
    frame[30:].to_parquet("parts/1.parquet")
    import anndata

    anndata.AnnData(frame.to_numpy()).write_h5ad("t.h5ad")


TRAIN = "train bigan --epochs 1 --data"
Case = tuple[str, Callable[[], object], list[tuple[str, list[str]]]]
CASES: list[Case] = [
    (
        "I1",
        i01,
        [
            (f"{TRAIN} d", ["16 bits, values from 100 to 499"]),
            (f"{TRAIN} d --data.range 0,4095", []),
            (f"{TRAIN} d --data.range-percentiles 1,99", []),
        ],
    ),
    (
        "I2",
        i02,
        [
            (f"{TRAIN} f", ["floats", "1 images hold values that are not finite", "3.tif"]),
            (f"{TRAIN} g", ["floats"]),
            (f"{TRAIN} s", ["values from -"]),
        ],
    ),
    ("I3", i03, [(f"{TRAIN} d", ["4 channels"])]),
    (
        "I4",
        i04,
        [
            (f"{TRAIN} movie.tif", ["refused", "59 pages", "--data.pages all"]),
            (f"{TRAIN} movie.tif --data.pages all", ["60 images"]),
            (f"{TRAIN} d", ["40 images", "160 pages after the first"]),
            (f"{TRAIN} d --data.pages all", ["200 images"]),
            (f"{TRAIN} a.gif --data.pages all", ["20 images"]),
        ],
    ),
    (
        "I5",
        i05,
        [
            (f"{TRAIN} x.npy", ["read as NHWC", "32x32, 3 channels"]),
            (f"{TRAIN} hw.npy", ["read as NHW", "1 channel"]),
            (f"{TRAIN} chw.npy", ["read as NCHW"]),
            (f"{TRAIN} float.npy", ["floats"]),
            (f"{TRAIN} doubt.npy", ["refused", "--data.layout"]),
            (f"{TRAIN} medmnist.npz", ["40 to train and 9 to test", "2 classes"]),
            (f"{TRAIN} arr.npz", ["16x16, 3 channels"]),
            (f"{TRAIN} named.npz", ["3 classes"]),
            (f"{TRAIN} x.h5", ["16x16, 3 channels"]),
            (f"{TRAIN} x.mat", ["refused", "--data.layout"]),
            (f"{TRAIN} x.mat --data.layout HWCN", ["40 images", "16x16, 3 channels"]),
            (f"{TRAIN} arrays", ["13 channels"]),
        ],
    ),
    ("I6", i06, [(f"{TRAIN} mnist.csv --data.shape 28,28", ["28x28, 1 channel", "10 classes"])]),
    (
        "I7",
        i07,
        [(f"{TRAIN} d --data.max-corrupt 0.9", ["16 images", "25 ", "1 .exr", "1 .txt"])],
    ),
    ("I8", i08, [(f"{TRAIN} d", ["2 classes", "1 next to the folders of classes"])]),
    (
        "I9",
        i09,
        [
            (f"{TRAIN} a", ["40 images", "40 in masks/"]),
            (f"{TRAIN} b", ["40 to train and 10 to test", "2 classes (forest, sea)"]),
            (f"{TRAIN} c", ["20 to train and 6 to test", "5 in val/"]),
        ],
    ),
    (
        "I10",
        i10,
        [
            (f"{TRAIN} d", ["near cop", "--data.group"]),
            (f"{TRAIN} d --data.group folder", ["10 groups"]),
        ],
    ),
    (
        "I11",
        i11,
        [
            (f"{TRAIN} d.zip", ["40 images", "2 classes"]),
            (f"{TRAIN} d.tar.gz", ["40 images", "2 classes"]),
            (f"{TRAIN} list.csv", ["40 images", "2 classes"]),
            (f"{TRAIN} bytes.parquet", ["40 images", "column 'image'", "mask"]),
            (f"{TRAIN} hf:bytes.parquet", ["40 images", "mask"]),
            (f"{TRAIN} two.parquet", ["refused", "--data.image-column scan"]),
            (f"{TRAIN} two.parquet --data.image-column scan", ["40 images"]),
        ],
    ),
    ("I12", i12, [(f"{TRAIN} d", ["21 images", "16x24"])]),
    (
        "I13",
        i13,
        [
            (
                f"{TRAIN} d --data.max-corrupt 0.5",
                ["5 that cannot be read", "an empty file", "Git LFS", "HTML"],
            ),
            (f"{TRAIN} d", ["refused", "5 of 45", "--data.max-corrupt"]),
        ],
    ),
    ("I14", i14, [(f"{TRAIN} d", ["batches of 27 are made"])]),
    (
        "T2",
        t02,
        [
            (f"{TRAIN} d.csv", ["refused", "--data.header false"]),
            (f"{TRAIN} d.csv --data.header false", ["refused", "--data.drop-constant true"]),
            (f"{TRAIN} d.csv --data.header false --data.drop-constant true", ["200 rows"]),
            (f"{TRAIN} xy.csv", ["refused", "--data.header false"]),
        ],
    ),
    (
        "T3",
        t03,
        [
            (f"{TRAIN} class.csv", ["'Class'", "--data.label-column Class"]),
            (f"{TRAIN} target.csv", ["'target'", "--data.label-column target"]),
            (f"{TRAIN} y.csv", ["'y'", "--data.label-column y"]),
            (f"{TRAIN} brix.csv.gz", ["'Brix'", "--data.target-column Brix"]),
            (f"{TRAIN} brix.csv.gz --data.target-column Brix", ["20 columns; 1 target"]),
        ],
    ),
    (
        "T4",
        t04,
        [
            (f"{TRAIN} far.csv", ["'c'", "--data.scaling robust"]),
            (f"{TRAIN} far.csv --data.scaling robust", []),
            (f"{TRAIN} far.csv --data.scaling quantile", []),
            (f"{TRAIN} mark.csv --data.missing-marks -999 --data.missing median", ["1 missing"]),
        ],
    ),
    (
        "T5",
        t05,
        [
            (f"{TRAIN} d.csv", ["'id'", "--data.id-column id", "'patient_id'"]),
            (
                f"{TRAIN} d.csv --data.id-column id --data.group patient_id",
                ["6 columns", "20 groups"],
            ),
        ],
    ),
    (
        "T8",
        t08,
        [
            (f"{TRAIN} columns.csv", ["refused", "--data.transpose true"]),
            (f"{TRAIN} columns.csv --data.transpose true", ["30 rows", "50 columns"]),
            (f"{TRAIN} two.csv", ["60 rows", "6 columns"]),
        ],
    ),
    (
        "T9",
        t09,
        [
            (f"{TRAIN} comma.csv", ["60 rows", "decimal comma"]),
            (f"{TRAIN} thousands.csv", ["60 rows", "thousands"]),
            (f"{TRAIN} latin.csv", ["refused", "--data.encoding"]),
            (f"{TRAIN} latin.csv --data.encoding latin-1", ["60 rows"]),
            (f"{TRAIN} gaps.csv", ["refused", "row", "--data.missing"]),
            (f"{TRAIN} gaps.csv --data.missing drop", ["57 rows", "3 rows"]),
            (f"{TRAIN} comments.csv", ["60 rows"]),
            (f"{TRAIN} blanks.txt", ["60 rows", "blanks"]),
            (f"{TRAIN} kdd.csv.gz --data.header false", ["refused", "--data.one-hot"]),
            (
                f"{TRAIN} kdd.csv.gz --data.header false --data.one-hot column_7,column_8",
                ["60 rows", "11 columns"],
            ),
        ],
    ),
    (
        "T10",
        t10,
        [
            (f"{TRAIN} Xy.npz", ["60 rows", "2 classes"]),
            (f"{TRAIN} Xtrain.npz", ["60 to train and 9 to test", "2 classes"]),
            (f"{TRAIN} data.npz", ["60 rows", "2 classes"]),
            (f"{TRAIN} t.feather", ["60 rows"]),
            (f"{TRAIN} t.xlsx", ["60 rows"]),
            (f"{TRAIN} t.mat", ["60 rows", "2 classes"]),
            (f"{TRAIN} sparse.npz", ["60 rows"]),
            (f"{TRAIN} parts", ["60 rows"]),
            (f"{TRAIN} t.h5ad", ["60 rows"]),
        ],
    ),
    (
        "T16",
        lambda: table("d.csv"),
        [(f"{TRAIN} d.csv", ["1 step of 54 examples", "54 of 54 examples"])],
    ),
]


@pytest.mark.parametrize(("finding", "make", "commands"), CASES, ids=[case[0] for case in CASES])
def test_a_finding_is_right_now(
    finding: str,
    make: Callable[[], object],
    commands: list[tuple[str, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make()
    wrong: list[str] = []
    for number, (command, expected) in enumerate(commands):
        words = [*shlex.split(command), "--out", f"runs/{number}", "--device", "cpu"]
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            status = main(small(words))
        said = capfd.readouterr().err
        refused = "refused" in expected
        if status != 2 * refused:
            wrong.append(f"{command}: exit status {status}\n{said}")
        if refused and len(said.splitlines()) != 1:
            wrong.append(f"{command}: not one line\n{said}")
        missing = [text for text in expected if text not in said and text != "refused"]
        if missing:
            wrong.append(f"{command}: nothing of {missing} in\n{said}")
    assert not wrong, "\n".join(wrong)


def test_t1_t6_t7_t13_t14_a_run_of_a_table_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = table("d.csv", bottle=[f"bottle {n}" for n in range(60)], label=noise(60, high=2))
    assert main([*TRAIN.split(), "d.csv", "--data.id-column", "bottle", "--out", "run"]) == 0
    run = ambigan.load("run")
    features = run.features(frame)
    reordered = frame.assign(extra=True)[[*reversed(frame.columns), "extra"]]
    np.testing.assert_array_equal(run.features(reordered), features)  # T1
    with pytest.raises(ValueError, match="'b'"):
        run.features(frame.drop(columns="b"))
    far = frame.copy()
    far.loc[4, "a"] = 1e300  # T7
    with pytest.raises(ValueError, match=r"column .a., row [45]"):
        run.features(far)

    assert main(["sample", "run", "--num", "7", "--out", "s.csv"]) == 0  # T13
    assert list(pd.read_csv("s.csv").columns) == [*"abcdef"]
    assert main(["reconstruct", "run", "--data", "d.csv", "--out", "r.parquet"]) == 0
    kept = pd.read_parquet("r.parquet")
    assert kept["row"].tolist() == list(range(len(kept)))
    assert (
        kept["bottle" if "bottle" in kept else "id"].tolist()
        == frame["bottle"].tolist()[: len(kept)]
    )

    own = open_dataset(run.config.data).train.rows
    assert own is not None
    row = int(own[11])
    capfd.readouterr()
    search = ["search", "run", "--query", str(row), "--num", "3", "--metric", "euclidean"]
    assert main([*search, "--json"]) == 0  # T6, T14
    found = json.loads(capfd.readouterr().out)
    text = json.dumps(found)
    assert f'"row": {row}' in text, text
    assert "euclidean" in text, text


ELSEWHERE = {
    "I15": "training.py: --data.size is named where images make networks too large",
    "I16": "test_pages_and_groups.test_a_large_photograph_is_read_reduced_or_by_a_higher_limit",
    "T11": "integration/test_data_docs: Labels, targets and ids",
    "T12": "evaluation/test_protocols",
    "T15": "the estimators, which are another issue",
}
"""Findings that other tests hold."""


def test_every_finding_has_its_place() -> None:
    here = {case[0] for case in CASES} | {"T1", "T6", "T7", "T13", "T14"} | set(ELSEWHERE)
    assert here == {f"I{n}" for n in range(1, 17)} | {f"T{n}" for n in range(1, 17)}


def small(words: list[str]) -> list[str]:
    """The command with networks of toy size, where its preset is that of images."""
    from ambigan.configuration import make_config

    settings = {
        f"data.{word[7:].replace('-', '_')}": value
        for word, value in pairwise(words)
        if word.startswith("--data.")
    }
    data = words[words.index("--data") + 1]
    try:
        preset = make_config("bigan", changes={"data.source": data, **settings}).preset
    except ValueError:
        return words
    toy = ["--settings.network.width", "4", "--train.statistics-batches", "2"]
    return [*words, *toy] if preset == "images" else words
