"""Which states count as one: renaming, and what no law can tell.

Keys, environments, objects and contents are names. A renaming exchanges names of each kind; every
step commutes with it, and every law holds of a renamed transition if and only if it holds of the
transition: step(r(s), r(op)) = (r(s'), r(answer)) and broken(r(t)) = broken(t). So it is a
bisimulation for every law, and a search may visit one state of each class.

A policy's memo may hold keys that have left: the policy says how they are renamed there.

A class forgets besides, and nothing more:
- counters: no answer but the statistics depends on them, and a step adds to them whatever they are;
- which older contents an entry was set with, where hits deliver the object itself: a hit and the
  laws ask of `as_set` only whether it is what the object contains now. Where they deliver a copy,
  two copies of different versions are different;
- what the client holds, in a search without operations that look at it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from spec.heap import Hand, Heap
from spec.manager import ManagerState
from spec.ops import (
    Census,
    Cleared,
    Contents,
    EnvId,
    Get,
    Hit,
    Key,
    Left,
    Lookup,
    ManagerOp,
    On,
    Op,
    Peek,
    PoolOp,
    Read,
    Ref,
    Response,
    Rewrite,
    Seen,
    Set,
    Stored,
    Write,
)
from spec.pool import Entry, Pool, PoolState
from spec.profile import RecurScope

N = TypeVar("N", bound=int)


@dataclass(frozen=True)
class Renaming:
    """One bijection for each kind of name; a name that is not listed stays as it is."""

    keys: Mapping[Key, Key] = field(default_factory=dict)
    refs: Mapping[Ref, Ref] = field(default_factory=dict)
    contents: Mapping[Contents, Contents] = field(default_factory=dict)
    envs: Mapping[EnvId, EnvId] = field(default_factory=dict)

    def key(self, key: Key) -> Key:
        return self.keys.get(key, key)

    def ref(self, ref: Ref) -> Ref:
        return self.refs.get(ref, ref)

    def value(self, contents: Contents) -> Contents:
        return self.contents.get(contents, contents)

    def env(self, env: EnvId) -> EnvId:
        return self.envs.get(env, env)

    def home(self, home: tuple[str, Key]) -> tuple[str, Key]:
        return self.name(home[0]), self.key(home[1])

    def name(self, pool: str) -> str:
        """Pools of one environment are named after it."""
        tier, colon, env = pool.partition(":")
        return f"{tier}{colon}{self.env(EnvId(int(env)))}" if colon else pool

    def entry(self, entry: Entry) -> Entry:
        key, ref = self.key(entry.key), self.ref(entry.ref)
        return entry._replace(key=key, ref=ref, as_set=self.value(entry.as_set))

    def pool(self, pool: Pool) -> Pool:
        entries = tuple(self.entry(entry) for entry in pool.entries)
        memo = pool.profile.policy.renamed(pool.memo, self.key)
        return pool._replace(name=self.name(pool.name), entries=entries, memo=memo)

    def heap(self, heap: Heap) -> Heap:
        objects = {self.ref(Ref(ref)): one for ref, one in enumerate(heap.objects)}
        named = [objects[ref] for ref in sorted(objects)]
        hand = heap.hand
        if hand is not None:
            home = None if hand.home is None else self.home(hand.home)
            hand = Hand(self.value(hand.contents), home, hand.own)
        return Heap(tuple(o._replace(contents=self.value(o.contents)) for o in named), hand)

    def state(self, state: PoolState) -> PoolState:
        return PoolState(self.pool(state.pool), self.heap(state.heap))

    def manager(self, state: ManagerState) -> ManagerState:
        """Pools of environments change places with their environments."""
        envs, pools = state.envs, [self.pool(pool) for pool in state.pools]
        order = sorted(range(envs), key=lambda env: self.env(EnvId(env)))
        apart = state.profile.recur_scope is RecurScope.PER_ENV
        recurs = [envs + env for env in order] if apart else [envs]
        placed = tuple(pools[place] for place in (*order, *recurs, len(pools) - 1))
        return state._replace(pools=placed, heap=self.heap(state.heap))

    def op(self, op: Op) -> Op:
        match op:
            case Get(key) | Peek(key) if key is not None:
                return replace(op, key=self.key(key))
            case Set(key, ref):
                named = None if key is None else self.key(key)
                return replace(op, key=named, ref=None if ref is None else self.ref(ref))
            case Read(ref):
                return Read(self.ref(ref))
            case Write(ref, new):
                return Write(self.ref(ref), self.value(new))
            case Rewrite(new):
                return Rewrite(self.value(new))
            case _:
                return op

    def manager_op(self, op: ManagerOp) -> ManagerOp:
        match op:
            case On(tier, env, inner):
                named = self.op(inner)
                assert isinstance(named, PoolOp)
                return On(tier, None if env is None else self.env(env), named)
            case Lookup(env, key):
                there = None if env is None else self.env(env)
                return Lookup(there, None if key is None else self.key(key))
            case Read() | Write() | Rewrite():
                named = self.op(op)
                assert isinstance(named, Read | Write | Rewrite)
                return named
            case _:
                return op

    def left(self, left: Left) -> Left:
        ref = None if left.ref is None else self.ref(left.ref)
        return replace(left, key=self.key(left.key), ref=ref)

    def response(self, response: Response) -> Response:
        match response:
            case Hit(ref, contents):
                return Hit(None if ref is None else self.ref(ref), self.value(contents))
            case Stored(slot, left):
                return Stored(slot, tuple(self.left(one) for one in left))
            case Cleared(left):
                return Cleared(tuple(self.left(one) for one in left))
            case Seen(contents):
                return Seen(self.value(contents))
            case Census(keys, kept, copies, counters):
                named = frozenset(self.key(key) for key in keys)
                return Census(named, frozenset(self.ref(ref) for ref in kept), copies, counters)
            case _:
                return response
