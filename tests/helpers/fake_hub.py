"""A hub on this machine: as much of its interface as fetching a model uses.

Repositories are folders `<root>/<user>/<name>`; each has one commit. `user/gated` asks for its terms to be accepted.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COMMIT = "1" * 40
GATED = "user/gated"


@contextmanager
def fake_hub(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve folders as models; yields the address and the requests so far (`GET /path`)."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, *_: Any) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            requests.append(f"{self.command} {path}")
            status, headers, body = _respond(root, path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        server.server_close()


def _respond(root: Path, path: str) -> tuple[int, dict[str, str], bytes]:
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "models"]:
        repo_id, revision = "/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main"
        return _describe(root, repo_id, revision, as_tree="tree" in parts)
    if len(parts) > 4 and parts[2] == "resolve":
        file = root / parts[0] / parts[1] / "/".join(parts[4:])
        if file.is_file():
            body = file.read_bytes()
            etag = hashlib.sha256(body).hexdigest()
            return 200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, body
    return 404, {"X-Error-Code": "EntryNotFound"}, b""


def _describe(
    root: Path, repo_id: str, revision: str, *, as_tree: bool
) -> tuple[int, dict[str, str], bytes]:
    if repo_id == GATED:
        return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
    folder = root / repo_id
    if not folder.is_dir():
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
    if revision not in ("main", COMMIT):
        return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
    names = sorted(folder.iterdir())
    body: Any = {
        "id": repo_id,
        "modelId": repo_id,
        "sha": COMMIT,
        "private": False,
        "siblings": [{"rfilename": file.name} for file in names],
    }
    if as_tree:
        body = [
            {"type": "file", "oid": "0" * 40, "size": file.stat().st_size, "path": file.name}
            for file in names
        ]
    return 200, {"Content-Type": "application/json"}, json.dumps(body).encode()
