"""The page and the JSON of a run hold its figures, and need nothing from anywhere else."""

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loadtest.judge import folder, servers
from loadtest.judge.figures import due_by, figures
from loadtest.judge.page import render
from loadtest.judge.plot import LogScale
from loadtest.schedule import ramp
from tests.unit import judged

OUTSIDE = re.compile(r"""(src|href|action)=|@import|url\(|<link|<iframe|fetch\(|import\(""")
VOID = {"meta"}


class Balance(HTMLParser):
    """Whether every element that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's signature
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        # SVG's own elements close themselves.
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


@pytest.fixture(params=["good", "bad", "closed"])
def page(request: pytest.FixtureRequest) -> str:
    """The page of a run that passed, of one that failed, and of buyers."""
    if request.param == "closed":
        return render(figures(judged.closed_run()))
    return render(judged.report(broken=request.param == "bad"))


def test_the_page_is_well_formed_and_needs_nothing_else(page: str) -> None:
    assert Balance(page).open == []
    assert not OUTSIDE.search(page)
    for picture in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(picture)


def test_what_a_service_said_is_text_and_not_markup() -> None:
    page = render(judged.report(broken=True))
    assert "events: &lt;b&gt;" in page
    assert "events: <b>" not in page


def test_the_page_of_a_good_run_shows_its_figures() -> None:
    report = judged.report()
    texts = Balance(render(report)).texts
    assert "All 4 gates passed" in texts
    assert {"Requests", "Times", "CPU", "Database", "Transactions", "Rows"} <= {*texts}
    assert "100.00" in texts
    assert "every answer was 2xx or 3xx" in texts
    cost = report["cost"]["cpu_ms_per_request"]["service"]
    assert cost == pytest.approx(6.0 / 5000 * 1000, rel=0.05)
    assert f"{cost:.3f}" in texts


def test_the_page_of_a_bad_run_says_what_failed_and_when() -> None:
    report = judged.report(broken=True)
    texts = Balance(render(report)).texts
    assert "2 of 4 gates failed" in texts
    assert {"no answer", "5xx", "503 busy", "dropped", "late, no user free"} <= {*texts}
    series = report["series"]
    assert [n for n, lost in enumerate(series["dropped"]) if lost] == [22, 23]
    assert {n for n, p50 in enumerate(series["p50"]) if p50 > 500} == {20, 21, 22, 23}
    assert {n for n, busy in enumerate(series["came: 503 busy"]) if busy} <= set(range(30, 36))
    assert report["totals"]["dropped"] == sum(series["dropped"])


def test_a_late_generator_is_not_taken_for_a_slow_service() -> None:
    run = judged.open_run()
    assert run.seen.arrivals
    run.seen.late_by_generator = run.seen.arrivals // 10
    assert "<h1>The generator was the bottleneck" in render(figures(run))


def test_servers_that_were_not_seen_are_said_to_be_so() -> None:
    run = judged.open_run()
    run.samples = []
    report = figures(run)
    assert (report["servers"], report["cost"]) == (None, None)
    assert "The servers were not seen" in render(report)
    run.samples = [{**one, "cpu": {"generator": 1.0}, "database": None} for one in
                   judged.open_run().samples]  # fmt: skip
    page = render(figures(run))
    assert "was not seen: it is on another machine" in page
    assert "was not seen; see --database" in page


def test_a_run_that_sent_nothing_has_a_page() -> None:
    run = judged.closed_run()
    run.seen = type(run.seen)()
    assert "gates" in render(figures(run))


def test_programs_read_what_people_see(tmp_path: Path) -> None:
    report = judged.report(broken=True)
    page = folder.write(report, tmp_path / "new" / "run")
    assert page.read_text(encoding="utf-8") == render(report)
    assert folder.read(page.parent) == json.loads(json.dumps(report))
    assert (page.parent / "report.json").stat().st_size < 100_000


@pytest.mark.parametrize("content", [None, "", "[]", '{"plan": {}}'])
def test_a_folder_without_a_report_is_refused_in_a_sentence(
    content: str | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "report.json").write_text(content)
    with pytest.raises(folder.UnreadableError, match=r"has no report\.json of a load run\.$"):
        folder.read(tmp_path)


def test_the_schedule_is_known_at_every_second() -> None:
    schedule = ramp((10, 100), (20, 100), (10, 0))
    assert [due_by(schedule, second) for second in (0, 5, 10, 20, 30, 40, 99)] == [
        *(0, 125, 500, 1500, 2500, 3000, 3000)
    ]


def test_rates_are_read_off_a_counter_between_two_looks() -> None:
    times, values = [0.5, 1.5, 2.5, 3.5], [10.0, 20.0, 20.0, 50.0]
    # The first half second and what follows the last look are not known.
    assert servers.rates(times, values, [0, 1, 2, 3, 4, 5]) == [10.0, 5.0, 15.0, 30.0, None]


def test_a_process_that_ended_takes_nothing_away() -> None:
    assert servers.grown([5.0, 7.0, 3.0, 4.0]) == [5.0, 7.0, 7.0, 8.0]


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([0.9, 1.6], [0.5, 1, 2]),
        ([1.1, 90.0], [1, 2, 5, 10, 20, 50, 100]),
        ([3.0, 30_000.0], [10, 100, 1_000, 10_000]),
        ([0.0], [1, 2, 5]),
        ([2.0, 2.0], [2, 5, 10]),
    ],
)
def test_a_logarithmic_axis_is_as_tall_as_its_values(
    values: list[float], ticks: list[float]
) -> None:
    scale = LogScale(values)
    assert scale.ticks == pytest.approx(ticks if len(ticks) <= 6 else [1, 10, 100])
    heights = [scale.y(value) for value in sorted(values)]
    assert heights == sorted(heights, reverse=True)
    assert all(0 < height < 150 for height in heights)
