"""The benchmarks' own arithmetic, and a start of what they start."""

import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from benchmarks import bill
from benchmarks.backlog import Index, backlog, waiting
from benchmarks.inside import worker
from benchmarks.killed import killed
from benchmarks.meter import item_bytes, query_units
from benchmarks.runtime import FLOOR, WHOLE, Runtime
from benchmarks.starts import cold_starts
from benchmarks.table import Row, at_most, percentile, released, shown
from benchmarks.warm import warm_calls
from feee_cancel.adapters.telemetry import EmbeddedMetrics
from feee_cancel.domain.answer import Answer, AnswerKind
from feee_cancel.domain.cancellation import State
from local.build import ROOT
from local.metrics import embedded
from tests.alarms import alarms
from tests.builders import NOW, row


def test_an_items_size_is_that_of_its_names_and_values() -> None:
    assert (
        item_bytes({"order_no": {"S": "é1"}, "due_at": {"N": "12345"}, "is": {"BOOL": True}}) == 8 + 3 + 6 + 4 + 2 + 1
    )


def test_a_query_that_returns_nothing_takes_half_a_unit_and_four_kilobytes_another() -> None:
    item = {"reason": {"S": "x" * 4_090}}
    assert [query_units([]), query_units([item]), query_units([item, {"a": {"S": "b"}}])] == [0.5, 0.5, 1.0]


def test_a_row_is_met_up_to_its_bar() -> None:
    assert [at_most("x", ratio, 1.25, "").met for ratio in (1.25, 1.26)] == [True, False]


def test_a_row_tells_what_it_was_in_the_last_release() -> None:
    table = shown([Row("Known", "1.10"), Row("New", "2.00")], {"Known": "1.20"})
    assert list(table.columns[4].cells) == ["1.20", ""]


def test_the_figures_of_the_last_release_are_there() -> None:
    before = released()
    assert {f"Cold start, {name}" for name in ("api", "schedule", "webhook", "notify")} <= set(before)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile(range(100), 99), percentile([7], 99)] == [99, 7]


def test_the_bill_is_what_was_used_times_the_prices() -> None:
    assert bill.cost({"requests to API Gateway": 2e6, "secrets, a month": 2}) == pytest.approx(7.80)
    used = set(bill.million(0.1, 6, 0)) | set(bill.idle_month(3)) | set(bill.kept(1))
    assert used == set(bill.PRICES)


def test_the_bill_is_what_was_promised() -> None:
    """A million cancels with metrics at most $12, an idle month with all alarms at most $3."""
    assert bill.cost(bill.million(0.106, 5, 0)) <= 12
    assert bill.cost(bill.million(0.106, 6, 0)) <= 12, "a row of more than 1 KB takes a unit more"
    assert bill.cost(bill.idle_month(3)) <= 3


def test_the_bill_counts_what_the_template_makes_by_default() -> None:
    """One alarm, one secret are for SettledWebhookUrl; the dashboard is for who asks for it."""
    made = [bill.made(f"AWS::{kind}") for kind in ("CloudWatch::Alarm", "CloudWatch::Dashboard")]
    assert [*made, bill.made("AWS::SecretsManager::Secret")] == [len(alarms()) - 1, 0, 2]
    assert bill.made("AWS::Logs::QueryDefinition") == 5


def test_the_pages_say_what_it_costs() -> None:
    decision = "decisions/0015-alarms-on-what-a-human-has-to-do.md"
    idle, million = bill.cost(bill.idle_month(3)), bill.cost(bill.million(0.106, 5, 0))
    pages = {name: (ROOT / "docs" / name).read_text() for name in ("performance.md", "several-accounts.md", decision)}
    assert [name for name, text in pages.items() if f"${idle:.2f}" not in text] == []
    assert [name for name in ("performance.md", decision) if f"${million:.2f}" not in pages[name]] == []
    assert f"${bill.cost(bill.million(0.106, 6, 0)):.2f}" in pages["performance.md"], "with rows of more than 1 KB"


