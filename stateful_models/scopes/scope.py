"""A scope: the finite universe that an exploration covers, as a value."""

from collections.abc import Callable, Hashable
from typing import Protocol, TypeVar, runtime_checkable

from spec.heap import Heap, contents
from spec.ops import Key, Read, Ref, Response, Seen
from spec.pool import Pool
from stateful_models.subjects.aspects import Aspect, counts
from stateful_models.subjects.naming import PLAIN, Naming, Values
from stateful_models.subjects.protocol import Named, Subject

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)
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

    def flushes(self, reports: Reports) -> tuple[tuple[O, ...], ...]:
        """Histories whose answers tell in which order a cache would evict."""

    def trail(self, op: O, after: S) -> Hashable:
        """What the operation was, up to renaming; None where flushes tell instead what a cache
        remembers that does not show itself."""

    def step(self, state: S, op: O) -> tuple[S, Response]: ...

    def same_but_counters(self, one: S, other: S) -> bool: ...

    def completed(self, shown: S, due: S, reports: Reports) -> S:
        """What a subject shows, named as here, and what it does not report as it is due."""

    def broken(self, before: S, op: O, response: Response, after: S) -> tuple[str, ...]:
        """The codes of the laws that this transition breaks."""

    def unsound(self, state: S) -> tuple[str, ...]:
        """The codes of the laws that a state breaks by itself."""

    def situations(self) -> dict[str, Callable[[S, O, Response, S], bool]]:
        """Law by law, the situation that must occur."""

    def canonical(self, state: S, symmetric: bool) -> tuple[Hashable, int]:
        """What identifies the state, and how many states up to renaming that stands for."""


@runtime_checkable
class Bounded(Protocol):
    """A scope that is gone through to a depth."""

    @property
    def deepest(self) -> int | None:
        """The longest histories that are gone through; None: all of them."""


@runtime_checkable
class Forgetting(Protocol[S_contra]):
    """A scope some of whose policies take back what they noted."""

    def forgotten(self, before: S_contra, after: S_contra) -> Hashable:
        """What a cache that does not show itself might have kept."""


@runtime_checkable
class Choosing(Protocol[S, O]):
    """A scope some of whose profiles leave to the subject who leaves; it is looked up."""

    @property
    def chosen(self) -> bool:
        """Whether this profile does."""

    def gone(self, state: S, op: O, look: Callable[[O], Response]) -> Key | None:
        """Who left by an operation in this state, by a look at a subject that performed it."""

    def chosen_step(self, state: S, op: O, gone: Key | None) -> tuple[S, Response]: ...


def named(subject: Subject[O], naming: Naming) -> Subject[O]:
    """The subject, whose driver names things so; one with a driver of its own knows no names."""
    if naming is not PLAIN and isinstance(subject, Named):
        subject.naming = naming
        subject.client.dress(naming.values)
    return subject


def bounded(deepest: int | None) -> str:
    """For labels."""
    return "" if deepest is None else f", histories of up to {deepest} operations"


def called(naming: Naming, keys: int) -> str:
    """For labels."""
    told = [f"keys {', '.join(map(str, naming.keys[:keys]))}"] if naming.keys else []
    told += [f"priorities {', '.join(map(str, naming.ranks))}"] if naming.ranks else []
    told += [f"{naming.values.value} values"] if naming.values is not Values.PLAIN else []
    return f" ({'; '.join(told)})" if told else ""


def completed_pool(shown: Pool, due: Pool, naming: Naming, reports: Reports, objects: int) -> Pool:
    """What a subject shows of a pool, with what it does not report as it is due."""
    entries = shown.entries
    if naming is not PLAIN:
        entries = tuple([naming.entry(entry, objects) for entry in entries])
    if Aspect.SLOTS not in reports:
        slots = {entry.key: entry.slot for entry in due.entries}
        entries = tuple([e._replace(slot=slots.get(e.key, e.slot)) for e in entries])
    counters = shown.counters
    if Aspect.COUNTERS not in reports:
        told = {name: getattr(counters, name) for name in counts(reports)}
        counters = due.counters._replace(**told)
    return shown._replace(entries=entries, counters=counters)


def idle(heap: Heap) -> tuple[Read, Response]:
    """An operation that involves no cache."""
    return Read(Ref(0)), Seen(contents(heap, Ref(0)))


def position(pool: Pool, key: Key | None) -> int | None:
    """A key's place in the sequence of entries; None if it is not resident."""
    keys = [entry.key for entry in pool.entries]
    return keys.index(key) if key in keys else None
