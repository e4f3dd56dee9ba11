"""UniZero's cache before it had a manager, as two subjects: dictionaries into rings of slots.

A set copies into the slot under the ring's cursor, whatever lay there, and the dictionary takes the
key to it: an update moves. What is found is copied again, into a ring of working copies, one for
each environment, which have no keys. A clear empties the dictionary and leaves the cursor.

They claim the profile that excuses most of this. FIFO: a ring overwrites what was stored longest
ago; an update stores anew, so it renews the age. LENT: a slot's storage is used again, which a
client that copies at once never sees; under COPY each overwritten slot would be a fault by itself.
Sizes are those that the configuration gives, but for `PublishedInTwo`.
"""

from typing import ClassVar

from spec.heap import Hand, Heap, Object
from spec.manager import ManagerState
from spec.ops import Key, SlotId, Tier
from spec.pool import Entry, Pool
from spec.profile import Ownership, Policy, Profile
from spec.sizing import Config
from stateful_models.subjects.aspects import Aspect
from stateful_models.subjects.client import Box, box
from stateful_models.subjects.manager import ManagerSubject

RING = Profile(Policy.FIFO_RENEWING, Ownership.LENT)


class Ring:
    """Slots by turns, and a dictionary of the keys that were ever put there."""

    def __init__(self, size: int) -> None:
        self.slots: list[Box | None] = [None] * size
        self.cursor = SlotId(0)
        self.index: dict[int, Entry] = {}

    def put(self, value: Box) -> SlotId:
        """A copy in the next slot, over what is there."""
        slot, old = self.cursor, self.slots[self.cursor]
        self.cursor = SlotId((slot + 1) % len(self.slots))
        if old is None:
            self.slots[slot] = value.clone()
        else:
            old.ref, old.contents = value.ref, value.contents
        return slot

    def set(self, key: int, value: Box) -> SlotId:
        slot = self.put(value)
        self.index.pop(key, None)
        self.index[key] = Entry(Key(key), slot, value.ref, value.contents)
        return slot

    def slot_of(self, key: int) -> SlotId | None:
        entry = self.index.get(key)
        return None if entry is None else entry.slot

    def get(self, key: int) -> Box | None:
        slot = self.slot_of(key)
        return None if slot is None else self.slots[slot]

    def clear(self) -> None:
        self.index.clear()

    def remembered(self) -> tuple[object, ...]:
        """What it goes by and its entries do not show."""
        held = [None if one is None else (one.ref, one.contents) for one in self.slots]
        return self.cursor, *held


class ReverseRing(Ring):
    """With a map of the keys that were put last in each slot, which are forgotten with it."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.key_in: dict[int, int] = {}

    def set(self, key: int, value: Box) -> SlotId:
        if self.cursor in self.key_in:
            self.index.pop(self.key_in[self.cursor], None)
        slot = super().set(key, value)
        self.key_in[slot] = key
        return slot

    def remembered(self) -> tuple[object, ...]:
        return *super().remembered(), *map(self.key_in.get, range(len(self.slots)))


class Published(ManagerSubject):
    """LightZero 0.2.0: keys stay in the dictionary when their slot goes to another.

    Consequence: a key delivers what was stored in its slot since, another node's context; a lookup
    that finds nothing raises.
    """

    reports = frozenset({Aspect.SLOTS})
    profiles = (RING,)
    tiers = (Tier.INIT, Tier.RECUR)
    ring: ClassVar[type[Ring]] = Ring
    init_slots: ClassVar[int | None] = None

    def start(self, profile: Profile, config: Config, envs: int) -> None:
        init, recur = self.init_slots or config.game_segment_length, config.num_simulations
        assert init is not None, "a configuration says game_segment_length"
        assert recur is not None, "a configuration says num_simulations"
        self.config = config
        self.init = [self.ring(init) for _ in range(envs)]
        self.recur = self.ring(recur * envs)
        self.working = Ring(envs)
        self.lent: tuple[str, Key] | None = None

    def at(self, tier: Tier, env: int | None) -> tuple[str, Ring]:
        if tier is Tier.WM:
            raise NotImplementedError("working copies have no keys")
        return ("recur", self.recur) if tier is Tier.RECUR else (f"init:{env}", self.init[env or 0])

    def get(self, tier: Tier, env: int | None, key: int) -> object | None:
        name, ring = self.at(tier, env)
        return self.copied(name, key, ring.get(key))

    def copied(self, name: str, key: int, found: Box | None) -> object | None:
        """A working copy of what was found, for the model to go on from."""
        if found is None:
            return None
        self.lent = name, Key(key)
        return self.working.slots[self.working.put(found)]

    def set(self, tier: Tier, env: int | None, key: int, value: object, rank: float) -> int:
        return self.at(tier, env)[1].set(key, box(value))

    def clear(self, tier: Tier | None, env: int | None) -> None:
        if tier in (None, Tier.INIT):
            for ring in self.init if env is None else [self.init[env]]:
                ring.clear()
        if tier in (None, Tier.RECUR):
            self.recur.clear()

    def lookup(self, env: int, key: int) -> object | None:
        found = self.get(Tier.INIT, env, key)
        return self.in_recur(key) if found is None else found

    def in_recur(self, key: int) -> object | None:
        slot = self.recur.slot_of(key)
        found = self.recur.slots[slot]  # type: ignore[index]  # as published: None raises
        return self.copied("recur", key, found)

    def abstract(self) -> ManagerState:
        rings = {f"init:{env}": ring for env, ring in enumerate(self.init)} | {"recur": self.recur}
        pools = [self.shown(name, ring) for name, ring in rings.items()]
        pools.append(self.shown("wm", self.working))
        made = (box(one) for one in self.client.objects)
        objects = tuple(Object(one.contents, one.sealed) for one in made)
        held = self.client.hand
        hand = None if held is None else Hand(box(held).contents, self.lent)
        return ManagerState(self.profile, self.config, self.envs, tuple(pools), Heap(objects, hand))

    def shown(self, name: str, ring: Ring) -> Pool:
        return Pool(self.profile, len(ring.slots), name, tuple(ring.index.values()))

    def remembered(self) -> tuple[object, ...]:
        """What it goes by and does not show: two that agree in it and show the same are alike."""
        return tuple(ring.remembered() for ring in (*self.init, self.recur, self.working))


class PublishedInTwo(Published):
    """With two init slots for each environment whatever is configured, as in the release."""

    init_slots = 2


class WithReverseMaps(Published):
    """Later: the key that was put last in a slot is forgotten when the slot goes to another.

    Nothing is delivered under a wrong key any more, and a lookup may find nothing. But the map is
    not told when a key moves on, nor of a clear. Consequence: keys that were just stored are gone.
    """

    ring = ReverseRing

    def in_recur(self, key: int) -> object | None:
        return self.get(Tier.RECUR, None, key)
