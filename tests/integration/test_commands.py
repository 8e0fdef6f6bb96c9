"""The command line from end to end, on scikit-learn's digits."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import ambigan
from ambigan.cli import main
from ambigan.cli.training import DEMO_PROTOCOLS
from ambigan.evaluation.result_file import read_results

SMALL = ["--settings.network.hidden", "16,16", "--epochs", "3", "--device", "cpu"]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, ambigan.cli.parser as p; p.make_parsers(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert not {"torch", "numpy", "pydantic", "sklearn", "rich"} & set(loaded.split())


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    told = capsys.readouterr().out
    for verb in [
        "demo",
        "train",
        "evaluate",
        "sample",
        "reconstruct",
        "interpolate",
        "embed",
        "report",
        "presets",
    ]:
        assert re.search(rf"^ +{verb}\b", told, re.MULTILINE), verb


@pytest.mark.parametrize(
    ("verb", "kept"),
    [
        ("sample", "no file is left half written"),
        ("train", "a run that was begun goes on with: ambigan train --resume RUN"),
        ("prepare", "what was decoded is kept"),
    ],
)
def test_an_interruption_is_one_line(
    verb: str, kept: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_request: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("ambigan.cli._run", lambda _verb: interrupt)
    words = {"train": ["bigan"], "sample": ["."], "prepare": ["digits", "out"]}
    assert main([verb, *words[verb]]) == 130
    told = capsys.readouterr().err
    assert told.startswith(f"stopped; {kept}")
    assert told.count("\n") == 1


def test_demo_ends_with_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), *SMALL]) == 0
    page = (out / "report.html").read_text()
    assert all(title in page for title in ("knn1_euclidean", "Reconstructions", "Interpolations"))
    names = {path.stem for path in (out / "results").glob("*.json")}
    assert names == set(DEMO_PROTOCOLS)
    told = capsys.readouterr().out
    assert "report.html" in told
    rows = read_results(out / "results" / "retrieval_cosine.json")
    assert [row.subject.name for row in rows] == [
        "discriminator.hidden2.norm",
        "pixels",
        "pca20",
        "random discriminator.hidden2.norm",
    ]
    first = "retrieval_cosine on discriminator.hidden2.norm"
    for text in (first, *(row.headline.text for row in rows)):
        assert text in next(line for line in told.splitlines() if line.startswith(first))
        assert text in page[page.index('class="headline"') : page.index('class="lead"')]


def test_results_carry_what_they_were_made_of(finished_run: Path) -> None:
    assert main(["evaluate", str(finished_run), "--protocol", "knn1_euclidean"]) == 0
    results = read_results(finished_run / "results" / "knn1_euclidean.json")
    about = results[0].provenance
    assert results[0].protocol.name == "knn1_euclidean"
    assert about.versions["ambigan"] == ambigan.__version__
    data = json.loads((finished_run / "data.json").read_text())
    assert about.data.sha256 == about.trained_on.sha256 == data["sha256"]
    rows = {(result.subject.name, result.subject.weights): result for result in results}
    assert set(rows) == {
        ("encoder.hidden2", "ema"),
        ("encoder.hidden2", "raw"),
        ("pixels", None),
        ("pca4", None),  # as many components as latents
        ("random encoder.hidden2", None),
    }
    assert 97 < (rows["pixels", None].value("accuracy") or 0) < 100


def test_any_layer_can_be_measured(finished_run: Path) -> None:
    words = ["--protocol", "knn1_cosine", "--layer", "discriminator.hidden1,encoder"]
    assert main(["evaluate", str(finished_run), *words]) == 0
    (path,) = (finished_run / "results").glob("knn1_cosine--*.json")
    names = [result.subject.name for result in read_results(path)]
    assert names[:4] == ["discriminator.hidden1"] * 2 + ["encoder"] * 2
    assert names[-2:] == ["random discriminator.hidden1", "random encoder"]


def test_latents_can_be_measured_as_a_layer(finished_run: Path) -> None:
    """Of this method they are what `encoder` gives."""
    words = ["--protocol", "knn1_cosine", "--layer", "latents,encoder", "--weights", "ema"]
    assert main(["evaluate", str(finished_run), *words]) == 0
    (path,) = (finished_run / "results").glob("knn1_cosine--latents--*.json")
    rows = {result.subject.name: result for result in read_results(path)}
    assert rows["latents"].subject.dim == 4
    assert rows["latents"].metrics == rows["encoder"].metrics
    assert rows["random latents"].metrics == rows["random encoder"].metrics


def test_a_curve_measures_every_kept_checkpoint(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    words = ["--train.keep-checkpoints", "9", "--train.checkpoint-every", "24", *SMALL]
    assert main(["train", "bigan", "--data", "digits", *words, "--out", run]) == 0
    assert main(["evaluate", run, "--curve"]) == 0
    curve = read_results(tmp_path / "run/results/curve-knn1_euclidean.json")
    learned = [point.provenance for point in curve if point.subject.weights == "raw"]
    assert [about.images_seen for about in learned] == [1536, 3072, 4544]
    words = ["--layer", "encoder.hidden1", "--weights", "raw"]
    assert main(["evaluate", run, "--curve", *words]) == 0
    name = "curve-knn1_euclidean--encoder.hidden1--raw.json"
    assert (tmp_path / "run/results" / name).is_file(), "beside the other, not over it"


def test_flags_that_nothing_uses_are_refused(
    finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = str(finished_run)
    for words, said in (
        (["--protocol", "generation_features", "--layer", "encoder"], "--layer is of protocols"),
        (
            ["--protocol", "knn1_euclidean", "--reference-features", "encoder"],
            "--reference-features is of protocols of sam",
        ),
    ):
        assert main(["evaluate", run, *words]) == 2
        assert said in capsys.readouterr().err


def test_examples_are_generated_and_written(finished_run: Path, tmp_path: Path) -> None:
    assert main(["sample", str(finished_run), "--num", "10", "--seed", "3"]) == 0
    written = np.load(finished_run / "samples.npy")
    assert written.shape == (10, 1, 8, 8)
    assert np.abs(written).max() <= 1
    assert np.array_equal(written, ambigan.load(finished_run).sample(10, seed=3))
    with Image.open(finished_run / "samples.png") as picture:
        assert picture.width > 80
    assert main(["reconstruct", str(finished_run), "--num", "6"]) == 0
    assert np.load(finished_run / "reconstructions.npy").shape == (2, 6, 1, 8, 8)
    assert main(["interpolate", str(finished_run), "--pairs", "3", "--steps", "5"]) == 0
    assert np.load(finished_run / "interpolations.npy").shape == (15, 1, 8, 8)
    only = tmp_path / "only.png"
    assert main(["sample", str(finished_run), "--out", str(only)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["only.png"]


def test_features_are_written_in_the_order_of_the_source(
    finished_run: Path, tmp_path: Path
) -> None:
    from sklearn.datasets import load_digits

    table, array = tmp_path / "features.parquet", tmp_path / "latents.npy"
    assert main(["embed", str(finished_run), "--out", str(table)]) == 0
    columns = pq.read_table(table).to_pydict()
    assert columns["row"] == list(range(1797))
    assert [int(label) for label in columns["label"]] == load_digits().target.tolist()
    assert "f15" in columns
    assert "f16" not in columns
    words = ["--layer", "latents", "--split", "test", "--out", str(array)]
    assert main(["embed", str(finished_run), *words]) == 0
    assert np.load(array).shape == (297, 4)


def test_other_data_keep_their_own_names(finished_run: Path, tmp_path: Path) -> None:
    """Codes are of each source alone: the first class here is not the run's first."""
    values = np.zeros((3, 64))
    columns = {f"p{place}": values[:, place] for place in range(64)}
    names = ["three", "one", "three"]
    pq.write_table(pa.table({**columns, "label": names}), tmp_path / "vectors.parquet")
    run = tmp_path / "run"
    words = ["--data", f"parquet:{tmp_path / 'vectors.parquet'}"]
    rows = {f"p{place}": np.random.default_rng(place).normal(size=60) for place in range(64)}
    pq.write_table(pa.table({**rows, "label": ["one", "two"] * 30}), tmp_path / "own.parquet")
    own = ["--data", f"parquet:{tmp_path / 'own.parquet'}", "--batch-size", "16", *SMALL]
    assert main(["train", "bigan", *own, "--out", str(run)]) == 0
    out = tmp_path / "features.parquet"
    assert main(["embed", str(run), *words, "--out", str(out)]) == 0
    assert pq.read_table(out).to_pydict()["label"] == names


