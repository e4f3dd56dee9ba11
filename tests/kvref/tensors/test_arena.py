"""The storage of a search: where its contexts lie, who may see it, and when it serves again."""

import copy
import pickle
from types import SimpleNamespace

import pytest
import torch

from kvref import KVCacheManager, Ownership
from kvref.tensors import BatchBuffer, KeysValues, Missing, Node, SearchSession, align
from kvref.tensors.arena import Arena
from tests.support.making import contents, same, window

CAPACITY = 6


def sealed(size: int, seed: int = 0) -> KeysValues:
    made = window(size, capacity=CAPACITY, seed=seed)
    made.seal()
    return made


def rooms(windows: list[KeysValues]) -> BatchBuffer:
    return BatchBuffer.for_windows(windows, CAPACITY)


@pytest.mark.parametrize("sizes", [(2, 2), (1, 4), (4, 3, 1), (0, 2), (0, 0)], ids=str)
def test_contexts_gathered_are_contexts_aligned(sizes: tuple[int, ...]) -> None:
    windows = [sealed(size, seed) for seed, size in enumerate(sizes)]
    arena = Arena(windows[0], sum(sizes))
    assert arena.takes(windows)
    brought = [arena.bring(one) for one in windows]
    told, expected = arena.align(brought, rooms(windows), 1), align(windows)
    assert told.lengths == expected.lengths
    assert same(told.batch, expected.batch)
    assert arena.room == 0


def test_a_window_is_brought_once() -> None:
    one = sealed(3)
    arena = Arena(one, 10)
    made = arena.bring(one)
    assert arena.bring(one) is made
    assert arena.bring(made) is made
    assert arena.room == 7


def test_other_windows_and_too_many_are_not_taken() -> None:
    arena = Arena(sealed(3), 4)
    assert arena.takes([sealed(2), sealed(2)])
    assert not arena.takes([sealed(3), sealed(2)])
    for other in (
        window(1, layers=1),
        window(1, heads=1),
        window(1, dtype=torch.float64),
        window(1, samples=2),
    ):
        other.seal()
        assert not arena.takes([other])


def test_writes_are_counted_row_by_row() -> None:
    arena = Arena(sealed(1), 10)
    one, other = (arena.bring(sealed(2, seed)) for seed in (0, 1))
    marks = one.mark(), other.mark()
    with torch.no_grad():
        other.pieces()[0].zero_()
    assert one.written_since(marks[0]) is None
    assert other.written_since(marks[1]) == "layer 0 K"


def test_a_copy_of_what_lies_in_an_arena_is_alone() -> None:
    arena = Arena(sealed(1), 100)
    one = arena.bring(sealed(3))
    fork = one.fork()
    fork.seal()
    loaded = pickle.loads(pickle.dumps(one))
    for alone in (one.compacted(), copy.deepcopy(one), loaded, one.clone(), fork):
        held = {t.untyped_storage().data_ptr(): t.untyped_storage() for t in alone._tensors()}
        assert sum(storage.nbytes() for storage in held.values()) <= 2 * 4 * 2 * 3 * 4 * 4
        assert same(alone, one)


def test_it_serves_again_when_nobody_can_see_what_lay_there() -> None:
    arena = Arena(sealed(1), 10)
    made = arena.bring(sealed(3))
    assert made.size == 3
    del made
    assert arena.vacated()
    assert arena.room == 10


@pytest.mark.parametrize("held", ["the window", "a view", "a view of a part"])
def test_it_does_not_while_somebody_holds(held: str) -> None:
    arena = Arena(sealed(1), 10)
    made = arena.bring(sealed(3))
    kept: object = made
    if held == "a view":
        kept = made.pieces()[0]
    elif held == "a view of a part":
        kept = made[0].get()[0]
    del made
    assert not arena.vacated()
    assert kept is not None


class Imagined:
    """A session whose contexts are known: each token is the number of the node that appended it."""

    def __init__(self, simulations: int, size: int, ownership: Ownership) -> None:
        sizes = SimpleNamespace(game_segment_length=8, num_simulations=size)
        self.manager: KVCacheManager[KeysValues] = KVCacheManager(sizes, 2, ownership=ownership)
        self.simulations, self.made = simulations, 0
        self.session = SearchSession(
            self.manager, self.rebuild, context_length=CAPACITY, tokens_per_step=1, tokens=True
        )

    def rebuild(self, missing: Missing) -> list[KeysValues]:
        return [self.window(node) for node in missing.nodes]

    def window(self, node: Node) -> KeysValues:
        numbers = [float(one[-1].item()) for one in node.history()]
        kv = KeysValues(1, 1, CAPACITY, 1, 1, first=max(0, len(numbers) - CAPACITY))
        told = torch.tensor(numbers[-CAPACITY:]).view(1, 1, -1, 1)
        with torch.no_grad():
            kv[0].update(told, told)
        kv.seal()
        return kv

    def search(self) -> None:
        """Each simulation goes on from the newest nodes, and from the first ones every third."""
        self.made += 2
        numbers = torch.tensor([[self.made - 2.0], [self.made - 1.0]])
        nodes = [self.session.root([0, 1], numbers).nodes]
        for number in range(self.simulations):
            parents = nodes[0] if number % 3 == 2 else nodes[-1]
            with torch.no_grad(), self.session.step(parents) as step:
                self.made += 2
                new = torch.tensor([[self.made - 2.0], [self.made - 1.0]])
                step.keys_values[0].update(new.view(2, 1, 1, 1), new.view(2, 1, 1, 1))
                nodes.append(step.children(new))
        stored = self.manager.recur_pool
        for one in [node for row in nodes[1:] for node in row]:
            kept = stored.peek(self.session.stored_under(one))
            if kept is not None:
                expected = self.window(one)
                newest = contents(expected)[0][..., -kept.size :, :]
                assert torch.equal(contents(kept)[0], newest)


@pytest.mark.parametrize("ownership", list(Ownership), ids=lambda one: one.value)
@pytest.mark.parametrize("size", [1, 4, 12])
def test_searches_one_after_another_and_in_pools_too_small(size: int, ownership: Ownership) -> None:
    """With pools for one simulation the storage is full at the second: the next takes over."""
    searching = Imagined(12, size, ownership)
    for _ in range(3):
        searching.search()


def test_a_search_in_the_same_room_moves_nothing_that_is_held() -> None:
    searching = Imagined(4, 4, Ownership.SEALED)
    searching.search()
    held = [one.value for one in searching.manager.recur_pool.residents()]
    before = [contents(one) for one in held]
    for _ in range(2):
        searching.search()
    for one, was in zip(held, before, strict=True):
        assert all(map(torch.equal, contents(one), was))
