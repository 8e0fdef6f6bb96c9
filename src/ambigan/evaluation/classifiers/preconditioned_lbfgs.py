"""A solver for convex classification problems over many examples, to high precision and fast.

It is L-BFGS in whitened coordinates, in which the problem is nearly round. Near the minimum the
Hessian is about H = l2 I + scale * curvature * G, with G the second moments of the features (and of
a 1 for the bias). With the Cholesky factor H = L L' the unknown is V = W L, whose Hessian is about
I. A dozen or two passes over the data then do what takes plain L-BFGS thousands. Products are in
the features' precision; sums over blocks, the loss and all vectors are in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import (  # pyright: ignore[reportMissingTypeStubs]
    minimize,  # pyright: ignore[reportUnknownVariableType]
)
from torch import Tensor

from .convex import CHUNK_ROWS, ConvexObjective, LinearModel

_linalg = cast(Any, torch.linalg)

HISTORY = 20
"""Number of past steps that L-BFGS keeps."""

GRAM_ROWS = 8192
WHOLE = 8192
"""Number of features up to which their second moments are factorised as a whole on the CPU."""

LBFGS_PART = 4096
"""Number of adjacent features in a part, where there are more. Moments between parts are ignored:
the preconditioner is then block-diagonal, and only the speed depends on it."""

WHOLE_ON_CUDA = 32_768
"""The same limit as `WHOLE` on CUDA."""
SPAN = 4096
"""Number of examples up to which, if they are fewer than features, the problem is solved within the
span of the examples."""


@dataclass(frozen=True)
class Fit:
    """The solution of one problem.

    Attributes:
        model: Linear classifier for the features as they were given.
        parameters: Solution in the problem's own coordinates, float64 `(K, D' + 1)`, from which the
            next fit can start.
        converged: Whether the gradient fell below the tolerance.
        iterations: Number of iterations of L-BFGS.
    """

    model: LinearModel
    parameters: Tensor
    converged: bool
    iterations: int


class LbfgsProblem:
    """Examples with their classes, prepared to be fitted under several regularisations.

    If there are fewer examples than features (and at most 4096), they are first expressed in
    coordinates of their own span, in float64. All minima lie in it, because a component of a weight
    across the span changes no logit and is penalised.

    Args:
        features: Features `(N, D)`, float32 or float64, on the device where products are computed.
        classes: Classes int64 `(N,)`, from 0 to K - 1.
        num_classes: Number of classes K.
        objective: Objective to minimise.
    """

    def __init__(
        self, features: Tensor, classes: Tensor, num_classes: int, objective: ConvexObjective
    ) -> None:
        self.objective, self.num_classes = objective, num_classes
        self.given, self.into_span = features, None
        self.features = features
        if len(features) <= min(features.shape[1], SPAN):
            self.features, self.into_span = _in_own_span(features)
        self.classes = classes.to(self.features.device)
        self.moments = _second_moments(self.features)

    def fit(
        self,
        *,
        l2: float,
        scale: float,
        tolerance: float,
        max_iterations: int,
        num: int | None = None,
        start: Tensor | None = None,
    ) -> Fit:
        """Minimises l2 / 2 |W|^2 + scale * the sum of losses over the first `num` examples.

        It starts from the parameters of another fit, or from zeros, and has converged when the
        gradient in whitened coordinates is shorter than `tolerance` * sqrt(2 * objective). The
        relative distance of the objective to its minimum is then about the tolerance's square.
        """
        num = len(self.features) if num is None else num
        # Second moments were summed over all examples once; a fit to a part rescales them, which is
        # accurate enough for a preconditioner.
        whitening = self._whitening(l2, scale * num / len(self.features))
        if start is None:
            start = torch.zeros(self.num_classes, self.features.shape[1] + 1, dtype=torch.float64)
        converged = False

        def measure(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            """Returns value and gradient in whitened coordinates, as SciPy asks for them."""
            nonlocal converged
            parameters = whitening.back(torch.as_tensor(flat).view(self.num_classes, -1))
            value, slope = self.value_and_gradient(parameters, l2, scale, num)
            gradient = whitening.gradient(slope).numpy().ravel()
            # In whitened coordinates the Hessian is about I, so the missing part of the objective
            # is about half the squared length of the gradient.
            converged = bool(np.linalg.norm(gradient) <= tolerance * np.sqrt(2 * value))
            return value, gradient

        def stop(intermediate_result: Any) -> None:  # the name by which SciPy knows what to pass
            if converged:
                raise StopIteration

        # SciPy's own criteria are switched off: they compare entries of the gradient and changes of
        # the value, neither of which bounds the distance to the minimum as `tolerance` does.
        limits = {"maxiter": max_iterations, "maxfun": 2 * max_iterations}
        found = cast(Any, minimize)(
            measure,
            whitening.into(start).numpy().ravel(),
            jac=True,
            method="L-BFGS-B",
            callback=stop,
            options={**limits, "maxcor": HISTORY, "ftol": 0.0, "gtol": 0.0},
        )
        parameters = whitening.back(torch.as_tensor(found.x).view_as(start))
        return Fit(self._model(parameters), parameters, converged, int(found.nit))

    def value_and_gradient(
        self, parameters: Tensor, l2: float, scale: float, num: int
    ) -> tuple[float, Tensor]:
        """Returns the objective over the first `num` examples and its gradient, `(K, D' + 1)`.

        The gradient is float64.
        """
        device, dtype = self.features.device, self.features.dtype
        weights = parameters[:, :-1].to(device, dtype)
        bias = parameters[:, -1:].to(device, dtype)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        gradient = torch.zeros(parameters.shape, dtype=torch.float64, device=device)
        for begin in range(0, num, CHUNK_ROWS):
            # Small blocks stay in the cache between the product for the logits and the one for the
            # gradient. Each block is summed in the features' precision, and the blocks in float64.
            part = slice(begin, min(begin + CHUNK_ROWS, num))
            x = self.features[part]
            value, slope = self.objective.loss(torch.addmm(bias, weights, x.T), self.classes[part])
            loss += value
            gradient[:, :-1] += slope @ x
            gradient[:, -1] += slope.sum(1, dtype=torch.float64)
        penalised = parameters.clone()
        if not self.objective.penalises_bias:
            penalised[:, -1] = 0
        total = l2 / 2 * float(penalised.square().sum()) + scale * float(loss)
        return total, l2 * penalised + scale * gradient.cpu()

    def _whitening(self, l2: float, scale: float) -> _Whitening:
        """Factorises the approximate Hessian, part by part."""
        factors: list[Tensor] = []
        for place, moments in enumerate(self.moments):
            matrix = moments * (scale * self.objective.curvature)
            matrix.diagonal().add_(l2)
            if place == len(self.moments) - 1 and not self.objective.penalises_bias:
                # The last row and column belong to the bias.
                matrix[-1, -1] -= l2
            factors.append(_cholesky(matrix))
        return _Whitening(factors)

    def _model(self, parameters: Tensor) -> LinearModel:
        """Maps parameters back from the span of the examples to the given features."""
        weights, bias = parameters[:, :-1], parameters[:, -1]
        if self.into_span is not None:
            turned = weights.to(self.into_span.device) @ self.into_span.T
            weights = (turned @ self.given.double()).cpu()
        return LinearModel(weights, bias)


@dataclass(frozen=True)
class _Whitening:
    """The map from parameters to coordinates in which the problem is nearly round, and its inverse.

    Its factors are lower triangular float64 matrices L, one for each part of the features.
    """

    factors: list[Tensor]

    def into(self, parameters: Tensor) -> Tensor:
        """Maps parameters W to coordinates V = W L, row by row."""
        return self._by_part(parameters, lambda part, factor: part @ factor)

    def back(self, coordinates: Tensor) -> Tensor:
        """Maps coordinates V to parameters W = V L^-1."""
        return self._by_part(coordinates, lambda part, factor: _solve(factor, part, upper=False))

    def gradient(self, gradient: Tensor) -> Tensor:
        """Maps the gradient by W to the gradient by V, its product with L^-T."""
        return self._by_part(gradient, lambda part, factor: _solve(factor.T, part, upper=True))

    def _by_part(self, rows: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        device = self.factors[0].device
        parts = torch.split(rows.to(device), [len(factor) for factor in self.factors], dim=1)
        changed = [change(part, f) for part, f in zip(parts, self.factors, strict=True)]
        return torch.cat(changed, dim=1).cpu()


def _in_own_span(features: Tensor) -> tuple[Tensor, Tensor]:
    """Returns coordinates `(N, R)` float64 of examples in an orthonormal basis of their span.

    The second tensor is the map `(N, R)` from coordinates of weights to mixtures of examples.
    """
    exact = features.double()
    # The Gram matrix X X' = U S U' has rank R: X has coordinates U sqrt(S) in the basis S^(-1/2) U'
    # X, which is orthonormal. Eigenvalues at the level of rounding are dropped.
    values, vectors = _linalg.eigh(exact @ exact.T)
    kept = values > values[-1].clamp_min(torch.finfo(torch.float64).tiny) * 1e-12
    roots = values[kept].sqrt()
    return (vectors[:, kept] * roots).contiguous(), vectors[:, kept] / roots


def _second_moments(features: Tensor) -> list[Tensor]:
    """Returns sums of x x' in float64 over all examples, with a 1 appended to x.

    If x is long there is one sum for each part of its entries; the last part has the 1.
    """
    width = features.shape[1]
    whole = WHOLE_ON_CUDA if features.device.type == "cuda" else WHOLE
    step = width if width <= whole else LBFGS_PART
    sums: list[Tensor] = []
    for begin in range(0, width, step):
        total: Tensor | None = None
        for rows in torch.split(features, GRAM_ROWS):
            part = rows[:, begin : begin + step]
            if begin + step >= width:
                part = torch.cat([part, part.new_ones(len(part), 1)], dim=1)
            product = _product(part.contiguous())
            total = product.double() if total is None else total.add_(product)
        assert total is not None
        sums.append(total)
    return sums


def _product(rows: Tensor) -> Tensor:
    """Multiplies the transpose of a block with the block."""
    if rows.device.type != "cpu":
        return rows.T @ rows
    # NumPy recognises A' A as symmetric and calls syrk, which does half the work of gemm.
    array = rows.numpy()
    return torch.as_tensor(array.T @ array)


def _cholesky(matrix: Tensor) -> Tensor:
    """Returns the lower Cholesky factor of a matrix, lifted a little where that is necessary.

    The sums of float32 products can make a singular matrix slightly indefinite. A multiple of the
    identity is added then, ten times more at each attempt.
    """
    lift = 1e-7 * float(matrix.diagonal().mean())
    while True:
        factor, failed = _linalg.cholesky_ex(matrix)
        if not int(failed):
            return factor
        matrix.diagonal().add_(lift)
        lift *= 10


def _solve(factor: Tensor, rows: Tensor, *, upper: bool) -> Tensor:
    """Solves X F = rows for a triangular factor F."""
    return _linalg.solve_triangular(factor, rows, upper=upper, left=False)
