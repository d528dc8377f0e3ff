"""How each fault of `monitoring.faults` is made on the fleet, and undone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from infra.lab import processes
from infra.lab.fleet import faults, outside
from tests.deployment.fleet.buyers import paying
from tests.deployment.fleet.operator import Operator


@contextmanager
def host_lost(find: Callable[[Operator], str], operator: Operator) -> Iterator[str]:
    host = find(operator)
    faults.power_off(operator.fleet, host)
    try:
        yield host
    finally:
        faults.start(operator.fleet, host)


@contextmanager
def replica_lagging(operator: Operator) -> Iterator[str]:
    replica = operator.replica()
    # Patroni resumes a replay that PostgreSQL was asked to pause.
    signal = "pkill --signal {} --full 'postgres[:] .*startup'"
    operator.on(replica, signal.format("STOP"))
    try:
        with paying(operator.fleet):
            yield replica
    finally:
        operator.on(replica, signal.format("CONT"))


@contextmanager
def disk_filling(operator: Operator) -> Iterator[str]:
    """A disk of its own, as the hosts share that of this machine."""
    host, folder = "app-2", "/srv/filling"
    write = f"dd if=/dev/zero bs=1M count=1 status=none >> {folder}/file"
    slowly = f"systemd-run --unit=filling sh -c 'while sleep 20; do {write}; done'"
    operator.on(host, f"mkdir -p {folder}; mount -t tmpfs -o size=64m tmpfs {folder}")
    operator.on(host, f"dd if=/dev/zero of={folder}/file bs=1M count=42 status=none; {slowly}")
    try:
        yield host
    finally:
        operator.on(host, f"systemctl stop filling; umount {folder}; rmdir {folder}")


@contextmanager
def outside_down(name: str, operator: Operator) -> Iterator[str]:
    processes.end(operator.fleet, name)
    try:
        with paying(operator.fleet):
            yield ""
    finally:
        outside.start_simulators(operator.fleet)
        outside.wait_for_simulators(operator.fleet)


@contextmanager
def certificate_ending(operator: Operator) -> Iterator[str]:
    host, name = "app-2", "/etc/biletter/tls/ending"
    kind = "-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 10 -subj /CN=ending"
    operator.on(host, f"openssl req {kind} -keyout {name}.key -out {name}.crt 2>&1")
    try:
        yield host
    finally:
        operator.on(host, f"rm {name}.key {name}.crt; systemctl start biletter-certificate-ends")


HAPPENINGS: dict[str, Callable[[Operator], AbstractContextManager[str]]] = {
    "primary lost": partial(host_lost, Operator.primary),
    "edge lost": partial(host_lost, Operator.edge),
    "app host lost": partial(host_lost, lambda _: "app-1"),
    "replica lagging": replica_lagging,
    "disk filling": disk_filling,
    "provider down": partial(outside_down, "provider"),
    "gateway down": partial(outside_down, "gateway"),
    "certificate near its end": certificate_ending,
}
