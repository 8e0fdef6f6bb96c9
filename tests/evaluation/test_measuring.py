"""Runs against protocols: every layer, all protocols, samples in any run's features."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from ambigan import Run, load
from ambigan.cli import main
from ambigan.core.errors import ConfigError
from ambigan.core.files import StorageError
from ambigan.data import Dataset, DataSettings, open_dataset
from ambigan.evaluation import feature_sets as candidates
from ambigan.evaluation.protocols import PROTOCOLS, Protocol
from ambigan.evaluation.provenance import data_record
from ambigan.evaluation.result import Metric, Result, Subject
from ambigan.evaluation.result_cache import ResultCache
from ambigan.evaluation.result_file import read_results
from ambigan.evaluation.select_protocols import _warn_of_unseen_classes
from ambigan.run_data import open_measured, provenance_of
from ambigan.run_evaluation import _spaced, evaluate, evaluate_curve

Listen = Callable[[Callable[[str], object]], None]

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
    results = evaluate(conv, protocols=["knn1_cosine"], layers=["each"], weights="raw")
    layers = load(conv).method.feature_layers
    assert "discriminator.convs@4" in layers
    assert [result.subject.name for result in results] == [
        *layers, "pixels", results[len(layers) + 1].subject.name,
        *(f"random {layer}" for layer in layers),
    ]  # fmt: skip
    assert (conv / "results" / "knn1_cosine--each--raw.json").is_file()


def test_a_layer_that_does_not_exist_is_refused(mlp: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown layer 'encoder\.hidden7'"):
        evaluate(mlp, protocols=["knn1_cosine"], layers=["encoder.hidden7"])


def test_all_that_applies_and_why_the_rest_does_not(
    mlp: Path, monkeypatch: pytest.MonkeyPatch, listen: Listen
) -> None:
    def refuse(*_args: object, **_options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(mlp / "no hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    told: list[str] = []
    listen(told.append)
    results = evaluate(mlp, protocols=["all"], weights="raw", baselines=["raw"])
    measured = {result.protocol.name for result in results}
    assert set(PROTOCOLS) - measured == {"svm_l2_1000", "generation_inception", "ridge_r2"}
    left_out = [line for line in told if "left out" in line]
    assert len(left_out) == 3
    assert "11,000 training examples" in left_out[0]
    assert "--data.target-column" in left_out[1]
    assert "--inception PATH" in left_out[2]


def test_features_too_wide_for_their_covariance(
    mlp: Path, digits: Dataset, monkeypatch: pytest.MonkeyPatch, listen: Listen
) -> None:
    widths = {
        layer: load(mlp).features(digits.test, layer).shape[1]
        for layer in load(mlp).method.feature_layers
    }
    widest = max(widths, key=widths.__getitem__)
    least = min(widths.values())
    narrow = next(layer for layer, width in widths.items() if width == least)
    monkeypatch.setattr("ambigan.evaluation.reference_features.WIDEST_COVARIANCE", least)
    words = f"{widest} has .*; .* such as --reference-features {narrow}"
    with pytest.raises(ConfigError, match=words):
        evaluate(mlp, protocols=["generation_features"], reference_features=[widest])
    told: list[str] = []
    listen(told.append)
    monkeypatch.setattr("ambigan.run_evaluation.measure", lambda *_: iter(()))
    evaluate(mlp, protocols=["all"], reference_features=[widest], inception=mlp)
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
    monkeypatch.setattr("ambigan.evaluation.reference_features.WIDEST_COVARIANCE", widths[own] - 1)
    narrower = {layer: width for layer, width in widths.items() if width < widths[own]}
    results = evaluate(mlp, protocols=["generation_features"], weights="raw", baselines=["raw"])
    widest = max(narrower, key=narrower.__getitem__)
    assert {result.subject.reference_features for result in results} == {widest}


def test_what_is_left_out_for_one_reason_is_one_line(
    mlp: Path, monkeypatch: pytest.MonkeyPatch, listen: Listen
) -> None:
    chosen: list[str] = []

    def note(protocols: list[Protocol], *_: object):
        chosen.extend(protocol.name for protocol in protocols)
        return iter(())

    monkeypatch.setattr("ambigan.run_evaluation.measure", note)
    monkeypatch.setattr(Dataset, "has_labels", property(lambda _dataset: False))
    told: list[str] = []
    listen(told.append)
    evaluate(mlp, protocols=["all"], inception=mlp)
    (without_labels,) = [line for line in told if "needs labels" in line]
    assert without_labels.startswith("left out: knn1_euclidean, knn1_cosine, ")
    assert {"reconstruction_l2", "generation_features"} <= set(chosen)


def test_a_gan_of_data_without_labels_is_measured_by_its_samples(
    mlp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = frozenset(("decode", "sample"))
    monkeypatch.setattr(type(load(mlp).method), "capabilities", able)
    monkeypatch.setattr(Dataset, "has_labels", property(lambda _dataset: False))
    results = evaluate(mlp, baselines=[])
    assert {result.protocol.name for result in results} == {"generation_features"}


def test_a_failure_leaves_the_records_before_it(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ConfigError("no samples today")

    monkeypatch.setattr("ambigan.evaluation.runner.measure_generation", fail)
    asked = ["generation_features", "knn1_cosine"]
    with pytest.raises(ConfigError, match="no samples today"):
        evaluate(mlp, protocols=asked, weights="raw", baselines=[])
    assert (mlp / "results" / "knn1_cosine--raw.json").is_file()


def test_a_curve_of_all_that_applies(mlp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [PROTOCOLS["knn1_cosine"], PROTOCOLS["knn1_euclidean"]]
    monkeypatch.setattr("ambigan.evaluation.select_protocols._applying", lambda *_: chosen)
    curves = evaluate_curve(mlp, protocols=["all"], weights="raw")
    assert {result.protocol.name for result in curves} == {"knn1_cosine", "knn1_euclidean"}
    points = read_results(mlp / "results" / "curve-knn1_cosine--raw.json")
    assert points == [result for result in curves if result.protocol.name == "knn1_cosine"]


def test_points_of_a_curve_are_spaced_and_end_with_the_last(mlp: Path) -> None:
    def images(spacing: int) -> list[int]:
        measured = evaluate_curve(mlp, protocols=["knn1_cosine"], weights="raw", spacing=spacing)
        points = [result.provenance.images_seen for result in measured if not result.is_baseline]
        return list(dict.fromkeys(seen for seen in points if seen is not None))

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


def test_a_folder_that_cannot_be_written_is_told_first(mlp: Path, listen: Listen) -> None:
    told: list[str] = []
    listen(told.append)
    shutil.rmtree(mlp / "results", ignore_errors=True)
    (mlp / "results").write_text("in the way")
    for measure in (evaluate, evaluate_curve):
        with pytest.raises(StorageError, match="cannot write"):
            measure(mlp, protocols=["knn1_cosine"])
    assert not told


def test_samples_beside_what_gives_distances_a_meaning(mlp: Path) -> None:
    results = evaluate(mlp, protocols=["generation_features"], weights="raw")
    rows = {result.subject.name: result for result in results}
    width = load(mlp).method.prior.dim
    assert list(rows) == [
        "samples", "training examples", f"gaussian of pca{width}", "shuffled values",
        "random generator",
    ]  # fmt: skip
    assert rows["samples"].subject.num == 500, "as many as the protocol has"
    frechet = {name: result.value("frechet") or 0.0 for name, result in rows.items()}
    assert frechet.pop("training examples") < min(frechet.values())
    assert rows["samples"].headline.name == "frechet"


def test_samples_in_the_features_of_another_run(mlp: Path, conv: Path) -> None:
    space = f"{mlp}:encoder.hidden1"
    results = evaluate(
        conv,
        protocols=["generation_features"],
        weights="raw",
        baselines=["raw"],
        reference_features=[space, "discriminator.conv1@4"],
    )
    compared = [result.subject.reference_features for result in results]
    assert compared == [space] * 2 + ["discriminator.conv1@4"] * 2
    named = evaluate(
        conv,
        protocols=["generation_features"],
        weights="raw",
        baselines=["raw"],
        reference_features=[f"judge={space}"],
    )
    assert [result.subject.reference_features for result in named] == ["judge"] * 2
    assert named[0].metrics == results[0].metrics
    assert (conv / "results" / "generation_features--judge--raw.json").is_file()
    for wrong in (f"={space}", "judge=discriminator.conv1@4"):
        with pytest.raises(ConfigError, match="NAME=RUN:LAYER"):
            evaluate(conv, protocols=["generation_features"], reference_features=[wrong])


def test_the_verb_prints_what_was_chosen(mlp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--protocol", "knn_sweep,svm_l2,kmeans,retrieval_cosine", "--weights", "raw"]
    assert main(["evaluate", str(mlp), *words]) == 0
    told = capsys.readouterr().out
    for title in ("metric", "NMI, %", "mAP, %", "recall@10, %", "accuracy, %"):
        assert title in told
    assert all(len(line) < 200 for line in told.splitlines())
    results = read_results(mlp / "results" / "retrieval_cosine--raw.json")
    assert results[0].headline.name == "map"


class Stop(Exception):
    """A kill, as far as a file can tell."""


def stop_after(count: int, told: list[str]) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if len(told) == count:
            raise Stop
        told.append(line)

    return tell


@pytest.mark.parametrize("protocol", ["knn1_cosine", "generation_features"])
def test_a_stopped_evaluation_measures_the_rest(protocol: str, mlp: Path, listen: Listen) -> None:
    whole: list[str] = []
    ask = partial(evaluate, mlp, protocols=[protocol], weights="raw")
    listen(whole.append)
    expected = ask()
    assert len(whole) >= 4
    unfinished = mlp / "results" / "unfinished.jsonl"
    assert not unfinished.exists()
    first: list[str] = []
    listen(stop_after(2, first))
    with pytest.raises(Stop):
        ask()
    with unfinished.open("ab") as file:
        file.write(b'{"key": "torn')
    rest: list[str] = []
    listen(stop_after(1, rest))
    with pytest.raises(Stop):
        ask()
    listen(rest.append)
    found = ask()
    assert not unfinished.exists()
    assert [*first, *rest] == whole
    assert [(r.subject, r.metrics) for r in found] == [(r.subject, r.metrics) for r in expected]


def test_an_interruption_says_what_is_kept(
    mlp: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any, **__: Any) -> Any:
        if (mlp / "results" / "unfinished.jsonl").exists():
            raise KeyboardInterrupt
        return measure(*_, **__)

    measure = candidates.classify
    monkeypatch.setattr(candidates, "classify", interrupt)
    assert main(["evaluate", str(mlp), "--protocol", "knn1_cosine"]) == 130
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "stopped; what was measured is kept; repeat the command to go on"
    assert len((mlp / "results" / "unfinished.jsonl").read_text().splitlines()) == 1


def test_rows_of_another_evaluation_are_left_alone(mlp: Path, listen: Listen) -> None:
    listen(stop_after(2, []))
    with pytest.raises(Stop):
        evaluate(mlp, protocols=["knn1_cosine"], weights="raw")
    rest: list[str] = []
    listen(rest.append)
    evaluate(mlp, protocols=["knn1_euclidean"], weights="raw")
    rest.clear()
    evaluate(mlp, protocols=["knn1_cosine"], weights="raw")
    assert len(rest) == 2
    assert not (mlp / "results" / "unfinished.jsonl").exists()


def test_rows_of_other_networks_or_data_are_not_taken(mlp: Path, tmp_path: Path) -> None:
    run, protocol, path = load(mlp, weights="raw"), PROTOCOLS["knn1_cosine"], tmp_path / "rows"
    dataset = open_dataset(run.config.data)

    def measured(run: Run, dataset: Dataset, name: str = "encoder") -> bool:
        asked: list[str] = []
        about = provenance_of(run, data_record(dataset), open_measured(run).trained_on, {})

        def make() -> Result:
            asked.append(name)
            return Result(protocol.record, Subject(name, "model"), (Metric("a", "a", 1.0),), about)

        cache = ResultCache(path)
        cache.turn_to(run.config.to_json(), {"raw": run.method}, "cpu")
        cache.result(protocol, name, "raw", about, make)
        return bool(asked)

    assert measured(run, dataset)
    assert not measured(run, dataset)
    assert measured(run, dataset, "discriminator")
    assert measured(run, dataclasses.replace(dataset, sha256="other"))
    with torch.no_grad():
        next(run.method.parameters()).view(-1)[0].add_(1e-6)
    assert measured(run, dataset)
