from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from bot.prices.bars import Bars, CorporateAction, Symbol
from bot.prices.quality import SuspectPrice, Suspicion
from bot.prices.quality_filter import SuspectObservation, is_cleared, repaired
from tests.world import weekdays

AA = Symbol("AA")
DAYS = weekdays(25, date(2025, 3, 3))
NOW = datetime(2025, 4, 4, 21, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def bars(last: float, *, volume: float = 1.0, symbol: Symbol = AA) -> Bars:
    """Closes of 100, and the last one `last` times that; of the last session's volume `volume` times the usual."""
    close = np.full(len(DAYS), 100.0)
    close[-1] *= last
    shares = np.full(len(DAYS), 1e6)
    shares[-1] *= volume
    dates = np.array(DAYS, dtype="M8[D]")
    return Bars(symbol, dates, close, close, close, close, "test", volume=shares)


def doubt(kind: Suspicion = Suspicion.FAR) -> SuspectPrice:
    return SuspectPrice(AA, DAYS[-1], kind, "")


def settled(one: Bars, kind: Suspicion = Suspicion.FAR, *, after: timedelta = MINUTE, usual: float = 1.0) -> bool:
    others = [bars(1.0, volume=usual, symbol=Symbol(name)) for name in ("BB", "CC", "DD")]
    return is_cleared(doubt(kind), one, others, SuspectObservation(NOW, float(one.close[-1])), NOW + after)


def test_a_fall_that_stays_put_in_heavy_trading_is_believed() -> None:
    assert settled(bars(0.6, volume=6))


@pytest.mark.parametrize(
    ("one", "more"),
    [
        (bars(0.6, volume=6), {"after": timedelta(seconds=59)}),
        (bars(0.6, volume=2.5), {}),
        (bars(0.6, volume=4.9), {}),  # 2.9 times the usual money
        (bars(0.6, volume=6), {"usual": 3.0}),  # the whole market is like that
        (bars(0.1, volume=10), {}),  # ten times the shares at a tenth of the price
        (bars(1.6, volume=6), {}),
        (bars(0.5, volume=8), {"kind": Suspicion.SPLIT}),
        (bars(0.6, volume=6), {"kind": Suspicion.UNDONE}),  # what is spun off is traded heavily
        (bars(0.6, volume=6), {"kind": Suspicion.OUTSIDE}),
        (bars(0.01, volume=1000), {"kind": Suspicion.ABSURD}),
        (replace(bars(0.6), volume=None), {}),
    ],
)
def test_these_are_not(one: Bars, more: dict[str, object]) -> None:
    assert not settled(one, **more)  # type: ignore[arg-type]


def test_a_price_that_has_moved_on_is_first_seen_now() -> None:
    seen = SuspectObservation(NOW, 60.0, cleared=True)
    assert seen.updated(62.9, NOW + MINUTE) is seen
    assert seen.updated(63.1, NOW + MINUTE) == SuspectObservation(NOW + MINUTE, 63.1)
    assert seen.updated(60.0, NOW - MINUTE) == SuspectObservation(NOW - MINUTE, 60.0)


def test_a_low_is_settled_by_itself_whatever_the_close_did() -> None:
    risen = bars(1.02, volume=6)
    low = risen.low.copy()
    low[-1] = 88.0
    assert settled(replace(risen, low=low), Suspicion.LOW)
    assert not settled(replace(bars(1.02), low=low), Suspicion.LOW)


def test_a_payment_does_not_mend_a_low() -> None:
    paid = replace(bars(0.99), actions=(CorporateAction(DAYS[-1], dividend=1.0),))
    assert repaired(doubt(Suspicion.LOW), paid) is None


@pytest.mark.parametrize(("shown", "ratio"), [(0.1, 10.0), (0.51, 2.0), (0.66, 1.5), (10.0, 0.1), (10.0, 10.0)])
def test_a_split_of_the_feed_puts_the_past_on_the_footing_of_today(shown: float, ratio: float) -> None:
    one = replace(bars(shown), actions=(CorporateAction(DAYS[-1], ratio),))
    better = repaired(doubt(Suspicion.SPLIT), one)
    assert better is not None
    for name in ("close", "adjusted", "high", "low"):
        values = getattr(better, name)
        assert values[-1] == getattr(one, name)[-1]
        assert values[-2] == pytest.approx(values[-1], rel=0.05)


@pytest.mark.parametrize(
    "actions",
    [
        (),
        (CorporateAction(DAYS[-2], 10.0),),
        (CorporateAction(DAYS[-1], 4.0),),
        (CorporateAction(DAYS[-1], dividend=1.0),),
    ],
)
def test_an_action_that_does_not_account_for_the_move_mends_nothing(actions: tuple[CorporateAction, ...]) -> None:
    assert repaired(doubt(Suspicion.SPLIT), replace(bars(0.1), actions=actions)) is None


def test_a_payment_changes_the_adjusted_closes_alone() -> None:
    one = replace(bars(0.75), actions=(CorporateAction(DAYS[-1], dividend=25.0),))
    better = repaired(doubt(), one)
    assert better is not None
    assert better.close is one.close
    assert better.adjusted[-2:].tolist() == [75.0, 75.0]
