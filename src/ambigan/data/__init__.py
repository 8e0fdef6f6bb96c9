"""Data: from a name or a path to two splits in memory, and batches drawn from them."""

from .dataset import Dataset, Scaling, SourceSplit, Split, to_float
from .inputs import as_array, as_examples
from .sampler import Batches, Sampler
from .settings import DataSettings
from .sources import list_sources, open_dataset, open_examples
from .vision import import_torchvision

__all__ = [
    "Batches",
    "DataSettings",
    "Dataset",
    "Sampler",
    "Scaling",
    "SourceSplit",
    "Split",
    "as_array",
    "as_examples",
    "import_torchvision",
    "list_sources",
    "open_dataset",
    "open_examples",
    "to_float",
]
