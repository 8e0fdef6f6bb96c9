"""Runs against protocols: every layer, all protocols, samples in any run's features."""

from __future__ import annotations

import dataclasses
import json
import shutil
from functools import partial
from pathlib import Path

import pytest
import torch

from ambigan import Run, load
from ambigan.cli import main
from ambigan.core.errors import ConfigError
from ambigan.core.files import StorageError
from ambigan.data import Dataset, DataSettings, open_dataset
from ambigan.evaluation.protocols import PROTOCOLS, Protocol
from ambigan.measuring import Tell, evaluate, evaluate_curve
from ambigan.measuring import feature_sets as candidates
from ambigan.measuring.result_cache import ResultCache
from ambigan.measuring.runner import _spaced
from ambigan.measuring.select_protocols import _warn_of_unseen_classes

pytestmark = pytest.mark.usefixtures("few_samples")


@pytest.fixture
def digits() -> Dataset:
    return open_dataset(DataSettings())


@pytest.fixture
def mlp(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "mlp"))


@pytest.fixture
def conv(conv_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(conv_run, tmp_path / "conv"))


def test_each_layer_that_is_worth_measuring(conv: Path) -> None:
    (record,) = evaluate(conv, protocols=["knn1_cosine"], layers=["each"], weights="raw")
    layers = load(conv).method.feature_layers
    assert "discriminator.convs@4" in layers
    assert [row["features"] for row in record["rows"]] == [
        *layers, "pixels", record["rows"][len(layers) + 1]["features"],
        *(f"random {layer}" for layer in layers),
    ]  # fmt: skip
    assert (conv / "results" / "knn1_cosine--each--raw.json").is_file()


