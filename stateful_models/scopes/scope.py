"""A scope: the finite universe that an exploration covers, as a value."""

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar

from spec.heap import Heap, contents
from spec.ops import Key, Read, Ref, Response, Seen
from spec.pool import Pool
from stateful_models.subjects.aspects import Aspect

S = TypeVar("S")
O = TypeVar("O")  # noqa: E741 - operations, as S is states

Reports = frozenset[Aspect]


class Scope(Protocol[S, O]):
    """Initial state, operations in each state, step, laws, and which states count as one."""

    @property
    def label(self) -> str: ...

    def initial(self) -> S: ...

    def alphabet(self, reports: Reports) -> tuple[O, ...]:
        """The operations possible in every state."""

    def writes(self, state: S) -> tuple[O, ...]:
        """The client's writes, each of contents never seen before."""

    def aftermath(self, response: Response) -> O | None:
        """How to look for what a state does not show: objects kept alive after they left."""

    def retained(self, state: S) -> tuple[frozenset[Ref], int]:
        """What a cache in this state keeps alive."""

    def probes(self, reports: Reports) -> tuple[O, ...]:
        """The operations whose answers tell states apart."""

    def trail(self, op: O, after: S) -> Hashable:
        """What the operation was, up to renaming."""

    def step(self, state: S, op: O) -> tuple[S, Response]: ...

    def same_but_counters(self, one: S, other: S) -> bool: ...

    def broken(self, before: S, op: O, response: Response, after: S) -> tuple[str, ...]:
        """The codes of the laws that this transition breaks."""

    def unsound(self, state: S) -> tuple[str, ...]:
        """The codes of the laws that a state breaks by itself."""

    def situations(self) -> dict[str, Callable[[S, O, Response, S], bool]]:
        """Law by law, the situation that must occur."""

    def canonical(self, state: S, symmetric: bool) -> tuple[Hashable, int]:
        """What identifies the state, and how many states up to renaming that stands for."""


def idle(heap: Heap) -> tuple[Read, Response]:
    """An operation that involves no cache."""
    return Read(Ref(0)), Seen(contents(heap, Ref(0)))


def position(pool: Pool, key: Key | None) -> int | None:
    """A key's place in the sequence of entries; None if it is not resident."""
    keys = [entry.key for entry in pool.entries]
    return keys.index(key) if key in keys else None
