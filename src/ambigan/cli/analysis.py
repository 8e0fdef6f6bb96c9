"""Verbs that analyse a run: filters, latent arithmetic, feature removal, inversion."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis import (
    FeatureRemovalResult,
    FeatureRemovalSettings,
    Term,
    add_latents,
    compare_errors,
    draw_exemplars,
    read_filters,
    read_guided_gradients,
    remove_boxed_feature,
    remove_labelled_feature,
)
from ..analysis.boxes import Box
from ..analysis.feature_maps import MAP_CLASSIFIER_L2
from ..analysis.probe import PROBE_L2
from ..core.errors import ConfigError, DataError, unknown_name
from ..core.files import write_json
from ..core.settings import plain
from ..data import Dataset
from ..evaluation.classifiers.label_subsets import class_sizes
from ..inversion import Inversion
from ..report.figures import image_grid, save_figure, save_png
from ..report.figures.feature_removal import draw_removal, removal_summary
from ..report.figures.filters import draw_filters, draw_guided_gradients
from ..report.figures.latent_arithmetic import draw_sheet, draw_sums
from ..run import Run
from .output import print_columns, print_json, say
from .parser import Request
from .runs import (
    chosen_examples,
    dataset_of,
    first_examples,
    load_run,
    output_folder,
    output_paths,
    write_npy,
)

SEARCHED = 1000
"""Images of the test split among which those are found that units respond to most."""

MOST_SHOWN = 16
"""Examples in the picture of an inversion."""
SIGNS: dict[str, Any] = {"plus": 1, "minus": -1}


def filters(request: Request) -> int:
    """Writes the kernels that touch pixels, or what a layer responds to: a picture and numbers."""
    flags, run = request.flags, load_run(request)
    if flags.layer and not flags.guided:
        raise ConfigError(
            "--layer is of guided gradients; add --guided, or leave it out for the first filters."
        )
    if flags.guided:
        images = dataset_of(run).test.values[:SEARCHED]
        gradients = read_guided_gradients(run, images, flags.network, flags.layer)
        picture = _picture(run, flags.out, f"guided-{gradients.layer}")
        _write(save_figure, picture, draw_guided_gradients(gradients))
        _write(write_npy, picture.with_suffix(".npy"), gradients.learned.gradients)
        return 0
    found = read_filters(run, flags.network)
    picture = _picture(run, flags.out, f"filters-{found.network}")
    _write(save_figure, picture, draw_filters(found))
    _write(write_npy, picture.with_suffix(".npy"), found.learned)
    return 0


def arithmetic(request: Request) -> int:
    """Adds mean latents; without terms, writes the numbered sheet to choose them from."""
    flags, run = request.flags, load_run(request)
    if flags.num < 1:
        raise ConfigError(f"--num {flags.num}: a sheet has 1 example or more.")
    of_data = flags.of == "data"
    exemplars = draw_exemplars(run, flags.num, flags.seed, dataset_of(run) if of_data else None)
    if not flags.terms:
        title = "Examples of the test split" if of_data else f"Samples, seed {flags.seed}"
        picture = _picture(run, flags.out, "sheet-data" if of_data else "sheet")
        _write(save_figure, picture, draw_sheet(exemplars.images, title))
        say("pick from it: --plus 3,7,12 --minus 4,9,1 --plus 2,5,8")
        return 0
    terms = [_term(sign, text) for sign, text in flags.terms]
    sums = add_latents(run, exemplars, terms, flags.seed)
    picture = _picture(run, flags.out, "arithmetic")
    _write(save_figure, picture, draw_sums(sums))
    _write(write_npy, picture.with_suffix(".npy"), sums.result)
    return 0


def forget(request: Request) -> int:
    """Drops the maps of a feature; writes pictures with and without them, and the record."""
    flags, run = request.flags, load_run(request)
    if bool(flags.box) == (flags.label is not None):
        raise ConfigError(
            "name a feature, by --box 5:8,0,12,10 (sample 5: x, y, width, height; samples as in "
            "the sheet of `ambigan arithmetic`) or by --label, not both."
        )
    for name in ("most", "num", "shown", "samples"):
        value = getattr(flags, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name} is {value}; it counts: 1 or more.")
    settings = FeatureRemovalSettings(
        flags.layer, flags.most, num_samples=flags.samples, seed=flags.seed
    )
    if flags.box:
        feature, boxes = "what lies in the boxes", [_box(text) for text in flags.box]
        found = remove_boxed_feature(run, boxes, flags.num, flags.shown, settings)
    else:
        dataset = dataset_of(run)
        label, name = _label(flags.label, dataset)
        feature = f"“{name}”"
        found = remove_labelled_feature(run, dataset, label, flags.shown, settings)
    picture = _picture(run, flags.out, "forget")
    _write(save_figure, picture, draw_removal(found, feature))
    record = _removal_record(run, found, feature, settings, flags.box)
    _write(write_json, picture.with_suffix(".json"), record)
    print(removal_summary(found))
    return 0


def invert(request: Request) -> int:
    """Finds latents of examples, completes what is hidden, and compares errors."""
    flags, run = request.flags, load_run(request)
    run.need("decode")
    mask = _mask(run, flags.mask, flags.mask_box)
    folder = output_folder(run, flags.out, "inversion")
    train = dataset_of(run).train
    examples = first_examples(chosen_examples(request, run, "test"), flags.num)
    found = run.invert(
        examples,
        flags.steps,
        mask,
        feature_weight=flags.feature_weight,
        layer=flags.layer,
        prior_weight=flags.prior_weight,
        seed=flags.seed,
    )
    errors = compare_errors(run, train, examples, found)
    arrays = {"latents": found.latents, "reconstructions": found.reconstructions}
    if mask is not None:
        arrays["completed"] = found.completed
    for name, values in arrays.items():
        write_npy(folder / f"{name}.npy", values)
    if run.spec.kind == "images":
        rows = _inversion_rows(run, run.originals(examples), found)
        save_png(folder / "inversion.png", image_grid(np.concatenate(rows), len(rows[0])))
    if flags.json:
        print_json({"num": len(examples), "steps": flags.steps, "errors": errors})
        return 0
    print(f"mean squared errors of {len(examples)} examples, in the scale of training\n")
    parts = list(errors["inverted"])
    table = [[n, *(f"{of[part]:.4f}" for part in parts)] for n, of in errors.items()]
    print_columns(("", *(f"{part} values" for part in parts)), table)
    for path in sorted(folder.iterdir()):
        say(f"written: {path}")
    return 0


def _mask(run: Run, file: str | None, box: str | None) -> NDArray[Any] | None:
    """Which values are known, by `--mask` or `--mask-box`; None if all are."""
    if file and box:
        raise ConfigError("--mask and --mask-box both say what is hidden; give one.")
    if file:
        try:
            return np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DataError(f"--mask {file} cannot be read as a .npy file: {error}.") from error
    if not box:
        return None
    if run.spec.kind != "images":
        raise ConfigError("--mask-box is of images; of vectors, name columns by --mask FILE.npy.")
    numbers = box.replace(" ", "").split(",")
    if len(numbers) != 4 or not all(number.isdecimal() for number in numbers):
        raise ConfigError(f"--mask-box '{box}': write X,Y,WIDTH,HEIGHT, such as 0,14,28,14.")
    x, y, width, height = map(int, numbers)
    known = np.ones(run.spec.shape[1:], dtype=np.bool_)
    known[y : y + height, x : x + width] = False
    if known.all():
        tall, wide = known.shape
        raise ConfigError(f"--mask-box {box} hides nothing of images {wide} wide, {tall} high.")
    return known


def _inversion_rows(run: Run, originals: NDArray[Any], found: Inversion) -> list[NDArray[Any]]:
    """Rows of a picture: data, what was given of them if not all, the start, what was found."""
    shown = run.pictures(originals[:MOST_SHOWN])
    rows = [shown]
    if not found.known.all():
        rows.append(np.where(run.shown_bands(found.known[:MOST_SHOWN]), shown, 0))
    for values in (found.initial_reconstructions, found.reconstructions):
        rows.append(run.pictures(values[:MOST_SHOWN]))
    return rows


def _picture(run: Run, out: str | None, name: str) -> Path:
    return output_paths(run, out, name, (".png",))[0]


def _write(write: Any, path: Path, content: Any) -> None:
    write(path, content)
    say(f"written: {path}")


def _term(flag: str, text: str) -> Term:
    """`3,7,12` behind `--plus` or `--minus`."""
    numbers = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in numbers):
        raise ConfigError(f"--{flag} '{text}': numbers with commas, such as --{flag} 3,7,12.")
    return Term(SIGNS[flag], tuple(int(part) for part in numbers))


def _box(text: str) -> Box:
    """`5:8,0,12,10`: sample 5, x 8, y 0, width 12, height 10."""
    match = re.fullmatch(r"(\d+):(\d+),(\d+),(\d+),(\d+)", text.replace(" ", ""))
    if match is None:
        raise ConfigError(f"--box '{text}': write SAMPLE:X,Y,WIDTH,HEIGHT, such as 5:8,0,12,10.")
    return Box(*(int(part) for part in match.groups()))


def _label(text: str, dataset: Dataset) -> tuple[int, str]:
    """The code and the name of a class that is given by either."""
    names = dataset.label_names or ()
    if text in names:
        return names.index(text), text
    if dataset.train.labels is None:
        raise ConfigError(f"{dataset.name} has no labels; say by --box what is to be forgotten.")
    codes = [str(code) for code in class_sizes(dataset.train.labels)]
    if text not in codes:
        raise unknown_name("label", text, [*names, *codes])
    return int(text), names[int(text)] if int(text) < len(names) else text


def _removal_record(
    run: Run,
    found: FeatureRemovalResult,
    feature: str,
    settings: FeatureRemovalSettings,
    boxes: list[str] | None,
) -> dict[str, Any]:
    return {
        "feature": feature,
        "boxes": boxes,
        "weights": run.weights,
        "images_seen": run.images_seen,
        "layer": found.layer,
        "num_maps": len(found.weights),
        "dropped": [{"map": int(n), "weight": float(found.weights[n])} for n in found.dropped],
        "settings": plain(settings) | {"l2": MAP_CLASSIFIER_L2, "probe_l2": PROBE_L2},
        **found.measured,
        "source": "DCGAN, section 6.3.1",
    }
