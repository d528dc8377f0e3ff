"""The ledger of a running database on its way to 0006 and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.conninfo import make_conninfo
from sqlalchemy.exc import DBAPIError

from app.migrations import runner

OLD = """
    INSERT INTO payments (order_id, booking_id, user_id, event_id, amount_minor, currency, line_ids,
                          status, decided_at)
    VALUES (1, 1, 1, 1, 300, 'KZT', '{11,12,13}', 'COMPLETED', now()),
           (2, 2, 1, 1, 300, 'KZT', '{21,22,23}', 'REFUND_DUE', now()),
           (3, 3, 1, 1, 500, 'KZT', '{31}', 'REFUND_DUE', now()),
           (4, 4, 1, 1, 100, 'KZT', '{41}', 'REFUNDED', now());
    INSERT INTO ledger (kind, order_id, line_id, amount_minor, currency)
    VALUES ('CHARGE', 1, 11, 100, 'KZT'), ('CHARGE', 1, 12, 100, 'KZT'),
           ('CHARGE', 1, 13, 100, 'KZT'), ('CHARGE', 2, 21, 100, 'KZT'),
           ('CHARGE', 2, 22, 199, 'KZT'), ('CHARGE', 2, 23, 1, 'KZT'),
           ('REFUND_DUE', 2, 21, 50, 'KZT'), ('REFUND_DUE', 2, 22, 99, 'KZT'),
           ('REFUND_DUE', 3, NULL, 777, 'USD'),
           ('CHARGE', 4, 41, 100, 'KZT'), ('REFUND_DUE', 4, 41, 100, 'KZT'),
           ('REFUND', 4, 41, 100, 'KZT');
    INSERT INTO refunds (order_id, amount_minor, currency, status, paid_at)
    VALUES (2, 149, 'KZT', 'UNCLEAR', NULL), (3, 777, 'USD', 'DUE', NULL),
           (4, 100, 'KZT', 'PAID', now());
"""
LEDGER = "SELECT order_id, line_id, kind, amount_minor FROM ledger ORDER BY 1, 2, 3"


@pytest.fixture
def old(database_url: str, sql: Any) -> Iterator[tuple[Config, psycopg.Connection[Any]]]:
    """A database of 0005 with sales, refunds and money that came for nothing."""
    sql.execute("CREATE DATABASE old_ledger")
    url = make_conninfo(database_url, dbname="old_ledger")
    config = runner._config(url)
    try:
        command.upgrade(config, "0005")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(OLD)
            yield config, connection
    finally:
        sql.execute("DROP DATABASE old_ledger WITH (FORCE)")


def test_old_refunds_get_their_charges_and_fees_and_rows_know_their_refund(old: Any) -> None:
    config, sql = old
    command.upgrade(config, "0006")
    assert sql.execute(
        "SELECT order_id, line_id, kind, amount_minor, currency FROM ledger"
        " WHERE kind = 'FEE' OR line_id IS NULL ORDER BY 1, 2, 3"
    ).fetchall() == [
        (2, 21, "FEE", 50, "KZT"),
        (2, 22, "FEE", 100, "KZT"),
        (2, 23, "FEE", 1, "KZT"),
        (3, None, "CHARGE", 777, "USD"),
        (3, None, "REFUND_DUE", 777, "USD"),
    ]
    assert sql.execute(
        """SELECT bool_and(r.order_id = l.order_id) FROM ledger l
           LEFT JOIN refunds r ON r.id = l.refund_id WHERE l.kind IN ('REFUND_DUE', 'REFUND')"""
    ).fetchone() == (True,)
    for statement in ("UPDATE ledger SET amount_minor = 1", "DELETE FROM ledger"):
        with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            sql.execute(statement)


def test_the_way_back_leaves_what_was_there(old: Any) -> None:
    config, sql = old
    before = sql.execute(LEDGER).fetchall(), sql.execute("SELECT * FROM refunds").fetchall()
    command.upgrade(config, "0006")
    command.downgrade(config, "0005")
    after = sql.execute(LEDGER).fetchall(), sql.execute("SELECT * FROM refunds").fetchall()
    assert after == before
    command.upgrade(config, "0006")


def test_several_refunds_of_an_order_become_the_duty_of_what_is_unpaid(old: Any) -> None:
    config, sql = old
    command.upgrade(config, "0006")
    sql.execute(
        """INSERT INTO refunds (order_id, amount_minor, currency, status, paid_at)
           VALUES (2, 10, 'KZT', 'DUE', NULL), (2, 20, 'KZT', 'PAID', now()),
                  (4, 30, 'KZT', 'PAID', now())"""
    )
    command.downgrade(config, "0005")
    assert sql.execute(
        "SELECT order_id, amount_minor, status FROM refunds ORDER BY 1"
    ).fetchall() == [(2, 159, "UNCLEAR"), (3, 777, "DUE"), (4, 130, "PAID")]


def test_refunds_of_orders_that_are_partly_sold_forbid_the_way_back(old: Any) -> None:
    config, sql = old
    command.upgrade(config, "0006")
    sql.execute("INSERT INTO refunds (order_id, amount_minor, currency) VALUES (1, 100, 'KZT')")
    with pytest.raises(DBAPIError, match="partly sold"):
        command.downgrade(config, "0005")
    assert sql.execute("SELECT version_num FROM alembic_version").fetchone() == ("0006",)
