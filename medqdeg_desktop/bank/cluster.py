"""A Dask cluster as the Executor of a generation. Workers must see the set's folder and the source images under the same
paths.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

from medqdeg_desktop.bank.errors import BankError
from medqdeg_desktop.engine import batch

_CONNECT_SECONDS = 10
_RETRIES = 2


@contextlib.contextmanager
def connected(address: str) -> Iterator[tuple[Callable[[], Executor], int]]:
    """(maker of Executors on the cluster at ``address``, number of its threads).

    A chunk whose worker dies is given to another; Dask takes care of that, up to a limit. BankError where the extra ``cluster``
    is not installed, no scheduler answers or it has no workers.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise BankError("--cluster needs dask; install medqdeg-desktop[cluster]") from None
    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BankError(f"{address}: no Dask scheduler answers there ({' '.join(str(error).split())[:200]})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError:
            raise BankError(f"{address}: the scheduler has no workers") from None
        client.register_worker_callbacks(batch.one_thread)
        size = sum(client.nthreads().values())
        try:
            yield lambda: client.get_executor(retries=_RETRIES, pure=False), size
        except KilledWorker as error:
            raise BankError(
                f"{address}: the same images ended several workers and were given up; what is finished is kept"
            ) from error
