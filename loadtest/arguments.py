"""What the options' texts mean; a malformed one is an argparse.ArgumentTypeError in a sentence."""

import argparse
import re
import ssl
from pathlib import Path
from urllib.parse import urlsplit

DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)

RUN_NAME = re.compile(r"[\w.-]{1,40}", re.ASCII)

FACTOR = re.compile(r"\d{1,4}(?:\.\d+)?|\.\d+", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the seconds of a duration like 90s, 10m or 1m30s."""
    match = DURATION.fullmatch(text)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    if total := hours * 3600 + minutes * 60 + seconds:
        return total
    raise argparse.ArgumentTypeError(f"{text!r} is no duration; write 90s, 10m or 1m30s")


def parse_count(text: str) -> int:
    """Return a whole number from 1."""
    if text.isascii() and text.isdigit() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")


def parse_number(text: str) -> int:
    """Return a whole number from 0."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no whole number")


def parse_pids(text: str) -> tuple[int, ...]:
    """Return the numbers of processes."""
    return tuple(parse_count(part) for part in text.split(","))


def parse_factor(text: str) -> float:
    """Return a number above 0, such as 0.05."""
    if FACTOR.fullmatch(text) and float(text) > 0:
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no factor like 0.05")


def parse_seconds(text: str) -> float:
    """Return a number of seconds above 0, such as 2.5."""
    if FACTOR.fullmatch(text) and float(text) > 0:
        return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds like 2.5")


def parse_command(text: str) -> str:
    """Return a command that is one."""
    if text.strip():
        return text
    raise argparse.ArgumentTypeError("an empty command does nothing")


def parse_host(text: str) -> str:
    """Return the address of a service without a slash at its end."""
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and url.hostname and url.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in text or "?" in text or "#" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no address like http://127.0.0.1:8081")
    return text.rstrip("/")


def parse_bind(text: str) -> tuple[str, int]:
    """Return the address and the port to listen at."""
    host, _, port = text.rpartition(":")
    if host and port.isascii() and port.isdigit() and int(port) < 65_536:
        return host, int(port)
    raise argparse.ArgumentTypeError(f"{text!r} is no ADDRESS:PORT like 127.0.0.1:9646")


def parse_run_name(text: str) -> str:
    """Return a short name."""
    if RUN_NAME.fullmatch(text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is no name of a run: letters, digits and .-_, 40 at most"
    )


def parse_ca(text: str) -> str:
    """Return the certificates in a file, in PEM."""
    try:
        pem = Path(text).read_text(encoding="ascii")
        known = ssl.create_default_context(cadata=pem).cert_store_stats() if pem else {}
    except (ssl.SSLError, ValueError):
        known = {}
    except OSError as broken:
        raise argparse.ArgumentTypeError(f"{text} cannot be read: {broken.strerror}") from None
    if not known.get("x509"):
        raise argparse.ArgumentTypeError(f"{text} holds no certificate in PEM")
    return pem
