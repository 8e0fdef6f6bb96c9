"""Names are known without torch, and what lists them is as the registries are."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ambigan.cli import main
from ambigan.cli.names import FILE, list_settings
from ambigan.cli.names.collect import collect_names
from ambigan.cli.output import print_columns, printable, shortened
from ambigan.cli.parser import make_parsers
from ambigan.core.settings import dotted
from ambigan.engine.config import RunConfig
from ambigan.methods import METHODS
from ambigan.presets import PRESETS
from write_names import as_text

PREPOSITIONS = re.compile(
    r"(about|above|after|against|among|around|at|before|below|beside|between|by|during|for|from|in"
    r"|inside|into|of|on|onto|over|per|since|through|to|under|until|upon|with|within|without)\b",
    re.IGNORECASE,
)

RUN_IN_PYTHON = """
import contextlib, io, json, sys
from ambigan.cli import main
told = []
for words in json.loads(sys.argv[1]):
    err, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        status = main(words)
    told.append([status, err.getvalue(), "torch" in sys.modules])
print(json.dumps(told))
"""


def run_without_torch(*commands: list[str], at: Path) -> list[tuple[int, str]]:
    """Status and stderr of commands of one new process, in which none may import torch."""
    words = [sys.executable, "-c", RUN_IN_PYTHON, json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=at, check=True)
    answers = json.loads(done.stdout)
    for words, (_, _, has_torch) in zip(commands, answers, strict=True):
        assert not has_torch, words
    return [(status, told) for status, told, _ in answers]


def test_the_file_is_what_the_registries_hold() -> None:
    assert FILE.read_text(encoding="utf-8") == as_text(collect_names()), (
        "run `python tools/write_names.py` and commit names.json"
    )


def test_mistyped_names_are_refused_before_torch_is_imported(tmp_path: Path) -> None:
    (tmp_path / "typo.json").write_text('{"method": "gan", "train": {"epohs": 3}}')
    (tmp_path / "run").mkdir()
    told = {
        "trian bigan": "unknown verb 'trian'. Did you mean 'train'?",
        "train --epohcs 3": "unknown flag '--epohcs'. Did you mean '--epochs'?",
        "train bigam": "unknown method 'bigam'. Did you mean 'bigan'?",
        "train --method bigam": "unknown method 'bigam'. Did you mean 'bigan'?",
        "train bigan --preset smal": "unknown preset of bigan 'smal'. Did you mean 'small'?",
        "train bigan --data mnits": "unknown data set 'mnits'. Did you mean 'mnist'?",
        "train bigan --data herons": "Nor is there a folder herons.",
        "train bigan --data herons/": "there is no file or folder herons/;",
        "train bigan --data foldr:x": "unknown data set 'foldr'. Did you mean 'folder'?",
        "train bigan --train.sed 3": "unknown setting 'train.sed'. Did you mean 'train.seed'?",
        "train gan --settings.latent-dimm 3": "Did you mean 'settings.latent_dim'?",
        "train --config typo.json": "unknown setting 'train.epohs'. Did you mean 'train.epochs'?",
        "train --config nothing.json": "there is no file nothing.json",
        "train --from nothing": "no run at nothing: there is no such folder.",
        "demo --settings.latnt-dim 3": "Did you mean 'settings.latent_dim'?",
        "evaluate nothing": "no run at nothing: there is no such folder.",
        "evaluate run --protocol knn1_euclid": "Did you mean 'knn1_euclidean'?",
        "evaluate run --layer encoder.hidden2@x": "after @ stands the side to pool to",
        "embed run --layer encoder..hidden2": "layer 'encoder..hidden2' is no layer; write",
        "embed run --data mnits": "unknown data set 'mnits'. Did you mean 'mnist'?",
        "reproduce sao-man": "unknown experiment 'sao-man'. Did you mean 'sao-main'?",
        "reproduce sao-main --train.epohs 3": "Did you mean 'train.epochs'?",
        "prepare mnits out": "unknown data set 'mnits'. Did you mean 'mnist'?",
        "presets bigam": "unknown method 'bigam'. Did you mean 'bigan'?",
        "presets bigan smal": "unknown preset of bigan 'smal'. Did you mean 'small'?",
        "settings bigam": "unknown method 'bigam'. Did you mean 'bigan'?",
        "settings bigan --preset smal": "unknown preset of bigan 'smal'. Did you mean 'small'?",
    }
    answers = run_without_torch(*[words.split() for words in told], at=tmp_path)
    for (words, expected), (status, said) in zip(told.items(), answers, strict=True):
        assert status == 2, words
        assert expected in said, words
        assert said.count("\n") == 1, words


def test_lists_import_no_torch(tmp_path: Path) -> None:
    commands = ["presets", "presets gan", "presets gan small", "settings gan --preset small"]
    commands += ["settings bigbigan --json", "presets --json", "reproduce --list"]
    commands += ["completion bash", "completion zsh", "completion fish"]
    answers = run_without_torch(*[words.split() for words in commands], at=tmp_path)
    assert answers == [(0, "")] * len(commands)


def test_the_same_names_are_refused_where_they_are_used() -> None:
    """What `check_names` leaves to the registries, they refuse in the same words."""
    from ambigan.core.errors import ConfigError
    from ambigan.methods import find_method
    from ambigan.presets import find_preset

    with pytest.raises(ConfigError, match=r"unknown method 'bigam'. Did you mean 'bigan'"):
        find_method("bigam")
    with pytest.raises(ConfigError, match=r"unknown preset of bigan 'smal'. Did you mean 'small'"):
        find_preset("bigan", "smal")


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_setting_is_listed_with_its_value(method: str) -> None:
    listed = {row.name: row.default for row in reversed(list_settings(method))}
    config = RunConfig(method, "", METHODS[method].Settings())
    real = json.loads(json.dumps({**dotted(config)}))
    assert {name: listed[name] for name in real if "." in name} == {
        name: value for name, value in real.items() if "." in name
    }
    for name, preset in PRESETS[method].items():
        listed = {row.name: row.default for row in reversed(list_settings(method, name))}
        real = json.loads(json.dumps(dotted(preset.make())))
        assert {name: listed[name] for name in real if "." in name} == {
            name: value for name, value in real.items() if "." in name
        }


UNFINISHED = re.compile(r"settings\.(?!network\.|views\.)")
"""Methods' own settings and those of optimisers, until their descriptions have been reworded."""


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_setting_is_described(method: str) -> None:
    for row in list_settings(method):
        assert row.description, row.name
        is_fragment = PREPOSITIONS.match(row.description)
        is_pending = UNFINISHED.match(row.name)
        assert is_pending or not is_fragment, f"{row.name}: {row.description}"


