"""Precision left to the device: what is taken, what a run records, and what may differ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ambigan.core import precision
from ambigan.core.errors import ConfigError
from ambigan.data import Batches, open_dataset
from ambigan.engine.config import RunConfig, differences_of_runs, resolve_precision
from ambigan.engine.run_folder import RunFolder
from ambigan.engine.train_state import TrainState
from ambigan.engine.trainer import Trainer
from ambigan.training import make_method, resume, train
from games import toy_config

CPU = torch.device("cpu")


def having(monkeypatch: pytest.MonkeyPatch, *instructions: str) -> None:
    """This machine's processor, as torch describes it."""
    found = dict.fromkeys(instructions, True) | {"avx2": True, "amx_tile": False}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    precision.bf16_hardware.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    yield
    precision.bf16_hardware.cache_clear()


def auto(value: str = "auto") -> RunConfig:
    return toy_config("bigan-small", train__precision=value, train__epochs="1")


@pytest.mark.parametrize("name", [*precision.CPU_BF16, "avx512_f", "avx512_bf16_not"])
def test_auto_takes_bf16_where_the_processor_has_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    having(monkeypatch, name)
    taken = "bf16" if name in precision.CPU_BF16 else "fp32"
    with caplog.at_level("INFO", "ambigan"):
        assert resolve_precision(auto(), CPU).train.precision == taken
    (said,) = caplog.messages
    reason = name if taken == "bf16" else "no instructions for bf16"
    assert said == f"train.precision auto is {taken}: cpu has {reason}"
    for named in ("fp32", "bf16"):
        assert resolve_precision(auto(named), CPU).train.precision == named


def test_a_run_records_what_was_taken_and_goes_on_with_it_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    having(monkeypatch)
    train(auto(), tmp_path / "run")
    assert RunFolder(tmp_path / "run").read_config()["train"]["precision"] == "fp32"
    assert not any("is slow" in line for line in caplog.messages)
    having(monkeypatch, "avx512_bf16")
    resume(tmp_path / "run", expected=lambda _theirs: auto())
    assert RunFolder(tmp_path / "run").read_config()["train"]["precision"] == "fp32"
    with pytest.raises(ConfigError, match=r"train\.precision: 'bf16' against 'fp32'"):
        resume(tmp_path / "run", expected=lambda _theirs: auto("bf16"))


def test_bf16_without_instructions_for_it_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    having(monkeypatch)
    train(auto("bf16"), tmp_path / "run")
    (said,) = [line for line in caplog.messages if "bf16 is slow" in line]
    assert "--precision auto would take fp32" in said


def test_a_step_does_not_guess() -> None:
    config = auto()
    digits = open_dataset(config.data)
    state = TrainState(make_method(config, digits.spec), 0)
    with pytest.raises(ConfigError, match="is not resolved"):
        Trainer(state, Batches(digits.train, 0, CPU), config.train)


def test_nothing_else_may_differ() -> None:
    asked = auto()
    for name, value in (("epochs", 2), ("seed", 3)):
        there = replace(asked, train=replace(asked.train, precision="bf16", **{name: value}))
        (told,) = differences_of_runs(asked, there)
        assert name in told


def test_older_torch_reads_the_instructions_from_the_system(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    about = "processor : 0\nflags\t\t: fpu avx2 avx512_bf16\n\nFeatures : fp asimd BF16\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: about)
    assert precision._cpu_instructions() == {
        "fpu",
        "avx2",
        "avx512_bf16",
        "fp",
        "asimd",
        "bf16",
    }


def test_cuda_devices_have_it_from_their_tensor_cores_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    for capability, expected in (((7, 5), ()), ((8, 0), ("bf16",)), ((9, 0), ("bf16",))):
        precision.bf16_hardware.cache_clear()
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _d, c=capability: c)
        assert precision.usable_precisions(torch.device("cuda", 0)) == ("fp32", *expected)
