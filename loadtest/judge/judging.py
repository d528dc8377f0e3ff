"""What stands around a run: the watch that looks at the servers, and the report at its end."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loadtest import calibration
from loadtest.judge import folder
from loadtest.judge.figures import Run, figures
from loadtest.judge.watch import Sight, Watch
from loadtest.outcome import Outcome
from loadtest.stage import CannotStartError
from loadtest.traffic import Traffic

ROOT = Path(".data/load")
# Where things are does not make a run another run.
NOT_SETTINGS = {
    *("scenario", "host", "report", "pids", "database", "accounts", "ca"),
    *("fault", "mend", "metrics_bind", "run_name"),
    *("expect_workers_max_wait", "master_bind_host", "master_bind_port"),
}


class Judge:
    """Watches a run, and writes its report."""

    def __init__(self, options: argparse.Namespace, place: Path, watch: Watch) -> None:
        self._options, self._place, self._watch = options, place, watch

    def write(self, outcome: Outcome) -> Iterator[str]:
        """Write the report, and yield the line that says where it is."""
        given = vars(self._options)
        run = Run(
            given["scenario"],
            given["host"],
            {name: plain(value) for name, value in given.items() if is_setting(name, value)},
            outcome.gates,
            outcome.seen,
            outcome.schedule,
            [*outcome.notes, *limit(outcome)],
            self._watch.finish(),
            outcome.figures,
        )
        try:
            yield f"report: {folder.write(figures(run), self._place)}"
        except OSError as broken:
            yield f"The report could not be written to {self._place}: {broken.strerror}."


def limit(outcome: Outcome) -> Iterator[str]:
    """Yield what is known of the generator's own limit beside what it did."""
    if isinstance(outcome.seen, Traffic):
        yield calibration.beside(outcome.seen, scheduled=bool(outcome.seen.delay.counts))


def is_setting(name: str, value: object) -> bool:
    """Whether an option says what is played, and not where things are."""
    return value is not None and name not in NOT_SETTINGS and not callable(value)


def plain(value: object) -> object:
    """Return a value as JSON can hold it."""
    return value if isinstance(value, bool | int | float) else str(value)


@contextmanager
def judging(options: argparse.Namespace) -> Iterator[Judge]:
    """Watch from now on; a folder that cannot be used raises CannotStartError."""
    given = vars(options)
    place = given.get("report") or folder.default_folder(ROOT, given["scenario"])
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as broken:
        raise CannotStartError(
            f"The report cannot be written to {place}: {broken.strerror}."
        ) from None
    sight = Sight(
        given["host"],
        tuple(given.get("pids") or ()),
        given.get("database") or "",
        os.getpid(),
    )
    try:
        with Watch(sight) as watch:
            yield Judge(options, place, watch)
    finally:
        if not any(place.iterdir()):
            place.rmdir()  # Nothing was played.
