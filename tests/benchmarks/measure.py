"""Timing that compares: every contestant in every round, the best round of each counts."""

from collections.abc import Callable, Mapping
from time import perf_counter

Work = Callable[[], object]


def best_of(contestants: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Seconds per contestant; rounds are interleaved, so that drift hits all alike."""
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(rounds):
        for name, work in contestants.items():
            began = perf_counter()
            work()
            best[name] = min(best[name], perf_counter() - began)
    return best
