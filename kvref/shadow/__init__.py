"""Two caches compared while a program runs: the one it has, and the one that is to replace it.

    shadow = Shadow(Old(...), ManagerSide(manager), Mode.COMPARE)
    shadow.set("recur", key, value)
    shadow.get("recur", key)  # what the primary answers; the candidate's answer is compared
    print(shadow.summary())

One setting leads from the old to the new: off, shadow, compare, serve, switch (`Mode`). Whatever
the one that does not answer does, the one that does is not disturbed.
"""

from kvref.shadow.contents import alike, copied, snapshot
from kvref.shadow.findings import DivergenceError
from kvref.shadow.shadow import Shadow
from kvref.shadow.sides import ManagerSide, PoolSide, Side
from kvref.shadow.verdicts import (
    Asked,
    Divergence,
    Emptied,
    Mode,
    OnDivergence,
    Put,
    Step,
    Verdict,
)

__all__ = [
    "Asked",
    "Divergence",
    "DivergenceError",
    "Emptied",
    "ManagerSide",
    "Mode",
    "OnDivergence",
    "PoolSide",
    "Put",
    "Shadow",
    "Side",
    "Step",
    "Verdict",
    "alike",
    "copied",
    "snapshot",
]