@pytest.mark.usefixtures("quick_pages")
def test_vectors_go_all_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    values = random.normal([5, -100, 0.001], [1, 20, 0.0001], size=(400, 3))
    header = "\n".join(["mass,charge,width", *(",".join(map(str, row)) for row in values)])
    Path("table.csv").write_text(header)
    words = ["--data", "csv:table.csv", "--batch-size", "32", *SMALL, "--out", "run"]
    assert main(["train", "bigan", *words]) == 0
    for verb in ("evaluate", "sample", "reconstruct", "interpolate", "embed", "report"):
        assert main([verb, "run"]) == 0, verb
    samples = np.load("run/samples.npy")
    assert samples.shape == (64, 3)
    run = ambigan.load("run")
    assert run.scaling is not None
    assert run.scaling.columns == ("mass", "charge", "width")
    again = run.reconstruct(values[:5])
    assert again.shape == (5, 3)
    assert np.abs(again[:, 1] + 100).max() < 200
    # Others' rows are scaled as the model's own were, and keep their order.
    Path("other.csv").write_text("\n".join([header.split("\n")[0], *header.split("\n")[8:3:-1]]))
    words = ["--data", "csv:other.csv", "--layer", "latents", "--out", "other.npy"]
    assert main(["embed", "run", *words]) == 0
    np.testing.assert_allclose(np.load("other.npy"), run.encode(values[7:2:-1]), atol=1e-5)


