"""A manager under long random histories: more environments, larger pools, client writes."""

from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from spec.manager import ManagerState, new_manager, step
from spec.ops import (
    Clear,
    ClearAll,
    ClearTier,
    Contents,
    EnvId,
    Get,
    Key,
    Lookup,
    ManagerOp,
    On,
    Peek,
    PoolOp,
    Read,
    Ref,
    Reread,
    ResetAllStats,
    Rewrite,
    Set,
    Tier,
    Write,
)
from spec.profile import USUAL, Profile, Sizing
from spec.sizing import Config, capacities
from stateful_models.reference.manager import KvrefManager
from stateful_models.subjects.aspects import visible
from stateful_models.subjects.protocol import ManagerFactory, Subject, Transparent

OBJECTS = 8
KEYS = st.sampled_from([Key(key) for key in (-7, 0, 1, 2, 3, 5, 8, 13, 2**63, 2**64 - 1)])
REFS = st.sampled_from([Ref(ref) for ref in range(OBJECTS)])
TIERS = st.sampled_from(Tier)
PRIORITIES = st.integers(-2, 2)
CONFIGS = st.builds(
    Config,
    game_segment_length=st.integers(1, 6),
    num_simulations=st.integers(1, 4),
    max_cache_size=st.integers(1, 6),
)


class ManagerMachine(RuleBasedStateMachine):
    """The subject answers every operation, and shows every state, as the specification does.

    Subclass it with another `factory` and `profiles` to drive another manager.
    """

    factory: ClassVar[ManagerFactory] = KvrefManager
    profiles: ClassVar[tuple[Profile, ...]] = USUAL

    state: ManagerState
    subject: Subject[ManagerOp]

    @initialize(
        data=st.data(),
        config=CONFIGS,
        envs=st.integers(1, 4),
        sizing=st.sampled_from(Sizing),
        counting=st.booleans(),
    )
    def begin(
        self, data: st.DataObject, config: Config, envs: int, sizing: Sizing, counting: bool
    ) -> None:
        chosen = data.draw(st.sampled_from(self.profiles), label="profile")
        profile = Profile(chosen.policy, chosen.ownership, sizing=sizing, counting=counting)
        sizes = capacities(sizing, config, envs)
        assert sizes is not None, "every attribute is there"
        self.state = new_manager(profile, config, sizes, envs, OBJECTS)
        self.subject = type(self).factory(profile, config, envs, OBJECTS)
        self.written = OBJECTS

    def do(self, op: ManagerOp) -> None:
        note(repr(op))
        self.state, expected = step(self.state, op)
        tells = self.subject.reports
        assert visible(self.subject.perform(op), tells) == visible(expected, tells)
        if isinstance(self.subject, Transparent):
            assert self.subject.abstract() == self.state

    def place(self, tier: Tier, number: int) -> EnvId | None:
        return EnvId(number % self.state.envs) if tier is Tier.INIT else None

    def on(self, tier: Tier, number: int, op: PoolOp) -> None:
        self.do(On(tier, self.place(tier, number), op))

    @rule(tier=TIERS, number=st.integers(0, 3), key=KEYS, ref=REFS, priority=PRIORITIES)
    def set(self, tier: Tier, number: int, key: Key, ref: Ref, priority: int) -> None:
        self.on(tier, number, Set(key, ref, priority))

    @rule(tier=TIERS, number=st.integers(0, 3), key=KEYS)
    def get(self, tier: Tier, number: int, key: Key) -> None:
        self.on(tier, number, Get(key))

    @rule(number=st.integers(0, 3), key=KEYS)
    def lookup(self, number: int, key: Key) -> None:
        self.do(Lookup(EnvId(number % self.state.envs), key))

    @rule(tier=TIERS, number=st.integers(0, 3), key=KEYS)
    def peek(self, tier: Tier, number: int, key: Key) -> None:
        self.on(tier, number, Peek(key))

    @rule(tier=TIERS, number=st.integers(0, 3))
    def clear(self, tier: Tier, number: int) -> None:
        self.on(tier, number, Clear())

    @rule(op=st.sampled_from([ClearAll(), ResetAllStats(), *map(ClearTier, Tier)]))
    def clear_many(self, op: ManagerOp) -> None:
        self.do(op)

    @rule(ref=REFS)
    def client_writes(self, ref: Ref) -> None:
        self.written += 1
        self.do(Write(ref, Contents(self.written)))

    @rule(ref=REFS)
    def client_reads(self, ref: Ref) -> None:
        self.do(Read(ref))

    @precondition(lambda self: self.state.heap.hand is not None)
    @rule(op=st.sampled_from([Reread(), Rewrite(Contents(-1))]))
    def client_holds(self, op: ManagerOp) -> None:
        self.do(op)

    @rule(
        op=st.sampled_from(
            [
                Lookup(EnvId(-1), Key(0)),
                Lookup(EnvId(99), Key(0)),
                Lookup(EnvId(0), None),
                On(Tier.INIT, None, Get(Key(0))),
                On(Tier.INIT, EnvId(0), Set(Key(1), None)),
                On(Tier.RECUR, None, Set(None, Ref(0))),
                On(Tier.WM, None, Set(Key(1), Ref(0), None)),
            ]
        )
    )
    def refused(self, op: ManagerOp) -> None:
        self.do(op)
