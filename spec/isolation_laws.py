"""M2 and M5 on two runs compared: all operations, and those of one environment alone.

What is nobody's is done in both: wm's operations, clears of a tier or of all, resets of all.
"""

from typing import Final, NamedTuple

from spec.history import init_operation
from spec.law import Law
from spec.manager_laws import ManagerTransition
from spec.ops import Hit, Lookup, ManagerOp, On, Tier
from spec.profile import Profile, RecurScope


class TwoRuns(NamedTuple):
    """One operation of the environment that is watched: `both` where the others have done
    something in between, `alone` where all that they did was left out."""

    both: ManagerTransition
    alone: ManagerTransition

    @property
    def op(self) -> ManagerOp:
        return self.both.op

    @property
    def alike(self) -> bool:
        return self.both.response == self.alone.response


def non_interference(runs: TwoRuns) -> bool:
    """What init operations answer does not change when all others' operations are deleted."""
    return runs.alike or not init_operation(runs.op)


def declared_channel(runs: TwoRuns) -> bool:
    """With a recur pool for each environment, no answer changes: the shared one is the channel.

    It speaks of the operations that are somebody's (`spec.history.whose`); wm is common by design.
    """
    return runs.alike


def others_acted(runs: TwoRuns) -> bool:
    return runs.both.before != runs.alone.before


def hit_beside_others(runs: TwoRuns) -> bool:
    """An init pool hits, after the others have done something."""
    hit = isinstance(runs.both.response, Hit) and init_operation(runs.op)
    return hit and others_acted(runs)


def recur_hit_beside_others(runs: TwoRuns) -> bool:
    """Recur is asked, and hits, after the others have done something."""
    asked = isinstance(runs.op, Lookup) or (isinstance(runs.op, On) and runs.op.tier is Tier.RECUR)
    return asked and isinstance(runs.both.response, Hit) and others_acted(runs)


def apart(profile: Profile) -> bool:
    return profile.recur_scope is RecurScope.PER_ENV


ABOUT: Final = (On, Lookup)
M2: Final = Law("M2", "non-interference", ABOUT, non_interference, hit_beside_others)
M5: Final = Law("M5", "declared channel", ABOUT, declared_channel, recur_hit_beside_others, apart)
ISOLATION: Final[tuple[Law[TwoRuns], ...]] = (M2, M5)
