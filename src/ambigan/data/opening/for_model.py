"""Other data than a model was trained on, in the form that it takes."""

from __future__ import annotations

import logging
from dataclasses import replace

from ...core.data_spec import DataSpec
from ...core.errors import DataError
from ..dataset import Dataset, Scaling, SourceSplit
from ..images.cropping import augment_of, cropped_form
from ..images.image_dataset import open_image_source, read_image_source
from ..images.image_source import ImageSource
from ..images.parallel_decoding import DecodingProgress, by
from ..inventory import log_inventory
from ..packed.dataset import packed_source
from ..packed.manifest import read_manifest
from ..packed.sharded import local_folder
from ..settings import DataSettings
from ..tables.raw_vectors import RawVectors
from ..tables.vectors import build_vectors_as, read_vectors
from .registry import Packed, RawExamples, Readable
from .sources import find_image_source, find_source, first_header, read_source

logger = logging.getLogger(__name__)


def open_examples(
    settings: DataSettings,
    spec: DataSpec,
    scaling: Scaling | None,
    progress: DecodingProgress | None = None,
) -> SourceSplit:
    """Reads all examples of a source in their order, as a trained model takes them.

    Images of a folder are brought to the model's height, width and channels. Vectors go through the
    scaling that was fitted in training. In a table, the columns that the model was trained on are
    found by name and others are ignored; of an array all columns are read, or those kept if
    constant ones were dropped. A single example is enough.

    Args:
        settings: Settings of the data. Only `source`, `root` and `max_corrupt` are used, for tables
            `label_column` and `drop`, and for images `size` and `crop` if the model's were cropped;
            the model determines the split and the scaling.
        spec: Form of one example of the model's data.
        scaling: Scaling of a model of vectors; None for images.
        progress: Function that is called with the number of examples read and the total.

    Returns:
        uint8 images or scaled float32 vectors, with labels if all examples have one.

    Raises:
        ConfigError: The source is unknown.
        DataError: Files are missing, cannot be read, or do not fit the model.
    """
    _, source, typed = find_source(settings.source)
    if isinstance(source, Readable):
        settings, needed = needed_by(settings, spec, scaling)
        examples = read_source(source, settings, typed, needed)
        return examples_for_model(examples, settings, spec, scaling, progress)
    if spec.kind != "images":
        raise _misfit(settings, "images", spec)
    if isinstance(source, Packed):
        is_deep = read_manifest(local_folder(settings, typed)).scaling is not None
        if scaling is not None or is_deep:
            packed = packed_source(settings, typed)
            return examples_for_model(packed, settings, spec, scaling, progress)
        return _cut(source.read(settings, typed), settings, spec)
    if scaling is not None:
        gallery = find_image_source(replace(settings, size=None, crop=None))
        return examples_for_model(gallery, settings, spec, scaling, progress)
    return _cut(source.read(settings), settings, spec)


def needed_by(
    settings: DataSettings, spec: DataSpec, scaling: Scaling | None
) -> tuple[DataSettings, tuple[str, ...]]:
    """Returns how a table is read for a trained model, and the columns that it takes.

    Args:
        settings: Settings of the data.
        spec: Form of one example of the model's data.
        scaling: Scaling of the model, which knows its columns and categories.
    """
    if scaling is None or spec.kind != "vectors":
        return settings, ()
    return replace(settings, one_hot=tuple(scaling.categories)), scaling.columns


def examples_for_model(
    examples: RawExamples,
    settings: DataSettings,
    spec: DataSpec,
    scaling: Scaling | None,
    progress: DecodingProgress | None = None,
) -> SourceSplit:
    """Returns examples, of a file or in memory, as a trained model takes them.

    Args:
        examples: Examples as they are.
        settings: Settings, see `open_examples`.
        spec: Form of one example of the model's data.
        scaling: Scaling of the model; None for 8-bit images.
        progress: Function that is called with the number of examples read and the total.

    Raises:
        DataError: They do not fit the model.
    """
    kind = "vectors" if isinstance(examples, RawVectors) else "images"
    if kind != spec.kind:
        raise _misfit(settings, kind, spec)
    if isinstance(examples, RawVectors):
        for line in examples.warnings:
            logger.warning(line)
        return read_vectors(examples, spec, scaling, settings)
    _check_pixels(examples, settings, spec, scaling)
    size = settings.size if settings.crop else spec.shape[1:]
    split = read_image_source(settings, examples, spec.shape[0], size, progress, scaling)
    log_inventory(split.inventory, settings.source)
    return _cut(split, settings, spec)


