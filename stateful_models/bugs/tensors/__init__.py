"""The museum's tensor wing: wrong windows, batches, keys, storage and sessions. Needs torch.

Each exhibit says which law it breaks first and, of windows, after how many operations at the
least.
"""

from typing import Final, NamedTuple

from stateful_models.bugs.tensors.breaks_pairs import BreaksPairs
from stateful_models.bugs.tensors.clone_shares import CloneShares
from stateful_models.bugs.tensors.copies_are_views import CopiesAreViews
from stateful_models.bugs.tensors.crops_one_short import CropsOneShort
from stateful_models.bugs.tensors.fails_after_reset import FailsAfterReset
from stateful_models.bugs.tensors.forgets_phase import ForgetsPhase
from stateful_models.bugs.tensors.fork_shares_room import ForkSharesRoom
from stateful_models.bugs.tensors.halves_precision import HalvesPrecision
from stateful_models.bugs.tensors.hash_of_storage import HashOfStorage
from stateful_models.bugs.tensors.hash_per_process import HashPerProcess
from stateful_models.bugs.tensors.keeps_dirty_padding import KeepsDirtyPadding
from stateful_models.bugs.tensors.keeps_oldest import KeepsOldest
from stateful_models.bugs.tensors.keeps_windows import KeepsWindows
from stateful_models.bugs.tensors.mask_of_longest import MaskOfLongest
from stateful_models.bugs.tensors.mixes_heads import MixesHeads
from stateful_models.bugs.tensors.one_window_for_all import OneWindowForAll
from stateful_models.bugs.tensors.overlapping_copy import OverlappingCopy
from stateful_models.bugs.tensors.pads_right import PadsRight
from stateful_models.bugs.tensors.plain import windows_of
from stateful_models.bugs.tensors.prunes_the_others import PrunesTheOthers
from stateful_models.bugs.tensors.removes_oldest import RemovesOldest
from stateful_models.bugs.tensors.row_for_env import RowForEnv
from stateful_models.bugs.tensors.salt_as_bool import SaltAsBool
from stateful_models.bugs.tensors.salt_blind_to_shape import SaltBlindToShape
from stateful_models.bugs.tensors.scales_in_place import ScalesInPlace
from stateful_models.bugs.tensors.seal_is_a_flag import SealIsAFlag
from stateful_models.bugs.tensors.seal_leaks import SealLeaks
from stateful_models.bugs.tensors.slot_tensors import SlotTensors
from stateful_models.bugs.tensors.smears_rows import SmearsRows
from stateful_models.bugs.tensors.splits_into_views import SplitsIntoViews
from stateful_models.bugs.tensors.stores_views import StoresViews
from stateful_models.bugs.tensors.values_lag import ValuesLag
from stateful_models.bugs.tensors.works_in_place import WorksInPlace
from stateful_models.reference.tensor_pool import KvrefTensorPool
from stateful_models.subjects.batches import BatchSubject
from stateful_models.subjects.keys import KeySubject
from stateful_models.subjects.windows import WindowSubject


class WindowExhibit(NamedTuple):
    subject: type[WindowSubject]
    law: str
    operations: int
    why: str


WINDOWS: Final = (
    WindowExhibit(windows_of(KeepsOldest, "KeepsOldest"), "W1", 2, "fill 3, one more: 0, not 2"),
    WindowExhibit(windows_of(MixesHeads, "MixesHeads"), "W1", 1, "two tokens, two heads: swapped"),
    WindowExhibit(windows_of(BreaksPairs, "BreaksPairs"), "W2", 2, "fill, one more: one goes"),
    WindowExhibit(
        windows_of(CropsOneShort, "CropsOneShort"), "W2", 2, "append one, fill: the first has gone"
    ),
    WindowExhibit(
        windows_of(FailsAfterReset, "FailsAfterReset"), "W3", 2, "append, then too many: empty"
    ),
    WindowExhibit(windows_of(ValuesLag, "ValuesLag"), "W4", 2, "fill, one more: V keeps one more"),
    WindowExhibit(PrunesTheOthers, "W5", 1, "prune to nobody: everybody stays"),
    WindowExhibit(
        windows_of(RemovesOldest, "RemovesOldest"), "W5", 2, "append two, remove one: the second"
    ),
    WindowExhibit(
        windows_of(ForgetsPhase, "ForgetsPhase"), "W6", 2, "append one, then fill: first is 0"
    ),
    WindowExhibit(CloneShares, "R3", 3, "append, clone, fill anew: both have changed"),
    WindowExhibit(ForkSharesRoom, "R3", 4, "seal, fork, fill the fork, and it again: seen"),
    WindowExhibit(SealLeaks, "R4", 2, "seal, reset: not refused"),
    WindowExhibit(
        windows_of(OverlappingCopy, "OverlappingCopy"), "W3", 2, "fill 5, one more: raises"
    ),
)

POOLS: Final[tuple[tuple[type[KvrefTensorPool], str], ...]] = (
    (OneWindowForAll, "R1"),
    (ScalesInPlace, "R2"),
    (SlotTensors, "R3"),
    (SealIsAFlag, "R4"),
    (CopiesAreViews, "R4"),
    (KeepsWindows, "R5"),
)
BATCHES: Final[tuple[tuple[type[BatchSubject], str], ...]] = (
    (SplitsIntoViews, "B1"),
    (PadsRight, "B2"),
    (KeepsDirtyPadding, "B2"),
    (MaskOfLongest, "B2"),
    (SmearsRows, "B3"),
    (HalvesPrecision, "B4"),
)
KEYS: Final[tuple[tuple[type[KeySubject], str], ...]] = (
    (HashOfStorage, "K1"),
    (HashPerProcess, "K2"),
    (SaltBlindToShape, "K3"),
    (SaltAsBool, "K3"),
)
SESSIONS: Final = ((WorksInPlace, "S3"), (StoresViews, "S3"), (RowForEnv, "M1"))
