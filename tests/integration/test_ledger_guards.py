"""What the ledger's own triggers and constraints refuse, past the application."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.integration.gateway import Simulator
from tests.integration.giving_back import paid
from tests.integration.shop import PRICE, Shop, forget

# The database is the last guard.


@pytest.fixture
def enter(gateway: Simulator, shop: Shop) -> Iterator[Callable[..., None]]:
    """Writes into the ledger of a paid line, past the application; nothing of it stays."""
    attempt = paid(gateway, shop, shop.event, seats=1)
    refund = shop.sql.execute(
        "INSERT INTO refunds (order_id, amount_minor, currency) VALUES (%s, 1, 'KZT') RETURNING id",
        [attempt.order],
    ).fetchone()
    line = shop.sql.execute(
        "SELECT line_id FROM ledger WHERE order_id = %s", [attempt.order]
    ).fetchone()
    assert refund is not None
    assert line is not None

    def write(kind: str, amount: int, currency: str = "KZT", line_id: int | None = line[0]) -> None:
        shop.sql.execute(
            """INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency, refund_id)
               VALUES (%s, %s, %s, %s, %s, %s)""",
            [kind, attempt.order, line_id, amount, currency, None if kind == "FEE" else refund[0]],
        )

    yield write
    forget(shop, attempt)


@pytest.mark.parametrize(
    ("before", "entry", "broken"),
    [
        ([], ("REFUND_DUE", PRICE + 1), "ledger_not_more_than_came"),
        ([], ("FEE", PRICE + 1), "ledger_not_more_than_came"),
        ([("REFUND_DUE", PRICE)], ("FEE", 1), "ledger_not_more_than_came"),
        ([("FEE", 1)], ("REFUND_DUE", PRICE), "ledger_not_more_than_came"),
        ([], ("REFUND_DUE", PRICE, "USD"), "ledger_not_more_than_came"),
        ([], ("REFUND_DUE", 1, "KZT", None), "ledger_not_more_than_came"),
        ([], ("REFUND", 1), "ledger_refund_was_due"),
        ([("REFUND_DUE", 10)], ("REFUND", 11), "ledger_refund_was_due"),
        ([("FEE", 10)], ("REFUND", 10), "ledger_refund_was_due"),
    ],
)
def test_the_database_refuses_to_give_back_more_than_came(
    enter: Callable[..., None], before: list[Any], entry: tuple[Any, ...], broken: str
) -> None:
    for one in before:
        enter(*one)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        enter(*entry)
    assert refused.value.diag.constraint_name == broken


def test_the_database_takes_what_adds_up_and_each_entry_once(enter: Callable[..., None]) -> None:
    enter("REFUND_DUE", PRICE - 1)
    enter("FEE", 1)
    enter("REFUND", PRICE - 1)
    for again in ("REFUND_DUE", "FEE", "REFUND"):
        with pytest.raises(psycopg.errors.UniqueViolation, match="ledger_once"):
            enter(again, 1)
