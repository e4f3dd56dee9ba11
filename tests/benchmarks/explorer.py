"""How fast the explorer checks a pool on one core, and the specification alone beside it.

    python -m tests.benchmarks.explorer [--quick]

A checked transition: the specification's step, the subject's, both answers and both states
compared, every law evaluated, replays included.
"""

import sys
import tracemalloc
from functools import partial

from spec.profile import FIFO_REFERENCE, LRU_REFERENCE, PRIORITY_REFERENCE, Profile
from stateful_models.engines.explore import Explorer
from stateful_models.reference.pool import KvrefPool
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.aspects import EVERYTHING
from tests.benchmarks.measure import best_of


def checked(scope: PoolScope) -> int:
    return Explorer(scope, partial(scope.build, KvrefPool)).run().transitions


def specified(scope: PoolScope) -> int:
    """The same states and operations, the specification alone."""
    start = scope.initial()
    alphabet = scope.alphabet(EVERYTHING)
    seen, level, transitions = {scope.canonical(start, True)[0]}, [start], 0
    while level:
        following = []
        for state in level:
            for op in (*alphabet, *scope.writes(state)):
                after, _ = scope.step(state, op)
                transitions += 1
                if scope.same_but_counters(after, state):
                    continue
                key, _ = scope.canonical(after, True)
                if key not in seen:
                    seen.add(key)
                    following.append(after)
        level = following
    return transitions


def measure(profile: Profile, rounds: int) -> None:
    scope = PoolScope(profile, 3, keys=4, objects=3 if rounds > 1 else 1)
    count = specified(scope)
    assert count == checked(scope), "the same transitions"
    contestants = {"checked": lambda: checked(scope), "spec": lambda: specified(scope)}
    best = best_of(contestants, rounds)
    full, alone = count / best["checked"], count / best["spec"]
    print(
        f"{profile.policy.value:8} pool, {scope.label.removeprefix('pool, ')}: {full:,.0f} checked "
        f"transitions/s; specification alone {alone:,.0f}/s; ratio {alone / full:.1f}"
    )


def kept(scope: PoolScope) -> None:
    """Bytes at the peak, for each state: what was visited, two levels, and everything else."""
    tracemalloc.start()
    states = Explorer(scope, partial(scope.build, KvrefPool)).run().states
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    policy = scope.profile.policy.value
    print(
        f"{policy:8} {scope.label}: {states:,} states, {peak / states:,.0f} bytes each at the peak"
    )


def main(quick: bool) -> None:
    measure(FIFO_REFERENCE, 1 if quick else 8)
    measure(LRU_REFERENCE, 1 if quick else 4)
    kept(PoolScope(PRIORITY_REFERENCE, 2 if quick else 3, keys=4, objects=1 if quick else 3))
    if not quick:
        measure(PRIORITY_REFERENCE, 1)


if __name__ == "__main__":
    main("--quick" in sys.argv)
