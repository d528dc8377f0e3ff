"""Somebody else's customers at the event provider, who take places that we would like to sell."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import gevent
import urllib3
from gevent.event import Event

from loadtest.chaos.world import SEATS_PER_ROW, World

_API = "/api/partners/v1"
_PATIENCE = 20.0
_NEVER = 0.3


@dataclass(slots=True)
class Foreigner:
    """Buys places at the provider directly, in front where our buyers look first."""

    world: World
    orders: dict[str, set[str]] = field(default_factory=dict)
    """The places that were acknowledged to each order; nobody but it may ever free them."""
    _stop: Event = field(default_factory=Event)
    _greenlet: gevent.Greenlet | None = None

    def buy_before(self, orders: int) -> None:
        """Take some places before anybody else comes."""
        dice = random.Random(f"{self.world.plan.seed}:foreign before")
        for _ in range(orders):
            self._buy(dice)

    def start(self) -> None:
        """Go on buying while the run lasts."""
        self._greenlet = gevent.spawn(self._go_on)

    def finish(self) -> None:
        """Stop buying."""
        self._stop.set()
        if self._greenlet is not None:
            self._greenlet.join()

    def _go_on(self) -> None:
        dice = random.Random(f"{self.world.plan.seed}:foreign")
        while not self._stop.wait(dice.uniform(0.5, 3.0)):
            self._buy(dice)

    def _buy(self, dice: random.Random) -> None:
        """One order; where an answer is missing it stays as it is, which is a customer's right."""
        status, body = self._ask("POST", f"{_API}/orders")
        if status != 201:
            return
        order_id = str(body["order_id"])
        mine = self.orders.setdefault(order_id, set())
        page = dice.randint(1, self.world.plan.hot_rows * SEATS_PER_ROW // 20)
        _, listed = self._ask("GET", f"{_API}/places?page={page}&pageSize=20")
        free = [p["id"] for p in listed if p["is_free"]] if isinstance(listed, list) else []
        for place_id in dice.sample(free, min(len(free), dice.randint(1, 3))):
            path = f"{_API}/places/{place_id}/select"
            status, _ = self._ask("PATCH", path, {"order_id": order_id})
            if status == 204:
                mine.add(place_id)
            elif status != 409:
                return
        # Some take their time, and some never come back; their order keeps its places.
        self._stop.wait(dice.choice((0.0, 0.0, 3.0)))
        if dice.random() < _NEVER or not mine or not self._is_attached(order_id, len(mine)):
            return
        if self._ask("PATCH", f"{_API}/orders/{order_id}/submit")[0] == 200:
            self._ask("PATCH", f"{_API}/orders/{order_id}/confirm")

    def _is_attached(self, order_id: str, count: int) -> bool:
        waited = 0.0
        while waited < _PATIENCE:
            _, order = self._ask("GET", f"{_API}/orders/{order_id}")
            if isinstance(order, dict) and order.get("places_count", 0) >= count:
                return True
            waited += 0.1
            gevent.sleep(0.1)
        return False

    def _ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        try:
            answer = self.world.http.request(
                method, self.world.provider + path, json=body, timeout=5
            )
            return answer.status, answer.json() if answer.data else None
        except (urllib3.exceptions.HTTPError, ValueError):
            return 0, None
