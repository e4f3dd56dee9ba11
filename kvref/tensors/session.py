"""A tree search's side of the cache: roots, then simulations, each on its own working batch."""

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, NamedTuple, SupportsIndex, cast, overload

from torch import Tensor

from kvref.arguments import as_flag, as_size
from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.manager import KVCacheManager
from kvref.tensors.contexts import (
    Contexts,
    Entry,
    Rebuild,
    Source,
    WindowPool,
)
from kvref.tensors.handles import EnvIds, Handles
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.nodes import Keys, Naming, Node
from kvref.tensors.step import Step
from kvref.tensors.working import OnDrop, Positions
from kvref.together import all_or_nothing, clear_together


class Roots(NamedTuple):
    """Where a search begins, row by row: the node, where its context came from, and what the model
    put out for it, if `rebuild` or `children` told that."""

    nodes: tuple[Node, ...]
    sources: tuple[Source, ...]
    outputs: tuple[object, ...]


def as_scheme(positions: object, on_drop: object) -> tuple[Positions, OnDrop | None]:
    """Positions that are counted anew need somebody to write anew what is left."""
    if not isinstance(positions, Positions):
        raise KVCacheTypeError(f"positions must be one of Positions, not {show(positions)}")
    if on_drop is not None and not callable(on_drop):
        raise KVCacheTypeError(f"on_drop must be callable, not {show(on_drop)}")
    if positions is Positions.WINDOW and on_drop is None:
        raise KVCacheValueError(
            "positions counted from the oldest token that is left change when tokens are dropped: "
            "give on_drop, which writes what is left anew"
        )
    return positions, cast(OnDrop | None, on_drop)


