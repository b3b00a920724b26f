"""How figures are rounded, so that what is said of them stays true."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.context.model import ReferenceMove
from bot.messages.catalogue import load_catalogue
from bot.messages.wording import decimals_needed, limit_text, share_text

EN = load_catalogue("en")
THEN = date(2009, 3, 2)


@pytest.mark.parametrize(
    ("move", "earlier", "runner_up", "decimals"),
    [
        pytest.param(-0.1355, -0.1562, None, 1, id="different at sight"),
        pytest.param(-0.1354, -0.1356, None, 1, id="different when rounded"),
        pytest.param(-0.1361, -0.1362, None, 2, id="one more"),
        pytest.param(-0.13611, -0.13612, None, 3, id="two more"),
        pytest.param(-0.136111, -0.136114, None, 4, id="three more"),
        pytest.param(-0.1361, -0.1361, None, 1, id="the same"),
        pytest.param(-0.1361, -0.2, -0.13601, 2, id="held against the runner-up"),
        pytest.param(-0.1361, -0.1361, -0.13601, 2, id="the same, and held against the runner-up"),
        pytest.param(-0.1361, -0.1362, -0.13601, 2, id="held against both"),
        pytest.param(-0.1361, -0.2, -0.05, 1, id="a distant runner-up"),
        pytest.param(0.1361, 0.1362, 0.05, 2, id="upwards"),
    ],
)
def test_decimals(move: float, earlier: float, runner_up: float | None, decimals: int) -> None:
    assert decimals_needed(move, ReferenceMove(THEN, earlier, runner_up)) == decimals


def test_one_decimal_without_a_yardstick() -> None:
    assert decimals_needed(-0.1361, None) == 1


@given(st.integers(-9_999_999, -1), st.integers(0, 9_999), st.integers(1, 9_999))
def test_what_is_shown_is_in_the_order_of_what_is(ppm: int, deeper: int, shallower: int) -> None:
    """Earlier move <= move < runner-up holds of the figures as they are written, to a ten-thousandth of a percent."""
    move, earlier, runner_up = (number / 1e6 for number in (ppm, ppm - deeper, ppm + shallower))
    decimals = decimals_needed(move, ReferenceMove(THEN, earlier, runner_up))
    shown = [float(EN.percent(one, decimals, sign=False).replace(",", "").removesuffix(" %")) for one in
             (earlier, move, runner_up)]  # fmt: skip
    assert shown[0] >= shown[1]
    assert (shown[0] == shown[1]) == (deeper == 0)
    assert shown[1] > shown[2] or runner_up > 0


@pytest.mark.parametrize(
    ("count", "sample", "written"),
    [
        (3, 7603, "0.04 %"),
        (1, 100_000, "0.01 %"),
        (1, 300, "0.34 %"),
        (1, 250, "0.40 %"),
        (76, 7600, "1.0 %"),
        (77, 7600, "1.1 %"),
        (250, 250, "100.0 %"),
        (999, 100_000, "1.00 %"),
    ],
)
def test_a_share_is_rounded_up(count: int, sample: int, written: str) -> None:
    assert share_text(count, sample, EN) == written


@given(st.integers(1, 30_000), st.integers(1, 30_000))
def test_among_the_worst_share_is_never_too_small_a_share(count: int, more: int) -> None:
    sample = count + more - 1
    shown = float(share_text(count, sample, EN).removesuffix(" %"))
    assert shown >= 100 * count / sample - 1e-9
    assert 0 < shown <= 100 * count / sample + 0.1


@pytest.mark.parametrize(
    ("fraction", "written"), [(-0.1, "10 %"), (-0.125, "12.5 %"), (-0.1005, "10.05 %"), (-1, "100 %")]
)
def test_a_configured_figure_is_written_as_it_was(fraction: float, written: str) -> None:
    assert limit_text(fraction, EN) == written
