"""The page of the chaos run needs nothing but itself, and says what was found."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from loadtest.chaos import page
from loadtest.chaos.calls import Counts
from loadtest.chaos.facts import Difference
from loadtest.chaos.mischief import Trouble
from loadtest.chaos.run import Result
from loadtest.chaos.world import Plan


@pytest.fixture
def result() -> Result:
    """A short run in which something broke."""
    counts = Counts()
    for second, took in enumerate((0.01, 0.2, 3.0)):
        counts.seconds[second].append(took)
        counts.deeds[second, "booked"] += second
        counts.errors[second, "503 later"] += 1
    return Result(
        Plan(seconds=3.0, seed=5, buyers=2, mode="coded"),
        counts,
        troubles=[
            Trouble("workers", "kill -9 a worker", "worker-1", 0.5, 1.0, is_kill=True),
            Trouble("gateway", "gateway knobs", "drop <init>", 1.0, 2.5),
        ],
        watch={0: (1, 0, 2, 0, 3), 1: (0, 0, 1, 0, 0)},
        sums=[("money kept, tiyn", 1200, 1200, None), ("fees", 100, 99, None)],
        statuses={"our bookings": {"CONFIRMED": 3}},
    )


def test_a_run_without_differences_says_that_the_ledgers_agree(result: Result) -> None:
    text = page.render(result)
    assert "<h1>The three ledgers agree to the tiyn</h1>" in text
    assert "make chaos SECONDS=3 SEED=5" in text


def test_every_difference_is_on_the_page_and_is_text_not_markup(result: Result) -> None:
    result.differences = [Difference("sums differ", "order <7>", "we keep 5, the gateway 6")]
    text = page.render(result)
    assert "<h1>1 difference between the ledgers</h1>" in text
    assert "order &lt;7&gt;" in text
    assert "order <7>" not in text


def test_the_page_loads_nothing(result: Result) -> None:
    text = page.render(result)
    assert not re.search(r"https?://|src=|@import|url\(|<script|<link", text)


def test_the_timeline_is_a_well_formed_picture_with_every_trouble(result: Result) -> None:
    text = page.render(result)
    picture = ET.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    told = [title.text for title in picture.iter("title")]
    assert told == [
        "kill -9 a worker: worker-1, 0.5–1.0 s",
        "gateway knobs: drop <init>, 1.0–2.5 s",
    ]


def test_programs_read_the_same_as_people(result: Result, tmp_path: Path) -> None:
    result.differences = [Difference("sums differ", "order 7", "we keep 5, the gateway 6")]
    page.write(result, tmp_path)
    told = json.loads((tmp_path / "report.json").read_text())
    assert not told["agrees"]
    assert told["differences"][0]["subject"] == "order 7"
    assert told["kills"] == {"kill -9 a worker": 1}
    assert told["repeat"] == "make chaos SECONDS=3 SEED=5"
