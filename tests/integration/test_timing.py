"""Where the time of a request goes: for whoever asks from inside, and for traces where wanted."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import gevent
import pytest

from app.kernel import config, logs, spans
from app.kernel.group_commit import GroupCommit
from tests.conftest import Caller, Event
from tests.integration.gateway import ROOT, until

ASKED = {"X-Server-Timing": "1"}


def parts(header: str) -> dict[str, float]:
    found = re.findall(r'([a-z_-]+);dur=([\d.]+)(?:;desc="\d+")?(?:, |$)', header)
    return {name: float(milliseconds) for name, milliseconds in found}


def test_an_operator_inside_is_told_where_the_time_goes(buyer: Caller, event: Event) -> None:
    booking = buyer.book(event.id)
    answer = buyer("GET", "/api/bookings", headers=ASKED)
    told = parts(answer.headers["Server-Timing"])
    assert {"total", "db", "db-wait"} <= set(told)
    assert 0 < told["db"] <= told["total"]
    body = {"booking_id": booking, "seat_id": event.seats[0]}
    answer = buyer("PATCH", "/api/seats/select", json=body, headers=ASKED)
    assert answer.status_code == 200
    told = parts(answer.headers["Server-Timing"])
    assert 0 < told["together"] <= told["total"]


@pytest.mark.parametrize(
    "headers", [{}, {"X-Forwarded-For": "203.0.113.9"}, ASKED | {"X-Forwarded-For": "203.0.113.9"}]
)
def test_the_public_is_never_told(buyer: Caller, headers: dict[str, str]) -> None:
    assert "Server-Timing" not in buyer("GET", "/api/bookings", headers=headers).headers


def test_of_a_request_that_fails_the_time_is_told_too(buyer: Caller) -> None:
    answer = buyer("GET", "/api/analytics?id=999", headers=ASKED)
    assert answer.status_code == 404
    assert parts(answer.headers["Server-Timing"])["total"] > 0
    assert spans.watched.get() is None


def test_what_is_logged_for_several_requests_has_the_ids_of_all() -> None:
    seen: list[str] = []

    def run(wishes: Any) -> Any:
        seen.append(logs.request_id.get())
        gevent.sleep(0)
        return wishes

    group = GroupCommit(run, lanes=1, most=8)

    def ask(name: str) -> None:
        logs.request_id.set(name)
        group.do(name)

    gevent.joinall([gevent.spawn(ask, name) for name in ("one", "two", "three")], raise_error=True)
    assert seen in (["one", "two three"], ["one two three"])


def test_traces_are_off_and_without_their_packages_an_address_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from app.kernel import tracing

    loaded = config.load({"DATABASE_URL": "postgresql:///x"})
    assert loaded.traces_url == ""
    monkeypatch.setattr(tracing, "settings", lambda: loaded)
    assert tracing.tracer() is None
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(config.SettingsError, match=r"requirements/tracing\.txt"):
        tracing.Tracer("http://127.0.0.1:1/v1/traces", 1.0)


@pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry") is None,
    reason="the packages of requirements/tracing.txt are not installed",
)
def test_a_traced_request_reaches_a_collector_with_its_id_and_its_parts(
    environment: dict[str, str], buyer: Caller, tmp_path: Path
) -> None:
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    program = tmp_path / "program.py"
    program.write_text(
        "from gevent import monkey; monkey.patch_all()\n"
        "import os\nfrom werkzeug.test import Client\nfrom app import create_app\n"
        "app = create_app()\n"
        "headers = {'X-Request-Id': 'trace-me', 'Authorization': os.environ['ACCOUNT']}\n"
        "assert Client(app).get('/api/bookings', headers=headers).status_code == 200\n"
        "app.wsgi_app._tracer.flush()\n"
    )
    environ = {
        **os.environ,
        **environment,
        "BILETTER_TRACES_URL": f"http://127.0.0.1:{server.server_port}/v1/traces",
        "BILETTER_TRACES_SHARE": "1",
        "ACCOUNT": buyer.authorization or "",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    subprocess.run([sys.executable, str(program)], env=environ, cwd=ROOT, check=True)
    until(lambda: received)
    server.shutdown()
    server.server_close()
    told = b"".join(received)
    for part in (b"GET /api/bookings", b"trace-me", b"db-wait", b"biletter"):
        assert part in told
