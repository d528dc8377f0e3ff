"""Delivery of webhooks: in the background, in order, retried, and as badly as asked for.

What was not delivered when the program ends is lost, as it is at the real gateway.
"""

import hashlib
import hmac
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import urllib3

from app.simulators.gateway.knobs import Panel
from app.simulators.gateway.rules import Status, iso

RETRY_DELAYS = (1.0, 2.0, 4.0)
_TIMEOUT = 30.0
_ORDER_PATIENCE = 60.0  # Seconds a webhook waits for the first attempt of the one before it.
_JOIN_TIMEOUT = 5.0


@dataclass(slots=True, kw_only=True)
class _Delivery:
    payment_id: str
    event: str
    body: bytes
    copies: int
    is_forged: bool
    late_seconds: float
    patience: float  # Seconds to wait for `after`.
    after: threading.Event | None  # Set once the webhook that has to go first has gone.
    attempted: threading.Event = field(default_factory=threading.Event)
    releases: list[threading.Event] = field(default_factory=list)


class Webhooks:
    """Tells the merchant's profile URL what happens to payments."""

    def __init__(
        self,
        *,
        url: str | None,
        secret: str | None,
        team_slug: str,
        panel: Panel,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        self._url = url
        self._secret = secret
        self._team_slug = team_slug
        self._panel = panel
        self._stopping = threading.Event()
        self._pause = pause or self._stopping.wait
        self._pool = urllib3.PoolManager(maxsize=20, timeout=_TIMEOUT, retries=False)
        self._lock = threading.Lock()
        self._threads: set[threading.Thread] = set()
        self._last: dict[str, _Delivery] = {}  # By payment: what the next one waits for.
        self._overtakable: dict[str, threading.Event] = {}  # By payment: waits for the next one.

    def send(self, payment_id: str, status: Status, moment: datetime) -> None:
        """Start to deliver the news of a payment's new status, and return at once."""
        if self._url is None or self._stopping.is_set():
            return
        knobs = self._panel.knobs.webhooks
        if self._panel.strikes(knobs.lost):
            return
        event, shown_status, data = _describe(status, moment)
        content = {
            "paymentId": payment_id,
            "status": shown_status,
            "teamSlug": self._team_slug,
            "timestamp": iso(moment),
            "data": data,
        }
        delivery = _Delivery(
            payment_id=payment_id,
            event=event,
            body=msgspec.json.encode(content),
            copies=2 if self._panel.strikes(knobs.doubled) else 1,
            is_forged=self._panel.strikes(knobs.forged),
            late_seconds=knobs.late_seconds if self._panel.strikes(knobs.late) else 0.0,
            patience=_ORDER_PATIENCE,
            after=None,
        )
        with self._lock:
            self._put_in_order(delivery)
            thread = threading.Thread(target=self._run, args=(delivery, self._url), daemon=True)
            self._threads.add(thread)
        thread.start()

    def close(self) -> None:
        """Give up what is still under way and free the connections."""
        self._stopping.set()
        with self._lock:
            threads = list(self._threads)
            waited_for = [delivery.attempted for delivery in self._last.values()]
            waited_for += self._overtakable.values()
        for event in waited_for:
            event.set()
        deadline = time.monotonic() + _JOIN_TIMEOUT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._pool.clear()

    def _put_in_order(self, delivery: _Delivery) -> None:
        knobs = self._panel.knobs.webhooks
        overtaken = self._overtakable.pop(delivery.payment_id, None)
        if overtaken is not None:
            delivery.releases.append(overtaken)
        elif self._panel.strikes(knobs.reordered):
            delivery.after = self._overtakable[delivery.payment_id] = threading.Event()
            delivery.patience = knobs.reordered_seconds
            return
        before = self._last.get(delivery.payment_id)
        delivery.after = before.attempted if before else None
        if not delivery.late_seconds:  # Nobody waits for one that is late.
            self._last[delivery.payment_id] = delivery

    def _run(self, delivery: _Delivery, url: str) -> None:
        try:
            if delivery.late_seconds:
                self._pause(delivery.late_seconds)
            if delivery.after is not None:
                delivery.after.wait(delivery.patience)
            for _ in range(delivery.copies):
                self._deliver(delivery, url)
        finally:
            _let_others_go(delivery)
            with self._lock:
                if self._last.get(delivery.payment_id) is delivery:
                    del self._last[delivery.payment_id]
                if self._overtakable.get(delivery.payment_id) is delivery.after:
                    self._overtakable.pop(delivery.payment_id, None)
                self._threads.discard(threading.current_thread())

    def _deliver(self, delivery: _Delivery, url: str) -> None:
        for delay in (0.0, *RETRY_DELAYS):
            if delay:
                self._pause(delay)
            if self._stopping.is_set():
                return
            is_taken = self._post(delivery, url)
            _let_others_go(delivery)
            if is_taken:
                return

    def _post(self, delivery: _Delivery, url: str) -> bool:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "PaymentGateway-Webhook/1.0",
            "X-Webhook-Event": delivery.event,
            "X-Webhook-Delivery": str(uuid.uuid4()),
        }
        if self._secret:
            secret = f"not {self._secret}" if delivery.is_forged else self._secret
            headers["X-Webhook-Signature"] = sign(delivery.body, secret)
        try:
            answer = self._pool.request(
                "POST", url, body=delivery.body, headers=headers, redirect=False
            )
        except urllib3.exceptions.HTTPError:
            return False
        return 200 <= answer.status < 300  # noqa: PLR2004  What 2xx means.


def sign(body: bytes, secret: str) -> str:
    """Return the X-Webhook-Signature of a raw body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _let_others_go(delivery: _Delivery) -> None:
    delivery.attempted.set()
    for event in delivery.releases:
        event.set()


def _describe(status: Status, moment: datetime) -> tuple[str, str, dict[str, Any]]:
    if status is Status.CONFIRMED:
        return "payment_completed", "completed", {"event_type": "payment_completed"}
    if status in {Status.REJECTED, Status.CANCELLED, Status.EXPIRED}:
        data = {"event_type": "payment_failed", "failure_reason": status}
        return "payment_failed", "failed", data
    data = {"transition_timestamp": iso(moment), "status_name": status}
    return "payment_status_changed", status, data
