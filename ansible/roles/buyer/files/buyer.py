#!/usr/bin/python3
"""Take a seat and give it back, as a buyer does: biletter-buyer SETTINGS METRICS

SETTINGS is JSON: address, name, ca (a PEM file), event_id, email, password. METRICS is the file for
node exporter; it is replaced as a whole. Exits with one sentence when the buyer got no seat.
"""

import base64
import http.client
import json
import os
import secrets
import socket
import ssl
import sys
import time
import urllib.parse
from pathlib import Path

PATIENCE = 10.0  # Seconds for one call.
STEPS = ("list", "book", "seats", "select", "release", "cancel")


class Refused(Exception):
    """The service did not do what a buyer needs."""


class Service:
    """A connection to the edge, and what the calls took."""

    def __init__(self, settings):
        self._name = settings["name"]
        token = base64.b64encode(f"{settings['email']}:{settings['password']}".encode()).decode()
        self.request_id = f"buyer-{secrets.token_hex(8)}"
        self._headers = {"Authorization": f"Basic {token}", "X-Request-Id": self.request_id}
        trust = ssl.create_default_context()
        trust.load_verify_locations(settings["ca"])
        plain = socket.create_connection((settings["address"], 443), timeout=PATIENCE)
        try:
            self._tls = trust.wrap_socket(plain, server_hostname=self._name)
        except OSError:
            plain.close()
            raise
        self._http = http.client.HTTPConnection(self._name)
        self._http.sock = self._tls
        self._http.auto_open = False

    def certificate_end(self):
        """When the edge's certificate ends, in seconds since 1970."""
        return ssl.cert_time_to_seconds(self._tls.getpeercert()["notAfter"])

    def call(self, method, path, body=None, *, status=200):
        """The answer's JSON. Raises Refused for another status, OSError without an answer."""
        content = None if body is None else json.dumps(body).encode()
        headers = dict(self._headers)
        if content is not None:
            headers["Content-Type"] = "application/json"
        self._http.request(method, path, body=content, headers=headers)
        answer = self._http.getresponse()
        said = answer.read()
        if answer.status != status:
            text = said.decode(errors="replace")[:200]
            raise Refused(f"{method} {path} answered {answer.status} instead of {status}: {text}")
        return json.loads(said) if said else None


def buy(settings, seconds):
    """Go through all steps and note in `seconds` what each took. Returns the certificate's end."""
    event = settings["event_id"]
    service = Service(settings)
    booking = None
    try:
        timed(seconds, "list", lambda: service.call("GET", "/api/events?pageSize=20"))
        booked = timed(
            seconds,
            "book",
            lambda: service.call("POST", "/api/bookings", {"event_id": event}, status=201),
        )
        booking = booked["id"]
        seat = timed(seconds, "seats", lambda: free_seat(service, event))
        chosen = {"booking_id": booking, "seat_id": seat}
        timed(seconds, "select", lambda: service.call("PATCH", "/api/seats/select", chosen))
        given = {"seat_id": seat}
        timed(seconds, "release", lambda: service.call("PATCH", "/api/seats/release", given))
    except (Refused, OSError, http.client.HTTPException, ValueError) as error:
        if booking is not None:
            give_back(service, booking)
        raise Refused(f"{error or type(error).__name__} (request {service.request_id})") from error
    timed(seconds, "cancel", lambda: cancel(service, booking))
    return service.certificate_end()


def free_seat(service, event):
    query = urllib.parse.urlencode({"event_id": event, "pageSize": 20, "status": "FREE"})
    seats = service.call("GET", f"/api/seats?{query}")
    if not seats:
        raise Refused(f"event {event} has no free seat")
    return secrets.choice(seats)["id"]


def cancel(service, booking):
    return service.call("PATCH", "/api/bookings/cancel", {"booking_id": booking})


def give_back(service, booking):
    """Cancel if that still goes; otherwise the booking runs out by itself."""
    try:
        cancel(service, booking)
    except (Refused, OSError, http.client.HTTPException, ValueError):
        return


def timed(seconds, step, act):
    started = time.monotonic()
    done = act()
    seconds[step] = time.monotonic() - started
    return done


def last_values(metrics):
    """What the file before says of the past, which a failure now does not change."""
    kept = {}
    if metrics.exists():
        for line in metrics.read_text().splitlines():
            name, _, value = line.partition(" ")
            if name.endswith("_timestamp_seconds"):
                kept[name] = float(value)
    return kept


def write(metrics, succeeded, seconds, stamps):
    lines = [
        "# HELP biletter_buyer_success Whether the synthetic buyer got a seat and gave it back.",
        "# TYPE biletter_buyer_success gauge",
        f"biletter_buyer_success {int(succeeded)}",
        "# HELP biletter_buyer_step_seconds What a step of the synthetic buyer took.",
        "# TYPE biletter_buyer_step_seconds gauge",
        *(
            f'biletter_buyer_step_seconds{{step="{s}"}} {seconds[s]:.6f}'
            for s in STEPS
            if s in seconds
        ),
    ]
    for name, value in stamps.items():
        lines += [f"# TYPE {name} gauge", f"{name} {value:.0f}"]
    unfinished = metrics.with_name(f".{metrics.name}.{os.getpid()}")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.chmod(0o644)
    unfinished.replace(metrics)


def main():
    settings, metrics = json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2])
    seconds = {}
    stamps = last_values(metrics)
    failure = None
    try:
        stamps["biletter_buyer_certificate_end_timestamp_seconds"] = buy(settings, seconds)
        stamps["biletter_buyer_last_success_timestamp_seconds"] = time.time()
    except (Refused, OSError, http.client.HTTPException, ValueError) as error:
        failure = str(error) or type(error).__name__
    write(metrics, failure is None, seconds, stamps)
    if failure is not None:
        sys.exit(f"The buyer got no seat: {failure}")


if __name__ == "__main__":
    main()
