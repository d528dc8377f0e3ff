"""As many clients at once as the edges, and the kernels below them, are set for."""

from __future__ import annotations

import logging
import resource
import ssl
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPSConnection
from threading import Event, Semaphore

import pytest
import yaml

from tests.deployment.fleet.operator import Operator

log = logging.getLogger(__name__)

CLIENTS = 10_000
ROOM = 0.95
"""Where this machine's limit of descriptors holds the edges to less, so much of what they take."""
AT_ONCE = 100
"""So many shake hands at the same time, as they share two processors with all hosts."""
BREATH_SECONDS = 30
"""The edge keeps a connection for a minute on which nobody asks."""
PATIENCE_SECONDS = 300


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """So many files may be open meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, max(count, before[1])))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.long
def test_ten_thousand_clients_are_connected_at_once(operator: Operator) -> None:
    settings = yaml.safe_load(operator.fleet.inventory.read_text())["all"]["vars"]
    count = min(CLIENTS, int(ROOM * settings["haproxy_maxconn"]))
    context = ssl.create_default_context(cafile=str(operator.fleet.ca_certificate))
    coming, all_there, over = Semaphore(AT_ONCE), Event(), Event()
    answers: Counter[int] = Counter()
    there = 0

    def ask(connection: HTTPSConnection) -> None:
        connection.request("GET", "/api/events?page=1&pageSize=20")
        with connection.getresponse() as answer:
            answer.read()
            answers[answer.status] += 1

    def come(_: int) -> None:
        nonlocal there
        connection = HTTPSConnection(operator.fleet.vip, timeout=PATIENCE_SECONDS, context=context)
        try:
            with coming:
                ask(connection)
            there += 1
            if there == count:
                all_there.set()
            while not over.wait(BREATH_SECONDS):
                ask(connection)
            ask(connection)
        finally:
            connection.close()

    with descriptors(2 * count), ThreadPoolExecutor(count) as crowd:
        clients = [crowd.submit(come, number) for number in range(count)]
        is_full = all_there.wait(PATIENCE_SECONDS)
        listed = operator.on(operator.edge(), "ss --no-header -tn state established sport = :443")
        over.set()
        failed = [error for client in clients if (error := client.exception())]
    log.info("%s clients at once", there)
    assert not failed[:1], f"{len(failed)} of them"
    assert is_full, f"{there} had come"
    assert len(listed.splitlines()) >= count
    assert set(answers) == {200}
