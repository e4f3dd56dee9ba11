"""What of the published system is used here, as types: it ships none and is not always there."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

Outputs: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Hidden state, latent, reward, policy and value logits: what both kinds of inference return."""

History: TypeAlias = Sequence[tuple[NDArray[np.float32], Tensor]]
"""The latents that a simulation expanded and the actions taken there, oldest simulation first."""


class Given(TypedDict):
    """What a root's inference is given: observations, the actions taken there, what followed."""

    obs: Tensor
    action: Sequence[int]
    current_obs: Tensor | None


class Layer(Protocol):
    """One layer's keys and values, as the published attention uses them."""

    @property
    def shape(self) -> tuple[int, int, int, int]: ...
    def update(self, k: Tensor, v: Tensor) -> None: ...
    def get(self) -> tuple[Tensor, Tensor]: ...


class Config(Protocol):
    rotary_emb: bool


class Transformer(Protocol):
    @property
    def blocks(self) -> nn.ModuleList: ...
    def __call__(
        self,
        sequences: Tensor,
        past_keys_values: Sequence[Layer] | None = None,
        *,
        start_pos: Sequence[int],
    ) -> Tensor: ...


class Head(Protocol):
    @property
    def head_module(self) -> nn.Sequential: ...


class WorldModel(Protocol):
    config: Config
    context_length: int
    num_heads: int
    embed_dim: int
    reanalyze_phase: bool
    transformer: Transformer
    head_rewards: Head
    head_observations: Head
    head_policy: Head
    head_value: Head
    act_embedding_table: nn.Embedding
    pos_emb: nn.Embedding
    """Where positions are learned; with RoPE there is none."""

    def parameters(self) -> Iterator[nn.Parameter]: ...

    forward_initial_inference: Callable[..., Outputs]
    forward_recurrent_inference: Callable[..., Outputs]


class Model(Protocol):
    world_model: WorldModel
    representation_network: nn.Module


class Policy(Protocol):
    _collect_model: Model
    _optimizer_world_model: Optimizer

    @property
    def collect_mode(self) -> object: ...


class Tree(Protocol):
    def batch_traverse(self, *given: object) -> tuple[Sequence[int], ...]:
        """For each row which node it expands, by number; and more."""
