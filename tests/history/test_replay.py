"""What would have been posted over decades does not change by hindsight."""

from __future__ import annotations

import json
from datetime import date

import pytest

from tests import told
from tests.history import real


def test_shipped_prices_up_to_a_date_tell_what_was_told_then() -> None:
    known, last = real.demo().of("energy", "staples"), date(2008, 11, 20)
    whole, part = known.opened(), known.cut(last).opened()
    then = told.lines(whole, real.posted(whole))
    again = told.lines(part, real.posted(part))
    assert again == [one for one in then if json.loads(one)["session"] <= str(last)]
    assert 100 < len(again) < len(then)


@pytest.mark.skipif(not real.SHARED.is_dir(), reason="there are no more prices than the demo's")
def test_more_prices_with_members_from_seoul() -> None:
    known = real.shared().of("memory")
    last = date(2025, 4, 4)
    whole, part = known.opened(), known.cut(last).opened()
    then, again = (told.lines(one, real.posted(one, date(2020, 1, 2), last)) for one in (whole, part))
    assert then == again
    assert any('"session": "2025-04-04", "basket": "memory"' in one for one in then)
