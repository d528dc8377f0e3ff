"""What can be set, with its default and its meaning. How it is read: `app/kernel/config.py`."""

from __future__ import annotations

from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Url = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/]+[^\s]*$|^$")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can be set. The name in the environment is the field's in capitals.

    Settings with a name of their own outside Biletter (DATABASE_URL, PAYMENT_…, EVENT_…) are
    read as they are, all others with the prefix BILETTER_.
    """

    database_url: Annotated[str, msgspec.Meta(description="libpq address of the primary.")]
    database_replica_url: Annotated[
        str, msgspec.Meta(description="Address of a replica for reads that tolerate lag.")
    ] = ""
    database_pool_size: Annotated[
        Count,
        msgspec.Meta(
            description="Connections per process. Times the processes of all hosts it must stay "
            "below max_connections."
        ),
    ] = 12
    database_read_pool_size: Annotated[
        Count,
        msgspec.Meta(
            description="Connections per process for reads that tolerate lag, beside those above."
        ),
    ] = 4
    database_deadline: Annotated[
        Seconds,
        msgspec.Meta(description="Seconds after which the client gives a silent server up."),
    ] = 8.0
    statement_timeout: Annotated[
        Seconds, msgspec.Meta(description="Seconds a statement may run in the server.")
    ] = 5.0
    read_timeout: Annotated[
        Seconds,
        msgspec.Meta(description="Seconds a read that tolerates lag may run, a search above all."),
    ] = 1.0
    lock_timeout: Annotated[
        Seconds, msgspec.Meta(description="Seconds to wait for a row; after that: busy.")
    ] = 2.0
    workers: Annotated[Count, msgspec.Meta(description="gunicorn processes of this host.")] = 2
    bind: Annotated[str, msgspec.Meta(description="Address gunicorn listens on.")] = (
        "127.0.0.1:8081"
    )
    metrics_bind: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^$|^.+:[0-9]{1,5}$",
            description="Address on which the worker process tells its metrics; empty: nowhere.",
        ),
    ] = ""
    drain_seconds: Annotated[
        float,
        msgspec.Meta(
            ge=0,
            le=300,
            description="Seconds between 'not ready' and the last accepted connection on SIGTERM.",
        ),
    ] = 0.0
    stop_seconds: Annotated[
        Seconds, msgspec.Meta(description="Seconds that requests have to end on SIGTERM.")
    ] = 30.0
    public_url: Annotated[
        Url, msgspec.Meta(description="Address under which buyers and the gateway reach us.")
    ] = "http://127.0.0.1:8081"
    trusted_proxies: Annotated[
        str,
        msgspec.Meta(description="Addresses, comma separated, whose X-Forwarded-For is believed."),
    ] = ""
    allow_reset: Annotated[
        bool, msgspec.Meta(description="Whether POST /api/reset exists at all.")
    ] = False
    auth_cache_seconds: Annotated[
        Seconds,
        msgspec.Meta(
            description="A changed password or a deactivated account stops working after this."
        ),
    ] = 10.0
    auth_cache_size: Annotated[
        Count, msgspec.Meta(description="Accepted and, apart from them, refused credentials kept.")
    ] = 50_000
    seats_freshness: Annotated[
        Seconds,
        msgspec.Meta(description="Seconds that a listing may lag behind other hosts' changes."),
    ] = 0.05
    catalogue_freshness: Annotated[
        Seconds, msgspec.Meta(description="Seconds until a changed event shows in the catalogue.")
    ] = 2.0
    archive_freshness: Annotated[
        Seconds, msgspec.Meta(description="As that, for events that are over.")
    ] = 60.0
    log_requests: Annotated[
        str,
        msgspec.Meta(
            pattern="^(all|problems)$",
            description="Log every request, or only those that failed or took over a second.",
        ),
    ] = "problems"
    log_level: Annotated[
        str,
        msgspec.Meta(pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Lowest level logged."),
    ] = "INFO"
    traces_url: Annotated[
        Url,
        msgspec.Meta(
            description="Where traces of requests go (OTLP over HTTP); empty: nowhere. Needs the "
            "packages of requirements/tracing.txt."
        ),
    ] = ""
    traces_share: Annotated[
        float, msgspec.Meta(ge=0, le=1, description="The share of requests that are traced.")
    ] = 0.01
    event_provider_url: Annotated[
        Url,
        msgspec.Meta(
            description="Base address of the event provider; empty: its places cannot be paid."
        ),
    ] = ""
    event_provider_deadline: Annotated[
        Seconds, msgspec.Meta(description="Seconds for one call of the event provider.")
    ] = 5.0
    event_provider_window: Annotated[
        Count,
        msgspec.Meta(
            description="Places asked for at the provider that it has not counted yet, at most: "
            "half a second of its pace. Whoever pays beyond that waits in the queue."
        ),
    ] = 50
    event_provider_patience: Annotated[
        Seconds,
        msgspec.Meta(
            description="Seconds after which the provider, bringing nothing, has stopped; its own "
            "restart takes 43."
        ),
    ] = 60.0
    payment_gateway_url: Annotated[
        Url, msgspec.Meta(description="Base address of the payment gateway; empty: no payments.")
    ] = ""
    payment_gateway_form_url: Annotated[
        Url,
        msgspec.Meta(
            description="Base of the form's address, when the buyer sees another one than we do."
        ),
    ] = ""
    payment_team_slug: Annotated[str, msgspec.Meta(description="Our merchant id there.")] = ""
    payment_password: Annotated[str, msgspec.Meta(description="Our password there. Secret.")] = ""
    payment_webhook_secret: Annotated[
        str, msgspec.Meta(description="Key of the webhook's signature. Secret; empty: unsigned.")
    ] = ""
    payment_deadline: Annotated[
        Seconds, msgspec.Meta(description="Seconds for one call of the gateway.")
    ] = 5.0
    payment_poll_seconds: Annotated[
        Seconds, msgspec.Meta(description="Seconds between two checks of an open payment.")
    ] = 15.0
    expiry_seconds: Annotated[
        Seconds, msgspec.Meta(description="Seconds between two sweeps of bookings that ran out.")
    ] = 5.0
    reconcile_seconds: Annotated[
        Seconds,
        msgspec.Meta(
            description="Seconds between two comparisons with the gateway, the provider and "
            "between our own tables."
        ),
    ] = 300.0
