"""Whoever is told of alerts: keeps what an Alertmanager posts, a line of JSON for each message.

python -m infra.lab.fleet.messages --address A --file FILE
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    file: Path
    writing = threading.Lock()

    def do_POST(self) -> None:
        try:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        except (TypeError, ValueError):
            self._answer(HTTPStatus.BAD_REQUEST)
            return
        line = json.dumps({"at": time.time(), "path": self.path, "message": message})
        with self.writing, self.file.open("a") as file:
            file.write(line + "\n")
        self._answer(HTTPStatus.OK)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is theirs
        """Say nothing: what came is in the file."""

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m infra.lab.fleet.messages", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--file", type=Path, required=True)
    options = parser.parse_args()
    _Handler.file = options.file
    ThreadingHTTPServer((options.address, 80), _Handler).serve_forever()


if __name__ == "__main__":
    main()
