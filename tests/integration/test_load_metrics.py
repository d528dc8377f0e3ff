"""A load run seen by Prometheus while it goes on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import gevent
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.gateway import free_port
from tests.integration.load_fake import Service, serving

Samples = dict[tuple[str, ...], float]
LABELS = ("scenario", "run", "name", "outcome", "le")
WAIT_SECONDS = 30


def command(host: str, port: int, tmp_path: Path, *words: str) -> list[str]:
    there = ["--host", host, "--metrics-bind", f"127.0.0.1:{port}", "--report", str(tmp_path)]
    return [sys.executable, "-m", "loadtest", words[0], *there, *words[1:]]


def scrape(port: int) -> Samples:
    """What is shown, by metric and values of labels; nothing before it is."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    except (URLError, ConnectionError):
        return {}
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape_until(port: int, is_there: Callable[[Samples], object]) -> Samples:
    with gevent.Timeout(WAIT_SECONDS):
        while not is_there(found := scrape(port)):
            gevent.sleep(0.1)
    return found


def total(samples: Samples, metric: str) -> float:
    return sum(value for (name, *_), value in samples.items() if name == metric)


# One process shows its own figures; of two, the coordinating one sums up what they tell it.
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_run_is_seen_while_it_goes_on(processes: str, tmp_path: Path) -> None:
    service, port = Service(), free_port()
    rate = ["--rate", "100", "--duration", "8s", "--users", "30", "--processes", processes]
    with serving(service) as host:
        run = command(host, port, tmp_path, "events", "--run-name", "one", *rate)
        with subprocess.Popen(run, stdout=subprocess.DEVNULL) as process:
            seen = scrape_until(port, lambda found: total(found, "biletter_load_requests_total"))
            sent = service.requests["GET /api/events"]
            later = scrape_until(
                port,
                lambda found: (
                    total(found, "biletter_load_requests_total")
                    > total(seen, "biletter_load_requests_total")
                ),
            )
            assert process.poll() is None
            process.wait(WAIT_SECONDS)
    assert 0 < total(seen, "biletter_load_requests_total") <= sent
    assert {key[1:3] for key in later} == {("events", "one")}
    assert {key[4] for key in later if key[0] == "biletter_load_requests_total"} == {"success"}
    assert later["biletter_load_users", "events", "one"] > 0
    # Every request has one time, and none of them took longer than the last bound.
    for name in ("_count", "_sum", "_bucket"):
        assert any(key[0] == f"biletter_load_request_seconds{name}" for key in later)
    answers = total(later, "biletter_load_requests_total")
    assert total(later, "biletter_load_request_seconds_count") == answers
    assert 0 < total(later, "biletter_load_request_seconds_sum") < answers


def test_a_few_users_are_seen_too(tmp_path: Path) -> None:
    service, port = Service(), free_port()
    with serving(service) as host:
        run = command(host, port, tmp_path, "booking", "--duration", "4s")
        with subprocess.Popen(run, stdout=subprocess.DEVNULL) as process:
            seen = scrape_until(port, lambda found: "4xx" in {key[-1] for key in found})
            process.wait(WAIT_SECONDS)
    (users,) = (value for key, value in seen.items() if key[0] == "biletter_load_users")
    assert users == 10
    # Who sends a wrong password is refused.
    outcomes = {key[3:] for key in seen if key[0] == "biletter_load_requests_total"}
    assert ("POST /api/bookings (wrong password)", "4xx") in outcomes


def test_a_port_that_is_taken_is_a_sentence_and_nothing_is_sent(tmp_path: Path) -> None:
    service = Service()
    with serving(service) as host, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = command(host, port, tmp_path, "events", "--rate", "10", "--duration", "1s")
        done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Metrics cannot be shown at 127.0.0.1:{port}")
    assert not service.requests
