"""Debian's archive as the hosts see it: asks the real mirror once, then answers from the cache.

python -m infra.lab.fleet.mirror --address A --port P --cache FOLDER --architecture amd64
    --named-in FOLDER NAME=URL...

What --named-in names of the archive `debian`, and what that stands on, is at /selection besides.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.lab.fleet.selection import Selection, words_of

_FRESH = 3600.0  # Seconds that what names the newest packages is taken for the newest.
_PATIENCE = 60.0
_SELECTION = "/selection/"
_FOREVER = ("/pool/", "/by-hash/")  # What lies there never changes.


class Archive:
    """The files of some mirrors, kept in a folder that several processes may share."""

    def __init__(self, cache: Path, upstreams: Mapping[str, str]) -> None:
        self._cache = cache
        self._upstreams = dict(upstreams)
        self._locks: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def find(self, path: str) -> Path | HTTPStatus:
        """The file for a path, fetched if need be, or why there is none."""
        name, _, rest = path.lstrip("/").partition("/")
        if name not in self._upstreams or ".." in rest.split("/") or not rest:
            return HTTPStatus.NOT_FOUND
        file = self._cache / name / rest
        with self._locks[file]:
            if file.exists() and (_is_forever(path) or _age(file) < _FRESH):
                return file
            return self._fetch(f"{self._upstreams[name]}/{rest}", file)

    def _fetch(self, url: str, file: Path) -> Path | HTTPStatus:
        unfinished = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE) as answer:  # noqa: S310 - a mirror
                file.parent.mkdir(parents=True, exist_ok=True)
                with unfinished.open("wb") as output:
                    shutil.copyfileobj(answer, output, 1 << 20)
                written = answer.headers.get("Last-Modified")
                length = answer.headers.get("Content-Length")
        except urllib.error.HTTPError as error:
            return HTTPStatus(error.code)
        except OSError as error:
            sys.stderr.write(f"{url}: {error}\n")
            unfinished.unlink(missing_ok=True)
            # Without a way out, an old list is better than none.
            return file if file.exists() else HTTPStatus.BAD_GATEWAY
        if length and int(length) != unfinished.stat().st_size:
            unfinished.unlink()
            return HTTPStatus.BAD_GATEWAY
        if written:
            os.utime(unfinished, (time.time(), parsedate_to_datetime(written).timestamp()))
        unfinished.rename(file)  # It appears when it is complete.
        return file


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    archive: Archive
    selection: Selection

    def do_GET(self) -> None:
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if path.startswith(_SELECTION):
            found = self.selection.find(path.removeprefix(_SELECTION))
        else:
            found = self.archive.find(path)
        if isinstance(found, HTTPStatus):
            self._answer(found, 0)
        elif self._is_known(found):
            self._answer(HTTPStatus.NOT_MODIFIED, 0)
        else:
            with found.open("rb") as file:
                status = os.fstat(file.fileno())
                self._answer(HTTPStatus.OK, status.st_size, status.st_mtime)
                if self.command == "GET":
                    self.connection.sendfile(file)

    do_HEAD = do_GET  # noqa: N815 - the name is theirs

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is theirs
        """Say nothing of what went well: apt tells its user what did not."""

    def _is_known(self, file: Path) -> bool:
        since = self.headers.get("If-Modified-Since")
        return since == formatdate(file.stat().st_mtime, usegmt=True)

    def _answer(self, status: HTTPStatus, length: int, written: float | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        if written is not None:
            self.send_header("Last-Modified", formatdate(written, usegmt=True))
        self.end_headers()
        self.wfile.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # Eight hosts ask at once.


def _is_forever(path: str) -> bool:
    return any(part in path for part in _FOREVER)


def _age(file: Path) -> float:
    """Since it was written here: its time of modification is the mirror's."""
    return time.time() - file.stat().st_ctime


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m infra.lab.fleet.mirror", description=__doc__)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--named-in", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("upstreams", nargs="+", metavar="NAME=URL")
    options = parser.parse_args()
    upstreams = dict(one.split("=", 1) for one in options.upstreams)
    archive = _Handler.archive = Archive(options.cache, upstreams)
    folder, wanted = options.cache / "selection", words_of(options.named_in)
    _Handler.selection = Selection(archive, "debian", folder, options.architecture, wanted)
    _Server((options.address, options.port), _Handler).serve_forever()


if __name__ == "__main__":
    main()
