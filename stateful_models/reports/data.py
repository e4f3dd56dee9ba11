"""What every command writes with `--json`, field by field, and how it is read again.

A file is a document: the command, the version of its form, the kvref that wrote it, the result. A
form only ever gains fields with a default; any other change gets the next version, and the older
ones stay readable. The JSON Schemas are in `schemas/`.
"""

from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from kvref import __version__


class ProfileLine(msgspec.Struct, frozen=True):
    """One row of the closing table. `states` were visited, `represented` counts all renamings.

    `history` is for people; `operations` are the same as expressions over `spec.ops`. The laws are
    broken by operation `broken_at`, counted from 1; what follows shows it. `sampled`: the history
    is a random one cut down, and may not be shortest. `answers`: of a subject that is not
    deterministic, to the same question. So many random `histories`, the `longest` of so many
    operations, were tried. `freed_late`: some objects by the garbage collector alone.
    """

    kind: str
    profile: str
    policy: str
    ownership: str
    scopes: list[str]
    states: int
    represented: int
    transitions: int
    depth: int
    seconds: float
    verdict: str
    never_occurred: list[str]
    not_judged: list[str]
    laws_broken: list[str]
    history: list[str]
    operations: list[str]
    expected: str | None
    observed: str | None
    error: str | None
    broken_at: int | None = None
    sampled: bool = False
    answers: list[str] = []
    histories: int = 0
    longest: int = 0
    freed_late: bool = False


class BrokenLaw(msgspec.Struct, frozen=True):
    """A law that a subject breaks, and a shortest history that does: its last operation.

    `operations` are the same as expressions over `spec.ops`; without any a new subject does.
    """

    law: str
    history: list[str]
    operations: list[str]
    answer: str | None


class CheckData(msgspec.Struct, frozen=True):
    """A whole check; windows, batches, keys and sessions have a statement in place of rows.

    `every_law` is of managers that are broken and tell what they remember.
    """

    subject: str
    conforms: bool
    state_shown: bool
    rows: list[ProfileLine]
    statement: str = ""
    laws_broken: list[str] = []
    history: list[str] = []
    every_law: list[BrokenLaw] = []


class Finding(msgspec.Struct, frozen=True):
    """One kind of interference: the history, what it is answered, and what without the others.

    `watched` observes another environment. `sampled`: a random history, from which no operation
    can be left out; else a shortest one.
    """

    kind: str
    history: list[str]
    answer: str
    alone: str
    watched: int = 0
    sampled: bool = False


class IsolationData(msgspec.Struct, frozen=True):
    """What was exhausted. `closed`: histories of any length, not only up to `depth`.

    `occurred`: the situation that the law speaks of did; else nothing was established. `scope`:
    keys and room for them. `remembers`: pairs of states were told apart by the last operation of
    another environment. `answers_only`: states were not shown, and are the specification's. Then
    so many `sampled` random histories of a `length`.
    """

    law: str
    of: str
    envs: int
    pairs: int
    transitions: int
    depth: int
    closed: bool
    seconds: float
    found: list[Finding]
    occurred: bool = True
    scope: str = ""
    remembers: bool = False
    answers_only: bool = False
    sampled: int = 0
    length: int = 0


class Threshold(msgspec.Struct, frozen=True):
    """The least recur capacity for which S1 holds, confirmed on both sides for every policy.

    `one_less`: a shortest search that breaks it with one entry less; empty where that is no pool.
    """

    recur_scope: str
    envs: int
    simulations: int
    least_init: int
    least_recur: int
    confirmed: bool
    states: int
    transitions: int
    one_less: list[str]
    seed_recur: int


class Dropped(msgspec.Struct, frozen=True):
    """A precondition dropped, and the shortest search that then breaks S2."""

    precondition: str
    envs: int
    simulations: int
    recur: int
    breaks: bool
    states: int
    search: list[str]
    given: str
    own_history: str


class Uncleared(msgspec.Struct, frozen=True):
    """Least recur capacity for S1 when recur is not cleared and keys come again; SEED's beside."""

    policy: str
    searches: int
    least_recur: int
    seed_recur: int


class SearchData(msgspec.Struct, frozen=True):
    """Everything that `kvref search` established."""

    thresholds: list[Threshold]
    preconditions: list[Dropped]
    uncleared: list[Uncleared]


class EffectData(msgspec.Struct, frozen=True):
    """`count` of `of` things (`what`) did what they should not (`did`)."""

    count: int
    of: int
    what: str
    did: str


class BreachData(msgspec.Struct, frozen=True):
    law: str
    title: str
    count: int
    record: int
    line: int
    expected: str
    came: str
    effects: list[EffectData] = []


class TraceData(msgspec.Struct, frozen=True):
    """One trace's verdict. `wrong_misses` are pairs: record that removed, record that missed."""

    file: str
    accepted: bool
    policy: str
    ownership: str
    counts: dict[str, int]
    breaches: list[BreachData]
    shared_hits: int
    wrong_misses: list[tuple[int, int]]


