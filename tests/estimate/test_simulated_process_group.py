"""One of several processes, played alone, does as one of equal ones would."""

from __future__ import annotations

import pytest
import torch

from ambigan.core import distributed
from ambigan.core.distributed import all_rows, average_, global_mean, world
from ambigan.estimate.simulated_process_group import simulated_process_group


def test_others_hold_the_same() -> None:
    x = torch.arange(6.0).view(3, 2).requires_grad_()
    with simulated_process_group(4) as traffic:
        assert (world().rank, world().size) == (0, 4)
        torch.testing.assert_close(global_mean(x), x)
        assert traffic.messages == 1
        assert traffic.sent == 2 * 3 * 24 // 4
        torch.testing.assert_close(all_rows(x), x.repeat(4, 1))
        assert traffic.sent == 2 * 3 * 24 // 4 + 3 * 24
        gradient = x.detach().clone()
        average_([gradient])
        torch.testing.assert_close(gradient, x.detach())
        global_mean(x).sum().backward()
        assert traffic.messages == 5
    assert world().size == 1


def test_the_world_is_as_before_when_something_fails() -> None:
    before = distributed.dist
    with pytest.raises(ZeroDivisionError), simulated_process_group(2):
        raise ZeroDivisionError
    assert distributed.dist is before
