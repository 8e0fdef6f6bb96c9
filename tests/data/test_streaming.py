"""Rows that are copied from the host are those that would be gathered on the device."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from ambigan.core.randomness import Randomness
from ambigan.data import Batches, Split
from ambigan.data.batches import sampler
from ambigan.data.batches.augment import Augment
from ambigan.data.batches.streaming import Stream, fits
from ambigan.training import train
from games import toy_config

CPU = torch.device("cpu")


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing fits."""
    monkeypatch.setattr(sampler, "fits", lambda _values, _device: False)


def values() -> torch.Tensor:
    return torch.arange(60, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 4, 5)


def test_what_is_expected_is_read_by_another_thread() -> None:
    stream, read_by = Stream(values(), CPU), list[str]()
    read = stream._read

    def noted(rows: torch.Tensor) -> torch.Tensor:
        read_by.append(threading.current_thread().name)
        return read(rows)

    stream._read = noted
    batches = [torch.tensor(rows) for rows in ([1, 2], [3, 4], [5, 6], [7, 8])]
    stream.expect(batches[0])
    stream.expect(batches[0])  # known already
    stream.expect(batches[1])
    for number, rows in enumerate(batches):
        stream.expect(batches[min(number + 1, 3)])
        assert stream.fetch(rows)[:, 0, 0, 0].tolist() == rows.tolist()
    assert len(read_by) == 4
    assert all(name.startswith("ambigan-stream") for name in read_by)
    assert stream.fetch(batches[0])[:, 0, 0, 0].tolist() == [1, 2]  # again, and not expected
    assert read_by[-1] == threading.current_thread().name


@pytest.mark.usefixtures("streamed")
def test_a_streamed_split_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    augment = Augment((3, 3), None, True)
    split = Split(augment.centre(values()), None, stored=values(), augment=augment)
    streamed = Batches(split, 0)
    monkeypatch.undo()
    resident = Batches(split, 0)
    assert (streamed.is_resident, resident.is_resident) == (False, True)
    for start in range(0, 200, 20):
        streamed.expect(start + 20, 20)
        draws = [
            batches.gather(batches.indices(start, 20), Randomness(start))
            for batches in (streamed, resident)
        ]
        assert torch.equal(*draws)


def test_a_run_is_the_same_streamed_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, changes in (("plain", {}), ("cropped", {"data__crop": "6,6", "data__flip": "true"})):
        config = toy_config("bigan-alternating", train__epochs="1", **changes)
        runs = [train(config, tmp_path / f"{name}-resident")]
        with monkeypatch.context() as patch:
            patch.setattr(sampler, "fits", lambda _values, _device: False)
            runs.append(train(config, tmp_path / f"{name}-streamed"))
        resident, streamed = (run.model / "raw.safetensors" for run in runs)
        assert resident.read_bytes() == streamed.read_bytes()


def test_what_fits_is_at_most_half_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    from ambigan.data.batches import streaming

    monkeypatch.setattr(streaming, "physical_memory", lambda: 2400)
    assert fits(values(), CPU)  # 1,200 bytes
    monkeypatch.setattr(streaming, "physical_memory", lambda: 2398)
    assert not fits(values(), CPU)


def test_what_does_not_fit_a_cuda_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (2400, 10**9))
    assert fits(values(), torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device: (2000, 10**9))
    assert not fits(values(), torch.device("cuda"))
