"""A shadow's history told again to two new caches, and as little of it as still shows it."""

from collections.abc import Callable, Sequence
from functools import partial

from kvref.shadow import Divergence, Emptied, Mode, OnDivergence, Put, Shadow, Step, Verdict
from stateful_models.engines.sample import cut
from stateful_models.runtime.sides import Two, numbered, tell
from stateful_models.subjects.client import Client


def differ(
    two: Two, verdict: Verdict, pool: str, mode: Mode, steps: Sequence[Step]
) -> Divergence | None:
    """The first such difference in this pool of two new caches that are told these steps."""
    numbers = numbered(step.number for step in steps if isinstance(step, Put))
    client = two.clients(len(numbers))
    shadow: Shadow[object] = Shadow(
        two.primary(),
        two.candidate(),
        mode,
        snapshot=partial(contents, client),
        on_divergence=OnDivergence.COUNT,
        longest=len(steps) + 1,
    )
    for step in steps:
        value = client.objects[numbers[step.number]] if isinstance(step, Put) else None
        try:
            tell(shadow, step, value)
        except Exception:  # the one that answers refuses: nobody is compared any longer
            return None
        found = shadow.firsts.get(verdict)
        if found is not None:
            return found if found.pool == pool else None
    return None


def contents(client: Client, value: object) -> object:
    """What an object holds, or, of what is none, its type."""
    try:
        return client.read(value)
    except Exception:  # whatever a cache delivered
        return type(value)


def shortest(
    found: Divergence, again: Callable[[tuple[Step, ...]], Divergence | None]
) -> Divergence:
    """Steps are left out as long as it is found again; then each gets a key of its own where that
    still shows it, as what need not be an update may be left out in turn."""
    while True:
        found = cut(found, lambda one: one.history, again)
        other = cut(apart(found, again), lambda one: one.history, again)
        if len(other.history) >= len(found.history):
            return found
        found = other


def apart(found: Divergence, again: Callable[[tuple[Step, ...]], Divergence | None]) -> Divergence:
    """The same with as many different keys as still show it."""
    for place in range(len(found.history)):
        steps = found.history
        if place >= len(steps):
            break
        step = steps[place]
        if isinstance(step, Emptied):
            continue
        new = 1 + max(one.key for one in steps if not isinstance(one, Emptied))
        found = again((*steps[:place], step._replace(key=new), *steps[place + 1 :])) or found
    return found
