"""Every command and every line of Python in docs/howto/export.md runs, in the order of the page."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import ambigan
from ambigan.cli import main
from fake_hub import serving

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "export.md").read_text()


@pytest.mark.slow
def test_the_page_runs_as_it_stands(
    finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(finished_run, tmp_path / "runs" / "digits")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_of_tests")
    names: dict[str, object] = {}
    blocks = re.findall(r"^```(sh|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    with serving() as hub, warnings.catch_warnings():
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for language, block in blocks:
            if language == "python":
                exec(block, names)
                continue
            for command in block.splitlines():
                program, *words = shlex.split(command)
                assert program == "ambigan"
                assert main(words) == 0, command
    sys.modules.pop("model", None)
    run = ambigan.load(finished_run, device="cpu")
    x = np.zeros((3, 1, 8, 8), np.uint8)
    assert names["shape"] == ["N", 1, 8, 8]
    assert np.array_equal(np.asarray(names["latents"]), run.encode(x))
    assert np.asarray(names["features"]).shape == (3, 16)
    assert 'linear = aten.linear(div, w["encoder.hidden1.linear.weight"])' in PAGE
    assert np.load("samples.npy").shape == (16, 1, 8, 8)
