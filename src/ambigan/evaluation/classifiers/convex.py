"""Linear classifiers on frozen features, as convex problems: their losses, and the models made.

The problem is always to minimise, over weights W and biases b,

    l2 / 2 (|W|^2 + p |b|^2) + scale * sum_i loss(W x_i + b, y_i),

p = 1 where the bias is penalised like the weight of a feature that is always 1, else 0.
`minimise` solves it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Logits `(K, N)` and classes `(N,)` to the sum of losses, float64, and its derivative `(K, N)`."""

ROWS = 512
"""Examples at a time: a block stays in the cache between its two products."""


@dataclass(frozen=True)
class ConvexObjective:
    """What is minimised.

    Attributes:
        loss: of logits against classes.
        curvature: about what the loss's second derivative by a logit is near the minimum. It
            decides how fast the minimum is reached, not where it is.
        penalises_bias: whether the bias is penalised like a weight.
    """

    loss: Loss
    curvature: float
    penalises_bias: bool


@dataclass(frozen=True)
class LinearModel:
    """A linear classifier.

    Attributes:
        weights: float64 `(K, D)`, on the CPU.
        bias: float64 `(K,)`, on the CPU.
    """

    weights: Tensor
    bias: Tensor

    def predict(self, features: Tensor) -> Tensor:
        """The classes with the largest logits, int64 `(N,)` on the CPU, of features `(N, D)`."""
        weights, bias = (t.to(features.device, features.dtype) for t in (self.weights, self.bias))
        parts = [
            torch.addmm(bias[:, None], weights, part.T).argmax(0)
            for part in torch.split(features, ROWS)
        ]
        return torch.cat(parts).cpu()


def squared_hinge(logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over examples and classes of max(0, 1 - s m)^2, s = 1 for the own class, else -1."""
    sign = torch.full_like(logits, -1.0).scatter_(0, classes[None], 1.0)
    slack = (1 - sign * logits).clamp_min_(0)
    return slack.square().sum(dtype=torch.float64), sign.mul_(slack).mul_(-2)


def cross_entropy(logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Sum over examples of the negative logarithm of the softmax at the own class."""
    log_p = F.log_softmax(logits, dim=0)
    own = log_p.gather(0, classes[None])
    return -own.sum(dtype=torch.float64), log_p.exp_().scatter_add_(
        0, classes[None], torch.full_like(own, -1.0)
    )


def linear_svm() -> ConvexObjective:
    """One-against-rest L2-SVM with squared hinge, the intercept a weight like the others.

    With `l2` of 1 and `scale` of C it is liblinear's L2R_L2LOSS_SVC for each class, the intercept
    a feature that is always 1 (scikit-learn's `LinearSVC`, `intercept_scaling` of 1).

    Source: Fan et al., LIBLINEAR, JMLR 9 (2008), appendix A.
    """
    return ConvexObjective(squared_hinge, curvature=0.6, penalises_bias=True)


def softmax_regression(num_classes: int) -> ConvexObjective:
    """Multinomial logistic regression, the biases free.

    With `scale` of 1 / N and `l2` per example it is scikit-learn's `LogisticRegression` with `C`
    of 1 / (l2 N).
    """
    share = 1 / num_classes
    return ConvexObjective(cross_entropy, curvature=share * (1 - share), penalises_bias=False)
