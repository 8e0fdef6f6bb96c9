"""Whether a default is worth more than raw values: tables and small sets of images, by task."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ..experiment import Experiment, RunSpec
from .suite import DATA_FOLDER, Suite, SuiteSet, SuiteTask, register_suite

BIGAN, GAN, REGRESSOR = "BiGAN", "GAN", "latent regressor"
BIGBIGAN, STRUCTURAL, AUTOENCODER = "BigBiGAN", "structural", "autoencoder"

# Networks of one method are those of another with a part more or less: BiGAN's stand for all, but
# for the GAN on images, whose features are of all convolutions of D.
_bigan = partial(RunSpec, BIGAN, "bigan", untrained=True)
_gan = partial(RunSpec, GAN, "gan")
_regressor = partial(RunSpec, REGRESSOR, "latent_regressor")
_structural = partial(RunSpec, STRUCTURAL, "structural", untrained=True)
_autoencoder = partial(RunSpec, AUTOENCODER, "autoencoder")

_RUNS_OF_TABLES = (
    *(make(preset="table") for make in (_bigan, _gan, _regressor, _autoencoder)),
    RunSpec(BIGBIGAN, "bigbigan", preset="table"),
    RunSpec(STRUCTURAL, "structural", preset="table"),
)
_RUNS_OF_DIGITS = (
    *(make(preset="small") for make in (_bigan, _gan)),
    _regressor(preset="features"),
    *(make(preset="small") for make in (_structural, _autoencoder)),
)
_RUNS_OF_IMAGES = (
    _bigan(preset="images"),
    _gan(preset="images", untrained=True),
    _structural(preset="images"),
    _autoencoder(preset="images"),
)

TASKS = (
    SuiteTask("1 label a class", "few_labels_1", "balanced_accuracy", few_labels=True),
    SuiteTask("10 labels a class", "few_labels_10", "balanced_accuracy", few_labels=True),
    SuiteTask("all labels", "logistic_lbfgs", "accuracy"),
    SuiteTask("retrieval", "retrieval_cosine", "map"),
    SuiteTask("clusters", "kmeans", "nmi"),
    SuiteTask(
        "reconstruction", "reconstruction_mse", "ratio_mean", "lower", baseline="training mean"
    ),
)

_experiment = partial(
    Experiment,
    source="ours",
    protocols=tuple(task.protocol for task in TASKS[:-1]),
    cross_validate=False,  # it scores examples that networks have seen, as if they were held out
    reconstructions=(TASKS[-1].protocol,),
    pca_widths=(4, 16, 64),
)


def _set(
    name: str, title: str, runs: tuple[RunSpec, ...], place: str, settings: Mapping[str, str]
) -> SuiteSet:
    experiment = _experiment(
        name=f"value-{name}",
        title=f"Features of {title} by the defaults",
        runs=runs,
        settings=settings,
    )
    return SuiteSet(name, experiment, place)


_TABLE = {"data.test_fraction": "0.3", "data.max_train": "2500", "data.drop_constant": "true"}


def _adbench(file: str, name: str = "") -> SuiteSet:
    name, place = name or file.partition("_")[2].lower(), f"anomaly/adbench/{file}.npz"
    settings = {"data.source": f"npz:{DATA_FOLDER}/{place}", **_TABLE}
    return _set(name, f"the table {name}", _RUNS_OF_TABLES, place, settings)


def _images(name: str, source: str, place: str, **settings: str) -> SuiteSet:
    named = {f"{key.replace('__', '.')}": text for key, text in settings.items()}
    return _set(name, f"{name} images", _RUNS_OF_IMAGES, place, {"data.source": source, **named})


_COFFEE = "tables/nir_coffee_classification.csv"
_COFFEE_SETTINGS = {
    "data.source": f"csv:{DATA_FOLDER}/{_COFFEE}",
    "data.label_column": "Coffee Type",
    **_TABLE,
}
_PART = {"data__holdout": "2000", "data__max_train": "2500"}
_TILES, _IMAGENETTE = "anomaly/magnetic_tile/test", "imagenette128"

SETS = (
    *map(_adbench, ("12_fault", "14_glass", "17_InternetAds", "18_Ionosphere", "23_mammography")),
    _adbench("24_mnist", "mnist-table"),
    *map(_adbench, ("26_optdigits", "28_pendigits", "29_Pima", "30_satellite", "35_SpamBase")),
    *map(_adbench, ("37_Stamps", "43_WDBC", "44_Wilt", "45_wine", "4_breastw", "6_cardio")),
    _adbench("7_Cardiotocography"),
    _set("coffee", "spectra of coffee", _RUNS_OF_TABLES, _COFFEE, _COFFEE_SETTINGS),
    _set("digits", "digits", _RUNS_OF_DIGITS, "", {"data.source": "digits"}),
    _images("mnist", "mnist", "MNIST", **_PART),
    _images("cifar10", "cifar10", "cifar-10-batches-py", **_PART),
    _images(
        "imagenette",
        f"folder:{DATA_FOLDER}/{_IMAGENETTE}",
        _IMAGENETTE,
        data__size="32,32",
    ),
    _images(
        "tiles",
        f"folder:{DATA_FOLDER}/{_TILES}",
        _TILES,
        data__size="32,32",
        data__grayscale="true",
        data__test_fraction="0.3",
    ),
)

VALUE = register_suite(
    Suite(
        name="value",
        title="What the defaults are worth next to raw values",
        notes="Are features that a method learns by its defaults worth more than raw values, PCA,"
        " the same network untrained and an autoencoder, on tasks that users have?",
        source="ours",
        sets=SETS,
        tasks=TASKS,
        peers=(AUTOENCODER,),
    )
)
