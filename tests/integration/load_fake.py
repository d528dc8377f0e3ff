"""A small service that keeps the contract as far as the load scenarios can see."""

import base64
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import parse_qs

from gevent.pywsgi import WSGIServer

from loadtest.accounts import BOOKING_ACCOUNTS, SULTAN

# Some with signs that mean something in CSV.
BUYERS = {f"buyer_{number}@example.org": f'p,"{number}\\:' for number in range(300)}
PASSWORDS = {account.email: account.password for account in (*BOOKING_ACCOUNTS, SULTAN)} | BUYERS
PUBLIC = {"POST /api/reset", "GET /api/seats", "GET /api/events", "GET /api/analytics"}
Given = dict[str, Any]
Reply = tuple[int, Any]


class Service:
    """Keeps the contract for 20,000 seats of event 1 and 50 of each other; a subclass breaks it."""

    hold_seconds = 900.0
    seats = range(1, 20_001)

    def __init__(self) -> None:
        self.ids = count(1)
        self.listed = 0
        self.owners: dict[int, str] = {}
        self.events: dict[int, int] = {}
        self.held: dict[int, tuple[int, float]] = {}
        self.requests: Counter[str] = Counter()
        self.headers: list[tuple[str, dict[str, str]]] = []
        self.connections: set[str] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        call = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        self.requests[call] += 1
        self.headers.append((call, {key: value for key, value in environ.items() if "_" in key}))
        self.connections.add(environ["REMOTE_PORT"])
        query = {key: values[0] for key, values in parse_qs(environ["QUERY_STRING"]).items()}
        body = json.loads(environ["wsgi.input"].read() or "{}")
        status, data = self.answer(call, self.login(environ), query | body)
        content = json.dumps(data).encode()
        sizes = [("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        start_response(f"{status} -", sizes)
        return [content]

    def answer(self, call: str, email: str | None, given: Given) -> Reply:
        handlers = {
            "POST /api/reset": self.reset,
            "GET /api/seats": self.list_seats,
            "GET /api/events": self.list_events,
            "GET /api/analytics": self.analytics,
            "POST /api/bookings": self.create_booking,
            "GET /api/bookings": self.list_bookings,
            "PATCH /api/seats/select": self.select,
            "PATCH /api/seats/release": self.release,
            "PATCH /api/bookings/cancel": self.cancel,
        }
        if email is None and call not in PUBLIC:
            return 401, {}
        return handlers[call](email or "", given)

    def login(self, environ: dict[str, Any]) -> str | None:
        scheme, _, credentials = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        email, _, password = base64.b64decode(credentials).decode().partition(":")
        return email if scheme == "Basic" and PASSWORDS.get(email) == password else None

    def reset(self, _email: str, _given: Given) -> Reply:
        self.owners.clear()
        self.held.clear()
        return 200, {}

    def holder(self, seat_id: int) -> int | None:
        booking_id, until = self.held.get(seat_id, (None, 0.0))
        return booking_id if time.monotonic() < until else None

    def list_seats(self, _email: str, given: Given) -> Reply:
        size, seats = int(given.get("pageSize", 20)), self.seats_of_event(int(given["event_id"]))
        page: list[int] = []
        for _ in seats:
            # Whoever asks next sees the seats after these.
            seat_id = seats[self.listed % len(seats)]
            self.listed += 1
            if self.holder(seat_id) is None:
                page.append(seat_id)
            if len(page) == size:
                break
        return 200, [self.show(seat_id, "FREE") for seat_id in page]

    def seats_of_event(self, event_id: int) -> range:
        first = event_id * 1_000_000
        return self.seats if event_id == 1 else range(first, first + 50)

    def analytics(self, _email: str, given: Given) -> Reply:
        event_id = int(given["id"])
        seats = self.seats_of_event(event_id)
        held = sum(seat_id in seats and self.holder(seat_id) is not None for seat_id in self.held)
        return 200, {
            "event_id": event_id,
            "total_seats": len(seats),
            "sold_seats": 0,
            "reserved_seats": held,
            "free_seats": len(seats) - held,
            "total_revenue": "0.00",
            "bookings_count": sum(
                self.events[booking_id] == event_id for booking_id in self.owners
            ),
        }

    def list_events(self, _email: str, given: Given) -> Reply:
        size = int(given["pageSize"])
        first = (int(given["page"]) - 1) * size
        return 200, [{"id": n, "title": f"Событие {n}"} for n in range(first, first + size)]

    def show(self, seat_id: int, status: str) -> dict[str, Any]:
        return {"id": seat_id, "row": 1, "number": seat_id, "status": status, "price": "40000.00"}

    def create_booking(self, email: str, given: Given) -> Reply:
        booking_id = next(self.ids)
        self.owners[booking_id] = email
        self.events[booking_id] = given["event_id"]
        return 201, {"id": booking_id}

    def list_bookings(self, email: str, _given: Given) -> Reply:
        return 200, [
            {
                "id": booking_id,
                "event_id": self.events[booking_id],
                "seats": self.seats_of(booking_id),
            }
            for booking_id, owner in self.owners.items()
            if owner == email
        ]

    def seats_of(self, booking_id: int) -> list[dict[str, int]]:
        return [{"id": seat_id} for seat_id in self.held if self.holder(seat_id) == booking_id]

    def hold(self, given: Given) -> Reply:
        self.held[given["seat_id"]] = (given["booking_id"], time.monotonic() + self.hold_seconds)
        return 200, {}

    def select(self, email: str, given: Given) -> Reply:
        if self.owners.get(given["booking_id"]) != email:
            return 403, {}
        if self.holder(given["seat_id"]) not in {None, given["booking_id"]}:
            return 419, {}
        return self.hold(given)

    def release(self, email: str, given: Given) -> Reply:
        booking_id = self.holder(given["seat_id"])
        if booking_id is None:
            return 419, {}
        if self.owners[booking_id] != email:
            return 403, {}
        del self.held[given["seat_id"]]
        return 200, {}

    def cancel(self, email: str, given: Given) -> Reply:
        if self.owners.get(given["booking_id"]) != email:
            return 403, {}
        del self.owners[given["booking_id"]]
        booking_id = given["booking_id"]
        self.held = {seat: held for seat, held in self.held.items() if held[0] != booking_id}
        return 200, {}


@contextmanager
def serving(service: Any) -> Iterator[str]:
    """Serve on a free port and yield the address."""
    server = WSGIServer(("127.0.0.1", 0), service, log=None, error_log=None)
    server.start()
    # Head and body are two writes; without this the second waits for an acknowledgement.
    server.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.stop(timeout=0)
