"""Which bounds are kept? Prints a table; exit code 1 if one is missed. Arguments name single benchmarks."""

from __future__ import annotations

import sys

from benchmarks import against_pandas, against_plain, chart, live, memory, replay, scaling, storage, text, tuning

# One file a benchmark, with a `run` that yields Lines as they come.
BENCHMARKS = {
    "against_pandas": against_pandas,
    "against_plain": against_plain,
    "scaling": scaling,
    "live": live,
    "text": text,
    "replay": replay,
    "tuning": tuning,
    "memory": memory,
    "chart": chart,
    "storage": storage,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"No benchmark {', '.join(unknown)}. There are: {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    missed = 0
    print(f"{'what':<86} {'measured':>12} {'bound':>10}")
    for name in names or BENCHMARKS:
        for line in BENCHMARKS[name].run():
            missed += not line.kept
            print(line, flush=True)
    print(f"{missed} bounds missed" if missed else "every bound kept")
    return 1 if missed else 0


sys.exit(main(sys.argv[1:]))
