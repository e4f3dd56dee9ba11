"""What is checked of windows, batches, keys and sessions, and said of them; needs torch."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Final, TypeVar, cast

from spec.laws import TITLES
from spec.window_laws import EVERY
from stateful_models.engines.batches import every_alignment, misaligned
from stateful_models.engines.explore import Exploration, Explorer
from stateful_models.engines.keys import confused, salted_observations
from stateful_models.engines.session_client import (
    SEARCHES,
    TURNS,
    first_difference,
    histories,
    turns_of,
)
from stateful_models.engines.wandering import PLANS, shortest_wandering
from stateful_models.engines.windows import (
    HISTORIES,
    LENGTH,
    beyond,
    explained,
    offered,
    sampled,
    shortest,
)
from stateful_models.reports.report import Counterexample, Report, Wanted, name_of
from stateful_models.scopes.sound import require_sound
from stateful_models.scopes.windows import WindowScope
from stateful_models.subjects.batches import BatchSubject
from stateful_models.subjects.keys import KeySubject
from stateful_models.subjects.protocol import SubjectError
from stateful_models.subjects.sessions import SessionSubject
from stateful_models.subjects.windows import WindowSubject

T = TypeVar("T")
LONGEST: Final = 3  # rows of an alignment, and tokens of a row


def check_tensors(kind: str, subject: type, scope: Wanted) -> Report:
    if kind == "windows":
        return check_windows(cast(type[WindowSubject], subject), scope)
    if not isinstance(scope, str):
        raise SubjectError(f"{name_of(subject)} has one scope of its own, not {scope.label}")
    try:
        match kind:
            case "batches":
                return check_batches(cast(type[BatchSubject], subject))
            case "keys":
                return check_keys(cast(type[KeySubject], subject))
            case _:
                return check_sessions(cast(type[SessionSubject], subject))
    except Exception as error:  # somebody's code
        raised = f"{type(error).__name__}: {error}"
        raise SubjectError(f"{name_of(subject)} cannot be driven: {raised}") from error


def named(laws: Sequence[str]) -> str:
    return ", ".join(f"{code} {TITLES[code]}" for code in laws) or "no single law"


def broken(subject: type, laws: tuple[str, ...], history: tuple[object, ...], story: str) -> Report:
    said = f"{name_of(subject)} breaks {named(laws)}"
    wrong = Counterexample(laws, history, story)
    return Report(name_of(subject), False, f"{said}\n\n{story}", wrong)


def conforming(subject: type, said: str) -> Report:
    return Report(name_of(subject), True, f"{name_of(subject)} conforms: {said}")


def check_windows(subject: type[WindowSubject], scope: Wanted) -> Report:
    if not isinstance(scope, (str, WindowScope)):
        raise SubjectError(f"{name_of(subject)} makes windows: {scope.label} is no scope of theirs")
    tried = offered(subject)
    if isinstance(scope, WindowScope):
        require_sound(scope)
        both = tuple(op for op in scope.operations if op in subject.operations)
        tried = [replace(scope, operations=both)]
    runs = [Explorer(one, partial(one.build, subject)).run() for one in tried]
    first = shortest(run.divergence for run in runs)
    if first is not None:
        return broken(subject, first.laws, first.history, explained(first))
    if isinstance(scope, WindowScope):
        return conforming(subject, f"{exhausted(runs)}\n{covered(subject)}")
    longer = sampled(subject)
    if longer is not None:
        story = f"a random history of up to {LENGTH} operations, cut down; it {explained(longer)}"
        return broken(subject, longer.laws, longer.history, story)
    count = HISTORIES * len(beyond(subject.operations))
    lived = f"Beyond that, {count} random histories of {LENGTH} operations."
    return conforming(subject, f"{exhausted(runs)}\n{lived}\n{covered(subject)}")


def covered(subject: type[WindowSubject]) -> str:
    """What the windows were given, and what of them could not be judged."""
    heads, head_dim = subject(2, 2, 1, 1).shape
    said = [f"K and V of {heads} heads, {head_dim} wide; of one sample of one, 1 wide."]
    if (heads, head_dim) == (1, 1):
        said = ["Not judged, since heads and width are one each: mix-ups of heads, or with width."]
    if not subject.tells_first:
        said.append(
            "Not judged, since these windows do not tell `first`: how many tokens have gone in "
            "all, and the phase (W6) and positions that follow from it."
        )
    silent = [op.__name__ for op in EVERY if op not in subject.operations]
    if silent:
        said.append(f"Not asked, since these windows do not offer it: {', '.join(silent)}.")
    return "\n".join(said)


def exhausted(runs: Sequence[Exploration[object, object]]) -> str:
    transitions = sum(run.transitions for run in runs)
    labels = "\n".join(f"  {run.label}: {run.states:,} states" for run in runs)
    told = (
        f"{transitions:,} transitions. Exhaustive within scope: every reachable state, every "
        f"operation in each, of\n{labels}"
    )
    silent = frozenset.intersection(*(run.missing for run in runs))
    if not silent:
        return told
    return f"{told}\nNot judged, since its situation never occurred: {named(sorted(silent))}."


def check_batches(subject: type[BatchSubject]) -> Report:
    given = tuple(every_alignment(LONGEST, LONGEST))
    found = misaligned(subject, given)
    if found is not None:
        laws, seen = found
        story = f"aligning windows {seen.windows} ({seen.kinds[0]})\n  gave {seen.batch}"
        return broken(subject, laws, seen.windows, f"{story}\n  and back {seen.back}")
    return conforming(
        subject,
        f"{len(given)} alignments of up to {LONGEST} windows of up to {LONGEST} tokens, in float32 "
        "and float64: exhaustive within scope.",
    )


def check_keys(subject: type[KeySubject]) -> Report:
    found = confused(subject())
    for code, pair in found.items():
        story = f"{pair.one}\n  beside {pair.other}"
        return broken(subject, tuple(sorted(found)), tuple(pair), f"{code}: {story}")
    taken, refused = salted_observations(subject())
    said = (
        "every pair of a battery of states of many dtypes and layouts, of long states, and of "
        f"{len(taken)} salts of 0 to {max(len(one.salt) for one in taken)} numbers."
    )
    if refused:
        few = ", ".join(map(str, refused[:3]))
        said += f"\nNot judged: {len(refused)} salts that it refuses, as {few}."
    return conforming(subject, said)


def check_sessions(subject: type[SessionSubject]) -> Report:
    """Random searches judged call by call; then all small ones beside the specified client."""
    found = shortest_wandering(subject)
    if found is not None:
        listed = "\n".join(f"  {number}. {call}" for number, call in enumerate(found.calls, 1))
        told = f"the shortest of {len(PLANS)} random searches that go wrong, if they do:"
        return broken(subject, found.laws, found.calls, f"{told}\n{listed}")
    tried = 0
    for scope, (name, turns) in product(SEARCHES, TURNS.items()):
        for history in histories(scope) if turns in turns_of(scope) else ():
            tried += 1
            wrong = first_difference(scope, history, subject, turns)
            if wrong is not None:
                story = f"rows {name}, after {history[: wrong[0]]}: {wrong[1]}"
                return broken(subject, (), history[: wrong[0]], story)
    envs, lengths = ({str(plan[at]) for plan in PLANS} for at in (0, 1))
    return conforming(
        subject,
        f"{tried} searches beside the specified client (every one within scope; rows together, "
        f"backwards and one by one), and {len(PLANS)} random ones of {' or '.join(sorted(envs))} "
        f"environments, contexts of {' or '.join(sorted(lengths))} tokens: all environments in "
        "order, and any in any order, some of whose episodes end while others go on.",
    )
