"""The recorded formats, field by field. Fields that are not listed here are refused.

`unizero-kv-trace` is what was recorded from UniZero; `kvref-trace` is what `kvref.Recorder` writes.
"""

from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

Hex: TypeAlias = Annotated[str, Meta(pattern="^[0-9a-f]{16}\\Z")]
KeyHex: TypeAlias = Annotated[
    str,
    Meta(pattern="^(?:[0-9a-f]{16}|-[0-9a-f]{15}|[1-9a-f][0-9a-f]{16,}|-[1-9a-f][0-9a-f]{15,})\\Z"),
]
"""An integer of any size, negative ones too; the same one always in the same way."""
NodeName: TypeAlias = Annotated[
    str, Meta(pattern=r"^(?:#(?:0|-?[1-9a-f][0-9a-f]{0,31})|[!\"$-~][ -~]{0,63})\Z")
]
"""What a node of a search is called: a number of at most 128 bits behind #, or a short text."""
Count: TypeAlias = Annotated[int, Meta(ge=0, le=2**62)]
Size: TypeAlias = Annotated[int, Meta(ge=1, le=2**62)]
Envs: TypeAlias = Annotated[int, Meta(ge=1, le=2**20)]
Number: TypeAlias = Annotated[
    str,
    Meta(
        pattern="^-?(?:(?:0x[0-9a-f]+|[0-9]{1,4300})(?:/(?:0x[1-9a-f][0-9a-f]*|[1-9][0-9]{0,4299}))?"
        "|[0-9]{1,400}(?:[.][0-9]{1,400})?(?:e[+-]?[0-9]{1,3})?|inf)\\Z"
    ),
]
"""A priority: an integer, a fraction, or a float as Python writes it."""

LONGEST_LINE: Final = 1 << 20


class TraceError(Exception):
    """A trace that cannot be read; the message names file and line."""

    def __init__(self, path: Path, line: int, why: str) -> None:
        super().__init__(f"{path}:{line}: {why}" if line else f"{path}: {why}")


Strategy: TypeAlias = Literal["fifo", "lru", "priority", "ring"]


class PoolShape(Struct, forbid_unknown_fields=True, frozen=True):
    size: Size
    strategy: Strategy


class UpstreamHeader(
    Struct, tag_field="format", tag="unizero-kv-trace", forbid_unknown_fields=True, frozen=True
):
    version: Literal[1]
    trace: str
    upstream: str
    commit: Annotated[str, Meta(pattern="^[0-9a-f]{40}\\Z")]
    path: Literal["manager", "legacy"]
    env_num: Envs
    pools: dict[str, PoolShape]
    context_length: Count
    kv: dict[str, int | str]
    embed_dim: Count
    rotary_emb: bool
    task: str
    driver: str
    sims_per_search: Count
    wm_num_simulations: Count
    game_segment_length: Count
    seed: int
    shims: list[str]
    config_keys_added: dict[str, object]
    heads_rerandomised: list[str]
    forced_strategy: str | None
    mcts_deterministic_ties: bool
    torch: str
    note: str


class OwnHeader(
    Struct, tag_field="format", tag="kvref-trace", forbid_unknown_fields=True, frozen=True
):
    version: Literal[1, 2, 3]
    env_num: Envs
    ownership: Literal["reference", "sealed", "copy", "copy-both"]
    pools: dict[str, PoolShape]


Header: TypeAlias = UpstreamHeader | OwnHeader


class Record(Struct, tag_field="op", forbid_unknown_fields=True, frozen=True):
    i: Count


class LeftRecord(Struct, forbid_unknown_fields=True, frozen=True):
    k: KeyHex
    slot: Count
    fp: Hex
    o: Count
    why: Literal["evicted", "updated", "cleared"]


class GetRecord(Record, tag="get", frozen=True, kw_only=True):
    p: str
    k: KeyHex
    hit: bool
    slot: Count | UnsetType = UNSET
    sz: Count | UnsetType = UNSET
    fp: Hex | UnsetType = UNSET
    o: Count | UnsetType = UNSET
    env: Count | UnsetType = UNSET
    want: Hex | UnsetType = UNSET
    want_sz: Count | UnsetType = UNSET
    from_env: Count | UnsetType = UNSET
    back: Hex | UnsetType | None = UNSET
    node: NodeName | UnsetType = UNSET
    via: str = ""


