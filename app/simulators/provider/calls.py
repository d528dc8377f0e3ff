"""What all calls share: the provider at hand, the faults asked for, and the count of calls."""

import functools
import time
from collections import Counter
from collections.abc import Callable
from typing import ParamSpec, cast

from flask import Response, current_app, g, make_response, request
from flask.typing import ResponseReturnValue

from app.simulators.common.server import hang_up
from app.simulators.provider.knobs import CallKnobs, WriteKnobs
from app.simulators.provider.rules import Refusal
from app.simulators.provider.service import Provider

P = ParamSpec("P")

_PROVIDER, _COUNTS = "provider", "calls"


def install(provider: Provider) -> None:
    """Make the provider the one the current application serves."""
    current_app.extensions[_PROVIDER] = provider
    current_app.extensions[_COUNTS] = Counter[tuple[str, int]]()


def current_provider() -> Provider:
    """Return the provider the current application serves."""
    return cast(Provider, current_app.extensions[_PROVIDER])


def counts() -> Counter[tuple[str, int]]:
    """Return how often each call was answered with each status, also where the answer was lost."""
    return cast("Counter[tuple[str, int]]", current_app.extensions[_COUNTS])


def arrived() -> float:
    """Return when the call at hand came, on the monotonic clock."""
    return cast(float, g.arrived)


def refuse(status: int, text: str = "") -> Response:
    """Answer an error as the provider does: the status says it all."""
    return Response(text, status, mimetype="text/plain")


def misbehaving(
    call: str,
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, Response]]:
    """Apply the knobs of a call to its view."""

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, Response]:
        @functools.wraps(view)
        def run(*args: P.args, **kwargs: P.kwargs) -> Response:
            panel = current_provider().panel
            knobs: CallKnobs = getattr(panel.knobs, call)
            g.arrived = time.monotonic()
            wait_ms = knobs.latency_ms + (knobs.slow_ms if panel.strikes(knobs.slow) else 0)
            if wait_ms or isinstance(knobs, WriteKnobs):
                time.sleep(wait_ms / 1000)  # Of 0: calls that came together get in.
            if panel.strikes(knobs.fail):
                answer = refuse(knobs.fail_status)
            else:
                answer = _answer(lambda: view(*args, **kwargs))
            counts()[call, answer.status_code] += 1
            if knobs.answer_latency_ms:
                time.sleep(knobs.answer_latency_ms / 1000)
            if panel.strikes(knobs.drop):
                # A client inside the process has no connection to cut; it sees a proxy give up.
                hang_up(request.environ)
                return refuse(502)
            return answer

        return run

    return decorate


def _answer(view: Callable[[], ResponseReturnValue]) -> Response:
    try:
        return make_response(view())
    except Refusal as refusal:
        return refuse(refusal.status, refusal.text)
