"""Which numbers stand in a clean table of prices, read a whole column at a time?

A price folder of a hundred symbols holds millions of cells, and float() on each of them takes seconds. Here eight
digits are read by three multiplications of a 64-bit word. A table that is not clean is not read at all: then the
caller goes line by line, and can say which one is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bot.prices.bars import Dates, Floats
from bot.prices.table import Flags

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]

LONGEST = 19  # digits that fit into 64 bits, whatever they are
# The quotient of two exact floats is the nearest float. Whole numbers are exact up to here, powers of ten up to 22
# (27 in the 64 bits of a long double).
EXACT = np.uint64(2**53)
TENS = 10.0 ** np.arange(23)
WHOLE_TENS = np.array([10**exponent for exponent in range(LONGEST + 1)], dtype=np.uint64)
LONG_TENS = np.multiply.accumulate(np.array([1] + [10] * 27, dtype=np.longdouble))
LONG_HAS_64_BITS = bool(np.finfo(np.longdouble).nmant >= 63)


def read(body: bytes | memoryview, cells: int, wanted: Sequence[int]) -> tuple[Dates, list[Floats]] | None:
    """The dates (first column) and the `wanted` columns of `body`, or None if it is empty or not clean.

    Clean means: every line ends in a newline and holds `cells` cells, the first a date (YYYY-MM-DD), the others
    plain decimal numbers without a sign, or nothing. Numbers come out as float() gives them, empty cells as NaN.
    """
    letters = np.frombuffer(body, np.uint8)
    marks = np.flatnonzero(letters < ord("0"))
    kinds = letters[marks]
    dots = kinds == ord(".")
    line = np.frombuffer(b"--" + b"," * (cells - 1) + b"\n", np.uint8)
    no_dots = np.flatnonzero(~dots)
    if not len(no_dots) or len(no_dots) % len(line) or letters.max() > ord("9") or (dots[1:] & dots[:-1]).any():
        return None
    others = no_dots.reshape(-1, len(line))
    if (kinds[others] != line).any():
        return None
    # Position 2 + n is the end of cell n; a dot, if there is one, is the mark before it.
    ends = [others[:, position] for position in range(1, len(line))]
    try:
        dates = _dates(letters, marks, dots, others[:, :3])
        columns = [_numbers(body, marks, dots, ends[column], ends[column + 1]) for column in wanted]
    except ValueError:
        return None
    return dates, columns


def _dates(letters: Bytes, marks: Places, dots: Flags, first_three: Places) -> Dates:
    """The first cells of all lines, from the marks of their dashes and ends. Raises ValueError if one is no date."""
    starts = marks[first_three[:, 2]] - len("YYYY-MM-DD")
    begins = starts[0] == 0 and (letters[starts[1:] - 1] == ord("\n")).all()
    if not begins or (marks[first_three] != starts[:, None] + [4, 7, 10]).any() or dots[first_three - 1].any():
        raise ValueError
    dates: Dates = np.ndarray((len(letters) - 9,), "S10", buffer=letters, strides=(1,))[starts].astype("M8[D]")
    if dates.min() < np.datetime64("0001-01-01"):
        raise ValueError
    return dates


def _numbers(body: bytes | memoryview, marks: Places, dots: Flags, before: Places, last: Places) -> Floats:
    """The numbers of the cells that lie between two marks each; NaN where there is none.

    Raises ValueError if a cell has a dot and no digit.
    """
    starts, ends, dotted = marks[before] + 1, marks[last], dots[last - 1]
    points = np.where(dotted, marks[last - 1], ends)
    decimals = ends - points - dotted
    digits = ends - starts - dotted
    if (dotted & (digits == 0)).any():
        raise ValueError
    # No cell ends within the first eight bytes, for there stands a date.
    words = np.ndarray((len(body) - 7,), "<u8", buffer=body, strides=(1,))
    whole = _whole_numbers(words, points, points - starts) * WHOLE_TENS[np.minimum(decimals, LONGEST)]
    whole += _whole_numbers(words, ends, decimals)
    numbers = whole.astype(np.float64) / TENS[np.minimum(decimals, 22)]
    numbers[starts == ends] = np.nan
    hard = np.flatnonzero((whole > EXACT) | (digits > LONGEST))
    if len(hard):
        numbers[hard], sure = _long_quotients(whole[hard], decimals[hard])
        for cell in hard[~sure | (digits[hard] > LONGEST)]:
            numbers[cell] = float(bytes(body[starts[cell] : ends[cell]]))
    return numbers


def _whole_numbers(words: Words, ends: Places, lengths: Places) -> Words:
    """The numbers whose `lengths` digits end before `ends`; right up to LONGEST digits."""
    numbers = np.zeros(len(ends), dtype=np.uint64)
    for done in range(0, min(int(lengths.max(initial=0)), LONGEST), 8):
        strange = np.clip(8 - (lengths - done), 0, 8).astype(np.uint64) * np.uint64(8)
        word = words[np.maximum(ends - done - 8, 0)] >> strange << strange
        word = (word & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(10 * 2**8 + 1) >> np.uint64(8)
        word = (word & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(100 * 2**16 + 1) >> np.uint64(16)
        word = (word & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(10_000 * 2**32 + 1) >> np.uint64(32)
        numbers += word * np.uint64(10**done)
    return numbers


def _long_quotients(whole: Words, decimals: Places) -> tuple[Floats, Flags]:
    """whole / 10**decimals, and which are surely the nearest float: not those about halfway between two."""
    quotients = whole.astype(np.longdouble) / LONG_TENS[np.minimum(decimals, 27)]
    numbers = quotients.astype(np.float64)
    parts = np.abs((quotients - numbers).astype(np.float64)) / np.spacing(numbers)
    # Below a power of two floats lie twice as close: there a quarter is the half.
    halfway = (np.abs(parts - 0.5) < 2**-9) | (np.abs(parts - 0.25) < 2**-9)
    return numbers, ~halfway & LONG_HAS_64_BITS
