"""The application: all slices behind one front, and Flask for the pages."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
from flask import Flask, Response
from flask_swagger_ui import get_swaggerui_blueprint
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

import app.analytics.api
import app.bookings.api
import app.checkout.api
import app.events.api
import app.notifications.api
import app.operations.api
import app.seats.api
import app.system.api
from app.kernel import errors
from app.kernel.auth import BasicAuthentication
from app.kernel.config import settings
from app.kernel.front import Front
from app.kernel.http import Endpoint, problem_reply
from app.operations import figures
from app.people import service as people
from app.seats import service as seats
from app.system import openapi

log = logging.getLogger(__name__)

VERSION = "1.1"


def endpoints() -> list[Endpoint]:
    """All endpoints of the API; the reset is one only where the settings turn it on."""
    slices = (
        app.events.api,
        app.bookings.api,
        app.checkout.api,
        app.seats.api,
        app.analytics.api,
        app.notifications.api,
        app.operations.api,
        app.system.api,
    )
    found = [endpoint for part in slices for endpoint in part.routes.endpoints]
    if not settings().allow_reset:
        found = [endpoint for endpoint in found if endpoint.view is not app.system.api.reset]
    return found


def build() -> Flask:
    """A Flask application whose WSGI entry is the front."""
    flask = Flask("app")
    document = msgspec.json.encode(openapi.document(endpoints(), VERSION))

    @flask.get("/openapi.json")
    def openapi_document() -> Response:
        return Response(document, mimetype="application/json")

    flask.register_blueprint(
        get_swaggerui_blueprint(
            "/docs",
            "/openapi.json",
            # Without the second the page would load a badge from validator.swagger.io.
            config={"app_name": "Билеттер", "validatorUrl": "none"},
        )
    )
    flask.register_error_handler(HTTPException, _as_problem)
    flask.wsgi_app = Front(  # type: ignore[method-assign]
        endpoints(), BasicAuthentication(people.authenticate), flask.wsgi_app
    )
    return flask


def warm_up() -> None:
    """Read the boards of the largest events on sale.

    Without a database nothing is read, and whoever comes first has to wait after all.
    """
    try:
        for event in figures.find_events():
            seats.count_seats(event.id)
    except errors.Problem as problem:
        log.info("no seats were read yet", extra={"error": problem.code})
    except Exception:
        log.exception("no seats were read yet")


def _as_problem(error: HTTPException) -> Response | HTTPException:
    if isinstance(error, RequestRedirect):
        return error
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    problem: errors.Problem = errors.BadRequest()
    if isinstance(error, NotFound):
        problem = errors.NotFound()
    elif isinstance(error, MethodNotAllowed):
        problem = errors.MethodNotAllowed()
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = errors.Problem()
    reply = problem_reply(problem, status=status)
    response = Response(reply.body, reply.status, content_type=reply.content_type)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response
