"""What operators hear of a fault: the alerts that must come, within what time, and no other.

Alerts that Alertmanager inhibits do not count: nobody hears of them. Watchdog always fires.
"""

from __future__ import annotations

from typing import NamedTuple


class Expected(NamedTuple):
    """An alert, and what its labels must be. `HOST` stands for the host that the fault hits."""

    alert: str
    labels: dict[str, str]


class Fault(NamedTuple):
    """A row of the table."""

    name: str
    fire: tuple[Expected, ...]
    """All that may fire."""
    seconds: float
    """From the fault until the last of them reached Alertmanager, or the Watchdog was missed."""
    why: str


HOST = "HOST"
_DOWN = (Expected("HostDown", {"instance": HOST}),)

# A host is seen 15 s + 10 s of waiting after its end at the latest, the alert waits 30 s, a look at
# the rules every 15 s; the rest is for a busy machine.
FAULTS = (
    Fault("primary lost", _DOWN, 120, "The host alone: its successor is there before others wait."),
    Fault("edge lost", _DOWN, 120, "The other edge has the address within 2 s."),
    Fault("app host lost", _DOWN, 120, "The edges send to the other one within 2 s."),
    Fault(
        "replica lagging",
        (Expected("ReplicaLags", {"instance": HOST}),),
        180,
        "Replay stands still while others write: 10 s behind, for a minute.",
    ),
    Fault(
        "disk filling",
        (Expected("DiskFills", {"instance": HOST}),),
        240,
        "Less than 40 % left, and none within 4 h at this pace.",
    ),
    Fault(
        "provider down",
        (Expected("OutsideServiceDown", {"service": "event_provider"}),),
        300,
        "Buyers go to pay for its places, so that a breaker opens; what waits is silenced.",
    ),
    Fault(
        "gateway down",
        (Expected("OutsideServiceDown", {"service": "payment_gateway"}),),
        300,
        "Buyers go to pay, so that a breaker opens; what waits is silenced.",
    ),
    Fault(
        "certificate near its end",
        (Expected("CertificateEnds", {"instance": HOST}),),
        720,
        "Less than 21 days left. Certificates' ends are read every ten minutes.",
    ),
    Fault(
        "Prometheus down",
        (),
        300,
        "Nothing fires: the dead man's switch misses the Watchdog.",
    ),
)
