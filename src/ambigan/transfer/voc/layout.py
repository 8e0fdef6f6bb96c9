"""Where a folder in VOC's layout keeps its images, annotations and lists."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...core.errors import ConfigError, DataError, suggestion
from ...data.images.image_decoding import image_suffixes

Task = Literal["classification", "detection", "segmentation"]
"""What is learned from the annotations."""

PREFIX = "voc:"
_IMAGES = ("JPEGImages", "images")
_MASKS = ("SegmentationClass", "masks")
_BOXES = ("Annotations",)
_LISTS = {
    "classification": "ImageSets/Main",
    "detection": "ImageSets/Main",
    "segmentation": "ImageSets/Segmentation",
}
_OF_ONE_CLASS = re.compile(r".+_(train|val|trainval|test)")


@dataclass(frozen=True)
class VocFolder:
    """The parts of a folder that a task needs.

    Attributes:
        root: Folder itself, such as `VOCdevkit/VOC2007`.
        images: Image file of each name.
        annotations: XML file or mask of each name, whichever the task needs.
        lists: Folder of the lists of names, `SPLIT.txt`.
    """

    root: Path
    images: dict[str, Path]
    annotations: dict[str, Path]
    lists: Path

    def list_file(self, split: str) -> Path:
        """The list of a split's names."""
        return self.lists / f"{split}.txt"


def find_folder(source: str, task: Task) -> VocFolder:
    """The folder that `voc:DIR` means: DIR, or the one folder of a year below it.

    Images lie in `JPEGImages` or `images`, boxes in `Annotations`, masks in `SegmentationClass` or
    `masks`. Lists lie in `ImageSets/Main`, of masks in `ImageSets/Segmentation`, or in DIR itself.

    Raises:
        ConfigError: The source is not `voc:DIR`, or DIR holds several years.
        DataError: A folder is missing.
    """
    if not source.startswith(PREFIX) or source == PREFIX:
        raise ConfigError(
            f"--data {source}: this task reads boxes or masks in VOC's layout; give voc:DIR."
        )
    given = Path(source.removeprefix(PREFIX)).expanduser()
    if not given.is_dir():
        raise DataError(f"{given} is no folder; give the one that holds JPEGImages, voc:DIR.")
    root = _root_of(given)
    lists = root / _LISTS[task]
    if not lists.is_dir():
        lists = root
    kinds = _MASKS if task == "segmentation" else _BOXES
    images, annotations = _subfolder(root, _IMAGES), _subfolder(root, kinds)
    suffixes = image_suffixes() if task == "segmentation" else {".xml"}
    return VocFolder(
        root, _by_stem(images, image_suffixes()), _by_stem(annotations, suffixes), lists
    )


def choose_splits(folder: VocFolder, train: str | None, test: str | None) -> tuple[str, str]:
    """The names of the splits to train and to test on.

    By default the test split is `test`, or `val` where there is no `test`; then `trainval` is
    trained on if the test split is `test`, and else `train`. So VOC 2007 is trained on trainval
    and tested on test, and VOC 2012, whose test set is not public, on train and val.

    Raises:
        ConfigError: There is no such split.
    """
    found = {
        path.stem
        for path in folder.lists.glob("*.txt")
        if not _OF_ONE_CLASS.fullmatch(path.stem) and path.stem != "classes"
    }
    test = test or _first(("test", "val"), found, folder, "--test-split")
    own = ("trainval", "train") if test == "test" else ("train",)
    train = train or _first(own, found, folder, "--train-split")
    for flag, name in (("--train-split", train), ("--test-split", test)):
        if not folder.list_file(name).is_file():
            raise ConfigError(
                f"{flag} {name}: {folder.lists} has no {name}.txt.{suggestion(name, found)}"
                f" There are: {', '.join(sorted(found)) or 'none'}."
            )
    return train, test


def read_names(folder: VocFolder, split: str) -> list[str]:
    """The names of the images of a split, in the order of its list.

    Raises:
        DataError: It lists nothing, a name twice, or a name without an image or annotation.
    """
    path = folder.list_file(split)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}.") from error
    names = [line.split()[0] for line in lines if line.strip()]
    if not names:
        raise DataError(f"{path} lists no images.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path} lists {twice} twice; list each image once.")
    for what, files in (("image", folder.images), ("annotation", folder.annotations)):
        if lacking := [name for name in names if name not in files]:
            raise DataError(
                f"{path} lists {len(lacking):,} of {len(names):,} images without a file of the"
                f" {what}, the first {lacking[0]}; add the files or take the names out."
            )
    return names


def _root_of(given: Path) -> Path:
    """The folder with the images: the one given, or one of a year at most two levels below."""
    years: list[Path] = []
    for root in (given, given / "VOCdevkit"):
        if any((root / name).is_dir() for name in _IMAGES):
            return root
        years += sorted(path for path in root.glob("VOC[0-9]*") if path.is_dir())
    if len(years) > 1:
        names = " or ".join(f"voc:{path}" for path in years)
        raise ConfigError(f"{given} holds {len(years)} years; give one of them: {names}.")
    if not years:
        raise DataError(
            f"{given} has no folder {' or '.join(_IMAGES)}, so it is not in VOC's layout."
        )
    return years[0]


def _subfolder(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (root / name).is_dir():
            return root / name
    raise DataError(f"{root} has no folder {' or '.join(names)}, which this task needs.")


def _by_stem(folder: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """The files of a folder by their names without the ending; names may have dots."""
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in suffixes or not path.is_file():
            continue
        if path.stem in files:
            raise DataError(f"{path} and {files[path.stem].name} have one name; keep one of them.")
        files[path.stem] = path
    return files


def _first(names: tuple[str, ...], found: set[str], folder: VocFolder, flag: str) -> str:
    for name in names:
        if name in found:
            return name
    wanted = " or ".join(f"{name}.txt" for name in names)
    there = ", ".join(sorted(found)) or "none"
    raise ConfigError(
        f"{folder.lists} has no {wanted}; name a split by {flag}. There are: {there}."
    )
