"""`guard`: the specification beside a cache while a program uses it."""

from typing import TypeVar, cast

from spec.profile import Profile
from stateful_models.runtime.adapters import calls_of
from stateful_models.runtime.breach import Breach, OnBreach
from stateful_models.runtime.calls import Adapter, Part, Reading, Readings, Stores
from stateful_models.runtime.judging import Judging, Snapshot
from stateful_models.runtime.watching import Method, Watch, Watched, keeper_of, watching
from stateful_models.subjects.profiles import require_profile, require_stated
from stateful_models.subjects.protocol import SubjectError

T = TypeVar("T")


class Guard:
    """What watches one cache: `guard_of(cache)`, to look at, or to end."""

    def __init__(self, judging: Judging, parts: tuple[Part, ...], leaves: bool) -> None:
        self.judging = judging
        self.seats = [Seat(part, judging, self, leaves) for part in parts]
        judging.changed = self.settle
        self.settle()

    def face_of(self, cache: object) -> object:
        """What callers of the cache are to have."""
        return next((s.watched.face for s in self.seats if s.cache is cache), cache)

    @property
    def breaches(self) -> int:
        """How often the cache departed from the specification, once a history at most."""
        return self.judging.breaches

    @property
    def first(self) -> Breach | None:
        """The first time that it did."""
        return self.judging.first

    @property
    def judged(self) -> int:
        """How many calls were judged."""
        return self.judging.calls

    def settle(self) -> None:
        """Watch what is followed, and of the rest only the clears."""
        for seat in self.seats:
            seat.settle()

    def end(self) -> None:
        """Watch nothing more: the cache is as it was."""
        for seat in self.seats:
            seat.watched.leave()


class Seat:
    """One object, and which of its methods are watched at present."""

    def __init__(self, part: Part, judging: Judging, guard: Guard, leaves: bool) -> None:
        self.judging, self.cache = judging, part.cache
        self.pools = [judging.pools[name] for name in part.pools]
        self.inside = False
        self.clears = self.watches(part.clears)
        self.all = {**self.watches(part.methods), **self.clears}
        self.watched: Watched = watching(part.cache, guard, leaves)
        self.present: dict[str, Watch] = {}

    def settle(self) -> None:
        follows = any(pool.course.follows for pool in self.pools)
        self.show(self.all if follows else self.clears)

    def show(self, names: dict[str, Watch]) -> None:
        if names is not self.present:
            self.present = names
            self.watched.watch(names)

    def watches(self, readings: Readings) -> dict[str, Watch]:
        return {name: self.watch(reading) for name, reading in readings.items()}

    def watch(self, reading: Reading) -> Watch:
        """A method, and what is done about it; what it calls of its own object is part of it."""
        judging = self.judging

        def watch(
            own: Method, cache: object, args: tuple[object, ...], named: dict[str, object]
        ) -> object:
            if self.inside:
                return own(cache, *args, **named)
            try:
                call = reading(*args, **named)
            except Exception:  # called wrongly, which the method itself will say
                return own(cache, *args, **named)
            contents = None
            if judging.snapshot is not None and type(call) is Stores:
                contents = judging.snapshot(call.value)
            self.inside = True
            try:
                answer = own(cache, *args, **named)
            finally:
                self.inside = False
            judging.judge(call, answer, contents)
            return answer

        return watch


def guard(
    cache: T,
    profile: Profile,
    *,
    sample: int = 1,
    on_breach: OnBreach = OnBreach.RAISE,
    snapshot: Snapshot | None = None,
    adapter: Adapter[T] | None = None,
    longest: int = 4096,
) -> T:
    """The cache, every call of which is judged by the specification: same methods, same type.

    It is the cache itself, if its class allows it, from here on watched whoever calls it; else a
    stand-in (`isinstance` holds). A pool that is not empty is watched from its next clear on.
    After a breach a pool is watched again from its next clear on.

    Args:
        cache: a pool or manager of kvref, or anything for which there is an `adapter`.
        profile: the semantics that it claims.
        sample: one history in so many is judged, of each pool, a history ending with a clear.
        on_breach: what happens besides counting; raising, the operation has happened.
        snapshot: of a value, what it holds: then R4 is judged, unless under REFERENCE.
        adapter: how its methods are operations; see `stateful_models.runtime.calls`.
        longest: the most operations that are remembered; with `sample` above 1 also the most of
            one history that are judged.
    """
    require_profile(profile)
    require_stated(profile)
    if guard_of(cache) is not None:
        raise SubjectError(f"{type(cache).__name__} is guarded already")
    if not isinstance(on_breach, OnBreach):
        raise SubjectError(f"{on_breach!r} is no OnBreach")
    guarding = calls_of(cache) if adapter is None else adapter(cache)
    judging = Judging(profile, guarding, sample, longest, snapshot, on_breach)
    leaves = guarding.leaves and sample > 1  # else special methods are worth what they cost
    return cast(T, Guard(judging, guarding.parts, leaves).face_of(cache))


def guard_of(cache: object) -> Guard | None:
    """Who guards a cache; None if nobody does."""
    keeper = keeper_of(cache)
    found = None if keeper is None else keeper.guard
    return found if isinstance(found, Guard) else None
