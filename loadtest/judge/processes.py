"""The processes of a service on this machine, and the CPU that each kind of them has used."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil

TICK = 1 / os.sysconf("SC_CLK_TCK")
# Which group a process belongs to, by the first of these words in its command line.
GROUPS = {
    "postgres": "database",
    "haproxy": "edge",
    "app.simulators": "outside",
    "app.worker": "worker",
    "gunicorn": "service",
}
PARENTS = ("gunicorn", "app.local")


class Process(NamedTuple):
    """What /proc tells of one: CPU seconds of its own and of its children that have ended."""

    parent: int
    seconds: float


def find_service(host: str) -> int | None:
    """Return the topmost process of the service that listens at a local address, if any."""
    url = urlsplit(host)
    if not is_local(url.hostname or ""):
        return None
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = min(
            one.pid
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid
        )
        process = psutil.Process(found)
        while (above := process.parent()) and any(w in " ".join(above.cmdline()) for w in PARENTS):
            process = above
    except (ValueError, psutil.Error):
        return None
    return process.pid


def is_local(name: str) -> bool:
    """Whether a host name means this machine."""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def data_folder(pid: int) -> Path | None:
    """Return the data folder of a `make run` whose supervisor this is."""
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        return Path(process.cwd()) / words[words.index("--data-dir") + 1]
    except (ValueError, IndexError, psutil.Error):
        return None


def all_processes() -> dict[int, Process]:
    """Return what /proc tells of every process; nothing where there is no /proc."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue  # It has just ended.
        found[int(folder.name)] = Process(int(fields[1]), sum(map(int, fields[11:15])) * TICK)
    return found


def family(processes: Mapping[int, Process], roots: Iterable[int], without: int = 0) -> list[int]:
    """Return the processes that descend from these, themselves included."""
    children = defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    found, ahead = [], [pid for pid in roots if pid in processes]
    while ahead:
        pid = ahead.pop()
        if pid != without:
            found.append(pid)
            ahead += children[pid]
    return list(dict.fromkeys(found))


class Groups:
    """Remembers which group each process belongs to."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, pid: int) -> str:
        """Return the group of a process."""
        if pid not in self._known:
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
            except OSError:
                return "other"
            self._known[pid] = next((g for word, g in GROUPS.items() if word in words), "other")
        return self._known[pid]


def busy_seconds() -> float:
    """Return the CPU seconds that the whole machine has spent on anything."""
    times = psutil.cpu_times()
    return float(sum(times[:8]) - times.idle - getattr(times, "iowait", 0.0))
