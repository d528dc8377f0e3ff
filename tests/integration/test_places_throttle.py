"""A sale that is faster than the event provider: who pays waits in our queue, not in its lanes."""

from __future__ import annotations

from typing import Any

import gevent

from tests.conftest import Caller
from tests.integration.gateway import configured, until
from tests.integration.hall import Hall

BUYERS = 16
WINDOW = 4


def test_a_sale_four_times_as_fast_as_the_provider_is_throttled_and_all_that_is_paid_is_sold(
    hall: Hall,
) -> None:
    # Orders of two places are five messages: the provider brings four a second, and all come at
    # once. What is asked for and not counted yet never exceeds the window by more than one order.
    hall.provider.turn(order_lane={"per_second": 20.0}, place_lane={"per_second": 20.0})
    seen: list[int] = []
    refusals: list[tuple[str, str]] = []
    is_over: list[bool] = []

    def on_its_way() -> int:
        ledger = hall.provider.ledger()
        held = {
            row[0]
            for row in hall._all(
                "SELECT order_id::text FROM provider_orders o WHERE status <> 'WANTED'"
            )
        }
        return sum(
            len(order["places"]) for order in ledger["orders"] if order["order_id"] not in held
        )

    def buy(number: int) -> int:
        buyer: Caller = hall.new_user()
        booking = buyer.book(hall.event.id)
        for seat in hall.event.seats[2 * number : 2 * number + 2]:
            assert buyer.select(booking, seat).status_code == 200
        while (answer := buyer.pay(booking)).status_code != 302:
            assert answer.status_code == 503, answer.text
            refusals.append((answer.json["code"], answer.headers["Retry-After"]))
            gevent.sleep(0.2)
        hall.gateway.authorize(hall.orders(booking)[-1])
        return booking

    def watch() -> None:
        while not is_over:
            seen.append(on_its_way())
            gevent.sleep(0.05)

    with (
        configured(
            EVENT_PROVIDER_URL=hall.provider.base,
            EVENT_PROVIDER_PATIENCE="30",
            EVENT_PROVIDER_WINDOW=str(WINDOW),
        ),
        hall.working(),
    ):
        watcher = gevent.spawn(watch)
        bookings: list[Any] = [gevent.spawn(buy, number) for number in range(BUYERS)]
        gevent.joinall(bookings, raise_error=True)
        until(lambda: all(hall.booking(one.value) == "CONFIRMED" for one in bookings), 30)
        is_over.append(True)  # Not killed: it may be using the connection.
        watcher.join()
    assert refusals, "nobody had to wait"
    assert {code for code, _ in refusals} == {"places_pending"}
    assert max(seen) <= WINDOW + 1
    assert len(hall.theirs()["CONFIRMED"]) == 2 * BUYERS
    late = hall._all(
        "SELECT count(*) FROM payments WHERE event_id = %s AND (status <> 'COMPLETED'"
        " OR decided_at - created_at > interval '5 seconds')", hall.event.id,
    )  # fmt: skip
    assert late == [(0,)]
