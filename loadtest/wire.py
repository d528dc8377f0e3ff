"""A small HTTP/1.1 client over asyncio, cheap enough that one core can load the service's core."""

from __future__ import annotations

import asyncio
import json
from typing import Any


class Line(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(exc or ConnectionError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        head_end = buffer.find(b"\r\n\r\n")
        if head_end < 0:
            self._buffer = buffer
            return
        at = buffer.find(b"ontent-Length: ", 0, head_end)
        if at < 0:
            at = buffer.find(b"ontent-length: ", 0, head_end)  # As HAProxy writes it.
        at += 15
        length = int(buffer[at : buffer.find(b"\r", at)])
        if len(buffer) < head_end + 4 + length:
            self._buffer = buffer
            return
        self._buffer = b""
        if self._waiter is not None:
            self._waiter.set_result((int(buffer[9:12]), buffer[head_end + 4 :]))

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send one request; returns status and body."""
        if self._transport is None:
            raise ConnectionError("not connected")
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiter

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def connect(host: str, port: int) -> Line:
    """Open a connection."""
    _, line = await asyncio.get_running_loop().create_connection(Line, host, port)
    return line


def request(method: str, path: str, authorization: str = "", body: Any = None) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    if authorization:
        lines.append(f"Authorization: {authorization}")
    payload = b""
    if body is not None:
        payload = json.dumps(body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(payload)}"]
    return "\r\n".join([*lines, "", ""]).encode() + payload
