"""Data: from a name or a path to two splits in memory, and batches drawn from them."""

from .dataset import Dataset, Scaling, Split, to_float
from .sampler import Batches, Sampler
from .settings import DataSettings
from .sources import list_sources, open_dataset
from .vision import import_torchvision

__all__ = [
    "Batches",
    "DataSettings",
    "Dataset",
    "Sampler",
    "Scaling",
    "Split",
    "import_torchvision",
    "list_sources",
    "open_dataset",
    "to_float",
]
