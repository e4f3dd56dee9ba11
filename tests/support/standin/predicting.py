"""What the stand-in makes of tokens: the forward pass of the published world model."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import cast

import torch
from torch import Tensor, nn

from tests.support.standin.attention import Config
from tests.support.standin.transformer import (
    AnyWindow,
    Array,
    Lengths,
    Steps,
    Transformer,
    numbers,
)

SEEN = 5
SUPPORT = 7


class Dynamics(Enum):
    """How far the latent states differ that are predicted."""

    RANDOM = "all differ"
    COARSE = "some nodes have equal ones"
    FRESH = "hardly any two differ"
    ZERO = "all are equal"


@dataclass
class Output:
    output_sequence: Tensor
    logits_observations: Tensor
    logits_rewards: Tensor
    logits_ends: None
    logits_policy: Tensor
    logits_value: Tensor


class Tokenizer(nn.Module):
    """An observation that is encoded again may differ by `jitter`, as in batches of other sizes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encode = nn.Linear(SEEN, width)
        self.jitter, self.calls = 0.0, 0

    def encode_to_obs_embeddings(self, observed: Tensor) -> Tensor:
        self.calls += 1
        encoded: Tensor = self.encode(observed).tanh() * (1 + self.jitter * (self.calls % 2))
        return encoded.unsqueeze(1)


class Predicting(nn.Module):
    """A world model without caches."""

    keys_values_wm_size_list_current: list[int]

    def __init__(self, config: Config, dynamics: Dynamics = Dynamics.RANDOM, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.context_length, self.env_num = config.context_length, config.env_num
        self.num_layers, self.num_heads = config.num_layers, config.num_heads
        self.embed_dim, self.action_space_size = config.embed_dim, config.action_space_size
        self.num_observations_tokens = config.num_observations_tokens
        self.num_simulations = config.num_simulations
        self.continuous_action_space = config.continuous_action_space
        self.reanalyze_phase = False
        self.device, width, acts = torch.device("cpu"), self.embed_dim, self.action_space_size
        self.act_embedding_table: nn.Module
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.tokenizer, self.transformer = Tokenizer(width), Transformer(config)
            if not config.rotary_emb:
                self.pos_emb = nn.Embedding(config.longest, width)
            if config.continuous_action_space:
                self.act_embedding_table = nn.Linear(acts, width)
            else:
                self.act_embedding_table = nn.Embedding(acts, width)
            self.head_observations = nn.Linear(width, width)
            self.head_rewards, self.head_value = (
                nn.Linear(width, SUPPORT),
                nn.Linear(width, SUPPORT),
            )
            self.head_policy = nn.Linear(width, acts)
        self.coarse = dynamics is Dynamics.COARSE
        if dynamics in (Dynamics.FRESH, Dynamics.ZERO):
            scale = 0.0 if dynamics is Dynamics.ZERO else 1e-3
            self.head_observations.weight.data.mul_(scale)
            self.head_observations.bias.data.zero_()
        self.eval()

    def latents(self, made: Tensor) -> Tensor:
        """The next latent states."""
        told: Tensor = self.head_observations(made)
        return told.round() if self.coarse else told

    def forward(
        self,
        obs_embeddings_or_act_tokens: dict[str, Tensor],
        past_keys_values: AnyWindow | None = None,
        kvcache_independent: bool = False,
        is_init_infer: bool = True,
        valid_context_lengths: Lengths = None,
        start_pos: Steps = 0,
        search_depth: Sequence[int] | None = None,
    ) -> Output:
        past = 0 if past_keys_values is None else past_keys_values.size
        ((kind, tokens),) = obs_embeddings_or_act_tokens.items()
        x = self._embedded(kind, tokens)
        if self.config.rotary_emb:
            places = self._places(kind, len(x), is_init_infer, start_pos, search_depth or ())
        else:
            places, x = [0] * len(x), x + self._learned(past, x.shape[1], is_init_infer)
        lengths = None if is_init_infer else valid_context_lengths
        made = self.transformer(x, past_keys_values, lengths, places)
        return self._put_out(made, past)

    def _embedded(self, kind: str, tokens: Tensor) -> Tensor:
        if kind == "obs_embeddings":
            return tokens if tokens.dim() == 3 else tokens.unsqueeze(1)
        if kind == "embedded":
            return tokens
        rows = len(tokens)
        acts = tokens.float().view(rows, 1, -1) if self.continuous_action_space else tokens
        embedded: Tensor = self.act_embedding_table(acts)
        return embedded.view(rows, 1, -1)

    def _learned(self, past: int, new: int, is_init_infer: bool) -> Tensor:
        """From the first token of the batch on; in a search, from each row's own first."""
        if is_init_infer:
            embedded: Tensor = self.pos_emb(past + torch.arange(new))
            return embedded
        lengths = torch.tensor(self.keys_values_wm_size_list_current)
        told: Tensor = self.pos_emb(lengths).unsqueeze(1)
        return told

    def _places(
        self, kind: str, rows: int, is_init_infer: bool, start: Steps, depths: Sequence[int]
    ) -> list[int]:
        """The observation of step t is at 2t, the action before it at 2t - 1; in a search the depth
        is counted from 1 on, and another is added."""
        steps = self.reanalyzed(start) if self.reanalyze_phase else numbers(start, rows)
        before = 1 if kind == "act_tokens" else 0
        if is_init_infer or kind == "embedded":
            return [2 * step - before for step in steps]
        return [2 * (step + n + 1) - before for step, n in zip(steps, depths, strict=True)]

    @staticmethod
    def reanalyzed(start: Steps) -> list[int]:
        """Of each recording its steps, and one that does not count."""
        if isinstance(start, int):
            return [start]
        return [step for row in cast(Array, start) for step in [*map(int, row), 0]]

    def _put_out(self, made: Tensor, past: int) -> Output:
        """Rewards and observations come of actions, policy and value of observations: which token
        is which, its place in the batch tells."""
        seen, acts = ([n for n in range(made.shape[1]) if (past + n) % 2 == odd] for odd in (0, 1))
        return Output(
            made,
            self.latents(made[:, acts]),
            self.head_rewards(made[:, acts]),
            None,
            self.head_policy(made[:, seen]),
            self.head_value(made[:, seen]),
        )
