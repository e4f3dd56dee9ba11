"""Wrong caches, each an executable subject that every checker must reject.

`EXHIBITS` says of each which law it breaks first, and after how many operations at the least.
"""

from typing import Final, NamedTuple

from stateful_models.bugs.caches.asks_the_neighbour import AsksTheNeighbour
from stateful_models.bugs.caches.clear_recur_clears_wm import ClearRecurClearsWm
from stateful_models.bugs.caches.clear_resets_stats import ClearResetsStats
from stateful_models.bugs.caches.clears_every_recur import ClearsEveryRecur
from stateful_models.bugs.caches.clears_the_old_list import ClearsTheOldList
from stateful_models.bugs.caches.copy_is_alias import CopyIsAlias
from stateful_models.bugs.caches.counts_refusals import CountsRefusals
from stateful_models.bugs.caches.equal_timestamps import EqualTimestamps
from stateful_models.bugs.caches.evicted_still_listed import EvictedStillListed
from stateful_models.bugs.caches.evicts_then_fails import EvictsThenFails
from stateful_models.bugs.caches.finalized_too_early import FinalizedTooEarly
from stateful_models.bugs.caches.forgets_untold import ForgetsUntold
from stateful_models.bugs.caches.get_removes import GetRemoves
from stateful_models.bugs.caches.graveyard import Graveyard
from stateful_models.bugs.caches.hands_out_its_own import HandsOutItsOwn
from stateful_models.bugs.caches.highest_free_slot import HighestFreeSlot
from stateful_models.bugs.caches.lent_and_stale import LentAndStale
from stateful_models.bugs.caches.long_memory import TurnsAtFifthClear, WrapsItsClock
from stateful_models.bugs.caches.looks_everywhere import LooksEverywhere
from stateful_models.bugs.caches.lookup_asks_both import LookupAsksBoth
from stateful_models.bugs.caches.lookup_counts_twice import LookupCountsTwice
from stateful_models.bugs.caches.lookup_refreshes_recur import LookupRefreshesRecur
from stateful_models.bugs.caches.lru_over_ring import LruOverRing
from stateful_models.bugs.caches.misses_for_all import MissesForAll
from stateful_models.bugs.caches.moves_its_victim import MovesItsVictim
from stateful_models.bugs.caches.never_sealed import NeverSealed
from stateful_models.bugs.caches.next_environment import NextEnvironment
from stateful_models.bugs.caches.one_too_many import OneTooMany
from stateful_models.bugs.caches.other_names import (
    EmptyIsMissing,
    FilesUnderHash,
    RanksAreWhole,
    StoresOneOfEquals,
)
from stateful_models.bugs.caches.peek_counts import PeekCounts
from stateful_models.bugs.caches.priority_never_filled import NeverFilled
from stateful_models.bugs.caches.recur_for_one_environment import RecurForOneEnvironment
from stateful_models.bugs.caches.ring import ClearKeepsCursor, UpdateMoves
from stateful_models.bugs.caches.set_reaches_neighbour import SetReachesNeighbour
from stateful_models.bugs.caches.set_writes import SetWrites
from stateful_models.bugs.caches.shared_cursor import SharedCursor
from stateful_models.bugs.caches.shared_object import SharedObject
from stateful_models.bugs.caches.slot_buffer import SlotBuffer
from stateful_models.bugs.caches.stats_leak import StatsLeak
from stateful_models.bugs.caches.stores_none import StoresNone
from stateful_models.bugs.caches.two_generations import CopiesAreShallow, TwoGenerations
from stateful_models.bugs.caches.untouched_by_hit import UntouchedByHit
from stateful_models.bugs.caches.untouched_by_set import UntouchedBySet
from stateful_models.bugs.caches.update_counts_as_insertion import UpdateCountsAsInsertion
from stateful_models.subjects.manager import ManagerSubject
from stateful_models.subjects.pool import PoolSubject


class Exhibit(NamedTuple):
    subject: type[PoolSubject] | type[ManagerSubject]
    law: str
    operations: int
    why: str


