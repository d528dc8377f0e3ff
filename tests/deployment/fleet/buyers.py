"""Buyers outside, who speak to the fleet's address over TLS and trust its CA alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle
from threading import Event, Thread
from typing import Any

import requests
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request

from infra.lab.fleet.state import Fleet
from loadtest.accounts import BOOKING_ACCOUNTS
from loadtest.payment_form import filled_in

_accounts = cycle(BOOKING_ACCOUNTS)


class Buyer:
    """Makes calls with an account of its own, or with none."""

    def __init__(self, fleet: Fleet, session: requests.Session, authorization: str | None) -> None:
        self._host = f"https://{fleet.vip}"
        self._session = session
        self._headers = {"Authorization": authorization} if authorization else {}

    def __call__(self, method: str, path: str, **options: Any) -> TestResponse:
        """The answer, as the tests of the contract know it; redirections are not followed."""
        answer = self._session.request(
            method,
            self._host + path,
            headers=self._headers | options.pop("headers", {}),
            allow_redirects=False,
            timeout=10,
            **options,
        )
        return TestResponse(
            [answer.content],
            f"{answer.status_code} {answer.reason}",
            Headers(list(answer.headers.items())),
            Request({}),
        )

    def pay(self, event: int) -> bool:
        """Take a seat of an event and fill the gateway's form in; whether it let us."""
        booking = self("POST", "/api/bookings", json={"event_id": event}).json["id"]
        wanted = {"event_id": event, "status": "FREE"}
        seat = self("GET", "/api/seats", params=wanted).json[0]["id"]
        self("PATCH", "/api/seats/select", json={"booking_id": booking, "seat_id": seat})
        asked = self("PATCH", "/api/bookings/initiatePayment", json={"booking_id": booking})
        if asked.status_code != 302:
            self("PATCH", "/api/bookings/cancel", json={"booking_id": booking})
            return False
        url, form = filled_in(asked.headers["Location"])
        self._session.post(url, data=form, allow_redirects=False, timeout=10)
        return True


@contextmanager
def paying(fleet: Fleet, event: int = 1, count: int = 4) -> Iterator[None]:
    """Buyers who pay, one seat after the other, and come again whatever happens to them."""
    closing = Event()

    def come() -> None:
        with buyers(fleet) as buyer:
            while not closing.wait(1):
                with suppress(requests.RequestException, TypeError, IndexError):
                    buyer.pay(event)

    crowd = [Thread(target=come, daemon=True) for _ in range(count)]
    for one in crowd:
        one.start()
    try:
        yield
    finally:
        closing.set()
        for one in crowd:
            one.join()


@contextmanager
def buyers(fleet: Fleet, *, known: bool = True) -> Iterator[Buyer]:
    """One more buyer, with an account if `known`."""
    with requests.Session() as session:
        session.trust_env = False  # Its proxies and authorities are not the fleet's.
        session.verify = str(fleet.ca_certificate)
        yield Buyer(fleet, session, next(_accounts).true_authorization if known else None)
