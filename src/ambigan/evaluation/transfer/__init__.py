"""How much of a network can be kept as it is, when the rest is trained with labels."""

from .chain import Chain, split_chain
from .folding import fold
from .training import TransferSettings, train_rest

__all__ = ["Chain", "TransferSettings", "fold", "split_chain", "train_rest"]
