"""Pooling to a fixed size in operations that ONNX has, where it does not divide the map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.export import ExportedProgram


def with_plain_pooling(program: ExportedProgram) -> ExportedProgram:
    """Returns a program in which adaptive max-pooling is made of slices and their maxima.

    The exporter of torch translates `adaptive_max_pool2d` only where windows are equal and do not
    overlap, as 8x8 to 4x4; a map of 6x6, of images of 48x48, it refuses.
    """
    operation = torch.ops.aten.adaptive_max_pool2d.default
    if all(node.target != operation for node in program.graph.nodes):
        return program
    return cast(Any, program).run_decompositions({operation: _pooled})


def _pooled(h: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The maxima of windows, `(N, C, h, w)`, and in the place of where they lie, zeros."""
    for axis, num in zip((2, 3), size, strict=True):
        length = h.shape[axis]
        ends = [(i * length // num, -(-(i + 1) * length // num)) for i in range(num)]
        maxima = [h.narrow(axis, start, end - start).amax(axis) for start, end in ends]
        h = torch.stack(maxima, axis)
    return h, torch.zeros_like(h, dtype=torch.int64)
