"""The lookup and the frame of a manager of two environments, over arbitrary contents of pools."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from spec.manager import ManagerState, on_pool, step
from spec.manager import lookup as right_lookup
from spec.manager_laws import (
    ManagerTransition,
    frame,
    logical_lookups,
    lookup_order,
)
from spec.ops import EnvId, Get, Key, Lookup, On, PoolOp, Response, Set, Tier
from spec.pool import Pool
from spec.profile import Policy, Profile
from spec.sizing import Config
from stateful_models.engines.contracts.condition import Condition, Fault, Theorem
from stateful_models.engines.contracts.states import HEAP, NEW, Cell, apart, state

Predicate = Callable[[ManagerTransition], bool]
ENVS: Final = 2


def manager(capacity: int, init: tuple[Cell, ...], recur: tuple[Cell, ...]) -> ManagerState:
    """Both init pools hold the same rows; the wm pool is empty."""

    def pool(rows: tuple[Cell, ...], name: str) -> Pool:
        return state(Policy.FIFO, capacity, rows).pool._replace(name=name)

    pools = pool(init, "init:0"), pool(init, "init:1"), pool(recur, "recur"), pool((), "wm")
    return ManagerState(Profile(), Config(), ENVS, pools, HEAP)


def of_lookup(law: Predicate, capacity: int) -> Theorem:
    """Two environments, pools of at most two entries whatever the bound."""
    size = min(capacity, 2)

    def theorem(init: tuple[Cell, ...], recur: tuple[Cell, ...], env: int, key: int) -> None:
        assert apart(init, size)
        assert apart(recur, size)
        before = manager(size, init, recur)
        op = Lookup(EnvId(env), Key(key))
        after, response = step(before, op)
        assert law(ManagerTransition(before, op, response, after))

    return theorem


def of_init_set(law: Predicate, capacity: int) -> Theorem:
    size = min(capacity, 2)

    def theorem(init: tuple[Cell, ...], recur: tuple[Cell, ...], env: int, key: int) -> None:
        assert apart(init, size)
        assert apart(recur, size)
        before = manager(size, init, recur)
        op = On(Tier.INIT, EnvId(env), Set(Key(key), NEW))
        after, response = step(before, op)
        assert law(ManagerTransition(before, op, response, after))

    return theorem


def asks_both(
    before: ManagerState, env: EnvId | None, key: Key | None
) -> tuple[ManagerState, Response]:
    after, response = right_lookup(before, env, key)
    return (on_pool(after, ENVS, Get(key))[0] if key is not None else after), response


def uncounted(
    before: ManagerState, env: EnvId | None, key: Key | None
) -> tuple[ManagerState, Response]:
    after, response = right_lookup(before, env, key)
    return after._replace(lookups=before.lookups), response


def reaches_neighbour(
    before: ManagerState, index: int, op: PoolOp
) -> tuple[ManagerState, Response]:
    after, response = on_pool(before, index, op)
    return on_pool(after, 1 - index if index < ENVS else index, op)[0], response


def manager_conditions() -> Iterator[Condition]:
    yield Condition(
        "M1 init set",
        "A set in one environment's init pool leaves every other pool.",
        partial(of_init_set, frame),
        Fault("spec.manager", "on_pool", reaches_neighbour),
    )
    yield Condition(
        "M3 lookup",
        "Init's entry, else recur's, else a miss; a hit in init leaves recur untouched.",
        partial(of_lookup, lookup_order),
        Fault("spec.manager", "lookup", asks_both),
    )
    yield Condition(
        "M6 lookup",
        "A lookup counts once: init hit, recur hit or miss.",
        partial(of_lookup, logical_lookups),
        Fault("spec.manager", "lookup", uncounted),
    )
