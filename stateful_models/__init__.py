"""Why we believe it: check a cache, yours or kvref's own, against the specification.

This is the public face: what an adapter, a test or a generated reproduction imports. Everything
else may move. Importing it loads neither torch nor typer nor Hypothesis; the four subjects that
need torch load it when they are asked for (they are also in `stateful_models.tensors`).
"""

from importlib import import_module
from typing import TYPE_CHECKING

import stateful_models.subjects.own  # noqa: F401 - first: it settles whose `spec` is meant

# isort: split
from spec.heap import Hand, Heap, Object
from spec.manager import Lookups, ManagerState
from spec.ops import (
    Cause,
    Census,
    Clear,
    ClearAll,
    Cleared,
    ClearTier,
    Contents,
    Counters,
    Done,
    EnvId,
    Get,
    Hit,
    Inspect,
    Key,
    Left,
    Lookup,
    ManagerOp,
    Miss,
    On,
    Op,
    Peek,
    PoolOp,
    Read,
    Ref,
    Refused,
    Reread,
    ResetAllStats,
    ResetStats,
    Response,
    Rewrite,
    Seen,
    Set,
    SlotId,
    Stored,
    Tier,
    Write,
)
from spec.policies import Clock, Lfu, Mru, Sieve, TwoQ
from spec.policy import Choice, Fifo, Line, Lru, Need, Order, Policy, Priority
from spec.pool import Entry, Pool, PoolState
from spec.profile import (
    FIFO_COPY,
    FIFO_COPY_BOTH,
    FIFO_LENT,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_COPY,
    LRU_COPY_BOTH,
    LRU_LENT,
    LRU_REFERENCE,
    LRU_SEALED,
    PRIORITY_COPY,
    PRIORITY_COPY_BOTH,
    PRIORITY_LENT,
    PRIORITY_REFERENCE,
    PRIORITY_SEALED,
    Ownership,
    Profile,
    RecurScope,
    Sizing,
)
from spec.sizing import Config
from stateful_models.engines.replay import replay
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool, OrderSubject
from stateful_models.reports.breaches import breach_repro, breach_story
from stateful_models.reports.check import check
from stateful_models.reports.report import Counterexample, Report
from stateful_models.runtime.adapters import manager_calls, pool_calls
from stateful_models.runtime.breach import Breach, BreachError, OnBreach
from stateful_models.runtime.differing import Explanation, explain
from stateful_models.runtime.guard import guard, guard_of
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.aspects import EVERYTHING, Aspect
from stateful_models.subjects.loading import TargetError
from stateful_models.subjects.manager import ManagerSubject
from stateful_models.subjects.naming import Naming, Values
from stateful_models.subjects.pool import PoolSubject
from stateful_models.subjects.pool_of_manager import pool_of_manager
from stateful_models.subjects.protocol import SubjectError
from stateful_models.traces.format import TraceError
from stateful_models.traces.judge import TraceReport, check_trace

NEED_TORCH = ("BatchSubject", "KeySubject", "SessionSubject", "WindowSubject")
"""Not in `__all__`: `import *` must not need torch."""

if TYPE_CHECKING:
    from stateful_models.tensors import BatchSubject as BatchSubject
    from stateful_models.tensors import KeySubject as KeySubject
    from stateful_models.tensors import SessionSubject as SessionSubject
    from stateful_models.tensors import WindowSubject as WindowSubject
else:

    def __getattr__(name: str) -> object:
        """The subjects that need torch."""
        if name in NEED_TORCH:
            return getattr(import_module("stateful_models.tensors"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "EVERYTHING",
    "FIFO_COPY",
    "FIFO_COPY_BOTH",
    "FIFO_LENT",
    "FIFO_REFERENCE",
    "FIFO_SEALED",
    "LRU_COPY",
    "LRU_COPY_BOTH",
    "LRU_LENT",
    "LRU_REFERENCE",
    "LRU_SEALED",
    "PRIORITY_COPY",
    "PRIORITY_COPY_BOTH",
    "PRIORITY_LENT",
    "PRIORITY_REFERENCE",
    "PRIORITY_SEALED",
    "Aspect",
    "Breach",
    "BreachError",
    "Cause",
    "Census",
    "Choice",
    "Clear",
    "ClearAll",
    "ClearTier",
    "Cleared",
    "Clock",
    "Config",
    "Contents",
    "Counterexample",
    "Counters",
    "Done",
    "Entry",
    "EnvId",
    "Explanation",
    "Fifo",
    "Get",
    "Hand",
    "Heap",
    "Hit",
    "Inspect",
    "Key",
    "KvrefManager",
    "KvrefPool",
    "Left",
    "Lfu",
    "Line",
    "Lookup",
    "Lookups",
    "Lru",
    "ManagerOp",
    "ManagerScope",
    "ManagerState",
    "ManagerSubject",
    "Miss",
    "Mru",
    "Naming",
    "Need",
    "Object",
    "On",
    "OnBreach",
    "Op",
    "Order",
    "OrderSubject",
    "Ownership",
    "Peek",
    "Policy",
    "Pool",
    "PoolOp",
    "PoolScope",
    "PoolState",
    "PoolSubject",
    "Priority",
    "Profile",
    "Read",
    "RecurScope",
    "Ref",
    "Refused",
    "Report",
    "Reread",
    "ResetAllStats",
    "ResetStats",
    "Response",
    "Rewrite",
    "Seen",
    "Set",
    "Sieve",
    "Sizing",
    "SlotId",
    "Stored",
    "SubjectError",
    "TargetError",
    "Tier",
    "TraceError",
    "TraceReport",
    "TwoQ",
    "Values",
    "WindowScope",
    "Write",
    "breach_repro",
    "breach_story",
    "check",
    "check_trace",
    "explain",
    "guard",
    "guard_of",
    "manager_calls",
    "pool_calls",
    "pool_of_manager",
    "replay",
]
