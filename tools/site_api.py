"""The pages of the Python API: which objects they show; autodoc reads the docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

import ambigan
from ambigan import estimators

ESTIMATORS = tuple(
    name
    for name in ambigan.__all__
    if isinstance(got := getattr(ambigan, name), type) and issubclass(got, estimators.Estimator)
)
ERRORS = tuple(name for name in ambigan.__all__ if name.endswith("Error"))
OTHERS = tuple(n for n in ambigan.__all__ if n not in (*ESTIMATORS, *ERRORS, "__version__"))

PAGES: Mapping[str, tuple[str, str, Sequence[str]]] = {
    "api-functions": (
        "Python: functions",
        "What the verbs do, in Python. All of these are names of `ambigan`.",
        [f"ambigan.{n}" for n in OTHERS if inspect.isfunction(getattr(ambigan, n))],
    ),
    "api-run": (
        "Python: a trained run",
        "A trained model in use, as `ambigan.fit` and `ambigan.load` return it.",
        ["ambigan.Run", "ambigan.EvaluationConfig"],
    ),
    "api-results": (
        "Python: results",
        "What `ambigan.evaluate` returns is a list of `Result`.",
        [
            f"ambigan.evaluation.result.{name}"
            for name in (
                "Result",
                "Metric",
                "Subject",
                "ProtocolRecord",
                "DataRecord",
                "Provenance",
            )
        ],
    ),
    "api-estimators": (
        "Python: estimators",
        "Each method as a transformer. All have the methods of the first.",
        ["ambigan.estimators.Estimator", *(f"ambigan.{name}" for name in ESTIMATORS)],
    ),
    "api-anomalies": (
        "Python: anomalies",
        "[Finding anomalies](../howto/anomaly.md) says how, and what it reaches.",
        ["ambigan.AnomalyDetector", "ambigan.anomaly.scorer.AnomalyScores"],
    ),
    "api-registries": (
        "Python: registries and the contract",
        "What a method, source, protocol or experiment of one's own is made of; "
        "[Contributing](contributing.md#adding-something) has a complete file of each.",
        [
            "ambigan.game.Method",
            "ambigan.game.Player",
            "ambigan.game.Batch",
            "ambigan.evaluation.protocols.register_protocol",
            "ambigan.evaluation.protocols.Task",
            "ambigan.experiments.Experiment",
            "ambigan.experiments.RunSpec",
            "ambigan.experiments.register_experiment",
            "ambigan.core.registry.Registry",
        ],
    ),
    "api-testing": (
        "Python: ambigan.testing",
        "Whether a method keeps [the contract](../concepts/contract.md).",
        ["ambigan.testing.check_method", "ambigan.testing.ContractError"],
    ),
    "api-errors": (
        "Python: errors",
        "What a user can cause is raised as one of these; the command line prints it as one line.",
        [f"ambigan.{name}" for name in ERRORS],
    ),
}
"""Title, opening and objects of each page."""


def pages() -> dict[str, str]:
    """Each page as Markdown, by name."""
    return {name: page(*content) for name, content in PAGES.items()}


def page(title: str, opening: str, names: Sequence[str]) -> str:
    """A page with the docstrings of objects, for autodoc."""
    lines = [f"# {title}", "", opening, ""]
    for name in names:
        module, _, member = name.rpartition(".")
        got = getattr(__import__(module, fromlist=[member]), member)
        kind = "function" if not isinstance(got, type) else "class"
        if isinstance(got, type) and issubclass(got, BaseException):
            kind = "exception"
        lines += [f"## {member}", "", "```{eval-rst}", f".. auto{kind}:: {name}"]
        is_listed = kind == "class" and name.removeprefix("ambigan.") not in ESTIMATORS
        lines += ["   :members:"] if is_listed else []
        lines += ["```", ""]
    return "\n".join(lines)
