"""States that count as one: a bisimulation for every law, and what checkers make of it.

A renaming commutes with every step and leaves every law as it is, on right transitions and on
wrong ones; a scope's canonical form is the same for all renamings of a state, and different for
states that no renaming makes equal.
"""

from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import islice, permutations
from random import Random

import pytest

from spec.laws import broken, manager_broken
from spec.manager import ManagerState
from spec.manager_laws import ManagerTransition
from spec.ops import (
    ClearAll,
    Cleared,
    Contents,
    EnvId,
    Get,
    Key,
    ManagerOp,
    On,
    Op,
    Ref,
    Response,
    Set,
    Tier,
    Write,
)
from spec.pool import PoolState
from spec.profile import (
    FIFO_COPY,
    FIFO_COPY_BOTH,
    FIFO_REFERENCE,
    FIFO_SEALED,
    LRU_REFERENCE,
    PRIORITY_COPY,
    Policy,
    Profile,
    RecurScope,
)
from spec.renaming import Renaming
from spec.sizing import Config
from spec.transition import observed
from stateful_models.bugs.caches import EXHIBITS
from stateful_models.engines.explore import Explorer
from stateful_models.reference.pool import KvrefPool
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.pool import PoolSubject
from tests.support.night import NIGHT

PROFILES = (
    *(FIFO_REFERENCE, LRU_REFERENCE, FIFO_SEALED, FIFO_COPY, PRIORITY_COPY, FIFO_COPY_BOTH),
    *(Profile(Policy.SIEVE), Profile(Policy.TWO_Q), Profile(Policy.ANY)),
)


def states_of(scope: PoolScope, most: int) -> list[PoolState]:
    """So many of those that operations and writes lead to, breadth first."""
    seen, level = {scope.initial(): None}, [scope.initial()]
    while level and len(seen) < most:
        following = []
        for state in level:
            for op in (*scope.alphabet(KvrefPool.reports), *scope.writes(state)):
                after, _ = scope.step(state, op)
                if after not in seen:
                    seen[after] = None
                    following.append(after)
        level = following
    return list(islice(seen, most))


def renaming(state: PoolState | ManagerState, keys: int, random: Random) -> Renaming:
    """Any bijection of each kind of name."""
    objects, every = len(state.heap.objects), range(keys)
    new_keys, new_refs = random.sample(every, keys), random.sample(range(objects), objects)
    values = [Contents(n) for n in range(-1, 200)]
    return Renaming(
        {Key(old): Key(new) for old, new in enumerate(new_keys)},
        {Ref(old): Ref(new) for old, new in enumerate(new_refs)},
        dict(zip(values, random.sample(values, len(values)), strict=True)),
    )


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_every_step_commutes_with_renaming(profile: Profile) -> None:
    scope, random = PoolScope(profile, 2, 3, 2), Random(0)
    for state in states_of(scope, 120 if NIGHT else 60):
        r = renaming(state, 3, random)
        for op in (*scope.alphabet(KvrefPool.reports), *scope.writes(state)):
            after, response = scope.step(state, op)
            assert scope.step(r.state(state), r.op(op)) == (r.state(after), r.response(response))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_every_law_holds_of_a_renamed_transition_just_the_same(profile: Profile) -> None:
    """Of right transitions, and of those that end in the state, or with the answer, of another."""
    scope, random = PoolScope(profile, 2, 3, 2), Random(1)
    states, wrong = states_of(scope, 60 if NIGHT else 15), Counter[str]()
    for state in states:
        ops = (*scope.alphabet(KvrefPool.reports), *scope.writes(state))
        for op in ops:
            other = random.choice(states)
            _, told = scope.step(state, random.choice(ops))
            for after, response in (scope.step(state, op), (other, scope.step(state, op)[1])):
                for answer in (response, told):
                    r = renaming(state, 3, random)
                    laws = broken(observed(state, op, answer, after))
                    renamed = observed(r.state(state), r.op(op), r.response(answer), r.state(after))
                    assert broken(renamed) == laws
                    wrong.update(laws)
    assert len(wrong) >= 8, "laws that were broken at all"


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_the_canonical_form_is_that_of_every_renaming_and_of_no_other_state(
    profile: Profile,
) -> None:
    """States with one form have, operation by operation, one answer up to renaming: their kinds,
    and the forms of where they lead, agree."""
    scope, random = PoolScope(profile, 2, 3, 2), Random(2)
    behaviour: dict[object, object] = {}
    for state in states_of(scope, 300 if NIGHT else 150):
        form, _ = scope.canonical(state, True)
        for _ in range(3):
            r = renaming(state, 3, random)
            assert scope.canonical(r.state(state), True)[0] == form
        ops = (*scope.alphabet(KvrefPool.reports), *scope.writes(state))
        steps = [scope.step(state, op) for op in ops]
        seen = Counter(
            (type(op), type(told), scope.canonical(after, True)[0])
            for op, (after, told) in zip(ops, steps, strict=True)
        )
        assert behaviour.setdefault(form, seen) == seen


