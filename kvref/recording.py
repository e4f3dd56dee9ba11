"""Recording what happens to a live manager, as a trace that `kvref trace check` can judge.

One JSON object per line: a header, a `load` for each entry already there, then one record per
pool operation in order (`get`, `set`, `clear`; before a clear of many, `leaving` lists most of
them), one per hierarchical lookup (`hget`, behind its one or two `get`s), a `remains` for each
entry there at the end, and `end`. Operations that raise change nothing and are not recorded. `fp`
is the contents' fingerprint, `o` numbers the stored objects (the same number is the same object),
`node` names the node of a search that a `get`, `set` or `hget` was for, where that was told.
Calls on the manager other than lookups are recorded as the pool operations that they lead to:
whether they led to the right pool is not recorded.
"""

import gzip
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self, SupportsIndex, TypeVar, runtime_checkable

from kvref.arguments import as_node
from kvref.errors import (
    KVCacheIOError,
    KVCacheReentryError,
    KVCacheTypeError,
    KVCacheValueError,
    show,
)
from kvref.manager import KVCacheManager
from kvref.observing import Event
from kvref.orders import recorded
from kvref.records import Records, fingerprint_of

V = TypeVar("V")

logger = logging.getLogger(__name__)

VERSION: Final = 3


@runtime_checkable
class NamesNodes(Protocol):
    """Who serves itself of a manager and can say for which node: a `SearchSession`."""

    @property
    def manager(self) -> object: ...

    def _name_nodes(self, recordings: int) -> None:
        """So many more recordings ask for names, or fewer."""


