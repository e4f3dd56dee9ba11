"""Search sessions: S1 to S3 on what is really stored, and what a caller may rely on."""

from collections.abc import Callable
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from kvref import (
    Departure,
    EvictionStrategy,
    KVCacheError,
    KVCacheManager,
    KVCacheReentryError,
    KVCacheValueError,
    Ownership,
    SealedError,
)
from kvref.tensors import (
    KeysValues,
    Missing,
    SearchSession,
    Source,
    by_env_and_latent,
    by_latent,
)
from kvref.tensors.contexts import Rebuild
from spec.laws import search_broken
from spec.profile import Ownership as SpecOwnership
from spec.profile import Profile
from spec.search_laws import SEARCH, SearchTransition
from spec.sizing import Config as Sizes
from stateful_models.bugs.tensors import SESSIONS
from stateful_models.engines.sessions import RandomSearches
from stateful_models.engines.wandering import shortest_wandering
from stateful_models.reference.sessions import KvrefSession
from stateful_models.subjects.sessions import SessionSubject
from tests.support.making import append, same, window
from tests.support.night import NIGHT


class Config:
    game_segment_length = 4

    def __init__(self, num_simulations: int = 8) -> None:
        self.num_simulations = num_simulations


def manager(
    ownership: Ownership, envs: int = 2, simulations: int = 8, *, verify: bool = False
) -> KVCacheManager[KeysValues]:
    return KVCacheManager(
        Config(simulations),
        envs,
        ownership=ownership,
        eviction_strategy=EvictionStrategy.FIFO,
        verify=verify,
    )


def drive(
    ownership: Ownership,
    session: type[SessionSubject] = KvrefSession,
    *,
    envs: int = 2,
    simulations: int = 12,
    searches: int = 2,
    capacity: int = 7,
    pool: int | None = None,
) -> list[SearchTransition]:
    profile = Profile(ownership=SpecOwnership(ownership.value))
    sizes = Sizes(game_segment_length=4, num_simulations=simulations if pool is None else pool)
    driven = RandomSearches(
        session, profile, sizes, envs, context_length=capacity, seed=envs + capacity
    )
    return [call.seen for _ in range(searches) for call in driven.search(simulations)]


SIZES = list(product(Ownership, (1, 3), (2, 5, 8)))


@pytest.mark.parametrize(("ownership", "envs", "capacity"), SIZES if NIGHT else SIZES[::5])
def test_sessions_keep_the_laws(ownership: Ownership, envs: int, capacity: int) -> None:
    steps = drive(ownership, envs=envs, capacity=capacity)
    assert len(steps) == 2 + 24
    assert {code for step in steps for code in search_broken(step)} == set()
    impossible = ["S3"] if capacity == 2 else []  # two new tokens leave no room for others
    assert [law.code for law in SEARCH if not any(map(law.occurs, steps))] == impossible


@pytest.mark.parametrize(("exhibit", "law"), SESSIONS, ids=lambda e: getattr(e, "__name__", e))
def test_exhibit_is_rejected(exhibit: type[SessionSubject], law: str) -> None:
    found = shortest_wandering(exhibit)
    assert found is not None
    assert law in found.laws


def test_a_pool_too_small_breaks_retention() -> None:
    """S1: one recurrent entry fewer than the search stores."""
    steps = drive(Ownership.SEALED, envs=1, simulations=6, searches=1, pool=5)
    assert {code for step in steps for code in search_broken(step)} == {"S1"}


def rebuilt(missing: Missing) -> list[KeysValues]:
    return [window(3, seed=row) for row in missing.rows]


def session(ownership: Ownership = Ownership.SEALED, **arguments: object) -> SearchSession:
    options: dict[str, object] = {"context_length": 6, "keys": by_env_and_latent(), **arguments}
    return SearchSession(manager(ownership), rebuilt, **options)  # type: ignore[arg-type]  # by name


LATENTS = torch.arange(8.0).reshape(2, 4)


def grow(kv: KeysValues, tokens: int = 2) -> None:
    for _ in range(tokens):
        append(kv, 1)


def simulate(searching: SearchSession, children: Tensor | None, tokens: int = 2) -> None:
    """One step from both roots."""
    with searching.step([0, 1], LATENTS) as batch:
        grow(batch.keys_values, tokens)
        if children is not None:
            batch.children(children)


