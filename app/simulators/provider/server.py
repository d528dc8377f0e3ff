"""The program: its arguments, its venue and its lanes."""

import argparse
import sys
from pathlib import Path
from typing import Any

import msgspec

from app.simulators.common.knobs import overlay
from app.simulators.common.modes import Mode
from app.simulators.common.server import serve
from app.simulators.provider.knobs import Knobs, Panel, knobs_of
from app.simulators.provider.records import Kind
from app.simulators.provider.rules import LOADED_VENUE
from app.simulators.provider.service import Provider
from app.simulators.provider.state import State
from app.simulators.provider.store import Store
from app.simulators.provider.web import create_app

_ROWS, _SEATS_PER_ROW = 100, 1000
_STANDSTILL = 41.0  # Seconds after a restart, as coded.


def main(arguments: list[str] | None = None) -> int:
    """Serve the provider until SIGTERM or SIGINT, and return the exit code."""
    options = _parse(arguments)
    store = Store(options.data)
    try:
        return _run(options, store)
    finally:
        store.close()


def _run(options: argparse.Namespace, store: Store) -> int:
    wanted = (options.rows, options.seats_per_row)
    kept = (store.fact("rows"), store.fact("seats_per_row"))
    is_restart = None not in kept
    if is_restart and any(
        one not in (None, other) for one, other in zip(wanted, kept, strict=True)
    ):
        sys.stderr.write(f"{options.data} holds a venue of {kept[0]} rows × {kept[1]} seats.\n")
        return 1
    rows = _first(kept[0], wanted[0], _ROWS)
    seats_per_row = _first(kept[1], wanted[1], _SEATS_PER_ROW)
    state = State(store=store, rows=rows, seats_per_row=seats_per_row)
    if options.mode is Mode.CODED and store.fact("is_running"):
        _repeat_messages(state)
    panel = Panel(seed=options.seed, knobs=_knobs(options, rows * seats_per_row, is_restart))
    provider = Provider(state=state, panel=panel, mode=options.mode)
    with store.transaction():
        for name, value in (("rows", rows), ("seats_per_row", seats_per_row), ("is_running", 1)):
            store.note(name, value)
    try:
        return serve(
            create_app(provider),
            port=options.port,
            name="event provider",
            mode=provider.mode,
            background=[provider.place_lane.run, provider.order_lane.run],
        )
    finally:
        store.note("is_running", 0)


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _knobs(options: argparse.Namespace, size: int, is_restart: bool) -> Knobs:
    knobs = overlay(knobs_of(options.mode, is_loaded=size >= LOADED_VENUE), options.knobs)
    if options.standstill is not None:
        knobs.standstill_seconds = options.standstill
    elif is_restart and options.mode is Mode.CODED:
        knobs.standstill_seconds = _STANDSTILL
    return knobs


def _repeat_messages(state: State) -> None:
    # After a kill the real one forgets how far its lanes were.
    for kind in (Kind.SELECTED, Kind.ADDED):
        message = next((one for one in state.pending if one.kind is kind), None)
        if message is not None:
            message.comes_twice = True


def _read_knobs(text: str) -> dict[str, Any]:
    try:
        change = msgspec.json.decode(text, type=dict[str, Any])
        overlay(Knobs(), change)
    except msgspec.DecodeError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return change


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.simulators.provider", description="Plays the event provider."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="SQLite file of orders and places")
    parser.add_argument("--rows", type=int, help=f"of a new venue (default: {_ROWS})")
    parser.add_argument("--seats-per-row", type=int, help=f"as above (default: {_SEATS_PER_ROW})")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.DOCUMENTED)
    parser.add_argument(
        "--knobs", type=_read_knobs, default={}, help="JSON as POST /simulator/knobs takes it"
    )
    parser.add_argument(
        "--standstill",
        type=float,
        help=f"seconds until lanes move (default: 0; {_STANDSTILL:.0f} on a restart as coded)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of all chance, so that runs repeat")
    return parser.parse_args(arguments)