class Recorder(Records[V]):
    """Records every operation of `manager` into `path` until closed (a context manager).

    An observer (`kvref.observing`): the manager and its pools are used as always, directly too.
    No operation of theirs fails because its recording does. A recording that fails (a fingerprint
    that raises, a full disk, a record too long to be read) ends there, without its `end`, so that
    `kvref trace check` refuses the file; that is logged, kept in `failure` and raised by `close`,
    once, unless the `with` block raises itself. A copy of the manager is not recorded.

    Args:
        manager: any `KVCacheManager`, in use or new.
        path: the file to write; gzip if it ends in .gz.
        fingerprint: an integer that identifies a value's contents. The default asks the value for
            its `fingerprint()`, or hashes its bytes.
        session: a `SearchSession` of this manager: each of its lookups and stores is written with
            the node that it is for, named by history whatever the session's keys are. Of nodes that
            were made before the recording began, or are given by latents alone, nothing is written
            where keys are made of latents.
    """

    failure: BaseException | None
    """What ended the recording early."""

    def __init__(
        self,
        manager: KVCacheManager[V],
        path: str | Path,
        fingerprint: Callable[[V], SupportsIndex] = fingerprint_of,
        *,
        session: NamesNodes | None = None,
    ) -> None:
        if not isinstance(manager, KVCacheManager):
            raise KVCacheTypeError(f"only a KVCacheManager can be recorded, not {show(manager)}")
        if not callable(fingerprint):
            raise KVCacheTypeError(f"fingerprint must be callable, not {show(fingerprint)}")
        if not isinstance(path, (str, Path)):
            raise KVCacheTypeError(f"path must be a path, not {show(path)}")
        if session is not None and not isinstance(session, NamesNodes):
            raise KVCacheTypeError(f"session must be a SearchSession, not {show(session)}")
        if session is not None and session.manager is not manager:
            raise KVCacheValueError(f"{show(session)} is not a session of {manager!r}")
        self._manager = manager
        self._session: NamesNodes | None = None
        self._path = Path(path)
        super().__init__(fingerprint)
        self._open = True
        self._untold = False
        self.failure = None
        self._refuse_in_the_middle()
        header = self._encoded(self._header())
        loads = [self._load(pool.name, one) for pool in manager.pools for one in pool.by_age()]
        self._begin(header, loads)
        manager.observe(self)
        if session is not None:
            self._session = session
            session._name_nodes(1)
        logger.info("recording into %s, %d entries loaded", path, len(loads))

    def acting_for(self, node: str | SupportsIndex) -> AbstractContextManager[None]:
        """A block whose lookups and stores are for this node of a search, and written with it.

        `node`: a text of up to 64 characters, or an integer of up to 128 bits, not the same for
        nodes with different histories. What an `on_evict` or an observer does meanwhile is for
        nobody. Other recordings of the manager say so too; once this one is over it does nothing.
        """
        return self._manager._audience.acting_for(as_node(node))

    def _begin(self, header: bytes, loads: Iterable[dict[str, object]]) -> None:
        try:
            self._binary: BufferedWriter = self._path.open("wb")
        except (OSError, ValueError) as error:
            raise KVCacheIOError(f"cannot record into {self._path}: {error}") from error
        gz = self._path.suffix == ".gz"
        self._file = gzip.GzipFile("", "wb", fileobj=self._binary, mtime=0) if gz else self._binary
        try:
            self._file.write(header)
            for load in loads:
                self._write("load", load)
        except Exception as error:
            self._shut()
            if isinstance(error, OSError):
                raise KVCacheIOError(f"cannot record into {self._path}: {error}") from error
            raise

    def _header(self) -> dict[str, object]:
        pools = self._manager.pools
        return {
            "format": "kvref-trace",
            "version": VERSION,
            "env_num": self._manager.env_num,
            "ownership": pools[0].ownership.value,
            "pools": {
                pool.name: {"size": pool.pool_size, "strategy": recorded(pool.eviction_strategy)}
                for pool in pools
            },
        }

    def __call__(self, event: Event[V], /) -> None:
        """Write down what happened; whatever goes wrong ends the recording, and nothing else."""
        if not self._open:
            return
        try:
            self._record(event, self._manager._audience.node)
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, Exception):
                raise

    def _fail(self, error: BaseException) -> None:
        self._manager.unobserve(self)
        self.failure, self._untold = error, True
        self._shut()
        logger.error(
            "recording into %s ended early, at record %d, and cannot be judged: %s: %s",
            self._path,
            self._count,
            type(error).__name__,
            error,
        )

    def _shut(self) -> None:
        """Let go of the file, whatever it says, and ask for no more names."""
        self._open = False
        if self._session is not None:
            self._session._name_nodes(-1)
            self._session = None
        for file in (self._file, self._binary):
            with suppress(Exception):
                file.close()

    def close(self) -> None:
        """Stop recording: write what remains and the end. Closing twice does no harm.

        Raises what ended the recording early, the first time.
        """
        if self._open:
            self._refuse_in_the_middle()
            self._manager.unobserve(self)
            try:
                self._finish()
            except Exception as error:
                self.failure = error
                if isinstance(error, OSError):
                    raise KVCacheIOError(f"cannot record into {self._path}: {error}") from error
                raise
            finally:
                self._shut()
        elif self._untold:
            self._untold = False
            raise KVCacheIOError(
                f"the recording into {self._path} ended early: {self.failure}"
            ) from self.failure

    def _refuse_in_the_middle(self) -> None:
        """A recording begins and ends between operations: not in an observer, nor in a clear."""
        if self._manager.busy:
            raise KVCacheReentryError("a recording cannot begin or end within an operation")

    def _finish(self) -> None:
        for pool in self._manager.pools:
            for one in pool.residents():
                entry = self._entry(one.key, one.slot, one.value)
                self._write("remains", self._ranked(one, {"p": pool.name, **entry}))
        tally = {op: self._tally[op] for op in ("get", "set", "clear", "hget", "node")}
        self._write("end", {"complete": True, "tally": tally})
        self._file.close()
        self._binary.close()
        logger.info("recorded %d records", self._count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
            return
        with suppress(Exception):  # the block's own exception is what the caller must see
            self.close()
