"""The public face of what needs torch: windows, batches, keys and sessions under test."""

from stateful_models.reference.batches import KvrefBatches
from stateful_models.reference.keys import KvrefKeys
from stateful_models.reference.sessions import KvrefSession
from stateful_models.reference.windows import KvrefWindows
from stateful_models.subjects.batches import BatchSubject
from stateful_models.subjects.keys import KeySubject
from stateful_models.subjects.sessions import SessionSubject, Setting, StepLike
from stateful_models.subjects.window_driver import WindowLike
from stateful_models.subjects.windows import WindowSubject

__all__ = [
    "BatchSubject",
    "KeySubject",
    "KvrefBatches",
    "KvrefKeys",
    "KvrefSession",
    "KvrefWindows",
    "SessionSubject",
    "Setting",
    "StepLike",
    "WindowLike",
    "WindowSubject",
]
