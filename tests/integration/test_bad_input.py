"""Every bad input is one clear line and exit status 2, and nothing already written is lost."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ambigan.cli import main
from ambigan.core.files import hold_lock

SMALL = ["--settings.network.hidden", "8,8", "--epochs", "1", "--device", "cpu"]

Refused = Callable[..., str]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch) -> Refused:
    """Runs a command that must fail and returns its one line."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> str:
        status = main([str(word) for word in words])
        *before, told = capsys.readouterr().err.strip().splitlines()
        assert status == 2
        assert told.startswith("ambigan: ")
        assert not any(line.startswith("ambigan: ") for line in before)  # what was read, say
        assert "Traceback" not in told
        return told

    return run


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian", "bigan"], "unknown verb 'trian'. Did you mean 'train'?"),
        (["train", "bigam"], "unknown method 'bigam'. Did you mean 'bigan'?"),
        (["train"], "name a method: autoencoder, barlow_twins, bigan, bigbigan, byol, gan"),
        (["train", "bigan", "--method", "gan"], "two methods"),
        (["train", "bigbigan", "--settings.discriminator-steps", "1001"], "or equal to 1000"),
        (["train", "bigbigan", "--settings.network.mlp-depth", "1002"], "or equal to 1000"),
        (["reproduce", "bigbigan-digits", "--arms", ","], "--runs ',' names none"),
        (["train", "bigan", "--preset", "offical"], "Did you mean 'official'?"),
        (["train", "bigan", "--epoch", "3"], "unknown flag '--epoch'. Did you mean '--epochs'?"),
        (["train", "bigan", "--train-on", "good"], "Did you mean '--data.train-on'?"),
        (["train", "bigan", "--latent_dim", "9"], "Did you mean '--settings.latent-dim'?"),
        (["embed", "run", "--label-column", "kind"], "Did you mean '--data.label-column'?"),
        (["train", "bigan", "--train.sed", "3"], "Did you mean 'train.seed'?"),
        (["train", "bigan", "--train.seed"], "--train.seed needs a value"),
        (["train", "bigan", "--train.wandb", "--out", "x"], "--train.wandb needs a value: true"),
        (["train", "bigan", "extra"], "unexpected 'extra'"),
        (["train", "bigan", "--data", "digit"], "Did you mean 'digits'?"),
        (["train", "bigan", "--data", "csv"], "csv"),
        (["train", "bigan", "--epochs", "0"], "train.epochs cannot be 0"),
        (["train", "bigan", "--epochs", "-1"], "train.epochs"),
        (["train", "bigan", "--batch-size", "0"], "train.batch_size cannot be 0"),
        (["train", "bigan", "--seed", "-1"], "train.seed cannot be -1"),
        (["explore", "run", "--seed", "-1"], "-1 is no seed; a seed is from 0 to 4294967295"),
        (["anomaly", "run", "--seed", "4294967296"], "is no seed"),
        (["train", "bigan", "--settings.latent-dim", "0"], "settings.latent_dim cannot be 0"),
        (["train", "bigan", "--precision", "fp4"], "train.precision cannot be 'fp4'"),
        (["train", "bigan", "--device", "tpu"], "none of: auto, cpu, cuda"),
        (["train", "no_module:Method"], "no module 'no_module'"),
        (["train", "json:JSONDecoder"], "has no Method class 'JSONDecoder'"),
        (
            ["reproduce", "bigbigan-digit"],
            "unknown experiment 'bigbigan-digit'. Did you mean 'bigbigan-",
        ),
        (["evaluate"], "RUN"),
        (["evaluate", "nothing"], "no such folder"),
        (["train", "--resume", "nothing"], "no such folder"),
        (["sample", "nothing", "--num", "many"], "--num"),
    ],
)
def test_words_that_mean_nothing(words: list[str], told: str, refused: Refused) -> None:
    assert told in refused(*words)


