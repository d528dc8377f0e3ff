#!/usr/bin/python3
"""Take a host of the service out of this edge and put it back, through HAProxy's runtime socket.

Who is drained stays so over reloads, and comes back with a restart of HAProxy.
"""

import argparse
import csv
import pathlib
import socket
import sys
import time
from collections.abc import Callable
from typing import NoReturn

SOCKET = "/run/haproxy/admin.sock"
STATES = "/run/haproxy/servers"
BACKENDS = ("service", "service_unready")
FORCED_DRAIN = 0x08


def main() -> None:
    parser = argparse.ArgumentParser(prog="haproxy-server", description=__doc__)
    parser.add_argument("action", choices=sorted(ACTIONS), help=describe())
    parser.add_argument("server", nargs="?", help="name of the host")
    parser.add_argument("--seconds", type=int, default=60, help="how long to wait")
    given = parser.parse_args()
    if given.action in ("list", "save"):
        ACTIONS[given.action]()
        return
    if given.server not in states():
        refuse(f"{given.server} is not among the servers: {', '.join(sorted(states()))}")
    ACTIONS[given.action](given.server, given.seconds)


def list_servers(*_: object) -> None:
    """Show all servers, and how many requests each has in flight."""
    for name, status in states().items():
        say(f"{name} {status} {in_flight(name)}")


def save(*_: object) -> None:
    """Write down the servers' states, for the process that a reload starts."""
    pathlib.Path(STATES).write_text(ask("show servers state"))


def spare(server: str, _: int) -> None:
    """Fail if no other server is ready."""
    others = [
        name for name, status in states().items() if name != server and status.startswith("UP")
    ]
    if not others:
        refuse(f"{server} is the last host that is ready: {describe_states()}")
    say(f"without {server} there are {', '.join(others)}")


def drain(server: str, _: int) -> None:
    """Send nothing new to the server; what is in flight ends."""
    change(server, "drain", "drained")


def ready(server: str, _: int) -> None:
    """Send requests again, as soon as the server is found ready."""
    change(server, "ready", "ready")


def idle(server: str, seconds: int) -> None:
    """Wait until the server has nothing in flight."""
    if await_that(lambda: in_flight(server) == 0, seconds):
        say(f"{server} has nothing in flight")
    else:
        refuse(f"{server} still has {in_flight(server)} requests in flight after {seconds} s")


def up(server: str, seconds: int) -> None:
    """Wait until the server is found ready."""
    if await_that(lambda: states()[server].startswith("UP"), seconds):
        say(f"{server} is ready")
    else:
        refuse(f"{server} is not ready after {seconds} s: {describe_states()}")


ACTIONS = {
    "list": list_servers,
    "save": save,
    "spare": spare,
    "drain": drain,
    "ready": ready,
    "idle": idle,
    "up": up,
}


def describe() -> str:
    return "; ".join(f"{name}: {action.__doc__}" for name, action in ACTIONS.items())


def change(server: str, state: str, done: str) -> None:
    if is_drained(server) == (state == "drain"):
        say(f"{server} was {done} already")
        return
    for backend in BACKENDS:
        answer = ask(f"set server {backend}/{server} state {state}").strip()
        if answer:
            refuse(answer)
    say(f"{done} {server}")


def is_drained(server: str) -> bool:
    """Whether somebody asked for it; the status tells that only of a server that is up."""
    _, columns, *lines = ask("show servers state service").strip().splitlines()
    names = columns.removeprefix("# ").split()
    found = [dict(zip(names, line.split(), strict=False)) for line in lines]
    return any(
        int(one["srv_admin_state"]) & FORCED_DRAIN for one in found if one["srv_name"] == server
    )


def states() -> dict[str, str]:
    return {row["svname"]: row["status"] for row in rows("service")}


def describe_states() -> str:
    return ", ".join(f"{name} is {status}" for name, status in states().items())


def in_flight(server: str) -> int:
    """Requests that the server has, or that wait for it, in all backends."""
    return sum(
        int(row["scur"]) + int(row["qcur"])
        for backend in BACKENDS
        for row in rows(backend)
        if row["svname"] == server
    )


def rows(backend: str) -> list[dict[str, str]]:
    text = ask(f"show stat {backend} 4 -1")
    return list(csv.DictReader(text.removeprefix("# ").strip().splitlines()))


def ask(command: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10)
        try:
            connection.connect(SOCKET)
        except OSError as error:
            refuse(f"HAProxy does not answer at {SOCKET}: {error}")
        connection.sendall(f"{command}\n".encode())
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


def await_that(condition: Callable[[], bool], seconds: int) -> bool:
    give_up_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up_at:
            return False
        time.sleep(0.2)
    return True


def say(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


def refuse(sentence: str) -> NoReturn:
    sys.exit(f"haproxy-server: {sentence}")


if __name__ == "__main__":
    main()