class ExhibitLine(msgspec.Struct, frozen=True):
    """One exhibit: by method, operations of the shortest history; None if it saw nothing."""

    exhibit: str
    wing: str
    law: str
    operations: dict[str, int | None]
    laws: dict[str, list[str]]
    seconds: dict[str, float]
    caught: bool


class ConditionLine(msgspec.Struct, frozen=True):
    """One condition: what CrossHair said of it, and what refutes its planted fault."""

    condition: str
    says: str
    verdict: str
    seconds: float
    planted_fault: str
    refuted_by: str
    reason: str
    covered_by: str


class ComponentLine(msgspec.Struct, frozen=True):
    """One component of a state or an answer: how often it was changed, and how often rejected."""

    component: str
    changed: int
    rejected: int


class LawLine(msgspec.Struct, frozen=True):
    """One law: how many changes it rejects, and how many no other law does."""

    law: str
    title: str
    rejects: int
    alone: int


class LawsData(msgspec.Struct, frozen=True):
    """Every changed transition put before the laws."""

    changed: int
    rejected: int
    laws: list[LawLine]
    components: list[ComponentLine]


class Summary(msgspec.Struct, frozen=True):
    """A campaign, all its runs together, and what it found, if anything."""

    subject: str
    conforms: bool
    runs: int
    seconds: float
    examples: int
    steps: int
    deepest: int
    operations: dict[str, int]
    sometimes: list[str]
    laws_broken: list[str]
    profile: str | None
    history: list[str]
    as_source: list[str]


class Ended(msgspec.Struct, frozen=True):
    """A subject that ended its process, or did not return: the run has no other result.

    The last of the history is what it did not return from, if an operation was being performed.
    `again`: whether it did so once more when the history was repeated; None if that was not tried.
    """

    doing: str
    what: str
    kind: str | None
    profile: str | None
    scope: str | None
    history: list[str]
    operations: list[str]
    expected: str | None
    again: bool | None


class Envelope(msgspec.Struct, frozen=True):
    """What every document has, whatever its version."""

    command: str
    kvref: str
    version: int


class Document(msgspec.Struct, frozen=True, tag_field="command", forbid_unknown_fields=True):
    """`version` is that of the form, `kvref` the version of the program that wrote it."""

    version: Literal[1]
    kvref: str


class CheckDocument(Document, frozen=True, tag="check"):
    result: CheckData
    ended: Ended | None = None


class IsolateDocument(Document, frozen=True, tag="isolate"):
    """`left_out`: what was not asked and what was not observed, a line each."""

    result: list[IsolationData]
    ended: Ended | None = None
    left_out: list[str] = []


class SearchDocument(Document, frozen=True, tag="search"):
    result: SearchData


class TraceDocument(Document, frozen=True, tag="trace check"):
    result: list[TraceData]


class BugsDocument(Document, frozen=True, tag="bugs"):
    result: list[ExhibitLine]


class ContractsDocument(Document, frozen=True, tag="contracts"):
    result: list[ConditionLine]


class FuzzDocument(Document, frozen=True, tag="fuzz"):
    result: Summary
    ended: Ended | None = None


class LawsDocument(Document, frozen=True, tag="laws"):
    result: LawsData


AnyDocument: TypeAlias = (
    CheckDocument
    | IsolateDocument
    | SearchDocument
    | TraceDocument
    | BugsDocument
    | ContractsDocument
    | FuzzDocument
    | LawsDocument
)
DOCUMENTS: Final[tuple[type[AnyDocument], ...]] = (
    CheckDocument,
    IsolateDocument,
    SearchDocument,
    TraceDocument,
    BugsDocument,
    ContractsDocument,
    FuzzDocument,
    LawsDocument,
)
FORM: Final = 1
SCHEMAS: Final = Path(__file__).with_name("schemas")


DECODER: "Final[msgspec.json.Decoder[AnyDocument]]" = msgspec.json.Decoder(AnyDocument)


def written() -> str:
    """The version of this kvref."""
    return __version__


def encoded(document: AnyDocument) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def decoded(text: str | bytes) -> AnyDocument:
    """A document again; raises `msgspec.MsgspecError` for anything else."""
    return DECODER.decode(text)


def is_document(text: str) -> bool:
    """Whether it is a document of any version, this one's or another's."""
    try:
        envelope = msgspec.json.decode(text, type=Envelope)
    except (msgspec.MsgspecError, ValueError):
        return False
    return bool(envelope.command and envelope.kvref)


def name_of(kind: type[AnyDocument]) -> str:
    return str(kind.__struct_config__.tag).replace(" ", "-")


def schema(kind: type[AnyDocument]) -> str:
    """The JSON Schema of a command's document."""
    told = msgspec.json.encode(msgspec.json.schema(kind))
    return msgspec.json.format(told, indent=2).decode() + "\n"
