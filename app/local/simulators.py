"""The outside services, where the environment names none."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack
from pathlib import Path

from app.local.processes import Process, free_port, start, wait_until_it_answers


def start_gateway(stack: ExitStack, environ: dict[str, str], data: Path, port: int) -> Process:
    """Start the payment gateway for a service on this port; `environ` learns where it is."""
    gateway_port = free_port()
    slug = "biletter"
    password, secret = secrets.token_hex(24), secrets.token_hex(24)
    environ |= {
        "PAYMENT_GATEWAY_URL": f"http://127.0.0.1:{gateway_port}",
        "PAYMENT_TEAM_SLUG": slug,
        "PAYMENT_PASSWORD": password,
        "PAYMENT_WEBHOOK_SECRET": secret,
    }
    child = start(
        stack,
        environ,
        "app.simulators.gateway",
        *("--port", str(gateway_port), "--data", str(data / "gateway.sqlite")),
        *("--team-slug", slug, "--password", password, "--webhook-secret", secret),
        *("--webhook-url", f"http://127.0.0.1:{port}/api/payments/notifications"),
    )
    wait_until_it_answers(
        f"http://127.0.0.1:{gateway_port}/simulator/health", {"payment gateway": child}
    )
    return child


def start_provider(stack: ExitStack, data: Path) -> tuple[Process, str]:
    """Start the event provider; return it and its address."""
    port = free_port()
    child = start(
        stack,
        dict(os.environ),
        "app.simulators.provider",
        *("--port", str(port), "--data", str(data / "provider.sqlite")),
    )
    url = f"http://127.0.0.1:{port}"
    wait_until_it_answers(f"{url}/simulator/health", {"event provider": child})
    return child, url
