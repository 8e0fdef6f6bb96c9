"""Trained networks for other programs: ONNX, plain PyTorch, or safetensors with JSON."""

from __future__ import annotations

from .export import TARGETS as TARGETS
from .export import Exported as Exported
from .export import export as export
