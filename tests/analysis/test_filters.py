"""Filters are the run's own, beside those that its training began from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ambigan
from ambigan.analysis import read_filters
from ambigan.core.errors import ConfigError
from ambigan.training import make_method


def test_filters_are_the_weights_before_and_after(conv_run: Path) -> None:
    run = ambigan.load(conv_run)
    found = read_filters(run, "encoder")
    first = run.method.get_submodule("encoder.conv1.convolution").weight  # type: ignore
    assert np.array_equal(found.learned, first.detach().numpy())  # type: ignore
    start = make_method(run.config, run.spec).get_submodule("encoder.conv1.convolution")
    assert np.array_equal(found.initial, start.weight.detach().numpy())  # type: ignore
    assert not np.array_equal(found.initial, found.learned)
    assert read_filters(run).network == "encoder"
    assert read_filters(run, "generator").learned.shape == (4, 1, 5, 5)


def test_rows_of_matrices_are_images(finished_run: Path) -> None:
    found = read_filters(ambigan.load(finished_run))
    assert found.learned.shape == (16, 1, 8, 8)


def test_unknown_networks_are_told(conv_run: Path) -> None:
    with pytest.raises(ConfigError, match="unknown network 'encodr'"):
        read_filters(ambigan.load(conv_run), "encodr")
