"""Traces for OpenTelemetry, of a share of the requests: off unless there is an address for them.

What was noted of a request (`app.kernel.spans`) is told when it has ended, so nothing of the
library is in the way of a request, and greenlets carry nothing of it. Its packages are a set of
their own, `requirements/tracing.txt`.
"""

from __future__ import annotations

import importlib
import random
import time
from typing import Any

from app.kernel.config import SettingsError, settings
from app.kernel.metrics import version
from app.kernel.spans import Spans

_SERVER_ERROR = 500


class Tracer:
    """Tells the spans of requests to a collector, in batches, beside the requests."""

    def __init__(self, url: str, share: float) -> None:
        sdk = _package("opentelemetry.sdk.trace")
        batches = _package("opentelemetry.sdk.trace.export")
        otlp = _package("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        resource = _package("opentelemetry.sdk.resources").Resource.create(
            {"service.name": "biletter", "service.version": version()}
        )
        self._api = _package("opentelemetry.trace")
        self._provider = sdk.TracerProvider(resource=resource)
        exporter = otlp.OTLPSpanExporter(endpoint=url)
        self._provider.add_span_processor(batches.BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("biletter")
        self._share = share

    def wants(self) -> bool:
        """Whether the next request shall be one of the share. Whoever calls has no say in it."""
        return random.random() < self._share  # noqa: S311 - a sample, no secret

    def tell(
        self,
        name: str,
        spans: Spans,
        *,
        request_id: str,
        status: int,
        began: float,
        ended: float,
    ) -> None:
        """Hand over a request that has ended; times in seconds of `time.perf_counter`."""
        # Spans are told in nanoseconds since 1970.
        offset = time.time_ns() - int(time.perf_counter() * 1e9)
        attributes: dict[str, Any] = {
            "http.response.status_code": status,
            "biletter.request_id": request_id,
        }
        root = self._tracer.start_span(
            name,
            kind=self._api.SpanKind.SERVER,
            start_time=offset + int(began * 1e9),
            attributes=attributes,
        )
        if status >= _SERVER_ERROR:
            root.set_status(self._api.StatusCode.ERROR)
        context = self._api.set_span_in_context(root)
        for span in spans:
            start = offset + int(span.began * 1e9)
            child = self._tracer.start_span(span.name, context=context, start_time=start)
            child.end(offset + int(span.ended * 1e9))
        root.end(offset + int(ended * 1e9))

    def flush(self) -> None:
        """Send what waits."""
        self._provider.force_flush()


def tracer() -> Tracer | None:
    """Where traces go, or None. Raises SettingsError when the packages are missing."""
    config = settings()
    return Tracer(config.traces_url, config.traces_share) if config.traces_url else None


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise SettingsError(
            "BILETTER_TRACES_URL needs the packages of requirements/tracing.txt."
        ) from None
