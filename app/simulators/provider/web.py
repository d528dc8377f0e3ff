"""The Flask application of the provider."""

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.simulators.provider import api, calls, console
from app.simulators.provider.service import Provider


def create_app(provider: Provider) -> Flask:
    """Build the application that serves this provider."""
    app = Flask(__name__, static_folder=None)
    with app.app_context():
        calls.install(provider)
    for blueprint in (api.blueprint, console.blueprint):
        app.register_blueprint(blueprint)
    app.before_request(_play_dead)
    app.register_error_handler(HTTPException, _refuse_unknown)
    return app


def _play_dead() -> Response | None:
    if request.blueprint != console.blueprint.name and calls.current_provider().panel.is_down:
        return calls.refuse(503)
    return None


def _refuse_unknown(error: HTTPException) -> Response:
    return calls.refuse(error.code or 500, error.name)
