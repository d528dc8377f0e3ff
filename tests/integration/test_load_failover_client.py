"""What a careful client does with its connections, and what the scenario of a failure refuses."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
import pytest
from gevent.pywsgi import WSGIServer
from gevent.server import StreamServer

from loadtest import failover, trust
from loadtest.arguments import parse_ca
from loadtest.connection import look_up
from loadtest.options import parse_options
from loadtest.punctual import BROKEN, NO_CONNECTION, TIMED_OUT, PunctualConnection
from loadtest.stage import CannotStartError, probe
from tests.integration.load_fake import Service, serving


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--fault", "x", "--fault-at", "60s"), "before the end after 60 s"),
        (("--fault", "x", "--mend", "y", "--mend-at", "15s"), "later than after 15 s"),
        (("--fault-at", "10s"), "Without --fault"),
        (("--mend", "x"), "Without --fault"),
        (("--fault", "x", "--mend-at", "30s"), "Without --mend"),
        (("--deadline", "31s"), "--deadline is 30s at most"),
        (("--users", "9999999"), "use a smaller --users"),
        (("--accounts", "/nowhere/users.csv"), "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_nothing_is_sent(
    arguments: tuple[str, ...], complaint: str
) -> None:
    service = Service()
    with serving(service) as host:
        options = parse_options(["failover", "--host", host, *arguments])
        with pytest.raises(CannotStartError, match=complaint) as sentence:
            failover.run(options)
    assert service.requests == {}
    assert "\n" not in str(sentence.value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--fault", " "), "an empty command"),
        (("--writes-seconds", "soon"), "no number of seconds"),
        (("--failed", "-1"), "no whole number"),
        (("--ca", "/nowhere.pem"), "cannot be read"),
        (("--ca", __file__), "holds no certificate"),
    ],
)
def test_a_malformed_option_is_one_sentence(
    arguments: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parse_options(["failover", "--host", "https://127.0.0.1:1", *arguments])
    said = capsys.readouterr().err
    assert (end.value.code, said.count("\n")) == (2, 1)
    assert complaint in said


@contextmanager
def talking(talk: Callable[[Any, int], None]) -> Iterator[PunctualConnection]:
    """A connection with half a second's patience to a server that talks to each n-th like this."""
    came: list[object] = []

    def serve(client: Any, peer: object) -> None:
        came.append(peer)
        talk(client, len(came))

    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    connection = PunctualConnection(look_up(f"http://127.0.0.1:{server.server_port}"), 0.5)
    try:
        yield connection
    finally:
        connection.close()
        server.stop(timeout=0)


WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"


EVENTS = b"GET /api/events?page=1&pageSize=1 HTTP/1.1\r\nHost: localhost\r\n\r\n"


def once(client: Any, _number: int) -> None:
    """Answer one request and close."""
    client.recv(4096)
    client.sendall(WHOLE)


def once_then_drop(client: Any, number: int) -> None:
    """Answer one request; the first connection is closed when the next one has come."""
    once(client, number)
    if number == 1:
        client.recv(4096)


def test_a_connection_that_was_closed_meanwhile_is_opened_again_before_anything_is_sent() -> None:
    with talking(once) as connection:
        assert connection.fetch(b"POST 1") == (200, b"[]")
        gevent.sleep(0.05)
        assert connection.fetch(b"POST 2") == (200, b"[]")
        assert connection.repeated == 0


@pytest.mark.parametrize(
    ("request_bytes", "expected", "repeated"),
    [(b"PATCH 2", (200, b"[]"), 1), (b"POST 2", (0, BROKEN), 0)],
)
def test_only_what_may_come_twice_is_sent_again(
    request_bytes: bytes, expected: tuple[int, bytes], repeated: int
) -> None:
    with talking(once_then_drop) as connection:
        connection.fetch(b"POST 1")
        assert connection.fetch(request_bytes) == expected
        assert connection.repeated == repeated


def test_a_request_ends_at_its_deadline_even_when_bytes_keep_coming() -> None:
    def drip(client: Any, _number: int) -> None:
        client.recv(4096)
        for byte in WHOLE:
            client.sendall(bytes([byte]))
            gevent.sleep(0.1)

    with talking(drip) as connection:
        assert connection.fetch(b"GET 1") == (0, TIMED_OUT)


def test_what_was_never_sent_has_a_known_outcome() -> None:
    with talking(once) as connection:
        pass
    assert connection.fetch(b"POST 1") == (0, NO_CONNECTION)


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Path]:
    """Two certificates for 127.0.0.1, each its own CA, and the key of the first."""
    for name in ("one", "two"):
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"),
                *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", f"/CN={name}"),
                *("-addext", "subjectAltName=IP:127.0.0.1"),
                *("-keyout", tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem"),
            ],
            check=True,
            capture_output=True,
        )
    return {path.name: path for path in tmp_path.iterdir()}


def test_a_certificate_is_looked_at_when_a_ca_is_named(
    certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates["one.pem"], certificates["one.key"])
    server = WSGIServer(("127.0.0.1", 0), service, log=None, error_log=None, ssl_context=context)
    server.start()
    host = f"https://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(trust.TRUST, "ca", None)
    try:
        probe(host)
        for name, is_trusted in (("one", True), ("two", False)):
            trust.TRUST.ca = parse_ca(str(certificates[f"{name}.pem"]))
            connection = PunctualConnection(look_up(host), 5.0)
            service.connections.clear()
            for _ in range(3):
                assert connection.fetch(EVENTS)[0] == (200 if is_trusted else 0)
            # What TLS itself says after the handshake is no reason to connect again.
            assert len(service.connections) == is_trusted
            connection.close()
            if is_trusted:
                probe(host)
        with pytest.raises(CannotStartError, match="CERTIFICATE_VERIFY_FAILED"):
            probe(host)
    finally:
        server.stop(timeout=0)