def test_cuda_where_there_is_none(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "no CUDA device" in refused("train", "bigan", "--data", "digits", "--device", "cuda")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "structural --settings.neighbors 15 --settings.bank-size 5 --batch-size 10",
            "a batch of 10 and a bank of 5 hold 14 besides the image itself; choose 14 or fewer",
        ),
        ("structural --settings.gaussian-weight 0 --settings.cluster-weight 0", "G learns by no"),
        ("structural --settings.latent-dim 100000000", "most of it for generator."),
        ("structural --settings.bank-size 10000000000", "most of it for bank."),
        ("simclr --settings.temperature 1e-30", "settings.temperature cannot be 1e-30"),
        ("simclr --settings.views.jitter 5", "settings.views.jitter cannot be 5"),
    ],
)
def test_games_that_cannot_be_played(words: str, told: str, refused: Refused) -> None:
    """Nothing is written, so that the same folder takes the next attempt."""
    method, *settings = words.split()
    preset = "small" if method == "structural" else "images"
    assert told in refused("train", method, "--data", "digits", "--preset", preset, *settings)
    assert not Path("runs").exists()


def test_as_many_neighbors_as_there_are(tmp_path: Path) -> None:
    words = "train structural --data digits --preset small --settings.neighbors 14 --epochs 1"
    sizes = "--settings.bank-size 5 --batch-size 10 --data.max-train 20 --device cpu"
    assert main([*words.split(), *sizes.split(), "--out", str(tmp_path / "run")]) == 0


def write_image(path: Path, size: tuple[int, int] = (8, 8), value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)


def train_folder(refused: Refused, folder: str, *more: object) -> str:
    words = ["train", "bigan", "--preset", "small", "--data", f"folder:{folder}"]
    return refused(*words, *SMALL, *more)


def test_folders_that_hold_no_data(refused: Refused) -> None:
    assert "missing" in train_folder(refused, "missing")
    Path("empty").mkdir()
    assert "empty" in train_folder(refused, "empty")
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("no image")
    assert "texts" in train_folder(refused, "texts")


def test_images_of_mixed_sizes(refused: Refused) -> None:
    write_image(Path("mixed/a.png"))
    write_image(Path("mixed/b.png"), (9, 8))
    told = train_folder(refused, "mixed")
    assert "--data.size" in told
    assert ".png" in told


def test_corrupt_images_stop_the_run_only_beyond_one_percent(
    refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(120):
        write_image(Path(f"some/{number:03}.png"), value=number)
    Path("some/torn.png").write_bytes(Path("some/000.png").read_bytes()[:40])
    words = ["train", "bigan", "--preset", "small", "--data", "folder:some", *SMALL]
    words += ["--batch-size", "16"]
    assert main([*words, "--out", "run"]) == 0
    capsys.readouterr()
    (skipped,) = json.loads(Path("run/data.json").read_text())["skipped"]
    assert "torn.png" in skipped
    Path("some/torn2.jpg").write_text("not an image at all")
    assert "torn" in train_folder(refused, "some", "--batch-size", 16)


def test_corrupt_images_among_other_data_may_be_left_out(
    refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(20):
        write_image(Path(f"some/{number:02}.png"), value=number)
    words = ["train", "bigan", "--preset", "small", "--data", "folder:some", *SMALL]
    assert main([*words, "--batch-size", "8", "--out", "run"]) == 0
    capsys.readouterr()
    shutil.copytree("some", "other")
    Path("other/07.png").write_text("no image")
    assert "--data.max-corrupt" in refused("embed", "run", "--data", "folder:other")
    few = ["--data", "folder:other", "--data.max-corrupt", "0.1"]
    assert main(["embed", "run", *few, "--out", "features.npy"]) == 0
    assert main(["search", "run", *few, "--query", "folder:other", "--num", "3"]) == 0
    assert len(np.load("features.npy")) == 19
    capsys.readouterr()
    assert "leave it out without --data" in refused("embed", "run", "--data.max-corrupt", 0.1)
    assert "0 to 1" in refused("embed", "run", "--data", "folder:other", "--data.max-corrupt", 2)
    alone = refused("search", "run", "--query", "other/07.png")
    assert "1 of 1 images cannot be read" in alone
    assert "max-corrupt" not in alone, "it would not help"


@pytest.mark.filterwarnings("always:one iteration is made")
def test_an_iteration_longer_than_the_training_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "gan", "--data", "digits", *SMALL, "--out", str(tmp_path / "run")]
    words += ["--settings.simultaneous", "false", "--data.max-train", "70", "--batch-size", "40"]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "of 80 examples (2 turns of 40), and train.epochs 1 asks for 70 alone" in said


TABLES = {
    "text.csv": ("a,b\n1,x\n2,y\n3,z\n", ["text.csv", "b", "--data.drop"]),
    "nan.csv": ("a,b\n1,2\n,3\n4,5\n", ["nan.csv", "a"]),
    "inf.csv": ("a,b\n1,2\ninf,3\n4,5\n", ["inf.csv", "a"]),
    "constant.csv": ("a,b\n1,2\n1,3\n1,5\n1,6\n", ["constant.csv", "a", "--data.drop-constant"]),
    "empty.csv": ("", ["empty.csv"]),
    "header.csv": ("a,b\n", ["header.csv"]),
}


@pytest.mark.parametrize("name", sorted(TABLES))
def test_tables_that_cannot_be_learned_from(name: str, refused: Refused) -> None:
    content, words = TABLES[name]
    Path(name).write_text(content)
    told = refused("train", "bigan", "--data", f"csv:{name}", *SMALL, "--batch-size", 2)
    assert all(word in told for word in words), told


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.npy", None),
        ("empty.npy", b""),
        ("torn.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False"),
        ("text.parquet", b"this is no parquet file"),
        ("torn.npz", b"PK\x03\x04torn"),
    ],
)
def test_files_that_cannot_be_read(name: str, content: bytes | None, refused: Refused) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    kind = name.partition(".")[2]
    assert name in refused("train", "bigan", "--data", f"{kind}:{name}", *SMALL)


