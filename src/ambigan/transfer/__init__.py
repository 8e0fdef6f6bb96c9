"""What trained layers are worth to other tasks: classes, boxes and masks, with labels."""

from .bn_folding import fold
from .layer_chain import FrozenChain, split_chain
from .training import TransferSettings, train_rest

__all__ = ["FrozenChain", "TransferSettings", "fold", "split_chain", "train_rest"]