def test_versions_of_copies_are_told_apart() -> None:
    """Two stale copies of one version and of two; a copy that left, and what it still equals."""
    scope = PoolScope(FIFO_COPY, 2, 3, 1)

    def form(*ops: Op) -> object:
        state = scope.initial()
        for op in ops:
            state, _ = scope.step(state, op)
        return scope.canonical(state, True)[0]

    one, two = Set(Key(0), Ref(0)), Set(Key(1), Ref(0))
    write, again = Write(Ref(0), Contents(5)), Write(Ref(0), Contents(6))
    assert form(one, two, write) != form(one, write, two, again)
    left = (one, Get(Key(0)), Set(Key(0), Ref(0)))
    assert form(*left) != form(one, Get(Key(0)), write, Set(Key(0), Ref(0)))
    assert form(*left, write) != form(one, Get(Key(0)), write, Set(Key(0), Ref(0)), again)


def test_sealed_objects_of_a_manager_are_told_apart() -> None:
    scope = ManagerScope(FIFO_SEALED, Config(1, 1), 2, 2)
    state = scope.initial()
    for op in (On(Tier.WM, None, Set(Key(0), Ref(3))), ClearAll()):
        state, _ = scope.step(state, op)
    assert scope.canonical(state, True)[0] != scope.canonical(scope.initial(), True)[0]


@pytest.mark.parametrize("apart", RecurScope)
def test_steps_and_laws_of_managers_commute_with_renaming(apart: RecurScope) -> None:
    """Environments, too. What a clear of several pools tells comes in another order."""
    scope = ManagerScope(Profile(recur_scope=apart), Config(1, 1), 2, 2)
    random, state = Random(3), scope.initial()
    ops = scope.alphabet(KvrefPool.reports)
    pools = len(state.pools)

    def unordered(told: Response) -> object:
        return Counter(told.left) if isinstance(told, Cleared) else told

    for envs in permutations(range(2)):
        swap = {EnvId(old): EnvId(new) for old, new in enumerate(envs)}
        for _ in range(150):
            op: ManagerOp = random.choice(ops)
            r = replace(renaming(state, 2, random), envs=swap)
            after, told = scope.step(state, op)
            renamed, answer = scope.step(r.manager(state), r.manager_op(op))
            assert renamed == r.manager(after)
            assert unordered(answer) == unordered(r.response(told))
            wrong = after._replace(pools=(*after.pools[1:pools], after.pools[0]))
            laws = manager_broken(ManagerTransition(state, op, told, wrong))
            seen = ManagerTransition(r.manager(state), r.manager_op(op), answer, r.manager(wrong))
            assert bool(manager_broken(seen)) == bool(laws)
            state = after


@pytest.mark.parametrize(
    "subject",
    [one.subject for one in EXHIBITS if issubclass(one.subject, PoolSubject)],
    ids=lambda subject: subject.__name__,
)
def test_the_quotient_and_the_whole_graph_give_one_verdict(subject: type[PoolSubject]) -> None:
    """On every exhibit, where the whole graph is small enough to be explored."""
    profile = subject.profiles[0]
    scope = PoolScope(profile, 1, 2, 1)
    found = [
        Explorer(scope, partial(scope.build, subject), symmetric).run().divergence
        for symmetric in (True, False)
    ]
    reduced, whole = found
    assert (reduced is None) == (whole is None)
    if reduced is not None and whole is not None:
        assert len(reduced.history) == len(whole.history)
        assert reduced.laws == whole.laws
