"""Recording what happens to a live manager, as a trace that `kvref trace check` can judge.

One JSON object per line: a header, a `load` for each entry already there, then one record per
pool operation in order (`get`, `set`, `clear`), one per hierarchical lookup (`hget`, behind its
one or two `get`s), a `remains` for each entry there at the end, and `end`. Operations that raise
change nothing and are not recorded. `fp` is the contents' fingerprint, `o` numbers the stored
objects (the same number is the same object). Calls on the manager other than lookups are recorded
as the pool operations that they lead to: whether they led to the right pool is not recorded.
"""

import gzip
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, SupportsFloat, SupportsIndex, TypeVar, cast

import msgspec

from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.keying import SupportsBuffer, as_env, as_integer, as_key, hash_state
from kvref.manager import KVCacheManager
from kvref.policy import EvictionStrategy, PriorityOrder
from kvref.pool import Cause, KVCachePool, Resident

V = TypeVar("V")

logger = logging.getLogger(__name__)

VERSION = 1


def hexadecimal(number: int) -> str:
    """At least 16 characters; negative and longer numbers keep their sign and digits."""
    return f"{number:016x}"


def _bytes_of(value: object) -> int:
    return hash_state(cast(SupportsBuffer, value))


def by_age(pool: KVCachePool[V]) -> list[Resident[V]]:
    """Entries in the order in which ties are broken."""
    order, residents = pool._order, list(pool.residents())
    if isinstance(order, PriorityOrder):
        residents.sort(key=lambda one: order.age(one.key))
    return residents


