"""What stands next to what in a run of UniZero: calls and their parts, marks and their rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET

from stateful_models.traces.format import (
    AnyRecord,
    ClearAllRecord,
    ClearRecord,
    ClearRecurRecord,
    EndRecord,
    GetRecord,
    LookupRecord,
    MarkRecord,
    SetRecord,
    UpstreamHeader,
    WmCopyRecord,
)

CALLS: Final = {
    LookupRecord: "hierarchical_get",
    ClearRecurRecord: "clear_recur_cache",
    ClearAllRecord: "clear_all",
}
ROOT: Final = "initial_inference"
VIA: Final = {
    ROOT: "forward_initial_inference",
    "recurrent_inference": "forward_recurrent_inference",
}
CLEARS: Final = {"clear_recur_cache", "clear_all"}
WITHIN: Final[Mapping[type, Collection[str]]] = {
    GetRecord: {"hierarchical_get"},
    ClearRecord: CLEARS,
    ClearAllRecord: {"clear_caches"},
}
DONE_BY_CALLS: Final = (
    GetRecord,
    SetRecord,
    ClearRecord,
    LookupRecord,
    ClearRecurRecord,
    ClearAllRecord,
    WmCopyRecord,
)


class Calls:
    """A call is written behind its parts, and the parts name it: neither stands without the other.

    A manager looks up inside a call whenever it looks up for a row of a recurrent inference.
    """

    def __init__(self) -> None:
        self.open = ""
        self.parts = 0

    def take(self, record: AnyRecord) -> str | None:
        if isinstance(record, GetRecord):
            if record.via == "hierarchical_get":
                return self.part(record.via)
            if record.env is not UNSET:
                return "a lookup for an environment, and no hierarchical_get"
        elif isinstance(record, (LookupRecord, ClearRecurRecord, ClearAllRecord)):
            return self.whole(CALLS[type(record)], record.parts)
        elif isinstance(record, ClearRecord) and record.via in CLEARS:
            return self.part(record.via)
        return f"{self.parts} parts of {self.open} without its record" if self.open else None

    def part(self, call: str) -> str | None:
        if self.open not in ("", call):
            return f"a {call} inside {self.open}"
        self.open, self.parts = call, self.parts + 1
        return None

    def whole(self, call: str, parts: int) -> str | None:
        came = self.open or call, self.parts
        self.open, self.parts = "", 0
        if came == (call, parts):
            return None
        return f"{call} of {parts} parts behind {came[1]} parts of {came[0]}"


class Copies:
    """Behind a hit its working copy: behind every hit, or, in a run without copies, behind none."""

    def __init__(self) -> None:
        self.copying: bool | None = None
        self.due = False

    def take(self, record: AnyRecord) -> str | None:
        copy, due = isinstance(record, WmCopyRecord), self.due
        self.due = isinstance(record, GetRecord) and record.hit
        if due and self.copying is None:
            self.copying = copy
        if copy and not (due and self.copying):
            return "a wm_copy without the hit that is copied"
        return "a hit without its wm_copy" if due and self.copying and not copy else None


@dataclass
class Rows:
    """What an inference does for each row of its batch: one lookup and one store.

    `looked` and `stored` tell pools for an initial inference, environments for a recurrent one.
    """

    manager: bool
    sims: int
    envs: list[int] = field(default_factory=list)
    acts: list[object] = field(default_factory=list)
    sim: int | None = None
    what: str = ""
    looked: list[object] = field(default_factory=list)
    stored: list[object] = field(default_factory=list)
    missed: tuple[object, str] | None = None

    def take(self, record: AnyRecord) -> str | None:
        if isinstance(record, (MarkRecord, EndRecord)):
            return self.begin(record)
        if not isinstance(record, DONE_BY_CALLS):
            return None
        due = VIA.get(self.what)
        if due is None:
            return None
        if record.via != due and record.via not in WITHIN.get(type(record), ()):
            return f"via {record.via or 'nothing'} in {self.what}"
        step = self.at_the_root if self.what == ROOT else self.in_the_tree
        fault = step(record)
        if len(self.looked) > len(self.envs) or len(self.stored) > len(self.envs):
            return self.closed()
        return fault

    def at_the_root(self, record: AnyRecord) -> str | None:
        if isinstance(record, GetRecord):
            self.looked.append(record.p)
        elif isinstance(record, SetRecord):
            self.stored.append(record.p)
        return None

    def in_the_tree(self, record: AnyRecord) -> str | None:
        if isinstance(record, GetRecord):
            return None if self.manager else self.asks(record)
        if isinstance(record, LookupRecord):
            self.looked.append(record.env)
        elif isinstance(record, SetRecord):
            self.stored.append(record.env if record.p == "recur" else record.p)
            return self.unasked()
        return None

    def asks(self, record: GetRecord) -> str | None:
        """The older path: init, then recur if init missed."""
        if record.p == "recur":
            asked, self.missed = self.missed, None
            return None if asked == (record.env, record.k) else f"recur asked for {record.k} first"
        self.looked.append(record.env)
        fault = self.unasked()
        self.missed = None if record.hit else (record.env, record.k)
        return fault

    def unasked(self) -> str | None:
        missed, self.missed = self.missed, None
        return None if missed is None else f"init missed {missed[1]}, and recur was not asked"

    def begin(self, record: MarkRecord | EndRecord) -> str | None:
        fault = self.unasked() or self.closed() or self.searched(record)
        self.looked, self.stored, self.what = [], [], ""
        if fault is not None or isinstance(record, EndRecord):
            return fault
        self.what = record.what
        return self.marked(record)

    def searched(self, record: MarkRecord | EndRecord) -> str | None:
        """Whether the search that ends here has all its simulations."""
        on = isinstance(record, MarkRecord) and record.what == "recurrent_inference"
        if on or self.sim is None or self.sim + 1 == self.sims:
            return None
        return f"a search of {self.sim + 1} simulations, not {self.sims}"

    def marked(self, mark: MarkRecord) -> str | None:
        if mark.what == "initial_inference":
            assert isinstance(mark.act, list)
            self.envs = mark.envs if isinstance(mark.envs, list) else list(range(len(mark.act)))
            self.acts, self.sim = mark.act, None
        if mark.what != "recurrent_inference":
            return None
        due = 0 if self.sim is None else self.sim + 1
        if (mark.sim, mark.n) != (due, len(self.envs)) or due >= self.sims:
            return f"simulation {mark.sim} of {mark.n} rows, not {due} of {len(self.envs)}"
        self.sim = due
        return None

    def closed(self) -> str | None:
        """Whether the inference that ends here did what it does for each of its rows."""
        if self.what == "initial_inference":
            known = zip(self.envs, self.acts, strict=True)
            looked = [f"init:{env}" for env, act in known if act != -1]
            stored = sorted(f"init:{env}" for env in self.envs)
            right = self.looked == looked and sorted(map(str, self.stored)) == stored
        elif self.what == "recurrent_inference":
            right = self.looked == self.envs == self.stored
        else:
            return None
        told = f"{len(self.looked)} lookups and {len(self.stored)} stores"
        return (
            None if right else f"{told} are not those of the {len(self.envs)} rows of {self.what}"
        )


class Order:
    """Every promise of this kind, of one run."""

    def __init__(self, header: UpstreamHeader) -> None:
        manager = header.path == "manager"
        self.followed: tuple[Calls | Copies | Rows, ...] = (
            Calls() if manager else Copies(),
            Rows(manager, header.sims_per_search),
        )

    def fault(self, record: AnyRecord) -> str | None:
        for one in self.followed:
            fault = one.take(record)
            if fault is not None:
                return fault
        return None
