"""R1 to R5 on tensors, what `verify` detects, and what a fork costs."""

from functools import partial

import pytest
import torch

from kvref import (
    EvictionStrategy,
    IntegrityError,
    KVCacheManager,
    KVCachePool,
    KVCacheTypeError,
    Ownership,
    SealedError,
)
from kvref.tensors import KeysValues
from spec.profile import (
    FIFO_COPY,
    FIFO_COPY_BOTH,
    KVREF,
    LRU_REFERENCE,
    PRIORITY_SEALED,
    Profile,
    copies,
)
from stateful_models.bugs.tensors import POOLS
from stateful_models.reference.tensor_pool import KvrefTensorPool
from stateful_models.scopes.pool import PoolScope
from tests.support.exploring import explore_pool
from tests.support.making import append, contents, same, storages, window
from tests.support.night import NIGHT

BY_DAY = (LRU_REFERENCE, FIFO_COPY, PRIORITY_SEALED, FIFO_COPY_BOTH)
PROFILES = KVREF if NIGHT else BY_DAY  # each policy and each ownership


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: f"{p.policy.value}-{p.ownership.value}")
def test_pools_of_windows_refine_the_specification(profile: Profile) -> None:
    """Every law of pools and heaps, R1 to R5 among them, on values whose contents are tensors."""
    for capacity in (1, 2):
        small = capacity == 2 and copies(profile) and not NIGHT
        ranked = profile.policy.ranked and not small
        keys, of_each = 2 if capacity == 1 or ranked else 3, 1 if small else 2
        scope = PoolScope(profile, capacity, keys, objects=of_each, priorities=of_each)
        report = explore_pool(scope, KvrefTensorPool)
        assert report.divergence is None
    assert not report.missing & {"R1", "R2", "R3", "R4", "R5"}


@pytest.mark.parametrize(("exhibit", "law"), POOLS, ids=lambda e: getattr(e, "__name__", e))
def test_exhibit_is_rejected(exhibit: type[KvrefTensorPool], law: str) -> None:
    broken: set[str] = set()
    for profile in set(KVREF[:3]) & set(exhibit.profiles):
        found = explore_pool(PoolScope(profile, 1, 2, 2), exhibit).divergence
        broken |= set() if found is None else set(found.laws)
    assert law in broken


def test_every_law_has_an_exhibit() -> None:
    assert {law for _, law in POOLS} == {"R1", "R2", "R3", "R4", "R5"}


def pool_of(
    ownership: Ownership, *, verify: bool = False, size: int = 2
) -> KVCachePool[KeysValues]:
    return KVCachePool(size, EvictionStrategy.LRU, ownership=ownership, verify=verify)


def test_reference_stores_the_object(device: str) -> None:
    pool, kv = pool_of(Ownership.REFERENCE), window(3, device=device)
    pool.set(1, kv)
    assert pool.get(1) is kv
    assert not kv.sealed


def test_sealed_seals_the_object(device: str) -> None:
    pool, kv = pool_of(Ownership.SEALED), window(3, device=device)
    pool.set(1, kv)
    assert pool.get(1) is kv
    with pytest.raises(SealedError):
        append(kv, 1)
    assert kv.size == 3


def test_copy_stores_a_copy(device: str) -> None:
    pool, kv = pool_of(Ownership.COPY), window(3, device=device)
    before = window(3, device=device)
    pool.set(1, kv)
    append(kv, 2)
    kv[0].get()[0].zero_()
    stored = pool.get(1)
    assert stored is not None
    assert stored.sealed
    assert same(stored, before)


def test_what_was_delivered_stays_when_its_slot_is_used_again(device: str) -> None:
    """R3 under COPY: storage is used again only when nobody can see it any more."""
    pool = pool_of(Ownership.COPY, size=1)
    pool.set(1, window(3, device=device, seed=1))
    held = pool.get(1)
    assert held is not None
    before = contents(held)
    for key in range(2, 8):
        pool.set(key, window(3, device=device, seed=key))
    assert all(torch.equal(a, b) for a, b in zip(before, contents(held), strict=True))


