"""The published dicts and rings, told of and asked through a `Shadow`; the code that uses them is
the published model's own."""

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import SupportsIndex, cast

from kvref.compat.lightzero.published import PublishedWindow, Replacements, WorldModel
from kvref.compat.lightzero.telling import RECUR, Nodes
from kvref.compat.lightzero.windows import as_window, given_back
from kvref.ranks import Priority
from kvref.shadow import ManagerSide, Mode, Shadow
from kvref.tensors import KeysValues

Window = KeysValues | PublishedWindow


def init(env: int) -> str:
    return f"init:{env}"


def named(key: int) -> str:
    """A key as the published code has it."""
    return f"{key:016x}"


class Place(int):
    """Where the published code is to look: not in the ring, for the window is here."""

    window: KeysValues


class Index(dict[str, int]):
    """Key, in hexadecimal, to place in the ring: asks and tells the shadow, its copies do not."""

    def __init__(self, pool: str, entries: dict[str, int], ring: "Ring") -> None:
        super().__init__(entries)
        self.pool, self.ring, self._published = pool, ring, entries
        self.shadow: Shadow[Window]
        self.nodes: Nodes | None = None
        self.storing = 0

    def get(self, key: str, default: object = None) -> int | None:  # type: ignore[override]  # as it is used
        with nullcontext() if self.nodes is None else self.nodes.asking(self.pool):
            window = self.shadow.get(self.pool, int(key, 16))
        if isinstance(window, KeysValues):
            place = Place(-1)
            place.window = window
            return place
        return None if window is None else self.held(int(key, 16))

    def held(self, key: int) -> int | None:
        return super().get(named(key))

    def __setitem__(self, key: str, place: int) -> None:
        self.storing = place
        window = self.ring.at(place)
        assert window is not None, "it was copied there before"
        with nullcontext() if self.nodes is None else self.nodes.storing():
            self.shadow.set(self.pool, int(key, 16), window)

    def hold(self, key: int) -> int:
        super().__setitem__(named(key), self.storing)
        return self.storing

    def write_back(self) -> None:
        """What it holds, into the published dict and ring."""
        self._published.clear()
        self._published.update(self)
        self.ring.write_back()

    def clear(self) -> None:
        self.shadow.clear(self.pool)

    def drop(self) -> None:
        super().clear()

    def __reduce__(self) -> tuple[object, ...]:
        return dict, (dict(self),)


class Ring(list[PublishedWindow | None]):
    """The windows' places; what a `Place` holds is given as a published window."""

    def __init__(
        self,
        places: list[PublishedWindow | None],
        give: Callable[[KeysValues], PublishedWindow],
        serves: bool,
    ) -> None:
        super().__init__(places)
        self._give, self._serves, self._published = give, serves, places

    def write_back(self) -> None:
        self._published[:] = self

    def at(self, place: SupportsIndex) -> PublishedWindow | None:
        return super().__getitem__(place)

    def __getitem__(self, place: object) -> PublishedWindow | None:  # type: ignore[override]  # as it is used
        if isinstance(place, Place):
            return self._give(place.window)
        if place is None and self._serves:
            return None  # a miss, where the published ring raises
        return super().__getitem__(cast(SupportsIndex, place))

    def __reduce__(self) -> tuple[object, ...]:
        return list, (list(self),)


class Published:
    """The published pools as a `Side`: `init:0` and so on, and `recur`."""

    def __init__(self, pools: dict[str, Index]) -> None:
        self.pools = pools

    def get(self, pool: str, key: int, /) -> Window | None:
        place = self.pools[pool].held(key)
        return None if place is None else self.pools[pool].ring.at(place)

    def set(self, pool: str, key: int, value: Window, priority: Priority | None, /) -> int:
        return self.pools[pool].hold(key)

    def clear(self, pool: str, /) -> None:
        self.pools[pool].drop()

    def size(self, pool: str, /) -> int:
        return len(self.pools[pool])

    def slot(self, pool: str, key: int, /) -> int | None:
        return self.pools[pool].held(key)


class Kvref(ManagerSide[KeysValues]):
    """kvref's manager as a `Side` that is given published windows, or its own."""

    def set(self, pool: str, key: int, value: Window, priority: Priority | None, /) -> int:  # type: ignore[override]  # it takes more
        return super().set(pool, key, as_window(value), priority)


def pools_of(model: WorldModel, mode: Mode) -> dict[str, Index]:
    """The published pools, ready to be put in their places."""
    serves = mode is Mode.SERVE

    def give(window: KeysValues) -> PublishedWindow:
        return given_back(window, model)

    rings = [Ring(one, give, serves) for one in model.shared_pool_init_infer]
    made = {
        init(env): Index(init(env), entries, rings[env])
        for env, entries in enumerate(model.past_kv_cache_init_infer_envs)
    }
    shared = Ring(model.shared_pool_recur_infer, give, serves)
    made[RECUR] = Index(RECUR, model.past_kv_cache_recurrent_infer, shared)
    return made


def put_in_place(
    model: WorldModel,
    pools: dict[str, Index],
    shadow: Shadow[Window],
    replacements: Replacements,
) -> None:
    """Have the published code use these."""
    recur, inits = pools[RECUR], [pools[init(env)] for env in range(model.env_num)]
    for pool in pools.values():
        pool.shadow = shadow
        replacements.and_then(pool.write_back)
    replacements.value(model, "past_kv_cache_init_infer_envs", inits)
    replacements.value(model, "shared_pool_init_infer", [one.ring for one in inits])
    replacements.value(model, "past_kv_cache_recurrent_infer", recur)
    replacements.value(model, "shared_pool_recur_infer", recur.ring)


def sizes_of(model: WorldModel) -> dict[str, int]:
    """The published pools, and how many windows each has room for."""
    inits = {init(env): model.shared_pool_size_init for env in range(model.env_num)}
    return {**inits, RECUR: model.shared_pool_size}


def sized_alike(model: WorldModel) -> object:
    """A configuration of pools as large as the published ones."""
    return SimpleNamespace(
        game_segment_length=model.shared_pool_size_init,
        num_simulations=max(1, model.shared_pool_size // model.env_num),
    )
