"""The convolutions of a network, for images of any size, and what they may start from."""

from .network import Backbone, cut_backbone

__all__ = ["Backbone", "cut_backbone"]
