"""What a trained run has learned: first filters, latent arithmetic and features it can forget."""

from .filters import Filters, read_filters
from .forgetting import ForgettingResult, forget_boxes, forget_label
from .latent_arithmetic import ArithmeticResult, Term, add_up, exemplars

__all__ = [
    "ArithmeticResult",
    "Filters",
    "ForgettingResult",
    "Term",
    "add_up",
    "exemplars",
    "forget_boxes",
    "forget_label",
    "read_filters",
]
