"""The way up, the way down, and a database that comes out of a dump."""

from __future__ import annotations

from typing import Any

from alembic import command
from psycopg.conninfo import make_conninfo

from app.migrations import runner
from tests.conftest import Event


def test_two_upgrades_change_nothing_the_second_time(database_url: str, sql: Any) -> None:
    runner.upgrade(database_url)
    assert sql.execute("SELECT version_num FROM alembic_version").fetchall() == [(runner.head(),)]


def test_down_and_up_again_leaves_the_same_schema(database_url: str, sql: Any) -> None:
    sql.execute("CREATE DATABASE down_and_up")
    url = make_conninfo(database_url, dbname="down_and_up")
    try:
        runner.upgrade(url)
        command.downgrade(runner._config(url), "base")
        runner.upgrade(url)
    finally:
        sql.execute("DROP DATABASE down_and_up")


def test_seats_of_another_cluster_do_not_look_changed_for_ever(
    database_url: str, sql: Any, event: Event
) -> None:
    sql.execute("UPDATE seats SET changed_in = 2^60 WHERE id = %s", [event.seats[0]])
    runner.upgrade(database_url)
    row = sql.execute("SELECT changed_in FROM seats WHERE id = %s", [event.seats[0]]).fetchone()
    assert row == (0,)
