"""Contexts made anew from their nodes' histories, as each scheme of positions has it."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import cast

import torch
from torch import Tensor

from kvref.compat.lightzero.published import Outputs, WorldModel
from kvref.tensors import KeysValues, Missing, Node, Rebuilt, Working, split
from kvref.window_drop import drop

History = tuple[tuple[Tensor, ...], ...]
"""((step,), (latent,), (action, step, latent), ...): an episode's, from where it began on; or, of
one that was `shortened`, the last of these."""


def put_out(outputs: Outputs, rows: int) -> list[Outputs]:
    """What a forward pass put out, row by row."""
    return [of_row(outputs, row) for row in range(rows)]


def of_row(outputs: Outputs, row: int) -> Outputs:
    return with_tensors(outputs, [one[row] for one in tensors_of(outputs)])


def tensors_of(outputs: Outputs) -> list[Tensor]:
    """Those of its fields that are tensors."""
    assert is_dataclass(outputs)
    told = [getattr(outputs, one.name) for one in fields(outputs)]
    return [one for one in told if isinstance(one, Tensor)]


def with_tensors(outputs: Outputs, tensors: Sequence[Tensor]) -> Outputs:
    """The same with other tensors in these fields."""
    assert is_dataclass(outputs)
    given = iter(tensors)
    told = {one.name: getattr(outputs, one.name) for one in fields(outputs)}
    made = {name: next(given) if isinstance(one, Tensor) else one for name, one in told.items()}
    return cast(Outputs, type(outputs)(**made))


def joined(outputs: Sequence[Outputs]) -> Outputs:
    """One that holds the rows of all."""
    rows = zip(*[tensors_of(one) for one in outputs], strict=True)
    return with_tensors(outputs[0], [torch.stack(each) for each in rows])


class Model:
    """The world model's forward passes over windows of kvref, step by step or anew.

    Attributes:
        reach: what is left depends on so many steps at most: each layer looks one context back.
    """

    def __init__(self, model: WorldModel) -> None:
        self.model = model
        self.rotary = bool(model.config.rotary_emb)
        self.reach = model.num_layers * model.context_length // 2 + 1
        self._one = next(iter(model.parameters()))
        self.dtype = self._one.dtype

    @property
    def device(self) -> torch.device:
        return self._one.device

    def empty(self, rows: int, first: int = 0) -> KeysValues:
        model = self.model
        return KeysValues(
            rows,
            model.num_heads,
            model.context_length,
            model.embed_dim,
            model.num_layers,
            self.device,
            first=first,
            dtype=self.dtype,
        )

    def begin(self, latents: Tensor, steps: Sequence[int], keys_values: KeysValues) -> Outputs:
        """Append the first token of so many contexts, an observation."""
        return self.model.forward(
            {"obs_embeddings": latents}, keys_values, is_init_infer=True, start_pos=list(steps)
        )

    def grow(
        self,
        keys_values: KeysValues,
        lengths: Sequence[int],
        masks: Sequence[Tensor | None],
        actions: Tensor,
        steps: Sequence[int],
        latents: Tensor | None,
    ) -> tuple[Outputs, Outputs, Tensor]:
        """Append an action and an observation, the predicted one if none is given.

        With rotary embeddings the observation of step t has position 2t, the action before it 2t-1.
        """
        made = list[Outputs]()
        for more, (name, token) in enumerate(
            (("act_tokens", actions), ("obs_embeddings", latents))
        ):
            if token is None:
                token = made[0].logits_observations
                latents = token = token if token.dim() == 3 else token.unsqueeze(1)
            # straight into its dict: a module looks at every parameter when it is assigned to
            vars(self.model)["keys_values_wm_size_list_current"] = [one + more for one in lengths]
            made.append(
                self.model.forward(
                    {name: token},
                    keys_values,
                    is_init_infer=False,
                    valid_context_lengths=masks[more],
                    start_pos=[step - 1 for step in steps],
                    search_depth=[0] * len(steps),
                )
            )
        assert latents is not None
        return made[0], made[1], latents

    def actions(self, actions: Sequence[object] | Tensor) -> Tensor:
        """As tokens: (rows, 1), or (rows, size of the action space) of continuous ones."""
        if self.model.continuous_action_space:
            told = [torch.as_tensor(one, dtype=torch.float32) for one in actions]
            return torch.stack(told).to(self.device).reshape(-1, self.model.action_space_size)
        return torch.as_tensor(actions, dtype=torch.int64, device=self.device).reshape(-1, 1)

    def rebuild(self, missing: Missing) -> Rebuilt:
        """The windows of nodes that no pool holds, and what the model puts out for them; those
        whose histories are of one length are made together."""
        histories = [self.recent(node.history()) for node in missing.nodes]
        alike: dict[int, list[int]] = {}
        for row, history in enumerate(histories):
            alike.setdefault(len(history), []).append(row)
        make = self._appended if self.rotary else self._afresh
        made: dict[int, tuple[KeysValues, Outputs]] = {}
        for rows in alike.values():
            windows, outputs = make([histories[row] for row in rows])
            told = put_out(outputs, len(rows))
            made |= {row: (windows[n], told[n]) for n, row in enumerate(rows)}
        ordered = [made[row] for row in range(len(histories))]
        return Rebuilt([window for window, _ in ordered], [told for _, told in ordered])

    def recent(self, history: History) -> History:
        """As much of it as anything that is left can depend on, as a history of its own."""
        if len(history) <= self.reach + 1 and len(history[0]) == 1:
            return history
        _, step, latent = history[-self.reach]
        return ((step,), (latent,), *history[1 - self.reach :])

    def shortened(self, node: Node) -> Node:
        """The same node, that keeps no more of its history than `recent` asks for."""
        chain = [node]
        while len(chain) <= self.reach and chain[-1].parent is not None:
            chain.append(chain[-1].parent)
        if chain[-1].parent is None:
            return node
        made: Node | None = None
        for one in reversed(chain):
            made = replace(one, parent=made)
        return cast(Node, made)

    def _appended(self, histories: Sequence[History]) -> tuple[tuple[KeysValues, ...], Outputs]:
        """Keys and values as they were appended: with what was dropped meanwhile they have to do as
        well."""
        rows, (origin, first, *later) = len(histories), list(zip(*histories, strict=True))
        window = self.empty(rows)
        steps = [int(one) for (one,) in origin]
        outputs = self.begin(torch.stack([one for (one,) in first]), steps, window)
        for appended in later:
            actions, places, latents = (torch.stack(each) for each in zip(*appended, strict=True))
            window = without_oldest(window, drop(self.model.context_length, window.size, 2))
            lengths, steps = [window.size] * rows, [int(one) for one in places]
            _, outputs, _ = self.grow(window, lengths, (None, None), actions, steps, latents)
        size, gone = window.size, window.first
        return split(window, [size] * rows, firsts=[gone] * rows), outputs

    def _afresh(self, histories: Sequence[History]) -> tuple[tuple[KeysValues, ...], Outputs]:
        """The tokens that are left, at positions from 0 on."""
        rows, whole = len(histories), 2 * len(histories[0]) - 3
        gone = drop(self.model.context_length, whole, 0)
        window = self.empty(rows, gone)
        before = whole - gone - 1
        if before:
            tokens = torch.stack([self.tokens(one, whole - gone)[:-1] for one in histories])
            self.afresh(tokens, window)
        latents = torch.stack([one[-1][-1] for one in histories])
        outputs = self.begin(latents, [0] * rows, window)
        return split(window, [whole - gone] * rows, firsts=[gone] * rows), outputs

    def afresh(self, tokens: Tensor, window: KeysValues) -> None:
        """Append so many tokens (rows, tokens, embed_dim) at positions from 0 on."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        self.model.transformer(tokens + self.model.pos_emb(places), window)

    def tokens(self, history: History, count: int) -> Tensor:
        """The embeddings of a history's last so many tokens, the last an observation's."""
        embedded = list[Tensor]()
        for appended in reversed(history[1:]):
            embedded.append(appended[-1].reshape(1, -1))
            if len(embedded) < count and len(appended) > 1:
                embedded.append(self._embedded(appended[0]))
            if len(embedded) >= count:
                break
        return torch.cat(embedded[::-1])

    def _embedded(self, action: Tensor) -> Tensor:
        return self.model.act_embedding_table(action.unsqueeze(0)).reshape(1, -1)

    def renew(self, batch: Working, dropped: Tensor) -> None:
        """Rows that have lost tokens: what is left, written anew at positions from 0 on."""
        rows = [row for row, gone in enumerate(batch.dropped) if gone]
        for size in {batch.lengths[row] for row in rows}:
            some = [row for row in rows if batch.lengths[row] == size]
            tokens = torch.stack([self.tokens(batch.nodes[row].history(), size) for row in some])
            window = self.empty(len(some))
            self.afresh(tokens, window)
            for old, new in zip(batch.keys_values, window, strict=True):
                for target, source in zip(old.get(), new.get(), strict=True):
                    target[some, :, -size:] = source


def without_oldest(window: KeysValues, count: int) -> KeysValues:
    """A window without its oldest tokens, itself if none are to go."""
    if not count:
        return window
    rows, heads, _, head_dim = window.shape
    made = KeysValues(
        rows,
        heads,
        window.max_tokens,
        heads * head_dim,
        len(window),
        window.device,
        first=window.first + count,
        dtype=window.dtype,
    )
    for new, old in zip(made, window, strict=True):
        new.update(*[half[:, :, count:] for half in old.get()])
    return made


def step_of(node: Node) -> int:
    """Which step of its episode a node's observation is of."""
    return int(node.appended[-2] if len(node.appended) > 1 else cast(Node, node.parent).latent)
