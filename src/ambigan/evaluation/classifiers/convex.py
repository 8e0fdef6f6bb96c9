"""Linear classifiers on frozen features as convex problems: their losses, and the fitted model.

The problem is always to minimise, over weights W and biases b,

    l2 / 2 (|W|^2 + p |b|^2) + scale * sum_i loss(W x_i + b, y_i),

where p is 1 if the bias is penalised like the weight of a feature that is always 1, and else 0.
`preconditioned_lbfgs` solves it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LossAndGradient = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""A function of logits `(K, N)` and classes `(N,)` that returns the summed loss, float64, and its
derivative `(K, N)`."""

CHUNK_ROWS = 512
"""Number of examples in a block, small enough to stay in the cache between its two products."""


@dataclass(frozen=True)
class ConvexObjective:
    """The objective of a linear classifier.

    Attributes:
        loss: Loss of logits given classes.
        curvature: Approximate second derivative of the loss by a logit near the minimum. It affects
            how fast the minimum is reached, not where it is.
        penalises_bias: Whether the bias is penalised like a weight.
    """

    loss: LossAndGradient
    curvature: float
    penalises_bias: bool


@dataclass(frozen=True)
class LinearModel:
    """A fitted linear classifier, with weights `(K, D)` and biases `(K,)`, float64 on the CPU."""

    weights: Tensor
    bias: Tensor

    def predict(self, features: Tensor) -> Tensor:
        """Returns the classes of features `(N, D)`, those of largest logit, int64, on the CPU."""
        weights, bias = (t.to(features.device, features.dtype) for t in (self.weights, self.bias))
        parts = [
            torch.addmm(bias[:, None], weights, part.T).argmax(0)
            for part in torch.split(features, CHUNK_ROWS)
        ]
        return torch.cat(parts).cpu()


def squared_hinge(logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Sums max(0, 1 - s m)^2 over examples and classes, where s is 1 for the own class, else -1."""
    sign = torch.full_like(logits, -1.0).scatter_(0, classes[None], 1.0)
    slack = (1 - sign * logits).clamp_min_(0)
    # The derivative by the logit m is -2 s max(0, 1 - s m); computed in place, since the arrays are
    # as large as the logits.
    return slack.square().sum(dtype=torch.float64), sign.mul_(slack).mul_(-2)


def cross_entropy(logits: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Sums the negative log-softmax at the own class over examples."""
    log_p = F.log_softmax(logits, dim=0)
    # The derivative is softmax minus the one-hot class.
    own = log_p.gather(0, classes[None])
    return -own.sum(dtype=torch.float64), log_p.exp_().scatter_add_(
        0, classes[None], torch.full_like(own, -1.0)
    )


def linear_svm() -> ConvexObjective:
    """Returns the objective of a one-against-rest L2-SVM with squared hinge and penalised bias.

    With `l2` of 1 and `scale` of C it is liblinear's L2R_L2LOSS_SVC for each class, with the
    intercept as a feature that is always 1 (scikit-learn's `LinearSVC` with `intercept_scaling` of
    1).

    Source: Fan et al., LIBLINEAR, JMLR 9 (2008), appendix A.
    """
    return ConvexObjective(squared_hinge, curvature=0.6, penalises_bias=True)


def softmax_regression(num_classes: int) -> ConvexObjective:
    """Returns the objective of multinomial logistic regression with unpenalised biases.

    With `scale` of 1 / N and `l2` per example it is scikit-learn's `LogisticRegression` with `C` of
    1 / (l2 N).
    """
    # The variance of a softmax output at uniform probabilities.
    share = 1 / num_classes
    return ConvexObjective(cross_entropy, curvature=share * (1 - share), penalises_bias=False)
