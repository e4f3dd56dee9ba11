"""Random searches by plan: all environments in order, and any in any order."""

from itertools import islice, product
from typing import Final, NamedTuple

from spec.profile import FIFO_REFERENCE
from spec.sizing import Config
from stateful_models.engines.sessions import RandomSearches, SessionFactory

SIMULATIONS: Final = 12  # of one search
CONFIG: Final = Config(game_segment_length=4, num_simulations=SIMULATIONS)


class Plan(NamedTuple):
    """Environments, tokens of a context, and how many calls of any environments in any order; 0:
    two searches of all of them in order."""

    envs: int
    context_length: int
    calls: int
    seed: int


SIZES: Final = tuple(product((1, 3), (2, 7)))
PLANS: Final = (
    *(Plan(*size, 0, 8) for size in SIZES),
    *(Plan(*size, 30, seed) for size in SIZES for seed in range(2)),
    Plan(3, 7, 120, 2),
)


class Wrong(NamedTuple):
    """The laws that the last of these calls breaks."""

    laws: tuple[str, ...]
    calls: tuple[str, ...]


def wandered(factory: SessionFactory, plan: Plan, most: int | None = None) -> Wrong | None:
    """The calls, so many at most, up to the first that breaks a law; None if none does."""
    envs, length, calls, seed = plan
    searches = RandomSearches(
        factory, FIFO_REFERENCE, CONFIG, envs, context_length=length, seed=seed
    )
    orderly = (call for _ in range(2) for call in searches.search(SIMULATIONS))
    done: list[str] = []
    for call in islice(searches.wander(calls, SIMULATIONS) if calls else orderly, most):
        done.append(call.said)
        if call.laws:
            return Wrong(call.laws, tuple(done))
    return None


def shortest_wandering(factory: SessionFactory) -> Wrong | None:
    """The fewest calls, of all plans, that go wrong."""
    best: Wrong | None = None
    for plan in PLANS:
        best = wandered(factory, plan, len(best.calls) - 1 if best else None) or best
    return best
