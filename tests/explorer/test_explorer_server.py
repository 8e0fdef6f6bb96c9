"""The explorer answers this machine, to those who have its address, and nobody else."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
from explored import MakeCollection

from ambigan.core.errors import ConfigError
from ambigan.explorer.server import Explorer
from ambigan.run import Run


def get(explorer: Explorer, path: str, host: str | None = None) -> tuple[int, str, dict[str, str]]:
    address = urlsplit(explorer.address)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=20)
    connection.request("GET", path, headers={"Host": host or address.netloc})
    response = connection.getresponse()
    text = response.read().decode("utf-8", "replace")
    connection.close()
    return response.status, text, dict(response.getheaders())


def test_the_page_and_its_pictures(explorer: Explorer) -> None:
    path = urlsplit(explorer.address).path
    status, text, headers = get(explorer, path)
    assert (status, "digits" in text) == (200, True)
    assert "http://" not in text.replace("http://www.w3.org", "")  # nothing from elsewhere
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    status, text, headers = get(explorer, f"{path}thumbnail/0")
    assert (status, headers["Content-Type"]) == (200, "image/png")
    status, text, headers = get(explorer, f"{path[:-2]}1/thumbnail/0")
    assert (status, text[:4]) == (200, "<svg")
    assert get(explorer, f"{path}thumbnail/300")[0] == 404


@pytest.mark.parametrize("path", ["/", "/0/", "/_dash-layout", "/token/0/"])
def test_without_the_token_nothing_is_answered(explorer: Explorer, path: str) -> None:
    status, text, _ = get(explorer, path)
    assert (status, "ambigan explore" in text) == (403, True)


def ask(explorer: Explorer, output: str, **inputs: Any) -> dict[str, Any]:
    """What the first page answers where its inputs, `id__property`, have these values."""
    given = [dict(zip(("id", "property"), key.split("__"), strict=True)) for key in inputs]
    body = {
        "output": f"{output}.children",
        "outputs": {"id": output, "property": "children"},
        "inputs": [each | {"value": v} for each, v in zip(given, inputs.values(), strict=True)],
        "changedPropIds": [".".join(next(iter(inputs)).split("__"))],
    }
    request = Request(
        f"{explorer.address}_dash-update-component",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urlopen(request, timeout=60) as response:
        return json.loads(response.read() or b"{}")


def test_what_cannot_be_answered_is_said_on_the_page(explorer: Explorer) -> None:
    answer = ask(explorer, "example", chosen__data=0, layer__value="nothing")
    assert "unknown layer 'nothing'" in json.dumps(answer["sideUpdate"]["problem"])
    assert "problem" not in str(ask(explorer, "example", chosen__data=0, layer__value="encoder"))


def test_an_emptied_number_beside_a_slider_changes_nothing(explorer: Explorer) -> None:
    assert ask(explorer, "samples", seed__value=0, truncation__value=None)["response"] == {}
    assert "image" in str(ask(explorer, "samples", seed__value=0, truncation__value=1))


def test_other_hosts_are_refused(explorer: Explorer) -> None:
    path = urlsplit(explorer.address).path
    assert get(explorer, path, "evil.example")[0] == 403
    assert get(explorer, path, f"localhost:{urlsplit(explorer.address).port}")[0] == 200


def test_a_port_that_is_taken_says_so(
    explorer: Explorer, image_run: Run, collection_of: MakeCollection
) -> None:
    port = urlsplit(explorer.address).port or 0
    with pytest.raises(ConfigError, match=f"port {port} .* leave --port out"):
        Explorer([collection_of(image_run)], port)
    with pytest.raises(ConfigError, match="1 to 65535"):
        Explorer([collection_of(image_run)], 70_000)
