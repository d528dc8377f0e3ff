"""The files of a dataset: which ones a folder has, and the content of each as a stream."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import zstandard

from app.dataset.errors import Broken, Refused

FORMATS = {"users": ("csv", "sql"), "events": ("json", "sql"), "events_archive": ("json", "sql")}
"""The kinds of files in the order in which they are imported."""
_MAGIC = {"": b"", ".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
_PIECE = 4_096
"""Compressed bytes that zstandard gets at once: even of nothing but zeros they become 128 MB."""
_STEP = 1 << 16
_DIGEST_PIECE = 1 << 20


class SourceFile(NamedTuple):
    """A file to import: what is in it, how, and where."""

    kind: str
    format: str
    compression: str
    path: Path


def find(folder: Path) -> list[SourceFile]:
    """The dataset's files in a folder, in the order of import. Raises Refused."""
    if not folder.is_dir():
        raise Refused(f"{folder} is not a folder.")
    found = []
    for kind, formats in FORMATS.items():
        variants = [
            SourceFile(kind, format_, compression, path)
            for format_ in formats
            for compression in _MAGIC
            if (path := folder / f"{kind}.{format_}{compression}").is_file()
        ]
        if len(variants) > 1:
            names = " and ".join(one.path.name for one in variants)
            raise Refused(f"{folder} has {names}: leave one of them there.")
        found += variants
    if not found:
        raise Refused(
            f"{folder} has no file of a dataset: users.csv, events.json, events_archive.json, "
            "or the same as .sql, each as it is or with .gz or .zst."
        )
    return found


class Stream:
    """What is in a file, decompressed, from its beginning on."""

    def __init__(self, file: SourceFile) -> None:
        """Open the file. Raises Refused when it is not compressed as its name says."""
        self.name = file.path.name
        try:
            self.size = file.path.stat().st_size
            self._raw = file.path.open("rb")
            beginning = self._raw.read(4)
            self._raw.seek(0)
        except OSError as error:
            raise Refused(f"{file.path} cannot be read: {error.strerror}.") from None
        for compression, magic in _MAGIC.items():
            is_magic = bool(magic) and beginning.startswith(magic)
            if is_magic and compression != file.compression:
                self.close()
                raise Refused(f"{self.name} is compressed: its name should end in {compression}.")
            if magic and compression == file.compression and not is_magic:
                self.close()
                raise Refused(f"{self.name} is not a {compression} file.")
        self._failure: Broken | None = None
        self._piece: Callable[[], bytes] = lambda: self._raw.read(_STEP)
        if file.compression == ".gz":
            unzipped = gzip.GzipFile(fileobj=self._raw)
            self._piece = lambda: unzipped.read1(_STEP)
        elif file.compression == ".zst":
            self._piece = _Zstandard(self._raw).read

    def read(self, size: int) -> bytes:
        """At least `size` bytes but before the end, none at it. Raises Broken after the last ones.

        What can be read of a file that is not complete or damaged comes before the exception.
        """
        pieces = []
        length = 0
        while length < size and self._failure is None:
            try:
                piece = self._piece()
            except EOFError:
                self._failure = Broken(f"{self.name} ends in the middle: it is not complete.")
            except (zlib.error, zstandard.ZstdError, OSError) as error:
                self._failure = Broken(f"{self.name} is damaged: {error}.")
            else:
                if not piece:
                    break
                pieces.append(piece)
                length += len(piece)
        if self._failure is not None and not pieces:
            raise self._failure
        return b"".join(pieces)

    @property
    def position(self) -> int:
        """Bytes of the file, as it lies there, that have been read."""
        return self._raw.tell()

    def close(self) -> None:
        self._raw.close()


def digest(file: SourceFile, advance: Callable[[int], object]) -> str:
    """SHA-256 of the file as it lies there; `advance` hears how many bytes have been read."""
    found = hashlib.sha256()
    with file.path.open("rb") as raw:
        while piece := raw.read(_DIGEST_PIECE):
            found.update(piece)
            advance(len(piece))
    return found.hexdigest()


class _Zstandard:
    """Reads frames one after the other, and knows when the last one is not complete."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._rest = b""
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._is_inside = False

    def read(self) -> bytes:
        """Some bytes, none at the end. Raises EOFError where a frame is not complete."""
        content = b""
        while not content:
            piece = self._rest or self._raw.read(_PIECE)
            if not piece:
                if self._is_inside:
                    raise EOFError
                break
            content = self._frame.decompress(piece)
            self._is_inside = not self._frame.eof
            self._rest = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
        return content
