"""A study made: whole, in pieces, and beside another that shares its arms."""

from __future__ import annotations

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
from ambigan.experiments import STUDIES, Arm, Study, compare, shared_folder
from ambigan.experiments.study.planning import SOME_IMAGES, plan_runs
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
SAO = Arm(
    "SAO",
    "structural",
    NETWORK | GENERATOR | {"settings.bank_size": "100"},
    "images",
    ("discriminator.pool", "discriminator.output"),
    untrained=True,
)
SIMCLR = Arm("SimCLR, flips", "simclr", NETWORK, "images", ("encoder.pool",))
STUDY = Study(
    name="toy",
    title="Two methods",
    question="Which?",
    source="Nobody",
    settings=SMALL,
    passes=1,
    arms=(SAO, SIMCLR),
    protocols=("knn1_euclidean", "kmeans"),
    curve="knn1_euclidean",
    pca_widths=(5,),
)
BIGAN = Arm(
    "BiGAN",
    "bigan",
    {"settings.network.hidden": "16,16", "settings.latent_dim": "4"},
    "small",
    ("encoder.hidden2",),
)
JUDGED = replace(
    STUDY,
    name="judged",
    settings={k: v for k, v in SMALL.items() if k != "settings.embedding_dim"},
    arms=(BIGAN, replace(SIMCLR, changes=NETWORK | {"settings.embedding_dim": "6"})),
    judge=replace(SIMCLR, changes=NETWORK | {"settings.embedding_dim": "6"}),
    protocols=("knn1_euclidean",),
)
ALONE = replace(JUDGED, name="alone", arms=(BIGAN,), judge=None)
WRITTEN = ("toy.json", "toy.csv")


def make(
    out: Path, study: Study = STUDY, *, progress: Any = None, until: str = "", **more: Any
) -> list[str]:
    """Makes it and returns what was told; is killed when `until` is told."""
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if until and until in line:
            raise Killed

    bar = progress or (lambda *_: None)
    compare(study, out, bar=lambda: nullcontext(bar), alarm=lambda _: None, tell=tell, **more)
    return told


def judge_name(out: Path, seed: int) -> str:
    config = read_json(out / f"arms/simclr-flips/seed-{seed}/model/config.json")
    return f"simclr-flips-{config['sha256']['ema'][:8]}"


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


