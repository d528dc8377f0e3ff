"""A lab's processes: started in sessions of their own, found again whatever became of the parent.

Two marks lead back to a process: the session that `start` wrote down, which all its children share,
and the lab's folder in its environment, which also a process carries that left its session. Some
programs overwrite their environment to change their title; none of them leaves its session.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.lab.errors import LabError
from infra.lab.state import LabFolder

PATIENCE = 300.0  # For conditions: seconds that a slow machine may need.

_MARK = "BILETTER_LAB_PROCESS"
_TAIL = 25
_SERVICE, _COMMAND = ".service", ".command"  # Endings of the files that say what was started.
_STATE, _SESSION, _STARTED = 0, 3, 19  # Of /proc/PID/stat, counted behind the name.


@dataclass(frozen=True)
class Process:
    """A process that belongs to a lab."""

    pid: int
    session: int
    name: str


def start(
    lab: LabFolder, name: str, command: Sequence[object], environ: Mapping[str, str] | None = None
) -> None:
    """Start a process that outlives this one; what it says goes to the log of its name."""
    _spawn(lab, name, command, environ or {}, lab.run / f"{name}{_SERVICE}")


def run(lab: LabFolder, name: str, command: Sequence[object], environ: Mapping[str, str]) -> None:
    """Run a command to its end. Raises LabError with the end of its log when it fails."""
    record = lab.run / f"{name}{_COMMAND}"
    _, status = os.waitpid(_spawn(lab, name, command, environ, record), 0)
    record.unlink()
    if status:
        raise LabError(f"{name} failed.{tail(lab, name)}")


def wait_for(lab: LabFolder, name: str, is_ready: Callable[[], bool]) -> None:
    """Wait until a process is ready. Raises LabError when it is late or another one has died."""
    deadline = time.monotonic() + PATIENCE
    while not is_ready():
        for dead in dead_names(lab):
            raise LabError(f"{dead} has ended.{tail(lab, dead)}")
        if time.monotonic() > deadline:
            raise LabError(f"{name} is not ready after {PATIENCE:.0f} s.{tail(lab, name)}")
        time.sleep(0.1)


def is_alive(lab: LabFolder, name: str) -> bool:
    """Whether the process that was started under the name runs."""
    recorded = _recorded(lab.folder, _SERVICE).get(name)
    fields = _stat(recorded[0]) if recorded else None
    return bool(
        recorded and fields and fields[_STATE] != "Z" and int(fields[_STARTED]) == recorded[1]
    )


def end(lab: LabFolder, name: str) -> None:
    """Ask a process to end in its own way, and wait until it has."""
    pid, _ = _recorded(lab.folder, _SERVICE)[name]
    _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while is_alive(lab, name):
        if time.monotonic() > deadline:
            raise LabError(f"{name} does not end.{tail(lab, name)}")
        time.sleep(0.05)
    (lab.run / f"{name}{_SERVICE}").unlink()


def names(lab: LabFolder) -> list[str]:
    """The names under which processes were started."""
    return sorted(_recorded(lab.folder, _SERVICE))


def dead_names(lab: LabFolder) -> list[str]:
    """The names of the processes that should run and do not."""
    return [name for name in names(lab) if not is_alive(lab, name)]


def tail(lab: LabFolder, name: str) -> str:
    """The end of a log, as the end of an error's message."""
    path = lab.log / f"{name}.log"
    lines = path.read_text(errors="replace").strip().splitlines()[-_TAIL:]
    return "\n".join(["", f"The end of {path}:", *(f"  {line}" for line in lines)])


def find(folder: Path) -> list[Process]:
    """All processes of the lab in a folder, also of one whose folder is gone."""
    sessions = {
        pid: (name, begun) for name, (pid, begun) in _recorded(folder, _SERVICE, _COMMAND).items()
    }
    mark = f"{_MARK}={folder}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        fields = _stat(int(entry.name))
        if fields is None or fields[_STATE] == "Z":
            continue
        session = int(fields[_SESSION])
        name, begun = sessions.get(session, ("", 0))
        is_ours = bool(name) and int(fields[_STARTED]) >= begun > 0 and _is_own(entry)
        if is_ours or mark in _environ(entry):
            found.append(Process(int(entry.name), session, name))
    return found


def kill(folder: Path, *, but: Collection[str] = ()) -> None:
    """Kill the lab's processes, except those named in `but`, and wait until they are gone."""
    deadline = time.monotonic() + PATIENCE
    while left := [process for process in find(folder) if process.name not in but]:
        if time.monotonic() > deadline:
            raise LabError(f"Processes do not end: {left}")
        for process in left:
            _signal(process.pid, signal.SIGKILL)
        time.sleep(0.1)


def _spawn(
    lab: LabFolder, name: str, command: Sequence[object], environ: Mapping[str, str], record: Path
) -> int:
    with (lab.log / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **environ, _MARK: str(lab.folder)},
            cwd=lab.data,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    fields = _stat(child.pid)
    record.write_text(f"{child.pid} {fields[_STARTED] if fields else 0}")
    child.returncode = 0  # It is meant to go on without us: no warning that it does.
    return child.pid


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _recorded(folder: Path, *endings: str) -> dict[str, tuple[int, int]]:
    recorded = {}
    for path in (folder / "run").iterdir() if (folder / "run").exists() else ():
        if path.suffix not in endings:
            continue
        numbers = path.read_text().split()
        if len(numbers) == len(("pid", "started")):
            recorded[path.stem] = (int(numbers[0]), int(numbers[1]))
    return recorded


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _environ(entry: Path) -> list[bytes]:
    try:
        return (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_own(entry: Path) -> bool:
    try:
        return entry.stat().st_uid == os.getuid()
    except OSError:
        return False
