"""The map: points by colour, pictures of what is pointed at, and the choice of many examples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.tables.outputs import table_bytes
from ..report.figures import theme
from .collection import Collection
from .components import (
    CHOSEN,
    button,
    dash,
    dcc,
    example_button,
    html,
    labelled,
    message,
)
from .outlines import drawn_outlines, inside
from .pictures import as_text, packed, plain_layout

MOST_THUMBNAILS = 120
"""Number of points in sight up to which their pictures are shown in their place."""

MOST_LISTED = 24
"""Number of chosen examples that are shown as pictures; the file holds all."""

MOST_FOUND = 12
"""Number of examples that a search lists."""

_OUTLINE = "outlines"

_CONFIG = {
    "scrollZoom": True,
    "displaylogo": False,
    "displayModeBar": True,
    "doubleClick": "autosize",  # as the button does: all points are in sight
    # Outlines are drawn as shapes and looked up here, since Plotly's own choice of points takes
    # seconds for 100,000 of them. Nothing is sent anywhere.
    "modeBarButtons": [
        ["pan2d", "zoom2d", "zoomIn2d", "zoomOut2d", "autoScale2d"],
        ["drawclosedpath", "drawrect", "eraseshape"],
        ["toImage"],
    ],
    "plotlyServerURL": "",
    "toImageButtonOptions": {"filename": "ambigan-map", "scale": 2},
}


def layout(collection: Collection) -> Any:
    """The map with its controls, and what is listed below it."""
    titles = collection.colourings
    first = next(iter(titles))
    return html.Section(
        [
            html.H2("Map"),
            html.Div(
                [
                    labelled(
                        "Colour by",
                        dcc.Dropdown(
                            options=[{"value": key, "label": text} for key, text in titles.items()],
                            value=first,
                            clearable=False,
                            id="colour",
                        ),
                    ),
                    labelled(
                        "Find by name or row",
                        dcc.Input(id="find", type="search", debounce=0.2, autoComplete="off"),
                    ),
                ],
                className="controls",
            ),
            html.Div(id="found", className="examples"),
            dcc.Loading(
                html.Div(
                    [
                        dcc.Graph(
                            id="map",
                            figure=_figure(collection, first),
                            responsive=True,
                            clear_on_unhover=True,
                            config=_CONFIG,
                            className="map",
                            style={"height": "560px"},  # else 100 %, which a redrawing makes 0
                        ),
                        dcc.Tooltip(id="hover", direction="right"),
                    ],
                    className="place",
                ),
                target_components={"map": "figure"},
                delay_show=400,
            ),
            html.P(
                "Scroll to zoom and drag to move. Draw around examples with the tools at the top"
                " right of the map to choose them; click a name in the legend to hide its class.",
                className="small muted",
            ),
            dcc.Store(id=_OUTLINE, data=[]),
            html.Div(id="selection"),
            dcc.Download(id="selection-file"),
        ],
        className="map-view",
        **{"aria-label": "Map of the examples"},
    )


def register(app: Any, collection: Collection) -> None:
    """Connects the map with what it answers."""
    Input, Output, State = dash.Input, dash.Output, dash.State

    @app.callback(
        Output("map", "figure"),
        Input("colour", "value"),
        prevent_initial_call=True,
    )
    def recolour(colour: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        figure, patch = _figure(collection, colour), dash.Patch()
        patch["data"] = figure["data"]  # what is in sight, and what is drawn there, stays
        patch["layout"]["showlegend"] = figure["layout"]["showlegend"]
        return patch

    @app.callback(
        Output("map", "figure", allow_duplicate=True),
        Input(CHOSEN, "data"),
        prevent_initial_call=True,
    )
    def point_out(chosen: int | None) -> Any:  # pyright: ignore[reportUnusedFunction]
        figure = dash.Patch()
        figure["layout"]["annotations"] = _pointer(collection, chosen)
        return figure

    @app.callback(
        Output("hover", "show"),
        Output("hover", "bbox"),
        Output("hover", "children"),
        Input("map", "hoverData"),
        State("colour", "value"),
        prevent_initial_call=True,
    )
    def point_at(data: Any, colour: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        place = _place_of(collection, data, colour)
        if place is None:
            return False, None, None
        return True, data["points"][0]["bbox"], _card(app, collection, place, colour)

    @app.callback(
        Output(CHOSEN, "data"),
        Input("map", "clickData"),
        Input({"type": "example", "panel": dash.ALL, "place": dash.ALL}, "n_clicks"),
        State("colour", "value"),
        prevent_initial_call=True,
    )
    def choose(data: Any, _clicks: Any, colour: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        trigger = dash.ctx.triggered_id
        if trigger == "map":
            place = _place_of(collection, data, colour)
            return dash.no_update if place is None else place
        if not trigger or not dash.ctx.triggered[0]["value"]:  # the buttons have just appeared
            return dash.no_update
        return trigger["place"]

    @app.callback(Output("found", "children"), Input("find", "value"), prevent_initial_call=True)
    def find(text: str | None) -> Any:  # pyright: ignore[reportUnusedFunction]
        if not text or not text.strip():
            return None
        places = collection.find(text, MOST_FOUND)
        if not places:
            return message(f"No example is called “{text}” or stands in such a row.")
        return [example_of(app, collection, place, "found") for place in places]

    _register_choice(app, collection)


def _register_choice(app: Any, collection: Collection) -> None:
    """Connects what is drawn on the map, and what is in sight, with what is shown of it."""
    Input, Output, State = dash.Input, dash.Output, dash.State

    @app.callback(
        Output(_OUTLINE, "data"),
        Output("map", "figure", allow_duplicate=True),
        Input("map", "relayoutData"),
        State(_OUTLINE, "data"),
        prevent_initial_call=True,
    )
    def follow(change: Any, outlines: list[str]) -> Any:  # pyright: ignore[reportUnusedFunction]
        drawn = drawn_outlines(change or {}, outlines)
        kept = dash.no_update if drawn is None else drawn
        return kept, _thumbnails(app, collection, change or {})

    @app.callback(
        Output("selection", "children"),
        Input(_OUTLINE, "data"),
        Input("colour", "value"),
    )
    def list_chosen(outlines: list[str], colour: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        if not outlines:
            return None
        return _selection(app, collection, inside(collection.points, outlines), colour)

    @app.callback(
        Output("selection-file", "data"),
        Input("save-selection", "n_clicks"),
        State(_OUTLINE, "data"),
        State("colour", "value"),
        prevent_initial_call=True,
    )
    def save(clicks: int, outlines: list[str], colour: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        if not clicks:
            return dash.no_update
        places = inside(collection.points, outlines)
        content = table_bytes(collection.rows(places, colour), ".csv")
        return dcc.send_bytes(content, "selection.csv")


def _figure(collection: Collection, colour: str) -> Any:
    colouring, points = collection.colouring(colour), collection.points
    groups = colouring.groups
    size = float(np.clip(300 / np.sqrt(max(len(points), 1)), 3, 9))
    traces: list[dict[str, Any]] = []
    for number, (name, places) in enumerate(groups):
        marker: dict[str, Any] = {"size": size, "opacity": 0.8}
        if len(groups) == 1 and colour != "none":
            # Numbers, or classes too many for a legend.
            bar = {"title": {"text": as_text(collection.colourings[colour])}, "thickness": 12}
            numbers = packed(colouring.values)
            marker |= {"color": numbers, "colorscale": "Viridis", "colorbar": bar}
        else:
            marker["color"] = theme.colour_of(number)
        traces.append(
            {
                "type": "scattergl",
                "x": packed(points[places, 0]),
                "y": packed(points[places, 1]),
                "mode": "markers",
                "marker": marker,
                "name": as_text(name, 24),
                "hoverinfo": "none",
            }
        )
    layout = plain_layout(
        margin={"l": 0, "r": 0, "t": 32, "b": 0},
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": theme.MUTED, "activecolor": theme.ACCENT},
        legend={"orientation": "h", "y": 0, "yanchor": "top"},
        dragmode="pan",
        uirevision="map",
        showlegend=len(groups) > 1,
        newshape={"line": {"color": theme.ACCENT, "width": 2}, "opacity": 0.6},
        xaxis={"visible": False},
        yaxis={"visible": False, "scaleanchor": "x"},
    )
    return {"data": traces, "layout": layout}


def _pointer(collection: Collection, chosen: int | None) -> list[dict[str, Any]]:
    """An arrow with the name of the chosen example, where it is on the map."""
    if chosen is None:
        return []
    x, y = map(float, collection.points[chosen])
    name = as_text(collection.examples.name(chosen), 24)
    box = {"bgcolor": theme.PAPER, "opacity": 0.9, "font": {"size": 12}}
    return [{"x": x, "y": y, "text": name, "ax": 0, "ay": -28, "arrowhead": 2, **box}]


def _place_of(collection: Collection, data: Any, colour: str) -> int | None:
    """The place of the example that the page points at."""
    if not data or not data.get("points"):
        return None
    point: dict[str, int] = data["points"][0]
    groups = collection.colouring(colour).groups
    if point["curveNumber"] >= len(groups):
        return None
    places = groups[point["curveNumber"]][1]
    number = point["pointNumber"]
    return int(places[number]) if number < len(places) else None


def _card(app: Any, collection: Collection, place: int, colour: str) -> Any:
    """What is shown beside the pointer."""
    lines = [html.Strong(collection.examples.name(place))]
    if (label := collection.examples.label(place)) is not None:
        lines.append(html.Span(f"label {label}"))
    if colour not in ("none", "label"):
        shown = collection.colouring(colour)
        value = shown.values[place]
        text = shown.names[int(value)] if shown.names else f"{value:.4g}"
        lines.append(html.Span(f"{collection.colourings[colour]} {text}"))
    return html.Div([picture_of(app, place, ""), *lines], className="card")


def picture_of(app: Any, place: int, text: str) -> Any:
    """The thumbnail of an example, by its address."""
    return html.Img(src=f"{app.config.url_base_pathname}thumbnail/{place}", alt=text)


def example_of(
    app: Any, collection: Collection, place: int, panel: str, more: str | None = None
) -> Any:
    """A button that chooses an example, with its picture, name and label, or what else is given."""
    name = collection.examples.name(place)
    rest = more or collection.examples.label(place)
    caption = name if rest is None else f"{name} · {rest}"
    return example_button(place, panel, picture_of(app, place, ""), caption)


def _selection(app: Any, collection: Collection, places: NDArray[np.int64], colour: str) -> Any:
    if not len(places):
        return message("There is no example inside.")
    labels = collection.examples.split.labels
    counts = ""
    if labels is not None:
        codes, numbers = np.unique(labels.numpy()[places], return_counts=True)
        order = np.argsort(-numbers)[:6]
        names = collection.examples.label_names
        counts = ": " + ", ".join(
            f"{numbers[k]:,} of {names[codes[k]] if names else codes[k]}" for k in order
        )
    return [
        message(f"{len(places):,} examples chosen{counts}"),
        button("Save as CSV", "save-selection"),
        html.Div(
            [
                example_of(app, collection, place, "selection")
                for place in places[:MOST_LISTED].tolist()
            ],
            className="examples",
        ),
    ]


def _thumbnails(app: Any, collection: Collection, change: dict[str, Any]) -> Any:
    """Pictures in the place of points, where few of them are in sight."""
    keys = ("xaxis.range[0]", "xaxis.range[1]", "yaxis.range[0]", "yaxis.range[1]")
    is_whole = "xaxis.autorange" in change
    if not is_whole and not all(key in change for key in keys):
        return dash.no_update
    patch = dash.Patch()
    patch["layout"]["images"] = [] if is_whole else _images(app, collection, change, keys)
    return patch


def _images(
    app: Any, collection: Collection, change: dict[str, Any], keys: tuple[str, ...]
) -> list[dict[str, Any]]:
    left, right, bottom, top = (float(change[key]) for key in keys)
    x, y = collection.points.T
    seen = np.flatnonzero((x > left) & (x < right) & (y > bottom) & (y < top))
    if len(seen) > MOST_THUMBNAILS:
        return []
    side = (right - left) / 16
    return [
        {
            "source": f"{app.config.url_base_pathname}thumbnail/{place}",
            "xref": "x",
            "yref": "y",
            "x": float(x[place]),
            "y": float(y[place]),
            "sizex": side,
            "sizey": side,
            "xanchor": "center",
            "yanchor": "middle",
            "layer": "above",
        }
        for place in seen.tolist()
    ]
