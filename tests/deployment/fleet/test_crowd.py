"""As many clients at once as the edges, and the kernels below them, are set for."""

from __future__ import annotations

import resource
import ssl
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPSConnection
from threading import Barrier, Semaphore

import pytest

from tests.deployment.fleet.operator import Operator

CLIENTS = 10_000
AT_ONCE = 100
"""So many shake hands at the same time, as they share two processors with all hosts."""
PATIENCE_SECONDS = 55
"""The edge keeps a connection for a minute on which nobody asks."""


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
    context = ssl.create_default_context(cafile=str(operator.fleet.ca_certificate))
    coming = Semaphore(AT_ONCE)
    connected: list[int] = []

    def count() -> None:
        listed = operator.on(operator.edge(), "ss --no-header -tn state established sport = :443")
        connected.append(len(listed.splitlines()))

    everybody = Barrier(CLIENTS, action=count, timeout=PATIENCE_SECONDS)

    def ask(connection: HTTPSConnection) -> int:
        connection.request("GET", "/api/events?page=1&pageSize=20")
        with connection.getresponse() as answer:
            answer.read()
            return answer.status

    def come(_: int) -> tuple[int, int]:
        connection = HTTPSConnection(operator.fleet.vip, timeout=PATIENCE_SECONDS, context=context)
        try:
            with coming:
                first = ask(connection)
            everybody.wait()
            return first, ask(connection)
        finally:
            connection.close()

    with descriptors(2 * CLIENTS), ThreadPoolExecutor(CLIENTS) as crowd:
        answers = Counter(crowd.map(come, range(CLIENTS)))
    assert answers == {(200, 200): CLIENTS}
    assert connected
    assert connected[0] >= CLIENTS
