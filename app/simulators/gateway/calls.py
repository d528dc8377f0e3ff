"""What all calls share: the gateway at hand, and the faults asked for."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, cast

from flask import Response, current_app, jsonify, make_response, request
from flask.typing import ResponseReturnValue

from app.simulators.common.server import hang_up
from app.simulators.gateway import rules
from app.simulators.gateway.service import Gateway

P = ParamSpec("P")

_EXTENSION = "gateway"


def install(gateway: Gateway) -> None:
    """Make the gateway the one the current application serves."""
    current_app.extensions[_EXTENSION] = gateway


def current_gateway() -> Gateway:
    """Return the gateway the current application serves."""
    return cast(Gateway, current_app.extensions[_EXTENSION])


def refuse(status: int, code: str, message: str) -> Response:
    """Answer an error in the gateway's shape."""
    body = {"success": False, "errorCode": code, "message": message, "details": message}
    answer = jsonify(body)
    answer.status_code = status
    return answer


def misbehaving(
    call: str,
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, Response]]:
    """Apply the knobs of a call to its view."""

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, Response]:
        @functools.wraps(view)
        def run(*args: P.args, **kwargs: P.kwargs) -> Response:
            panel = current_gateway().panel
            knobs = getattr(panel.knobs, call)
            if knobs.latency_ms:
                time.sleep(knobs.latency_ms / 1000)
            if panel.strikes(knobs.limit):
                answer = refuse(429, rules.fault_code(call, 429), "Too many requests.")
                answer.headers["Retry-After"] = str(knobs.retry_after)
                return answer
            if panel.strikes(knobs.fail):
                code = rules.fault_code(call, knobs.fail_status)
                return refuse(knobs.fail_status, code, "The gateway failed.")
            answer = make_response(view(*args, **kwargs))
            if knobs.answer_latency_ms:
                time.sleep(knobs.answer_latency_ms / 1000)
            if panel.strikes(knobs.drop):
                return _drop()
            return answer

        return run

    return decorate


def _drop() -> Response:
    # A client inside the process has no connection to cut; it sees a proxy give up.
    hang_up(request.environ)
    return refuse(502, "9998", "The answer was lost.")