class SetRecord(Record, tag="set", frozen=True, kw_only=True):
    p: str
    k: KeyHex
    slot: Count
    new: bool
    fp: Hex
    sz: Count | UnsetType = UNSET
    o: Count | UnsetType = UNSET
    env: Count | UnsetType = UNSET
    ev: KeyHex | UnsetType = UNSET
    left: list[LeftRecord] | UnsetType = UNSET
    priority: Number | UnsetType = UNSET
    stored_fp: Hex | UnsetType = UNSET
    prev_slot: Count | UnsetType = UNSET
    self_ev: bool = False
    stale_ev_slot: Count | UnsetType = UNSET
    node: NodeName | UnsetType = UNSET
    via: str = ""


class ClearRecord(Record, tag="clear", frozen=True, kw_only=True):
    p: str
    n: Count
    left: list[LeftRecord] | UnsetType = UNSET
    map_left: Count | UnsetType = UNSET
    cursor: Count | UnsetType = UNSET
    via: str = ""


class LeavingRecord(Record, tag="leaving", frozen=True, kw_only=True):
    """Entries that the `clear` which follows takes, where they are many (from version 2 on)."""

    p: str
    left: list[LeftRecord]


class LookupRecord(Record, tag="hget", frozen=True, kw_only=True):
    env: Count
    k: KeyHex
    source: Literal["init", "recur"] | None = msgspec.field(name="from")
    parts: Annotated[int, Meta(ge=0, le=2)]
    fp: Hex | UnsetType = UNSET
    node: NodeName | UnsetType = UNSET
    via: str = ""


class ClearRecurRecord(Record, tag="clear_recur_cache", frozen=True, kw_only=True):
    parts: Count
    via: str = ""


class ClearAllRecord(Record, tag="clear_all", frozen=True, kw_only=True):
    parts: Count
    via: str = ""


class WmCopyRecord(Record, tag="wm_copy", frozen=True, kw_only=True):
    p: str
    slot: Count
    sz: Count
    fp: Hex
    via: str = ""


class MarkRecord(Record, tag="mark", frozen=True, kw_only=True):
    what: Literal[
        "initial_inference",
        "recurrent_inference",
        "initial_inference_train",
        "reset_collect",
        "reset_eval",
        "clear_caches",
    ]
    n: Count | UnsetType = UNSET
    envs: list[int] | UnsetType | None = UNSET
    act: list[object] | UnsetType = UNSET
    t: list[int] | UnsetType = UNSET
    sim: Count | UnsetType = UNSET
    steps: int | UnsetType | None = UNSET
    via: str = ""


class EntryRecord(Record, frozen=True, kw_only=True):
    p: str
    k: KeyHex
    slot: Count
    fp: Hex
    o: Count
    priority: Number | UnsetType = UNSET


class LoadRecord(EntryRecord, tag="load", frozen=True, kw_only=True):
    """An entry that was there when the recording began."""


class RemainsRecord(EntryRecord, tag="remains", frozen=True, kw_only=True):
    """An entry that was there when it ended."""


class Tally(Struct, forbid_unknown_fields=True, frozen=True):
    """How many records of each kind the recorder wrote; how many name a node, from version 3 on."""

    get: Count
    set: Count
    clear: Count
    hget: Count
    node: Count | UnsetType = UNSET


class EndRecord(Record, tag="end", frozen=True, kw_only=True):
    complete: Literal[True]
    tally: Tally | UnsetType = UNSET


def kind_of(record: type[Record]) -> str:
    """What a record is called: "Get", say."""
    return record.__name__.removesuffix("Record")


AnyRecord: TypeAlias = (
    GetRecord
    | SetRecord
    | ClearRecord
    | LeavingRecord
    | LookupRecord
    | ClearRecurRecord
    | ClearAllRecord
    | WmCopyRecord
    | MarkRecord
    | LoadRecord
    | RemainsRecord
    | EndRecord
)

HEADER: Final = msgspec.json.Decoder(Header)
RECORD: Final = msgspec.json.Decoder(AnyRecord)
