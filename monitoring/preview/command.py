"""`python -m monitoring preview DIR --prometheus URL`: a picture of each dashboard."""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any

from monitoring.preview.client import Prometheus, PrometheusError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_to(commands: Any) -> None:
    """Add the command to a parser's subparsers."""
    parser = commands.add_parser("preview", help="draw the dashboards from a Prometheus")
    parser.add_argument("dir", type=Path, help="folder for the pictures, DASHBOARD.png")
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--span", type=seconds, help="time shown, like 30m; as the dashboard says")
    parser.add_argument("--end", type=float, help="end of it in seconds since 1970; now")
    parser.add_argument("--only", action="append", metavar="DASHBOARD", help="like on-sale")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Draw; 2 with one sentence when Prometheus does not answer."""
    # What draws is only there where tests are: building dashboards does without.
    from monitoring.dashboards.files import dashboards  # noqa: PLC0415
    from monitoring.preview.drawing import draw  # noqa: PLC0415
    from monitoring.preview.reading import Window, filled, marks  # noqa: PLC0415

    prometheus = Prometheus(arguments.prometheus)
    arguments.dir.mkdir(parents=True, exist_ok=True)
    end = arguments.end or time.time()
    for name, text in dashboards().items():
        if arguments.only and name.removesuffix(".json") not in arguments.only:
            continue
        document = json.loads(text)
        span = arguments.span or seconds(document["time"]["from"].removeprefix("now-"))
        window = Window(end - span, end)
        picture = arguments.dir / name.replace(".json", ".png")
        try:
            panels = filled(prometheus, document, window)
            draw(document["title"], panels, marks(prometheus, document, window), window, picture)
        except PrometheusError as problem:
            print(problem)
            return 2
        print(picture)
    return 0


def seconds(text: str) -> int:
    """Seconds of a text like 30m; anything else is a mistake (ValueError)."""
    if not (found := re.fullmatch(r"(\d+)([smhd])", text)):
        raise ValueError(text)
    return int(found[1]) * _UNITS[found[2]]
