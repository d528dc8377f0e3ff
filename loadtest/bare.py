"""The least that a server can do, to compare with: the same bytes from Flask and from WSGI."""

from flask import Flask, Response

BODY = (
    b"["
    + b",".join([b'{"id":1,"row":1,"number":1,"status":"FREE","price":"40000.00"}'] * 20)
    + b"]"
)

flask_app = Flask("bare")


@flask_app.get("/")
def page() -> Response:
    return Response(BODY, mimetype="application/json")


def wsgi_app(_environ, start_response):  # type: ignore[no-untyped-def]
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
    )
    return [BODY]
