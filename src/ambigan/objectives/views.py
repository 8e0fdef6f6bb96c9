"""Two views of an example that should be embedded alike, and not all examples alike.

Sources: VICReg (Bardes, Ponce and LeCun, 2022, arXiv 2105.04906), Barlow Twins (Zbontar et al.,
2021, arXiv 2103.03230) and BYOL (Grill et al., 2020, arXiv 2006.07733) for the terms and their
weights; SCARF (Bahri et al., 2022, arXiv 2106.15147) for views of rows of a table.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..core.distributed import all_rows, global_mean
from ..core.precision import at_least_float32
from ..core.randomness import Randomness
from .structural import moments_of

INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0
"""The weights of the three terms (VICReg, section 4.2)."""

_EPSILON = 1e-4


def swap_values(x: Tensor, share: float, noise: Randomness) -> Tensor:
    """Replaces each value by that of another example in the batch with probability `share`.

    So a value is drawn from the marginal distribution of its column, over all processes.

    Args:
        x: Data of shape `(N, ...)`.
        share: Probability that a value is replaced, in [0, 1).
        noise: Random numbers of the current turn.
    """
    is_swapped = noise.uniform(*x.shape) < share
    everyone = all_rows(x.detach()).flatten(1)
    others = (noise.uniform(*x.shape) * len(everyone)).long().flatten(1)
    return torch.where(is_swapped, everyone.gather(0, others).view_as(x), x)


def vicreg(
    first: Float[Tensor, "N D"],
    second: Float[Tensor, "N D"],
    covariance_weight: float = COVARIANCE,
) -> dict[str, Tensor]:
    """Embeddings of two views are near, each dimension varies, and no two dimensions covary.

    Variances and covariances are of the batch of all processes together, divided by its number of
    examples, where the paper divides by one less.

    Args:
        first: Embeddings of one view of each example.
        second: Those of the other view, in the same order.
        covariance_weight: Weight of the covariances.
    """
    covariances = [moments_of(embeddings).covariance for embeddings in (first, second)]
    (narrow, shared), (other_narrow, other_shared) = map(_spread, covariances)
    return {
        "invariance": INVARIANCE * global_mean(F.mse_loss(first, second)),
        "variance": VARIANCE * (narrow + other_narrow) / 2,
        "covariance": covariance_weight * (shared + other_shared),
    }


def _spread(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """How far deviations are below 1, and how much dimensions covary, a mean over dimensions."""
    variances = covariance.diagonal()
    narrow = F.relu(1 - (variances + _EPSILON).sqrt()).mean()
    return narrow, (covariance.square().sum() - variances.square().sum()) / len(variances)


def barlow_twins(
    first: Float[Tensor, "N D"], second: Float[Tensor, "N D"], redundancy_weight: float
) -> dict[str, Tensor]:
    """Each dimension correlates with itself over two views, and with no other.

    Correlations are over the batch of all processes together, with variances divided by its number
    of examples; 1e-5 is added to these, as batch norm does in the authors' code.

    Source: Zbontar et al. (2021), Barlow Twins, arXiv 2103.03230, Eq. 1 and 2.

    Args:
        first: Embeddings of one view of each example.
        second: Those of the other view, in the same order.
        redundancy_weight: Weight of the second sum, lambda.
    """
    with torch.autocast(first.device.type, enabled=False):
        a, b = (_standardised(all_rows(at_least_float32(each))) for each in (first, second))
        correlations = a.T @ b / len(a)
    own = correlations.diagonal()
    others = correlations.square().sum() - own.square().sum()
    return {"invariance": (1 - own).square().sum(), "redundancy": redundancy_weight * others}


def _standardised(embeddings: Tensor) -> Tensor:
    """Every dimension with mean 0 and variance 1 over the batch."""
    centred = embeddings - embeddings.mean(0)
    return centred / (centred.square().mean(0) + 1e-5).sqrt()


def prediction_error(
    predicted: Float[Tensor, "N D"], target: Float[Tensor, "N D"]
) -> Float[Tensor, ""]:
    """The squared distance of predictions from targets, both scaled to length 1: 2 - 2 cos.

    A mean over the examples of this process.

    Source: Grill et al. (2020), BYOL, arXiv 2006.07733, Eq. 2.

    Args:
        predicted: Predictions from one view of each example.
        target: The teacher's embeddings of the other view, in the same order.
    """
    with torch.autocast(predicted.device.type, enabled=False):
        predicted, target = at_least_float32(predicted), at_least_float32(target)
        return 2 - 2 * F.cosine_similarity(predicted, target).mean()
