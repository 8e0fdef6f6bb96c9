"""Plugins: by path, module and entry point; what a run remembers of them, and asks for."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ambigan
from ambigan.cli import main
from ambigan.core import plugins
from ambigan.core.errors import ConfigError
from ambigan.core.plugins import Plugin, load_plugin
from ambigan.data import DataSettings, list_sources, open_dataset
from ambigan.data.opening.registry import SOURCES
from ambigan.methods import METHODS, find_method, register_method
from ambigan.methods.bigan import BiGAN
from ambigan.presets import PRESETS, find_preset
from ambigan.training import resume

ROOT = Path(__file__).parents[1]
RECIPES = (ROOT / "CONTRIBUTING.md").read_text()
FILES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", RECIPES, re.DOTALL))
COMMANDS = re.findall(r"^ambigan (.*)$", RECIPES, re.MULTILINE)


pytestmark = pytest.mark.usefixtures("own_registries")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


Forget = Callable[[], None]


@pytest.fixture
def forget() -> Forget:
    """Makes this process one in which no plugin was loaded."""

    def new_process() -> None:
        for registry in (METHODS, SOURCES):
            for name in [name for name in registry if registry.origin(name)]:
                for part in ("_entries", "_definitions", "_origins"):
                    del getattr(registry, part)[name]
        plugins._loaded.clear()

    return new_process


def write_recipe(name: str) -> None:
    Path(name).write_text(f"# {name}\n{FILES[name]}")


def commands_of(name: str) -> list[list[str]]:
    """The commands of CONTRIBUTING.md that give a plugin, as they stand there."""
    return [words for line in COMMANDS if name in (words := shlex.split(line))]


@pytest.mark.parametrize(
    ("name", "num", "score"),
    [
        ("lsgan.py", 3, "knn1_euclidean"),
        ("squared_bigan.py", 3, "reconstruction_l2"),
        ("rings.py", 3, "knn1_euclidean"),
    ],
)
def test_a_recipe_trains_resumes_loads_and_evaluates(name: str, num: int, score: str) -> None:
    write_recipe(name)
    commands = commands_of(name)[:num]
    for words in commands:
        assert main(words) == 0, words
    run = Path(commands[0][-1])
    assert (run / "results" / f"{score}.json").is_file()
    (remembered,) = json.loads((run / "config.json").read_text())["plugins"]
    assert remembered == {"name": str(Path(name).absolute()), "sha256": remembered["sha256"]}
    assert len(remembered["sha256"]) == 64
    loaded = ambigan.load(run, plugins=[name])
    assert loaded.sample(3).shape[0] == 3


def test_the_recipe_of_a_check_and_of_loading() -> None:
    write_recipe("lsgan.py")
    assert main([*commands_of("lsgan.py")[0][:-1], "runs/lsgan"]) == 0
    exec(FILES["check_lsgan.py"], {})


def test_a_new_metric_is_shown_by_every_view(capsys: pytest.CaptureFixture[str]) -> None:
    write_recipe("centroids.py")
    before = COMMANDS.index(shlex.join(commands_of("centroids.py")[0]))
    train, evaluate = (shlex.split(line) for line in COMMANDS[before - 1 : before + 1])
    assert main(train) == 0
    assert main(evaluate) == 0
    assert "margin" in capsys.readouterr().out
    assert main([*evaluate, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    kept = json.loads(Path("runs/gan/results/nearest_centroid.json").read_text())
    for results in (shown, kept["results"]):
        results = results["results"] if isinstance(results, dict) else results
        assert {metric["name"] for metric in results[0]["metrics"]} == {"accuracy", "margin"}
    assert main(["report", "runs/gan"]) == 0
    assert "margin" in next(Path("runs/gan").rglob("*.html")).read_text()


def test_the_recipe_of_an_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("lsgan.py", "centroids.py", "games.py"):
        write_recipe(name)
    (words,) = commands_of("games.py")
    assert main(words) == 0
    table = Path("results/two-games.md").read_text()
    assert all(name in table for name in ("BiGAN", "LSGAN", "centroid margin", "pixels"))
    assert main(words) == 0  # nothing is trained again
    capsys.readouterr()
    assert main([*words, "--render"]) == 0


def test_a_run_asks_for_its_plugin_in_one_line_and_runs_no_code(
    capsys: pytest.CaptureFixture[str], forget: Forget
) -> None:
    write_recipe("lsgan.py")
    assert main(commands_of("lsgan.py")[0]) == 0
    assert "ambigan evaluate runs/lsgan --plugin " in capsys.readouterr().out
    Path("lsgan.py").write_text("raise SystemExit('ran')")
    forget()
    path = Path("lsgan.py").absolute()
    for words in (["sample", "runs/lsgan"], ["train", "--resume", "runs/lsgan"]):
        assert main(words) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert f"--plugin {path}" in line
        assert "method 'lsgan' of a plugin that is not loaded" in line
    for use in (ambigan.load, resume):
        with pytest.raises(ConfigError, match=r"in Python plugins=\['/.*lsgan\.py'\]"):
            use("runs/lsgan")
    with pytest.raises(ConfigError, match=r"importing the plugin .* fails: SystemExit: ran"):
        ambigan.load("runs/lsgan", plugins=["lsgan.py"])


def test_a_plugin_that_moved_is_taken_and_one_that_changed_warns(forget: Forget) -> None:
    write_recipe("lsgan.py")
    assert main(commands_of("lsgan.py")[0]) == 0
    forget()
    Path("moved").mkdir()
    moved = Path("lsgan.py").rename("moved/lsgan.py")
    ambigan.load("runs/lsgan", plugins=[moved])
    forget()
    moved.write_text(moved.read_text() + "# changed\n")
    with pytest.warns(UserWarning, match=r"plugin .*lsgan\.py has changed since runs/lsgan"):
        ambigan.load("runs/lsgan", plugins=[moved])
    forget()
    Path("another.py").write_text(moved.read_text())
    with pytest.raises(ConfigError, match=r"'lsgan' of /.*/lsgan\.py, and the one loaded here is"):
        ambigan.load("runs/lsgan", plugins=["another.py"])


def test_a_run_asks_for_the_plugin_of_its_data(forget: Forget) -> None:
    write_recipe("rings.py")
    assert main(commands_of("rings.py")[0]) == 0
    forget()
    with pytest.raises(ConfigError, match=r"data set 'rings' of a plugin .* --plugin /.*rings\.py"):
        ambigan.load("runs/rings")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def broken(:", "importing the plugin '.*' fails: SyntaxError"),
        ("1 / 0", "importing the plugin '.*' fails: ZeroDivisionError: division by zero"),
        ("import no_such_thing", "plugin '.*' needs the module 'no_such_thing'"),
        (
            "import ambigan\n@ambigan.register_method('gan')\nclass Mine(ambigan.Run): pass",
            r"plugin '/.*': <class '.*Mine'> is no method: derive the class from",
        ),
        (
            "import ambigan\nfrom ambigan.methods.gan import GAN\n"
            "@ambigan.register_method('gan')\nclass Mine(GAN): pass",
            "two methods are named 'gan'|two methods",
        ),
        (
            "import ambigan\nfrom ambigan.methods.gan import GAN\n"
            "@ambigan.register_method('my gan')\nclass Mine(GAN): pass",
            "'my gan' cannot name a method: take letters, digits, - and _ alone",
        ),
        ("import ambigan\n@ambigan.register_method\nclass Mine: pass", "write @register_method"),
        (
            "import ambigan\n@ambigan.register_source('x', 'y', kind='sounds')\n"
            "def x(settings, typed): pass",
            "unknown kind of data 'sounds'",
        ),
    ],
)
def test_what_is_wrong_with_a_plugin_is_one_line(text: str, said: str) -> None:
    Path("mine.py").write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        load_plugin("mine.py")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.py", "plugin '/.*/nowhere.py': there is no such file"),
        ("no_such_module_here", "no module 'no_such_module_here' in the current folder"),
        ("no-module", "plugin 'no-module' is no module, such as my_method, and no .py file"),
    ],
)
def test_what_is_no_plugin_is_one_line(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_plugin(name)


def test_a_plugin_is_loaded_once_and_again_when_it_changed() -> None:
    Path("counted.py").write_text("import counts\ncounts.loads.append(1)")
    Path("counts.py").write_text("loads = []")  # a module next to it
    for _ in range(2):
        load_plugin("counted.py")
    assert sys.modules["counts"].loads == [1]
    Path("counted.py").write_text("import counts\ncounts.loads.append(2)")
    load_plugin(Path("counted.py"))
    assert sys.modules.pop("counts").loads == [1, 2]


def test_a_class_defined_again_takes_its_own_place() -> None:
    for _ in range(2):

        @register_method("again")
        class Again(BiGAN):
            pass

    assert METHODS["again"] is Again
    with pytest.raises(ConfigError, match="two methods are named 'again'"):

        @register_method("again")
        class Other(BiGAN):
            pass


def test_module_and_class_are_a_plugin_too(forget: Forget) -> None:
    write_recipe("lsgan.py")
    Path("plain.py").write_text(
        "from ambigan.methods.gan import GAN\nclass Plain(GAN): pass\nNoMethod = 3\n"
    )
    assert find_preset("lsgan:LSGAN", None).method == "lsgan"
    assert METHODS.origin("lsgan") == load_plugin("lsgan")
    config = find_preset("plain:Plain", None, "digits").check()
    assert (config.method, config.preset) == ("plain:Plain", "small")
    assert [plugin.name for plugin in config.plugins] == ["plain"]
    with pytest.raises(ConfigError, match="plain has no Method class 'NoMethod'"):
        find_method("plain:NoMethod")
    for name in ("lsgan", "plain"):
        del sys.modules[name]


def test_the_old_way_trains_and_is_asked_for_as_a_plugin(forget: Forget) -> None:
    Path("older.py").write_text("from ambigan.methods.gan import GAN\nclass Older(GAN): pass\n")
    words = ["--data", "digits", "--epochs", "1", "--settings.network.hidden", "8,8"]
    assert main(["train", "--method", "older:Older", *words, "--out", "run"]) == 0
    forget()
    with pytest.raises(ConfigError, match=r"method 'older:Older' of a plugin .* --plugin older"):
        ambigan.load("run")
    assert main(["sample", "run", "--num", "2", "--method", "older:Older"]) == 0
    forget()
    assert main(["sample", "run", "--num", "2", "--plugin", "older"]) == 0
    del sys.modules["older"]


def test_presets_of_a_method_from_outside() -> None:
    for name in ("lsgan.py", "squared_bigan.py"):
        write_recipe(name)
        load_plugin(name)
    assert list(PRESETS["lsgan"]) == ["default"]
    config = find_preset("lsgan", None, "mnist")
    assert (config.preset, config.settings) == ("default", METHODS["lsgan"].Settings())
    with pytest.raises(ConfigError, match=r"unknown preset of lsgan 'small'. Known: default"):
        find_preset("lsgan", "small")
    assert list(PRESETS["squared_bigan"]) == list(PRESETS["bigan"])
    for name in PRESETS["bigan"]:
        ours, theirs = find_preset("squared_bigan", name), find_preset("bigan", name)
        assert (ours.method, ours.train, ours.data) == ("squared_bigan", theirs.train, theirs.data)
        assert ours.settings.squared
        assert ours.settings.network == theirs.settings.network
        assert PRESETS["squared_bigan"][name].score == "not reproduced"
    for source in ("digits", "mnist", "cifar10", None):
        usual = find_preset("bigan", None, source).preset
        assert find_preset("squared_bigan", None, source).preset == usual


def test_a_source_of_images_from_outside() -> None:
    @ambigan.register_source("noise", "gray noise", kind="images")
    def noise(settings: DataSettings, typed: str) -> ambigan.data.ImageSource:
        pixels = np.random.default_rng(0).integers(0, 256, (20, 1, 6, 5), np.uint8)
        return ambigan.data.ImageSource("noise", len(pixels), lambda place: pixels[place])

    assert list_sources()["noise"] == "gray noise"
    dataset = open_dataset(DataSettings("noise"))
    assert dataset.spec.shape == (1, 6, 5)
    assert len(dataset.train) + len(dataset.test) == 20
    with pytest.raises(ConfigError, match="data set 'noise' takes no path"):
        open_dataset(DataSettings("noise:3"))


def install(name: str, code: str) -> None:
    """Puts a package and its metadata where pip would, with a plugin as its entry point."""
    about, package = Path("site", f"{name}-1.0.dist-info"), Path("site", name)
    for folder in (about, package):
        folder.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[ambigan.plugins]\n{name} = {name}.plugin\n")
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(code)


def test_a_package_that_is_installed_needs_no_flag(
    monkeypatch: pytest.MonkeyPatch, forget: Forget, capsys: pytest.CaptureFixture[str]
) -> None:
    install("tiny_ambigan", FILES["lsgan.py"])
    install("broken_ambigan", "1 / 0\n")
    monkeypatch.syspath_prepend(Path("site").absolute())
    plugins.load_installed.cache_clear()
    assert "lsgan" not in list(METHODS)  # nothing is imported before it is asked for
    with pytest.warns(UserWarning, match="'broken_ambigan' of broken_ambigan cannot be used: imp"):
        config = find_preset("lsgan", None).check()
    assert [plugin.name for plugin in config.plugins] == ["tiny_ambigan.plugin"]
    words = ["--data", "digits", "--epochs", "1", "--settings.network.hidden", "8,8"]
    assert main(["train", "lsgan", *words, "--out", "run"]) == 0
    assert "ambigan evaluate run;" in capsys.readouterr().out  # with no --plugin
    forget()
    del sys.modules["tiny_ambigan.plugin"]
    plugins.load_installed.cache_clear()
    with pytest.warns(UserWarning, match="broken_ambigan"):
        assert ambigan.load("run").sample(2).shape == (2, 1, 8, 8)
    plugins.load_installed.cache_clear()


def test_a_plugin_is_known_by_its_stem_or_its_package() -> None:
    assert Plugin("/a/mine.py").key == Plugin("/b/mine.py").key == Plugin("mine").key
    assert Plugin("package.one").key == Plugin("package.two.three").key
    assert Plugin("/a/mine.py", "1").has_changed(Plugin("/b/mine.py", "2"))
    assert not Plugin("package.one", "1").has_changed(Plugin("package.two", "2"))
    assert not Plugin("mine", "").has_changed(Plugin("mine", "2"))
