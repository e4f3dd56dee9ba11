"""Scopes for random histories: larger pools, other names of keys and priorities, other values."""

from dataclasses import replace
from itertools import chain
from random import Random
from typing import Final, TypeVar

from spec.profile import Ownership, Profile
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.scopes.presets import config
from stateful_models.subjects.naming import PLAIN, Naming, Values
from stateful_models.subjects.protocol import Named

A = TypeVar("A", PoolScope, ManagerScope)
MOST: Final = 8
"""Entries of the largest pools that are sampled, unless somebody asks for more."""
MOST_OF_A_MANAGER: Final = 4
"""The same of a manager's init pools."""
RANKS: Final[tuple[tuple[float, ...], ...]] = (
    (),
    (-3, -2, -1, 2),
    (0.25, 0.5, 0.75, 0.875),
    (-1e300, -1.0, 1.0, 1e300),
    (float("-inf"), -0.5, 0.5, float("inf")),
    (1.0, 1.0 + 2**-50, 1.0 + 2**-49, 1.0 + 2**-48),
    (2.0**31, 2.0**32, 2.0**33, 2.0**62),
)
"""Ascending: whole, negative, fractional, huge, infinite, close, beyond 32 bits."""


def alike(random: Random, count: int) -> tuple[int, ...]:
    """Keys of 64 bits that something short of comparing them whole takes for one another."""
    bits = random.choice((8, 16, 31, 32, 48))
    start = random.getrandbits(bits)
    families = (
        [start + (n << bits) for n in range(1, count + 1)],  # equal in their low bits
        [(start << (64 - bits)) + n for n in range(count)],  # equal in their high bits
        [start % 4 + n * (2**61 - 1) for n in range(min(count, 4))],  # equal hashes
        [-1, -2, -(2**61), -(2**61) - 1],  # equal hashes, two by two
        [2**53 + 2**10 * start + n for n in range(count)],  # equal as floats
        list(chain(*([n, -n] for n in range(start + 1, start + count)))),  # of equal size
        [2**63 - 1 - n for n in range(count)],  # the largest of 64 bits with a sign
        [2**64 - 1 - n for n in range(count)],  # and without
        [start % 7 + n * 2**20 * 1_000_003 for n in range(count)],  # equal modulo primes
        [random.getrandbits(64) for _ in range(count)],  # as hashes are
        [random.getrandbits(64) - 2**63 for _ in range(count)],
        [300 + n for n in range(count)],  # small, and equal to others without being them
    )
    chosen = dict.fromkeys(random.choice(families)[:count])
    spare = (n for n in range(1000, 2000) if n not in chosen)
    found = list(chosen)
    return (*found, *(next(spare) for _ in range(count - len(found))))


def naming(random: Random, profile: Profile, keys: int) -> Naming:
    """Names for so many keys, newcomers included; at times plain ones, in each respect."""
    values = [Values.PLAIN, Values.EMPTY]
    if profile.ownership in (Ownership.REFERENCE, Ownership.SEALED):
        values.append(Values.EQUAL)  # of copies only contents can tell which they are
    ranked = profile.policy.ranked
    chosen = Naming(
        alike(random, keys) if random.random() < 0.6 else (),
        random.choice(RANKS) if ranked else (),
        random.choice(values),
    )
    return PLAIN if chosen == PLAIN else chosen


def beyond(scope: A, random: Random, capacity: int | None = None, keys: int | None = None) -> A:
    """A scope of this kind and profile, larger than is explored; `keys` of them, if given."""
    most = MOST if isinstance(scope, PoolScope) else MOST_OF_A_MANAGER
    size = random.randint(1, most) if capacity is None else capacity
    if isinstance(scope, PoolScope):
        count = size + random.randint(1, 3) if keys is None else keys
        ranks = 4 if scope.profile.policy.ranked else 2
        named = naming(random, scope.profile, count + size)
        return replace(scope, capacity=size, keys=count, objects=4, priorities=ranks, naming=named)
    simulations = random.randint(1, 3)
    count = max(size, simulations) + random.randint(1, 3) if keys is None else keys
    return replace(
        scope,
        config=config(size, simulations),
        envs=random.randint(1, 3),
        keys=count,
        shared=random.choice((0, 3)),
        naming=naming(random, scope.profile, count + max(size, 3 * simulations)),
    )


def worn(scope: A, subject: object) -> A:
    """The scope with such names only as the subject knows: none with a driver of its own; no other
    values where the client keeps objects of its own."""
    if not isinstance(subject, Named):
        return replace(scope, naming=PLAIN)
    if subject.client.values is scope.naming.values:
        return scope
    known = replace(scope.naming, values=Values.PLAIN)
    return replace(scope, naming=PLAIN if known == PLAIN else known)
