"""Curves over checkpoints on the page, and samples against features."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_runs import make_result

from ambigan.data import Dataset
from ambigan.evaluation.result import Metric, Result
from ambigan.report.figures import checkpoint_curves as module
from ambigan.report.figures.checkpoint_curves import checkpoint_curves

POINTS = {100: (95.0, 40.0), 200: (97.0, 12.0), 300: (98.0, 20.0)}


def curves(dataset: Dataset) -> tuple[list[Result], list[Result]]:
    """Accuracy of the features and Fréchet distance of the samples at three checkpoints."""
    features: list[Result] = []
    samples: list[Result] = []
    for seen, (accuracy, distance) in POINTS.items():
        ema, raw, *baselines = make_result(dataset, images_seen=seen)
        features += [
            replace(ema, metrics=(replace(ema.headline, value=accuracy),)),
            replace(raw, metrics=(replace(raw.headline, value=accuracy - 1),)),
            *(baselines if seen == 100 else []),
        ]
        frechet = Metric("frechet", "Fréchet", distance, direction="lower")
        (first, *_) = make_result(dataset, "generation_features", images_seen=seen)
        samples.append(
            replace(first, subject=replace(first.subject, name="samples"), metrics=(frechet,))
        )
    return features, samples


def test_every_protocol_has_a_chart_and_samples_meet_features(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []
    monkeypatch.setattr(module, "_paths", lambda *given: drawn.append(given) or module.Figure())
    features, samples = curves(digits)
    section = checkpoint_curves([samples, features], "images seen")
    assert section is not None
    assert [panel.title for panel in section.panels] == [  # type: ignore
        "generation_features: Fréchet",
        "knn1_euclidean: accuracy, %",
        "Samples and features: knn1_euclidean",
    ]
    # Samples were measured of averaged weights alone, so raw ones have no path.
    path = ([40.0, 12.0, 20.0], [95.0, 97.0, 98.0])
    assert drawn == [({"encoder.hidden2, ema": path}, "Fréchet", "accuracy, %")]


def test_a_line_for_each_kind_of_weights_and_the_best_baseline(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, object]] = []
    real = module.line_chart

    def line_chart(lines: module.Curves, **options: object) -> object:
        asked.append((lines, options["reference"]))
        return real(lines, **options)  # type: ignore

    monkeypatch.setattr(module, "line_chart", line_chart)
    features, _samples = curves(digits)
    assert checkpoint_curves([features], "images seen") is not None
    lines = {
        "encoder.hidden2, ema": ([100, 200, 300], [95.0, 97.0, 98.0]),
        "encoder.hidden2, raw": ([100, 200, 300], [94.0, 96.0, 97.0]),
    }
    assert asked == [(lines, 93.125)]


def test_without_curves_there_is_no_section() -> None:
    assert checkpoint_curves([], "images seen") is None
