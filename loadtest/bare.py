"""The least that a server can do, to compare with: the same bytes from Flask and from WSGI."""

import os
from pathlib import Path

from flask import Flask, Response

BODY = Path(os.environ["BARE_BODY"]).read_bytes()

flask_app = Flask("bare")


@flask_app.get("/")
def page() -> Response:
    return Response(BODY, mimetype="application/json")


def wsgi_app(_environ, start_response):  # type: ignore[no-untyped-def]
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
    )
    return [BODY]
