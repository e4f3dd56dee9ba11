"""The handles of a search's nodes: made, checked, and what is remembered of those with entries."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import SupportsIndex, cast

import torch
from torch import Tensor

from kvref.arguments import as_env, as_integer, as_key, as_tuple
from kvref.errors import KVCacheTypeError, KVCacheValueError, number, show
from kvref.hashing import SupportsArray
from kvref.tensors.nodes import Naming, Node

EnvIds = Iterable[SupportsIndex] | Tensor | SupportsArray
"""Environment ids, one a row: a list, an array, a tensor."""


def require_rows(latents: object, rows: int) -> None:
    """A dense tensor with so many rows."""
    if not isinstance(latents, Tensor) or latents.is_nested or latents.layout is not torch.strided:
        raise KVCacheValueError(f"{rows} environments need as many latents, not {show(latents)}")
    if latents.dim() < 1 or latents.shape[0] != rows:
        told = tuple(latents.shape)
        raise KVCacheValueError(f"{rows} environments need as many latents, not {told}")


def as_ids(ids: Iterable[SupportsIndex] | None, rows: int) -> list[int] | None:
    """A caller's own numbers for so many nodes."""
    if ids is None:
        return None
    told = [as_integer(one, "id") for one in as_tuple(ids, "ids")]
    if len(told) != rows:
        raise KVCacheValueError(f"{rows} rows need as many ids, not {len(told)}")
    return told


class Handles:
    """The nodes of one session.

    `outputs`: what the model put out for nodes that have entries; `makings`: what their keys were
    made of, where that is verified; `histories`: of what is in init, environment by environment,
    where keys are of latents and a recording asks.
    """

    def __init__(self, naming: Naming, env_num: int) -> None:
        self.naming, self.env_num = naming, env_num
        self.outputs: dict[int, object] = {}
        self.makings: dict[int, bytes] = {}
        self.histories: dict[tuple[int, int], int | None] = {}

    def named(
        self,
        env_ids: EnvIds,
        latents: Tensor,
        ids: Iterable[SupportsIndex] | None = None,
    ) -> tuple[Node, ...]:
        """The roots of episodes that begin."""
        envs, latents = self._rows(env_ids, latents)
        return self.naming.roots(envs, latents, as_ids(ids, len(envs)))

    def _rows(self, env_ids: EnvIds, latents: Tensor) -> tuple[tuple[int, ...], Tensor]:
        """Environments, and a latent for each."""
        asked = as_tuple(cast(Iterable[SupportsIndex], env_ids), "env_ids")
        envs = tuple(as_env(env, self.env_num) for env in asked)
        require_rows(latents, len(envs))
        if not envs:
            raise KVCacheValueError("no environments to search")
        return envs, latents

    def given(self, nodes: object) -> tuple[Node, ...]:
        """Handles that a caller has, checked."""
        told = as_tuple(cast(Iterable[object], nodes), "nodes")
        for node in told:
            if not isinstance(node, Node):
                raise KVCacheTypeError(
                    f"expected nodes, which root() and children() return, not {show(node)}"
                )
            as_env(node.env_id, self.env_num)
            as_key(node.key)
            if not node.appended:
                raise KVCacheValueError(f"{show(node)} has no latent state")
        if not told:
            raise KVCacheValueError("no environments to search")
        return cast(tuple[Node, ...], told)

    def parents(self, rows: EnvIds | Iterable[Node], latents: Tensor | None) -> tuple[Node, ...]:
        """Who is asked for: nodes, or latents where these name nodes."""
        if latents is None:
            return self.given(rows)
        if self.naming.keys is None:
            raise KVCacheValueError(
                "latents do not name nodes, whose keys are chained: pass the nodes that root() and "
                "children() return, or choose keys=by_env_and_latent()"
            )
        return self.naming.met(*self._rows(cast(EnvIds, rows), latents))

    def following(
        self,
        nodes: tuple[Node, ...],
        appended: Iterable[Tensor],
        ids: Iterable[SupportsIndex] | None,
        outputs: Iterable[object] | None,
    ) -> tuple[Node, ...]:
        """The nodes that appending this to these leads to."""
        rows, told = as_tuple(appended, "what is appended"), outputs
        if not rows:
            raise KVCacheValueError("nothing was appended: an action and an observation, say")
        for one in rows:
            require_rows(one, len(nodes))
        put_out = None if told is None else as_tuple(told, "outputs")
        if put_out is not None and len(put_out) != len(nodes):
            raise KVCacheValueError(f"{len(put_out)} outputs for {len(nodes)} rows")
        return self.naming.children(nodes, rows, as_ids(ids, len(nodes)), put_out)

    def keys(self, nodes: Sequence[Node]) -> list[int]:
        """Under which each node's context is stored."""
        return [self.naming.stored_under(node) for node in nodes]

    def require_same_making(self, nodes: Sequence[Node], keys: Sequence[int]) -> None:
        """S4, where it is verified: what a resident key was made of is what this node's is. Of a
        node that another session has made nothing of the kind may be known."""
        for node, key in zip(nodes, keys, strict=True):
            if node.made_of and self.makings.get(key, node.made_of) != node.made_of:
                raise KVCacheValueError(
                    f"two histories have one key ({number(key)}): a hash collision, environment "
                    f"{node.env_id}"
                )

    def record(self, recordings: int) -> None:
        """So many more recordings ask for names, or fewer."""
        self.naming.recordings += recordings
        if not self.naming.recordings:
            self.histories.clear()

    def as_found(self, nodes: Sequence[Node], found: Sequence[object]) -> tuple[Node, ...]:
        """Of roots that were given by latents alone, and found: whose they are nobody says."""
        rows = zip(nodes, found, strict=True)
        return tuple([replace(n, chained=None) if self.naming.asked and e else n for n, e in rows])

    def as_stored(
        self, nodes: Sequence[Node], keys: Sequence[int], found: Sequence[object]
    ) -> tuple[Node, ...]:
        """Where nobody says whose these are, their history is that of what init holds for them."""
        if not self.naming.asked:
            return tuple(nodes)
        return tuple(
            [
                replace(one, chained=self._history(one.env_id, key))
                if one.chained is None and entry
                else one
                for one, key, entry in zip(nodes, keys, found, strict=True)
            ]
        )

    def _history(self, env: int, key: int) -> int:
        """Of an entry of init; a new one where none is known."""
        known = self.histories.get((env, key))
        if known is None:
            known = self.histories[env, key] = self.naming.unheard_of(env)
        return known

    def rooted(self, nodes: Sequence[Node], keys: Sequence[int]) -> None:
        """These are in init from now on."""
        if self.naming.asked:
            rows = zip(nodes, keys, strict=True)
            self.histories.update({(one.env_id, key): one.chained for one, key in rows})

    def remember(self, nodes: Sequence[Node], keys: Sequence[int]) -> None:
        """What the model put out for these nodes, and what their keys were made of."""
        for node, key in zip(nodes, keys, strict=True):
            if node.outputs is not None:
                self.outputs[key] = node.outputs
            if node.made_of:
                self.makings[key] = node.made_of

    def forget(self, pools: Iterable[Iterable[int]]) -> None:
        """What was remembered of entries that are gone."""
        if self.outputs or self.makings or self.histories:
            held = {key for pool in pools for key in pool}
            self.outputs = {key: one for key, one in self.outputs.items() if key in held}
            self.makings = {key: one for key, one in self.makings.items() if key in held}
            self.histories = {at: one for at, one in self.histories.items() if at[1] in held}