class SearchSession:
    """Looks up contexts, hands out working batches, stores what the model makes of them.

    S3: the model writes only into working batches, which are copies; a stored window is never
    written again. What is stored is cut to `context_length` as W2 says, row by row. What raises
    stores nothing and counts nothing. Rows that one key stands for must hold one history, or the
    call is refused; so is one with more rows for a pool than that pool holds.

    Nodes have names: the key of a child is the hash of its parent's key and of what was appended,
    128 bits, that of a root names environment and role, and what is stored names the weights, so
    that S2 holds by construction, also where latents are equal. `root` and `Step.children` return
    the nodes; give these to `root`, `step` and `advance`.

    A manager serves one session at a time: give each role (collector, evaluator) its own, or
    `close()` the session before, which empties init and recur.

    Args:
        manager: the pools. SEALED ones let windows share the tokens that they have in common.
        rebuild: makes the contexts that no pool holds.
        context_length: the most tokens that a context has, new ones included: a step is given at
            most `context_length - tokens_per_step`.
        tokens_per_step: how many tokens the model appends in each step.
        keys: None for chained keys; else a function of latents (`by_env_and_latent()`,
            `by_latent`), with which `step` and `advance` take latents too. Nodes with equal latents
            then share an entry, and S2 holds only as far as equal latents mean equal histories.
        role: who searches, a number that chained keys are salted with.
        tokens: nodes keep what was appended to reach them (`Node.history`), for exact rebuilds.
        verify: a hit on a chained key also compares what the key was made of.
        positions: from where the model counts. From the oldest token that is left (`WINDOW`): what
            is left when tokens are dropped has to be written anew, which `on_drop` does.
        on_drop: called with a working batch (`keys_values`, `nodes`, `lengths`) and how many tokens
            each of its rows has lost, before the model's next tokens; writes in place through
            `get()`, from `nodes[row].history()`, say (`tokens=True`).
        grouped: working batches hold rows of equal length only, for models that cannot mask.
        simulations: how many a search has at most; `root` then refuses pools that are too small.
    """

    step_type: ClassVar[type[Step]] = Step

    def __init__(
        self,
        manager: KVCacheManager[KeysValues],
        rebuild: Rebuild,
        *,
        context_length: int,
        tokens_per_step: int = 2,
        keys: Keys | None = None,
        role: SupportsIndex = 0,
        tokens: bool = False,
        verify: bool = False,
        simulations: int | None = None,
        grouped: bool = False,
        positions: Positions = Positions.HISTORY,
        on_drop: OnDrop | None = None,
    ) -> None:
        if not isinstance(manager, KVCacheManager):
            raise KVCacheTypeError(f"manager must be a KVCacheManager, not {show(manager)}")
        self.manager = manager
        self.simulations = None if simulations is None else as_size(simulations, "simulations")
        self._naming = Naming(keys, role, as_flag(tokens, "tokens"), as_flag(verify, "verify"))
        handles = Handles(self._naming, manager.env_num)
        apart, scheme = as_flag(grouped, "grouped"), as_scheme(positions, on_drop)
        self._contexts = Contexts(
            manager, rebuild, context_length, tokens_per_step, handles, apart, scheme
        )
        self._contexts.claim()

    def close(self) -> None:
        """End the session: its entries go, and the manager may serve another."""
        self._contexts.refuse_if_open()
        self._contexts.claim()
        clear_together((*self.manager.init_pools, *self.manager.recur_pools))
        self._contexts.search_ends()
        self._contexts.let_go()

    def begin(
        self, env_ids: EnvIds, latents: Tensor, ids: Iterable[SupportsIndex] | None = None
    ) -> tuple[Node, ...]:
        """The nodes with which episodes, or recordings to be replayed, begin; nothing is looked up.

        `latents`: (environments, ...). `ids`: numbers of your own that name them instead.
        """
        return self._contexts.handles.named(env_ids, latents, ids)

    def follow(
        self,
        nodes: Iterable[Node],
        *appended: Tensor,
        ids: Iterable[SupportsIndex] | None = None,
        outputs: Iterable[object] | None = None,
    ) -> tuple[Node, ...]:
        """The nodes that appending this leads to; nothing is looked up and nothing stored.

        A root that is replayed has such a prefix: `begin`, then `follow` step by step, then `root`.
        """
        return self._contexts.handles.following(
            self._contexts.handles.given(nodes), appended, ids, outputs
        )

    @overload
    def root(self, rows: Iterable[Node], latents: None = None) -> Roots: ...
    @overload
    def root(self, rows: EnvIds, latents: Tensor) -> Roots: ...
    def root(self, rows: EnvIds | Iterable[Node], latents: Tensor | None = None) -> Roots:
        """Begin a search: recurrent windows go, of all environments; every root has one in init.

        Args: the roots' nodes; or, of episodes that begin, environment ids and `latents`
        (environments, ...). A root that its environment's init pool does not hold is rebuilt, all
        of these in one call, and stored there.
        """
        contexts = self._contexts
        contexts.refuse_if_open()
        contexts.claim()
        nodes = contexts.handles.given(rows) if latents is None else self.begin(rows, latents)  # type: ignore[arg-type]  # environment ids come with latents
        keys = contexts.handles.keys(nodes)
        contexts.handles.require_same_making(nodes, keys)
        places = [(self.manager.init_pools[n.env_id], k) for n, k in zip(nodes, keys, strict=True)]
        contexts.require_room(places)
        contexts.require_search(len(nodes), self.simulations)
        contexts.in_use = True
        try:
            return self._rooted(places, nodes, by_latents=latents is not None)
        finally:
            contexts.in_use = False

    def _rooted(
        self, rows: list[tuple[WindowPool, int]], nodes: tuple[Node, ...], by_latents: bool
    ) -> Roots:
        """Look up every root, rebuild and store those that are missing."""
        contexts, manager = self._contexts, self.manager
        found, keys = [pool._find(key) for pool, key in rows], [key for _, key in rows]
        if by_latents:
            nodes = contexts.handles.as_found(nodes, found)
        missing = [row for row, window in enumerate(found) if window is None]
        made = contexts.rebuilt(missing, nodes)
        rebuilt = [contexts.kept(one) for one in made.windows]
        new = [rows[row] for row in missing]
        contexts.require_one_history([pool for pool, _ in new], [key for _, key in new], rebuilt)
        with all_or_nothing(manager.pools):
            for node, (pool, key) in zip(nodes, rows, strict=True):
                with contexts.acting_for(node):
                    pool.get(key)
            manager.clear_recur_cache()
            contexts.search_ends()
            made_for = zip(missing, rebuilt, strict=True)
            contexts.store([Entry(*rows[row], nodes[row], window) for row, window in made_for])
            held = zip(rows, nodes, found, strict=True)
            gone = [Entry(*row, node, one) for row, node, one in held if one]
            contexts.store([one for one in gone if one.key not in one.pool])
            if any(key not in pool for pool, key in rows):
                raise KVCacheValueError(f"{len(rows)} roots do not stay in init beside each other")
        told = dict(zip(missing, made.outputs, strict=True))
        nodes = contexts.handles.as_stored(nodes, keys, found)
        contexts.handles.rooted(nodes, keys)
        contexts.handles.forget(self.manager.pools)
        return self._told(keys, nodes, told)

    def _told(self, keys: list[int], nodes: tuple[Node, ...], rebuilt: dict[int, object]) -> Roots:
        """Rows that were found put out what they did when they were made."""
        known = self._contexts.handles.outputs
        before = [
            known.get(key) if one.outputs is None else one.outputs
            for key, one in zip(keys, nodes, strict=True)
        ]
        outputs = [rebuilt.get(row, told) for row, told in enumerate(before)]
        whole = tuple(
            [replace(one, outputs=told) for one, told in zip(nodes, outputs, strict=True)]
        )
        self._contexts.handles.remember(whole, keys)
        sources = [Source.REBUILT if row in rebuilt else Source.INIT for row in range(len(nodes))]
        return Roots(whole, tuple(sources), tuple(outputs))

    @overload
    def step(self, rows: Iterable[Node], latents: None = None) -> Step: ...
    @overload
    def step(self, rows: EnvIds, latents: Tensor) -> Step: ...
    def step(self, rows: EnvIds | Iterable[Node], latents: Tensor | None = None) -> Step:
        """One simulation: the contexts of these parents, looked up in init, then in recur.

        Args: the parents' nodes; environment ids and latents, if `keys` are made of these.
        To be used in a `with` block; on leaving it, each row's window is stored in recur. A parent
        that had to be rebuilt is not stored again.
        """
        return self._step(rows, latents, recurrent=True)

    @overload
    def advance(self, rows: Iterable[Node], latents: None = None) -> Step: ...
    @overload
    def advance(self, rows: EnvIds, latents: Tensor) -> Step: ...
    def advance(self, rows: EnvIds | Iterable[Node], latents: Tensor | None = None) -> Step:
        """As `step`, for what really happened: windows are stored as roots, in init."""
        return self._step(rows, latents, recurrent=False)

    def _step(self, rows: EnvIds | Iterable[Node], latents: Tensor | None, recurrent: bool) -> Step:
        self._contexts.claim()
        nodes = self._contexts.handles.parents(rows, latents)
        return self.step_type(self._contexts, nodes, recurrent=recurrent)

    def stored_under(self, node: Node) -> int:
        """The key of a node's entry, in whichever pool: of the node, and of the weights now."""
        (key,) = self._contexts.handles.keys(self._contexts.handles.given((node,)))
        return key

    def _name_nodes(self, recordings: int) -> None:
        """So many more recordings of the manager ask for which node everything is, or fewer."""
        self._contexts.handles.record(recordings)

    def learned(self) -> None:
        """The weights have changed: every context goes, and names of entries change with them."""
        self._contexts.refuse_if_open()
        self._contexts.claim()
        clear_together((*self.manager.init_pools, *self.manager.recur_pools))
        self._contexts.search_ends()
        self._naming.version += 1
        self._contexts.handles.forget(self.manager.pools)

    def end_episode(self, env_id: SupportsIndex) -> None:
        """Forget an environment's roots."""
        self._contexts.claim()
        self._contexts.refuse_if_open()
        self.manager.clear_init_caches(env_id)
