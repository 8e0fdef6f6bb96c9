"""Images of the library `datasets`, by the name of a data set or a folder it was saved to."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from ...core.errors import ConfigError, DataError, unknown_name
from ...core.imports import import_extra
from ..images.image_decoding import Content
from ..images.image_source import ImageSource
from ..labels import encode_labels
from ..settings import DataSettings
from .image_tables import chosen_column, is_image
from .torchvision_datasets import last_line

_SAVED = ("dataset_dict.json", "state.json")
_BUILDERS = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".tar": "webdataset",
}
"""What loads a single file, by its suffix; archives of images as folders of images."""

_TEST_NAMES = ("test", "validation", "valid", "val")


def find_hub(settings: DataSettings, typed: str) -> ImageSource:
    """Finds the images of `NAME_OR_PATH` or, for one split alone, `NAME_OR_PATH:SPLIT`.

    A data set with a split `train` and one named `test` (or `validation`) keeps these; with other
    splits, one must be named. Labels are the column that `label_column` names; by default `label`,
    or the only column of classes.

    Args:
        settings: Settings of the data.
        typed: Name or path, and the split.

    Raises:
        ConfigError: The extra is not installed, or there is no such split or column.
        DataError: The data set cannot be found or read, or holds no images.
    """
    name, split = _parted(typed)
    chosen = _chosen(typed, _loaded(name), split)
    parts = [*chosen.values()]
    image, left = _image_column(typed, parts[0], settings.image_column)
    labels, label_names = _labels(typed, parts, settings.label_column)
    encoded = [part.cast_column(image, _library().Image(decode=False)) for part in parts]
    pictures = [part.select_columns([image]) for part in encoded]
    num_first = len(pictures[0])
    groups: list[str] = []
    if settings.group in parts[0].features:
        groups = [str(value) for part in parts for value in part[settings.group][:]]

    def content(place: int) -> Content:
        part, row = (0, place) if place < num_first else (1, place - num_first)
        return _content(pictures[part][row][image])

    return ImageSource(
        where=f"hf:{typed}",
        length=sum(map(len, pictures)),
        content=content,
        labels=labels,
        label_names=label_names,
        num_train=num_first if len(parts) > 1 else None,
        names=[f"{split}/{row}" for split, part in chosen.items() for row in range(len(part))],
        left_alone=left,
        groups=groups,
    )


def _parted(typed: str) -> tuple[str, str | None]:
    """Splits the text into the name or path and the named split."""
    name, colon, split = typed.rpartition(":")
    if not colon or "/" in split or Path(typed).expanduser().exists():
        return typed, None
    return name, split


def _loaded(name: str) -> Mapping[str, Any]:
    """Returns all splits of a data set by name."""
    library, path = _library(), Path(name).expanduser()
    try:
        if path.is_dir() and any((path / file).is_file() for file in _SAVED):
            found = library.load_from_disk(str(path))
        elif path.is_file():
            kind = _BUILDERS.get(path.suffix.lower(), "imagefolder")
            found = library.load_dataset(kind, data_files=str(path))
        else:
            found = library.load_dataset(str(path) if path.exists() else name)
    except MemoryError:  # is no damage
        raise
    except Exception as error:  # networks, files and formats fail in their own ways
        cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
        way = _without_library(path)
        raise DataError(
            f"the library datasets cannot open {name} ({last_line(cause)}); name a set of the hub,"
            f" or a folder that it can load{way}."
        ) from error
    return found if "keys" in dir(found) else {str(found.split or "train"): found}


def _without_library(path: Path) -> str:
    """How images at a path are opened without the library, for messages."""
    if not path.is_dir():
        return f", or a path alone: --data {path}" if path.is_file() else ""
    archives = sorted(child for child in path.iterdir() if child.suffix in (".zip", ".tar"))
    other = f"archive:{archives[0]}" if archives else f"folder:{path}"
    return f", or images alone: --data {other}"


def _chosen(typed: str, found: Mapping[str, Any], split: str | None) -> dict[str, Any]:
    """Returns the named split, or the training and the test split."""
    if split is not None:
        if split not in found:
            raise unknown_name(f"split of hf:{typed}", split, found)
        return {split: found[split]}
    test = next((name for name in _TEST_NAMES if name in found), None)
    if "train" in found and test:
        return {"train": found["train"], test: found[test]}
    if len(found) == 1:
        return {**found}
    raise ConfigError(
        f"hf:{typed} has the splits {', '.join(found)}; name one, for instance"
        f" hf:{typed}:{next(iter(found))}."
    )


def _image_column(typed: str, part: Any, wanted: str | None) -> tuple[str, dict[str, int]]:
    """Returns the column of images, and the further ones that are left alone."""
    found = [
        name for name, feature in part.features.items() if _may_hold_images(part, name, feature)
    ]
    if not found and wanted is None:
        raise DataError(
            f"hf:{typed} has no column of images; its columns are"
            f" {', '.join(part.features)}; a table of numbers is opened as parquet:FILE or"
            " csv:FILE."
        )
    chosen = chosen_column(f"hf:{typed}", found, list(part.features), wanted)
    others = [name for name in found if name != chosen]
    return chosen, {f"other columns of images ({', '.join(others)})": len(others)} if others else {}


def _may_hold_images(part: Any, name: str, feature: Any) -> bool:
    """Whether a column is of images or, as other writers have it, of the bytes of files."""
    if isinstance(feature, _library().Image):
        return True
    is_bytes = getattr(feature, "dtype", "") in ("binary", "large_binary")
    is_struct = isinstance(feature, dict) and set(cast("dict[str, Any]", feature)) == {
        "bytes",
        "path",
    }
    return (is_bytes or is_struct) and len(part) > 0 and is_image(part[0][name], Path())


def _labels(
    typed: str, parts: list[Any], wanted: str | None
) -> tuple[Tensor | None, tuple[str, ...] | None]:
    """Returns the codes of all parts, concatenated, and the class names."""
    kind, features = _library().ClassLabel, parts[0].features
    classes = [name for name, feature in features.items() if isinstance(feature, kind)]
    if wanted is not None and wanted not in features:
        raise unknown_name(f"column of hf:{typed}", wanted, features)
    name = wanted or ("label" if "label" in features else None)
    name = name or (classes[0] if len(classes) == 1 else None)
    if name is None:
        return None, None
    columns = [np.asarray(part[name][:]) for part in parts]
    if name in classes:
        codes = [-1 if code is None else int(code) for column in columns for code in column]
        return torch.tensor(codes, dtype=torch.int64), tuple(features[name].names)
    encoded, names = encode_labels(columns, f"hf:{typed}, column '{name}'")
    return torch.cat([codes for codes in encoded if codes is not None]), names


def _content(stored: Mapping[str, Any] | None) -> Content:
    """Returns an image as it is stored: its bytes, or the path of its file."""
    if stored is None:
        raise OSError("there is no image in this row")
    if stored["bytes"] is not None:
        return bytes(stored["bytes"])
    if "::" in stored["path"]:  # a file in an archive
        files: Any = import_module("fsspec")
        with files.open(stored["path"], "rb") as file:
            return bytes(file.read())
    return Path(stored["path"])


def _library() -> Any:
    return import_extra("datasets", "huggingface", "hf:")
