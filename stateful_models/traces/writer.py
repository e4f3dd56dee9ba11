"""Writing down what a pool answers, as `kvref.Recorder` writes down a pool of kvref's own.

What an answer does not tell (whether a key was new, in which slot a hit was) is taken from what
was written before.
"""

from typing import TypeAlias

from msgspec import UNSET, UnsetType

from spec.ops import Cause, Clear, Get, Hit, Key, Op, Ref, Response, Set, Stored
from stateful_models.traces.format import ClearRecord, GetRecord, SetRecord
from stateful_models.traces.pool import PoolTrack
from stateful_models.traces.values import fingerprint, name

Written: TypeAlias = GetRecord | SetRecord | ClearRecord


class PoolWriter:
    """Records of one pool, numbered from 0. `tells`: a set's answer names who left.

    Where it does not, whoever had to go is taken to have gone.
    """

    def __init__(self, track: PoolTrack, tells: bool) -> None:
        self.track, self.tells = track, tells
        self.count = 0

    def record(self, op: Op, answer: Response) -> Written | None:
        """The record of one operation; None of what no trace has, and of what was refused."""
        made: Written | None = None
        match op, answer:
            case Clear(), _:
                made = ClearRecord(self.count, p=self.track.name, n=self.track.size)
            case Get(key), _ if key is not None:
                made = self.of_get(key, answer)
            case Set(key, ref, priority), Stored() if key is not None and ref is not None:
                made = self.of_set(key, ref, priority, answer)
            case _:
                pass
        self.count += made is not None
        return made

    def of_get(self, key: Key, answer: Response) -> GetRecord:
        entry = self.track.entry(key)
        return GetRecord(
            self.count,
            p=self.track.name,
            k=name(key),
            hit=isinstance(answer, Hit),
            slot=0 if entry is None else entry.slot,
            fp=fingerprint(answer.contents) if isinstance(answer, Hit) else UNSET,
        )

    def of_set(self, key: Key, ref: Ref, priority: int | None, answer: Stored) -> SetRecord:
        return SetRecord(
            self.count,
            p=self.track.name,
            k=name(key),
            slot=answer.slot,
            new=self.track.entry(key) is None,
            fp=fingerprint(ref),
            ev=self.evicted(key, answer),
            priority=str(priority),
        )

    def evicted(self, key: Key, answer: Stored) -> str | UnsetType:
        gone = [one.key for one in answer.left if one.cause is Cause.EVICTED]
        if not self.tells:
            full = self.track.size == self.track.shape.size and self.track.entry(key) is None
            gone = [one.key for one in self.track.eviction_order()[:1]] if full else []
        return name(gone[0]) if gone else UNSET
