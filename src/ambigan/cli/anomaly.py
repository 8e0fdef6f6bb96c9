"""The verb that scores how unlike a run's data examples are."""

from __future__ import annotations

from dataclasses import replace

from ..anomaly.detector import NORMAL_QUANTILE
from ..anomaly.ranking import AnomalyRanking
from ..anomaly.scorer import AnomalyScorer, normal_examples
from ..core.errors import ConfigError
from ..core.files import write_bytes
from ..data import SourceSplit
from ..data.splits import labels_named
from ..data.tables.outputs import table_bytes
from ..retrieval import NamedExamples
from .output import logger, print_columns, print_json, say
from .parser import Request, between_commas
from .runs import chosen_examples, dataset_of, load_run, output_folder, uses_other_data, write_npy

MOST_RANKED = 10
"""Examples on the terminal; the files hold all."""


def anomaly(request: Request) -> int:
    """Scores examples, and writes the ranking as tables and as a page."""
    from ..report.anomaly import write_anomaly_page

    flags, run = request.flags, load_run(request)
    _check_flags(request)
    folder = output_folder(run, flags.out, "anomaly")
    named = tuple(name.strip() for name in between_commas(flags.normal) if name.strip())
    normal_labels = named or run.config.data.train_on
    dataset = dataset_of(run)
    split = chosen_examples(request, run, "test")
    examples = NamedExamples(
        split,
        flags.data or f"the {flags.split or 'test'} split of {dataset.name}",
        split.label_names if isinstance(split, SourceSplit) else run.label_names,
    )
    if named and split.labels is None and dataset.train.labels is None:
        labels_named(split, named, None, examples.origin)  # which says what is missing
    scorer = AnomalyScorer(
        run,
        *normal_examples(dataset, normal_labels, is_apart=uses_other_data(flags)),
        n_neighbors=flags.neighbors,
        seed=flags.seed,
    )
    ranking = AnomalyRanking(
        examples,
        scorer.scores(run, split),
        scorer.threshold(flags.threshold),
        flags.threshold,
        scorer.normal,
        column_names=tuple(run.scaling.columns) if run.scaling else (),
    )
    if normal_labels and split.labels is not None:
        truth = labels_named(split, normal_labels, examples.label_names, examples.origin)
        ranking = replace(ranking, is_anomaly=~truth.numpy())
    elif split.labels is not None and not normal_labels:
        logger.info("to measure by the labels, name those of normal examples: --normal LABEL")
    if warning := ranking.warning_of_few():
        logger.warning(warning)
    table = ranking.columns()
    for suffix in (".csv", ".parquet"):
        write_bytes(folder / f"scores{suffix}", table_bytes(table, suffix))
    if ranking.found.maps is not None:
        write_npy(folder / "heatmaps.npy", ranking.found.maps[ranking.order])
    write_anomaly_page(run, ranking, folder / "anomaly.html")
    if flags.json:
        print_json(ranking.as_json())
        return 0
    _print(ranking)
    for path in sorted(folder.iterdir()):
        say(f"written: {path}")
    return 0


def _check_flags(request: Request) -> None:
    flags = request.flags
    if not 0 < flags.threshold < 1:
        raise ConfigError(
            f"--threshold {flags.threshold} is the fraction of normal examples that pass, between 0"
            f" and 1; {NORMAL_QUANTILE} by default."
        )
    if flags.neighbors < 1:
        raise ConfigError(f"--neighbors is {flags.neighbors}; it counts: 1 or more.")


def _print(ranking: AnomalyRanking) -> None:
    """The first of the ranking, how many are flagged and, with labels, how well that agrees."""
    examples, scores = ranking.examples, ranking.found.scores
    num, flagged = len(examples.split), int(ranking.flagged.sum())
    print(
        f"{flagged:,} of {num:,} examples of {examples.origin} score above {ranking.threshold:.3f},"
        f" which {ranking.quantile:.1%} of normal examples stay below\n"
    )
    rows = [
        [
            rank,
            examples.name(place),
            examples.label(place),
            f"{scores[place]:.3f}",
            "flagged" if ranking.flagged[place] else "",
            ", ".join(f"{name} {share:.0%}" for name, share in ranking.main_columns(place)),
        ]
        for rank, place in enumerate(ranking.order[:MOST_RANKED].tolist(), start=1)
    ]
    print_columns(("rank", "example", "label", "score", "", "unusual columns"), rows)
    measured = ranking.measures()
    if measured is not None:
        confusion = measured["confusion"]
        print(
            f"\nAUROC {measured['auroc']:.3f}, average precision"
            f" {measured['average_precision']:.3f}; {confusion['anomalies_flagged']} of"
            f" {confusion['anomalies_flagged'] + confusion['anomalies_missed']} anomalies flagged,"
            f" {confusion['normal_flagged']} normal examples with them"
        )
