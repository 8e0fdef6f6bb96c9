"""The explorer answers this machine, to those who have its address, and nobody else."""

from __future__ import annotations

from http.client import HTTPConnection
from urllib.parse import urlsplit

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
