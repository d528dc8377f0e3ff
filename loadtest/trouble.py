"""What is broken during a run, and mended: shell commands at their seconds."""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gevent

from loadtest.gates import Gate
from loadtest.stage import CannotStartError

MOST_OUTPUT = 4000
"""Bytes that are kept of what a command says, from its end."""


@dataclass(slots=True)
class Deed:
    """A command, when it is due, and what became of it; moments are monotonic seconds."""

    what: str
    """"fault" or "mend"."""
    command: str
    at: float
    """Seconds after the start."""
    began: float | None = None
    ended: float | None = None
    code: int | None = None
    output: str = ""

    def run(self) -> None:
        """Start the command now and wait for its end."""
        # A file, because what a command leaves running in the background may hold its output open.
        with tempfile.TemporaryFile() as output:
            self.began = time.monotonic()
            process = subprocess.Popen(
                self.command,
                shell=True,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Whoever interrupts the run does not interrupt this.
            )
            self.code = process.wait()
            self.ended = time.monotonic()
            output.seek(max(0, output.seek(0, 2) - MOST_OUTPUT))
            self.output = output.read().decode("utf-8", "replace").strip()

    @property
    def gate(self) -> Gate:
        """The command came to an end, and a good one."""
        found = "not started" if self.began is None else "still running"
        if self.code is not None:
            found = f"code {self.code}" + (f": {self.output[-200:]}" if self.code else "")
        return Gate(f"the command of the {self.what} ends with code 0", self.code == 0, found)

    def figures(self, start: float) -> dict[str, Any]:
        """Return what is to be kept of it."""
        seconds = None
        if self.began is not None and self.ended is not None:
            seconds = round(self.ended - self.began, 3)
        return {
            "what": self.what,
            "command": self.command,
            "at_seconds": None if self.began is None else round(self.began - start, 3),
            "lasted_seconds": seconds,
            "code": self.code,
            "output": self.output,
        }


@dataclass(slots=True)
class Trouble:
    """The commands of a run."""

    deeds: list[Deed] = field(default_factory=list)

    @property
    def fault(self) -> Deed | None:
        """What breaks something, if anything does."""
        return self.deeds[0] if self.deeds else None

    @property
    def is_over(self) -> bool:
        """Whether every command has ended."""
        return all(deed.ended is not None for deed in self.deeds)

    def begin(self, start: float) -> None:
        """Let each command come at its second."""
        for deed in self.deeds:
            gevent.spawn_later(max(0.0, start + deed.at - time.monotonic()), deed.run)

    def mend(self) -> None:
        """Mend now what a run that ends early has broken and not mended."""
        if self.fault is not None and self.fault.began is not None:
            for deed in self.deeds[1:]:
                if deed.began is None:
                    deed.run()


def planned(options: Any) -> Trouble:
    """Return what the command line says; raises CannotStartError where that makes no sense."""
    if options.fault is None and (options.mend or options.mend_at or options.fault_at):
        raise CannotStartError("Without --fault there is no --fault-at and nothing to mend.")
    if options.mend is None and options.mend_at:
        raise CannotStartError("Without --mend there is no --mend-at.")
    trouble = Trouble([*deeds(options)])
    before = 0.0
    for deed in trouble.deeds:
        if not before < deed.at < options.duration:
            raise CannotStartError(
                f"The {deed.what} after {deed.at:g} s must come later than after {before:g} s and"
                f" before the end after {options.duration} s: see --{deed.what}-at and --duration."
            )
        before = deed.at
    return trouble


def deeds(options: Any) -> Iterator[Deed]:
    """Yield the fault and what mends it, in that order."""
    if options.fault is not None:
        yield Deed("fault", options.fault, options.fault_at or 15)
    if options.mend is not None:
        yield Deed("mend", options.mend, options.mend_at or 45)
