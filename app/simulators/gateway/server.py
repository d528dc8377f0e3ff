"""The program: its arguments, and what has to run beside the calls."""

import argparse
import time
from pathlib import Path

from app.simulators.common.modes import Mode
from app.simulators.common.server import serve
from app.simulators.gateway.knobs import CardKnobs, Knobs, Panel
from app.simulators.gateway.service import Gateway
from app.simulators.gateway.store import Store
from app.simulators.gateway.web import create_app
from app.simulators.gateway.webhooks import Webhooks

_EXPIRY_PERIOD = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Serve the gateway until SIGTERM or SIGINT, and return the exit code."""
    options = _parse(arguments)
    knobs = Knobs()
    if options.delay is not None:
        knobs.cards = CardKnobs(min_seconds=options.delay, max_seconds=options.delay)
    panel = Panel(seed=options.seed, knobs=knobs)
    store = Store(options.data)
    webhooks = Webhooks(
        url=options.webhook_url,
        secret=options.webhook_secret,
        team_slug=options.team_slug,
        panel=panel,
    )
    gateway = Gateway(
        store=store,
        webhooks=webhooks,
        panel=panel,
        team_slug=options.team_slug,
        password=options.password,
        mode=options.mode,
    )
    try:
        return serve(
            create_app(gateway),
            port=options.port,
            name="payment gateway",
            mode=gateway.mode,
            background=[lambda: _keep_expiring(gateway)],
        )
    finally:
        webhooks.close()
        store.close()


def _keep_expiring(gateway: Gateway) -> None:
    while True:
        time.sleep(_EXPIRY_PERIOD)
        gateway.expire_due()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m app.simulators.gateway", description="Plays the payment gateway."
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True, help="SQLite file of the payments")
    parser.add_argument("--team-slug", required=True, help="the merchant's id")
    parser.add_argument("--password", required=True, help="the merchant's password")
    parser.add_argument("--webhook-url", help="where the merchant's profile wants webhooks")
    parser.add_argument("--webhook-secret", help="signs webhooks when given")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.DOCUMENTED)
    parser.add_argument("--delay", type=float, help="seconds a card takes (default: 0.5 to 2)")
    parser.add_argument("--seed", type=int, default=1, help="of all chance, so that runs repeat")
    return parser.parse_args(arguments)
