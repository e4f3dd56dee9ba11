"""The methods that search clients can be put to."""

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Final

from spec.laws import search_broken
from stateful_models.bugs.matrix import Caught, Exhibited
from stateful_models.bugs.searches import CLIENTS
from stateful_models.engines.searches import explore_searches
from stateful_models.scopes.searches import SearchScope

WALKS: Final = 200


def explored_searches(scope: SearchScope, law: str) -> Caught | None:
    found = explore_searches(scope, frozenset({law})).broken.get(law)
    return None if found is None else Caught((law,), len(found.history))


def walked(scope: SearchScope) -> Caught | None:
    """Random searches; the shortest that breaks a law."""
    random, best = Random(0), None
    for _ in range(WALKS):
        stage, done = scope.initial(), 0
        while ops := list(scope.ops(stage)):
            stage, seen = scope.step(stage, random.choice(ops))
            done += 1
            laws = search_broken(seen)
            if laws and (best is None or done < best.operations):
                best = Caught(laws, done)
            if laws:
                break
    return best


def search_wing() -> Iterator[Exhibited]:
    for name, scope, law, _ in CLIENTS:
        checks = {
            "explore": partial(explored_searches, scope, law),
            "sample": partial(walked, scope),
        }
        yield Exhibited(name, "search client", law, checks)
