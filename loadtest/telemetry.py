"""Shows a run to Prometheus while it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from loadtest.live import BOUNDS, LIVE, Live
from loadtest.stage import CannotStartError

Address = tuple[str, int]


@contextmanager
def showing(bind: Address | None, scenario: str, run: str) -> Iterator[None]:
    """Serve /metrics there meanwhile, or nowhere; raises CannotStartError when it cannot."""
    if bind is None:
        yield
        return
    registry = CollectorRegistry()
    registry.register(Metrics(LIVE, scenario, run))
    server = WSGIServer(bind, make_wsgi_app(registry), log=None, error_log=None)
    try:
        server.start()
    except OSError as error:
        raise CannotStartError(
            f"Metrics cannot be shown at {bind[0]}:{bind[1]}: {error.strerror}."
        ) from None
    LIVE.clear()
    LIVE.is_wanted = True
    try:
        yield
    finally:
        LIVE.is_wanted = False
        server.stop(timeout=1)


class Metrics(Collector):
    """What a run knows, as Prometheus reads it."""

    def __init__(self, live: Live, scenario: str, run: str) -> None:
        self._live, self._run = live, [scenario, run]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; none of a request that nobody has made yet."""
        figures = self._live.figures()
        users = GaugeMetricFamily(
            "biletter_load_users", "Virtual users of a load run.", labels=["scenario", "run"]
        )
        users.add_metric(self._run, figures.users)
        requests = CounterMetricFamily(
            "biletter_load_requests",
            "Requests of a load run by how they ended.",
            labels=["scenario", "run", "name", "outcome"],
        )
        seconds = HistogramMetricFamily(
            "biletter_load_request_seconds",
            "Times of a load run's requests, from when they were due where they have a schedule.",
            labels=["scenario", "run", "name"],
        )
        for name, sums in figures.names.items():
            for outcome, count in sums.outcomes.items():
                requests.add_metric([*self._run, name, outcome], count)
            bounds = [*map(str, BOUNDS), "+Inf"]
            buckets = list(zip(bounds, accumulate(sums.buckets), strict=True))
            seconds.add_metric([*self._run, name], buckets, sums.seconds)
        yield from (users, requests, seconds)
