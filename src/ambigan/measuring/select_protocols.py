"""Which protocols are meant, and whether the run, its data and what else is asked allow them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError
from ..data import Dataset
from ..evaluation.classifiers.label_subsets import class_sizes
from ..evaluation.protocols import PROTOCOLS, Protocol, check_views, find_protocol
from ..evaluation.views import CropSettings
from ..run import Run
from .feature_sets import Tell
from .reference_features import ReferenceFeatures

ALL_PROTOCOLS = "all"
"""Instead of a protocol's name: all that the run and its data allow."""

WITHOUT_LABELS = "generation_features"
"""What is measured where none of the quick protocols applies: a GAN of data without labels."""


def check_names(protocols: Sequence[str]) -> None:
    """Refuses a name that is of no protocol, before anything is read.

    Raises:
        ConfigError: there is no such protocol.
    """
    for name in protocols:
        if name != ALL_PROTOCOLS:
            find_protocol(name)


def select_protocols(
    protocols: Sequence[str],
    run: Run,
    dataset: Dataset,
    spaces: ReferenceFeatures,
    tell: Tell,
    views: CropSettings | None = None,
) -> list[Protocol]:
    """The protocols named; all that apply for `all`; the quick ones that apply if none is named.

    Raises:
        ConfigError: one that is named does not apply, or none does.
    """
    named = [find_protocol(name) for name in protocols if name != ALL_PROTOCOLS]
    if not protocols:
        quick = [p for p in _applying(run, dataset, spaces) if p.quick]
        named = quick or [find_protocol(WITHOUT_LABELS)]
    _warn_of_unseen_classes(dataset)
    for protocol in named:
        protocol.check(run.capabilities, dataset)
        _check_views(protocol, views)
    return _applying(run, dataset, spaces, tell, views) if ALL_PROTOCOLS in protocols else named


def check_used(
    protocols: Sequence[str],
    chosen: Sequence[Protocol],
    layers: Sequence[str],
    spaces: Sequence[str],
    inception: str | Path | None,
) -> None:
    """Refuses what no protocol would use; `all` says what it leaves out.

    Raises:
        ConfigError: layers where no features are measured, or spaces where no samples are.
    """
    if ALL_PROTOCOLS in protocols:
        return
    needs = {need for protocol in chosen for need in protocol.needs}
    names = ", ".join(protocol.name for protocol in chosen)
    if layers and "labels" not in needs:
        raise ConfigError(
            f"--layer is of protocols that measure features by labels, and {names} does not; leave"
            " it out (samples are compared in the features that --space names)."
        )
    if (spaces or inception) and "sample" not in needs:
        flag = "--space" if spaces else "--inception"
        raise ConfigError(f"{flag} is of protocols of samples, and {names} is none; leave it out.")


def _check_views(protocol: Protocol, views: CropSettings | None) -> None:
    """Refuses a protocol that cannot use what is asked for of views.

    Raises:
        ConfigError: it is of no features, or takes one view of each.
    """
    if views is None:
        return
    if "labels" not in protocol.needs:
        raise ConfigError(f"{protocol.name} takes pictures as they are; leave out views and crops.")
    check_views(protocol, views.num)


def _warn_of_unseen_classes(dataset: Dataset) -> None:
    """Says which classes no classifier can have learned, and that they count as mistakes."""
    train, test = dataset.train.labels, dataset.test.labels
    if train is None or test is None:
        return
    learned = class_sizes(train)
    for label, num in class_sizes(test).items():
        if label not in learned:
            name = dataset.label_names[label] if dataset.label_names else label
            warnings.warn(
                f"class '{name}' is in the test split alone, with {num} of {len(test)} examples:"
                " they count as mistakes in accuracies, and have no part in retrieval.",
                stacklevel=2,
            )


def _applying(
    run: Run,
    dataset: Dataset,
    spaces: ReferenceFeatures,
    tell: Tell = lambda _line: None,
    views: CropSettings | None = None,
) -> list[Protocol]:
    """The protocols that the run and its data allow; it is told why others are left out."""
    chosen: list[Protocol] = []
    left_out: dict[str, list[str]] = {}
    for protocol in PROTOCOLS.values():
        try:
            protocol.check(run.capabilities, dataset)
            _check_views(protocol, views)
            if not protocol.quick:
                spaces.check(protocol, run, dataset)
        except ConfigError as error:
            reason = str(error).removeprefix(protocol.name).lstrip(": ")
            left_out.setdefault(reason, []).append(protocol.name)
        else:
            chosen.append(protocol)
    for reason, names in left_out.items():
        tell(f"left out: {', '.join(names)}: {reason}")
    return chosen
