"""Messages that fail: the relay's patience with them, and what operators do."""

from __future__ import annotations

import gevent
import pytest
from gevent.event import Event as Signal

from app.kernel import db, errors, metrics, relay
from tests.integration.gateway import until
from tests.integration.post import TOPIC, Post, probe, write

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
        connection.give_up()
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
