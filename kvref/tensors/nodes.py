"""Nodes of a search, and how they are named: by their histories, or by their latents."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import SupportsIndex, cast

import torch
import xxhash
from torch import Tensor

from kvref.arguments import as_integer, as_key, as_tuple
from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.tensors.hashing import hash_states, row_bytes, salted_hash_states

Keys = Callable[[tuple[int, ...], Tensor], Sequence[int]]
"""(environment ids, latents) -> a key for each row: names that nodes with equal latents share."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A handle: the node of a search under whose name its context is stored.

    S4: two nodes with equal keys have equal histories, but for a collision of 128 bits; with keys
    of latents, as far as equal latents mean that. `SearchSession.root` and `Step.children` make
    handles; keep them where your tree keeps its nodes. Equal and hashed by environment and key.

    Attributes:
        env_id: its environment.
        key: its name.
        appended: what led to it from its parent, a row of each tensor: an action, an observation,
            say; the last is its latent state.
        parent: where the session keeps a record (`tokens=True`), what it was appended to.
        outputs: what the model made of it, if the session was told.
        chained: its chained name, by its history, where that is known whatever its key is.
    """

    env_id: int
    key: int
    appended: tuple[Tensor, ...] = field(default=(), repr=False)
    parent: "Node | None" = field(default=None, repr=False)
    outputs: object = field(default=None, repr=False)
    made_of: bytes = field(default=b"", repr=False)
    chained: int | None = field(default=None, repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and (self.env_id, self.key) == (other.env_id, other.key)

    def __hash__(self) -> int:
        return hash((self.env_id, self.key))

    @property
    def latent(self) -> Tensor:
        """Its latent state, a row of what was appended last."""
        return self.appended[-1]

    def history(self) -> tuple[tuple[Tensor, ...], ...]:
        """What was appended, from the first root on, where the session keeps a record of it."""
        chain, node = list[tuple[Tensor, ...]](), self
        while node.parent is not None:
            chain.append(node.appended)
            node = node.parent
        return (node.appended, *reversed(chain))


def by_latent(env_ids: tuple[int, ...], latents: Tensor) -> Sequence[int]:
    """Keys of the latents alone: environments with equal latents share an entry (M5)."""
    return hash_states(latents)


def by_env_and_latent(version: int = 0) -> Keys:
    """Keys that no two environments share, nor two versions of the weights.

    Nodes of one environment with equal latents share an entry, whatever their histories: S2 holds
    only where there are none. Fresh networks, and heads that start at zero, make many.
    """

    def keys(env_ids: tuple[int, ...], latents: Tensor) -> Sequence[int]:
        return salted_hash_states(latents, [(env, version) for env in env_ids])

    return keys


class Naming:
    """How a session names nodes: a chained key is the hash of the parent's and of what was appended
    to it, of a root its environment's and role's; else a key is of the latents alone.

    Args: as `SearchSession`. `recordings`: how many ask for chained names, whatever the keys are.
    """

    def __init__(self, keys: Keys | None, role: SupportsIndex, tokens: bool, verify: bool) -> None:
        if keys is not None and not callable(keys):
            raise KVCacheTypeError(f"keys must be callable, not {show(keys)}")
        self.keys, self.role = keys, as_integer(role, "role")
        self.tokens, self.verify = tokens, verify
        self.version = self.recordings = self._unheard_of = 0

    @property
    def asked(self) -> bool:
        """Whether names are wanted that are not the keys."""
        return self.keys is not None and self.recordings > 0

    def unheard_of(self, env: int) -> int:
        """The name of a history that nobody has told, unlike all others."""
        self._unheard_of += 1
        return xxhash.xxh3_128_intdigest(f"found {env} {self.role} {self._unheard_of}".encode())

    def stored_under(self, node: Node) -> int:
        """The key of a node's entry: chained keys name the weights as well."""
        if self.keys is not None:
            return node.key
        return xxhash.xxh3_128_intdigest(f"weights {self.version} of {node.key:x}".encode())

    def history_of(self, node: Node) -> int | None:
        """S4 by construction: a number that names a node's history, where it is known."""
        return node.key if self.keys is None else node.chained

    def met(self, envs: tuple[int, ...], latents: Tensor) -> tuple[Node, ...]:
        """Of nodes somewhere in a search, of which no more than their latents is known."""
        return self._made(envs, (None,) * len(envs), (None,) * len(envs), (latents,), None, None)

    def roots(
        self, envs: tuple[int, ...], latents: Tensor, ids: Sequence[int] | None = None
    ) -> tuple[Node, ...]:
        """Of episodes that begin, given by latents or by ids."""
        origins = [f"root {env} {self.role}\0".encode() for env in envs]
        return self._made(envs, (None,) * len(envs), origins, (latents,), ids, None)

    def children(
        self,
        parents: Sequence[Node],
        appended: tuple[Tensor, ...],
        ids: Sequence[int] | None = None,
        outputs: Sequence[object] | None = None,
    ) -> tuple[Node, ...]:
        envs = tuple(one.env_id for one in parents)
        before = [self.history_of(one) for one in parents]
        origins = [None if one is None else f"step {one:x}\0".encode() for one in before]
        return self._made(envs, parents, origins, appended, ids, outputs)

    def _made(
        self,
        envs: tuple[int, ...],
        parents: Sequence[Node | None],
        origins: Sequence[bytes | None],
        appended: tuple[Tensor, ...],
        ids: Sequence[int] | None,
        outputs: Sequence[object] | None,
    ) -> tuple[Node, ...]:
        kept = tuple([one.detach().clone() for one in appended])
        made_of = self._making(envs, origins, kept, ids)
        chained = [None if one is None else xxhash.xxh3_128_intdigest(one) for one in made_of]
        given = None if ids is not None else self.keys
        names: Sequence[int | None] = chained if given is None else keys_of(given, envs, kept[-1])
        rows = list(zip(*[one.unbind() for one in kept], strict=True))
        return tuple(
            [
                Node(
                    env,
                    cast(int, names[row]),
                    rows[row],
                    parents[row] if self.tokens else None,
                    None if outputs is None else outputs[row],
                    made_of[row] or b"" if self.verify and given is None else b"",
                    chained[row],
                )
                for row, env in enumerate(envs)
            ]
        )

    def _making(
        self,
        envs: tuple[int, ...],
        origins: Sequence[bytes | None],
        appended: tuple[Tensor, ...],
        ids: Sequence[int] | None,
    ) -> list[bytes | None]:
        """What chained names are made of, row by row, where anybody asks for them."""
        if ids is not None:
            told = zip(envs, ids, strict=True)
            return [f"id {env} {self.role} {number:x}\0".encode() for env, number in told]
        if self.keys is not None and not self.asked:
            return [None] * len(envs)
        rows = zip(origins, row_bytes(appended), strict=True)
        return [None if origin is None else origin + row for origin, row in rows]


def keys_of(keys: Keys, envs: tuple[int, ...], latents: Tensor) -> list[int]:
    """What a function of latents makes, checked."""
    made = as_tuple(keys(envs, latents), "what keys made")
    if len(made) != len(envs):
        raise KVCacheValueError(f"keys made {len(made)} keys for {len(envs)} rows")
    return [as_key(key) for key in made]


def stacked(nodes: Sequence[Node]) -> Tensor:
    """The latent states of so many nodes."""
    shapes = {tuple(one.latent.shape) for one in nodes}
    if len(shapes) > 1:
        raise KVCacheValueError(f"latents of one call must be alike, not of shapes {shapes}")
    return torch.stack([one.latent for one in nodes])
