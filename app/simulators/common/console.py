"""The operator's part of every simulator: its health, its knobs and its page."""

from collections.abc import Callable
from typing import Any

import msgspec
from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.simulators.common.knobs import Panel


def create_console(
    find_panel: Callable[[], Panel[Any]], render: Callable[[str | None], str]
) -> Blueprint:
    """Build the pages under /simulator; `render` draws the page, with a complaint or without."""
    blueprint = Blueprint("console", __name__, url_prefix="/simulator", template_folder="templates")

    # GET -> 200 {status}.
    @blueprint.get("/health")
    def health() -> ResponseReturnValue:
        """Tell that the simulator runs, even when it plays dead."""
        return {"status": "ok"}

    # GET -> 200 all knobs.
    @blueprint.get("/knobs")
    def show_knobs() -> ResponseReturnValue:
        """Show all knobs as they are now; counted faults count down."""
        return find_panel().show()

    # POST, any part of the table -> 200 all knobs; 400 and nothing changed.
    @blueprint.post("/knobs")
    def turn_knobs() -> ResponseReturnValue:
        """Turn some knobs and leave the others as they are."""
        try:
            change = msgspec.json.decode(request.get_data(), type=dict[str, Any])
            find_panel().turn(change)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return {"error": str(error)}, 400
        return find_panel().show()

    # DELETE -> 200 all knobs as they were at the start.
    @blueprint.delete("/knobs")
    def reset_knobs() -> ResponseReturnValue:
        """Let the service behave again."""
        find_panel().reset()
        return find_panel().show()

    # GET -> 200 the page.
    @blueprint.get("")
    def page() -> ResponseReturnValue:
        """Show the operator what there is, and the knobs."""
        return render(None)

    # POST, urlencoded, names like init.drop.times -> 303 to the page; 400 it with the complaint.
    @blueprint.post("")
    def turn_knobs_by_hand() -> ResponseReturnValue:
        """Turn the knobs of the operator's page."""
        try:
            find_panel().turn(_nest(request.form.to_dict()), strict=False)
        except msgspec.ValidationError as error:
            return render(str(error)), 400
        return redirect(url_for("console.page"), 303)

    return blueprint


def flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name every knob of a table by its path: {"drop": {"times": 1}} is {"drop.times": 1}."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _nest(flat: dict[str, str]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, value in flat.items():
        *tables, last = path.split(".")
        table = nested
        for part in tables:
            table = table.setdefault(part, {})
        table[last] = value
    return nested
