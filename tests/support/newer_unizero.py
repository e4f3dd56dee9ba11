"""A client with UniZero's habits, and what its predictions must be.

It keeps one window of one environment and stores it again and again, reads and assigns private
fields to trim, pad, re-base and stack, and looks its nodes up by key. Its model counts with whole
numbers, so that every prediction is exact whatever the batch.
"""

from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from kvref.compat.lightzero.kv_cache_manager import KVCacheManager
from kvref.compat.lightzero.kv_caching import KeysValues, KVCache

LAYERS: Final = 2
HEADS: Final = 2
WIDTH: Final = 3
CONTEXT: Final = 10
DROPPED: Final = 2
KEPT: Final = CONTEXT - 3
REBASED: Final = torch.arange(KEPT * WIDTH).reshape(1, KEPT, WIDTH).float()
"""What is added to K and V of the tokens that stay, for their new positions."""

Manager = KVCacheManager[KeysValues]


def token(number: int) -> Tensor:
    """What the model is given for an observation or an action: (heads, 1, width)."""
    return torch.arange(HEADS * WIDTH).reshape(HEADS, 1, WIDTH).float() + number % 11


def layer_of(k: Tensor, v: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """K and V of a new token, and what the next layer is given; of these tokens before it."""
    new_k = (k.sum(dim=-2, keepdim=True) + 3 * x) % 97
    new_v = (v.sum(dim=-2, keepdim=True) + 5 * x + new_k) % 89
    return new_k, new_v, (x + new_v) % 101


def run(window: Sequence[KVCache] | KeysValues, x: Tensor) -> Tensor:
    """The model: it appends to the window, with a register token that is taken out again."""
    for layer in window:
        k, v, x = layer_of(*layer.get(), x)
        layer.update(torch.cat((k, k), dim=-2), torch.cat((v, v), dim=-2))
    return x


class Naive:
    """A node's K and V as lists of tokens, and its prediction; no cache at all."""

    def __init__(self) -> None:
        self.layers: list[tuple[list[Tensor], list[Tensor]]] = [([], []) for _ in range(LAYERS)]
        self.predicted = torch.zeros(0)

    def child(self, *numbers: int) -> "Naive":
        """The node behind these tokens; cut to `KEPT` tokens if it is as long as that."""
        made = Naive()
        made.layers = [(list(ks), list(vs)) for ks, vs in self.layers]
        for number in numbers:
            made.append(number)
        if len(made.layers[0][0]) >= CONTEXT - 1:
            made.layers = [(cut(ks), cut(vs)) for ks, vs in made.layers]
        return made

    def append(self, number: int) -> None:
        x = token(number)
        for ks, vs in self.layers:
            k, v, x = layer_of(joined(ks), joined(vs), x)
            ks.append(k)
            vs.append(v)
        self.predicted = x

    def held_by(self, window: KeysValues) -> bool:
        """Whether a window of one sample holds exactly these tokens."""
        mine = [(joined(ks), joined(vs)) for ks, vs in self.layers]
        its = [(k[0], v[0]) for k, v in (layer.get() for layer in window)]
        pairs = zip(mine, its, strict=True)
        return all(torch.equal(a, b) for (k, v), (x, y) in pairs for a, b in ((k, x), (v, y)))


def joined(tokens: list[Tensor]) -> Tensor:
    return torch.cat([torch.zeros(HEADS, 0, WIDTH), *tokens], dim=-2)


def cut(tokens: list[Tensor]) -> list[Tensor]:
    stay = tokens[DROPPED : CONTEXT - 1]
    return [one + REBASED[:, at : at + 1] for at, one in enumerate(stay)]


class Client:
    """Searches in several environments; counts what was wrong."""

    def __init__(self, manager: Manager, envs: int, seed: int) -> None:
        self.manager = manager
        self.rng = Random(seed)
        self.single = KeysValues(1, HEADS, CONTEXT, HEADS * WIDTH, LAYERS, torch.device("cpu"))
        self.batch = KeysValues(envs, HEADS, CONTEXT, HEADS * WIDTH, LAYERS, torch.device("cpu"))
        self.nodes: dict[int, Naive] = {}
        self.roots = [self.begin(env) for env in range(envs)]
        self.predictions = self.wrong = self.misses = 0

    def begin(self, env: int) -> int:
        """An episode's first root, from nothing."""
        self.single.remove_register_tokens(CONTEXT)
        observation = self.rng.randrange(1000)
        run(self.single, token(observation).unsqueeze(0))
        self.single.remove_register_tokens(1)
        key = self.named(Naive().child(observation))
        self.manager.set_init_cache(env, key, self.single)
        return key

    def named(self, node: Naive) -> int:
        key = self.rng.getrandbits(64)
        self.nodes[key] = node
        return key

    def expand(self, envs: list[int], parents: list[int], root: bool) -> list[int]:
        """One call of the model for these nodes: an action, then an observation."""
        self.retrieve(envs, parents)
        numbers = [[self.rng.randrange(1000) for _ in range(2)] for _ in envs]
        for at in range(2):
            made = run(self.batch, torch.stack([token(pair[at]) for pair in numbers]))
            self.batch.remove_register_tokens(1)
        rows = zip(parents, numbers, strict=True)
        children = [self.nodes[parent].child(*pair) for parent, pair in rows]
        self.predictions += len(children)
        pairs = zip(children, made, strict=True)
        self.wrong += sum(not torch.equal(one.predicted, row) for one, row in pairs)
        sizes = [size + 2 for size in self.manager.keys_values_wm_size_list]
        keys = [self.named(child) for child in children]
        for row, (env, key) in enumerate(zip(envs, keys, strict=True)):
            self.take_out(row, sizes[row], max(sizes))
            if root:
                self.manager.set_init_cache(env, key, self.single)
            else:
                self.manager.set_recur_cache(key, self.single)
        return keys

    def retrieve(self, envs: list[int], keys: list[int]) -> None:
        """The batch holds these nodes' windows, padded on the left to the longest."""
        windows, sizes = self.manager.keys_values_wm_list, self.manager.keys_values_wm_size_list
        windows.clear()
        sizes.clear()
        for env, key in zip(envs, keys, strict=True):
            hit = self.manager.hierarchical_get(env, key)
            if hit is None:
                self.misses += 1
                hit = self.single
            self.wrong += not self.nodes[key].held_by(hit)
            windows.append(deepcopy(hit))
            sizes.append(hit.size)
        longest = max(sizes)
        for number, layer in enumerate(self.batch._keys_values):
            parts = [one[number] for one in windows]
            ks = [padded(p._k_cache._cache, longest - p._k_cache._size) for p in parts]
            vs = [padded(p._v_cache._cache, longest - p._v_cache._size) for p in parts]
            layer._k_cache._cache = torch.stack(ks).squeeze(1)
            layer._v_cache._cache = torch.stack(vs).squeeze(1)
            layer._k_cache._size = layer._v_cache._size = longest

    def take_out(self, row: int, size: int, longest: int) -> None:
        """The one window holds this row, without its padding, cut and re-based if it is full."""
        before = longest - size
        for mine, its in zip(self.batch._keys_values, self.single._keys_values, strict=True):
            for whole, part in zip(mine.parts, its.parts, strict=True):
                tokens = whole._cache[row]
                if before:
                    tokens = pad(tokens[:, before:], (0, 0, 0, before))
                part._cache, part._size = tokens.unsqueeze(0), size
                if part._size >= CONTEXT - 1:
                    stay = part._cache[:, :, DROPPED : CONTEXT - 1].squeeze(0)
                    stay += REBASED
                    part._cache = pad(stay, (0, 0, 0, CONTEXT - KEPT)).unsqueeze(0)
                    part._size = KEPT

    def search(self, simulations: int) -> None:
        """From every root; of each simulation some environments are done early."""
        tree = [[root] for root in self.roots]
        for _ in range(simulations):
            envs = [env for env in range(len(tree)) if self.rng.random() < 0.8] or [0]
            keys = self.expand(envs, [self.rng.choice(tree[env]) for env in envs], root=False)
            for env, key in zip(envs, keys, strict=True):
                tree[env].append(key)
        self.manager.clear_recur_cache()

    def act(self) -> None:
        """Every environment goes on by a step, and one may begin a new episode."""
        envs = list(range(len(self.roots)))
        assert all(
            root in pool._key_to_index  # type: ignore[attr-defined]  # a pool of these makes it
            for root, pool in zip(self.roots, self.manager.init_pools, strict=True)
        )
        self.roots = self.expand(envs, self.roots, root=True)
        if self.rng.random() < 0.2:
            env = self.rng.choice(envs)
            self.manager.clear_init_caches(env)
            self.roots[env] = self.begin(env)


def padded(cache: Tensor, before: int) -> Tensor:
    """The whole storage, moved back by so many columns of zeros."""
    return pad(cache[:, :, :-before], (0, 0, before, 0)) if before else cache