def test_a_search_by_hand() -> None:
    searching = session()
    assert searching.root([0, 1], LATENTS).sources == (Source.REBUILT, Source.REBUILT)
    with searching.step([0, 1], LATENTS) as batch:
        assert batch.sources == (Source.INIT, Source.INIT)
        assert batch.lengths == (3, 3)
        assert batch.positions(2).tolist() == [[3, 4], [3, 4]]
        assert batch.mask(1).shape == (2, 1, 1, 4)
        grow(batch.keys_values)
        batch.children(LATENTS + 10)
    with searching.step([1, 0, 0], (LATENTS + 10)[[1, 0, 0]]) as batch:
        assert batch.sources == (Source.RECUR,) * 3
        assert batch.lengths == (3, 3, 3)
        assert batch.firsts == (2, 2, 2)
        grow(batch.keys_values)
        batch.children(torch.randn(3, 4))
    with searching.step([0], LATENTS[:1] + 99) as batch:
        assert batch.sources == (Source.REBUILT,)
        grow(batch.keys_values)
        batch.children(LATENTS[:1] + 100)
    assert searching.root([0, 1], LATENTS).sources == (Source.INIT, Source.INIT)
    assert len(searching.manager.recur_pool) == 0


def test_roots_that_follow_from_roots() -> None:
    searching = session()
    searching.root([0, 1], LATENTS)
    with searching.advance([0, 1], LATENTS) as batch:
        assert batch.sources == (Source.INIT, Source.INIT)
        grow(batch.keys_values)
        batch.children(LATENTS + 1)
    assert searching.root([0, 1], LATENTS + 1).sources == (Source.INIT, Source.INIT)
    searching.end_episode(0)
    assert searching.root([0, 1], LATENTS + 1).sources == (Source.REBUILT, Source.INIT)


def test_keys_by_environment() -> None:
    """The same latent state in two environments is two entries; by latent alone it is one, as
    long as both hold the same, and refused where one would be lost."""
    latents = torch.zeros(2, 4)
    shared, apart = session(keys=by_latent), session()

    def search(searching: SearchSession, alike: bool) -> int:
        searching.root([0, 1], latents)
        with searching.step([0, 1], latents) as batch, torch.no_grad():
            grow(batch.keys_values)
            for part in (part for layer in batch.keys_values if alike for part in layer.get()):
                part.zero_()
            batch.children(latents + 1)
        return len(searching.manager.recur_pool)

    assert search(apart, alike=False) == search(apart, alike=True) == 2
    assert search(shared, alike=True) == 1
    with pytest.raises(KVCacheValueError, match="two histories: pool 'recur'"):
        search(shared, alike=False)
    assert len(shared.manager.recur_pool) == 0, "the root cleared it; the step stored nothing"


def snapshot(searching: SearchSession) -> list[tuple[str, tuple[int, ...]]]:
    return [(pool.name, tuple(pool)) for pool in searching.manager.pools]


