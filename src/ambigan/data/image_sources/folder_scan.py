"""The images of a folder or archive, with their split and their class."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from ...core.errors import DataError, suggestion
from .listing import Listing, find_image_files

TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation", "eval", "dev")
"""Names of folders with a test split; the first one that exists is used."""

_IMAGES = frozenset(
    ("image", "images", "img", "imgs", "input", "inputs", "jpegimages", "photos", "pictures", "rgb")
)
MASKS = frozenset(
    (
        *("mask", "masks", "label", "labels", "annotation", "annotations", "gt", "groundtruth"),
        *(
            "ground_truth",
            "segmentation",
            "segmentations",
            "segmentationclass",
            "target",
            "trimaps",
        ),
        *("segmentationobject", "targets"),
    )
)
"""Names of folders of images, and of the masks next to them, without signs and in lower case."""

_MASK_FILE = re.compile(
    r"(.+?)[ _.-]+(mask|masks|gt|segmentation|seg|label|matte|trimap)([ _-]?\d+)?", re.I
)

_OTHER_FOLDERS = "put some there, or name the folders to read with --data.folders"

Parts = tuple[str, ...]


@dataclass(frozen=True)
class ImageFile:
    """An image of a listing.

    Attributes:
        place: Index in the listing.
        name: Name relative to the folder or archive, with forward slashes.
        label: Name of the first folder on the way from the split to the image; None for an image at
            the top.
    """

    place: int
    name: str
    label: str | None


@dataclass
class Scan:
    """What a listing holds.

    Attributes:
        train: Training images, or all where no test split is published, sorted by name.
        test: Images of the published test split, or None.
        left_alone: Number of files that are not read, by the reason.
        facts: What is worth knowing of how the folders were understood.
        warnings: One line for each thing that looks wrong.
    """

    train: list[ImageFile] = field(default_factory=list[ImageFile])
    test: list[ImageFile] | None = None
    left_alone: dict[str, int] = field(default_factory=dict[str, int])
    facts: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])

    def leave(self, reason: str, count: int) -> None:
        """Counts files that are not read."""
        if count:
            self.left_alone[reason] = self.left_alone.get(reason, 0) + count


def find_images(listing: Listing, folders: Sequence[str] = ()) -> Scan:
    """Finds the training and the test images of a listing, each sorted by name.

    Folders that hold one folder alone are passed through. A folder with `train` and `test` (or
    `val`), also as part of their names such as `seg_train` and `seg_test`, has a published split,
    and its other contents are left alone; anything else is a single set. Masks next to images are
    left alone. Below the split, first folders are classes.

    Args:
        listing: Files of a folder or an archive.
        folders: Folders to read, relative to the listing; all if empty.

    Raises:
        DataError: There are no images, or none of the folders asked for.
    """
    scan, found = Scan(), find_image_files(listing)
    paths = {place: tuple(listing.names[place].split("/")) for place in found.places}
    if folders:
        paths = _only(listing.where, paths, folders, scan)
    paths = _without_masks(paths, folders, scan)
    scan.left_alone |= found.left_alone
    if not paths:
        raise DataError(f"{listing.where} holds no images{_what_else(listing, scan)}.")
    top = _passed_through(paths, ())
    train, test = _splits(paths, top, scan)
    if train is None or test is None:
        for depth in range(len(top) + 1):
            _refuse_empty_split(listing, top[:depth], paths)
        scan.train = _labelled(paths, top, listing, scan)
        return scan
    halves = list[list[ImageFile]]()
    for folder in (train, test):
        part = {place: path for place, path in paths.items() if path[: len(folder)] == folder}
        below = _passed_through(part, folder, partial(_is_wrapper, folder))
        halves.append(_labelled(part, below, listing, scan))
    scan.train, scan.test = halves
    return scan


def _only(
    where: str, paths: dict[int, Parts], folders: Sequence[str], scan: Scan
) -> dict[int, Parts]:
    """The images in the folders asked for."""
    asked = [
        tuple(part for part in folder.split("/") if part not in ("", ".")) for folder in folders
    ]
    kept = dict[int, Parts]()
    for folder in asked:
        part = {place: path for place, path in paths.items() if path[: len(folder)] == folder}
        if not part:
            known = sorted({"/".join(path[:-1]) for path in paths.values() if len(path) > 1})
            name = "/".join(folder)
            shown = ", ".join(known[:8]) + (", ..." if len(known) > 8 else "")
            raise DataError(
                f"{where} holds no images in a folder '{name}' (--data.folders)."
                f"{suggestion(name, known)} It holds: {shown or 'no folders'}."
            )
        kept |= part
    scan.leave("in other folders than those of --data.folders", len(paths) - len(kept))
    return {place: kept[place] for place in sorted(kept)}


def _without_masks(paths: dict[int, Parts], folders: Sequence[str], scan: Scan) -> dict[int, Parts]:
    """The images without those that lie as masks next to others."""
    folders_of = {path[:-1] for path in paths.values()}
    inside = {folder[:depth] for folder in folders_of for depth in range(1, len(folder) + 1)}
    asked = {tuple(folder.strip("/").split("/")) for folder in folders}
    parents = {folder[:-1] for folder in inside if _plain(folder[-1]) in _IMAGES}
    masks = {
        folder
        for folder in inside
        if _plain(folder[-1]) in MASKS and folder[:-1] in parents and folder not in asked
    }
    excluded = Counter[str]()
    stems = {(path[:-1], os.path.splitext(path[-1])[0]) for path in paths.values()}
    kept = dict[int, Parts]()
    for place, path in paths.items():
        mask = next((path[:n] for n in range(1, len(path)) if path[:n] in masks), None)
        stem = os.path.splitext(path[-1])[0]
        pair = _MASK_FILE.fullmatch(stem)
        if mask is not None:
            excluded[
                f"in {'/'.join(mask)}/ (masks; --data.folders {'/'.join(mask)} reads them)"
            ] += 1
        elif pair and (path[:-1], pair[1]) in stems:
            excluded["named as masks of others, as in scan_mask.png next to scan.png"] += 1
        else:
            kept[place] = path
    if len(excluded) > 5:  # of many classes, each with its masks
        excluded = Counter({"in folders of masks": excluded.total()})
    for reason, count in excluded.items():
        scan.leave(reason, count)
    return kept


def _plain(name: str) -> str:
    return name.casefold().replace(" ", "_").replace("-", "_")


def _is_wrapper(split: Parts, name: str) -> bool:
    """Whether a folder that a split holds alone is no class, as in `seg_train/seg_train`."""
    is_split = _part(name, (*TRAIN_NAMES, *TEST_NAMES)) is not None
    return name == split[-1] or is_split or _plain(name) in _IMAGES


def _passed_through(
    paths: dict[int, Parts], top: Parts, allowed: Callable[[str], bool] = lambda _name: True
) -> Parts:
    """The folder below which there is more than one, if the others hold that alone.

    Images next to those folders do not end it, which `_labelled` counts.
    """
    while True:
        depth = len(top)
        below = {path[depth] if len(path) > depth + 1 else "" for path in paths.values()}
        is_alone = len(below) == 1 and all(name and allowed(name) for name in below)
        if not is_alone:
            return top
        folders = {path[depth + 1] for path in paths.values() if len(path) > depth + 2}
        if len(folders) < 2 and any(len(path) == depth + 2 for path in paths.values()):
            return top
        top = (*top, *below)


def _splits(
    paths: dict[int, Parts], top: Parts, scan: Scan
) -> tuple[Parts, Parts] | tuple[None, None]:
    """The folders of the training and of the test images, if the names of folders tell them."""
    depth = len(top)
    counts = Counter(path[depth] if len(path) > depth + 1 else "" for path in paths.values())
    names = [name for name in counts if name]
    trains = {_rest(name, TRAIN_NAMES): name for name in names if _part(name, TRAIN_NAMES)}
    tests: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: TEST_NAMES.index(_part(name, TEST_NAMES) or "dev")):
        if _part(name, TEST_NAMES):
            tests.setdefault(_rest(name, TEST_NAMES), []).append(name)
    pairs = [(trains[rest], tests[rest][0]) for rest in trains if rest in tests]
    pairs = [(trains[""], tests[""][0])] if "" in trains and "" in tests else pairs
    if len(pairs) != 1:
        _warn_of_names(names, trains, scan)
        return (None, None)
    train, test = pairs[0]
    scan.facts.append(f"test split from {'/'.join((*top, test))}/")
    for name, count in sorted(counts.items()):
        where = "/".join((*top, name))
        if name and name not in (train, test):
            both = f"{'/'.join((*top, train))},{where}"
            way = f" (--data.folders {both} tests on them)" if _part(name, TEST_NAMES) else ""
            scan.leave(f"in {where}/{way or ', next to the splits'}", count)
    scan.leave("next to the folders of the splits", counts[""])
    return (*top, train), (*top, test)


def _refuse_empty_split(listing: Listing, top: Parts, paths: dict[int, Parts]) -> None:
    """Refuses a folder of a split that holds none of the images."""
    depth = len(top)
    folders = [tuple(name.split("/")) for name in listing.folders]
    siblings = [name[depth] for name in folders if len(name) == depth + 1 and name[:depth] == top]
    held = {path[depth] for path in paths.values() if len(path) > depth + 1}
    for known, others in ((TRAIN_NAMES, TEST_NAMES), (TEST_NAMES, TRAIN_NAMES)):
        rests = {_rest(name, known) for name in siblings if name in held and _part(name, known)}
        for name in siblings:
            if name not in held and _part(name, others) and _rest(name, others) in rests:
                raise DataError(
                    f"{'/'.join((listing.where, *top, name))} holds no images; {_OTHER_FOLDERS}."
                )


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+|[^a-z]+", name.casefold())


def _part(name: str, known: Sequence[str]) -> str | None:
    """The word of a name that is a known one."""
    return next((word for word in _words(name) if word in known), None)


def _rest(name: str, known: Sequence[str]) -> str:
    """A name without the word that is a known one."""
    words = _words(name)
    words.remove(_part(name, known) or "")
    return "".join(words).strip(" _-.")


def _warn_of_names(names: Sequence[str], trains: dict[str, str], scan: Scan) -> None:
    """Warns of folders that are read as classes although their names speak of something else."""
    if trains and len(names) > 1:
        one = next(iter(trains.values()))
        known = ", ".join(TEST_NAMES)
        scan.warnings.append(
            f"'{one}' lies among other folders, none of them its test split ({known}); all of its"
            f" folders are read as classes, or with --data.folders {one} that one alone"
        )
    masks = [name for name in names if _plain(name) in MASKS]
    if masks and len(names) > 1:
        others = ",".join(name for name in sorted(names) if name not in masks)
        scan.warnings.append(
            f"'{masks[0]}' sounds like masks and is read as a class; --data.folders {others}"
            " leaves it alone"
        )


def _labelled(paths: dict[int, Parts], top: Parts, listing: Listing, scan: Scan) -> list[ImageFile]:
    """The images of one split with their classes.

    Where some lie next to the folders of classes, the larger part decides: few are left alone, and
    of many the folders are no classes.
    """
    depth = len(top)
    if not paths:
        raise DataError(f"{'/'.join((listing.where, *top))} holds no images; {_OTHER_FOLDERS}.")
    classes = {place: path[depth] for place, path in paths.items() if len(path) > depth + 1}
    num_stray = len(paths) - len(classes)
    where = "/".join(top) or "the top"
    if num_stray and len(set(classes.values())) > 1:
        if num_stray < len(classes):
            scan.leave(f"next to the folders of classes, at {where}", num_stray)
            scan.warnings.append(
                f"{num_stray} of {len(paths)} images lie next to the folders of classes, at"
                f" {where}, and are left alone: they have no class"
            )
            paths = {place: path for place, path in paths.items() if place in classes}
        else:
            folders = ",".join("/".join((*top, name)) for name in sorted(set(classes.values())))
            scan.warnings.append(
                f"{num_stray} of {len(paths)} images lie next to folders, at {where}, so there are"
                f" no classes; --data.folders {folders} reads the folders alone, as classes"
            )
            classes = {}
    elif num_stray:
        classes = {}
    labels = {place: _as_text(label) for place, label in classes.items()}
    return [
        ImageFile(place, _as_text("/".join(paths[place])), labels.get(place)) for place in paths
    ]


def _as_text(name: str) -> str:
    """Returns a name that tables can hold, with bytes of another encoding escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _what_else(listing: Listing, scan: Scan) -> str:
    if not listing.names:
        return ": it is empty"
    kinds = ", ".join(f"{count:,} {reason}" for reason, count in list(scan.left_alone.items())[:3])
    return f", only other files ({kinds}); known are .png, .jpg, .webp, .bmp, .tif, .gif and others"
