"""The Flask application of the gateway."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from app.simulators.gateway import api, calls, console, messages, pages
from app.simulators.gateway.rules import Refusal
from app.simulators.gateway.service import Gateway


def create_app(gateway: Gateway) -> Flask:
    """Build the application that serves this gateway."""
    app = Flask(__name__, static_folder=None)
    with app.app_context():
        calls.install(gateway)
    for blueprint in (api.blueprint, pages.blueprint, console.blueprint):
        app.register_blueprint(blueprint)
    app.before_request(_play_dead)
    app.register_error_handler(Refusal, _refuse)
    app.register_error_handler(messages.FieldsInvalidError, _complain)
    app.register_error_handler(HTTPException, _refuse_unknown)
    app.add_template_filter(format_money, "money")
    return app


def format_money(amount: int, currency: str = "KZT") -> str:
    """Write tiyn as a buyer reads them: 1 500,00 ₸."""
    whole, rest = divmod(amount, 100)
    spaced = f"{whole:,}".replace(",", "\N{NO-BREAK SPACE}")
    sign = "₸" if currency == "KZT" else currency
    return f"{spaced},{rest:02d}\N{NO-BREAK SPACE}{sign}"


def _play_dead() -> Response | None:
    if request.blueprint != console.blueprint.name and calls.current_gateway().panel.knobs.down:
        return calls.refuse(503, "9998", "The service is unavailable.")
    return None


def _refuse(error: Refusal) -> Response:
    return calls.refuse(error.status, error.code, error.message)


def _complain(error: messages.FieldsInvalidError) -> Response:
    answer = jsonify(messages.problem(error))
    answer.status_code = 400
    answer.content_type = "application/problem+json; charset=utf-8"
    return answer


def _refuse_unknown(error: HTTPException) -> Response:
    status = error.code or 500
    return calls.refuse(status, "9999" if status >= 500 else str(status), error.name)  # noqa: PLR2004  5xx.
