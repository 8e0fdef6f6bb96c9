from __future__ import annotations

import pytest

from ambigan.engine.schedule import learning_rate
from ambigan.game import OptimizerSettings


def test_constant_then_exponential_over_the_second_half() -> None:
    """BiGAN, appendix C: 2e-4 until half way, 2e-6 at the end, a factor ten half way between."""
    settings = OptimizerSettings()
    rates = [learning_rate(settings, seen, 1000) for seen in (0, 500, 750, 1000, 1100)]
    assert rates == pytest.approx([2e-4, 2e-4, 2e-5, 2e-6, 2e-6])


def test_equal_rates_mean_no_decay() -> None:
    settings = OptimizerSettings(final_learning_rate=None)
    assert learning_rate(settings, 1000, 1000) == 2e-4
