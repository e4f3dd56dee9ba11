"""Which optional fields the three kinds of recorded run tell; whatever else is told is refused."""

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Final, Literal, TypeAlias, cast

import msgspec
from msgspec import UNSET

from stateful_models.traces.format import (
    AnyRecord,
    ClearAllRecord,
    ClearRecord,
    ClearRecurRecord,
    EndRecord,
    EntryRecord,
    GetRecord,
    LeavingRecord,
    LoadRecord,
    LookupRecord,
    MarkRecord,
    PoolShape,
    Record,
    RemainsRecord,
    SetRecord,
    WmCopyRecord,
    kind_of,
)

Dialect: TypeAlias = Literal["kvref", "manager", "legacy"]
"""kvref's own; UniZero's manager; UniZero's dictionary with its ring of slots."""

OWN: Final = frozenset[Dialect]({"kvref"})
RING: Final = frozenset[Dialect]({"legacy"})
UPSTREAM: Final = frozenset[Dialect]({"manager", "legacy"})
NUMBERED: Final = frozenset[Dialect]({"kvref", "manager"})

TOLD_BY: Final[Mapping[type[Record], Mapping[str, frozenset[Dialect]]]] = {
    GetRecord: {
        "sz": UPSTREAM,
        "env": UPSTREAM,
        "want": UPSTREAM,
        "want_sz": UPSTREAM,
        "from_env": UPSTREAM,
        "back": RING,
        "node": OWN,
        "via": UPSTREAM,
    },
    SetRecord: {
        "sz": UPSTREAM,
        "o": NUMBERED,
        "env": UPSTREAM,
        "ev": UPSTREAM,
        "left": OWN,
        "priority": OWN,
        "stored_fp": frozenset({"manager"}),
        "prev_slot": RING,
        "self_ev": RING,
        "stale_ev_slot": RING,
        "node": OWN,
        "via": UPSTREAM,
    },
    ClearRecord: {"left": OWN, "map_left": RING, "cursor": RING, "via": UPSTREAM},
    LookupRecord: {"fp": OWN, "node": OWN, "via": UPSTREAM},
    EndRecord: {"tally": OWN},
}
ALWAYS: Final[Mapping[type[Record], frozenset[str]]] = {
    SetRecord: frozenset({"sz", "o", "left"}),
    ClearRecord: frozenset({"left", "map_left", "cursor"}),
}
"""Of the optional fields, those that whoever tells them tells always."""

KINDS_OF: Final[Mapping[type[Record], frozenset[Dialect]]] = {
    LoadRecord: OWN,
    RemainsRecord: OWN,
    LeavingRecord: OWN,
    WmCopyRecord: RING,
    LookupRecord: NUMBERED,
    ClearRecurRecord: NUMBERED,
    ClearAllRecord: NUMBERED,
}
"""Kinds of record that not everybody writes."""

ON_A_HIT: Final[Mapping[Dialect, tuple[str, ...]]] = {
    "kvref": ("slot", "fp", "o"),
    "manager": ("slot", "fp", "o", "sz"),
    "legacy": ("slot", "fp", "o", "sz"),
}
OF_A_HIT: Final = ("slot", "fp", "o", "sz", "want", "want_sz", "from_env", "back")


Values: TypeAlias = Callable[[AnyRecord], tuple[object, ...]]


def values(names: tuple[str, ...]) -> Values:
    """These fields of a record, at once; of fewer than two it makes no tuple."""
    return cast(Values, attrgetter(*names))


class Telling:
    """What one kind of record tells, in one dialect."""

    def __init__(self, kind: type[Record], dialect: Dialect) -> None:
        told = TOLD_BY.get(kind, {})
        self.foreign = tuple(name for name, by in told.items() if dialect not in by)
        always = ALWAYS.get(kind, frozenset())
        self.due = tuple(name for name in told if name in always and name not in self.foreign)
        default = {field.name: field.default for field in msgspec.structs.fields(kind)}
        twice = self.foreign * 2 if len(self.foreign) == 1 else self.foreign
        self.absent = tuple(default[name] for name in twice)
        self.of_foreign, self.of_due = values(twice or ("i",)), values((*self.due, "i"))

    def fault(self, record: AnyRecord) -> str | None:
        if self.foreign and (told := self.of_foreign(record)) != self.absent:
            few = [n for n, t, a in zip(self.foreign, told, self.absent, strict=False) if t != a]
            return f"a {kind_of(type(record)).lower()} record of this kind tells no {few}"
        if self.due and UNSET in self.of_due(record):
            return f"a record without `{self.due[self.of_due(record).index(UNSET)]}`"
        return None


MISSED: Final = values(OF_A_HIT)
FOUND: Final = {dialect: values(names) for dialect, names in ON_A_HIT.items()}
NOTHING: Final = (UNSET,) * len(OF_A_HIT)


def fault_of_get(record: GetRecord, dialect: Dialect) -> str | None:
    """A hit tells where and what; a miss tells nothing of that."""
    if not record.hit:
        if MISSED(record) == NOTHING:
            return None
        told = [name for name in OF_A_HIT if getattr(record, name) is not UNSET]
        return f"a get with hit=False that tells {told}"
    if UNSET in FOUND[dialect](record):
        told = [name for name in ON_A_HIT[dialect] if getattr(record, name) is not UNSET]
        return f"a get with hit=True that tells only {told}"
    if (record.want is UNSET) is not (record.want_sz is UNSET):
        return "want without want_sz, or the other way round"
    if record.from_env is not UNSET and (record.p != "recur" or record.env is UNSET):
        return "a from_env where nobody is another"
    return None


def fault_of_priority(
    record: SetRecord | EntryRecord, pools: Mapping[str, PoolShape]
) -> str | None:
    """A priority is told where entries have one."""
    strategy = pools[record.p].strategy
    if (record.priority is UNSET) is (strategy != "priority"):
        return None
    return f"a priority, or none, in a pool of strategy {strategy}"


OF_MARKS: Final[Mapping[str, frozenset[str]]] = {
    "initial_inference": frozenset({"n", "envs", "act", "t"}),
    "recurrent_inference": frozenset({"sim", "n"}),
    "reset_collect": frozenset({"envs", "steps"}),
    "reset_eval": frozenset({"envs", "steps"}),
    "clear_caches": frozenset(),
}
"""What a mark tells, always; of `initial_inference_train` nothing is known."""
IN_MARKS: Final = ("n", "envs", "act", "t", "sim", "steps")


def fault_of_mark(record: MarkRecord, envs: int) -> str | None:
    """The rows of an inference, and environments that there are."""
    told = frozenset(name for name in IN_MARKS if getattr(record, name) is not UNSET)
    due = OF_MARKS.get(record.what, told)
    if told != due:
        return f"a {record.what} mark that tells {sorted(told)}, not {sorted(due)}"
    named = record.envs if isinstance(record.envs, list) else []
    if len(set(named)) < len(named) or not all(0 <= env < envs for env in named):
        return f"a mark of environments {named}, of {envs}"
    if record.what == "initial_inference":
        rows: list[Sequence[object]] = [named] if isinstance(record.envs, list) else []
        rows += [one for one in (record.act, record.t) if isinstance(one, list)]
        if any(len(one) != record.n for one in rows):
            return "an initial_inference whose n, envs, act and t do not go together"
    return None
