"""What stands next to what in a run of UniZero: calls and their parts, marks and their rows."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

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
Done: TypeAlias = (
    ClearRecord
    | ClearRecurRecord
    | ClearAllRecord
    | WmCopyRecord
    | (GetRecord | SetRecord | LookupRecord)
)
Check: TypeAlias = Callable[[AnyRecord], str | None]


class Calls:
    """A call is written behind its parts, and the parts name it: neither stands without the other.

    A manager looks up inside a call whenever it looks up for a row of a recurrent inference.
    """

    def __init__(self) -> None:
        self.open = ""
        self.parts = 0

    def of(self, kind: type[AnyRecord]) -> Check:
        """What is asked of each record of a kind."""
        asked = {
            GetRecord: self.on_get,
            ClearRecord: self.on_clear,
            **dict.fromkeys(CALLS, self.on_call),
        }
        return cast(Check, asked.get(kind, self.on_other))

    def on_get(self, record: GetRecord) -> str | None:
        if record.via == "hierarchical_get":
            return self.part(record.via)
        if record.env is not UNSET:
            return "a lookup for an environment, and no hierarchical_get"
        return self.on_other(record)

    def on_clear(self, record: ClearRecord) -> str | None:
        return self.part(record.via) if record.via in CLEARS else self.on_other(record)

    def on_other(self, _record: AnyRecord) -> str | None:
        return f"{self.parts} parts of {self.open} without its record" if self.open else None

    def on_call(self, record: LookupRecord | ClearRecurRecord | ClearAllRecord) -> str | None:
        return self.whole(CALLS[type(record)], record.parts)

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

    def of(self, _kind: type[AnyRecord]) -> Check:
        return self.take

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
    via: str = ""
    looked: list[object] = field(default_factory=list)
    stored: list[object] = field(default_factory=list)
    missed: tuple[object, str] | None = None

    def of(self, kind: type[AnyRecord]) -> Check:
        """What is asked of each record of a kind."""
        asked = {
            GetRecord: self.on_get,
            SetRecord: self.on_set,
            LookupRecord: self.on_lookup,
            MarkRecord: self.begin,
            EndRecord: self.begin,
        }
        return cast(Check, asked.get(kind, self.done_here))

    def done_here(self, record: Done) -> str | None:
        """Whether it was done by the inference that it stands in."""
        if not self.via or record.via == self.via or record.via in WITHIN.get(type(record), ()):
            return None
        return f"via {record.via or 'nothing'} in {self.what}"

    def on_get(self, record: GetRecord) -> str | None:
        if self.via and record.via not in ("hierarchical_get", self.via):
            return self.done_here(record)
        if self.what == ROOT:
            return self.row(self.looked, record.p)
        return self.asks(record) if self.via and not self.manager else None

    def on_lookup(self, record: LookupRecord) -> str | None:
        if not self.via:
            return None
        return self.done_here(record) or self.row(self.looked, record.env)

    def on_set(self, record: SetRecord) -> str | None:
        if not self.via:
            return None
        told = record.p if self.what == ROOT or record.p != "recur" else record.env
        return self.done_here(record) or self.unasked() or self.row(self.stored, told)

    def row(self, rows: list[object], told: object) -> str | None:
        """One more; never more than there are."""
        rows.append(told)
        return self.closed() if len(rows) > len(self.envs) else None

    def asks(self, record: GetRecord) -> str | None:
        """The older path: init, then recur if init missed."""
        if record.p == "recur":
            asked, self.missed = self.missed, None
            return None if asked == (record.env, record.k) else f"recur asked for {record.k} first"
        fault = self.unasked() or self.row(self.looked, record.env)
        self.missed = None if record.hit else (record.env, record.k)
        return fault

    def unasked(self) -> str | None:
        missed, self.missed = self.missed, None
        return None if missed is None else f"init missed {missed[1]}, and recur was not asked"

    def begin(self, record: MarkRecord | EndRecord) -> str | None:
        fault = self.unasked() or self.closed() or self.searched(record)
        self.looked, self.stored, self.what, self.via = [], [], "", ""
        if fault is not None or isinstance(record, EndRecord):
            return fault
        self.what, self.via = record.what, VIA.get(record.what, "")
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


def order_of(header: UpstreamHeader) -> tuple[Calls | Copies, Rows]:
    """Every promise of this kind, of one run."""
    manager = header.path == "manager"
    return Calls() if manager else Copies(), Rows(manager, header.sims_per_search)