def test_python_api_takes_bytes_and_floats_alike(finished_run: Path) -> None:
    run = ambigan.load(finished_run, device="cpu")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 1, 8, 8), dtype=np.uint8)
    np.testing.assert_allclose(run.encode(pixels), run.encode(pixels / 127.5 - 1), atol=1e-5)
    assert run.features(pixels).shape == (5, 16)
    assert run.features(pixels, "encoder.hidden1").shape == (5, 16)
    np.testing.assert_allclose(run.reconstruct(pixels), run.decode(run.encode(pixels)), atol=1e-6)
    assert "reconstruct" in run.capabilities
    for wrong in (pixels[0, 0], pixels[:, :, :7], pixels[:0]):
        with pytest.raises(ValueError, match=r"shape|no examples"):
            run.encode(wrong)
    num_latents = run.encode(pixels).shape[1]
    for latents in (np.zeros((3, 9)), np.zeros((0, num_latents))):
        with pytest.raises(ValueError, match="latents have shape"):
            run.decode(latents)
    assert np.isnan(run.decode(np.full((1, num_latents), np.nan))).all()
    with pytest.raises(ValueError, match=r"layer 3 is no name, such as 'encoder\."):
        run.features(pixels, 3)  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(run.sample(2), run.sample(np.int64(2)))


def test_presets_are_listed_with_what_they_reached(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    told = capsys.readouterr().out
    for word in ("bigan", "gan", "official", "paper", "small", "reached", "time"):
        assert word in told


@pytest.mark.usefixtures("quick_pages")
def test_a_report_is_of_the_weights_that_are_asked_for(finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    for weights, words in (("ema", "averaged over training"), ("raw", "as the last step left")):
        assert main(["report", str(run), "--weights", weights]) == 0
        assert words in (run / "report.html").read_text()


@pytest.mark.usefixtures("quick_pages")
def test_one_method_from_outside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_registries: None
) -> None:
    """Acceptance: one file, networks of its own, no change in the package."""
    name = "adversarial_autoencoder"
    plugin = ["--plugin", str(Path(__file__).parents[2] / "examples" / f"{name}.py")]
    monkeypatch.chdir(tmp_path)
    words = ["--epochs", "20", "--batch-size", "50", "--settings.width", "64", "--device", "cpu"]
    train = ["train", name, *plugin, "--data", "digits", *words, "--out", "run"]
    assert main(train) == 0
    assert main(["train", "--resume", "run", *plugin]) == 0
    assert main([*train, "--continue"]) == 0
    for verb in ("evaluate", "sample", "reconstruct", "embed", "report"):
        assert main([verb, "run", *plugin]) == 0, verb
    results = read_results(Path("run/results/reconstruction_l2.json"))
    assert (results[0].headline.value or 1) < 0.8


def test_progress_in_lines_says_examples_and_the_time_left_in_words(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from ambigan.cli import output

    times = iter([0.0, 0.0, 100.0])
    monkeypatch.setattr(output.time, "monotonic", lambda: next(times))
    with caplog.at_level("INFO", "ambigan"):
        report = output._report_in_lines()
        report(0, 1_000_000, {"generator/a": 1.0})
        report(1_000, 1_000_000, {"generator/a": 1.0, "generator/b": 0.5})
    assert caplog.messages == [
        "1,000 of 1,000,000 examples, 10 examples/s, 1 d 4 h left  generator 1.500"
    ]
