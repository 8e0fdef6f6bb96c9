"""The latent space: directions to move along, samples, walks and sums."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from ..analysis import latent_paths
from ..core.errors import ConfigError
from ..data.splits import take
from .collection import Collection
from .components import CHOSEN, TERM_NAMES, TERMS, button, dash, dcc, html, labelled, message
from .latent_space import Latents, LatentSpace, combine
from .map_view import picture_of
from .pictures import drawn

DIRECTIONS = 8
"""Number of principal directions that have a slider."""

MOST_FOR_DIRECTIONS = 20_000
"""Number of examples whose latents the directions are found from, at most."""

SAMPLES, STEPS = 18, 9
"""Number of samples that are shown, and of latents on a walk."""

_DIRECTION, _DIMENSION = "direction", "dimension"


def layout(collection: Collection) -> Any:
    """The controls of the latent space and what they show."""
    run = collection.run
    if "decode" not in run.capabilities:
        return message(f"A run of {run.config.method} generates nothing from latents.")
    parts = [_movement(collection)]
    parts += [_samples()] if _samples_from(collection) else []
    parts += [_sums()] if _encodes(collection) else []
    return html.Div(parts, className="latent-view")


def register(app: Any, collection: Collection) -> None:
    """Connects sliders, samples, walks and sums with what they show."""
    if "decode" not in collection.run.capabilities:
        return
    _register_movement(app, collection)
    if _samples_from(collection):
        _register_samples(app, collection)
    if _encodes(collection):
        _register_sums(app, collection)


def _encodes(collection: Collection) -> bool:
    return "encode" in collection.run.capabilities


def _samples_from(collection: Collection) -> bool:
    return "sample" in collection.run.capabilities


def _slider(identity: Any, text: str, low: float, high: float, value: float) -> Any:
    return labelled(
        text,
        dcc.Slider(
            id=identity,
            min=low,
            max=high,
            step=0.05,
            value=value,
            marks=None,
            updatemode="drag",
            tooltip={"placement": "bottom"},
            allow_direct_input=True,
        ),
    )


def _movement(collection: Collection) -> Any:
    run = collection.run
    starts = {"sample": "a sample of the seed below"} if _samples_from(collection) else {}
    sliders: list[Any] = []
    if _encodes(collection):
        starts = {"mean": "the mean of all latents", "chosen": "the chosen example"} | starts
        num = min(DIRECTIONS, run.method.prior.dim)
        sliders = [
            _slider({"type": _DIRECTION, "number": k}, f"Direction {k + 1}", -3, 3, 0)
            for k in range(num)
        ]
    dimensions = list(range(run.method.prior.dim))
    first = [] if sliders else dimensions[:DIRECTIONS]
    return html.Section(
        [
            html.H2("Move"),
            html.P(
                "Principal directions of the latents of these examples, the one of the largest"
                " variance first, and single dimensions; in standard deviations.",
                className="small muted",
            ),
            html.Div(
                [
                    labelled(
                        "Start from",
                        dcc.RadioItems(
                            options=[{"value": k, "label": v} for k, v in starts.items()],
                            value=next(iter(starts)),
                            id="start",
                        ),
                    ),
                    html.Div(sliders, id="directions", className="sliders"),
                    labelled(
                        "Single dimensions",
                        dcc.Dropdown(options=dimensions, value=first, multi=True, id="dimensions"),
                    ),
                    html.Div(id="dimension-sliders", className="sliders"),
                    html.Div(button("Back to the start", "reset"), className="buttons"),
                ],
                className="sides",
            ),
            html.Div(id="moved", className="moved", **{"aria-live": "polite"}),
        ],
        className="movement",
        **{"aria-label": "Move in the latent space"},
    )


def _samples() -> Any:
    return html.Section(
        [
            html.H2("Samples"),
            html.Div(
                [
                    labelled("Seed", dcc.Input(id="seed", type="number", value=0, min=0, step=1)),
                    _slider(
                        "truncation", "Truncation: share of the distance from the mean", 0, 1.5, 1
                    ),
                ],
                className="controls",
            ),
            html.Div(id="samples"),
        ],
        **{"aria-label": "Samples"},
    )


def _sums() -> Any:
    terms = [
        html.Div(
            [
                html.H3(name),
                html.Div(id={"type": "term", "name": name}, className="examples"),
                button("Clear", {"type": "empty", "term": name}),
            ],
            className="term",
        )
        for name in TERM_NAMES
    ]
    return html.Section(
        [
            html.H2("Walk and arithmetic"),
            html.P(
                "Add examples to A, B and C beside the map. A walk leads from the mean of A to that"
                " of B; the sum is A − B + C. Three or more examples a term are steadier than one.",
                className="small muted",
            ),
            html.Div(terms, className="terms"),
            html.Div(id="walk"),
            html.Div(id="sum"),
        ],
        **{"aria-label": "Walk and arithmetic"},
    )


def _register_movement(app: Any, collection: Collection) -> None:
    Input, Output, State, ALL = dash.Input, dash.Output, dash.State, dash.ALL
    directions = {"type": _DIRECTION, "number": ALL}
    dimensions = {"type": _DIMENSION, "number": ALL}

    @app.callback(
        Output("dimension-sliders", "children"),
        Input("dimensions", "value"),
        State(dimensions, "value"),
        State(dimensions, "id"),
    )
    def add_sliders(chosen: list[int], values: list[float], kept: list[Any]) -> Any:  # pyright: ignore[reportUnusedFunction]
        before = {each["number"]: value for each, value in zip(kept, values, strict=True)}
        return [
            _slider({"type": _DIMENSION, "number": k}, f"Dimension {k}", -4, 4, before.get(k, 0))
            for k in sorted(chosen)
        ]

    @app.callback(
        Output("moved", "children"),
        inputs={
            "start": Input("start", "value"),
            "place": Input(CHOSEN, "data"),
            "along": Input(directions, "value"),
            "steps": Input(dimensions, "value"),
            # Dash calls nothing that waits for a control which is not on the page.
            **({"seed": Input("seed", "value")} if _samples_from(collection) else {}),
        },
        state={"numbers": State(dimensions, "id")},
    )
    def move(  # pyright: ignore[reportUnusedFunction]
        start: str,
        place: int | None,
        along: list[Any],
        steps: list[Any],
        numbers: list[Any],
        seed: int | None = 0,
    ) -> Any:
        if None in (*along, *steps):  # the number beside a slider is being typed
            return dash.no_update
        if start == "chosen" and place is None:
            return message("Choose an example on the map first.")
        run, space = collection.run, space_of(collection)
        if start == "mean":
            latent = space.mean
        elif start == "chosen":
            latent = run.encode(collection.as_split(collection.values(place or 0)))[0]
        else:
            latent = run.latents(1, seed or 0)[0]
        chosen = {each["number"]: step for each, step in zip(numbers, steps, strict=True)}
        return drawn(run, run.decode(space.moved(latent, along, chosen)[None]), "moved", 280)

    @app.callback(
        Output(directions, "value"),
        Output(dimensions, "value"),
        Input("reset", "n_clicks"),
        State(directions, "value"),
        State(dimensions, "value"),
        prevent_initial_call=True,
    )
    def reset(_clicks: int, along: list[float], steps: list[float]) -> Any:  # pyright: ignore[reportUnusedFunction]
        return [0] * len(along), [0] * len(steps)


def _register_samples(app: Any, collection: Collection) -> None:
    @app.callback(
        dash.Output("samples", "children"),
        dash.Input("seed", "value"),
        dash.Input("truncation", "value"),
    )
    def sample(seed: int | None, share: float | None) -> Any:  # pyright: ignore[reportUnusedFunction]
        if share is None:  # the number beside the slider is being typed
            return dash.no_update
        if seed is None or seed < 0:
            return message("A seed is a whole number, 0 or more.")
        run = collection.run
        latents = space_of(collection).truncated(run.latents(SAMPLES, seed), share)
        return drawn(run, run.decode(latents), f"samples of seed {seed}", 0, STEPS)


def _register_sums(app: Any, collection: Collection) -> None:
    Input, Output, State, ALL = dash.Input, dash.Output, dash.State, dash.ALL

    @app.callback(
        Output(TERMS, "data"),
        Input({"type": "add", "term": ALL}, "n_clicks"),
        Input({"type": "empty", "term": ALL}, "n_clicks"),
        State(TERMS, "data"),
        State(CHOSEN, "data"),
        prevent_initial_call=True,
    )
    def change(_added: Any, _emptied: Any, terms: dict[str, list[int]], place: int) -> Any:  # pyright: ignore[reportUnusedFunction]
        trigger = dash.ctx.triggered_id
        if not trigger or not dash.ctx.triggered[0]["value"]:
            return dash.no_update
        name = trigger["term"]
        if trigger["type"] == "empty":
            return terms | {name: []}
        return terms | {name: [*dict.fromkeys([*terms[name], place])]}

    @app.callback(
        Output({"type": "term", "name": ALL}, "children"),
        Output("walk", "children"),
        Output("sum", "children"),
        Input(TERMS, "data"),
    )
    def draw(terms: dict[str, list[int]]) -> Any:  # pyright: ignore[reportUnusedFunction]
        run, names = collection.run, collection.examples.name
        pictures = [
            [picture_of(app, place, names(place)) for place in terms[name]] or message("empty")
            for name in TERM_NAMES
        ]
        latents = {name: _latents(collection, places) for name, places in terms.items()}
        walked, summed = None, None
        if terms["A"] and terms["B"]:
            along = latent_paths(latents["A"].mean(0)[None], latents["B"].mean(0)[None], STEPS)[0]
            walked = [
                html.H3("From A to B"),
                drawn(run, run.decode(along), "walk from A to B", 0, STEPS),
            ]
        try:
            latent = combine(latents)
        except ConfigError:
            return pictures, walked, summed
        signs = {"A": "", "B": " − B", "C": " + C"}
        text = "".join(name if name == "A" else signs[name] for name in TERM_NAMES if terms[name])
        summed = [html.H3(text.strip()), drawn(run, run.decode(latent[None]), text.strip(), 224)]
        return pictures, walked, summed


@cache
def space_of(collection: Collection) -> LatentSpace:
    """The latent space of a collection: of its examples where the model encodes, else its prior."""
    if not _encodes(collection):
        return LatentSpace.of(collection.run.latents(MOST_FOR_DIRECTIONS, collection.seed))
    split = collection.examples.split
    if len(split) > MOST_FOR_DIRECTIONS:
        draw = np.random.default_rng(collection.seed)
        chosen = draw.choice(len(split), MOST_FOR_DIRECTIONS, replace=False)
        split = take(split, torch.as_tensor(np.sort(chosen)))
    return LatentSpace.of(collection.run.encode(split))


def _latents(collection: Collection, places: list[int]) -> Latents:
    if not places:
        return np.empty((0, collection.run.method.prior.dim), np.float32)
    return collection.run.encode(take(collection.examples.split, torch.tensor(places)))
