"""The local server of the explorer, which answers this machine alone."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from importlib.resources import files
from typing import Any

from ..core.errors import AmbiganError, ConfigError
from ..hub import name_of
from . import dropped_view, example_view, latent_view, map_view
from .collection import Collection
from .components import CHOSEN, PROBLEM, TERM_NAMES, TERMS, button, dash, dcc, html
from .thumbnails import small_picture

logger = logging.getLogger(__name__)

HOST = "127.0.0.1"

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Plotly and Dash need scripts and styles of the page itself; nothing comes from elsewhere.
    "Content-Security-Policy": "default-src 'self' data: blob:;"
    " script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'",
}

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{%title%}</title>
<link rel="icon" href="data:,">
{%css%}<style>STYLE</style>
</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


class Explorer:
    """A server with one page for each collection, at an address that nobody can guess.

    The address holds a random token; without it the server answers nothing. It listens to this
    machine alone, and refuses requests for other host names, so that no web site that is open in
    the same browser can reach it.
    """

    def __init__(self, collections: Sequence[Collection], port: int = 0) -> None:
        """Makes the pages and takes the port.

        Args:
            collections: What is shown, one page each; the first is at the address.
            port: Port to listen at; a free one if 0.

        Raises:
            ConfigError: The port is taken or not allowed.
        """
        flask: Any = import_module("flask")
        self._flask = flask.Flask("ambigan.explorer")
        self._token = secrets.token_urlsafe(24)
        for number, collection in enumerate(collections):
            self._mount(number, collection, collections)
        self._flask.before_request(self._refuse_others)
        self._flask.after_request(_add_headers)
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        serving: Any = import_module("werkzeug.serving")
        if not 0 <= port <= 65_535:
            raise ConfigError(f"--port is {port}; ports go from 1 to 65535, or 0 for a free one.")
        try:
            self._server = serving.make_server(HOST, port, self._flask, threaded=True)
        except (OSError, SystemExit) as error:
            raise ConfigError(
                f"port {port} of {HOST} cannot be used; leave --port out for a free one."
            ) from error

    @property
    def address(self) -> str:
        """Where a browser finds the first page."""
        return f"http://{HOST}:{self._server.server_port}{self._path(0)}"

    def serve(self) -> None:
        """Answers until `stop` is called or the process is interrupted."""
        self._server.serve_forever()

    def start(self) -> None:
        """Answers in a thread of its own."""
        threading.Thread(target=self.serve, daemon=True).start()

    def stop(self) -> None:
        """Answers no more, and gives the port back."""
        self._server.shutdown()
        self._server.server_close()

    def _path(self, number: int) -> str:
        return f"/{self._token}/{number}/"

    def _mount(self, number: int, collection: Collection, all_of: Sequence[Collection]) -> None:
        app: Any = dash.Dash(
            __name__,
            server=self._flask,
            url_base_pathname=self._path(number),
            title=f"{name_of(collection.run.path)} - ambigan",
            update_title=None,
            suppress_callback_exceptions=True,
            include_assets_files=False,
            on_error=_tell,
        )
        style = files("ambigan.report").joinpath("page.css").read_text("utf-8")
        style += files("ambigan.explorer").joinpath("explorer.css").read_text("utf-8")
        app.index_string = _PAGE.replace("STYLE", style)
        others = [(self._path(place), other.title) for place, other in enumerate(all_of)]
        app.layout = partial(_layout, collection, others, number)  # made when it is asked for
        for view in (map_view, example_view, latent_view, dropped_view):
            view.register(app, collection)
        app.clientside_callback(
            "() => null",
            dash.Output(PROBLEM, "children"),
            dash.Input("close-problem", "n_clicks"),
            prevent_initial_call=True,
        )
        cache: dict[int, tuple[bytes, str]] = {}

        def picture(place: int) -> Any:
            if not 0 <= place < len(collection):
                return "", 404
            if place not in cache:
                cache[place] = small_picture(collection.run, collection.original(place))
            content, kind = cache[place]
            response = self._flask.response_class(content, mimetype=kind)
            response.headers["Cache-Control"] = "private, max-age=86400"
            return response

        self._flask.add_url_rule(
            f"{self._path(number)}thumbnail/<int:place>", f"thumbnail-{number}", picture
        )

    def _refuse_others(self) -> Any:
        request = import_module("flask").request
        port = self._server.server_port
        if request.host not in (f"{HOST}:{port}", f"localhost:{port}"):
            return "this server answers its own address alone", 403
        if not request.path.startswith(f"/{self._token}/"):
            return "open the address that `ambigan explore` printed", 403
        return None


def _add_headers(response: Any) -> Any:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _tell(error: Exception) -> None:
    """Shows on the page what could not be answered; the terminal has more where it is our fault."""
    text = str(error)
    if not isinstance(error, AmbiganError):
        logger.warning("the explorer failed", exc_info=error)
        text = "This failed; the terminal in which `ambigan explore` runs says why."
    shown = [html.P(text), button("Close", "close-problem")]
    dash.set_props(PROBLEM, {"children": shown})


def _layout(collection: Collection, pages: list[tuple[str, str]], number: int) -> Any:
    run = collection.run
    shape = "×".join(map(str, run.spec.shape))
    left_out = (
        f", {collection.num_left_out:,} more are not shown" if collection.num_left_out else ""
    )
    facts = (
        f"{run.config.method}, {run.images_seen:,} examples seen in training; {len(collection):,}"
        f" examples of {shape}{left_out}; map of {collection.layer} by"
        f" {collection.chosen_projection}"
    )
    links = [
        html.A(title, href=path, **({"aria-current": "page"} if place == number else {}))
        for place, (path, title) in enumerate(pages)
    ]
    return html.Div(
        [
            dcc.Store(id=CHOSEN),
            html.Div(id=PROBLEM, role="alert", className="problem"),
            dcc.Store(id=TERMS, data={name: [] for name in TERM_NAMES}),
            html.Header(
                [
                    html.H1(name_of(run.path)),
                    html.P(f"{collection.examples.origin}: {facts}", className="under"),
                    *([html.Nav(links, **{"aria-label": "Runs"})] if len(links) > 1 else []),
                ]
            ),
            html.Main(
                [
                    html.Div(
                        [map_view.layout(collection), example_view.layout(collection)],
                        className="beside",
                    ),
                    latent_view.layout(collection),
                    dropped_view.layout(collection),
                ]
            ),
        ],
        className="page explorer",
    )
