"""How does Prometheus read the bot? Numbers are read when it asks; nothing counts by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from bot.health import HealthSignal, StatusReport
from bot.watch.troubles import State

KIND = CONTENT_TYPE_PLAIN_0_0_4
LOOPS = {
    "engine": ("drawdown_watch", "What the watch counted: turns, errors, sessions judged, events stored."),
    "dispatcher": ("drawdown_deliveries", "Answers to messages, by outcome, and errors of the loop itself."),
    "chat": ("drawdown_commands", "What people asked, and how replies went."),
}


def render(report: StatusReport) -> str:
    """The metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Reading(report))
    return generate_latest(registry).decode()


@dataclass(frozen=True, eq=False)
class _Reading(Collector):
    report: StatusReport

    def collect(self) -> Iterable[Metric]:
        report, health, database, look = self.report, self.report.health, self.report.database, self.report.last_check
        yield _gauge("drawdown_ready", "1 = it does its work, or stands by.", int(health.ready))
        yield _gauge("drawdown_leader", "1 = this process holds the lease and works.", int(health.active))
        signals = {signal.value: int(signal in health.problems) for signal in HealthSignal}
        yield _labelled("drawdown_unwell", "1 = this sign of life is missing.", "sign", signals)
        for name, words, moment in (
            ("working_since", "When this process began to work, or to stand by.", report.since),
            ("last_complete_look", "When a look was last complete.", report.completed_at),
            ("last_heard", "When Telegram last told what people wrote.", report.polled_at),
            ("oldest_waiting", "When the oldest message that waits was due.", database.oldest),
            ("next_due", "When the next session is final, or open.", look.next if look else None),
        ):
            yield _moment(f"drawdown_{name}_timestamp_seconds", words, moment)
        if database.waiting is not None:
            yield _gauge("drawdown_waiting", "Messages that wait to be sent.", database.waiting)
        if database.lease is not None:
            yield _gauge("drawdown_lease_epoch", "How often the lease was taken or given up.", database.lease.epoch)
        if look is not None:
            yield _gauge("drawdown_look_seconds", "How long the last look took.", look.seconds)
            symbols = {"got": look.symbols - look.missing, "missing": look.missing}
            yield _labelled("drawdown_look_symbols", "Symbols that the last look asked for.", "what", symbols)
            yield _gauge("drawdown_look_doubts", "Prices that the last look did not believe.", look.doubts)
        states = {state.value: sum(one.trouble.state is state for one in database.incidents) for state in State}
        yield _labelled("drawdown_troubles", "What goes on of which the operators heard.", "state", states)
        for loop, counts in report.counts.items():
            name, words = LOOPS[loop]
            family = CounterMetricFamily(name, words, labels=["what"])
            for what, count in counts.items():
                family.add_metric([what], count)
            yield family


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value)


def _labelled(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _moment(name: str, words: str, moment: datetime | None) -> Metric:
    family = GaugeMetricFamily(name, words)
    if moment is not None:  # else it is absent, and an alert says absent()
        family.add_metric([], moment.timestamp())
    return family
