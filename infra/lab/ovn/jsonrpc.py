"""JSON-RPC over a Unix socket, as OVSDB and the control sockets of OVN's programs speak it."""

from __future__ import annotations

import codecs
import json
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_CHUNK = 1 << 20


class RemoteError(Exception):
    """The other side refused the request."""


class Connection:
    """One connection; requests are answered in the order they are sent."""

    def __init__(self, path: Path, seconds: float | None = 60) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(seconds)
        # A socket's address holds 107 characters at most; a folder may be deeper than that.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            self._socket.connect(f"/proc/self/fd/{folder}/{path.name}")
        except OSError:
            self._socket.close()
            raise
        finally:
            os.close(folder)
        self._text = codecs.getincrementaldecoder("utf-8")()
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._number = 0
        self.notified = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def call(self, method: str, *params: Any) -> Any:
        """Send a request and return its result. Raises RemoteError and OSError."""
        self._number += 1
        self._send({"id": self._number, "method": method, "params": list(params)})
        while (answer := self._receive()).get("id") != self._number or "method" in answer:
            self._attend(answer)
        if answer.get("error"):
            raise RemoteError(answer["error"])
        return answer["result"]

    def wait_for_notice(self) -> None:
        """Return when the other side has told of a change since the last time."""
        while not self.notified:
            self._attend(self._receive())
        self.notified = False

    def _attend(self, message: dict[str, Any]) -> None:
        if message.get("method") == "echo":
            self._send({"id": message["id"], "result": message["params"], "error": None})
        elif message.get("method") == "update":
            self.notified = True

    def _send(self, message: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(message).encode())

    def _receive(self) -> dict[str, Any]:
        while True:
            try:
                message, end = self._decoder.raw_decode(self._buffer)
            except json.JSONDecodeError:
                chunk = self._socket.recv(_CHUNK)
                if not chunk:
                    raise ConnectionError("The other side has closed the connection.") from None
                self._buffer += self._text.decode(chunk)
            else:
                self._buffer = self._buffer[end:].lstrip()
                return dict(message)
