"""One example in detail: its reconstruction, latents, neighbours and anomaly score."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from ..anomaly.scorer import AnomalyScores
from ..report.figures import data_uri
from .collection import Collection
from .components import CHOSEN, TERM_NAMES, button, dash, dcc, html, labelled, message
from .map_view import example_of
from .pictures import drawn, heat_map, plain_layout, plot, profile, values_by_column

MOST_NEAR = 12
"""Number of neighbours of an example that are shown."""


def layout(collection: Collection) -> Any:
    """Where the chosen example is shown."""
    return html.Section(
        [
            html.H2("Example"),
            labelled(
                "Neighbours by",
                dcc.Dropdown(
                    options=list(collection.run.layers),
                    value=collection.layer,
                    clearable=False,
                    id="layer",
                ),
            ),
            html.Div(id="example"),
        ],
        className="example-view",
        **{"aria-label": "The chosen example"},
    )


def register(app: Any, collection: Collection) -> None:
    """Connects the example with what it answers."""
    Input, Output, State = dash.Input, dash.Output, dash.State

    @app.callback(Output("example", "children"), Input(CHOSEN, "data"), Input("layer", "value"))
    def show(place: int | None, layer: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        if place is None:
            return message("Choose an example: click a point of the map, or find one by its name.")
        return _details(app, collection, place, layer)

    @app.callback(
        Output("anomaly", "children"),
        Input("score", "n_clicks"),
        State(CHOSEN, "data"),
        prevent_initial_call=True,
    )
    def score(clicks: int, place: int) -> Any:  # pyright: ignore[reportUnusedFunction]
        if not clicks:
            return dash.no_update
        return anomaly_of(collection, collection.anomaly(place))


def _details(app: Any, collection: Collection, place: int, layer: str) -> Any:
    examples, run = collection.examples, collection.run
    facts = [("Row", f"{examples.row(place):,}")]
    if (label := examples.label(place)) is not None:
        facts.append(("Label", label))
    adding = [
        button(f"Add to {name}", {"type": "add", "term": name}, title=f"Use it as a term {name}")
        for name in TERM_NAMES
        if {"encode", "decode"} <= run.capabilities
    ]
    return [
        html.H3(examples.name(place), tabIndex=-1),
        html.Dl([each for name, value in facts for each in (html.Dt(name), html.Dd(value))]),
        html.Div(adding, className="buttons"),
        *learned(app, collection, collection.values(place), layer, place),
        html.Div(button("Anomaly score", "score"), className="buttons"),
        dcc.Loading(html.Div(id="anomaly"), delay_show=300),
    ]


def learned(
    app: Any, collection: Collection, values: Tensor, layer: str, place: int | None = None
) -> list[Any]:
    """What the model makes of one example: reconstruction, latents, neighbours.

    Args:
        app: The page.
        collection: The examples that neighbours are found among.
        values: The example as networks take it, `(1, ...)`.
        layer: Layer by which neighbours are compared.
        place: Place of the example in the collection; None where it is another.
    """
    run = collection.run
    split = collection.as_split(values)
    original = run.originals(split)
    again = run.reconstruct(split) if "reconstruct" in run.capabilities else None
    parts: list[Any] = []
    if run.spec.kind == "images":
        pair = [_titled("As it is", drawn(run, original, "as it is", 168))]
        if again is not None:
            pair.append(_titled("Reconstruction", drawn(run, again, "reconstruction", 168)))
        parts.append(html.Div(pair, className="pictures"))
    else:
        rows = {"as it is": original[0]} | ({} if again is None else {"reconstruction": again[0]})
        parts.append(profile(run, rows, "values of the example and of its reconstruction"))
        parts.append(_values(run, original, again))
    if "encode" in run.capabilities:
        parts += [html.H4("Latents"), _bars(run.encode(split)[0])]
    own = 0 if place is None else 1
    found = [
        (near, value)
        for near, value in collection.neighbours(values, layer, MOST_NEAR + own)
        if near != place
    ][:MOST_NEAR]
    measure = "distance" if collection.metric == "euclidean" else "cosine"
    buttons = [
        example_of(
            app,
            collection,
            near,
            f"near-{'own' if place is None else 'chosen'}",
            f"{measure} {value:.3f}",
        )
        for near, value in found
    ]
    return [*parts, html.H4(f"Neighbours by {layer}"), html.Div(buttons, className="examples")]


def anomaly_of(collection: Collection, scores: AnomalyScores) -> Any:
    """The anomaly score of one example, its parts, and where or by which columns it is unusual."""
    normal = collection.normal_scores
    score = float(scores.scores[0])
    below = float(np.searchsorted(normal, score) / max(len(normal), 1))
    parts: list[Any] = [
        message(f"Anomaly score {score:.3f}: higher than {below:.1%} of the normal examples."),
        html.Dl(
            [
                each
                for name, values in scores.parts.items()
                for each in (html.Dt(name), html.Dd(f"{float(values[0]):.3f}"))
            ]
        ),
    ]
    if scores.maps is not None:
        picture = html.Img(
            src=data_uri(heat_map(scores.maps[0])),
            alt="heat map of what is unusual, brightest where it is most so",
            className="picture",
        )
        parts.append(_titled("What is unusual", picture))
    if scores.columns is not None:
        shares = scores.columns[0]
        names = collection.column_names
        largest = np.argsort(-shares)[:5].tolist()
        rows = [html.Tr([html.Td(names[k]), html.Td(f"{shares[k]:.0%}")]) for k in largest]
        parts.append(html.Table([html.Caption("Share of the columns"), html.Tbody(rows)]))
    return parts


def _titled(title: str, content: Any) -> Any:
    return html.Div([html.H4(title), content])


def _values(run: Any, original: Any, again: Any) -> Any:
    """A vector as a table, behind a summary: many have hundreds of columns."""
    first = values_by_column(run, original)
    second = {} if again is None else values_by_column(run, again)
    rows = [
        html.Tr(
            [
                html.Td(name),
                html.Td(_text(value)),
                *([html.Td(_text(second[name]))] if second else []),
            ]
        )
        for name, value in first.items()
    ]
    heads = ["column", "value", *(["reconstruction"] if second else [])]
    table = html.Table([html.Thead(html.Tr([html.Th(head) for head in heads])), html.Tbody(rows)])
    region = html.Div(
        table, className="scroll", tabIndex=0, role="region", **{"aria-label": "Values"}
    )
    return html.Details([html.Summary("Values"), region])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{float(value):.5g}"


def _bars(latents: Any) -> Any:
    bars = {"type": "bar", "x": list(range(len(latents))), "y": latents}
    layout = plain_layout(height=140, margin={"l": 36, "r": 8, "t": 8, "b": 24})
    return plot([bars], layout, "latents " + ", ".join(f"{value:.2f}" for value in latents))
