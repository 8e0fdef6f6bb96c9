"""The verbs that look into a run, end to end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambigan.cli import main
from voc_folder import write_voc2007


@pytest.fixture
def run(conv_run: Path, tmp_path: Path) -> str:
    shutil.copytree(conv_run, tmp_path / "run")
    return str(tmp_path / "run")


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_filters_of_every_network(run: str, finished_run: Path, tmp_path: Path) -> None:
    assert main(["filters", run]) == 0
    assert np.load(f"{run}/filters-encoder.npy").shape == (4, 1, 3, 3)
    assert size(f"{run}/filters-encoder.png")[0] > 100
    for network in ("discriminator", "generator"):
        assert main(["filters", run, "--network", network]) == 0
        assert np.load(f"{run}/filters-{network}.npy").shape == (4, 1, 5, 5)
    out = tmp_path / "rows.png"
    assert main(["filters", str(finished_run), "--out", str(out)]) == 0
    assert np.load(tmp_path / "rows.npy").shape == (16, 1, 8, 8)


def test_a_sheet_to_pick_from_then_a_sum(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["arithmetic", run]) == 0
    assert "--plus 3,7,12" in capsys.readouterr().out
    assert size(f"{run}/sheet.png")[0] > 600
    words = ["--plus", "3,7,12", "--minus", "4,9,1", "--plus", "2,5,8"]
    assert main(["arithmetic", run, *words]) == 0
    assert size(f"{run}/arithmetic.png")[1] > 500
    assert np.load(f"{run}/arithmetic.npy").shape == (9, 1, 8, 8)
    assert main(["arithmetic", run, "--of", "data", "--num", "20"]) == 0
    assert size(f"{run}/sheet-data.png")[0] > 600
    assert main(["arithmetic", run, "--of", "data", "--num", "20", "--plus", "19"]) == 0


def test_terms_keep_their_order_and_signs() -> None:
    from ambigan.cli.parser import parse_arguments

    words = ["--minus", "1", "--plus", "2", "--minus", "3,4"]
    flags = parse_arguments(["arithmetic", "run", *words]).flags
    assert flags.terms == [("minus", "1"), ("plus", "2"), ("minus", "3,4")]


def test_a_box_and_a_label_are_forgotten(run: str) -> None:
    assert main(["forget", run, "--box", "5:2,0,3,4", "--box", "6:0,0,4,4"]) == 0
    record = json.loads(Path(run, "forget.json").read_text())
    assert record["layer"] == "generator.deconv1"
    assert record["num_maps"] == 4
    assert record["dropped"][0]["weight"] > 0
    assert size(f"{run}/forget.png")[0] > 600
    words = ["--samples", "200", "--shown", "6", "--most", "1", "--label"]
    for label in ("1", "3", "7"):  # an untrained game may never draw one of them
        status = main(["forget", run, *words, label, "--out", f"{run}/label.png"])
        if status == 0:
            break
    else:
        pytest.skip("the toy draws none of three digits")
    record = json.loads(Path(run, "label.json").read_text())
    assert len(record["dropped"]) == 1
    assert len(record["shares_without_random"]) == 10


@pytest.mark.usefixtures("quick_pages")
def test_transfer_prints_its_table_and_stands_on_the_page(
    run: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--network", "encoder", "--labels", "100", "--epochs", "1", "--no-flip"]
    words += ["--task.width", "16", "--starts", "trained,kmeans"]
    assert main(["transfer", run, *words]) == 0
    told = capsys.readouterr().out
    assert "conv6" in told
    assert "filters of k-means" in told
    assert "all from scratch" in told
    name = "transfer--encoder--labels-100--epochs-1--flip-False--width-16"
    assert (Path(run) / "results" / f"{name}.json").is_file()
    assert size(f"{run}/{name}.png")[0] > 400
    assert main(["report", run]) == 0
    page = Path(run, "report.html").read_text()
    assert 'id="filters"' in page
    assert 'id="transfer"' in page
    assert "ambigan transfer" in page
    assert "--task.width 16 --starts trained,kmeans" in page
    assert "--protocol transfer" not in page


@pytest.mark.slow
@pytest.mark.usefixtures("quick_pages")
def test_a_task_prints_its_table_and_stands_on_the_page(
    run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_voc2007(tmp_path / "devkit")
    words = ["transfer", run, "--network", "encoder", "--data", f"voc:{folder}", "--epochs", "1"]
    words += ["--task", "classification", "--task.width=8", "--task.crop=24"]
    assert main([*words, "--starts", "trained,scaled", "--layers", "fc8"]) == 0
    told = capsys.readouterr().out
    assert "scaled encoder, fc8" in told
    assert "mAP (11 points), %" in told
    assert main([*words, "--starts", "trained", "--layers", "all", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [entry["details"]["layers"] for entry in found] == ["fc8", "fc8", "all"]
    assert main(["report", run]) == 0
    page = Path(run, "report.html").read_text()
    assert "transfer_classification on VOC2007" in page
    assert "--task classification" in page
    assert "--layers fc8,all --starts trained,scaled" in page
    assert "--protocol transfer" not in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["transfer", "RUN", "--layers", "fc8"], "--layers is not of --task frozen; give --task"),
        (["transfer", "RUN", "--task", "detection"], "needs images with annotations; give --data"),
        (["transfer", "RUN", "--task", "detection", "--flip"], "--flip is not of --task detection"),
        (["transfer", "RUN", "--task", "detection", "--layers", "fc9", "--data", "voc:x"], "'fc8'"),
        (["transfer", "RUN", "--task", "detection", "--data", "digits"], "give voc:DIR"),
        (["transfer", "RUN", "--task", "detection", "--data.size", "8,8"], "unknown constant of"),
        (["transfer", "RUN", "--task", "detection", "--task.width", "0"], "width cannot be 0"),
        (["arithmetic", "RUN", "--plus", "a,b"], "--plus 'a,b': numbers with commas"),
        (["arithmetic", "RUN", "--plus", "64"], "no example 64; they go from 0 to 63"),
        (["arithmetic", "RUN", "--num", "0"], "a sheet has 1 example or more"),
        (["arithmetic", "RUN", "--out", "x.jpg"], "--out must end in .png"),
        (["forget", "RUN"], "name a feature, by --box"),
        (["forget", "RUN", "--box", "1:2,3"], "write SAMPLE:X,Y,WIDTH,HEIGHT"),
        (["forget", "RUN", "--box", "1:7,7,2,2"], "does not lie in its picture"),
        (["forget", "RUN", "--label", "cat"], "unknown label 'cat'"),
        (["forget", "RUN", "--label", "1", "--most", "0"], "--most is 0; it counts"),
        (["forget", "RUN", "--box", "1:0,0,2,2", "--layer", "output"], "layers with maps"),
        (["filters", "RUN", "--network", "teacher"], "unknown network 'teacher'"),
        (["transfer", "RUN", "--network", "discriminator"], "sees latents beside the data"),
        (["transfer", "RUN", "--labels", "0"], "there are 1 to 1,500 training examples"),
        (["transfer", "RUN", "--epochs", "0"], "--epochs cannot be 0"),
        (["transfer", "RUN", "--batch-size", "0"], "--batch-size cannot be 0"),
        (["transfer", "RUN", "--task.width", "-1"], "--task.width cannot be -1"),
        (["transfer", "RUN", "--task.widht", "8"], "Did you mean 'task.width'"),
        (["transfer", "RUN", "--starts", "random"], "'random'"),
    ],
)
def test_mistakes_are_one_line(
    conv_run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(conv_run) if word == "RUN" else word for word in words]) == 2
    told = capsys.readouterr().err.splitlines()
    assert message in told[-1]
    assert told[-1].startswith("ambigan: ")
