"""Two runs compared in random long histories: for what a subject remembers and does not show.

The seed is fixed. Each environment is watched in turn; what is found is cut down to a history from
which no operation can be left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

from spec.history import whose
from spec.isolation_laws import TwoRuns
from spec.law import Law
from spec.manager_laws import ManagerTransition
from spec.ops import EnvId, ManagerOp, Response
from spec.profile import Profile
from stateful_models.engines.isolation import Driven, History, Interference, not_deterministic
from stateful_models.engines.sample import MOODS, by_kind
from stateful_models.scopes.isolation import IsolationScope
from stateful_models.subjects.asking import ask
from stateful_models.subjects.protocol import ManagerFactory

LENGTH: Final = 300
HISTORIES: Final = 100
AGAIN: Final = 3


class Beyond(NamedTuple):
    """So many histories of so many operations; the one found is cut down."""

    tried: int
    length: int
    found: Interference | None


@dataclass(frozen=True)
class LongRuns:
    """Random histories of a manager, in pools of one to three entries that evict."""

    factory: ManagerFactory
    profile: Profile
    law: Law[TwoRuns]
    base: IsolationScope
    histories: int = HISTORIES
    length: int = LENGTH
    seed: int = 0

    def run(self, told: Callable[[int], object] = lambda tried: None) -> Beyond:
        random = Random(self.seed)
        for tried in range(1, self.histories + 1):
            scope = self.drawn(random)
            watched = EnvId((tried - 1) % scope.envs)
            one = self.interference(scope, self.history(scope, random), watched)
            if one is not None:
                found = self.confirmed(scope, self.cut_down(scope, one))
                return Beyond(tried, self.length, found)
            told(tried)
        return Beyond(self.histories, self.length, None)

    def drawn(self, random: Random) -> IsolationScope:
        """Other sizes each time; one more key than there is room for in init."""
        room, simulations = random.randint(1, 3), random.randint(1, 2)
        envs, tiers = self.base.envs, self.base.tiers
        return IsolationScope(self.profile, envs, room + 1, room, simulations, wm=True, tiers=tiers)

    def machine(self, scope: IsolationScope) -> Driven:
        return Driven(scope, self.factory, shows=False)

    def history(self, scope: IsolationScope, random: Random) -> History:
        groups = by_kind(scope.alphabet(self.machine(scope).reports))
        mood = random.choice(MOODS)
        weights = [mood.get(kind, 1) for kind in groups]
        kinds = random.choices(list(groups), weights, k=self.length)
        return tuple(
            scope.ranked(random.choice(groups[kind]), random.randrange(3)) for kind in kinds
        )

    def interference(
        self, scope: IsolationScope, history: History, watched: EnvId
    ) -> Interference | None:
        """The first answer in a history that tells the watched environment of another."""
        machine = self.machine(scope)
        both, alone = machine.make(), machine.make()
        for number, op in enumerate(history):
            answer = ask(both, op)
            if whose(op) not in (None, watched):
                continue
            other = ask(alone, op)
            if whose(op) == watched and not self.law.holds(answers(scope, op, answer, other)):
                return Interference(watched, history[: number + 1], answer, other, sampled=True)
        return None

    def confirmed(self, scope: IsolationScope, found: Interference) -> Interference:
        """What others have done makes the difference, and each time."""
        again = [self.interference(scope, found.history, found.watched) for _ in range(AGAIN)]
        if found.purged == found.history or any(one != found for one in again):
            raise not_deterministic(found)
        return found

    def cut_down(self, scope: IsolationScope, found: Interference) -> Interference:
        """Leave out operations, many at once and then one by one, as long as others are seen."""
        size = len(found.history) // 2
        while size:
            place = 0
            while place < len(found.history):
                shorter = (*found.history[:place], *found.history[place + size :])
                one = self.interference(scope, shorter, found.watched)
                if one is None:
                    place += size
                else:
                    found, place = one, 0 if size == 1 else place
            size //= 2
        return found


def answers(scope: IsolationScope, op: ManagerOp, both: Response, alone: Response) -> TwoRuns:
    """All that the laws judge: the operation and what it is answered in both runs."""
    start = scope.initial()
    return TwoRuns(
        ManagerTransition(start, op, both, start), ManagerTransition(start, op, alone, start)
    )
