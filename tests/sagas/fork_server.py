"""A process that has imported the application, and forks children that die when they are told to.

`python -m tests.sagas.fork_server` reads orders as JSON, one a line: a deed, and at which of its
points to die. A point is a moment from which the outside looks different: before and after each
call of a service and each commit; or, where every statement counts, each of these too.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402 - after the patch, as everything here
import os  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from typing import Any  # noqa: E402

from gevent.os import fork_gevent  # noqa: E402
from psycopg import pq  # noqa: E402

from app import worker  # noqa: E402
from app.checkout import initiating, refunding, service  # noqa: E402
from app.kernel import config, db, errors, outside  # noqa: E402
from app.kernel.auth import Principal  # noqa: E402
from tests.sagas import sabotage  # noqa: E402
from tests.sagas.forks import JOBS, NOTHING  # noqa: E402

_TURNS = 12
# gevent's own would start an event loop here, and children should get a process without one.
_close, _waitpid = monkey.get_original("os", ["close", "waitpid"])


class Points:
    """Counts the points of a deed, tells their names, and dies at one of them."""

    def __init__(self) -> None:
        self.pipe = self.die_at = -1
        self.passed = 0
        self.every_statement = False

    def reach(self, name: str) -> None:
        os.write(self.pipe, f"{name}\n".encode())
        self.passed += 1
        if self.passed - 1 == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)


points = Points()


def hook() -> None:
    """Put points around outside calls, transactions and single statements."""
    call, open_connection = outside.Outside.call, db.Pool._open

    def watched_call(self: outside.Outside, name: str, *args: Any, **options: Any) -> Any:
        points.reach(f"before {name}")
        try:
            return call(self, name, *args, **options)
        finally:
            points.reach(f"after {name}")

    def told_open(self: db.Pool) -> db.Connection:
        connection = open_connection(self)
        os.write(points.pipe, f"@{connection.info.backend_pid}\n".encode())
        return connection

    outside.Outside.call = watched_call  # type: ignore[method-assign]
    db.Pool._open = told_open  # type: ignore[method-assign]
    _hook_statements()
    _hook_transactions()


def _hook_statements() -> None:
    execute = db.Connection.execute

    def watched(self: db.Connection, query: Any, *args: Any, **options: Any) -> Any:
        if self.pgconn.pipeline_status != pq.PipelineStatus.OFF:
            self.changed = 1  # Nobody knows yet. It goes with its transaction, in one exchange.
            return execute(self, query, *args, **options)
        words = " ".join(str(query).split()[:3])
        is_read = words.startswith("SELECT")
        is_alone = self.pgconn.transaction_status == pq.TransactionStatus.IDLE
        is_point = points.every_statement or (is_alone and not is_read)
        if is_point:
            points.reach(f"before {words}")
        found = execute(self, query, *args, **options)
        changed = 0 if is_read or _counts_nothing(found) else found.rowcount
        if is_alone and is_point:
            points.reach(f"after {words}{'' if changed else NOTHING}")
        elif not is_alone:
            self.changed = getattr(self, "changed", 0) + changed
        return found

    db.Connection.execute = watched  # type: ignore[method-assign]


def _hook_transactions() -> None:
    transaction = db.Connection.transaction

    @contextmanager
    def watched(self: db.Connection, *args: Any, **options: Any) -> Iterator[Any]:
        is_outer = self.pgconn.transaction_status == pq.TransactionStatus.IDLE
        if is_outer:
            self.changed = 0
        with transaction(self, *args, **options) as inner:
            yield inner
            if is_outer:
                points.reach(f"before commit{'' if self.changed else NOTHING}")
        if is_outer:
            points.reach(f"after commit{'' if self.changed else NOTHING}")

    db.Connection.transaction = watched  # type: ignore[method-assign]


def _counts_nothing(found: Any) -> bool:
    """Whether a statement says of itself that it has changed no row."""
    result = found.pgresult
    return (result.ntuples, result.nfields) == (1, 1) and result.get_value(0, 0) == b"0"


def work() -> None:
    """What one worker process does about sagas until there is nothing to do at once."""
    for _ in range(_TURNS):
        if not sum([take_turn(name) for name in JOBS]):
            return


def take_turn(name: str) -> int:
    """One turn of one of the worker's jobs."""
    job = next(job for job in worker.jobs() if job.name == name)
    found = job.work()
    worker.finish_work()
    return found


def pay(user_id: int, booking_id: int) -> str:
    """A web worker takes a buyer to the form."""
    return initiating.start_payment(Principal(user_id), booking_id)


def pay_impatiently(user_id: int, booking_id: int) -> str:
    """As pay, but nobody waits for the places."""
    initiating._WAIT_SECONDS = 0
    return pay(user_id, booking_id)


def cancel(user_id: int, booking_id: int) -> None:
    """A web worker cancels a booking."""
    refunding.cancel_booking(Principal(user_id), booking_id)


def give_back(user_id: int, booking_id: int, seat_id: int) -> None:
    """A web worker takes one paid seat back."""
    refunding.refund_seats(Principal(user_id), booking_id, [seat_id])


def settle(order_id: int) -> str:
    """A web worker follows the hint of a browser."""
    return service.settle(order_id)


DEEDS: dict[str, Callable[..., Any]] = {
    deed.__name__: deed
    for deed in (work, take_turn, pay, pay_impatiently, cancel, give_back, settle)
}


def do(order: dict[str, Any], pipe: int) -> None:
    """Be the child: do the deed, and perhaps not survive it."""
    os.environ.update(order["settings"])
    config.settings.cache_clear()
    if order["sabotage"]:
        sabotage.ORDERS[order["sabotage"]]()
    points.die_at, points.every_statement = order["die_at"], order["every_statement"]
    points.pipe = pipe
    try:
        said = str(DEEDS[order["deed"]](*order["args"]))
    except errors.Problem as problem:
        said = problem.code
    os.write(pipe, f"={said}\n".encode())


def serve(order: dict[str, Any]) -> dict[str, Any]:
    """Fork a child and tell what became of it."""
    reading, writing = os.pipe()
    child = fork_gevent()
    if child == 0:
        code = 1
        try:
            _close(reading)
            do(order, writing)
            code = 0
        except Exception as error:  # noqa: BLE001 - whatever it is, the test has to hear of it
            os.write(writing, f"!{error!r}\n".encode())
        finally:
            os._exit(code)
    _close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read().splitlines()
    _, status = _waitpid(child, 0)
    return {
        "killed": os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL,
        "points": [line for line in told if line[0] not in "=!@"],
        "backends": [int(line[1:]) for line in told if line[0] == "@"],
        "said": next((line[1:] for line in told if line[0] == "="), None),
        "error": next((line[1:] for line in told if line[0] == "!"), None),
    }


def main() -> None:
    """Serve until there is no more input."""
    hook()
    print("ready", flush=True)  # noqa: T201 - how the one who started us knows
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)  # noqa: T201 - as above


if __name__ == "__main__":
    main()
