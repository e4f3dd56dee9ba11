"""The search of a published world model on a `SearchSession`: what replaces its two inferences."""

from collections.abc import Callable, Sequence
from typing import Final, SupportsInt, cast

import torch
from torch import Tensor

from kvref.compat.lightzero.published import Inference, Outputs, WorldModel
from kvref.compat.lightzero.replaying import Model, joined, put_out, step_of
from kvref.compat.lightzero.tree import Tree
from kvref.compat.lightzero.weights import Weights
from kvref.errors import KVCacheValueError
from kvref.manager import KVCacheManager
from kvref.tensors import KeysValues, Node, Positions, SearchSession, Source, Working

REENCODED: Final = 1e-3
"""How far an observation that is encoded again, in another batch, may be from what it was."""


class Search:
    """Roots and simulations of one world model, whose rows are its environments.

    S2: a node's context is found under the node's own name. A root goes on from its row's last
    root if that can be of the step before and is what the observation before encodes to; otherwise,
    and after the weights have changed, its history begins with the observation before, as a lookup
    that misses has it in the published model. The search of reanalysis keeps no contexts there, and
    is left to the published model.
    """

    def __init__(
        self,
        model: WorldModel,
        manager: KVCacheManager[KeysValues],
        tree: Tree,
        grouped: bool,
        published: tuple[Callable[..., Outputs], Callable[..., Inference]],
    ) -> None:
        self.model, self.tree, self.manager = model, tree, manager
        self.forward = Model(model)
        self.masks = not grouped
        self._published_roots, self._published_simulation = published
        rotary = self.forward.rotary
        self.session = SearchSession(
            manager,
            self.forward.rebuild,
            context_length=model.context_length,
            tokens=True,
            grouped=grouped,
            positions=Positions.HISTORY if rotary else Positions.WINDOW,
            on_drop=None if rotary else self.forward.renew,
        )
        self._latest: dict[int, Node] = {}
        self._nodes: list[list[Node]] = []
        self._weights = Weights(model)

    def close(self) -> None:
        self._weights.close()
        self.session.close()

    def forget(self) -> None:
        """The weights have changed, or the published caches were cleared: every history ends."""
        self.session.learned()
        self._latest.clear()
        self._nodes.clear()
        self._weights.look()

    @torch.no_grad()
    def roots(
        self,
        last_obs_embeddings: Tensor,
        batch_action: Sequence[object] | None = None,
        current_obs_embeddings: Tensor | None = None,
        start_pos: Sequence[int] | int = 0,
    ) -> Outputs:
        """The initial inference: every row's root, in init, and what the model puts out for it."""
        before, observed = last_obs_embeddings, current_obs_embeddings
        if observed is None or batch_action is None or len(before) > self.model.env_num:
            return self._published_roots(before, batch_action, observed, start_pos)
        if self._weights.changed():
            self.forget()
        steps = steps_of(start_pos, len(observed))
        told = min(len(batch_action), len(before), len(observed))  # another role may have had fewer
        going = [row for row in range(told) if not self._first(batch_action[row])]
        begun = [row for row in range(len(observed)) if row not in going]
        nodes = dict(zip(begun, self._begun(begun, steps, observed), strict=True))
        nodes |= self._advanced(going, steps, before, batch_action, observed)
        rows = range(len(observed))
        roots = self.session.root([nodes[row] for row in rows])
        self._latest |= {row: self.forward.shortened(roots.nodes[row]) for row in rows}
        self._nodes = [[node] for node in roots.nodes]
        return joined([cast(Outputs, one) for one in roots.outputs])

    def _first(self, action: object) -> bool:
        """Whether no action has led to this observation: its episode begins, for the policy."""
        if self.model.continuous_action_space:
            return not hasattr(action, "shape") or getattr(action, "shape", ()) == ()
        return int(cast(int, action)) == -1

    def _begun(self, rows: Sequence[int], steps: Sequence[int], latents: Tensor) -> list[Node]:
        """Roots whose histories begin with this observation: at which step counts, too."""
        if not rows:
            return []
        steps_ = torch.tensor([[steps[row]] for row in rows])
        origins = self.session.begin(list(rows), steps_)
        return list(self.session.follow(origins, latents[list(rows)]))

    def _advanced(
        self,
        rows: Sequence[int],
        steps: Sequence[int],
        before: Tensor,
        actions: Sequence[object],
        observed: Tensor,
    ) -> dict[int, Node]:
        """Roots that an action has led to, stored in init."""
        if not rows:
            return {}
        known = {row: self._going_on(row, steps[row], before[row]) for row in rows}
        new = [row for row, node in known.items() if node is None]
        known |= dict(zip(new, self._begun(new, [n - 1 for n in steps], before), strict=True))
        self.model.root_total_query_cnt += len(rows)
        acted = self.forward.actions([actions[row] for row in rows])
        now, places = observed[list(rows)], [steps[row] for row in rows]
        with self.session.advance([cast(Node, known[row]) for row in rows]) as step:
            made: list[Outputs] = [None] * len(rows)  # type: ignore[list-item]  # filled below

            def call(batch: Working) -> tuple[Tensor, ...]:
                _, outputs, _ = self._grown(batch, acted, places, now)
                told = put_out(outputs, len(batch.rows))
                for row, one in zip(batch.rows, told, strict=True):
                    made[row] = one
                return ()

            step.run(call)
            where = torch.tensor(places).unsqueeze(1)
            nodes = step.children(acted, where, now, outputs=made)
        self.model.root_hit_cnt += step.sources.count(Source.INIT)
        return dict(zip(rows, nodes, strict=True))

    def _going_on(self, row: int, step: int, before: Tensor) -> Node | None:
        """The row's last root, if that is where this one comes from: of the step before, or of the
        same where environments tell no steps."""
        node = self._latest.get(row)
        if node is None or node.latent.shape != before.shape:
            return None
        if step - step_of(node) not in (0, 1):
            return None
        same = torch.allclose(node.latent, before, rtol=REENCODED, atol=REENCODED)
        return node if same else None

    @torch.no_grad()
    def simulate(
        self,
        state_action_history: Sequence[tuple[object, object]],
        simulation_index: int = 0,
        search_depth: Sequence[int] = (),
        start_pos: Sequence[int] | int = 0,
    ) -> Inference:
        """The recurrent inference: every row's leaf expanded by its action."""
        if self.model.reanalyze_phase or not self._nodes:
            return self._published_simulation(
                state_action_history, simulation_index, search_depth, start_pos
            )
        states, actions = state_action_history[-1]
        latents = torch.as_tensor(states, device=self.forward.device)
        depths = [int(one) for one in search_depth]
        if len(depths) != len(latents):
            raise KVCacheValueError(f"search_depth tells of {len(depths)} rows, not {len(latents)}")
        parents = self._parents(latents, depths)
        steps = [
            start + depth + 1
            for start, depth in zip(steps_of(start_pos, len(parents)), depths, strict=True)
        ]
        acted = self.forward.actions(cast(Tensor, actions))
        with self.session.step(parents) as step:

            def call(batch: Working) -> Inference:
                reward, outputs, made = self._grown(batch, acted, steps, None)
                return (
                    outputs.output_sequence,
                    made,
                    reward.logits_rewards,
                    outputs.logits_policy,
                    outputs.logits_value,
                )

            result = step.run(call)
            children = step.children(acted, torch.tensor(steps).unsqueeze(1), result[1])
        told, rebuilt = vars(self.model), step.sources.count(Source.REBUILT)
        told["total_query_count"] += len(parents)
        told["hit_count"] += len(parents) - rebuilt
        for nodes, child in zip(self._nodes, children, strict=True):
            nodes.append(child)
        told["latent_state"] = result[1]
        return cast(Inference, result)

    def _grown(
        self, batch: Working, actions: Tensor, steps: Sequence[int], latents: Tensor | None
    ) -> tuple[Outputs, Outputs, Tensor]:
        """A working batch's contexts, each with an action and an observation more."""
        rows, every = list(batch.rows), len(batch.rows) == len(actions)
        uneven = len(set(batch.lengths)) > 1
        masks = (batch.mask(1), wider(batch.mask(1))) if uneven else (None, None)
        if not every:
            actions = actions[rows]
            latents = None if latents is None else latents[rows]
        some = [steps[row] for row in rows]
        return self.forward.grow(batch.keys_values, batch.lengths, masks, actions, some, latents)

    def _parents(self, latents: Tensor, depths: Sequence[int]) -> list[Node]:
        """Which node each row expands: the tree tells; a latent that only one node has does too."""
        rows, told = len(latents), self.tree.expanding()
        if rows != len(self._nodes):
            raise KVCacheValueError(f"{rows} rows are simulated, of {len(self._nodes)} roots")
        if told is None or len(told) != rows:
            return [self._only(row, latents[row], depths[row]) for row in range(rows)]
        if any(place >= len(nodes) for place, nodes in zip(told, self._nodes, strict=True)):
            raise KVCacheValueError(f"the tree expands nodes that this search has not: {told}")
        nodes = [nodes[place] for place, nodes in zip(told, self._nodes, strict=True)]
        held = torch.stack([node.latent for node in nodes])
        if not torch.equal(held.view_as(latents), latents):
            raise KVCacheValueError("the tree expands a node whose latent state is another")
        return nodes

    def _only(self, row: int, latent: Tensor, depth: int) -> Node:
        root = step_of(self._nodes[row][0])
        alike = [
            node
            for place, node in enumerate(self._nodes[row])
            if torch.equal(node.latent.reshape(-1), latent.reshape(-1))
            and (depth == 1 if not place else step_of(node) - root == depth)
        ]
        if len(alike) != 1:
            raise KVCacheValueError(
                f"row {row} expands one of {len(alike)} nodes with this latent state, and no tree "
                "tells which"
            )
        return alike[0]


def wider(mask: Tensor) -> Tensor:
    """The mask of the next token, for the one after it."""
    return torch.cat((mask, mask[..., -1:]), dim=-1)


def steps_of(start_pos: Sequence[object] | int, rows: int) -> list[int]:
    """At which step of its episode each row is: one for all, numbers, or arrays of one number."""
    told = [start_pos] if isinstance(start_pos, int) else [number_of(one) for one in start_pos]
    if len(told) == 1:
        return told * rows
    if len(told) < rows:
        raise KVCacheValueError(f"start_pos tells the steps of {len(told)} rows, not of {rows}")
    return told[:rows]


def number_of(step: object) -> int:
    """Of a number, or of an array that holds one."""
    item: Callable[[], int] | None = getattr(step, "item", None)
    return int(cast(SupportsInt, step) if item is None else item())