def _cut(split: SourceSplit, settings: DataSettings, spec: DataSpec) -> SourceSplit:
    """The images of a split cut to a model's form.

    Raises:
        DataError: They have another.
    """
    if augment := augment_of(settings, tuple(split.values.shape[1:])):
        split = replace(split, values=augment.centre(split.values))
    if split.values.shape[1:] != spec.shape:
        raise _misfit(settings, f"images of {by(split.values.shape[1:])}", spec)
    return split


def open_framed(
    settings: DataSettings,
    spec: DataSpec,
    scaling: Scaling | None,
    progress: DecodingProgress | None = None,
    examples: RawExamples | None = None,
) -> Dataset:
    """Reads and splits a source in the form of a trained model's data.

    Images are resized so that they just cover the model's height and width, cut around their
    centre, and converted to its channels. Vectors go through the scaling that was fitted in
    training.

    Args:
        settings: The source and how it is split; `size` and `crop` where the model's images were
            cropped.
        spec: The form of the model's data.
        scaling: The scaling of a model of vectors.
        progress: As for `open_dataset`.
        examples: Examples in memory, which are read in place of the source.

    Raises:
        ConfigError: The source is unknown, or holds vectors and the model takes images, or the
            reverse.
        DataError: Files are missing, cannot be read, or are not what the model takes.
    """
    _, source, typed = find_source(settings.source)
    if examples is None and isinstance(source, Readable):
        settings, needed = needed_by(settings, spec, scaling)
        examples = read_source(source, settings, typed, needed)
    elif examples is None:
        examples = find_image_source(replace(settings, size=None, crop=None))
    kind = "vectors" if isinstance(examples, RawVectors) else "images"
    if kind != spec.kind:
        raise _misfit(settings, kind, spec)
    if isinstance(examples, RawVectors):
        return build_vectors_as(examples, settings, spec, scaling)
    _check_pixels(examples, settings, spec, scaling)
    size = settings.size if settings.crop else (spec.shape[1], spec.shape[2])
    sized = replace(settings, size=size)
    dataset = open_image_source(sized, examples, progress, spec.shape[0], scaling)
    log_inventory(dataset.inventory, dataset.name)
    return cropped_form(dataset, settings)


def _check_pixels(
    gallery: ImageSource, settings: DataSettings, spec: DataSpec, scaling: Scaling | None
) -> None:
    """Checks the channels and the depth of the first image against those of a model.

    Raises:
        DataError: They cannot be brought to each other.
    """
    header = first_header(gallery)
    if header is None:
        return
    if header.channels != spec.shape[0] and not {header.channels, spec.shape[0]} <= {1, 3}:
        raise _misfit(settings, f"images of {header.channels} channels", spec)
    if scaling is not None or header.dtype == "uint8":
        return
    if header.dtype != "uint16":
        raise _misfit(settings, "images of floats or 32 bits", spec, "8-bit images")
    logger.warning(
        f"{settings.source}: 16 bits become 8 by their full range, 65,535 to 255, since the model"
        " was trained on 8-bit images; where the values fill less of it, convert them first"
    )


def _misfit(settings: DataSettings, held: str, spec: DataSpec, taken: str = "") -> DataError:
    form = f"{spec.num_values} values" if spec.kind == "vectors" else by(spec.shape)
    taken = taken or spec.kind
    return DataError(f"{settings.source} holds {held}; the model takes {taken} of {form}.")