def test_an_error_inside_stores_nothing() -> None:
    searching = session()
    searching.root([0, 1], LATENTS)
    before = snapshot(searching)

    def fail() -> None:
        with searching.step([0, 1], LATENTS) as batch:
            batch.children(LATENTS + 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert snapshot(searching) == before
    with searching.step([0, 1], LATENTS) as batch:
        grow(batch.keys_values)
        batch.children(LATENTS + 1)
    assert len(searching.manager.recur_pool) == 2


@pytest.mark.parametrize("tokens", [0, 1, 3, 4])
def test_other_numbers_of_tokens_are_refused(tokens: int) -> None:
    searching = session()
    searching.root([0, 1], LATENTS)
    before = snapshot(searching)
    with pytest.raises(KVCacheValueError, match="append 2 tokens"):
        simulate(searching, LATENTS + 1, tokens)
    assert snapshot(searching) == before


def test_children_must_be_named() -> None:
    searching = session()
    searching.root([0, 1], LATENTS)
    with pytest.raises(KVCacheValueError, match=r"children\(\) was not called"):
        simulate(searching, None)
    with pytest.raises(KVCacheValueError, match="2 environments need as many latents"):
        simulate(searching, LATENTS[:1])


def test_a_step_used_again_forgets_its_children() -> None:
    searching = session()
    searching.root([0, 1], LATENTS)
    step = searching.step([0, 1], LATENTS)
    with step:
        grow(step.keys_values)
        step.children(LATENTS + 1)
    with pytest.raises(KVCacheValueError, match=r"children\(\) was not called"), step:
        grow(step.keys_values)


def test_the_callers_own_error_is_the_one_that_shows() -> None:
    """Even when it leaves the working batch with layers out of step."""
    searching = session()
    searching.root([0, 1], LATENTS)

    def fail() -> None:
        with searching.step([0, 1], LATENTS) as batch:
            batch.keys_values[0].prune([True, False])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    simulate(searching, LATENTS + 1)


def test_a_batch_stored_inside_a_step_stays() -> None:
    """R4: sealing the working batch copies it out of the buffer that the next step writes."""
    searching = session()
    searching.root([0, 1], LATENTS)
    with searching.step([0, 1], LATENTS) as batch:
        grow(batch.keys_values)
        batch.children(LATENTS + 1)
        searching.manager.set_wm_cache(0, batch.keys_values.clone())
        kept = batch.keys_values.clone()
    simulate(searching, LATENTS + 2)
    stored = searching.manager.get_wm_cache(0)
    assert stored is not None
    assert same(stored, kept)


def test_what_is_not_several_is_refused() -> None:
    searching = session()
    for envs in (None, 0):
        with pytest.raises(KVCacheError, match="env_ids"):
            searching.root(envs, LATENTS)  # type: ignore[call-overload]  # wrong on purpose
    nothing = session()
    nothing._contexts.rebuild = lambda missing: None  # type: ignore[assignment,return-value]  # wrong on purpose
    with pytest.raises(KVCacheError, match="rebuild"):
        nothing.root([0, 1], LATENTS)


def test_one_step_at_a_time() -> None:
    """They share the working batch's storage."""
    searching = session()
    searching.root([0, 1], LATENTS)
    with searching.step([0, 1], LATENTS) as batch:
        with pytest.raises(KVCacheReentryError, match="one at a time"):
            searching.step([0, 1], LATENTS).__enter__()
        grow(batch.keys_values)
        batch.children(LATENTS + 1)


def test_the_working_batch_ends_with_the_step() -> None:
    searching = session()
    searching.root([0, 1], LATENTS)
    with searching.step([0, 1], LATENTS) as batch:
        grow(batch.keys_values)
        batch.children(LATENTS + 1)
    assert batch.keys_values.size == 0
    with pytest.raises(SealedError):
        grow(batch.keys_values)


@pytest.mark.parametrize("ownership", Ownership)
def test_rebuilt_windows_stay_the_callers(ownership: Ownership) -> None:
    """S3: what the caller does with a window that it rebuilt reaches no entry."""
    made: list[KeysValues] = []

    def rebuild(missing: Missing) -> list[KeysValues]:
        made.extend(rebuilt(missing))
        return made[-len(missing.rows) :]

    searching = SearchSession(
        manager(ownership), rebuild, context_length=6, keys=by_env_and_latent()
    )
    searching.root([0, 1], LATENTS)
    for kv in made:
        assert not kv.sealed
        kv.reset()
    with searching.step([0, 1], LATENTS) as batch:
        assert batch.lengths == (3, 3)
        grow(batch.keys_values)
        batch.children(LATENTS + 1)


def test_rebuilt_windows_say_where_they_begin() -> None:
    """Positions go on from the history's own count, though only its end was rebuilt."""

    def rebuild(missing: Missing) -> list[KeysValues]:
        made = []
        for row in missing.rows:
            kv = KeysValues(1, 2, 6, 8, 2, first=10 + row)
            append(kv, 3)
            made.append(kv)
        return made

    searching = SearchSession(
        manager(Ownership.SEALED), rebuild, context_length=6, keys=by_env_and_latent()
    )
    searching.root([0, 1], LATENTS)
    with searching.step([0, 1], LATENTS) as batch:
        assert batch.firsts == (10, 11)
        assert batch.positions(2).tolist() == [[13, 14], [14, 15]]
        grow(batch.keys_values)
        batch.children(LATENTS + 1)
    with pytest.raises(KVCacheValueError, match="first must be at least 0, not -1"):
        KeysValues(1, 1, 1, 1, 1, first=-1)


def test_long_rebuilt_windows_are_cut() -> None:
    def rebuild(missing: Missing) -> list[KeysValues]:
        return [window(9, capacity=9, seed=row) for row in missing.rows]

    searching = SearchSession(
        manager(Ownership.SEALED), rebuild, context_length=6, keys=by_env_and_latent()
    )
    searching.root([0, 1], LATENTS)
    stored = searching.manager.init_pools[0].peek(next(iter(searching.manager.init_pools[0])))
    assert stored is not None
    assert (stored.size, stored.first, stored.max_tokens) == (5, 4, 6)


@pytest.mark.parametrize(
    "windows",
    [
        lambda: [],
        lambda: [window(1)],
        lambda: [window(1), window(1), window(1)],
        lambda: [window(1, samples=2), window(1)],
        lambda: [window(1), None],
        lambda: [window(1), window(1, layers=1)],
    ],
)
def test_wrong_rebuilding_is_refused(windows: "type[list[KeysValues]]") -> None:
    searching = SearchSession(
        manager(Ownership.SEALED),
        lambda missing: windows(),
        context_length=6,
        keys=by_env_and_latent(),
    )
    with pytest.raises(KVCacheError):
        searching.step([0, 1], LATENTS).__enter__()
    assert snapshot(searching) == snapshot(session())
    if len(windows()) != 2 or windows()[1] is None or windows()[0].shape[0] != 1:
        with pytest.raises(KVCacheError):
            searching.root([0, 1], LATENTS)
        assert snapshot(searching) == snapshot(session())


def test_bad_arguments_are_refused() -> None:
    for context_length, new in ((0, 2), (6, 0), (6, 7)):
        with pytest.raises(KVCacheValueError):
            session(context_length=context_length, tokens_per_step=new)
    searching = session()
    bad_rows: list[tuple[list[int], Tensor]] = [
        ([0], LATENTS),
        ([], LATENTS[:0]),
        ([0, 2], LATENTS),
        ([0, True], LATENTS),
    ]
    for envs, latents in bad_rows:
        with pytest.raises(KVCacheError):
            searching.root(envs, latents)
        with pytest.raises(KVCacheError):
            searching.step(envs, latents)
    with pytest.raises(KVCacheValueError, match="list"):
        searching.root([0, 1], [[1.0], [2.0]])  # type: ignore[call-overload]  # wrong on purpose


def test_the_buffer_is_used_again() -> None:
    searching = session()
    searching.root([0, 1], LATENTS)
    seen: set[int] = set()
    latents: Tensor = LATENTS
    for _ in range(4):
        with searching.step([0, 1], latents) as batch:
            seen.add(batch.keys_values.pieces()[0].untyped_storage().data_ptr())
            grow(batch.keys_values)
            latents = torch.randn(2, 4)
            batch.children(latents)
    assert len(seen) == 1


def histories(history: Callable[[int], float] = float) -> Rebuild:
    def rebuild(missing: Missing) -> list[KeysValues]:
        windows = []
        for row in missing.rows:
            kv = KeysValues(1, 1, 6, 1, 1)
            kv[0].update(*(torch.full((1, 1, 2, 1), history(row)),) * 2)
            windows.append(kv)
        return windows

    return rebuild


def searching(
    ownership: Ownership, envs: int = 2, size: int = 4, history: Callable[[int], float] = float
) -> SearchSession:
    """Each rebuilt row's history is one token of its own value (given its place in the call)."""
    sizes = SimpleNamespace(game_segment_length=size, num_simulations=size)
    pools: KVCacheManager[KeysValues] = KVCacheManager(sizes, envs, ownership=ownership)

    return SearchSession(
        pools, histories(history), context_length=6, tokens_per_step=1, keys=by_env_and_latent()
    )


def one_token(rows: int, value: float = 0.0) -> tuple[Tensor, Tensor]:
    return (torch.full((rows, 1, 1, 1), value),) * 2


def stored_after_an_edit(ownership: Ownership, found: str, edited: set[int]) -> list[list[float]]:
    """K of the children of two rows, whose model adds 10 to the older tokens of some."""
    search, latents = searching(ownership), torch.arange(4.0).view(2, 2)
    if found != "rebuilt":
        search.root([0, 1], latents)
    if found == "recur":
        with search.step([0, 1], latents) as step:
            step.keys_values[0].update(*one_token(2, 7.0))
            step.children(latents + 20)
        latents = latents + 20
    with search.step([0, 1], latents) as step:
        k, v = step.keys_values[0].get()
        for row in edited:
            k[row] += 10
            v[row] -= 10
        step.keys_values[0].update(*one_token(2))
        step.children(latents + 50)
    children = search.manager.recur_pool.residents()[-2:]
    return [one.value[0].get()[0].flatten().tolist() for one in children]


@pytest.mark.parametrize("edited", [set(), {0}, {1}, {0, 1}], ids=str)
@pytest.mark.parametrize("found", ["init", "recur", "rebuilt"])
def test_what_is_stored_does_not_depend_on_where_the_parent_came_from(
    found: str, edited: set[int]
) -> None:
    """The model's edits of older tokens are kept, row by row, whoever owns what."""
    with torch.no_grad():
        told = [stored_after_an_edit(ownership, found, edited) for ownership in Ownership]
    history = [7.0] if found == "recur" else []
    expected = [
        [token + 10 * (row in edited) for token in (row, row, *history)] + [0.0] for row in (0, 1)
    ]
    assert told == [expected] * len(Ownership)


def test_rows_that_were_not_written_still_share_their_parents_tokens() -> None:
    search, latents = searching(Ownership.SEALED), torch.arange(4.0).view(2, 2)
    search.root([0, 1], latents)
    for child in (50, 60):
        with torch.no_grad(), search.step([0, 1], latents) as step:
            step.keys_values[0].get()[0][0] += 10
            step.keys_values[0].update(*one_token(2))
            step.children(latents + child)
    windows = [one.value for one in search.manager.recur_pool.residents()]
    places = [{t.data_ptr() for t in one.pieces()} for one in windows]
    shared = [places[row] & places[row + 2] for row in (0, 1)]
    assert [len(common) for common in shared] == [0, 1]


def test_rows_that_one_key_cannot_tell_apart_are_refused() -> None:
    """Replay roots with equal latents and histories of their own; with one history they are one."""
    search, latents = searching(Ownership.SEALED), torch.zeros(2, 3)
    before = snapshot(search)
    for refused in (
        lambda: search.root([0, 0], latents),
        lambda: search.step([0, 0], latents).__enter__(),
    ):
        with pytest.raises(KVCacheValueError, match="rows 0 and 1 have one key"):
            refused()
        assert snapshot(search) == before
    alike = searching(Ownership.SEALED, history=lambda row: 5.0)
    assert alike.root([0, 0], latents).sources == (Source.REBUILT,) * 2
    with torch.no_grad(), alike.step([0, 0], latents) as step:
        step.keys_values[0].update(*one_token(2))
        step.children(torch.tensor([[1.0] * 3, [2.0] * 3]))
    assert len(alike.manager.recur_pool) == 2, "two children of one parent"


def test_more_rows_than_a_pool_holds_are_refused() -> None:
    search, latents = searching(Ownership.SEALED, envs=1, size=2), torch.arange(6.0).view(6, 1)
    with pytest.raises(KVCacheValueError, match="6 rows at once do not fit into pool 'init:0' of"):
        search.root([0] * 6, latents)
    with pytest.raises(KVCacheValueError, match="6 rows at once do not fit into pool 'recur' of 2"):
        search.step([0] * 6, latents).__enter__()
    assert search.root([0, 0], latents[:2]).sources == (Source.REBUILT,) * 2


def test_rebuilt_parents_are_not_stored_and_need_no_room() -> None:
    search = searching(Ownership.SEALED, envs=3, size=1)
    latents = torch.arange(3.0).view(3, 1)
    with torch.no_grad(), search.step([0, 0, 0], latents) as step:
        assert step.sources == (Source.REBUILT,) * 3
        step.keys_values[0].update(*one_token(3))
        step.children(latents + 9)
    assert [len(pool) for pool in search.manager.pools] == [0, 0, 0, 3, 0]


def test_a_manager_serves_one_session_at_a_time() -> None:
    """Not the collector and the evaluator both: one would clear the other's search, and be given
    its histories."""
    search = searching(Ownership.SEALED)
    latents = torch.arange(4.0).view(2, 2)
    search.root([0, 1], latents)

    def another() -> SearchSession:
        return SearchSession(search.manager, rebuilt, context_length=6, keys=by_env_and_latent())

    with pytest.raises(KVCacheValueError, match="serves another session"):
        another()
    with pytest.raises(KVCacheReentryError), search.step([0, 1], latents):
        search.close()
    search.close()
    assert sum(map(len, search.manager.pools)) == 0, "no entry for the next one to be given"
    later = another()
    with pytest.raises(KVCacheValueError, match="serves another session"):
        search.root([0, 1], latents)
    later.root([0, 1], latents)
    del later
    with pytest.raises(KVCacheValueError, match="not closed: clear_all"):
        another()
    search.manager.clear_all()
    assert another().root([0, 1], latents).sources == (Source.REBUILT,) * 2


def test_a_root_in_an_open_step_is_refused() -> None:
    search, latents = searching(Ownership.SEALED), torch.arange(4.0).view(2, 2)
    search.root([0, 1], latents)
    with torch.no_grad(), search.step([0, 1], latents) as step:
        with pytest.raises(KVCacheReentryError):
            search.root([0, 1], latents)
        step.keys_values[0].update(*one_token(2))
        step.children(latents + 9)
    assert len(search.manager.recur_pool) == 2


def test_a_step_whose_second_row_is_vetoed_stores_none() -> None:
    search, latents = searching(Ownership.SEALED, size=1), torch.arange(4.0).view(2, 2)
    search.root([0, 1], latents)
    with torch.no_grad(), search.step([0, 1], latents) as step:
        step.keys_values[0].update(*one_token(2))
        step.children(latents + 9)
    before, told = snapshot(search), list[int]()

    def veto(departure: Departure[KeysValues]) -> None:
        told.append(departure.key)
        if len(told) == 2:
            raise ZeroDivisionError

    search.manager.recur_pool.on_evict = veto

    def stored() -> None:
        with torch.no_grad(), search.step([0, 1], latents) as step:
            step.keys_values[0].update(*one_token(2))
            step.children(latents + 20)

    with pytest.raises(ZeroDivisionError):
        stored()
    assert len(told) == 2
    assert snapshot(search) == before


def test_a_session_takes_environments_as_arrays_and_tensors() -> None:
    search, latents = searching(Ownership.SEALED), torch.arange(4.0).view(2, 2)
    for envs in ([0, 1], (0, 1), range(2), np.array([0, 1]), torch.tensor([0, 1]), iter([0, 1])):
        search.root(envs, latents)
    assert search.end_episode(np.int64(0)) is None  # type: ignore[func-returns-value]  # it is accepted


@pytest.mark.parametrize("policy", EvictionStrategy)
def test_a_call_keeps_all_that_it_stores(policy: EvictionStrategy) -> None:
    """Also where one row's entry is the oldest, and would go for the next row's."""
    sizes = SimpleNamespace(game_segment_length=2, num_simulations=2)
    pools: KVCacheManager[KeysValues] = KVCacheManager(
        sizes, 1, ownership=Ownership.SEALED, eviction_strategy=policy
    )
    search = SearchSession(
        pools, histories(), context_length=6, tokens_per_step=1, keys=by_env_and_latent()
    )
    roots = torch.arange(9.0).view(9, 1)
    for root in (0, 1):
        search.root([0], roots[root : root + 1])
    oldest = next(iter(pools.init_pools[0]))
    assert search.root([0, 0], roots[[0, 5]]).sources == (Source.INIT, Source.REBUILT)
    assert oldest in pools.init_pools[0]
    for children in ([1, 2], [1, 3], [3, 1]):
        with torch.no_grad(), search.step([0, 0], roots[[0, 5]]) as step:
            step.keys_values[0].update(*one_token(2))
            step.children(roots[children] + 50)
        there = by_env_and_latent()((0, 0), roots[children] + 50)
        assert all(key in pools.recur_pool for key in there)


def test_a_step_of_a_closed_session_is_refused() -> None:
    search, latents = searching(Ownership.SEALED), torch.arange(4.0).view(2, 2)
    step = search.step([0, 1], latents)
    search.close()
    later = SearchSession(search.manager, rebuilt, context_length=6, keys=by_env_and_latent())
    with pytest.raises(KVCacheValueError, match="serves another session"):
        step.__enter__()
    later.close()


def test_a_working_batch_that_was_stored_is_not_emptied() -> None:
    search, latents = searching(Ownership.SEALED), torch.arange(4.0).view(2, 2)
    with torch.no_grad(), search.step([0, 1], latents) as step:
        step.keys_values[0].update(*one_token(2))
        search.manager.set_wm_cache(1, step.keys_values)
        step.children(latents + 9)
    kept = search.manager.get_wm_cache(1)
    assert kept is not None
    assert kept.size == 3


def test_gradients_of_one_step_do_not_reach_the_next() -> None:
    search, latents = searching(Ownership.SEALED), torch.arange(4.0).view(2, 2)
    weight = torch.tensor(2.0, requires_grad=True)
    for number in range(2):
        with search.step([0, 1], latents) as step:
            k, _ = step.keys_values[0].get()
            k.mul_(weight)
            step.keys_values[0].update(*one_token(2))
            step.keys_values[0].get()[0].sum().backward()  # type: ignore[no-untyped-call]  # torch's
            step.children(latents + 9 + number)
