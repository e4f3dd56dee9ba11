"""What a guard costs around kvref's own manager: ratios from one run.

    python -m tests.benchmarks.guard [--quick]

A guard that judges every call, against the same manager bare: operation by operation, and in
searches, which end with a clear of recur, and episodes of 20 searches, which end with one of init.
Then one that judges one history in 100, in 100 episodes. Each piece of a run counts at its best.
"""

import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from types import SimpleNamespace

from kvref import KVCacheManager
from spec.profile import FIFO_REFERENCE
from stateful_models.runtime.guard import guard, guard_of

ENVS, SIMULATIONS, EPISODE, SAMPLE = 4, 10, 20, 100
VALUE = object()
KEYS = [hash((number, "latent")) for number in range(ENVS * SIMULATIONS)]
Manager = KVCacheManager[object]


def manager() -> Manager:
    config = SimpleNamespace(game_segment_length=EPISODE, num_simulations=SIMULATIONS)
    return KVCacheManager(config, ENVS)


def lookup(made: Manager, turn: int) -> None:
    for number, key in enumerate(KEYS):
        made.hierarchical_get(number % ENVS, key)


def get(made: Manager, turn: int) -> None:
    for key in KEYS:
        made.get_recur_cache(key)


def put(made: Manager, turn: int) -> None:
    for key in KEYS:
        made.set_recur_cache(key, VALUE)


def search(made: Manager, turn: int) -> None:
    """With the clear that begins it, its roots and its simulations."""
    if turn % EPISODE == 0:
        made.clear_init_caches()
    made.clear_recur_cache()
    for env in range(ENVS):
        made.set_init_cache(env, KEYS[turn % EPISODE + env], VALUE)
    for place, key in enumerate(KEYS):
        made.hierarchical_get(place % ENVS, KEYS[place // 2])
        made.set_recur_cache(key, VALUE)


Piece = Callable[[Manager, int], None]


def timed(made: Manager, piece: Piece, pieces: int) -> Iterator[float]:
    """Each piece of a run, one after another."""
    put(made, 0)
    for turn in range(pieces):
        began = perf_counter()
        piece(made, turn)
        yield perf_counter() - began


def ratio(piece: Piece, pieces: int, rounds: int, sample: int = 1) -> float:
    """The time of a run that is guarded, of one that is bare."""
    bare, guarded = [float("inf")] * pieces, [float("inf")] * pieces
    for _ in range(rounds):
        made = guard(manager(), FIFO_REFERENCE, sample=sample)
        both = zip(timed(manager(), piece, pieces), timed(made, piece, pieces), strict=True)
        for turn, (one, other) in enumerate(both):
            bare[turn], guarded[turn] = min(bare[turn], one), min(guarded[turn], other)
        told = guard_of(made)
        assert told is not None
        assert told.judged
        assert not told.breaches
    return sum(guarded) / sum(bare)


def main(quick: bool) -> None:
    pieces, rounds = (20, 1) if quick else (200, 12)
    print("kvref's manager, guarded, every call judged, of the time of a bare one:")
    for piece in (lookup, get, put, search):
        print(f"  {piece.__name__:6} {ratio(piece, pieces, rounds):5.1f}")
    pieces, rounds = (EPISODE, 1) if quick else (EPISODE * SAMPLE, 10)
    print(f"one history in {SAMPLE} judged:")
    print(f"  {search.__name__:6} {ratio(search, pieces, rounds, SAMPLE):5.2f}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
