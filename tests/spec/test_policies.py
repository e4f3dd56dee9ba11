"""Policies as values: what each does, told by histories; that what they do breaks no law."""

from random import Random

import pytest

from spec.laws import broken
from spec.ops import Clear, Get, Inspect, Key, Op, Peek, Ref, ResetStats, Set, Stored
from spec.policies import NAMED, Clock, Lfu, TwoQ
from spec.policy import Policy
from spec.pool import PoolState, new_pool, step
from spec.profile import Profile
from spec.transition import observed


def after(policy: Policy, capacity: int, history: str) -> PoolState:
    """`a`: a set of that key; `a?`: a get."""
    state = new_pool(Profile(policy), capacity, 1)
    for op in written(history):
        state, _ = step(state, op)
    return state


def written(history: str) -> list[Op]:
    keys = {word: Key(ord(word[0])) for word in history.split()}
    return [Get(key) if "?" in word else Set(key, Ref(0)) for word, key in keys_in(history, keys)]


def keys_in(history: str, keys: dict[str, Key]) -> list[tuple[str, Key]]:
    return [(word, keys[word]) for word in history.split()]


def gone(policy: Policy, capacity: int, history: str, newcomers: str = "x") -> str:
    """Who leaves for each of these newcomers, in turn."""
    state, told = after(policy, capacity, history), ""
    for new in newcomers:
        state, answer = step(state, Set(Key(ord(new)), Ref(0)))
        assert isinstance(answer, Stored)
        told += "".join(chr(left.key) for left in answer.left) or "-"
    return told


@pytest.mark.parametrize(
    ("policy", "history", "newcomers", "leaves"),
    [
        (Policy.FIFO, "a b c a b?", "xyz", "abc"),
        (Policy.FIFO_RENEWING, "a b c a", "xyz", "bca"),
        (Policy.LRU, "a b c a b?", "xyz", "cab"),
        (Policy.PRIORITY, "a b c a", "xyz", "abc"),
        (Policy.PRIORITY_RENEWING, "a b c a", "xyz", "bca"),
        (Policy.MRU, "a b c", "xyz", "cxy"),
        (Policy.MRU, "a b c a?", "xy", "ax"),
        (Policy.MRU, "a b c a", "xy", "ax"),
        (Policy.LFU, "a b c a? b? b? c", "xyz", "axy"),
        (Policy.LFU, "a b c a? b c?", "x", "a"),
        (Lfu(recent=True), "a b c c? b? a?", "x", "c"),
        (Lfu(2), "a b c a? b? c? b? a?", "x", "a"),
        (Policy.CLOCK, "a b c a? c?", "xyz", "bax"),
        (Policy.CLOCK, "a b c a? b? c?", "xyz", "abc"),
        (Clock(noted=True), "a b c", "xyz", "abc"),
        (Clock(noted=True), "a b c x b?", "yz", "cb"),
        (Policy.SIEVE, "a b c a? c?", "xyz", "bxa"),
        (Policy.SIEVE, "a b c a? b? c?", "xyz", "abc"),
        (Policy.TWO_Q, "a b c a?", "x", "a"),
        (Policy.TWO_Q, "a b c x a", "yz", "cx"),
        (Policy.TWO_Q, "a b c x a a?", "by", "ca"),
    ],
)
def test_who_leaves(policy: Policy, history: str, newcomers: str, leaves: str) -> None:
    assert gone(policy, 3, history, newcomers) == leaves


EVERY = (*NAMED.values(), Lfu(None), Lfu(2, recent=True), Clock(noted=True), TwoQ(2, 1))


@pytest.mark.parametrize("policy", EVERY, ids=lambda policy: policy.value)
@pytest.mark.parametrize("capacity", [1, 2, 3, 5])
def test_no_law_is_broken_by_what_a_policy_does(policy: Policy, capacity: int) -> None:
    random, state = Random(capacity), new_pool(Profile(policy), capacity, 2)
    keys = [Key(key) for key in range(capacity + 3)]
    for _ in range(400):
        key = random.choice(keys)
        op: Op = random.choice(
            (Get(key), Get(key), Set(key, Ref(random.randrange(2)), random.randrange(3)))
        )
        if random.random() < 0.1:
            op = random.choice((Peek(key), Inspect(), ResetStats(), Clear(), Set(key, None)))
        told = random.choice((None, *(entry.key for entry in state.pool.entries), key))
        before, (state, answer) = state, step(state, op, told)
        assert broken(observed(before, op, answer, state)) == ()