def writes(kv: KeysValues, part: int) -> None:
    kv[part // 2].get()[part % 2].add_(1)


@pytest.mark.parametrize("ownership", Ownership)
@pytest.mark.parametrize("part", range(4))
def test_writes_around_are_named(ownership: Ownership, part: int, device: str) -> None:
    pool, kv = pool_of(ownership, verify=True), window(3, device=device)
    pool.set(-5, kv)
    delivered = pool.get(-5)
    (stored,) = [one.value for one in pool.residents()]
    assert (delivered is stored) == (ownership is not Ownership.COPY_BOTH)
    writes(stored, part)
    name = f"key -5 .*layer {part // 2} {'KV'[part % 2]}"
    for _ in range(2):
        with pytest.raises(IntegrityError, match=name):
            pool.get(-5)
    assert pool.stats is not None
    assert (pool.stats.hits, pool.stats.misses) == (1, 0)
    pool.set(-5, window(3, device=device))
    assert pool.get(-5) is not None


@pytest.mark.parametrize("part", range(4))
def test_what_a_hit_gave_away_is_the_clients_to_write(part: int, device: str) -> None:
    pool, before = pool_of(Ownership.COPY_BOTH, verify=True), window(3, device=device)
    pool.set(-5, window(3, device=device))
    for _ in range(2):
        delivered = pool.get(-5)
        assert delivered is not None
        assert same(delivered, before)
        writes(delivered, part)
        append(delivered, 1)


def test_views_taken_before_the_set_are_watched_too(device: str) -> None:
    for ownership in (Ownership.REFERENCE, Ownership.SEALED):
        pool, kv = pool_of(ownership, verify=True), window(3, device=device)
        _, v = kv[1].get()
        pool.set(1, kv)
        v.zero_()
        with pytest.raises(IntegrityError, match="layer 1 V"):
            pool.get(1)


def test_writes_through_a_parent_reach_its_forks_alone() -> None:
    """Whoever shares the tokens written is told; a clone is not concerned."""
    parent = window(3)
    parent.seal()
    child = parent.fork()
    append(child, 2)
    child.seal()
    pool: KVCachePool[KeysValues] = KVCachePool(3, ownership=Ownership.SEALED, verify=True)
    pool.set(1, parent)
    pool.set(2, child)
    pool.set(3, parent.clone())
    writes(parent, 0)
    for key in (1, 2):
        with pytest.raises(IntegrityError, match="layer 0 K"):
            pool.get(key)
    assert pool.get(3) is not None


@pytest.mark.parametrize(
    "write",
    [
        lambda kv: append(kv, 1),
        lambda kv: append(kv, 5),
        lambda kv: kv.reset(),
        lambda kv: kv.prune([True]),
        lambda kv: kv.remove_register_tokens(1),
        lambda kv: kv[1].reset(),
    ],
)
def test_methods_count_as_writes(write: "partial[object]") -> None:
    """An undisciplined client under REFERENCE goes on writing into what it stored."""
    pool, kv = pool_of(Ownership.REFERENCE, verify=True), window(3)
    pool.set(1, kv)
    assert pool.get(1) is kv
    write(kv)
    with pytest.raises(IntegrityError):
        pool.get(1)
    pool.set(1, kv)
    assert pool.get(1) is kv


def test_reading_and_sealing_are_no_writes() -> None:
    pool, kv = pool_of(Ownership.REFERENCE, verify=True), window(3)
    pool.set(1, kv)
    contents(kv)
    kv.clone()
    kv.seal()
    append(kv.fork(), 2)
    assert pool.get(1) is kv


def test_managers_verify_too() -> None:
    config = type("Config", (), {"game_segment_length": 2, "num_simulations": 2})
    manager: KVCacheManager[KeysValues] = KVCacheManager(config, 1, verify=True)
    kv = window(3)
    manager.set_recur_cache(1, kv)
    writes(kv, 3)
    with pytest.raises(IntegrityError, match=r"pool 'recur': key 1 .*layer 1 V"):
        manager.hierarchical_get(0, 1)


def test_verify_needs_values_that_can_tell() -> None:
    pool: KVCachePool[object] = KVCachePool(1, ownership=Ownership.REFERENCE, verify=True)
    with pytest.raises(KVCacheTypeError, match=r"mark\(\)"):
        pool.set(1, "text")
    assert len(pool) == 0


def test_a_verifying_pool_forgets_what_left() -> None:
    pool = pool_of(Ownership.REFERENCE, verify=True, size=1)
    first, second = window(1), window(2)
    pool.set(1, first)
    pool.set(2, second)
    append(first, 1)
    pool.clear()
    pool.set(1, first)
    assert pool.get(1) is first
    assert pool.get(2) is None


def test_forks_never_see_each_other(device: str) -> None:
    parent = window(4, device=device)
    parent.seal()
    before = contents(parent)
    one, other = parent.fork(), parent.fork()
    ones = append(one, 2, seed=1)
    others = append(other, 2, seed=2)
    for fork, new in ((one, ones), (other, others)):
        flat = [x for pair in new for x in pair]
        expected = [torch.cat(pair, dim=2) for pair in zip(before, flat, strict=True)]
        assert all(torch.equal(a, b) for a, b in zip(expected, contents(fork), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(before, contents(parent), strict=True))


def test_a_fork_delivers_no_view_of_what_it_shares() -> None:
    parent = window(4)
    parent.seal()
    before = contents(parent)
    parent.fork()[0].get()[0].zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, contents(parent), strict=True))


def test_forks_cost_what_they_append(device: str) -> None:
    """Ten generations of one token each: bytes held grow by one token a generation."""
    token = 2 * 2 * 2 * 4 * 4  # K and V, layers, heads, head_dim, bytes
    family = [window(16, device=device, capacity=32)]
    family[0].seal()
    whole = storages(*family)
    for generation in range(1, 11):
        child = family[-1].fork()
        append(child, 1, seed=generation)
        child.seal()
        family.append(child)
        assert storages(*family) == whole + generation * token
    assert child.size == 26


def test_forks_drop_what_overflows(device: str) -> None:
    parent = window(6, device=device)
    parent.seal()
    child, plain = parent.fork(), parent.clone()
    for seed, new in enumerate((1, 3, 6, 2, 5)):
        append(child, new, seed)
        append(plain, new, seed)
        assert same(child, plain)
        assert child.first == plain.first
        child.seal()
        child = child.fork()