def test_a_list_of_presets_is_a_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["presets"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["method", "preset", "reached", "time"]
    names = [(method, name) for method in METHODS for name in PRESETS[method]]
    assert [tuple(line.split()[:2]) for line in lines] == names
    assert max(map(len, lines)) <= 80
    assert main(["presets", "gan"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(PRESETS["gan"])


def test_a_preset_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "gan", "dcgan"]) == 0
    told = capsys.readouterr().out
    preset = PRESETS["gan"]["dcgan"]
    for text in (preset.score, preset.time, preset.hardware, preset.source):
        assert text in told
    assert "\n  settings.network.width 128\n" in told
    assert main(["presets", "gan", "dcgan", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["source"] == preset.source
    assert record["settings"]["data.size"] == [64, 64]


def test_lists_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    from ambigan.experiments import EXPERIMENTS, SUITES

    assert main(["presets", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"method", "preset", "reached", "time", "hardware", "source"} == set(listed[0])
    assert main(["settings", "gan", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    (row,) = (row for row in rows if row["name"] == "train.ema_decay")
    assert (row["allowed"], row["default"]) == ("number >= 0, < 1", 0.999)
    assert main(["reproduce", "--list", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert names == [*EXPERIMENTS, *SUITES]


def test_settings_are_listed_as_they_are_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settings", "bigan"]) == 0
    told = capsys.readouterr().out
    assert "\nsettings.network.hidden 1024,1024  (list of integers > 0)\n" in told
    assert "\nsettings.network.kind mlp  (mlp | conv | ali)\n" in told
    assert "Needs settings.network.kind conv." in told
    assert "\ndata.root none  (text | none)\n" in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_method_from_outside_the_package(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples"))
    method = "adversarial_autoencoder:AdversarialAutoencoder"
    assert main(["settings", method, "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["settings.width"]["description"]


def test_texts_alone_are_shortened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name = "a_name_that_is_longer_than_the_terminal_is_wide"
    print_columns(("name", "text"), [[name, "some words that go on and on"]], free=("text",))
    _, line = capsys.readouterr().out.splitlines()
    assert line == f"{name}  some words …"
    assert shortened("three short words", 17) == "three short words"
    assert shortened("three, short words", 12) == "three …"
    assert shortened("unbreakable", 6) == "unbr …"
    assert printable("a\nb\x1b[31m") == "a\\nb\\x1b[31m"


def test_help_is_whole_phrases() -> None:
    """No flag's help begins with a preposition, and none is missing."""
    _, verbs = make_parsers()
    for verb, parser in verbs.items():
        for action in parser._actions:
            assert action.help, (verb, action.dest)
            assert not PREPOSITIONS.match(action.help), (verb, action.dest, action.help)


BASH = """
eval "$(ambigan completion bash)"
asked=$(complete -p ambigan | grep -o -- '-F [^ ]*')
for line in "$@"; do
  COMP_TYPE=9; COMP_LINE="$line"; COMP_POINT=${#line}; COMPREPLY=()
  read -ra COMP_WORDS <<< "$line"
  [[ "$line" == *" " ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  ${asked#-F } ambigan "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
  echo "${COMPREPLY[@]}"
done
"""
COMPLETED = {
    "ambigan rep": {"report", "reproduce"},
    "ambigan train bigb": {"bigbigan"},
    "ambigan train bigan --preset im": {n for n in PRESETS["bigan"] if n.startswith("im")},
    "ambigan train bigan --data fold": {"folder:"},
    "ambigan train bigan --settings.latent-d": {"--settings.latent-dim"},
    "ambigan evaluate run --protocol knn1": {"knn1_cosine", "knn1_euclidean"},
    "ambigan reproduce bigan-t": {"bigan-table1"},
    "ambigan completion f": {"fish"},
}


def test_bash_completes(tmp_path: Path) -> None:
    command = tmp_path / "ambigan"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ambigan "$@"\n')
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", BASH, "bash", *COMPLETED],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    answers = [set(line.split()) for line in done.stdout.splitlines()]
    assert dict(zip(COMPLETED, answers, strict=True)) == COMPLETED, done.stderr
