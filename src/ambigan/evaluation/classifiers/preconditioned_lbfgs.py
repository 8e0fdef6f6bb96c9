"""Minimising convex classification problems over many examples, to high precision and fast.

L-BFGS in coordinates in which the problem is nearly round: with G the second moments of the
features (and of a 1 for the bias) and L L' = l2 I + scale * curvature * G, the unknown is V = L' W.
A dozen or two passes over the data then do what takes plain L-BFGS thousands. Products are in the
features' precision, sums over blocks, the loss and all vectors in float64.
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

from .convex import ROWS, ConvexObjective, LinearModel

_linalg = cast(Any, torch.linalg)

MEMORY = 20
"""How many steps L-BFGS remembers."""

GRAM_ROWS = 8192
WHOLE = 8192
"""Up to so many features, their second moments are used whole, on the CPU."""

LBFGS_PART = 4096
"""Of more features, second moments are taken within parts of so many neighbouring ones."""

WHOLE_ON_CUDA = 32_768
SPAN = 4096
"""Up to so many examples, fewer than features, they are described within their own span."""


@dataclass(frozen=True)
class Fit:
    """A solution.

    Attributes:
        model: of the features as they were given.
        parameters: in the problem's own coordinates, float64 `(K, D' + 1)`: a start for the next.
        converged: whether the gradient fell below the tolerance.
        iterations: of L-BFGS.
        value: of the objective.
    """

    model: LinearModel
    parameters: Tensor
    converged: bool
    iterations: int
    value: float


class LbfgsProblem:
    """Examples with their classes, made ready to be fitted under several regularisations.

    Fewer examples than features (up to 4096) are first brought to coordinates of their own span,
    in float64: all minima lie in it.

    Args:
        features: `(N, D)`, float32 or float64, on the device where products are computed.
        classes: int64 `(N,)`, from 0 to K - 1.
        num_classes: K.
        objective: what is minimised.
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
        """Minimises l2 / 2 |W|^2 + scale * the sum of losses.

        Args:
            l2: strength of the penalty.
            scale: weight of each example's loss.
            tolerance: it has converged when the gradient, in whitened coordinates, is shorter than
                this times the root of twice the objective; about its square is then what is
                missing from the minimum, relative to it.
            max_iterations: allowed.
            num: only the first so many examples; all if None.
            start: parameters of another fit; zeros if None.
        """
        num = len(self.features) if num is None else num
        whitening = self._whitening(l2, scale * num / len(self.features))
        if start is None:
            start = torch.zeros(self.num_classes, self.features.shape[1] + 1, dtype=torch.float64)
        descent = _Descent(self, whitening, l2, scale, num, tolerance)
        found = descent.run(whitening.into(start), max_iterations)
        parameters = whitening.back(torch.as_tensor(found.x).view_as(start))
        return Fit(
            self._model(parameters), parameters, descent.converged, int(found.nit), float(found.fun)
        )

    def value_and_gradient(
        self, parameters: Tensor, l2: float, scale: float, num: int
    ) -> tuple[float, Tensor]:
        """The objective over the first `num` examples, and its gradient, float64 `(K, D' + 1)`."""
        device, dtype = self.features.device, self.features.dtype
        weights = parameters[:, :-1].to(device, dtype)
        bias = parameters[:, -1:].to(device, dtype)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        gradient = torch.zeros(parameters.shape, dtype=torch.float64, device=device)
        for begin in range(0, num, ROWS):
            part = slice(begin, min(begin + ROWS, num))
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

    def _whitening(self, l2: float, scale: float) -> Whitening:
        factors: list[Tensor] = []
        for place, moments in enumerate(self.moments):
            matrix = moments * (scale * self.objective.curvature)
            matrix.diagonal().add_(l2)
            if place == len(self.moments) - 1 and not self.objective.penalises_bias:
                matrix[-1, -1] -= l2
            factors.append(_cholesky(matrix))
        return Whitening(tuple(factors))

    def _model(self, parameters: Tensor) -> LinearModel:
        weights, bias = parameters[:, :-1], parameters[:, -1]
        if self.into_span is not None:
            turned = weights.to(self.into_span.device) @ self.into_span.T
            weights = (turned @ self.given.double()).cpu()
        return LinearModel(weights, bias)


@dataclass(frozen=True)
class Whitening:
    """The map from parameters to coordinates in which the problem is nearly round, and back.

    Attributes:
        factors: lower triangular float64 matrices L, one for each part of the features.
    """

    factors: tuple[Tensor, ...]

    def into(self, parameters: Tensor) -> Tensor:
        """W to V = W L, row by row."""
        return self._by_part(parameters, lambda part, factor: part @ factor)

    def back(self, coordinates: Tensor) -> Tensor:
        """V to W = V L^-1."""
        return self._by_part(coordinates, lambda part, factor: _solve(factor, part, upper=False))

    def gradient(self, gradient: Tensor) -> Tensor:
        """The gradient by W to that by V, its product with L^-T."""
        return self._by_part(gradient, lambda part, factor: _solve(factor.T, part, upper=True))

    def _by_part(self, rows: Tensor, change: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        device = self.factors[0].device
        parts = torch.split(rows.to(device), [len(factor) for factor in self.factors], dim=1)
        changed = [change(part, f) for part, f in zip(parts, self.factors, strict=True)]
        return torch.cat(changed, dim=1).cpu()


class _Descent:
    """One run of L-BFGS, which remembers the gradient that it last saw."""

    def __init__(
        self,
        problem: LbfgsProblem,
        whitening: Whitening,
        l2: float,
        scale: float,
        num: int,
        tolerance: float,
    ) -> None:
        self.problem, self.whitening, self.tolerance = problem, whitening, tolerance
        self.l2, self.scale, self.num = l2, scale, num
        self.converged = False

    def run(self, start: Tensor, max_iterations: int) -> Any:
        """The best coordinates, flat, as SciPy returns them."""
        self.shape = start.shape
        options = {"maxiter": max_iterations, "maxcor": MEMORY, "ftol": 0.0, "gtol": 0.0}
        return cast(Any, minimize)(
            self._measure,
            start.numpy().ravel(),
            jac=True,
            method="L-BFGS-B",
            callback=self._stop,
            options=options | {"maxfun": 2 * max_iterations},
        )

    def _measure(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parameters = self.whitening.back(torch.as_tensor(flat).view(self.shape))
        value, slope = self.problem.value_and_gradient(parameters, self.l2, self.scale, self.num)
        gradient = self.whitening.gradient(slope).numpy().ravel()
        self.converged = bool(np.linalg.norm(gradient) <= self.tolerance * np.sqrt(2 * value))
        return value, gradient

    def _stop(self, intermediate_result: Any) -> None:
        """Called after every iteration."""
        if self.converged:
            raise StopIteration


def _in_own_span(features: Tensor) -> tuple[Tensor, Tensor]:
    """Coordinates `(N, R)` float64 of examples in an orthonormal basis of what they span.

    Returns:
        The coordinates, and the map `(N, R)` from coordinates of weights to mixtures of examples.
    """
    exact = features.double()
    values, vectors = _linalg.eigh(exact @ exact.T)
    kept = values > values[-1].clamp_min(torch.finfo(torch.float64).tiny) * 1e-12
    roots = values[kept].sqrt()
    return (vectors[:, kept] * roots).contiguous(), vectors[:, kept] / roots


def _second_moments(features: Tensor) -> list[Tensor]:
    """Sums of x x' in float64 over all examples, x with a 1 at the end; by parts if x is long."""
    width = features.shape[1]
    whole = WHOLE_ON_CUDA if features.device.type == "cuda" else WHOLE
    starts = list(range(0, width, width if width <= whole else LBFGS_PART))
    return [_moments_of(features, s, e) for s, e in zip(starts, [*starts[1:], None], strict=True)]


def _moments_of(features: Tensor, begin: int, end: int | None) -> Tensor:
    total: Tensor | None = None
    for rows in torch.split(features, GRAM_ROWS):
        part = rows[:, begin:end]
        if end is None:
            part = torch.cat([part, part.new_ones(len(part), 1)], dim=1)
        product = _product(part.contiguous())
        total = product.double() if total is None else total.add_(product)
    assert total is not None
    return total


def _product(rows: Tensor) -> Tensor:
    """Rows' rows; NumPy knows that it is symmetric and does half the work."""
    if rows.device.type != "cpu":
        return rows.T @ rows
    array = rows.numpy()
    return torch.as_tensor(array.T @ array)


def _cholesky(matrix: Tensor) -> Tensor:
    """The lower factor; of a matrix that is barely positive, with a little added."""
    lift = 1e-7 * float(matrix.diagonal().mean())
    while True:
        factor, failed = _linalg.cholesky_ex(matrix)
        if not int(failed):
            return factor
        matrix.diagonal().add_(lift)
        lift *= 10


def _solve(factor: Tensor, rows: Tensor, *, upper: bool) -> Tensor:
    return _linalg.solve_triangular(factor, rows, upper=upper, left=False)