def test_a_layer_that_does_not_exist_is_refused(mlp: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown layer 'encoder\.hidden7'"):
        evaluate(mlp, protocols=["knn1_cosine"], layers=["encoder.hidden7"])


def test_all_that_applies_and_why_the_rest_does_not(
    mlp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(mlp / "no hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    told: list[str] = []
    records = evaluate(mlp, protocols=["all"], weights="raw", baselines=["raw"], tell=told.append)
    measured = {record["protocol"] for record in records}
    assert set(PROTOCOLS) - measured == {"svm_l2_1000", "generation_inception"}
    left_out = [line for line in told if "left out" in line]
    assert len(left_out) == 2
    assert "11,000 training examples" in left_out[0]
    assert "--inception PATH" in left_out[1]


def test_features_too_wide_for_their_covariance(
    mlp: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths = {
        layer: load(mlp).features(digits.test, layer).shape[1]
        for layer in load(mlp).method.feature_layers
    }
    widest = max(widths, key=widths.__getitem__)
    least = min(widths.values())
    narrow = next(layer for layer, width in widths.items() if width == least)
    monkeypatch.setattr("ambigan.measuring.reference_features.WIDEST", least)
    with pytest.raises(ConfigError, match=f"{widest} has .*; .* such as --space {narrow}"):
        evaluate(mlp, protocols=["generation_features"], spaces=[widest])
    told: list[str] = []
    monkeypatch.setattr("ambigan.measuring.runner._measure", lambda *_: iter(()))
    evaluate(mlp, protocols=["all"], spaces=[widest], inception=mlp, tell=told.append)
    assert any(line.startswith("left out: generation_features: takes the cov") for line in told)


def test_a_feature_layer_too_wide_for_its_covariance_gives_way(
    mlp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = load(mlp, device="cpu")
    widths = {
        layer: run.features(run.sample(2, seed=0), layer).shape[1]
        for layer in run.method.feature_layers
    }
    own = run.method.default_layer
    monkeypatch.setattr("ambigan.measuring.reference_features.WIDEST", widths[own] - 1)
    narrower = {layer: width for layer, width in widths.items() if width < widths[own]}
    (record,) = evaluate(mlp, protocols=["generation_features"], weights="raw", baselines=["raw"])
    assert {row["space"] for row in record["rows"]} == {max(narrower, key=narrower.__getitem__)}


def test_what_is_left_out_for_one_reason_is_one_line(
    mlp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []

    def note(_runs: object, _dataset: object, protocols: list[Protocol], *_: object):
        chosen.extend(protocol.name for protocol in protocols)
        return iter(())

    monkeypatch.setattr("ambigan.measuring.runner._measure", note)
    monkeypatch.setattr(Dataset, "has_labels", property(lambda _dataset: False))
    told: list[str] = []
    evaluate(mlp, protocols=["all"], inception=mlp, tell=told.append)
    (without_labels,) = [line for line in told if "needs labels" in line]
    assert without_labels.startswith("left out: knn1_euclidean, knn1_cosine, ")
    assert chosen[:2] == ["reconstruction_l2", "generation_features"]


def test_a_gan_of_data_without_labels_is_measured_by_its_samples(
    mlp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"kind": "model", "frechet": 1.0}]
    monkeypatch.setattr("ambigan.measuring.runner.measure_generation", lambda *_: rows)
    able = frozenset(("decode", "sample"))
    monkeypatch.setattr(Run, "capabilities", property(lambda _run: able))
    monkeypatch.setattr(Dataset, "has_labels", property(lambda _dataset: False))
    (record,) = evaluate(mlp)
    assert record["protocol"] == "generation_features"


def test_a_failure_leaves_the_records_before_it(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("no samples today")

    monkeypatch.setattr("ambigan.measuring.runner.measure_generation", fail)
    asked = ["generation_features", "knn1_cosine"]
    with pytest.raises(ConfigError, match="no samples today"):
        evaluate(mlp, protocols=asked, weights="raw", baselines=[])
    assert (mlp / "results" / "knn1_cosine--raw.json").is_file()


def test_a_curve_of_all_that_applies(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [PROTOCOLS["knn1_cosine"], PROTOCOLS["knn1_euclidean"]]
    monkeypatch.setattr("ambigan.measuring.select_protocols._applying", lambda *_: chosen)
    curves = evaluate_curve(mlp, protocols=["all"], weights="raw")
    assert [curve["protocol"] for curve in curves] == ["knn1_cosine", "knn1_euclidean"]


def test_points_of_a_curve_are_spaced_and_end_with_the_last(mlp: Path) -> None:
    def images(spacing: int) -> list[int]:
        measured = evaluate_curve(mlp, protocols=["knn1_cosine"], weights="raw", spacing=spacing)
        points = [point for point in measured[0]["points"] if point["kind"] == "model"]
        return list(dict.fromkeys(point["images_seen"] for point in points))

    all_of_them = images(1)
    assert len(all_of_them) >= 2
    assert images(all_of_them[-1] + 1) == all_of_them[-1:]


def test_spaced_checkpoints_do_not_move_where_training_was_stopped() -> None:
    paths = [Path(f"{n:012}.pt") for n in (1280, 2560, 3840, 4864, 5120, 6400, 7680)]
    assert [int(path.stem) for path in _spaced(paths, 2560)] == [2560, 5120, 7680]
    late = [Path(f"{n:012}.pt") for n in (1300, 2600, 3900, 5200, 6000)]
    assert [int(path.stem) for path in _spaced(late, 2560)] == [2600, 5200, 6000]
    assert _spaced([], 5) == []


def test_a_class_that_nobody_could_learn_is_told(digits: Dataset) -> None:
    assert digits.train.labels is not None
    others = digits.train.labels.clamp(max=8)
    one_less = dataclasses.replace(digits, train=dataclasses.replace(digits.train, labels=others))
    with pytest.warns(UserWarning, match="class '9' is in the test split alone, with 30 of 297"):
        _warn_of_unseen_classes(one_less)


def test_a_folder_that_cannot_be_written_is_told_first(mlp: Path) -> None:
    told: list[str] = []
    shutil.rmtree(mlp / "results", ignore_errors=True)
    (mlp / "results").write_text("in the way")
    for measure in (evaluate, evaluate_curve):
        with pytest.raises(StorageError, match="cannot write"):
            measure(mlp, protocols=["knn1_cosine"], tell=told.append)
    assert not told


def test_samples_beside_what_gives_distances_a_meaning(mlp: Path) -> None:
    (record,) = evaluate(mlp, protocols=["generation_features"], weights="raw")
    rows = {row["features"]: row for row in record["rows"]}
    width = load(mlp).method.prior.dim
    assert list(rows) == [
        "samples", "training examples", f"gaussian of pca{width}", "shuffled values",
        "random generator",
    ]  # fmt: skip
    assert rows["samples"]["num"] == 500, "as many as the protocol has"
    floor = rows["training examples"]["frechet"]
    assert floor < min(row["frechet"] for name, row in rows.items() if name[0] != "t")
    assert record["frechet"] == rows["samples"]["frechet"]


def test_samples_in_the_features_of_another_run(mlp: Path, conv: Path) -> None:
    space = f"{mlp}:encoder.hidden1"
    (record,) = evaluate(
        conv,
        protocols=["generation_features"],
        weights="raw",
        baselines=["raw"],
        spaces=[space, "discriminator.conv1@4"],
    )
    assert [row["space"] for row in record["rows"]] == [space] * 2 + ["discriminator.conv1@4"] * 2
    (named,) = evaluate(
        conv,
        protocols=["generation_features"],
        weights="raw",
        baselines=["raw"],
        spaces=[f"judge={space}"],
    )
    assert [row["space"] for row in named["rows"]] == ["judge"] * 2
    assert named["rows"][0]["frechet"] == record["rows"][0]["frechet"]
    assert (conv / "results" / "generation_features--judge--raw.json").is_file()
    for wrong in (f"={space}", "judge=discriminator.conv1@4"):
        with pytest.raises(ConfigError, match="NAME=RUN:LAYER"):
            evaluate(conv, protocols=["generation_features"], spaces=[wrong])


def test_the_verb_prints_what_was_chosen(mlp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--protocol", "knn_sweep,svm_l2,kmeans,retrieval_cosine", "--weights", "raw"]
    assert main(["evaluate", str(mlp), *words]) == 0
    told = capsys.readouterr().out
    for title in ("metric", "NMI %", "mAP %", "recall@10 %", "accuracy %"):
        assert title in told
    assert all(len(line) < 200 for line in told.splitlines())
    record = json.loads((mlp / "results" / "retrieval_cosine--raw.json").read_text())
    assert record["map"] == record["rows"][0]["map"]


class Stop(Exception):
    """A kill, as far as a file can tell."""


def stop_after(count: int, told: list[str]) -> Tell:
    def tell(line: str) -> None:
        if len(told) == count:
            raise Stop
        told.append(line)

    return tell


@pytest.mark.parametrize("protocol", ["knn1_cosine", "generation_features"])
def test_a_stopped_evaluation_measures_the_rest(protocol: str, mlp: Path) -> None:
    whole: list[str] = []
    ask = partial(evaluate, mlp, protocols=[protocol], weights="raw")
    (expected,) = ask(tell=whole.append)
    assert len(whole) >= 4
    unfinished = mlp / "results" / "unfinished.jsonl"
    assert not unfinished.exists()
    first: list[str] = []
    with pytest.raises(Stop):
        ask(tell=stop_after(2, first))
    with unfinished.open("ab") as file:
        file.write(b'{"key": "torn')
    rest: list[str] = []
    with pytest.raises(Stop):
        ask(tell=stop_after(1, rest))
    (found,) = ask(tell=rest.append)
    assert not unfinished.exists()
    assert [*first, *rest] == whole
    without_time = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in record["rows"]]
        for record in (expected, found)
    ]
    assert without_time[0] == without_time[1]


def test_an_interruption_says_what_is_kept(
    mlp: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        if (mlp / "results" / "unfinished.jsonl").exists():
            raise KeyboardInterrupt
        return measure(*_, **__)

    measure = candidates.run_classification
    monkeypatch.setattr(candidates, "run_classification", interrupt)
    assert main(["evaluate", str(mlp), "--protocol", "knn1_cosine"]) == 130
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "stopped; what was measured is kept; repeat the command to go on"
    assert len((mlp / "results" / "unfinished.jsonl").read_text().splitlines()) == 1


def test_rows_of_another_evaluation_are_left_alone(mlp: Path) -> None:
    with pytest.raises(Stop):
        evaluate(mlp, protocols=["knn1_cosine"], weights="raw", tell=stop_after(2, []))
    evaluate(mlp, protocols=["knn1_euclidean"], weights="raw")
    rest: list[str] = []
    evaluate(mlp, protocols=["knn1_cosine"], weights="raw", tell=rest.append)
    assert len(rest) == 2
    assert not (mlp / "results" / "unfinished.jsonl").exists()


def test_rows_of_other_networks_or_data_are_not_taken(mlp: Path, tmp_path: Path) -> None:
    run, protocol, path = load(mlp, weights="raw"), PROTOCOLS["knn1_cosine"], tmp_path / "rows"
    dataset = open_dataset(run.config.data)

    def measured(run: Run, dataset: Dataset, name: str = "encoder") -> bool:
        asked: list[str] = []
        kept = ResultCache(path)
        kept.turn_to([run], dataset)
        kept.row(protocol, name, "raw", lambda: asked.append(name) or {"kind": "model"})
        return bool(asked)

    assert measured(run, dataset)
    assert not measured(run, dataset)
    assert measured(run, dataset, "discriminator")
    assert measured(run, dataclasses.replace(dataset, sha256="other"))
    with torch.no_grad():
        next(run.method.parameters()).view(-1)[0].add_(1e-6)
    assert measured(run, dataset)