def test_every_arm_stands_beside_its_baselines(whole: Path) -> None:
    found = read_json(whole / "toy.json")
    assert [line["features"] for line in found["lines"]] == [
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
        assert 0 < line["knn1_euclidean"]["mean"] <= 100
        assert "kmeans/nmi" in line
    text = (whole / "toy.md").read_text()
    page = (whole / "toy.html").read_text()
    for word in ("SAO: discriminator.pool", "k-means", "Which?"):
        assert word in text
        assert word in page
    assert "Not finished" not in text


def test_arms_are_made_one_by_one_and_in_any_order(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown arm 'simclr'"):
        make(tmp_path, arms=["simclr"])
    told = make(tmp_path, arms=["simclr-flips"])
    assert "run 2 of 2: SimCLR, flips, seed 0" in told
    assert "Not finished: 1 of 2 runs" in (tmp_path / "toy.md").read_text()
    assert not any("SimCLR" in line for line in make(tmp_path, arms=["sao"]))
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_an_arm_that_another_process_is_at_is_left_to_it(whole: Path, tmp_path: Path) -> None:
    with hold_lock(tmp_path / "arms" / "sao" / "seed-0.lock"):
        told = make(tmp_path)
    assert "run 1 of 2: SAO, seed 0, is made by another process" in told
    assert not (tmp_path / "arms" / "sao" / "seed-0").exists()
    make(tmp_path)
    for name in WRITTEN:
        assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


def test_records_do_without_the_models_that_were_deleted(tmp_path: Path) -> None:
    make(tmp_path, JUDGED, arms=["simclr-flips"])
    for weights in tmp_path.glob("arms/simclr-flips/*/model/*.safetensors"):
        weights.unlink()
    told = make(tmp_path, JUDGED)
    said = "what BiGAN draws is not measured: no weights of SimCLR, flips here"
    assert told.count(said) == 1
    bigan, simclr = read_json(tmp_path / "judged.json")["runs"]
    assert bigan["drawn"] is None
    assert bigan["records"]
    assert simclr["records"]
    assert "samples of" not in (tmp_path / "judged.md").read_text()


def test_what_arms_draw_is_compared_in_the_judge_s_features(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        make(tmp_path, JUDGED, until="generation_features of shuffled values")
    told = make(tmp_path, JUDGED)
    assert not any("knn1" in line for line in told), "features are measured already"
    bigan, simclr = read_json(tmp_path / "judged.json")["runs"]
    assert simclr["drawn"] is None
    rows = {row["features"]: row for row in bigan["drawn"]["rows"]}
    assert {row["space"] for row in rows.values()} == {judge_name(tmp_path, seed=0)}
    assert rows["training examples"]["frechet"] < rows["samples"]["frechet"]
    assert bigan["reconstructed"]["rows"][0]["ratio_real"] > 0
    text, page = ((tmp_path / f"judged.{kind}").read_text() for kind in ("md", "html"))
    for words in ("in features of SimCLR, flips (encoder.pool)", "training examples"):
        assert words in text
        assert words in page
    assert 'class="baseline"' in page.partition("What they draw")[2]
    assert make(tmp_path, JUDGED) == []
    told = make(tmp_path, JUDGED, seeds=(1, 0))
    assert any("generation_features of samples" in line for line in told), "another judge"
    runs = read_json(tmp_path / "judged.json")["runs"]
    drawn = [run["drawn"]["rows"][1] for run in runs if run["drawn"]]
    assert drawn[0] == drawn[1], "training examples in the features of one judge"
    assert drawn[0]["space"] == judge_name(tmp_path, seed=1)


def test_what_stands_beside_samples_is_measured_once_for_all_arms(tmp_path: Path) -> None:
    changes = BIGAN.changes | {"settings.latent_dim": "8"}
    other = replace(BIGAN, name="BiGAN, wider", changes=changes)
    told = make(tmp_path, replace(JUDGED, arms=(*JUDGED.arms, other)))
    measured = [line.partition(" of ")[2] for line in told if "generation_features" in line]
    shared = ("training examples", "shuffled values")
    counts = {name: sum(line.startswith(name) for line in measured) for name in shared}
    assert counts == dict.fromkeys(shared, 1)
    first, _, second = read_json(tmp_path / "judged.json")["runs"]
    tables = [{row["features"]: row for row in run["drawn"]["rows"]} for run in (first, second)]
    for name in shared:
        assert tables[0][name] == tables[1][name]
    assert tables[0]["samples"] != tables[1]["samples"]
    assert {"gaussian of pca4", "gaussian of pca8"} == tables[0].keys() ^ tables[1].keys()


def test_reconstructions_need_no_judge(tmp_path: Path) -> None:
    make(tmp_path, ALONE)
    (bigan,) = read_json(tmp_path / "alone.json")["runs"]
    assert bigan["drawn"] is None
    assert bigan["reconstructed"]["rows"][0]["ratio_real"] > 0
    text, page = ((tmp_path / f"alone.{kind}").read_text() for kind in ("md", "html"))
    assert "| drawn by | reconstruction |" in text
    for written in (text, page):
        assert "error over that of shuffled pairs" in written
        assert "Fréchet" not in written
        assert "not drawn" not in written
    assert make(tmp_path, ALONE) == []


def test_the_judge_is_that_of_the_first_seed_even_if_another_is_there_before(
    tmp_path: Path,
) -> None:
    make(tmp_path, JUDGED, seeds=(1,))
    make(tmp_path, JUDGED, seeds=(0, 1))
    drawn = [run["drawn"] for run in read_json(tmp_path / "judged.json")["runs"]]
    spaces = {row["space"] for record in drawn if record for row in record["rows"]}
    assert spaces == {judge_name(tmp_path, seed=0)}


def test_each_arm_is_shown_as_many_images(whole: Path) -> None:
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


def test_an_arm_of_two_studies_is_trained_once(whole: Path) -> None:
    other = replace(STUDY, name="other", arms=(SIMCLR,))
    assert make(whole, other) == []
    assert read_json(whole / "other.json")["lines"][0]["features"] == "SimCLR, flips: encoder.pool"


def test_an_arm_made_otherwise_is_refused(whole: Path) -> None:
    with pytest.raises(ConfigError, match=r"arms/sao/seed-0 was made with other settings"):
        make(whole, changes={"train.epochs": "2"})


def test_what_makes_an_arm_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"arm 'SAO': settings.bank_size is what makes this arm"):
        make(tmp_path, changes={"settings.bank_size": "50"})


def test_averages_must_be_kept(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"arm 'SAO': averaged weights are what is measured"):
        make(tmp_path, changes={"train.ema_decay": "0"})


def test_a_record_without_its_baseline_is_measured_again(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    path = next((tmp_path / "copy/arms/sao").rglob("kmeans--*.json"))
    record = read_json(path)
    kept = [row for row in record["rows"] if not row["features"].startswith("random")]
    write_json(path, record | {"rows": kept})
    assert any("kmeans" in line for line in make(tmp_path / "copy"))
    assert (tmp_path / "copy/toy.json").read_bytes() == (whole / "toy.json").read_bytes()


def test_a_record_by_other_constants_does_not_stand_beside_the_others(
    whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "study")
    results = tmp_path / "study/arms/simclr-flips/seed-0/results"
    path = results / "kmeans--encoder.pool--ema.json"
    record = read_json(path)
    write_json(path, record | {"settings": record["settings"] | {"restarts": 1}})
    with pytest.raises(
        CheckpointError, match=r"simclr-flips.*'restarts': 1.*Delete the record of kmeans"
    ):
        make(tmp_path / "study")
    path.unlink()
    make(tmp_path / "study")
    assert (tmp_path / "study/toy.json").read_bytes() == (whole / "toy.json").read_bytes()


def test_baselines_by_other_constants_are_measured_again(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "study")
    path = tmp_path / "study/baselines.json"
    found = read_json(path)
    write_json(path, found | {"kmeans": found["kmeans"] | {"settings": {"restarts": 1}}})
    make(tmp_path / "study")
    assert read_json(path)["kmeans"]["settings"] == found["kmeans"]["settings"]


def test_studies_of_one_folder_have_components_of_their_own(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "study")
    other = replace(STUDY, name="other", arms=(SIMCLR,), pca_widths=(3, 999))
    make(tmp_path / "study", other)
    lines = [line["features"] for line in read_json(tmp_path / "study/other.json")["lines"]]
    assert lines == ["SimCLR, flips: encoder.pool", "pixels", "pca3", "pca64"]
    for study in (STUDY, other):
        assert make(tmp_path / "study", study) == []
    assert (tmp_path / "study/toy.json").read_bytes() == (whole / "toy.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("reconstruction_l2--ema", "settings"),
        ("curve-knn1_euclidean--encoder.hidden2--ema", "settings"),
        ("reconstruction_l2--ema", "data"),
        ("curve-knn1_euclidean--encoder.hidden2--ema", "data"),
    ],
)
def test_what_is_drawn_and_curves_by_other_constants_are_refused(
    alone: Path, tmp_path: Path, name: str, key: str
) -> None:
    shutil.copytree(alone, tmp_path / "study")
    path = tmp_path / f"study/arms/bigan/seed-0/results/{name}.json"
    record = read_json(path)
    others = {"n": 1} if key == "settings" else record["data"] | {"sha256": "0" * 64}
    write_json(path, record | {key: others})
    with pytest.raises(CheckpointError, match=r"arms/bigan.*cannot stand in one column.*Delete"):
        make(tmp_path / "study", ALONE)


@pytest.mark.parametrize("damage", ["", "[]", '{"rows": [{}]}', "text", "null", "no seconds"])
@pytest.mark.parametrize(
    "name",
    [
        "arms/bigan/seed-0/results/knn1_euclidean--encoder.hidden2--ema.json",
        "arms/bigan/seed-0/results/reconstruction_l2--ema.json",
        "arms/bigan/seed-0/results/curve-knn1_euclidean--encoder.hidden2--ema.json",
        "baselines.json",
    ],
)
def test_what_is_damaged_is_measured_again(
    alone: Path, tmp_path: Path, name: str, damage: str
) -> None:
    shutil.copytree(alone, tmp_path / "study")
    path = tmp_path / "study" / name
    lines = "points" if "curve" in name else "rows"
    record = read_json(path)
    inner = record["knn1_euclidean"] if name == "baselines.json" else record
    if damage == "no seconds":
        del inner[lines][0]["seconds"]
        write_json(path, record)
    elif damage == "text":
        inner[lines][0] |= {"accuracy": "high", "ratio_real": "high"}
        write_json(path, record)
    elif damage == "null":
        inner["data"] = None
        write_json(path, record)
    else:
        path.write_text(damage)
    make(tmp_path / "study", ALONE)
    assert (tmp_path / "study/alone.json").read_bytes() == (alone / "alone.json").read_bytes()


def test_scores_that_are_no_numbers_are_shown_as_such(alone: Path, tmp_path: Path) -> None:
    shutil.copytree(alone, tmp_path / "study")
    path = "arms/bigan/seed-0/results/knn1_euclidean--encoder.hidden2--ema.json"
    record = read_json(tmp_path / "study" / path)
    record["rows"][0]["accuracy"] = float("nan")
    write_json(tmp_path / "study" / path, record)
    make(tmp_path / "study", ALONE, seeds=(0, 1))
    text = (tmp_path / "study/alone.md").read_text()
    assert "| BiGAN: encoder.hidden2 | 16 | nan ± nan |" in text


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    """Records of a model that is gone, and samples in features of a judge that is gone."""
    make(tmp_path, JUDGED)
    shutil.rmtree(tmp_path / "arms/simclr-flips/seed-0/model")
    told = make(tmp_path, JUDGED, arms=["bigan"])
    for said in (
        "SimCLR, flips, seed 0, is left out: ",
        "what BiGAN draws is left out: it was compared in features of SimCLR, flips, of which ",
    ):
        assert sum(line.startswith(said) for line in told) == 1
    (bigan,) = read_json(tmp_path / "judged.json")["runs"]
    assert bigan["drawn"] is None


def test_a_curve_without_checkpoints_says_what_to_do(alone: Path, tmp_path: Path) -> None:
    shutil.copytree(alone, tmp_path / "study")
    run = tmp_path / "study/arms/bigan/seed-0"
    shutil.rmtree(run / "checkpoints")
    next(run.glob("results/curve-*")).unlink()
    with pytest.raises(CheckpointError, match=r"seed-0 has a model and no checkpoints.*--arms"):
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


def test_a_setting_that_an_arm_has_not_names_the_arm(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"arm 'SimCLR, flips': .*neighbors"):
        make(tmp_path, changes={"settings.neighbors": "2"})


@pytest.mark.parametrize("name", STUDIES)
def test_studies_can_be_planned(name: str, tmp_path: Path) -> None:
    runs = plan_runs(STUDIES[name], (0, 1), {"train.epochs": "3"}, tmp_path)
    assert len({run.run.path for run in runs}) == 2 * len(STUDIES[name].arms)
    turns = {"structural": 2, "gan": 2, "simclr": 1, "bigan": 1}
    for run in runs:
        steps = getattr(run.config.settings, "discriminator_steps", 0)
        assert run.config.train.epochs == 3 * (turns.get(run.config.method) or 1 + steps)
    with torch.device("meta"):
        for run in plan_runs(STUDIES[name], (0,), {}, tmp_path):
            method = find_method(run.config.method)(run.config.settings, SOME_IMAGES)
            for layer in run.variant.layers:
                assert method.find_layer(layer).name == layer


def test_a_folder_shared_by_all_studies_holds_one_config_for_each_arm(tmp_path: Path) -> None:
    configs: dict[Path, Any] = {}
    for study in STUDIES.values():
        for run in plan_runs(study, (0,), {}, tmp_path / shared_folder(study, {})):
            assert configs.setdefault(run.run.path, run.config) == run.config
