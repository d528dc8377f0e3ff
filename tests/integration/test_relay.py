"""The relay: order within a key, exactly once in the database, poison, and what operators do."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gevent
import psycopg
import pytest
from gevent.event import Event as Signal

from app.kernel import db, errors, metrics, outbox, relay
from tests.conftest import Caller, Event
from tests.integration.gateway import until

TOPIC = "test.said"


@contextmanager
def probe(sql: psycopg.Connection[Any]) -> Iterator[Callable[[], list[int]]]:
    """A table that `write` writes into; tells the numbers in it, in their order."""
    sql.execute("CREATE TABLE relay_probe (number integer)")
    try:
        yield lambda: [row[0] for row in sql.execute("SELECT number FROM relay_probe ORDER BY 1")]
    finally:
        sql.execute("DROP TABLE relay_probe")


def write(connection: db.Connection, message: relay.Message) -> None:
    """A consumer that writes each number into the probe."""
    connection.execute("INSERT INTO relay_probe VALUES (%(number)s)", message.payload)


@dataclass
class Post:
    """A key or two of a test's own, and a consumer that remembers what it was told."""

    sql: psycopg.Connection[Any]
    key: str = field(default_factory=lambda: f"test-{secrets.token_hex(6)}")
    told: list[int] = field(default_factory=list)
    poison: set[int] = field(default_factory=set)

    @property
    def other_key(self) -> str:
        return f"{self.key}-other"

    @property
    def consumers(self) -> relay.Consumers:
        return {TOPIC: [self.consume]}

    def publish(self, *numbers: int, key: str | None = None, topic: str = TOPIC) -> list[int]:
        """Publish a message for each number in turn; returns their ids."""
        for number in numbers:
            with db.transaction() as connection:
                outbox.publish(connection, topic, key or self.key, {"number": number})
        return self.ids(key)[-len(numbers) :]

    def consume(self, _connection: db.Connection, message: relay.Message) -> None:
        number = message.payload["number"]
        if number in self.poison:
            raise ValueError(f"{number} is poison\0")
        self.told.append(number)

    def ids(self, key: str | None = None) -> list[int]:
        found = self.sql.execute(
            "SELECT id FROM outbox WHERE key = %s ORDER BY id", [key or self.key]
        )
        return [row[0] for row in found]

    def dead(self) -> list[int]:
        found = self.sql.execute("SELECT id FROM outbox WHERE dead_at IS NOT NULL ORDER BY id")
        return [row[0] for row in found]

    def make_due(self) -> None:
        """Make it the turn of every message of ours that waits."""
        self.sql.execute(
            "UPDATE outbox SET try_at = now() WHERE key LIKE %s AND try_at IS NOT NULL",
            [f"{self.key}%"],
        )

    def kill(self, number: int) -> int:
        """Let a poisonous message fail until it is dead; returns its id."""
        self.poison.add(number)
        (message_id,) = self.publish(number)
        for _ in range(8):
            self.make_due()
            relay.deliver(self.consumers)
        return message_id


@pytest.fixture
def post(app: Any, sql: psycopg.Connection[Any]) -> Iterator[Post]:
    """An outbox without anybody else's messages: their tests are over."""
    del app
    sql.execute("DELETE FROM outbox")
    post = Post(sql)
    yield post
    sql.execute("DELETE FROM outbox WHERE key LIKE %s", [f"{post.key}%"])


# --- Delivery ------------------------------------------------------------------------------------


def test_messages_are_delivered_in_order_and_leave_the_outbox(post: Post) -> None:
    post.publish(1, 2, 3)
    assert relay.deliver(post.consumers) == 3
    assert post.told == [1, 2, 3]
    assert post.ids() == []
    assert relay.deliver(post.consumers) == 0


def test_messages_that_nobody_wants_are_deleted(post: Post) -> None:
    post.publish(1, 2, topic="test.unheard")
    counter = metrics.MESSAGES_DELIVERED.labels("test.unheard")
    before = counter._value.get()
    assert relay.deliver(post.consumers) == 2
    assert (post.told, post.ids()) == ([], [])
    assert counter._value.get() == before + 2