def test_a_pickle_in_an_array_is_not_executed(refused: Refused) -> None:
    np.save("pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "pickled.npy" in refused("train", "bigan", "--data", "npy:pickled.npy", *SMALL)


def test_a_run_is_never_overwritten(refused: Refused, finished_run: Path) -> None:
    before = {p: p.read_bytes() for p in finished_run.rglob("*") if p.is_file()}
    words = ["train", "bigan", "--data", "digits", "--out", finished_run]
    told = refused(*words, "--seed", 5)
    assert "train.seed: 5 against 0" in told
    assert f"--resume {finished_run}" in told
    told = refused("train", "--resume", finished_run, "--epochs", 99)
    assert "train.epochs: 99 against 30" in told
    told = refused("train", "gan", "--resume", finished_run)
    assert "method: 'gan' against 'bigan'" in told
    Path("taken").mkdir()
    Path("taken/file").write_text("mine")
    shutil.copytree(finished_run, "my run")
    told = refused("train", "bigan", "--preset", "small", "--data", "digits", "--out", "my run")
    assert "continue it with --resume 'my run'" in told
    assert "not an empty folder" in refused("train", "gan", "--data", "digits", "--out", "taken")
    assert {p: p.read_bytes() for p in finished_run.rglob("*") if p.is_file()} == before


def test_one_process_trains_in_a_folder(refused: Refused, finished_run: Path) -> None:
    shutil.copytree(finished_run, "run")
    with hold_lock(Path("run/.lock")):
        told = refused("train", "--resume", "run")
        assert "another process is training in run; wait for it, or stop it" in told
        refused("train", "bigan", "--preset", "small", "--data", "digits", "--out", "run")
    Path("new").mkdir()
    with hold_lock(Path("new/.lock")):
        told = refused("train", "bigan", "--data", "digits", *SMALL, "--out", "new")
        assert "another process" in told
    assert [path.name for path in Path("new").iterdir()] == [".lock"]
    assert main(["train", "bigan", "--data", "digits", *SMALL, "--out", "new"]) == 0


@pytest.mark.parametrize("verb", ["evaluate", "sample", "reconstruct", "embed", "report"])
def test_what_is_no_run(verb: str, refused: Refused) -> None:
    Path("folder").mkdir()
    assert "not a run" in refused(verb, "folder")


def test_names_within_a_run(refused: Refused, finished_run: Path) -> None:
    told = refused("evaluate", finished_run, "--protocol", "knn1_euclidian")
    assert "Did you mean 'knn1_euclidean'?" in told
    told = refused("evaluate", finished_run, "--layer", "encoder.hiden2")
    assert "Did you mean 'encoder.hidden2'?" in told
    assert "--weights" in refused("evaluate", finished_run, "--weights", "best")
    assert ".npy or .parquet" in refused("embed", finished_run, "--out", "x.txt")
    assert ".npy or .png" in refused("sample", finished_run, "--out", "x.gif")
    assert "-3" in refused("sample", finished_run, "--num", -3)
    assert "--steps of 2" in refused("interpolate", finished_run, "--steps", 1)


def test_damaged_models(refused: Refused, finished_run: Path) -> None:
    shutil.copytree(finished_run, "run")
    weights = Path("run/model/ema.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "torn or altered" in refused("sample", "run")
    for path in Path("run/checkpoints").glob("*.pt"):
        path.write_bytes(b"\x80\x04torn")
    assert "no usable checkpoint" in refused("train", "--resume", "run")


def test_gan_says_what_it_cannot_do(refused: Refused, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", "gan", "--data", "digits", *SMALL, "--out", "run"]
    assert main(words) == 0
    capsys.readouterr()
    assert "cannot reconstruct" in refused("reconstruct", "run")
    assert "can do: decode, sample" in refused("evaluate", "run", "--protocol", "reconstruction_l2")


def test_no_space_left_keeps_what_was_written(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk; the checkpoint before stays whole."""
    out = tmp_path / "run"
    words = ["train", "bigan", "--data", "digits", "--settings.network.hidden", "64,64"]
    words += ["--epochs", "2", "--device", "cpu", "--out", str(out)]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    told = subprocess.run(
        [sys.executable, "-m", "ambigan", *words],
        preexec_fn=limit,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 2, told.stderr
    assert "cannot write" in told.stderr or "no space left" in told.stderr
    assert "Traceback" not in told.stderr
    assert json.loads((out / "config.json").read_text())["method"] == "bigan"
    assert not list(out.rglob("*.pt"))


def test_an_absurd_size_is_one_line(refused: Refused) -> None:
    told = refused(
        "train", "bigan", "--data", "digits", "--settings.network.hidden", "1000000000,1000000000"
    )
    assert "memory" in told
    for width in ("1000000000", "100000000000000000000"):
        words = ["train", "gan", "--preset", "images", "--data", "digits"]
        told = refused(*words, "--settings.network.width", width)
        assert "more weights than can be counted" in told
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", "[]"),
        ("config.json", '{"method": "bigan"}'),
        ("data.json", "{}"),
        ("data.json", "torn"),
        ("model/config.json", "{}"),
        ("model/config.json", "null"),
        ("results/mine.json", "[]"),
        ("results/mine.json", "{}"),
        ("stats.jsonl", "null\nnull\n"),
    ],
)
def test_damaged_files_of_a_run(
    file: str, content: str, refused: Refused, finished_run: Path
) -> None:
    shutil.copytree(finished_run, "run")
    Path("run", file).parent.mkdir(exist_ok=True)
    Path("run", file).write_text(content)
    refused("report", "run")


def test_settings_of_the_wrong_kind_in_a_config(refused: Refused, finished_run: Path) -> None:
    shutil.copytree(finished_run, "run")
    config = json.loads(Path("run/config.json").read_text())
    config["settings"]["optimizer"] = None
    Path("run/config.json").write_text(json.dumps(config))
    assert "settings.optimizer cannot be None" in refused("train", "--resume", "run")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-v"], "unknown flag '-v'"),
        (["train", "./x.py:Foo"], "not of the form module:Class"),
        (["train", ":Foo"], "not of the form module:Class"),
        (["evaluate", "x" * 300], "no run at"),
        (["train", "bigan", "--data", "digits", "--data.source", "mnist"], "give one"),
        (
            ["train", "bigan", "--data", "digits", "--settings.network.hidden", "16"],
            "two or more widths",
        ),
    ],
)
def test_more_words_that_mean_nothing(words: list[str], told: str, refused: Refused) -> None:
    if "16" in words:
        words = [*words, "--preset", "official"]
    assert told in refused(*words)
    assert not Path("runs").exists()


def test_a_run_of_another_method_is_named(refused: Refused, finished_run: Path) -> None:
    words = ["train", "gan", "--data", "digits", "--out", finished_run]
    assert "method: 'gan' against 'bigan'" in refused(*words)
    assert "holds a run of bigan, not of gan; choose" in refused(*words, "--continue")
    assert "not gan" in refused("sample", finished_run, "--method", "gan")


def test_data_that_changed_are_not_embedded(
    refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("own.npy", np.random.default_rng(0).normal(size=(200, 3)))
    assert main(["train", "bigan", "--data", "npy:own.npy", *SMALL, "--out", "run"]) == 0
    capsys.readouterr()
    np.save("own.npy", np.ones((200, 3)) * np.arange(200)[:, None])
    assert "not the data" in refused("embed", "run")
