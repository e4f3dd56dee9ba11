"""Nodes have names: chained keys, handles, and what a session remembers of them."""

from types import SimpleNamespace

import pytest
import torch
import xxhash
from torch import Tensor

from kvref import (
    KVCacheError,
    KVCacheIndexError,
    KVCacheManager,
    KVCacheTypeError,
    KVCacheValueError,
    Ownership,
    RecurScope,
)
from kvref.tensors import (
    KeysValues,
    Missing,
    Node,
    Rebuilt,
    SearchSession,
    Source,
    by_env_and_latent,
    by_latent,
    salted_hash_state,
)
from stateful_models.engines.session_client import SEARCHES, first_difference, histories
from stateful_models.engines.wandering import shortest_wandering
from stateful_models.reference.sessions import ChainedSession
from stateful_models.scopes.searches import SearchScope
from tests.support.making import append, window

OBSERVED = torch.tensor([[1.0, 2.0], [1.0, 2.0]])
ACTIONS = torch.tensor([0, 1])
LATENTS = torch.zeros(2, 2)  # as a dynamics head that starts at zero makes them


class Client:
    """A session, and every call that its `rebuild` got."""

    def __init__(
        self, *, recur: int = 8, scope: RecurScope = RecurScope.SHARED, **options: object
    ) -> None:
        config = SimpleNamespace(game_segment_length=4, num_simulations=recur // 2)
        self.manager: KVCacheManager[KeysValues] = KVCacheManager(
            config, 2, ownership=Ownership.SEALED, recur_scope=scope
        )
        self.asked: list[Missing] = []
        self.session = SearchSession(self.manager, self.rebuild, context_length=6, **options)  # type: ignore[arg-type]  # by name

    def rebuild(self, missing: Missing) -> Rebuilt:
        self.asked.append(missing)
        made = [window(1, seed=row) for row in missing.rows]
        return Rebuilt(made, [f"output of call {len(self.asked)}" for _ in missing.rows])

    def simulate(self, nodes: tuple[Node, ...], actions: Tensor = ACTIONS) -> tuple[Node, ...]:
        with self.session.step(nodes) as step:
            append(step.keys_values, 2)
            return step.children(actions[: len(nodes)], LATENTS[: len(nodes)])

    def advance(self, nodes: tuple[Node, ...], observed: Tensor) -> tuple[Node, ...]:
        with self.session.advance(nodes) as step:
            append(step.keys_values, 2)
            return step.children(ACTIONS, observed, outputs=["seen", "too"])


def test_keys_are_chained_by_default_and_latents_may_be_equal() -> None:
    """S2: every child is found as itself, though all latents are equal."""
    client = Client()
    level = client.session.root([0, 1], OBSERVED).nodes
    nodes = list(level)
    for _ in range(3):
        level = client.simulate(level)
        nodes += level
    assert len({node.key for node in nodes}) == 8
    for node in nodes[2:]:
        with client.session.step([node]) as step:
            assert step.sources == (Source.RECUR,)
            append(step.keys_values, 2)
            step.children(torch.tensor([5]))
    assert len(client.asked) == 1


def test_a_key_is_the_hash_of_the_parents_and_of_what_was_appended() -> None:
    (root, other) = Client(role=7).session.begin([0, 1], OBSERVED)
    data = OBSERVED[0].numpy().tobytes()
    told = b"root 0 7\0" + b"1\0" + b"float32 (2,)\0" + data
    assert root.key == xxhash.xxh3_128_intdigest(told)
    (child, _) = Client(role=7).session.follow((root, other), ACTIONS, OBSERVED)
    told = f"step {root.key:x}\0".encode() + b"2\0" + b"int64 ()\0" + bytes(8)
    assert child.key == xxhash.xxh3_128_intdigest(told + b"float32 (2,)\0" + data)


def test_a_key_tells_apart_whatever_a_history_may_differ_in() -> None:
    session = Client().session
    (root, elsewhere) = session.begin([0, 1], OBSERVED)
    one, two = torch.tensor([1]), torch.tensor([2])
    nodes = [
        root,
        elsewhere,
        *Client(role=1).session.begin([0], OBSERVED[:1]),
        *session.begin([0], OBSERVED[:1] + 1),
        *session.begin([0], OBSERVED[:1].double()),
        *session.begin([0], OBSERVED[:1].reshape(1, 2, 1)),
        *session.begin([0], OBSERVED[:1], ids=[3]),
        *session.begin([0], OBSERVED[:1], ids=[4]),
        *session.begin([1], OBSERVED[:1], ids=[3]),
        *session.follow([root], one),
        *session.follow([root], two),
        *session.follow([elsewhere], two),
        *session.follow([root], two, one),
        *session.follow([root], one, two),
        *session.follow(session.follow([root], one), two),
        *session.follow(session.follow([root], two), one),
        *session.follow([root], one, ids=[5]),
    ]
    assert len({node.key for node in nodes}) == len(nodes)
    again = session.follow(session.begin([0], OBSERVED[:1].clone()), one.clone())
    assert again == session.follow([root], one)
    assert len({*again, *session.follow([root], one)}) == 1
    assert root != elsewhere
    assert root != root.key


def test_a_handle_finds_what_an_observation_encoded_anew_does_not() -> None:
    """The last bit differs, as it does at another batch size."""
    client = Client()
    first = client.session.root([0, 1], OBSERVED).nodes
    roots = client.advance(first, OBSERVED + 1)
    assert client.session.root(roots).sources == (Source.INIT, Source.INIT)
    anew = torch.nextafter(OBSERVED + 1, torch.tensor(9.0))
    missed = client.session.root([0, 1], anew)
    assert missed.sources == (Source.REBUILT, Source.REBUILT)


def test_a_root_comes_with_what_the_model_put_out_for_it() -> None:
    """Rebuilt: what `rebuild` told; stored by advance: what `children` was told; found again."""
    client = Client()
    first = client.session.root([0, 1], OBSERVED)
    assert first.outputs == ("output of call 1",) * 2
    assert [node.outputs for node in first.nodes] == list(first.outputs)
    assert client.session.root([0, 1], OBSERVED).outputs == first.outputs
    roots = client.advance(first.nodes, OBSERVED + 1)
    assert client.session.root(roots).outputs == ("seen", "too")
    mixed = client.session.root([roots[0], *client.session.begin([1], OBSERVED[:1] + 5)])
    assert mixed.outputs == ("seen", "output of call 2")
    assert mixed.sources == (Source.INIT, Source.REBUILT)
    assert [one.rows for one in client.asked] == [(0, 1), (1,)]


def test_nothing_is_remembered_of_roots_that_are_gone() -> None:
    client = Client(verify=True)
    roots = client.session.root([0, 1], OBSERVED).nodes
    for number in range(12):
        roots = client.advance(roots, OBSERVED + number)
        client.session.root(roots)
    handles = client.session._contexts.handles
    held = {key for pool in client.manager.pools for key in pool}
    assert set(handles.outputs) == set(handles.makings) == held
    assert len(held) == 2 * 4


def test_nothing_piles_up_where_no_search_begins() -> None:
    client = Client(verify=True)
    roots = client.session.root([0, 1], OBSERVED).nodes
    for number in range(12):
        roots = client.advance(roots, OBSERVED + number)
    handles = client.session._contexts.handles
    assert len(handles.outputs) == len(handles.makings) == 2 * 4


def test_a_node_of_another_session_is_no_collision() -> None:
    """That one did not verify, so that nothing is known of what its key was made of."""
    client = Client(verify=True)
    client.session.root([0, 1], OBSERVED)
    nodes = Client().session.begin([0, 1], OBSERVED)
    assert client.session.root(nodes).sources == (Source.INIT, Source.INIT)


def test_new_weights_rename_what_is_stored_and_handles_live_on() -> None:
    client = Client()
    first = client.session.root([0, 1], OBSERVED).nodes
    before = client.session.stored_under(first[0])
    client.simulate(first)
    client.session.learned()
    assert not any(len(pool) for pool in client.manager.pools)
    again = client.session.root(first)
    assert again.sources == (Source.REBUILT, Source.REBUILT)
    assert again.outputs == ("output of call 2",) * 2
    assert again.nodes == first
    assert client.session.stored_under(first[0]) != before


def test_a_session_keeps_a_record_only_if_it_is_asked_to() -> None:
    client = Client(tokens=True)
    level = client.session.root([0, 1], OBSERVED).nodes
    for _ in range(2):
        level = client.simulate(level)
    first, *steps = level[1].history()
    assert torch.equal(first[0], OBSERVED[1])
    assert [str([one.tolist() for one in step]) for step in steps] == ["[1, [0.0, 0.0]]"] * 2
    assert torch.equal(level[1].latent, LATENTS[1])
    bare = Client()
    (child, _) = bare.simulate(bare.session.root([0, 1], OBSERVED).nodes)
    assert child.parent is None
    assert len(child.history()) == 1


def test_what_is_missing_is_told_with_its_whole_history() -> None:
    """Recur is too small: the second simulation's parents have gone."""
    client = Client(tokens=True, recur=2)
    roots = client.session.root([0, 1], OBSERVED).nodes
    children = client.simulate(roots)
    client.simulate(roots, ACTIONS + 2)
    with client.session.step(children) as step:
        assert step.sources == (Source.REBUILT, Source.REBUILT)
        append(step.keys_values, 2)
        step.children(ACTIONS)
    asked = client.asked[-1]
    assert asked.nodes == children
    assert asked.env_ids == (0, 1)
    assert torch.equal(asked.latents, LATENTS)
    assert [len(node.history()) for node in asked.nodes] == [2, 2]


def test_handles_keep_rows_of_their_own() -> None:
    observed, actions = OBSERVED.clone(), ACTIONS.clone()
    client = Client(tokens=True)
    roots = client.session.begin([0, 1], observed)
    children = client.session.follow(roots, actions, observed)
    observed.zero_()
    actions.zero_()
    assert [part.tolist() for step in children[1].history() for part in step] == [
        [1.0, 2.0],
        1,
        [1.0, 2.0],
    ]


def test_a_long_episode_is_recorded_and_let_go() -> None:
    (node,) = Client(tokens=True).session.begin([0], OBSERVED[:1])
    for _ in range(50_000):
        node = Node(0, node.key + 1, node.appended, node)
    assert len(node.history()) == 50_001
    del node


def test_a_replayed_root_has_a_prefix_of_its_own() -> None:
    client = Client()
    roots = client.session.root([0, 1], OBSERVED).nodes
    played = client.advance(roots, OBSERVED + 1)
    begun = client.session.begin([0, 1], OBSERVED)
    same = client.session.follow(begun, ACTIONS, OBSERVED + 1)
    assert client.session.root(same).sources == (Source.INIT, Source.INIT)
    assert same == played
    later = client.session.begin([0, 1], OBSERVED + 1)
    assert client.session.root(later).sources == (Source.REBUILT, Source.REBUILT)


def test_some_environments_go_on_while_the_others_wait_or_end() -> None:
    client = Client()
    roots = client.session.root([0, 1], OBSERVED).nodes
    (child,) = client.simulate(roots[1:])
    assert child.env_id == 1
    client.session.end_episode(0)
    assert client.session.root(roots[1:]).sources == (Source.INIT,)
    assert client.session.root(roots[::-1]).sources == (Source.INIT, Source.REBUILT)


def test_a_collision_is_told_where_it_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hash of a single value: whoever comes second is told, and nothing has changed."""
    monkeypatch.setattr("kvref.tensors.nodes.xxhash.xxh3_128_intdigest", lambda data: 1)
    blind = Client()
    blind.session.root([0], OBSERVED[:1])
    assert blind.session.root([0], OBSERVED[:1] + 1).sources == (Source.INIT,), "not told"
    client = Client(verify=True)
    roots = client.session.root([0], OBSERVED[:1]).nodes
    before = [pool.residents() for pool in client.manager.pools]
    with pytest.raises(KVCacheValueError, match="two histories have one key"):
        client.session.root([0], OBSERVED[:1] + 1)
    with pytest.raises(KVCacheValueError, match="two histories have one key"):
        client.simulate(roots)
    with pytest.raises(KVCacheValueError, match="two histories have one key"):
        client.session.step(client.session.begin([0], OBSERVED[:1] + 1)).__enter__()
    assert [pool.residents() for pool in client.manager.pools] == before


@pytest.mark.parametrize("scope", RecurScope)
def test_a_search_that_does_not_fit_is_refused_as_it_begins(scope: RecurScope) -> None:
    """S1, where it is said how many simulations there are."""
    fits = 4 if scope is RecurScope.SHARED else 8
    recur = 8 if scope is RecurScope.SHARED else 16
    Client(recur=recur, scope=scope, simulations=fits).session.root([0, 1], OBSERVED)
    client = Client(recur=recur, scope=scope, simulations=fits + 1)
    with pytest.raises(KVCacheValueError, match=f"{fits + 1} simulations of 2 environments store"):
        client.session.root([0, 1], OBSERVED)
    assert client.asked == []


@pytest.mark.parametrize("keys", [by_latent, by_env_and_latent(), None])
def test_ids_of_ones_own_name_nodes_whatever_the_keys(keys: object) -> None:
    client = Client(keys=keys)
    roots = client.session.root(client.session.begin([0, 1], OBSERVED, ids=[3, 3]))
    assert roots.nodes[0].key != roots.nodes[1].key
    with client.session.step(roots.nodes) as step:
        append(step.keys_values, 2)
        children = step.children(LATENTS, ids=[4, 4])
    with client.session.step(client.session.begin([0, 1], OBSERVED, ids=[4, 4])) as step:
        assert step.sources == (Source.RECUR, Source.RECUR)
        assert step.nodes == children
        append(step.keys_values, 2)
        step.children(LATENTS, ids=[5, 5])


def test_keys_of_latents_are_those_of_the_last_tensor() -> None:
    client = Client(keys=by_env_and_latent(2))
    (root, _) = client.session.root([0, 1], OBSERVED).nodes
    assert root.key == client.session.stored_under(root) == salted_hash_state(OBSERVED[0], 0, 2)
    (child,) = client.session.follow([root], ACTIONS[:1], LATENTS[:1])
    assert child.key == salted_hash_state(LATENTS[0], 0, 2)
    with client.session.step([0, 1], OBSERVED) as step:
        assert step.nodes[0] == root
        append(step.keys_values, 2)
        step.children(ACTIONS, LATENTS)


def test_what_names_no_node_is_refused() -> None:
    client = Client()
    roots = client.session.root([0, 1], OBSERVED).nodes
    for call in (client.session.step, client.session.advance):
        with pytest.raises(KVCacheValueError, match="latents do not name nodes"):
            call([0, 1], OBSERVED)
        with pytest.raises(KVCacheTypeError, match="expected nodes, which root"):
            call([0, 1])  # type: ignore[list-item]  # wrong on purpose
    with pytest.raises(KVCacheValueError, match="no environments"):
        client.session.root([])
    with pytest.raises(KVCacheIndexError, match=r"env_id must be in 0 \.\. 1, not 9"):
        client.session.root([Node(9, 1, (OBSERVED[0],))])
    with pytest.raises(KVCacheTypeError, match="cache_key must be an integer"):
        client.session.root([Node(0, "a", (OBSERVED[0],))])  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(KVCacheValueError, match="has no latent state"):
        client.session.root([Node(0, 1)])
    for wrong, message in (
        ({}, "nothing was appended"),
        ({"ids": [1]}, "2 rows need as many ids, not 1"),
        ({"outputs": [1]}, "1 outputs for 2 rows"),
        ({"ids": ["a", "b"]}, "id must be an integer"),
    ):
        appended = (ACTIONS,) if wrong else ()
        with pytest.raises(KVCacheError, match=message):
            client.session.follow(roots, *appended, **wrong)
    with pytest.raises(KVCacheError, match="2 environments need as many latents"):
        client.session.follow(roots, ACTIONS[:1])
    uneven = Node(1, 5, (torch.zeros(3),))
    with pytest.raises(KVCacheValueError, match="must be alike, not of shapes"):
        client.session.root([client.session.begin([0], OBSERVED[:1] + 3)[0], uneven])


def test_what_rebuild_puts_out_is_one_a_row() -> None:
    client = Client()
    client.session._contexts.rebuild = lambda missing: Rebuilt([window(1)] * 2, ["one"])
    with pytest.raises(KVCacheValueError, match="rebuild put out 1 for 2 rows"):
        client.session.root([0, 1], OBSERVED)


def test_random_searches_with_chained_keys_keep_the_laws() -> None:
    assert shortest_wandering(ChainedSession) is None


@pytest.mark.parametrize("scope", SEARCHES, ids=["one environment", "two", "some of two"])
def test_a_session_of_chained_keys_does_what_the_specified_client_does(
    scope: SearchScope,
) -> None:
    told = [first_difference(scope, history, ChainedSession) for history in histories(scope)]
    assert set(told) == {None}
