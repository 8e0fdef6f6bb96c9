"""A picture or rows of one's own: dropped on the page, encoded, compared, inverted, scored."""

from __future__ import annotations

import base64
import binascii
import logging
import re
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from torch import Tensor

from ..core.errors import AmbiganError, DataError
from ..data.python_objects import WHERE
from .collection import Collection
from .components import button, dash, dcc, html, message
from .example_view import anomaly_of, learned
from .pictures import drawn, profile

MOST_BYTES = 64_000_000
"""Size of a file that is taken, at most."""

INVERSION_STEPS = 200
"""Number of steps of an inversion: some seconds for small images."""

MOST_HELD = 8
"""Number of files that are held in memory, the last ones."""

_DROPPED = "dropped-number"
_FORGOTTEN = "This file is no longer held; drop it again."


def layout(collection: Collection) -> Any:
    """Where a file is dropped, and what is shown of it."""
    is_image = collection.run.spec.kind == "images"
    what = "a picture" if is_image else "a table with the columns of the data, such as a CSV file"
    return html.Section(
        [
            html.H2("Your own"),
            dcc.Upload(
                html.Button(
                    f"Drop {what} here, or choose a file, of at most {MOST_BYTES // 10**6} MB",
                    type="button",
                    className="drop",
                ),
                id="upload",
                max_size=MOST_BYTES,
                className="upload",
            ),
            dcc.Store(id=_DROPPED),
            dcc.Loading(html.Div(id="dropped"), delay_show=300),
        ],
        className="dropped-view",
        **{"aria-label": "A file of your own"},
    )


def register(app: Any, collection: Collection) -> None:
    """Connects the dropped file with what is shown of it."""
    Input, Output, State = dash.Input, dash.Output, dash.State
    held: dict[int, Tensor] = {}  # the last files, which pages name by number
    numbers = count()

    @app.callback(
        Output("dropped", "children"),
        Output("upload", "contents"),
        Output(_DROPPED, "data"),
        Input("upload", "contents"),
        State("upload", "filename"),
        State("layer", "value"),
        prevent_initial_call=True,
    )
    def take_file(contents: str | None, name: str, layer: str) -> Any:  # pyright: ignore[reportUnusedFunction]
        if not contents:
            return dash.no_update, dash.no_update, dash.no_update
        try:
            with warnings_heard() as warned:
                values = read_upload(collection, contents, name)
        except AmbiganError as error:
            return message(str(error)), None, None
        number = next(numbers)
        held[number] = values[:1]
        held.pop(number - MOST_HELD, None)
        more = f": the first of {len(values):,} examples" if len(values) > 1 else ""
        parts = [
            html.H3(f"{name}{more}"),
            *map(message, warned),
            *learned(app, collection, values[:1], layer),
        ]
        buttons = [button("Anomaly score", "score-dropped")]
        if "decode" in collection.run.capabilities:
            buttons.insert(0, button("Invert", "invert-dropped"))
        parts += [
            html.Div(buttons, className="buttons"),
            dcc.Loading(html.Div(id="inverted"), delay_show=300),
            dcc.Loading(html.Div(id="dropped-anomaly"), delay_show=300),
        ]
        return parts, None, number  # emptied, so that the same file can be dropped again

    def connect(button_id: str, place: str, answer: Callable[[Tensor], Any]) -> None:
        @app.callback(
            Output(place, "children"),
            Input(button_id, "n_clicks"),
            State(_DROPPED, "data"),
            prevent_initial_call=True,
        )
        def show(clicks: int, number: int) -> Any:  # pyright: ignore[reportUnusedFunction]
            if not clicks:
                return dash.no_update
            return answer(held[number]) if number in held else message(_FORGOTTEN)

    connect("invert-dropped", "inverted", lambda values: _inverted(collection, values))
    connect(
        "score-dropped",
        "dropped-anomaly",
        lambda values: anomaly_of(collection, collection.anomaly(values=values)),
    )


def read_upload(collection: Collection, contents: str, name: str) -> Tensor:
    """The examples of a file that was dropped, as networks take them, `(N, ...)`.

    Args:
        collection: Examples of the model.
        contents: The file as the page sends it, `data:KIND;base64,CONTENT`.
        name: Its name, whose ending says how it is read.

    Raises:
        DataError: It cannot be read, or does not fit the model.
    """
    try:
        content = base64.b64decode(contents.partition(",")[2], validate=True)
    except (ValueError, binascii.Error) as error:
        raise DataError(f"{name} arrived damaged; drop it again.") from error
    suffix = "".join(each for each in Path(name).suffix if each.isalnum() or each == ".")[:16]
    with tempfile.TemporaryDirectory(prefix="ambigan-") as folder:
        path = Path(folder, f"dropped{suffix}")
        path.write_bytes(content)
        run = collection.run
        try:
            values = run.inputs([path] if run.spec.kind == "images" else str(path))
        except AmbiganError as error:
            text = str(error).replace(str(path), name).removeprefix(f"{WHERE}: ")
            if "--data." in text:
                text += " Such flags are given to `ambigan explore RUN --data KIND:FILE`."
            raise DataError(text) from error
    if not len(values):
        raise DataError(f"{name} holds no examples.")
    return values


@contextmanager
def warnings_heard() -> Generator[list[str]]:
    """What this thread warns of while the block runs; the folder of the file is left out."""
    heard: list[str] = []
    thread = threading.get_ident()

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                heard.append(re.sub(r"\S*dropped\.\w+: ", "", record.getMessage()))

    ear, library = Ear(logging.WARNING), logging.getLogger("ambigan")
    library.addHandler(ear)
    try:
        yield heard
    finally:
        library.removeHandler(ear)


def _inverted(collection: Collection, values: Tensor) -> Any:
    run = collection.run
    found = run.invert(collection.as_split(values), INVERSION_STEPS)
    before, after = float(found.errors_before[0]), float(found.errors[0])
    start = "encoder" if "encode" in run.capabilities else "nearest samples"
    text = f"Error {after:.4g} after {INVERSION_STEPS} steps, {before:.4g} by the {start} alone"
    if run.spec.kind == "vectors":
        rows = {"as it is": found.completed[0], "inversion": found.reconstructions[0]}
        return [html.H4("Inversion"), message(text), profile(run, rows, text)]
    return [
        html.H4("Inversion"),
        message(text),
        drawn(run, found.reconstructions, "inversion", 168),
    ]