class Recorder(Generic[V]):
    """Records every pool operation of `manager` into `path` until closed (a context manager).

    The manager is the one that was passed in, not a copy: while a recorder is open its `get`,
    `set` and clearing methods also write.

    Args:
        manager: any `KVCacheManager`, in use or new.
        path: the file to write; gzip if it ends in .gz.
        fingerprint: an integer that identifies a value's contents. The default takes values that
            offer the buffer protocol (`hash_state`).
    """

    def __init__(
        self,
        manager: KVCacheManager[V],
        path: str | Path,
        fingerprint: Callable[[V], SupportsIndex] = _bytes_of,
    ) -> None:
        if not isinstance(manager, KVCacheManager):
            raise KVCacheTypeError(f"only a KVCacheManager can be recorded, not {show(manager)}")
        if any("get" in vars(pool) for pool in manager.pools):
            raise KVCacheValueError(f"{show(manager)} is being recorded already")
        self._manager = manager
        self._fingerprint = fingerprint
        self._numbers: dict[int, tuple[int, V]] = {}
        self._next_number = 1
        self._count = 0
        self._tally: Counter[str] = Counter()
        self._parts: list[bool] = []
        self._env: int | None = None
        loads = [self._entry(pool, one) for pool in manager.pools for one in by_age(pool)]
        gz = Path(path).suffix == ".gz"
        binary = Path(path).open("wb")  # noqa: SIM115 - closed by close()
        self._file = gzip.GzipFile("", "wb", fileobj=binary, mtime=0) if gz else binary
        self._binary = binary
        self._line(self._header())
        for load in loads:
            self._write("load", load)
        self._attach()
        logger.info("recording into %s, %d entries loaded", path, len(loads))

    def _header(self) -> dict[str, object]:
        pools = self._manager.pools
        return {
            "format": "kvref-trace",
            "version": VERSION,
            "env_num": self._manager.env_num,
            "ownership": pools[0].ownership.value,
            "pools": {
                pool.name: {"size": pool.pool_size, "strategy": pool.eviction_strategy.value}
                for pool in pools
            },
        }

    def _line(self, record: dict[str, object]) -> None:
        self._file.write(msgspec.json.encode(record) + b"\n")

    def _write(self, op: str, fields: dict[str, object]) -> None:
        self._line({"i": self._count, "op": op, **fields})
        self._count += 1
        self._tally[op] += 1

    def _print(self, value: V) -> str:
        return hexadecimal(as_integer(self._fingerprint(value), "a fingerprint") % 2**64)

    def _number(self, value: V) -> int:
        """The number of a stored object; new for one not met while it was stored."""
        known = self._numbers.get(id(value))
        if known is None or known[1] is not value:
            known = (self._next_number, value)
            self._next_number += 1
            self._numbers[id(value)] = known
        return known[0]

    def _release(self) -> None:
        """Forget the numbers of objects that no pool holds."""
        stored = {id(value) for pool in self._manager.pools for value in pool._values.values()}
        self._numbers = {key: known for key, known in self._numbers.items() if key in stored}

    def _entry(self, pool: KVCachePool[V], one: Resident[V]) -> dict[str, object]:
        fields: dict[str, object] = {
            "p": pool.name,
            "k": hexadecimal(one.key),
            "slot": one.slot,
            "fp": self._print(one.value),
            "o": self._number(one.value),
        }
        return fields if one.priority is None else {**fields, "priority": str(one.priority)}

    def _attach(self) -> None:
        """Shadow the methods on these instances only; `close` uncovers them again."""
        for pool in self._manager.pools:
            vars(pool).update(
                get=self._getting(pool), set=self._setting(pool), _forget=self._forgetting(pool)
            )
        vars(self._manager)["hierarchical_get"] = self._looking()

    def _getting(self, pool: KVCachePool[V]) -> Callable[[SupportsIndex], V | None]:
        plain = pool.get

        def get(cache_key: SupportsIndex) -> V | None:
            key, there = as_key(cache_key), pool.peek(cache_key)
            print_ = None if there is None else self._print(there)  # may raise: nothing has changed
            value = plain(cache_key)
            self._parts.append(value is not None)
            fields: dict[str, object] = {"p": pool.name, "k": hexadecimal(key)}
            fields["hit"] = value is not None
            if value is not None:
                fields["slot"] = pool._slots.get(key, 0)
                fields["fp"] = print_ if value is there else self._print(value)
                fields["o"] = self._number(value)
            self._write("get", fields if self._env is None else {**fields, "env": self._env})
            return value

        return get

    def _setting(self, pool: KVCachePool[V]) -> Callable[..., int]:
        plain = pool.set

        def set_(
            cache_key: SupportsIndex, kv_cache: V, *, priority: SupportsFloat | None = None
        ) -> int:
            key, handed = as_key(cache_key), None
            if kv_cache is not None:
                handed = self._print(kv_cache)
            before = {one.key: one for one in pool.residents()}
            about = [one for one in before.values() if one.key == key][:1]
            about += list(before.values())[:1]  # these may leave; their fingerprints may raise
            prints = {one.key: self._left(pool, one) for one in about}
            slot = plain(cache_key, kv_cache, priority=priority)
            stored = pool._values[key]
            left = [
                {
                    **(prints.get(old.key) or self._left(pool, old)),
                    "why": (Cause.UPDATED if old.key == key else Cause.EVICTED).value,
                }
                for old in before.values()
                if old.key not in pool or (old.key == key and old.value is not stored)
            ]
            ranked = pool.eviction_strategy is EvictionStrategy.PRIORITY
            given = pool._order.rank(priority) if priority is not None else 0
            self._write(
                "set",
                {
                    "p": pool.name,
                    "k": hexadecimal(key),
                    "slot": slot,
                    "new": key not in before,
                    "fp": handed,
                    "o": self._number(stored),
                    "left": left,
                    **({"priority": str(given)} if ranked else {}),
                },
            )
            self._release()
            return slot

        return set_

    def _left(self, pool: KVCachePool[V], one: Resident[V]) -> dict[str, object]:
        entry = self._entry(pool, one)
        return {name: entry[name] for name in ("k", "slot", "fp", "o")}

    def _forgetting(self, pool: KVCachePool[V]) -> Callable[[], None]:
        plain = pool._forget

        def forget() -> None:
            by_slot = sorted(pool.residents(), key=lambda one: one.slot)
            why = {"why": Cause.CLEARED.value}
            left = [self._left(pool, one) | why for one in by_slot]
            plain()
            self._write("clear", {"p": pool.name, "n": len(left), "left": left})
            self._release()

        return forget

    def _looking(self) -> Callable[[SupportsIndex, SupportsIndex], V | None]:
        plain = self._manager.hierarchical_get

        def hierarchical_get(env_id: SupportsIndex, cache_key: SupportsIndex) -> V | None:
            self._env, self._parts = as_env(env_id, self._manager.env_num), []
            env = self._env
            try:
                value = plain(env_id, cache_key)
            finally:
                self._env = None
            parts = self._parts
            tier = ("init", "recur")[len(parts) - 1] if parts and parts[-1] else None
            key = hexadecimal(as_key(cache_key))
            fields = {"env": env, "k": key, "from": tier, "parts": len(parts)}
            told = {} if value is None else {"fp": self._print(value)}
            self._write("hget", {**fields, **told})
            return value

        return hierarchical_get

    def close(self) -> None:
        """Stop recording: write what remains and the end. Closing twice does no harm."""
        if self._binary.closed:
            return
        for pool in self._manager.pools:
            for name in ("get", "set", "_forget"):
                del vars(pool)[name]
            for one in pool.residents():
                self._write("remains", self._entry(pool, one))
        del vars(self._manager)["hierarchical_get"]
        tally = {op: self._tally[op] for op in ("get", "set", "clear", "hget")}
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
        self.close()
