"""What may a line of an English message look like, and which figures are in a line of either language?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

DAY = r"\d{1,2} [A-Z][a-z]{2} \d{4}"
SHOWN = r"[−+]?[\d.,]+ %"
ICON = "[🟡🟠🔴🚨]"
STATE = r"(?:a \w+(?: market)?|crash territory)"
FORMS = {
    kind: re.compile(form)
    for kind, form in {
        "headline": rf"{ICON} (?P<name>.+?) (?P<move>{SHOWN}) in (?P<window>\w+) sessions?(: (?P<claim>.+))?",
        "gap_headline": rf"{ICON} (?P<one>.+) (?P<points>[\d.]+) points (?P<side>ahead of|behind) (?P<other>.+)"
        r" in two sessions(: (?P<claim>.+))?",
        "live_headline": rf"{ICON} (?P<name>.+?) is down (?P<move>{SHOWN}) in (?P<window>\w+) sessions? as of"
        r" (?P<time>\d\d:\d\d \w+), on course for its (?P<claim>.+)",
        "further": rf"Another (?P<further>{SHOWN}) would make it the worst (in (?P<years>\d+|a) years?"
        rf"|on record, since (?P<begin>{DAY}))",
        "facts": rf"(closed|not final: prices of [^,]+,) {DAY}( · .+)?",
        "rank": r"Rank (?P<rank>[\d,]+) of (?P<sample>[\d,]+) (?P<window>\w+)-session moves since (?P<year>\d+)"
        rf"(?P<overlapping> \(overlapping\))?( · worst (?P<share>{SHOWN}))?"
        r"(?P<few> · no percentile yet: it takes 250 moves, there are \d+)?"
        rf"( · no comparison by years yet: it takes 3 years of data, they begin (?P<begin>{DAY}))?"
        r"( · about once in (?P<years>[\d.]+) years \(90 %: (?P<low>[\d.]+)–(?P<high>[\d.]+)\))?"
        r"( · (?P<times>[\d.,]+) × its usual swing)?",
        "nth_beyond": r"Only the (?P<nth>\w+) (?P<window>\w+)-session fall of over (?P<limit>\d+) % since"
        r" (?P<year>\d{4}); the others?: (?P<dates>.+)",
        "first_beyond": r"The first (?P<window>\w+)-session fall of over (?P<limit>\d+) % in the data"
        r" since (?P<year>\d{4})",
        "followed": rf"After (?P<n>\d+) earlier falls at least 80 % as deep: (?P<sessions>\d+) sessions later median"
        rf" (?P<median>{SHOWN}), higher in (?P<higher>\d+) of (?P<known>\d+)(; (?P<unknown>\d+) not known)?",
        "cases": rf"Earlier falls at least 80 % as deep: (?P<dates>{DAY}(, {DAY})*)(; (?P<sessions>\d+) sessions later"
        r" higher in (?P<higher>\d+) of (?P<known>\d+))?(; (?P<unknown>\d+) not known)?",
        "no_precedent": r"No earlier (?P<window>\w+)-session fall in the data since (?P<year>\d{4}) was 80 % as deep",
        "line_further": rf"(?P<name>.+): (?P<depth>[\d.]+) % below its high of (?P<peak>{DAY}); another"
        rf" (?P<further>{SHOWN}) would be (?P<state>.+)",
        "line_level": rf"(?P<name>.+): (?P<depth>[\d.]+) % below its high of (?P<peak>{DAY}); a close at or below"
        r" (?P<level>[\d.,]+) is (?P<state>.+)",
        "gap_rank": rf"Among the widest (?P<share>{SHOWN}) in this direction, of (?P<sample>[\d,]+) two-session gaps"
        r" since \d+ \(overlapping\)",
        "breadth": r"(?:(?P<all>Its only member|Both members|All \d+ members) (fell|(is|are) down)"
        r"|(?P<fell>\d+) of (?P<total>\d+) members (fell|are down))"
        r"(, (?P<far>\d+) by over 10 % (at the close|so far)( \((?P<names>[^)]+)\))?)?"
        r"(, (?P<plunged>\d+) dropped over 10 % during trading( \((?P<which>[^)]+)\))?)?"
        r"(, day's low not known of (?P<unknown>[^ ,]+(, [^ ,]+)*?( members)?))?"
        r"(?P<lacked>, \d+ lacked a price)?",
        "parts": r"(Largest parts|(?P<points>[\d.,]+) of the (?P<total>[\d.,]+) points from (?P<names>\w+) names):"
        r" (?P<parts>.+)",
        "entered": rf"({ICON} )?([^:]+: )?(?P<name>[^:]+) entered (?P<state>{STATE}): (?P<drawdown>{SHOWN})"
        rf" from its high of (?P<peak>{DAY}) \((?P<before>[\d,]+) sessions?\)"
        rf"(; first since (?P<since>{DAY})|; first in the data, since (?P<begin>{DAY}))?",
        "entered_holes": rf"({ICON} )?([^:]+: )?(?P<name>[^:]+) entered (?P<state>{STATE}) \((?P<holes>\d+) sessions?"
        r" without a reading since its high (is|are) not counted\)",
        "entered_together": rf"Entered (?P<state>{STATE}): (?P<entries>.+? from its high of {DAY}"
        rf"(, \S+( {SHOWN} from {DAY})?)*)(; (?P<more>\d+) more)?",
        "low_many": rf"{ICON} (?P<name>.+): .+ fell 10 % or more during trading",
        "low": rf"(?P<symbol>\S+): (?P<low>{SHOWN}) at the day's low against the previous close, (?P<close>{SHOWN})"
        " at the close",
        "entered_many": rf"{ICON} (?P<name>.+): .+ entered {STATE}( or worse)?",
        "against": rf"Against it: (?P<other>.+) (?P<move>{SHOWN}), (?P<points>[\d.]+) points ahead"
        rf"(, the most (?P<record>on record, )?since (?P<since>{DAY}))?",
        "foot": r"((?P<present>\d+) of \d+ prices(, (?P<abroad>\d+) by (its|their) own exchanges?'s? hours)? · )?"
        r"(split-)?adjusted closes · event #[A-Z0-9]{5}",
    }.items()
}
CHINESE_DAY = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def figures(line: str, names: Iterable[str]) -> list[str]:
    """Every date and number, sorted; `names` are no figures. What is a word in one of the languages is left out."""
    for name in names:
        line = line.replace(name, " ")
    line = line.replace("80 % as deep", " ").replace(" in a year", " in 1 year").replace(" in a month", " in 1 month")
    found = [f"{datetime.strptime(one, '%d %b %Y'):%Y-%m-%d}" for one in re.findall(DAY, line)]  # noqa: DTZ007
    found += [f"{year}-{int(month):02}-{int(day):02}" for year, month, day in CHINESE_DAY.findall(line)]
    line = CHINESE_DAY.sub(" ", re.sub(DAY, " ", line))
    return sorted([*found, *(one.replace(",", "") for one in NUMBER.findall(line))])


def same_figures(english: str, chinese: str, names: Iterable[str]) -> None:
    """Line by line both messages have the same figures; the one that says more may have lost lines above its last."""
    *one, one_foot = english.split("\n")
    *other, other_foot = chinese.split("\n")
    assert figures(one_foot, names) == figures(other_foot, names)
    for line, same in zip(one, other, strict=False):
        assert figures(line, names) == figures(same, names), f"{line}\n{same}"
