"""How much of a network can be kept as it is, when the rest is trained with labels."""

from .bn_folding import fold
from .layer_chain import FrozenChain, split_chain
from .training import TransferSettings, train_rest

__all__ = ["FrozenChain", "TransferSettings", "fold", "split_chain", "train_rest"]
