"""What the real provider has not: knobs, a ledger, a fresh start, an operator's page."""

from itertools import islice

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.simulators.common.console import create_console, flatten
from app.simulators.provider import ledger
from app.simulators.provider.calls import counts, current_provider
from app.simulators.provider.knobs import CallKnobs, LaneKnobs, WriteKnobs
from app.simulators.provider.service import Provider

blueprint = create_console(
    lambda: current_provider().panel, lambda error: _page(current_provider(), error=error)
)

_SHOWN_ORDERS = 100


# GET -> 200 {orders: [...], places: [...], totals: {...}, lanes: {...}}.
@blueprint.get("/ledger")
def show_ledger() -> ResponseReturnValue:
    """Account for every order and every place that is not free."""
    return ledger.draw_up(current_provider())


# GET -> 200 {places: {...}, orders: {...}}.
@blueprint.get("/lanes")
def show_lanes() -> ResponseReturnValue:
    """Tell what waits in each lane and whether it stopped."""
    return ledger.lanes(current_provider())


# GET -> 200 {select: {"204": 3, "409": 1}, ...}.
@blueprint.get("/calls")
def show_calls() -> ResponseReturnValue:
    """Count the calls since the start by kind and status; while down nothing is counted."""
    table: dict[str, dict[str, int]] = {}
    for (call, status), count in counts().items():
        table.setdefault(call, {})[str(status)] = count
    return table


# POST -> 200 {status}; ?then=page -> 303 to the page.
@blueprint.post("/reset")
def start_over() -> ResponseReturnValue:
    """Free every place, forget every order and let the lanes go on; knobs stay."""
    current_provider().start_over()
    counts().clear()
    if request.args.get("then") == "page":
        return redirect(url_for("console.page"), 303)
    return {"status": "ok"}


def _page(provider: Provider, *, error: str | None) -> str:
    knobs = provider.panel.show()
    tables = {
        kind: {
            name: flatten(table)
            for name, table in knobs.items()
            if type(getattr(provider.panel.knobs, name)) is kind
        }
        for kind in (WriteKnobs, CallKnobs, LaneKnobs)
    }
    return render_template(
        "provider.html",
        mode=provider.mode,
        totals=ledger.totals(provider),
        lanes=ledger.lanes(provider),
        is_down=knobs["down"],
        seconds={name: knobs[name] for name in ("down_seconds", "standstill_seconds")},
        cancel_stops=flatten(knobs["cancel_stops"]),
        tables=list(tables.values()),
        orders=list(islice(reversed(provider.state.orders.values()), _SHOWN_ORDERS)),
        error=error,
    )
