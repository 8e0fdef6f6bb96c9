"""Which images of a source belong together, and the pages of its files as images of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ...core.errors import DataError
from ..file_kinds import TIFF, kind_of_file
from ..settings import DataSettings
from .deep_images import ALL_PAGES
from .image_decoding import Content, Decoding, Page, num_pages
from .image_source import ImageSource
from .parallel_decoding import in_threads


def settled(gallery: ImageSource, settings: DataSettings) -> ImageSource:
    """Returns the images of a source as the settings ask for: pages, groups, decoding.

    Raises:
        DataError: Images have no group.
    """
    decoding = Decoding(settings.max_pixels, settings.window)
    gallery = replace(gallery, decoding=decoding)
    files: Sequence[int] = range(gallery.length)
    if settings.pages == "all":
        gallery, files = _with_all_pages(gallery)
    elif settings.pages == "channels":
        gallery = replace(gallery, content=_with_pages_as_channels(gallery.content))
    return gallery if settings.group is None else _grouped(gallery, settings.group, files)


def _with_pages_as_channels(content: Callable[[int], Content]) -> Callable[[int], Content]:
    """The content of files whose pages are channels of one image."""

    def whole(place: int) -> Content:
        held = content(place)
        is_file = isinstance(held, (Path, bytes))
        return Page(held, ALL_PAGES) if is_file and kind_of_file(held) is TIFF else held

    return whole


def _with_all_pages(gallery: ImageSource) -> tuple[ImageSource, list[int]]:
    """Each page or frame as an image, named such as `movie.tif#17`; and the file of each."""
    counts = list[int]()
    for _, found in in_threads(lambda i: num_pages(gallery.content(i)), range(gallery.length)):
        counts += [count if isinstance(count, int) else 1 for count in found]
    pages = [(file, page) for file, count in enumerate(counts) for page in range(count)]
    files = [file for file, _ in pages]

    def content(place: int) -> Content:
        file, page = pages[place]
        held = gallery.content(file)
        return Page(held, page) if counts[file] > 1 and isinstance(held, (Path, bytes)) else held

    def name(file: int, page: int) -> str:
        return f"{gallery.name(file)}#{page}" if counts[file] > 1 else gallery.name(file)

    several = [count for count in counts if count > 1]
    facts = (f"{sum(several):,} pages of {len(several):,} files",) if several else ()
    num_train, groups = gallery.num_train, gallery.groups
    expanded = replace(
        gallery,
        length=len(pages),
        content=content,
        labels=None if gallery.labels is None else gallery.labels[torch.tensor(files)],
        num_train=None if num_train is None else sum(counts[:num_train]),
        names=[name(*page) for page in pages],
        facts=(*gallery.facts, *facts),
        groups=[groups[file] for file in files] if groups else (),
    )
    return expanded, files


def _grouped(gallery: ImageSource, group: str, files: Sequence[int]) -> ImageSource:
    """The images with the groups that `--data.group` names.

    Raises:
        DataError: A group cannot be read from the name of an image.
    """
    if gallery.groups:  # of a column
        groups = list(gallery.groups)
    elif group == "file":
        groups = [str(file) for file in files]
    elif not gallery.names:
        raise DataError(
            f"{gallery.where}: its images have no names to read groups from; leave out"
            " --data.group, or open a folder, an archive or a table with a column of groups."
        )
    else:
        groups = [_group_of(gallery, name, group) for name in gallery.names]
    warnings = list(gallery.warnings)
    if gallery.num_train is not None:
        train, test = set(groups[: gallery.num_train]), set(groups[gallery.num_train :])
        if both := train & test:
            warnings.append(
                f"{gallery.where}: {len(both)} groups lie in both published splits, such as"
                f" {min(both)!r}"
            )
    elif gallery.labels is not None and _are_classes(groups, gallery.labels.numpy().tolist()):
        warnings.append(
            f"{gallery.where}: its groups are its classes, so the test split holds classes that are"
            " not trained on; --data.group 2 takes the folders below"
        )
    count = f"{len(Counter(groups)):,} groups, whole on one side of the split"
    return replace(gallery, groups=groups, facts=(*gallery.facts, count), warnings=tuple(warnings))


def _group_of(gallery: ImageSource, name: str, group: str) -> str:
    folders = name.split("/")[:-1]
    if group == "folder":
        return "/".join(folders)
    if group.isdecimal():
        level = int(group)
        if not 1 <= level <= len(folders):
            raise DataError(
                f"{gallery.where}: {name} lies in {len(folders)} folders, which --data.group"
                f" {group} counts from 1; give a lower number, or a pattern."
            )
        return folders[level - 1]
    match = re.search(group, name)
    if match is None:
        raise DataError(
            f"{gallery.where}: --data.group '{group}' is not found in {name}; give folder, file, a"
            " level such as 1, a column of a table, or a pattern that every name holds."
        )
    return match[1] or "" if match.re.groups else match[0]


def _are_classes(groups: Sequence[str], labels: Sequence[int]) -> bool:
    """Whether each class is one group and each group one class."""
    pairs = {*zip(groups, labels, strict=True)}
    return len(pairs) == len({*groups}) == len({*labels}) > 1
