"""Who does the work: this process, all cores of this machine, or a Dask cluster?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bot.errors import ConfigError, ConfigProblem
from bot.tuning.jobs import Result, WorkerPool, WorkUnit

REACH_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Here:
    """This process, one share after the other."""

    count: int = 1

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        return map(work, shares)


@dataclass(frozen=True, slots=True)
class Cores:
    """Processes of this machine, by joblib's own backend (loky)."""

    count: int

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        from joblib import Parallel, delayed  # noqa: PLC0415 - a tenth of a second that one process can do without

        # Large arrays go by joblib's memory maps, and none is made ready long before it is needed: copies take memory.
        run = Parallel(n_jobs=self.count, return_as="generator", pre_dispatch="n_jobs")
        yield from run(delayed(work)(share) for share in shares)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The workers of a Dask cluster, by joblib's Dask backend. Each must be able to import this program."""

    address: str
    count: int

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        from joblib import Parallel, delayed, parallel_config  # noqa: PLC0415 - see above

        with (
            _client(self.address) as client,
            parallel_config(backend="dask", client=client, wait_for_workers_timeout=REACH_SECONDS),
        ):
            yield from Parallel(n_jobs=-1)(delayed(work)(share) for share in shares)


def workers(jobs: int, cluster: str | None) -> WorkerPool:
    """Whoever is named: the address of a cluster's scheduler, else so many processes. Raises ConfigError."""
    if cluster is None:
        return Here() if jobs == 1 else Cores(jobs)
    try:
        with _client(cluster) as client:
            count = len(client.scheduler_info(n_workers=-1)["workers"])
    except ModuleNotFoundError:
        remedy = 'Install it beside the bot: pip install "distributed".'
        raise ConfigError(
            (ConfigProblem("command line", "--cluster", "needs the package distributed", remedy),)
        ) from None
    except (OSError, ValueError) as error:
        remedy = "Give the address that dask scheduler prints, such as tcp://127.0.0.1:8786."
        raise ConfigError(
            (ConfigProblem("command line", "--cluster", f"cannot be reached: {error}", remedy),)
        ) from error
    if not count:
        remedy = f"Start some: dask worker {cluster}"
        raise ConfigError((ConfigProblem("command line", "--cluster", "has no workers", remedy),))
    return Cluster(cluster, count)


def _client(address: str) -> Any:
    from distributed import Client  # noqa: PLC0415 - an optional dependency

    return Client(address, timeout=REACH_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
