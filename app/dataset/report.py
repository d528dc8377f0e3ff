"""What an import tells the person at the terminal, and the file of rows that did not go in."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from app.dataset.batches import Bad
from app.dataset.checks import Mojibake

_SHOWN_BAD = 10
_SHOWN_MOJIBAKE = 5
_LONGEST_VALUE = 1_000


def say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - this is what the module is for


class Step:
    """One step of an import, while it goes on and after."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = 0
        self.rejected = 0
        self.seconds = 0.0
        self.note = ""


class Steps:
    """All steps of an import, with the time that each took."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        self._steps.append(step)
        started = time.monotonic()
        try:
            yield step
        finally:
            step.seconds = time.monotonic() - started

    def table(self) -> str:
        """The steps as a table for a terminal."""
        lines = [("step", "rows", "rejected", "seconds", "rows/s", "")]
        for one in self._steps:
            rate = f"{one.rows / one.seconds:,.0f}" if one.rows and one.seconds else ""
            rows = f"{one.rows:,}" if one.rows else ""
            rejected = f"{one.rejected:,}" if one.rejected else ""
            lines.append((one.name, rows, rejected, f"{one.seconds:.1f}", rate, one.note))
        total = sum(one.seconds for one in self._steps)
        lines.append(("total", "", "", f"{total:.1f}", "", ""))
        widths = [max(len(line[column]) for line in lines) for column in range(5)]
        return "\n".join(
            "  ".join(
                [
                    line[0].ljust(widths[0]),
                    *(line[c].rjust(widths[c]) for c in range(1, 5)),
                    line[5],
                ]
            ).rstrip()
            for line in lines
        )


class Rejects:
    """The rows of one file that do not go in: the first ones shown, all of them written down."""

    def __init__(self, folder: Path, file_name: str) -> None:
        self.count = 0
        self.path = folder / f"{file_name}.rejects.jsonl"
        self._file_name = file_name
        self._file: IO[str] | None = None
        self._mojibake = 0
        self.path.unlink(missing_ok=True)

    def add(self, rows: Iterable[Bad]) -> None:
        for bad in rows:
            self.count += 1
            if self.count <= _SHOWN_BAD:
                line = f"line {bad.line}, " if bad.line is not None else ""
                say(f"{self._file_name}: {line}row {bad.row} is left out: {bad.why}")
            elif self.count == _SHOWN_BAD + 1:
                say(f"{self._file_name}: there are more rows left out, see {self.path}")
            self._write(bad)

    def add_mojibake(self, found: Iterable[Mojibake], *, is_repaired: bool) -> None:
        """Show the first titles that were read in a wrong character set, and what was meant."""
        for one in found:
            self._mojibake += 1
            if self._mojibake <= _SHOWN_MOJIBAKE:
                done = "is taken for" if is_repaired else "looks like"
                say(
                    f"{self._file_name}: row {one.row}: the title {_shortened(one.title)!r} {done}"
                    f" {_shortened(one.meant)!r}"
                )

    def close(self, *, is_repaired: bool) -> None:
        """Sum up, and end the file."""
        if self._mojibake:
            done = "They are repaired." if is_repaired else "They go in as they are; see --repair."
            say(
                f"{self._file_name}: {self._mojibake:,} titles were written in a wrong character"
                f" set. {done}"
            )
        if self._file is not None:
            self._file.close()
            say(f"{self._file_name}: {self.count:,} rows are left out, see {self.path}")

    def _write(self, bad: Bad) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        entry: dict[str, Any] = {"row": bad.row, "line": bad.line, "why": bad.why}
        if bad.content is not None:
            content = bad.content if isinstance(bad.content, tuple) else (bad.content,)
            entry["content"] = [_shortened(one) for one in content]
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return value[:_LONGEST_VALUE] + "…"
    return value
