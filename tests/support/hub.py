"""A model hub on loopback: as much of its HTTP as fetching a repository takes, with faults on request."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """``requests``: what was asked, method, path and range. ``break_off``: bytes after which a download of
    this file ends, once. ``lies``: files whose bytes are not those that the hub lists.
    """

    def __init__(self, folder: Path, repository: str) -> None:
        self.folder, self.repository = folder, repository
        self.requests: list[tuple[str, str, str]] = []
        self.break_off: dict[str, int] = {}
        self.lies: set[str] = set()
        self.url = ""

    def listing(self) -> bytes:
        siblings = []
        for path in sorted(p for p in self.folder.rglob("*") if p.is_file()):
            data = path.read_bytes()
            row = {"rfilename": path.relative_to(self.folder).as_posix(), "size": len(data)}
            if path.suffix == ".safetensors":
                row["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
            siblings.append(row)
        return json.dumps({"id": self.repository, "sha": COMMIT, "siblings": siblings}).encode()


@contextmanager
def hub(folder: Path, repository: str) -> Iterator[Hub]:
    """Serve a folder as a repository."""
    served = Hub(folder, repository)

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.split("?")[0]
            served.requests.append((self.command, path, self.headers.get("Range", "")))
            if path.startswith(f"/api/models/{served.repository}/"):
                self._send(200, served.listing(), with_body)
                return
            found = re.fullmatch(rf"/{served.repository}/resolve/[^/]+/(.+)", path)
            file = served.folder / found.group(1) if found else None
            if file is None or not file.is_file():
                self._send(404, b"{}", with_body)
                return
            data = file.read_bytes()
            etag = hashlib.sha256(data).hexdigest()
            if file.name in served.lies:
                data = bytes(len(data))
            first = int((re.match(r"bytes=(\d+)-", self.headers.get("Range", "")) or [0, 0])[1])
            headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
            if first:
                headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            self._send(
                206 if first else 200, data[first:], with_body, headers, served.break_off.get(file.name)
            )
            if with_body:
                served.break_off.pop(file.name, None)

        def _send(
            self,
            status: int,
            data: bytes,
            with_body: bool,
            headers: dict[str, str] | None = None,
            at_most: int | None = None,
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {"Content-Type": "application/json"}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if with_body:
                self.wfile.write(data if at_most is None else data[:at_most])
                if at_most is not None:
                    self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
