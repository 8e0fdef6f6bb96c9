"""Which protocols are meant, and whether the run, its data and what else is asked allow them."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

from ..core.errors import ConfigError
from ..data import Dataset
from .classifiers.label_subsets import class_sizes
from .config import EvaluationConfig, EvaluationInputs
from .protocols import PROTOCOLS, Protocol, find_protocol
from .reference_features import ReferenceFeatures

logger = logging.getLogger(__name__)

ALL_PROTOCOLS = "all"
"""Instead of a protocol's name: all that the run and its data allow."""

WITHOUT_LABELS = "generation_features"
"""What is measured where none of the quick protocols applies: a GAN of data without labels."""


def check_protocol_names(protocols: Sequence[str]) -> None:
    """Refuses a name that is of no protocol, before anything is read.

    Raises:
        ConfigError: There is no such protocol.
    """
    for name in protocols:
        if name != ALL_PROTOCOLS:
            find_protocol(name)


def choose(protocols: Sequence[str], inputs: EvaluationInputs) -> list[Protocol]:
    """The protocols that are measured, all checked before any of them is.

    They are those named; all that apply for `all`; the quick ones that apply if none is named.

    Raises:
        ConfigError: One that is named does not apply, or something is asked for that none would
            use.
    """
    references = ReferenceFeatures(inputs)
    named = [find_protocol(name) for name in protocols if name != ALL_PROTOCOLS]
    if not protocols:
        known = PROTOCOLS.values()
        quick = [p for p in known if p.quick and _reason_against(p, inputs, references) is None]
        named = quick or [find_protocol(WITHOUT_LABELS)]
    _warn_of_unseen_classes(inputs.dataset)
    for protocol in named:
        _check(protocol, inputs)
    if ALL_PROTOCOLS in protocols:
        named = _applying(inputs, references)
    else:
        _check_used(named, inputs.config)
    for protocol in named:
        references.check(protocol)
    return named


def _check_used(chosen: Sequence[Protocol], config: EvaluationConfig) -> None:
    """Refuses layers where no features are measured, and reference features where no samples are.

    Of `all`, the log says what is left out.
    """
    needs = {protocol.needs for protocol in chosen}
    names = ", ".join(protocol.name for protocol in chosen)
    if config.layers and "labels" not in needs:
        raise ConfigError(
            f"--layer is of protocols that measure features by labels, and {names} does not; leave"
            " it out (samples are compared in the features that --reference-features names)."
        )
    if (config.reference_features or config.inception) and "sample" not in needs:
        flag = "--reference-features" if config.reference_features else "--inception"
        raise ConfigError(f"{flag} is of protocols of samples, and {names} is none; leave it out.")


def _check(protocol: Protocol, inputs: EvaluationInputs) -> None:
    """Refuses a protocol that the run, the data, their framing or their crops do not allow."""
    protocol.check(inputs.method.capabilities, inputs.dataset)
    if (crops := inputs.config.crops) is not None:
        if protocol.needs != "labels":
            raise ConfigError(
                f"{protocol.name} takes pictures as they are; leave out views and crops."
            )
        protocol.check_views(crops.num)
    if protocol.needs != "labels" and inputs.dataset.spec != inputs.method.spec:
        raise ConfigError(
            f"{protocol.name} compares data with what the run draws, in one form; leave out"
            " --framing data."
        )


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


def _reason_against(
    protocol: Protocol, inputs: EvaluationInputs, references: ReferenceFeatures
) -> str | None:
    """Why a protocol does not apply; None if it does."""
    try:
        _check(protocol, inputs)
        if not protocol.quick:
            references.check(protocol)
    except ConfigError as error:
        return str(error).removeprefix(protocol.name).lstrip(": ")
    return None


def _applying(inputs: EvaluationInputs, references: ReferenceFeatures) -> list[Protocol]:
    """The protocols that the run and its data allow; the log says why others are left out."""
    chosen: list[Protocol] = []
    left_out: dict[str, list[str]] = {}
    for protocol in PROTOCOLS.values():
        if (reason := _reason_against(protocol, inputs, references)) is None:
            chosen.append(protocol)
        else:
            left_out.setdefault(reason, []).append(protocol.name)
    for reason, names in left_out.items():
        logger.info("left out: %s: %s", ", ".join(names), reason)
    return chosen
