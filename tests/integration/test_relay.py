"""The relay: what is delivered, order within a key, and exactly once in the database."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event as Signal

from app.kernel import db, errors, metrics, relay
from tests.conftest import Caller, Event
from tests.integration.gateway import until
from tests.integration.post import TOPIC, Post, probe, write

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


# --- Exactly once in the database ----------------------------------------------------------------


DIES_BEFORE_COMMIT = """
from gevent import monkey
monkey.patch_all()
import os, signal, sys
from app.kernel import relay
from tests.integration.post import write

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
