"""A file of the dataset as batches of rows, and the look at its beginning before anything else."""

from __future__ import annotations

import io
from collections.abc import Iterator

from app.dataset.batches import BLOCK, Batch, Content, Reader
from app.dataset.csv_lines import CsvLines
from app.dataset.errors import Broken, Refused
from app.dataset.files import SourceFile, Stream
from app.dataset.json_array import JsonArray
from app.dataset.sql_values import SqlValues


def reader(file: SourceFile, content: Content) -> Reader:
    """What reads a file of this format."""
    if file.format == "csv":
        return CsvLines(content)
    if file.format == "json":
        return JsonArray(content)
    return SqlValues(content, file.kind)


def require_readable(file: SourceFile) -> None:
    """Raise Refused when the beginning of a file is not what its name says."""
    stream = Stream(file)
    try:
        if stream.size == 0:
            raise Refused(f"{stream.name} is empty.")
        beginning = stream.read(BLOCK)
        # A beginning may end anywhere, so only what comes first in it counts.
        first = next(_batches_with_something(reader(file, io.BytesIO(beginning))), None)
    except Broken as error:
        raise Refused(_sentence(stream.name, error)) from None
    finally:
        stream.close()
    if first is None:
        raise Refused(f"{stream.name} has no rows.")
    if not first.rows:
        bad = first.bad[0]
        raise Refused(f"{stream.name} is not what it should be: line {bad.line}: {bad.why}.")


def _batches_with_something(reading: Reader) -> Iterator[Batch]:
    for batch in reading.read():
        if batch.rows or batch.bad:
            yield batch


def _sentence(name: str, error: Broken) -> str:
    text = str(error)
    return text if text.startswith(name) else f"{name} is not what it should be: {text}"
