"""Data from a name or path: two splits, drawn in batches."""

from importlib import import_module

from ..core.imports import import_torchvision
from .batches.sampler import Batches, Sampler
from .dataset import Dataset, Scaling, SourceSplit, Split
from .images.image_source import ImageSource
from .images.parallel_decoding import DecodingProgress as Decoding
from .images.unreadable import first_lines
from .inputs import as_array, as_examples, as_mask, without_missing
from .opening.for_model import examples_for_model, needed_by, open_examples, open_framed
from .opening.registry import register_source
from .opening.sources import (
    find_image_source,
    for_other,
    holds_images,
    list_sources,
    located,
    named_source,
    open_dataset,
    stored_shape,
)
from .packed.dataset import verify_packed
from .packed.manifest import Manifest
from .packed.prepare import prepare_images
from .packed.sharded import prepare_shards, verify_shards
from .settings import DataSettings
from .tables.raw_vectors import RawVectors
from .values import chunk_size, to_float

__all__ = [
    "Batches",
    "DataSettings",
    "Dataset",
    "Decoding",
    "ImageSource",
    "Manifest",
    "RawVectors",
    "Sampler",
    "Scaling",
    "SourceSplit",
    "Split",
    "as_array",
    "as_examples",
    "as_mask",
    "chunk_size",
    "examples_for_model",
    "find_image_source",
    "first_lines",
    "for_other",
    "holds_images",
    "import_torchvision",
    "list_sources",
    "located",
    "named_source",
    "needed_by",
    "open_dataset",
    "open_examples",
    "open_framed",
    "prepare_images",
    "prepare_shards",
    "register_source",
    "stored_shape",
    "to_float",
    "verify_packed",
    "verify_shards",
    "without_missing",
]

import_module(".opening.builtin_sources", __name__)  # registers the sources of the package