def test_every_consumer_of_a_topic_is_told_or_none(post: Post) -> None:
    more: list[int] = []

    def refuse_once(_connection: db.Connection, message: relay.Message) -> None:
        more.append(message.id)
        if len(more) == 1:
            raise errors.Busy

    (message_id,) = post.publish(1)
    consumers = {TOPIC: [write, refuse_once]}
    with probe(post.sql) as written:
        assert relay.deliver(consumers) == 1
        assert written() == []
        post.make_due()
        assert relay.deliver(consumers) == 1
        assert written() == [1]
    assert more == [message_id, message_id]


def test_a_full_batch_of_uninteresting_messages_takes_few_statements(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.sql.execute(
        """INSERT INTO outbox (topic, key, payload)
           SELECT 'test.unheard', %s, '{}' FROM generate_series(1, 600)""",
        [post.key],
    )
    asked: list[Any] = []
    execute = db.Connection.execute

    def counting(self: db.Connection, query: Any, *rest: Any, **options: Any) -> Any:
        asked.append(query)
        return execute(self, query, *rest, **options)

    monkeypatch.setattr(db.Connection, "execute", counting)
    assert relay.deliver(post.consumers) == 500
    assert len(asked) == 3, "the lock, the batch, the deletion"
    assert relay.deliver(post.consumers) == 100


def test_a_batch_has_few_savepoints(post: Post) -> None:
    post.publish(*range(relay.CALLS + 10))
    assert relay.deliver(post.consumers) == relay.CALLS
    assert relay.deliver(post.consumers) == 10
    assert post.told == list(range(relay.CALLS + 10))


def test_a_slow_consumer_does_not_make_a_batch_endless(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_BATCH_SECONDS", -1.0)
    post.publish(1)
    assert relay.deliver(post.consumers) == 0
    monkeypatch.undo()
    assert relay.deliver(post.consumers) == 1


# --- Order with several relays -------------------------------------------------------------------


def plain_skip_locked(consumers: relay.Consumers) -> int:
    """The relay without its guard: each takes what no other has taken."""
    with db.transaction() as connection:
        found = connection.execute(
            """SELECT id, topic, key, payload, created_at, attempts, last_error, try_at, dead_at
               FROM outbox ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"""
        )
        messages = [relay.Message(*row) for row in found]
        for message in messages:
            for consume in consumers[message.topic]:
                consume(connection, message)
            connection.execute("DELETE FROM outbox WHERE id = %(id)s", {"id": message.id})
    return len(messages)


def order_with_two(post: Post, deliver: Callable[[relay.Consumers], int]) -> list[int]:
    """In which order a key's two messages come, when the first takes its consumer long."""
    post.publish(1, 2)
    overtaken = Signal()

    def consume(_connection: db.Connection, message: relay.Message) -> None:
        number = message.payload["number"]
        if number == 1:
            overtaken.wait(0.5)
        post.told.append(number)
        if number == 2:
            overtaken.set()

    def work() -> None:
        while post.ids():
            deliver({TOPIC: [consume]})
            gevent.sleep(0.005)

    gevent.joinall([gevent.spawn(work) for _ in range(2)], raise_error=True)
    return post.told


def test_two_relays_keep_the_order_of_a_key(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "_BATCH", 1)
    assert order_with_two(post, relay.deliver) == [1, 2]


def test_control_skip_locked_alone_does_not_keep_it(post: Post) -> None:
    assert order_with_two(post, plain_skip_locked) == [2, 1]


def test_many_relays_deliver_each_message_once(post: Post) -> None:
    keys = [f"{post.key}-{n}" for n in range(20)]
    for number in range(6):
        for key in keys:
            post.publish(number, key=key)
    with probe(post.sql) as written:

        def work() -> None:
            for _ in range(200):
                relay.deliver({TOPIC: [write]})
                gevent.sleep(0)

        gevent.joinall([gevent.spawn(work) for _ in range(6)], raise_error=True)
        assert written() == sorted(list(range(6)) * 20)


def test_another_relay_takes_over_when_the_active_one_is_ended(post: Post) -> None:
    post.publish(1)
    pid: list[int] = []
    release = Signal()

    def hang(connection: db.Connection, _message: relay.Message) -> None:
        pid.append(connection.info.backend_pid)
        release.wait(10)
        connection.execute("SELECT 1")

    active = gevent.spawn(relay.deliver, {TOPIC: [hang]})
    until(lambda: pid)
    assert relay.deliver(post.consumers) == 0, "one at a time"
    post.sql.execute("SELECT pg_terminate_backend(%s, 5000)", pid)
    assert relay.deliver(post.consumers) == 1
    assert post.told == [1]
    release.set()
    with pytest.raises(errors.Unavailable):
        active.get(timeout=5)


# --- Exactly once in the database ----------------------------------------------------------------


DIES_BEFORE_COMMIT = """
from gevent import monkey
monkey.patch_all()
import os, signal, sys
from app.kernel import relay
from tests.integration.test_relay import write

relay.deliver({sys.argv[1]: [write, lambda *_: os.kill(os.getpid(), signal.SIGKILL)]})
"""


def test_a_process_that_dies_before_the_commit_leaves_no_trace_and_no_loss(post: Post) -> None:
    (message_id,) = post.publish(7)
    with probe(post.sql) as written:
        ended = subprocess.run(
            [sys.executable, "-c", DIES_BEFORE_COMMIT, TOPIC], check=False, timeout=60
        )
        assert ended.returncode == -signal.SIGKILL
        assert written() == []
        until(lambda: relay.deliver({TOPIC: [write]}))  # The server notices the death first.
        assert written() == [7]
        assert relay.deliver({TOPIC: [write]}) == 0
    with pytest.raises(errors.NotFound):
        relay.find_message(message_id)


# --- Poison --------------------------------------------------------------------------------------


def test_a_poisonous_message_holds_up_its_key_and_no_other(post: Post) -> None:
    poisonous, after = post.publish(1, 2)
    post.publish(3, key=post.other_key)
    post.poison.add(1)
    assert relay.deliver(post.consumers) == 2
    assert post.told == [3]
    assert post.ids() == [poisonous, after]
    failed = relay.find_message(poisonous)
    assert (failed.attempts, failed.last_error) == (1, "ValueError: 1 is poison")
    assert relay.find_message(after).attempts == 0
    assert relay.deliver(post.consumers) == 0, "it is not its turn yet"

    post.poison.clear()
    post.make_due()
    assert relay.deliver(post.consumers) == 2
    assert post.told == [3, 1, 2]


def test_a_statement_that_fails_in_a_consumer_spoils_nothing_else(post: Post) -> None:
    def fail(connection: db.Connection, message: relay.Message) -> None:
        write(connection, message)
        if message.payload["number"] == 2:
            connection.execute("SELECT 1 / 0")

    for number in (1, 2, 3):
        post.publish(number, key=f"{post.key}-{number}")
    with probe(post.sql) as written:
        assert relay.deliver({TOPIC: [fail]}) == 3
        assert written() == [1, 3]
    assert "DivisionByZero" in relay.find_message(post.ids(f"{post.key}-2")[0]).last_error


def test_a_lost_connection_is_not_held_against_the_message(post: Post) -> None:
    (message_id,) = post.publish(1)

    def cut(connection: db.Connection, _message: relay.Message) -> None:
        connection.cut()
        connection.execute("SELECT 1")

    with pytest.raises(errors.Unavailable):
        relay.deliver({TOPIC: [cut]})
    assert relay.find_message(message_id).attempts == 0
    until(lambda: relay.deliver(post.consumers))
    assert post.told == [1]


def test_pauses_between_tries_double(post: Post) -> None:
    post.poison.add(1)
    (message_id,) = post.publish(1)
    for tried in range(7):
        post.make_due()
        assert relay.deliver(post.consumers) == 1
        row = post.sql.execute(
            "SELECT extract(epoch FROM try_at - now())::float FROM outbox WHERE id = %s",
            [message_id],
        ).fetchone()
        assert row is not None
        middle = 5 * 2**tried
        assert 0.75 * middle - 1 < row[0] <= 1.25 * middle
    assert post.dead() == []


def test_a_dead_message_is_listed_and_lets_its_key_go_on(post: Post) -> None:
    counter = metrics.MESSAGES_DEAD.labels(TOPIC)
    before = counter._value.get()
    message_id = post.kill(1)
    post.publish(2)
    assert counter._value.get() == before + 1
    assert post.dead() == [message_id]
    dead = relay.find_message(message_id)
    assert (dead.id, dead.topic, dead.key, dead.payload) == (
        message_id,
        TOPIC,
        post.key,
        {"number": 1},
    )
    assert (dead.attempts, dead.last_error) == (8, "ValueError: 1 is poison")
    assert dead.dead_at is not None
    assert relay.deliver(post.consumers) == 1
    assert post.told == [2]
    post.make_due()
    assert relay.deliver(post.consumers) == 0, "it is not tried any more"


# --- Operators -----------------------------------------------------------------------------------


def test_a_dead_message_that_is_retried_is_delivered(post: Post) -> None:
    message_id = post.kill(1)
    post.poison.clear()
    relay.retry_message(message_id, "operator:test")
    assert post.dead() == []
    assert relay.find_message(message_id).attempts == 0
    assert relay.deliver(post.consumers) == 1
    assert post.told == [1]
    with pytest.raises(errors.NotFound):
        relay.retry_message(message_id, "operator:test")


def test_a_message_that_waits_for_its_next_try_can_be_tried_now(post: Post) -> None:
    post.poison.add(1)
    (message_id,) = post.publish(1)
    relay.deliver(post.consumers)
    post.poison.clear()
    relay.retry_message(message_id, "operator:test")
    assert relay.deliver(post.consumers) == 1


def test_a_discarded_message_is_gone_kept_and_audited(post: Post) -> None:
    message_id = post.kill(1)
    relay.discard_message(message_id, "operator:test", "sent by hand")
    assert post.dead() == []
    kept = post.sql.execute(
        "SELECT topic, key, payload, attempts, actor, note FROM discarded_messages WHERE id = %s",
        [message_id],
    ).fetchall()
    assert kept == [(TOPIC, post.key, {"number": 1}, 8, "operator:test", "sent by hand")]
    audited = post.sql.execute(
        """SELECT actor, from_status, to_status FROM audit_log
           WHERE action = 'message.discarded' AND entity_id = %s""",
        [message_id],
    ).fetchall()
    assert audited == [("operator:test", "DEAD", "DISCARDED")]
    with pytest.raises(errors.NotFound):
        relay.discard_message(message_id, "operator:test", "again")


def test_a_message_that_has_not_failed_is_not_discarded(post: Post) -> None:
    (message_id,) = post.publish(1)
    with pytest.raises(errors.Conflict):
        relay.discard_message(message_id, "operator:test", "too early")
    assert post.ids() == [message_id]


def test_an_operator_waits_for_the_relay_that_is_at_work(post: Post) -> None:
    post.poison.add(1)
    (message_id,) = post.publish(1)
    relay.deliver(post.consumers)
    post.make_due()
    at_work, release = Signal(), Signal()

    def slow(_connection: db.Connection, _message: relay.Message) -> None:
        at_work.set()
        release.wait(5)

    delivering = gevent.spawn(relay.deliver, {TOPIC: [slow]})
    at_work.wait(5)
    discarding = gevent.spawn(relay.discard_message, message_id, "operator:test", "no")
    until(lambda: waiting_for_advisory_lock(post))
    release.set()
    assert delivering.get(timeout=5) == 1
    with pytest.raises(errors.NotFound):  # It has been delivered.
        discarding.get(timeout=5)


def waiting_for_advisory_lock(post: Post) -> bool:
    row = post.sql.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    ).fetchone()
    return row is not None and row[0] > 0


def test_the_backlog_tells_how_much_waits_since_when_and_what_is_dead(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert relay.backlog() == (0, 0.0, 0)
    post.kill(1)
    message_id = post.publish(2, 3, 4)[0]
    post.sql.execute(
        "UPDATE outbox SET created_at = now() - interval '1 minute' WHERE id = %s", [message_id]
    )
    waiting, oldest, dead = relay.backlog()
    assert (waiting, dead) == (3, 1)
    assert 60 <= oldest < 90
    monkeypatch.setattr(relay, "_COUNTED", 2)
    assert relay.backlog().waiting == 2


def test_what_bookings_publish_is_in_the_order_in_which_it_happened(
    post: Post, buyer: Caller, event: Event
) -> None:
    assert post.ids() == []
    booking = buyer.book(event.id)
    assert buyer.cancel(booking).status_code == 200
    told: list[str] = []

    def consume(_connection: db.Connection, message: relay.Message) -> None:
        told.append(message.topic)

    relay.deliver({"booking.created": [consume], "booking.cancelled": [consume]})
    assert told == ["booking.created", "booking.cancelled"]
