"""Trained networks for other programs: ONNX, plain PyTorch, or safetensors with JSON."""

from __future__ import annotations

from .writers import BOUND as BOUND
from .writers import TARGETS as TARGETS
from .writers import Exported as Exported
from .writers import export as export
