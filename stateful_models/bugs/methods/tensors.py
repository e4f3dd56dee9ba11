"""The methods that windows, batches, keys and sessions can be put to; needs torch."""

from collections.abc import Iterable, Iterator
from functools import partial
from random import Random

import torch
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from kvref.tensors import KeysValues
from spec.batch import Row
from spec.window import Token
from stateful_models.bugs.caches import Exhibit
from stateful_models.bugs.matrix import Caught, Exhibited
from stateful_models.bugs.methods.caches import exhibited, shortest
from stateful_models.bugs.tensors import BATCHES, KEYS, POOLS, SESSIONS, WINDOWS
from stateful_models.bugs.tensors.clone_halves import CloneHalves
from stateful_models.engines.batches import every_alignment, misaligned
from stateful_models.engines.keys import confused
from stateful_models.engines.machines.windows import WindowMachine
from stateful_models.engines.sample import sample
from stateful_models.engines.session_client import (
    SEARCHES,
    first_difference,
    histories,
    turns_of,
)
from stateful_models.engines.wandering import shortest_wandering
from stateful_models.engines.windows import counterexample, scopes
from stateful_models.reference.keys import KvrefKeys
from stateful_models.subjects.batches import BatchSubject
from stateful_models.subjects.keys import KeySubject
from stateful_models.subjects.sessions import SessionSubject
from stateful_models.subjects.windows import WindowSubject


def explored_windows(subject: type[WindowSubject]) -> Caught | None:
    return shortest([counterexample(subject)])


def sampled_windows(subject: type[WindowSubject]) -> Caught | None:
    tried = scopes(subject.operations)
    return shortest([sample(scope, partial(scope.build, subject), 6) for scope in tried])


def machine_windows(window: type[KeysValues]) -> Caught | None:
    """Random operations on random values of four dtypes, compared bit for bit."""
    machine = type("Wrong", (WindowMachine,), {"window_type": window})
    chosen = settings(
        max_examples=60,
        stateful_step_count=30,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=chosen)
    except AssertionError:
        return Caught((), 0)
    return None


def alignments(subject: type[BatchSubject], given: Iterable[tuple[Row, ...]]) -> Caught | None:
    """The first alignment that breaks a law; as operations count the windows aligned."""
    found = misaligned(subject, given)
    return None if found is None else Caught(found[0], len(found[1].windows))


def random_rows() -> Iterator[tuple[Row, ...]]:
    random = Random(0)
    for _ in range(30):
        tokens = iter(range(1, 100))
        lengths = [random.randrange(4) for _ in range(random.randint(1, 4))]
        yield tuple(tuple(Token(next(tokens)) for _ in range(length)) for length in lengths)


def keys_of(subject: type[KeySubject]) -> Caught | None:
    """Every pair of states of the battery."""
    found = confused(subject())
    return Caught(tuple(sorted(found)), 2) if found else None


def random_keys(subject: type[KeySubject]) -> Caught | None:
    """kvref's own keys beside the exhibit's, on random states, cut out of others or reshaped, and
    random salts of which one number is changed."""
    wrong, right, random = subject(), KvrefKeys(), Random(0)
    made = torch.Generator().manual_seed(0)
    for number in range(60):
        latent = torch.randn((4, 6), generator=made)
        latent = (latent, latent[:, ::2], latent.t(), latent.reshape(2, 12))[number % 4]
        plain = wrong.key(latent) != right.key(latent)
        other = latent.reshape(-1)
        blind = wrong.salted(latent, 1) == wrong.salted(other, 1)
        salt, changed = random_salts(random)
        blind = blind or wrong.salted(latent, *salt) == wrong.salted(latent, *changed)
        if plain or blind:
            return Caught(("K1", "K2") if plain else ("K3",), 1 if plain else 2)
    return None


def random_salts(random: Random) -> tuple[list[int], list[int]]:
    """A salt of numbers of any size, and another that differs in one bit of one of them."""
    salt = [random.getrandbits(random.choice((1, 8, 33, 70))) for _ in range(random.randint(1, 4))]
    place, bit = random.randrange(len(salt)), random.randrange(70)
    return salt, [n ^ (at == place) << bit for at, n in enumerate(salt)]


def driven(session: type[SessionSubject]) -> Caught | None:
    """Random searches of one environment and of three; every call judged."""
    found = shortest_wandering(session)
    return None if found is None else Caught(found.laws, len(found.calls))


def beside_client(session: type[SessionSubject]) -> Caught | None:
    """All small searches of the specification's client, its rows together or one by one."""
    told = [
        first_difference(scope, history, session, turns)
        for scope in SEARCHES
        for turns in turns_of(scope)
        for history in histories(scope)
    ]
    best = min((number for number, _ in filter(None, told)), default=None)
    return None if best is None else Caught((), best)


def tensor_wing() -> Iterator[Exhibited]:
    for one in WINDOWS:
        checks = {
            "explore": partial(explored_windows, one.subject),
            "sample": partial(sampled_windows, one.subject),
        }
        yield Exhibited(one.subject.__name__, "window", one.law, checks)
    yield Exhibited(
        "CloneHalves", "window", "W5", {"machine": partial(machine_windows, CloneHalves)}
    )
    for pool, law in POOLS:
        yield exhibited(Exhibit(pool, law, 0, ""), "stored window")
    for batch, law in BATCHES:
        every = {
            "explore": partial(alignments, batch, tuple(every_alignment(2, 2))),
            "sample": partial(alignments, batch, tuple(random_rows())),
        }
        yield Exhibited(batch.__name__, "batch", law, every)
    for keys, law in KEYS:
        both = {"explore": partial(keys_of, keys), "sample": partial(random_keys, keys)}
        yield Exhibited(keys.__name__, "key", law, both)
    for session, law in SESSIONS:
        two = {"sample": partial(driven, session), "client": partial(beside_client, session)}
        yield Exhibited(session.__name__, "session", law, two)
