"""That tensors of a wrong shape or type are refused while tests run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from jaxtyping import TypeCheckError

from ambigan.core.randomness import Randomness
from ambigan.evaluation.classifiers.label_subsets import class_sizes
from ambigan.evaluation.metrics.knn import nearest_neighbours
from ambigan.networks.heads import ResidualMLP
from ambigan.objectives.adversarial import bce_real
from ambigan.objectives.reconstruction import latent_cross_entropy, squared_error
from ambigan.objectives.structural import Moments
from ambigan.priors import NormalPrior

WRONG: dict[str, Callable[[], object]] = {
    "dimensions": lambda: latent_cross_entropy(torch.zeros(5, 3), torch.zeros(5)),
    "lengths": lambda: squared_error(torch.zeros(5, 1, 4, 4), torch.zeros(5, 1, 4, 1)),
    "integers": lambda: bce_real(torch.zeros(5, dtype=torch.int64)),
    "labels": lambda: class_sizes(torch.zeros(5)),
    "features": lambda: nearest_neighbours(torch.zeros(5, 3), torch.zeros(4, 2)),
    "attributes": lambda: Moments(torch.zeros(3), torch.zeros(3, 2)),
    "modules": lambda: ResidualMLP(3, 4, 2, batch_norm=False)(torch.zeros(2, 1, 3)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_shape_is_refused(name: str) -> None:
    with pytest.raises(TypeCheckError):
        WRONG[name]()


def test_a_result_of_another_shape_than_asked_for_is_refused() -> None:
    class Fewer(Randomness):
        def normal(self, *shape: int) -> torch.Tensor:
            return super().normal(*shape)[1:]

    with pytest.raises(TypeCheckError, match="return value"):
        NormalPrior(3).sample(5, Fewer(0))


def test_right_shapes_pass() -> None:
    assert latent_cross_entropy(torch.zeros(5, 3), torch.zeros(5, 3)).ndim == 0
    assert NormalPrior(3).sample(5, Randomness(0)).shape == (5, 3)
