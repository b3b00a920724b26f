from __future__ import annotations

from math import comb

import pytest

from tests.campaigns.figures import Figure, highest_rate, mean_and_margin


@pytest.mark.parametrize(("found", "of"), [(0, 1000), (1, 100), (7, 50)])
def test_so_few_would_be_seen_once_in_twenty_times_at_the_highest_rate(found, of):
    rate = highest_rate(found, of)
    chance = sum(comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(found + 1))
    assert chance == pytest.approx(0.05, rel=1e-6)


def test_all_of_all_prove_nothing():
    assert highest_rate(5, 5) == 1.0


def test_the_margin_of_equal_values_is_nothing():
    assert mean_and_margin([2, 2, 2]) == (2, 0)
    assert mean_and_margin([0, 4] * 50) == (2, pytest.approx(1.96 * 2.0100756 / 10))


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        (Figure("lost", 0, at_most=0), True),
        (Figure("lost", 1, at_most=0), False),
        (Figure("rate", 28.4, "/s", at_least=28.5), False),
        (Figure("rate", 28.5, "/s", at_least=28.5), True),
        (Figure("told", 1e9), True),
    ],
)
def test_a_bound_is_kept_or_missed(figure, kept):
    assert figure.kept is kept


def test_a_figure_in_words():
    assert (Figure("rate", 28.512, "/s", at_least=28.5).value, Figure("", 3, "kills").value) == ("28.51 /s", "3 kills")
    assert Figure("rate", 1, "/s", at_least=28.5).bound == "at least 28.5 /s"
