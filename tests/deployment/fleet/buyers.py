"""Buyers outside, who speak to the fleet's address over TLS and trust its CA alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

import requests
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request

from infra.lab.fleet.state import Fleet
from loadtest.accounts import BOOKING_ACCOUNTS

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


@contextmanager
def buyers(fleet: Fleet, *, known: bool = True) -> Iterator[Buyer]:
    """One more buyer, with an account if `known`."""
    with requests.Session() as session:
        session.trust_env = False  # Its proxies and authorities are not the fleet's.
        session.verify = str(fleet.ca_certificate)
        yield Buyer(fleet, session, next(_accounts).true_authorization if known else None)
