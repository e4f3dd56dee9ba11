"""Working batches of rows of equal length: for models that cannot mask."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from kvref import KVCacheManager, KVCacheValueError, Ownership
from kvref.tensors import KeysValues, Missing, SearchSession, Working
from tests.support.making import window

LENGTHS = (1, 3, 2, 1, 3)  # of the roots' contexts; grouped, their order is no swapping of pairs
OBSERVED = torch.arange(5.0).view(5, 1)


def searching(grouped: bool, lengths: tuple[int, ...] = LENGTHS) -> SearchSession:
    config = SimpleNamespace(game_segment_length=4, num_simulations=8)
    manager: KVCacheManager[KeysValues] = KVCacheManager(config, 5, ownership=Ownership.SEALED)

    def rebuild(missing: Missing) -> list[KeysValues]:
        return [window(lengths[env], seed=env) for env in missing.env_ids]

    return SearchSession(manager, rebuild, context_length=6, grouped=grouped)


def model(group: Working) -> tuple[Tensor, Tensor]:
    """What a row makes depends on its own tokens alone; padding would be told by the sum."""
    for _ in range(2):
        for layer in group.keys_values:
            k, v = layer.get()
            mixed = (k.sum(2, keepdim=True), v.amax(2, keepdim=True))
            layer.update(*(one + 1 for one in mixed))
    k, v = group.keys_values[0].get()
    return k.sum((1, 2, 3)), v[:, :, -1]


def test_rows_of_a_length_are_together_and_nothing_is_padded() -> None:
    session = searching(True)
    with torch.no_grad(), session.step(session.root(range(5), OBSERVED).nodes) as step:
        assert [group.rows for group in step.groups] == [(0, 3), (1, 4), (2,)]
        assert [set(group.lengths) for group in step.groups] == [{1}, {3}, {2}]
        assert [group.keys_values.size for group in step.groups] == [1, 3, 2]
        assert step.lengths == LENGTHS
        step.children(step.run(model)[0])


def test_each_row_is_made_as_it_is_alone_and_results_come_in_order() -> None:
    """Of two levels of children, beside one step for each row."""
    session, alone = searching(True), searching(False)
    nodes, single = session.root(range(5), OBSERVED).nodes, alone.root(range(5), OBSERVED).nodes
    for _ in range(2):
        with torch.no_grad(), session.step(nodes) as step:
            sums, last = step.run(model)
            nodes = step.children(sums)
        rows = []
        for row, node in enumerate(single):
            with torch.no_grad(), alone.step([node]) as step:
                made = step.run(model)
                (child,) = step.children(made[0])
            assert torch.equal(made[0][0], sums[row])
            assert torch.equal(made[1][0], last[row])
            rows.append(child)
        single = tuple(rows)
        assert nodes == single
    both = [
        {one.key: torch.cat([p.flatten() for layer in one.value for p in layer.get()])
         for one in each.manager.recur_pool.residents()}
        for each in (session, alone)
    ]  # fmt: skip
    assert both[0].keys() == both[1].keys()
    assert all(torch.equal(both[0][key], both[1][key]) for key in both[0])


@pytest.mark.parametrize("grouped", [False, True])
def test_rows_of_one_length_are_one_batch(grouped: bool) -> None:
    session = searching(grouped, (2,) * 5)
    nodes = session.root(range(5), OBSERVED).nodes
    with torch.no_grad(), session.step(nodes) as step:
        (group,) = step.groups
        assert group.rows == (0, 1, 2, 3, 4)
        assert step.keys_values is group.keys_values
        assert bool(step.mask(1).all())
        assert torch.equal(step.positions(2), group.positions(2))
        step.children(step.run(model)[0])


def test_a_batch_of_all_rows_is_refused_where_there_are_groups() -> None:
    session = searching(True)
    nodes = session.root(range(5), OBSERVED).nodes
    with pytest.raises(KVCacheValueError, match="contexts of 3 lengths are in groups"):
        session.step(nodes).__enter__().mask(1)
    assert len(session.manager.recur_pool) == 0


def wrong(nodes: int, session: SearchSession, made: object) -> None:
    roots = session.root(range(nodes), OBSERVED[:nodes]).nodes
    with torch.no_grad(), session.step(roots) as step:
        step.run(lambda group: made)  # type: ignore[arg-type,return-value]  # wrong on purpose


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ([torch.zeros(1)], "2 rows were run, not"),
        ([5], "2 rows were run, not 5"),
        ([torch.tensor(1.0)], "2 rows were run, not"),
        (None, "what the model made must be a sequence"),
    ],
)
def test_what_the_model_made_has_a_row_for_each(made: object, message: str) -> None:
    session = searching(True, (2,) * 5)
    with pytest.raises(KVCacheValueError if made else Exception, match=message):
        wrong(2, session, made)


def test_groups_append_alike_or_nothing_is_stored() -> None:
    session = searching(True)
    roots = session.root(range(5), OBSERVED).nodes
    done: list[Working] = []

    def once(group: Working) -> tuple[Tensor]:
        if not done:
            model(group)
        done.append(group)
        return (torch.zeros(len(group.rows)),)

    def run() -> None:
        with torch.no_grad(), session.step(roots) as step:
            step.children(step.run(once)[0])

    with pytest.raises(KVCacheValueError, match="the model was to append 2 tokens to 3"):
        run()
    assert len(session.manager.recur_pool) == 0
    uneven = iter(([torch.zeros(2)], [torch.zeros(2)] * 2, [torch.zeros(1)]))
    with pytest.raises(KVCacheValueError, match="unequal numbers of tensors"):
        session.step(roots).__enter__().run(lambda group: next(uneven))
