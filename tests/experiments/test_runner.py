"""An experiment made: whole, in pieces, and in one folder with another that shares its runs."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_resume import Killed, kill_at

from ambigan.core.errors import CheckpointError, ConfigError
from ambigan.core.files import StorageError, hold_lock, read_json, write_json
from ambigan.experiments import (
    EXPERIMENTS,
    Experiment,
    RunSpec,
    default_folder,
    register_experiment,
    reproduce,
)
from ambigan.experiments.planning import SOME_IMAGES, plan_runs
from ambigan.experiments.run_records import GENERATION, RECONSTRUCTION
from ambigan.hub.card import escape_markdown
from ambigan.methods import find_method

pytestmark = pytest.mark.usefixtures("few_samples")

NETWORK = {
    "settings.network.width": "4",
    "settings.network.depth": "1",
    "settings.network.group_size": "2",
}
GENERATOR = {"settings.network.generator_width": "8", "settings.network.generator_depth": "1"}
SMALL = {
    "data.source": "digits",
    "data.max_train": "300",
    "settings.embedding_dim": "6",
    "train.batch_size": "50",
    "train.statistics_batches": "2",
    "train.log_every": "2",
    "train.checkpoint_every": "4",
    "train.precision": "fp32",
    "train.device": "cpu",
}
SAO = RunSpec(
    "SAO",
    "structural",
    NETWORK | GENERATOR | {"settings.bank_size": "100"},
    "images",
    ("discriminator.pool", "discriminator.output"),
    untrained=True,
)
SIMCLR = RunSpec("SimCLR, flips", "simclr", NETWORK, "images", ("encoder.pool",))
TOY = Experiment(
    name="toy",
    title="Two methods",
    notes="Which?",
    source="Nobody",
    settings=SMALL,
    epochs=1,
    runs=(SAO, SIMCLR),
    protocols=("knn1_euclidean", "kmeans"),
    curve="knn1_euclidean",
    pca_widths=(5,),
)
BIGAN = RunSpec(
    "BiGAN",
    "bigan",
    {"settings.network.hidden": "16,16", "settings.latent_dim": "4"},
    "small",
    ("encoder.hidden2",),
)
COMPARED = replace(
    TOY,
    name="compared",
    settings={k: v for k, v in SMALL.items() if k != "settings.embedding_dim"},
    runs=(BIGAN, replace(SIMCLR, changes=NETWORK | {"settings.embedding_dim": "6"})),
    reference_model=SIMCLR.name,
    protocols=("knn1_euclidean",),
)
ALONE = replace(COMPARED, name="alone", runs=(BIGAN,), reference_model=None)
WRITTEN = ("toy.json", "toy.csv")


class _KillAt(logging.Handler):
    """Keeps what is logged, and kills when it is a text."""

    def __init__(self, until: str) -> None:
        super().__init__()
        self.until, self.lines = until, list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        if self.until and self.until in self.lines[-1]:
            raise Killed


def make(
    out: Path, experiment: Experiment = TOY, *, progress: Any = None, until: str = "", **more: Any
) -> list[str]:
    """Makes it and returns what was logged; is killed when `until` is logged."""
    handler, logger = _KillAt(until), logging.getLogger("ambigan")
    handler.addFilter(lambda record: not record.name.startswith("ambigan.data"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    bar = progress or (lambda *_: None)
    try:
        reproduce(experiment, out, bar=lambda: nullcontext(bar), **more)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    return handler.lines


def space_of(out: Path, seed: int) -> str:
    config = read_json(out / f"runs/images/simclr-flips/seed-{seed}/model/config.json")
    return f"simclr-flips-{config['sha256']['ema'][:8]}"


def subjects(run: dict[str, Any], protocol: str) -> dict[str, Any]:
    """What a run of the JSON file has of a protocol, by the name of what was measured."""
    found = [x for x in run["results"] if x["protocol"]["name"] == protocol]
    return {result["subject"]["name"]: result for result in found}


def value(result: dict[str, Any], name: str) -> float:
    return next(metric["value"] for metric in result["metrics"] if metric["name"] == name)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    make(out)
    return out


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone")
    make(out, ALONE)
    return out


def test_every_run_stands_with_its_baselines(whole: Path) -> None:
    found = read_json(whole / "toy.json")
    assert [line["name"] for line in found["lines"]] == [
        "SAO: discriminator.pool",
        "SAO: discriminator.output",
        "SimCLR, flips: encoder.pool",
        "SAO untrained: discriminator.pool",
        "SAO untrained: discriminator.output",
        "pixels",
        "pca5",
    ]
    assert [line["is_baseline"] for line in found["lines"]] == [False] * 3 + [True] * 4
    for line in found["lines"]:
        assert 0 < line["knn1_euclidean/accuracy"]["mean"] <= 100
        assert "kmeans/nmi" in line
    text = (whole / "toy.md").read_text()
    page = (whole / "toy.html").read_text()
    for word in ("SAO: discriminator.pool", "k-means", "Which?"):
        assert word in text
        assert word in page
    assert "Not finished" not in text


def test_runs_are_made_one_by_one_and_in_any_order(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown run of toy 'simclr'"):
        make(tmp_path, runs=["simclr"])
    told = make(tmp_path, runs=["simclr-flips"])
    assert "run 2 of 2: SimCLR, flips, seed 0" in told
    assert "Not finished: 1 of 2 runs" in (tmp_path / "toy.md").read_text()
    assert not any("SimCLR" in line for line in make(tmp_path, runs=["sao"]))
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_that_another_process_is_at_is_left_to_it(whole: Path, tmp_path: Path) -> None:
    with hold_lock(tmp_path / "runs" / "images" / "sao" / "seed-0.lock"):
        told = make(tmp_path)
    assert "run 1 of 2: SAO, seed 0, is made by another process" in told
    assert not (tmp_path / "runs" / "images" / "sao" / "seed-0").exists()
    make(tmp_path)
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_records_do_without_the_models_that_were_deleted(tmp_path: Path) -> None:
    make(tmp_path, COMPARED, runs=["simclr-flips"])
    for weights in tmp_path.glob("runs/images/simclr-flips/*/model/*.safetensors"):
        weights.unlink()
    told = make(tmp_path, COMPARED)
    said = "what BiGAN draws is not measured: no weights of SimCLR, flips here"
    assert told.count(said) == 1
    bigan, simclr = read_json(tmp_path / "compared.json")["runs"]
    assert not subjects(bigan, GENERATION)
    assert subjects(bigan, "knn1_euclidean")
    assert subjects(simclr, "knn1_euclidean")
    assert "Fréchet" not in (tmp_path / "compared.md").read_text()


def test_what_runs_draw_is_compared_in_features_of_the_reference_model(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        make(tmp_path, COMPARED, until="generation_features of shuffled values")
    told = make(tmp_path, COMPARED)
    assert not any("knn1" in line for line in told), "features are measured already"
    bigan, simclr = read_json(tmp_path / "compared.json")["runs"]
    assert not subjects(simclr, GENERATION)
    rows = subjects(bigan, GENERATION)
    assert {x["subject"]["reference_features"] for x in rows.values()} == {
        space_of(tmp_path, seed=0)
    }
    assert value(rows["training examples"], "frechet") < value(rows["samples"], "frechet")
    assert value(subjects(bigan, RECONSTRUCTION)["reconstruction"], "ratio_real") > 0
    text, page = ((tmp_path / f"compared.{kind}").read_text() for kind in ("md", "html"))
    for words in ("in features of SimCLR, flips (encoder.pool)", "training examples"):
        assert words in text
        assert words in page
    assert 'class="baseline"' in page.partition("drawn by")[2]
    assert make(tmp_path, COMPARED) == []
    told = make(tmp_path, COMPARED, seeds=(1, 0))
    assert any("generation_features of samples" in line for line in told), "another reference"
    runs = read_json(tmp_path / "compared.json")["runs"]
    drawn = [rows["training examples"] for run in runs if (rows := subjects(run, GENERATION))]
    assert drawn[0]["metrics"] == drawn[1]["metrics"], "training examples in one model's features"
    assert drawn[0]["subject"]["reference_features"] == space_of(tmp_path, seed=1)


def test_baselines_of_samples_are_measured_once_for_all_runs(tmp_path: Path) -> None:
    changes = {**BIGAN.changes, "settings.latent_dim": "8"}
    other = replace(BIGAN, name="BiGAN, wider", changes=changes)
    told = make(tmp_path, replace(COMPARED, runs=(*COMPARED.runs, other)))
    measured = [line.partition(" of ")[2] for line in told if "generation_features" in line]
    shared = ("training examples", "shuffled values")
    counts = {name: sum(line.startswith(name) for line in measured) for name in shared}
    assert counts == dict.fromkeys(shared, 1)
    first, _, second = read_json(tmp_path / "compared.json")["runs"]
    tables = [subjects(run, GENERATION) for run in (first, second)]
    for name in shared:
        assert tables[0][name]["metrics"] == tables[1][name]["metrics"]
    assert tables[0]["samples"]["metrics"] != tables[1]["samples"]["metrics"]
    assert {"gaussian of pca4", "gaussian of pca8"} == tables[0].keys() ^ tables[1].keys()


def test_reconstructions_need_no_reference_model(tmp_path: Path) -> None:
    make(tmp_path, ALONE)
    (bigan,) = read_json(tmp_path / "alone.json")["runs"]
    assert not subjects(bigan, GENERATION)
    assert value(subjects(bigan, RECONSTRUCTION)["reconstruction"], "ratio_real") > 0
    text, page = ((tmp_path / f"alone.{kind}").read_text() for kind in ("md", "html"))
    assert "| drawn by | reconstruction |" in text
    for written in (text, page):
        assert "error over that of shuffled pairs" in written
        assert "Fréchet" not in written
        assert "not drawn" not in written
    assert make(tmp_path, ALONE) == []


def test_the_reference_model_is_of_the_first_seed_even_if_another_is_there_before(
    tmp_path: Path,
) -> None:
    make(tmp_path, COMPARED, seeds=(1,))
    make(tmp_path, COMPARED, seeds=(0, 1))
    runs = read_json(tmp_path / "compared.json")["runs"]
    drawn = [result for run in runs for result in subjects(run, GENERATION).values()]
    assert {result["subject"]["reference_features"] for result in drawn} == {
        space_of(tmp_path, seed=0)
    }


def test_each_run_is_shown_as_many_images(whole: Path) -> None:
    runs = read_json(whole / "toy.json")["runs"]
    assert [run["images"] for run in runs] == [300, 300]
    assert [run["curve"][-1][0] for run in runs] == [300, 300]
    assert len(runs[0]["curve"]) > 1


def test_what_is_done_is_not_done_again(whole: Path) -> None:
    assert make(whole) == []


def test_killed_and_repeated_equals_undisturbed(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        make(tmp_path, progress=kill_at(8))
    assert "Not finished: 1 of 2" in (tmp_path / "toy.md").read_text()
    make(tmp_path)
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize(
    "until",
    ["knn1_euclidean of discriminator.pool (ema)", "kmeans of random discriminator.output"],
)
def test_killed_while_measuring_equals_undisturbed(whole: Path, tmp_path: Path, until: str) -> None:
    with pytest.raises(Killed):
        make(tmp_path, until=until)
    told = make(tmp_path)
    assert not any("pixels" in line for line in told), "baselines are measured once"
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_a_run_of_two_experiments_is_trained_once(whole: Path) -> None:
    other = replace(TOY, name="other", runs=(SIMCLR,))
    assert make(whole, other) == []
    assert read_json(whole / "other.json")["lines"][0]["name"] == "SimCLR, flips: encoder.pool"


def test_a_run_made_otherwise_is_refused(whole: Path) -> None:
    with pytest.raises(ConfigError, match=r"runs/images/sao/seed-0 was made with other settings"):
        make(whole, changes={"train.epochs": "2"})


def test_what_makes_a_run_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run 'SAO': settings.bank_size is what makes this run"):
        make(tmp_path, changes={"settings.bank_size": "50"})


def test_presets_are_refused_where_runs_name_their_own(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="presets of their own; leave --presets out"):
        make(tmp_path, presets=["small"])


def test_averages_must_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run 'SAO': averaged weights are what is measured"):
        make(tmp_path, changes={"train.ema_decay": "0"})


def test_a_record_without_its_baseline_is_measured_again(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    path = next((tmp_path / "copy/runs/images/sao").rglob("kmeans--*.json"))
    record = read_json(path)
    kept = [row for row in record["results"] if row["subject"]["kind"] == "model"]
    write_json(path, record | {"results": kept})
    assert any("kmeans" in line for line in make(tmp_path / "copy"))
    assert (tmp_path / "copy/toy.json").read_bytes() == (whole / "toy.json").read_bytes()


def test_a_record_by_other_constants_does_not_stand_beside_the_others(
    whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "study")
    results = tmp_path / "study/runs/images/simclr-flips/seed-0/results"
    path = results / "kmeans--encoder.pool--ema.json"
    record = read_json(path)
    record["protocol"]["constants"]["restarts"] = 1
    write_json(path, record)
    with pytest.raises(
        CheckpointError, match=r"simclr-flips.*'restarts': 1.*Delete the record of kmeans"
    ):
        make(tmp_path / "study")
    path.unlink()
    make(tmp_path / "study")
    assert (tmp_path / "study/toy.json").read_bytes() == (whole / "toy.json").read_bytes()


def test_baselines_by_other_constants_are_measured_again(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "study")
    path = tmp_path / "study/baselines/kmeans--pca5.json"
    found = read_json(path)
    other = found["protocol"] | {"constants": {"restarts": 1}}
    write_json(path, found | {"protocol": other})
    make(tmp_path / "study")
    assert read_json(path)["protocol"] == found["protocol"]


def test_experiments_of_one_folder_have_their_own_components(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "study")
    other = replace(TOY, name="other", runs=(SIMCLR,), pca_widths=(3, 999))
    make(tmp_path / "study", other)
    lines = [line["name"] for line in read_json(tmp_path / "study/other.json")["lines"]]
    assert lines == ["SimCLR, flips: encoder.pool", "pixels", "pca3", "pca64"]
    for experiment in (TOY, other):
        assert make(tmp_path / "study", experiment) == []
    assert (tmp_path / "study/toy.json").read_bytes() == (whole / "toy.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("reconstruction_l2--ema", "constants"),
        ("curve-knn1_euclidean--encoder.hidden2--ema", "constants"),
        ("reconstruction_l2--ema", "data"),
        ("curve-knn1_euclidean--encoder.hidden2--ema", "data"),
    ],
)
def test_what_is_drawn_and_curves_by_other_constants_are_refused(
    alone: Path, tmp_path: Path, name: str, key: str
) -> None:
    shutil.copytree(alone, tmp_path / "study")
    path = tmp_path / f"study/runs/small/bigan/seed-0/results/{name}.json"
    record = read_json(path)
    if key == "constants":
        record["protocol"]["constants"] = {"n": 1}
    else:
        record["provenance"]["data"]["sha256"] = "0" * 64
    write_json(path, record)
    with pytest.raises(CheckpointError, match=r"runs/small/bigan.*cannot stand .*Delete"):
        make(tmp_path / "study", ALONE)


RECORDS = (
    "runs/small/bigan/seed-0/results/knn1_euclidean--encoder.hidden2--ema.json",
    "runs/small/bigan/seed-0/results/reconstruction_l2--ema.json",
    "runs/small/bigan/seed-0/results/curve-knn1_euclidean--encoder.hidden2--ema.json",
    "baselines/knn1_euclidean--pca5.json",
)
DAMAGES = ("", "[]", '{"rows": [{}]}', "text", "null", "no metrics")


# By default every damage to one record, and one damage to every record.
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        pytest.param(
            name, damage, marks=[] if RECORDS[0] == name or damage == "text" else pytest.mark.slow
        )
        for name in RECORDS
        for damage in DAMAGES
    ],
)
def test_what_is_damaged_is_measured_again(
    alone: Path, tmp_path: Path, name: str, damage: str
) -> None:
    shutil.copytree(alone, tmp_path / "study")
    path = tmp_path / "study" / name
    record = read_json(path)
    if damage == "no metrics":
        record["results"][0]["metrics"] = []
        write_json(path, record)
    elif damage == "text":
        record["results"][0]["metrics"][0]["value"] = "high"
        write_json(path, record)
    elif damage == "null":
        record["provenance"]["data"] = None
        write_json(path, record)
    else:
        path.write_text(damage)
    make(tmp_path / "study", ALONE)
    assert (tmp_path / "study/alone.json").read_bytes() == (alone / "alone.json").read_bytes()


def test_scores_that_are_no_numbers_are_shown_as_such(alone: Path, tmp_path: Path) -> None:
    shutil.copytree(alone, tmp_path / "study")
    path = "runs/small/bigan/seed-0/results/knn1_euclidean--encoder.hidden2--ema.json"
    record = read_json(tmp_path / "study" / path)
    record["results"][0]["metrics"][0]["value"] = float("nan")
    write_json(tmp_path / "study" / path, record)
    make(tmp_path / "study", ALONE, seeds=(0, 1))
    text = (tmp_path / "study/alone.md").read_text()
    assert "| BiGAN: encoder.hidden2 | 16 | nan ± nan |" in text


def test_what_is_left_out_is_logged(tmp_path: Path) -> None:
    """Records of a model that is gone, and samples in features of another that is gone."""
    make(tmp_path, COMPARED)
    shutil.rmtree(tmp_path / "runs/images/simclr-flips/seed-0/model")
    told = make(tmp_path, COMPARED, runs=["bigan"])
    for said in (
        "SimCLR, flips, seed 0, is left out: ",
        "what BiGAN draws is left out: it was compared in features of SimCLR, flips, of which ",
    ):
        assert sum(line.startswith(said) for line in told) == 1
    (bigan,) = read_json(tmp_path / "compared.json")["runs"]
    assert not subjects(bigan, GENERATION)


def test_a_curve_without_checkpoints_says_what_to_do(alone: Path, tmp_path: Path) -> None:
    shutil.copytree(alone, tmp_path / "study")
    run = tmp_path / "study/runs/small/bigan/seed-0"
    shutil.rmtree(run / "checkpoints")
    next(run.glob("results/curve-*")).unlink()
    with pytest.raises(CheckpointError, match=r"seed-0 has a model and no checkpoints.*--runs"):
        make(tmp_path / "study", ALONE)


def test_a_folder_that_cannot_be_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in ("file", "file/study"):
        with pytest.raises(StorageError, match="cannot write"):
            make(tmp_path / out, ALONE)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="exists and is not an empty folder"):
        make(tmp_path, ALONE)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_a_setting_that_a_run_has_not_names_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"run 'SimCLR, flips': .*neighbors"):
        make(tmp_path, changes={"settings.neighbors": "2"})


@pytest.mark.parametrize("name", [n for n, x in EXPERIMENTS.items() if x.epochs is not None])
def test_epochs_count_how_often_the_measured_network_sees_the_data(
    name: str, tmp_path: Path
) -> None:
    experiment = EXPERIMENTS[name]
    runs = plan_runs(experiment, tmp_path, seeds=(0, 1), changes={"train.epochs": "3"})
    assert len({run.run.path for run in runs}) == 2 * len(experiment.runs)
    turns = {"structural": 2, "gan": 2, "simclr": 1, "bigan": 1}
    for run in runs:
        settings = run.config.settings
        steps = getattr(settings, "discriminator_steps", 0)
        num_turns = turns.get(run.config.method) or 1 + steps
        num_turns = 1 if getattr(settings, "simultaneous", False) else num_turns
        assert run.config.train.epochs == 3 * num_turns
    # Runs with the same networks and layers are looked at once.
    each = {
        (run.config.method, str(run.config.settings.network), run.spec.layers): run
        for run in plan_runs(experiment, tmp_path)
    }
    with torch.device("meta"):
        for run in each.values():
            method = find_method(run.config.method)(run.config.settings, SOME_IMAGES)
            for layer in run.spec.layers:
                assert method.find_layer(layer).name == layer


def test_a_folder_shared_by_experiments_holds_one_config_for_each_run(tmp_path: Path) -> None:
    configs: dict[Path, Any] = {}
    for experiment in EXPERIMENTS.values():
        for run in plan_runs(experiment, tmp_path / default_folder(experiment, {})):
            assert configs.setdefault(run.run.path, run.config) == run.config


def test_changed_settings_stand_in_the_caption_of_table_and_page(
    whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "toy")
    told = "Changed from the experiment's own settings: "
    for kind in ("md", "html"):
        assert told not in (whole / f"toy.{kind}").read_text()
    changes = {"data.max_train": "200", "train.epochs": "1", "train.device": "cpu"}
    make(tmp_path / "changed", ALONE, changes=changes)
    words = f"{told}data.max_train 200 instead of 300."  # an epoch is its own, as is the CPU
    text, page = ((tmp_path / f"changed/alone.{kind}").read_text() for kind in ("md", "html"))
    assert escape_markdown(words) in text
    assert words in page.replace("&#39;", "'")
    assert read_json(tmp_path / "changed/alone.json")["changed"] == [words[len(told) : -1]]


def test_the_rate_is_that_of_the_images_whose_log_lines_were_kept(tmp_path: Path) -> None:
    """A kill loses the lines after the last checkpoint, and no line has the images before it."""
    with pytest.raises(Killed):
        make(tmp_path, ALONE, progress=kill_at(5))  # lines every 2 iterations, a checkpoint at 4
    timing = tmp_path / "runs/small/bigan/seed-0/timing.jsonl"
    lines = [json.loads(line) for line in timing.read_text().splitlines()]
    kept = [lines[0] | {"seconds": 1.0, "images_per_second": 100.0}]  # the second one is lost
    timing.write_text("".join(json.dumps(line) + "\n" for line in kept))
    make(tmp_path, ALONE)
    lines = [json.loads(line) for line in timing.read_text().splitlines()]
    assert [line["images_seen"] for line in lines] == [100, 300]
    seconds = sum(line["seconds"] for line in lines)
    (cost,) = read_json(tmp_path / "alone-cost.json")["runs"]
    assert cost["images_per_second"] == pytest.approx(200 / seconds)  # and not 300
    assert cost["training_seconds"] == pytest.approx(300 / 200 * seconds, abs=0.1)


def test_pages_are_written_of_what_is_there_without_training(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "toy"
    shutil.copytree(whole, out)
    for path in [*out.rglob("*.safetensors"), *out.rglob("*.pt"), out / "toy.html"]:
        path.unlink()
    assert make(out, render_only=True) == []
    assert (out / "toy.json").read_bytes() == (whole / "toy.json").read_bytes()
    shutil.rmtree(out / "runs")  # the summary alone is enough
    assert make(out, render_only=True) == []
    assert (out / "toy.json").read_bytes() == (whole / "toy.json").read_bytes()
    assert (out / "toy.md").read_bytes() == (whole / "toy.md").read_bytes()
    with pytest.raises(ConfigError, match="no folder"):
        make(tmp_path / "nothing", render_only=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="holds no results of toy"):
        make(tmp_path / "empty", render_only=True)


def test_a_folder_of_an_earlier_version_goes_on(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "arms").mkdir()
    shutil.copytree(whole / "runs/images/sao", tmp_path / "arms/sao")
    assert not any("SAO" in line for line in make(tmp_path))
    assert (tmp_path / "toy.json").read_bytes() == (whole / "toy.json").read_bytes()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs": (SAO, replace(SIMCLR, name="sao"))}, "two runs have one name"),
        ({"reference_model": "GAN"}, "it has no run 'GAN'"),
        ({"published": {"BiGAN": 1.0}}, "it has no run 'BiGAN'"),
        ({"protocols": ()}, "it names no protocol"),
        ({"settings": {}}, "its settings have no data.source"),
        ({"runs": (replace(SAO, preset=None),)}, "a preset is missing"),
        ({"runs": (replace(SAO, layers=()),), "reference_model": "SAO"}, "its reference model"),
    ],
)
def test_an_experiment_that_cannot_be_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"experiment 'toy': {words}"):
        replace(TOY, **changes)


def test_an_experiment_is_registered_once() -> None:
    assert EXPERIMENTS.find("sao-main") is EXPERIMENTS["sao-main"]
    with pytest.raises(ConfigError, match="two experiments are named 'sao-main'"):
        register_experiment(replace(TOY, name="sao-main"))
