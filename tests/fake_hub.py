"""A hub on loopback with the part of the HTTP API that the real client uses for models."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_REQUESTS = 500
"""Requests that a test may make: a client that tries for ever fails."""


@dataclass
class Repository:
    """Files by path, whether it is private, and what the hub wrongly says of it."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    private: bool = False
    claimed_sizes: dict[str, int] = field(default_factory=dict[str, int])
    endless: str = ""
    commit: str = ""

    @property
    def sha(self) -> str:
        content = json.dumps({k: v.hex()[:4096] for k, v in sorted(self.files.items())}).encode()
        return self.commit or hashlib.sha1(content).hexdigest()


@dataclass
class FakeHub:
    """What the server holds, and the paths that were asked for."""

    repositories: dict[str, Repository] = field(default_factory=dict[str, Repository])
    asked: list[str] = field(default_factory=list[str])
    url: str = ""

    def answer(self, verb: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and content of an answer."""
        self.asked.append(f"{verb} {path}")
        if len(self.asked) > MOST_REQUESTS:
            return 500, {}, b""
        path = path.partition("?")[0]
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        found = re.fullmatch(
            r"/(?:api/models/)?([^/]+/[^/]+?)(?:/([a-z]+)/([^/]+)(?:/(.+))?)?", path
        )
        if found is None or found[1] not in self.repositories:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        repository = self.repositories[found[1]]
        match found[2]:
            case None | "revision":
                return self._info(found[1], repository, found[3])
            case "preupload":
                return self._json({"files": [_regular(f) for f in json.loads(body)["files"]]})
            case "commit":
                return self._commit(found[1], repository, body)
            case "resolve":
                return self._file(repository, found[4], is_head=verb == "HEAD")
            case _:
                return 404, {}, b"{}"

    def _create(self, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        name = f"{asked['organization']}/{asked['name']}"
        url = {"url": f"{self.url}/{name}"}
        if name in self.repositories:
            return 409, {"Content-Type": "application/json"}, json.dumps(url).encode()
        is_private = asked.get("private") or asked.get("visibility") == "private"
        self.repositories[name] = Repository(private=bool(is_private))
        return self._json(url)

    def _info(
        self, name: str, repository: Repository, revision: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        if revision not in (None, "main", repository.sha):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        siblings = [{"rfilename": path} for path in repository.files]
        about = {"id": name, "sha": repository.sha, "private": repository.private}
        return self._json({**about, "siblings": siblings})

    def _commit(
        self, name: str, repository: Repository, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                repository.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        about = {"commitOid": repository.sha, "commitUrl": f"{self.url}/{name}/commit/1"}
        return self._json({**about, "success": True})

    def _file(
        self, repository: Repository, path: str, *, is_head: bool
    ) -> tuple[int, dict[str, str], bytes]:
        if path not in repository.files:
            return 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": repository.sha}, b""
        content = repository.files[path]
        headers = {
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": repository.sha,
        }
        size = repository.claimed_sizes.get(path, len(content))
        if is_head:
            return 200, {**headers, "Content-Length": str(size)}, b""
        if path == repository.endless:
            return 200, {**headers, "endless": "yes"}, content
        return 200, headers, content

    def _json(self, content: Any) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "application/json"}, json.dumps(content).encode()


def _regular(file: dict[str, Any]) -> dict[str, Any]:
    return {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}


@contextmanager
def serving() -> Iterator[FakeHub]:
    """A hub that answers at its `url` while the block runs."""
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                body = self._chunks()
            status, headers, content = hub.answer(self.command, self.path, body)
            is_endless = headers.pop("endless", "") == "yes"
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if is_endless:
                self.send_header("Connection", "close")
            elif "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)
            if is_endless:
                self._go_on()

        def _chunks(self) -> bytes:
            parts = b""
            while size := int(self.rfile.readline(), 16):
                parts += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return parts

        def _go_on(self) -> None:
            self.close_connection = True
            try:
                for _ in range(1000):  # a gigabyte, if nobody hangs up
                    self.wfile.write(b" " * (1 << 20))
            except OSError:
                pass

        do_GET = do_HEAD = do_POST = _serve

        def log_message(self, *_: object) -> None:
            """Nothing: tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