def test_x_ray_traces_the_first_of_each_second_and_a_twentieth_of_the_others() -> None:
    """X-Ray: the default sampling rule."""
    assert bill.traces(1) == pytest.approx(1)
    assert bill.traces(1e6) == pytest.approx(840_000, rel=0.01)
    assert bill.traces(1e9) == pytest.approx(bill.MONTH_SECONDS + 0.05 * (1e9 - bill.MONTH_SECONDS), rel=0.001)


def test_the_bill_counts_the_metrics_that_a_cancel_and_a_tick_put(capsys: pytest.CaptureFixture[str]) -> None:
    def _cancel(metrics: EmbeddedMetrics) -> None:
        metrics.started()
        metrics.answered(Answer(kind=AnswerKind.ORDER, seconds=0.1))
        metrics.attempted(row(state=State.CANCELLED, refund_amount=Decimal("3.92"), settled_at=NOW))

    def _put(tell: Callable[[EmbeddedMetrics], None]) -> set[str]:
        metrics = EmbeddedMetrics("feee-cancel", 1200)
        metrics.published(lambda event, context: tell(metrics))({}, None)
        return {datum.name for line in capsys.readouterr().out.splitlines() for datum in embedded(line)}

    assert _put(_cancel) == set(bill.CANCEL_METRICS)
    assert _put(lambda metrics: metrics.backlog(0, overdue=0)) == set(bill.TICK_METRICS)


def test_what_waits_is_read_a_page_at_the_most() -> None:
    """Of 1,000 and more, the latest of each state that isn't final are read, too."""
    rows = list(backlog((10, 6_000)))
    assert len(rows) == 2 + 4
    assert all(row.met for row in rows), rows
    few, many = (row.figures["tick"] for row in rows[:2])
    assert many.calls == few.calls + sum(not state.final for state in State)
    assert few.units < 5 < many.units


def test_every_order_is_settled_however_often_the_drain_is_killed() -> None:
    """Within the leases: an order's is 30 s, the drain's 10 s; the tick comes each minute."""
    with_ticks, with_requests = (max(row.figures["seconds"]) for row in killed())
    assert 30 < with_requests < with_ticks < 60 + 30


def test_an_index_of_the_benchmark_answers_with_a_page_of_a_megabyte() -> None:
    index, table = Index(waiting(6_000, askers=1, due_in=0)), "table"
    page: Any = index.query(
        IndexName="state-due_at", ExpressionAttributeValues={":state": {"S": "waiting"}}, TableName=table
    )
    assert 128 <= index.units <= 129
    assert len(page["Items"]) < 6_000


def test_the_standard_librarys_time_is_shared_out_among_its_callers() -> None:
    own, vendor, library = ("/x/feee_cancel/a.py", 1, "a"), ("/x/botocore/b.py", 1, "b"), ("/lib/json.py", 1, "c")
    edge = {own: (1, 1, 0.0, 3.0), vendor: (1, 1, 0.0, 1.0)}
    stats = {own: (1, 1, 2.0, 5.0, {}), vendor: (1, 1, 4.0, 5.0, {}), library: (2, 2, 4.0, 4.0, edge)}
    assert worker.own_share(stats) == pytest.approx((2 + 0.75 * 4) / 10)


class Sources(Runtime):
    """This Python, on the sources."""

    def path(self, function: str, *, compiled: bool = True) -> list[str]:
        packages = [part for part in sys.path if part.endswith("site-packages")]
        if function in {FLOOR, WHOLE}:
            return [str(ROOT / "benchmarks" / FLOOR), *packages]
        return [str(ROOT / "functions" / function), str(ROOT / "layers/core"), *packages]


HERE = Sources("this Python", [sys.executable], str(ROOT / "benchmarks"), contained=False)


def test_cold_starts_are_measured() -> None:
    rows = list(cold_starts(HERE, rounds=1))
    assert len(rows) == 4
    assert all(0 < second < 60 for row in rows for second in row.figures["processor_seconds"] + row.figures["floor"])


def test_warm_calls_are_measured_and_counted() -> None:
    rows = {row.figure: row for row in warm_calls(HERE, times=20, slow_times=4)}
    assert rows["Calls per happy cancel, at the sockets"].met, rows
    assert rows["Warm cancel, feee.io takes 100 ms, p50"].figures["p50"] > 0.1
    assert rows["Processor time of our own code, a request"].figures["milliseconds"] > 0
