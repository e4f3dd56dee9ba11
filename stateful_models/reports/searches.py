"""What is asked of searches: the least capacities (S1), and each precondition of S2 dropped."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Final, NamedTuple

from spec.ops import EnvId
from spec.profile import CLASSIC, Ownership, Policy, Profile, RecurScope, Sizing
from spec.search_laws import SearchTransition
from spec.search_nodes import Keying, Latents, context, with_room
from spec.search_state import (
    EndEpisode,
    Learn,
    Replay,
    Root,
    SearchClient,
    SearchOp,
    Simulate,
)
from spec.sizing import Config, capacities
from stateful_models.engines.searches import Broken, SearchReport, explore_searches
from stateful_models.reports.data import Dropped, Threshold, Uncleared
from stateful_models.scopes.searches import SearchScope

RETENTION: Final = frozenset({"S1"})
UNCLEARED: Final = (1, 2, 3, 4)  # searches


def least_recur(envs: int, simulations: int, scope: RecurScope) -> int:
    """S1: what every environment that uses a recur pool stores in one search; init holds 1."""
    return simulations * (1 if scope is RecurScope.PER_ENV else envs)


def said(op: SearchOp) -> str:
    match op:
        case Root(envs, role):
            return f"{whose(role)}root inference of {listed(envs)}; a search begins"
        case Replay(roots, role):
            told = ", ".join(
                f"env {env} {steps} steps after place {start}" for env, start, steps in roots
            )
            return f"{whose(role)}a recording is replayed, {told}; a search begins"
        case Simulate(rows):
            return "simulate " + ", ".join(
                f"env {env} at {'its root' if at == 0 else f'node {at}'} by action {action}"
                for env, at, action in rows
            )
        case EndEpisode(env, role):
            return f"{whose(role)}env {env}'s episode ends"
        case Learn():
            return "the weights change"


def whose(role: int) -> str:
    """Nothing of the first role, where there may be no other."""
    return f"role {role}: " if role else ""


def listed(envs: tuple[EnvId, ...]) -> str:
    return f"env{'s' * (len(envs) > 1)} {', '.join(map(str, envs))}"


def history(broken: Broken | None) -> list[str]:
    return [] if broken is None else [said(op) for op in broken.history]


def retention_scope(envs: int, simulations: int, recur: int, profile: Profile) -> SearchScope:
    """Two searches; each simulation may start at any node, with an action of its own."""
    client = SearchClient(envs)
    return SearchScope(client, simulations, 1, recur, 2, profile=profile, by_order=True)


def threshold(envs: int, simulations: int, scope: RecurScope) -> Threshold:
    """Both sides, explored for every policy."""
    least, told, right = least_recur(envs, simulations, scope), list[SearchReport](), True
    smaller: Broken | None = None
    for policy in CLASSIC:
        profile = Profile(policy, recur_scope=scope, counting=False)
        enough = explore_searches(retention_scope(envs, simulations, least, profile))
        right = right and enough.closed and "S1" not in enough.broken
        told.append(enough)
        if least > 1:
            short = retention_scope(envs, simulations, least - 1, profile)
            told.append(explore_searches(short, RETENTION))
            smaller = told[-1].broken.get("S1")
            right = right and smaller is not None
    sizes = capacities(Sizing.SEED, Config(1, simulations, 1), envs, scope)
    assert sizes is not None, "this configuration says everything"
    states, transitions = sum(r.states for r in told), sum(r.transitions for r in told)
    return Threshold(
        scope.value,
        envs,
        simulations,
        1,
        least,
        right,
        states,
        transitions,
        history(smaller),
        sizes.recur,
    )


def thresholds(envs: int, simulations: int) -> Iterator[Threshold]:
    for scope in RecurScope:
        for number in range(1, envs + 1):
            for each in range(1, simulations + 1):
                yield threshold(number, each, scope)


class Case(NamedTuple):
    """`holds`: where S2 is not broken after all."""

    precondition: str
    scope: SearchScope
    holds: bool = False


ONE: Final = SearchClient(1)
BASE: Final = SearchScope(ONE, 3, 1, 3, searches=2, actions=2)
PAIR: Final = replace(BASE, client=SearchClient(2), simulations=2, recur=4)
UNSHARED: Final = Profile(recur_scope=RecurScope.PER_ENV, counting=False)
SEALED: Final = Profile(ownership=Ownership.SEALED, counting=False)
LATENT: Final = ONE._replace(keying=Keying.LATENT)
ROLES: Final = replace(BASE, client=ONE._replace(roles=2), simulations=1, recur=1, searches=3)
STALE: Final = SearchClient(1, Keying.IMAGINED, clears=False)
CASES: Final = (
    Case("none: a disciplined client", BASE, True),
    Case("none, two environments", PAIR, True),
    Case(
        "none, episodes end and weights change",
        replace(BASE, simulations=2, recur=2, searches=3, changes=True),
        True,
    ),
    Case(
        "REFERENCE, and the model writes in place",
        replace(BASE, client=ONE._replace(copies=False)),
    ),
    Case(
        "the same under SEALED, which refuses the write",
        replace(BASE, client=ONE._replace(copies=False), profile=SEALED),
        True,
    ),
    Case(
        "chained keys, latents equal everywhere",
        replace(BASE, client=ONE._replace(latents=Latents.EQUAL)),
        True,
    ),
    Case(
        "keys of latents, equal everywhere",
        replace(BASE, client=LATENT._replace(latents=Latents.EQUAL)),
    ),
    Case(
        "keys of latents, equal after the same action",
        replace(BASE, client=LATENT._replace(latents=Latents.LATEST)),
    ),
    Case("chained keys, two roles, roots replayed", replace(ROLES, replays=2), True),
    Case(
        "keys of latents, two roles",
        replace(ROLES, client=LATENT._replace(roles=2)),
    ),
    Case(
        "chained keys, searches and simulations of some environments",
        replace(PAIR, actions=1, subsets=True, searches=3, simulations=1),
        True,
    ),
    Case(
        "a key shared by two environments",
        replace(PAIR, client=SearchClient(2, Keying.PATH)),
    ),
    Case(
        "the same with a recur pool for each environment",
        replace(PAIR, client=SearchClient(2, Keying.PATH), recur=2, profile=UNSHARED),
        True,
    ),
    Case(
        "recur one entry less than S1 needs; a miss goes on from the latest step alone",
        replace(BASE, client=ONE._replace(rebuilds=False), recur=2, searches=1),
        True,
    ),
    Case(
        "recur two entries less than S1 needs; a miss goes on from the latest step alone",
        replace(BASE, client=ONE._replace(rebuilds=False), recur=1, searches=1),
    ),
    Case(
        "the same, but a miss is rebuilt from the whole history",
        replace(BASE, recur=1, searches=1),
        True,
    ),
    Case(
        "recur not cleared; keys come again, children are stored all the same",
        replace(BASE, client=STALE),
        True,
    ),
    Case(
        "recur not cleared; keys come again, a child that is there is not computed again",
        replace(BASE, client=STALE._replace(recomputes=False)),
    ),
    Case(
        "the weights change, and entries stay",
        replace(BASE, client=LATENT._replace(forgets=False), simulations=1, recur=1, changes=True),
    ),
    Case(
        "the same with chained keys, which name the weights",
        replace(BASE, client=ONE._replace(forgets=False), simulations=1, recur=1, changes=True),
        True,
    ),
)


def dropped(case: Case, policies: tuple[Policy, ...] = CLASSIC) -> Dropped:
    """What holds is explored under each of these policies, and breaks S3 no more than S2."""
    scope, states = case.scope, 0
    wrong: Broken | None = None
    for policy in policies if case.holds else (Policy.FIFO,):
        told = explore_searches(replace(scope, profile=replace(scope.profile, policy=policy)))
        found = [told.broken[law] for law in ("S2", "S3") if law in told.broken]
        states += told.states
        wrong = wrong or (next(iter(found), None) if case.holds else told.broken.get("S2"))
    given, own = ("", "") if wrong is None else contexts(wrong.seen)
    return Dropped(
        case.precondition,
        scope.client.envs,
        scope.simulations,
        scope.recur,
        wrong is not None,
        states,
        history(wrong),
        given,
        own,
    )


def contexts(seen: SearchTransition) -> tuple[str, str]:
    """The first wrong context, and the one that it should have been; tokens as numbers."""
    for node, given in seen.visits:
        own = with_room(context(node, seen.context_length), seen.context_length, seen.new)
        if given != own:
            return str([t for (t,) in given.tokens]), str([t for (t,) in own.tokens])
    return "", ""


def uncleared(policy: Policy, searches: int) -> Uncleared:
    """One environment, two simulations of two actions a search, keys by imagined actions. The
    least from which two more capacities hold as well."""
    profile = Profile(policy, counting=False)
    base = SearchScope(STALE, 2, 1, 1, searches, actions=2, profile=profile)

    def holds(recur: int) -> bool:
        return explore_searches(replace(base, recur=recur), RETENTION).closed

    least = next(n for n in count(1) if all(holds(more) for more in (n, n + 1, n + 2)))
    return Uncleared(policy.value, searches, least, least_recur(1, 2, RecurScope.SHARED))


def as_said(kept: list[Uncleared]) -> bool:
    """LRU needs what SEED gives; the others need more from the second search on, ever more."""
    by_policy = {p: [one for one in kept if one.policy == p.value] for p in CLASSIC}
    for policy, rows in by_policy.items():
        needs = [one.least_recur for one in rows]
        growing = needs == sorted(set(needs)) and needs[0] == rows[0].seed_recur
        if policy == Policy.LRU and any(one.least_recur != one.seed_recur for one in rows):
            return False
        if policy != Policy.LRU and not growing:
            return False
    return True