EXHIBITS: Final = (
    Exhibit(SharedObject, "R1", 1, "set: the entry is not the object set"),
    Exhibit(UpdateMoves, "P5", 2, "set, set again: the slot has changed"),
    Exhibit(ClearKeepsCursor, "P7", 3, "set, clear, set: slot 1, not 0"),
    Exhibit(UntouchedByHit, "P3", 3, "set two keys, get the older: it still goes first"),
    Exhibit(UntouchedBySet, "P3", 3, "set two keys, set the older: it still goes first"),
    Exhibit(NeverFilled, "P3", 2, "capacity 1: the second key has nobody to replace"),
    Exhibit(SlotBuffer, "R3", 3, "set, get, set: what was got has changed"),
    Exhibit(EvictsThenFails, "P8", 2, "capacity 1: set, then set None under another key"),
    Exhibit(CountsRefusals, "P8", 1, "get of no key: counted as a miss"),
    Exhibit(OneTooMany, "P1", 2, "capacity 1: two keys fit"),
    Exhibit(HighestFreeSlot, "P4", 1, "capacity 2: the first key takes slot 1"),
    Exhibit(EvictedStillListed, "P2", 2, "capacity 1: both keys are listed"),
    Exhibit(GetRemoves, "P6", 2, "set, get: gone"),
    Exhibit(ClearResetsStats, "P7", 2, "set, clear: the insertion is forgotten"),
    Exhibit(UpdateCountsAsInsertion, "P9", 2, "set, set again: two insertions, one resident"),
    Exhibit(PeekCounts, "P10", 1, "peek: a miss is counted"),
    Exhibit(SetWrites, "R2", 1, "set: the object's contents change"),
    Exhibit(NeverSealed, "R4", 1, "set: the object is not sealed"),
    Exhibit(CopyIsAlias, "R5", 2, "set, inspect: the client's object is kept alive"),
    Exhibit(Graveyard, "R5", 3, "set, clear, inspect: the object is still kept"),
    Exhibit(SetReachesNeighbour, "M1", 1, "set in init:0: init:1 has it too"),
    Exhibit(NextEnvironment, "M1", 1, "get in init:0: init:1 counts the miss"),
    Exhibit(LookupAsksBoth, "M3", 2, "set in init, lookup: recur counts a miss"),
    Exhibit(ClearRecurClearsWm, "M4", 2, "set in wm, clear recur: wm is empty"),
    Exhibit(LookupCountsTwice, "M6", 1, "lookup: two misses"),
    Exhibit(LruOverRing, "P4", 4, "set two, get the older, set a third: in the older's slot"),
    Exhibit(StoresNone, "P8", 1, "set None: stored"),
    Exhibit(ClearsTheOldList, "P7", 2, "set, clear: still there"),
    Exhibit(EqualTimestamps, "P3", 3, "set three keys: the second leaves"),
    Exhibit(SharedCursor, "P5", 2, "set, set again: the slot has changed"),
    Exhibit(StatsLeak, "M1", 1, "get in init:0: a miss in init:1, too"),
    Exhibit(MovesItsVictim, "P12", 3, "capacity 2: set three keys: the first is told, one leaves"),
    Exhibit(FinalizedTooEarly, "P9", 2, "capacity 1: two keys: its finalizer finds nobody there"),
    Exhibit(ForgetsUntold, "P12", 2, "set in recur, clear all: demoted, and forgotten untold"),
    Exhibit(HandsOutItsOwn, "R3", 2, "set, get: what is got is still the pool's"),
    Exhibit(LentAndStale, "P3", 5, "set two, get the older, set a third: the older is gone"),
    Exhibit(RecurForOneEnvironment, "M7", 0, "new: the recur pool holds one search, not two"),
)
BEYOND: Final = (
    Exhibit(FilesUnderHash, "P2", 2, "set -1, get -2: a hit"),
    Exhibit(RanksAreWhole, "P3", 3, "capacity 2: ranks 0.75, 0.25, 0.5: the first leaves"),
    Exhibit(EmptyIsMissing, "P6", 2, "set, get: a miss, of a value that is false"),
    Exhibit(StoresOneOfEquals, "R1", 3, "set two equal objects, get the second: the first"),
    Exhibit(TurnsAtFifthClear, "P3", 9, "five clears, three sets at capacity 2: the second leaves"),
    Exhibit(WrapsItsClock, "P3", 66, "the 64th use counts as the oldest"),
    Exhibit(TwoGenerations, "R4", 6, "three versions of an object, under three keys"),
    Exhibit(CopiesAreShallow, "R4", 3, "set, write, get: written"),
    Exhibit(LookupRefreshesRecur, "M3", 6, "both have it: a lookup makes recur's the last to go"),
)
"""Black boxes that plain names, short histories or tiers that never evict would let pass."""
ISOLATION: Final = (
    Exhibit(AsksTheNeighbour, "M2", 2, "they set in their init pool, I get: a hit"),
    Exhibit(LooksEverywhere, "M5", 2, "they set in their recur pool, I look up: a hit"),
    Exhibit(MissesForAll, "M2", 3, "I set, they miss the key, I get: gone, though it is shown"),
    Exhibit(ClearsEveryRecur, "M5", 2, "they set in their recur pool, I clear mine: theirs leaves"),
)
"""Those that break a law of two runs: what they answer alone is right."""
