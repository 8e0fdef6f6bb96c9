"""A run looked into: its filters, sums of its latents, features it can forget, layers that hold."""

from .arithmetic import Sums, Term, add_up, exemplars
from .filters import Filters, read_filters
from .forgetting import Forgotten, forget_boxes, forget_label
from .transfer import transfer

__all__ = [
    "Filters",
    "Forgotten",
    "Sums",
    "Term",
    "add_up",
    "exemplars",
    "forget_boxes",
    "forget_label",
    "read_filters",
    "transfer",
]
