"""A page of events: how it is asked for, and what it must look like."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from loadtest.client import parse


@dataclass(frozen=True, slots=True)
class Request:
    """A search: the shape it is counted under, its bytes, and how many events it may list."""

    shape: str
    raw: bytes
    page_size: int


CHECKS = (
    "200 is an array of {id, title}",
    "200 lists at most pageSize events",
    "200 lists no event twice",
)


@lru_cache(maxsize=4096)
def judge(body: bytes, page_size: int) -> tuple[int, bool, bool, bool]:
    """Return the number of events that a body lists, and whether each of the checks holds."""
    data = parse(body)
    events = data if isinstance(data, list) else []
    ids = [event["id"] for event in events if is_event(event)]
    return (
        len(events),
        isinstance(data, list) and len(ids) == len(events),
        len(events) <= page_size,
        len(set(ids)) == len(ids),
    )


def is_event(value: Any) -> bool:
    """Whether a JSON value is an event with its id and title."""
    return (
        isinstance(value, dict) and type(value.get("id")) is int and type(value.get("title")) is str
    )


def seen(request: Request, body: bytes) -> str:
    """Show a request and what came, in a line."""
    return f"{request.shape}: {body[:200].decode('utf-8', 'replace')}"
