"""Worker pools: this process, processes of this machine, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from joblib import Parallel, delayed, parallel_config

from bot.errors import ConfigError, ConfigProblem
from bot.tuning.jobs import Result, WorkerPool, WorkUnit

CLUSTER_TIMEOUT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class SerialPool:
    """This process, one work unit after the other."""

    count: int = 1

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        return map(work, shares)


@dataclass(frozen=True, slots=True)
class ProcessPool:
    """`count` processes of this machine, by joblib's own backend (loky)."""

    count: int

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        # Large arrays go by joblib's memory maps, and none is made ready long before it is needed: copies take memory.
        run = Parallel(n_jobs=self.count, return_as="generator", pre_dispatch="n_jobs")
        yield from run(delayed(work)(share) for share in shares)


@dataclass(frozen=True, slots=True)
class DaskPool:
    """The workers of a Dask cluster, by joblib's Dask backend. All must be able to import this program."""

    address: str
    count: int

    def each(self, work: Callable[[WorkUnit], Result], shares: Iterable[WorkUnit]) -> Iterator[Result]:
        with (
            connect(self.address) as client,
            parallel_config(backend="dask", client=client, wait_for_workers_timeout=CLUSTER_TIMEOUT_SECONDS),
        ):
            yield from Parallel(n_jobs=-1)(delayed(work)(share) for share in shares)


def worker_pool(jobs: int, cluster: str | None) -> WorkerPool:
    """The pool for `--cluster` (the address of a Dask scheduler), else for so many processes. Raises ConfigError."""
    if cluster is None:
        return SerialPool() if jobs == 1 else ProcessPool(jobs)
    try:
        with connect(cluster) as client:
            count = len(client.scheduler_info(n_workers=-1)["workers"])
    except ModuleNotFoundError:
        message, remedy = "needs the package distributed", 'Install it beside the bot: pip install "distributed".'
    except (OSError, ValueError) as error:
        message = f"cannot be reached: {error}"
        remedy = "Give the address that dask scheduler prints, such as tcp://127.0.0.1:8786."
    else:
        if count:
            return DaskPool(cluster, count)
        message, remedy = "has no workers", f"Start some: dask worker {cluster}"
    raise ConfigError((ConfigProblem("command line", "--cluster", message, remedy),))


def connect(address: str) -> Any:
    from distributed import Client  # noqa: PLC0415 - an optional dependency

    return Client(address, timeout=CLUSTER_TIMEOUT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]
