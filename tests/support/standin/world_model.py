"""The stand-in's caches, and its two inferences: dicts that nobody empties beside rings that come
round, contexts of unequal length that attend to their padding."""

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
import xxhash
from numpy.typing import NDArray
from torch import Tensor

from tests.support.standin.attention import Config
from tests.support.standin.predicting import Dynamics, Output, Predicting
from tests.support.standin.transformer import Array, Block, Steps
from tests.support.standin.windows import Window

Told = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
Actions = Sequence[int] | Sequence[NDArray[np.float32]] | Array
Batch = dict[str, object]


def named(latent: Tensor | NDArray[np.float32]) -> str:
    return xxhash.xxh64(np.asarray(latent).tobytes()).hexdigest()


class WorldModel(Predicting):
    latent_state: Tensor

    def __init__(self, config: Config, dynamics: Dynamics = Dynamics.RANDOM, seed: int = 0) -> None:
        super().__init__(config, dynamics, seed)
        envs = self.env_num
        self.past_kv_cache_recurrent_infer: dict[str, int] = defaultdict(dict)  # type: ignore[arg-type]  # so it is
        self.past_kv_cache_init_infer_envs: list[dict[str, int]] = [
            defaultdict(dict)  # type: ignore[arg-type]  # likewise
            for _ in range(envs)
        ]
        self.shared_pool_size_init, self.shared_pool_size_wm = 2, envs
        self.shared_pool_size = self.num_simulations * envs
        self.shared_pool_init_infer: list[list[Window | None]] = [[None] * 2 for _ in range(envs)]
        self.shared_pool_recur_infer: list[Window | None] = [None] * self.shared_pool_size
        self.shared_pool_wm: list[Window | None] = [None] * envs
        self.shared_pool_index_init_envs = [0] * envs
        self.shared_pool_index = self.shared_pool_index_wm = 0
        self.keys_values_wm_list: list[Window] = []
        self.keys_values_wm_size_list: list[int] = []
        self.keys_values_wm_size_list_current = []
        self.keys_values_wm_single_env = self.empty(1)
        self.keys_values_wm = self.empty(envs)
        self.hit_count = self.total_query_count = self.root_hit_cnt = self.root_total_query_cnt = 0
        if not config.rotary_emb:
            self.precompute_pos_emb_diff_kv()

    def empty(self, rows: int) -> Window:
        return self.transformer.generate_empty_keys_values(n=rows, max_tokens=self.context_length)

    @torch.no_grad()
    def precompute_pos_emb_diff_kv(self) -> None:
        """By how much K and V of tokens differ that have moved up by two, but for the norm."""
        count, places = self.context_length - 3, self.pos_emb.weight
        moved = places[:count] - places[2 : 2 + count]
        self.pos_emb_diff: list[Tensor] = []
        for block in self.transformer.blocks:
            attention = cast(Block, block).attn
            for one in (attention.key, attention.value):
                plain = moved @ one.weight.T
                heads = plain.view(count, self.num_heads, -1).transpose(0, 1)
                self.pos_emb_diff.append(heads.unsqueeze(0))

    @staticmethod
    def copied(source: Window, ring: list[Window | None], place: int) -> Window:
        """Into what the ring has there, as it comes round."""
        target = ring[place]
        if target is None:
            target = ring[place] = source.like()
        target.take_over(source)
        return target

    def custom_copy_kv_cache_to_shared_init_envs(self, src_kv: Window, env_id: int) -> int:
        place = self.shared_pool_index_init_envs[env_id]
        self.copied(src_kv, self.shared_pool_init_infer[env_id], place)
        self.shared_pool_index_init_envs[env_id] = (place + 1) % self.shared_pool_size_init
        return place

    def custom_copy_kv_cache_to_shared_wm(self, src_kv: Window) -> Window:
        made = self.copied(src_kv, self.shared_pool_wm, self.shared_pool_index_wm)
        self.shared_pool_index_wm = (self.shared_pool_index_wm + 1) % self.shared_pool_size_wm
        return made

    def custom_copy_kv_cache_to_shared_recur(self, src_kv: Window) -> int:
        place = self.shared_pool_index
        self.copied(src_kv, self.shared_pool_recur_infer, place)
        self.shared_pool_index = (place + 1) % self.shared_pool_size
        return place

    @torch.no_grad()
    def forward_initial_inference(self, obs_act_dict: Batch, start_pos: Steps = 0) -> Told:
        encode = self.tokenizer.encode_to_obs_embeddings
        before, now = encode(cast(Tensor, obs_act_dict["obs"])), obs_act_dict["current_obs"]
        current = encode(now) if isinstance(now, Tensor) else None
        self.latent_state = before if current is None else current
        actions = cast(Actions, obs_act_dict["action"])
        made = self.wm_forward_for_initial_infererence(before, actions, current, start_pos)
        self.past_kv_cache_recurrent_infer.clear()
        return (
            made.output_sequence,
            self.latent_state,
            made.logits_rewards,
            made.logits_policy,
            made.logits_value,
        )

    @torch.no_grad()
    def wm_forward_for_initial_infererence(
        self,
        last_obs_embeddings: Tensor,
        batch_action: Actions | None = None,
        current_obs_embeddings: Tensor | None = None,
        start_pos: Steps = 0,
    ) -> Output:
        before, now = last_obs_embeddings, current_obs_embeddings
        assert batch_action is not None
        if now is None:
            return self._unrolled(before, np.asarray(batch_action), start_pos)
        if self._begins(batch_action):
            self.keys_values_wm = self.empty(len(now))
        else:
            self._continue(before, batch_action, start_pos, len(now))
        told = {"obs_embeddings": now}
        made = self.forward(told, self.keys_values_wm, is_init_infer=True, start_pos=start_pos)
        self.update_cache_context(now, is_init_infer=True)
        return made

    def _begins(self, actions: Actions) -> bool:
        if self.continuous_action_space:
            return not isinstance(actions[0], np.ndarray)
        return max(cast(Sequence[int], actions)) == -1

    def _continue(self, before: Tensor, actions: Actions, start_pos: Steps, rows: int) -> None:
        """The contexts of the observations before, then the actions."""
        self.keys_values_wm_list, self.keys_values_wm_size_list = [], []
        for row in range(rows):
            self.root_total_query_cnt += 1
            place = self.past_kv_cache_init_infer_envs[row].get(named(before[row].reshape(-1)))
            found = None if place is None else self.shared_pool_init_infer[row][place]
            self.root_hit_cnt += found is not None
            self._take(found, before[row], start_pos, row)
        self.keys_values_wm_size_list_current = self.trim_and_pad_kv_cache(is_init_infer=True)
        acts = torch.from_numpy(np.array(actions[:rows]))
        told = {"act_tokens": acts.view(rows, -1)}
        self.forward(told, self.keys_values_wm, is_init_infer=True, start_pos=start_pos)

    def _take(self, found: Window | None, latent: Tensor, start_pos: Steps, row: int) -> None:
        """A context that was found, copied; else one that begins with this latent state."""
        if found is not None:
            self.keys_values_wm_list.append(self.custom_copy_kv_cache_to_shared_wm(found))
            self.keys_values_wm_size_list.append(found.size)
            return
        self.keys_values_wm_single_env = self.empty(1)
        steps = self.reanalyzed(start_pos) if self.reanalyze_phase else cast(Array, start_pos)
        began, first = self.keys_values_wm_single_env, int(np.asarray(steps[row]).item())
        phase, self.reanalyze_phase = self.reanalyze_phase, False
        told = {"obs_embeddings": latent.unsqueeze(0)}
        self.forward(told, began, is_init_infer=True, start_pos=first)
        self.reanalyze_phase = phase
        self.keys_values_wm_list.append(began)
        self.keys_values_wm_size_list.append(1)

    def _unrolled(self, latents: Tensor, actions: Array, start_pos: Steps) -> Output:
        """Of recordings, for training and reanalysis: all steps at once, no cache."""
        rows, steps = actions.shape[:2]
        seen = latents.reshape(rows, -1, self.embed_dim)[:, :steps]
        acts = self.act_embedding_table(torch.from_numpy(actions)).reshape(rows, steps, -1)
        tokens = torch.stack((seen, acts), dim=2).flatten(1, 2)
        phase, self.reanalyze_phase = self.reanalyze_phase, False
        made = self.forward({"embedded": tokens}, start_pos=start_pos)
        self.reanalyze_phase = phase
        for name in ("logits_policy", "logits_value"):
            told = getattr(made, name)
            setattr(made, name, torch.cat((told, told[:, -1:]), dim=1).flatten(0, 1))
        return made

    @torch.no_grad()
    def forward_recurrent_inference(
        self,
        state_action_history: Sequence[tuple[NDArray[np.float32], Tensor]],
        simulation_index: int = 0,
        search_depth: Sequence[int] = (),
        start_pos: Steps = 0,
    ) -> Told:
        states, actions = state_action_history[-1]
        rows, depths = len(states), list(search_depth)
        self.keys_values_wm_list, self.keys_values_wm_size_list = [], []
        self.retrieve_or_generate_kvcache(states, rows, simulation_index, start_pos)
        self.keys_values_wm_size_list_current = self.trim_and_pad_kv_cache(is_init_infer=False)
        token, made = {"act_tokens": actions.reshape(rows, -1)}, list[Output]()
        for _ in range(2):
            one = self.forward(
                token,
                past_keys_values=self.keys_values_wm,
                is_init_infer=False,
                start_pos=start_pos,
                search_depth=depths,
            )
            made.append(one)
            sizes = self.keys_values_wm_size_list_current
            self.keys_values_wm_size_list_current = [size + 1 for size in sizes]
            token = {"obs_embeddings": made[0].logits_observations}
        self.latent_state = made[0].logits_observations
        self.update_cache_context(self.latent_state, False, simulation_index)
        return (
            made[1].output_sequence,
            self.latent_state,
            made[0].logits_rewards,
            made[1].logits_policy,
            made[1].logits_value,
        )

    def retrieve_or_generate_kvcache(
        self,
        latent_state: NDArray[np.float32],
        ready_env_num: int,
        simulation_index: int = 0,
        start_pos: Steps = 0,
    ) -> list[int]:
        for row in range(ready_env_num):
            self.total_query_count += 1
            key, found = named(latent_state[row]), None
            if not self.reanalyze_phase:
                place = self.past_kv_cache_init_infer_envs[row].get(key)
                if place is not None:
                    found = self.shared_pool_init_infer[row][place]
                if found is None:
                    shared = self.past_kv_cache_recurrent_infer.get(key)
                    found = self.shared_pool_recur_infer[shared]  # type: ignore[index]  # it raises
            self.hit_count += found is not None
            self._take(found, torch.from_numpy(latent_state[row]), start_pos, row)
        return self.keys_values_wm_size_list

    def trim_and_pad_kv_cache(self, is_init_infer: bool = True) -> list[int]:
        """Side by side, zeros before the shorter ones."""
        sizes = self.keys_values_wm_size_list
        widest, rows = max(sizes), [one.halves for one in self.keys_values_wm_list]
        for number, half in enumerate(self.keys_values_wm.halves):
            padded = [
                one[number]._cache.roll(widest - size, dims=2)
                for one, size in zip(rows, sizes, strict=True)
            ]
            for one, size in zip(padded, sizes, strict=True):
                one[:, :, : widest - size] = 0
            half.hold(torch.cat(padded), widest)
        return sizes

    def update_cache_context(
        self,
        latent_state: Tensor,
        is_init_infer: bool = True,
        simulation_index: int = 0,
        search_depth: Sequence[int] = (),
        valid_context_lengths: Sequence[int] | None = None,
    ) -> None:
        """Store every row's context; a root's with the padding that it has."""
        widest = self.keys_values_wm.size
        for row in range(len(latent_state)):
            size = widest if is_init_infer else self.keys_values_wm_size_list_current[row]
            self._single(row, size, widest - size)
            key = named(latent_state[row].reshape(-1))
            if is_init_infer:
                place = self.custom_copy_kv_cache_to_shared_init_envs(
                    self.keys_values_wm_single_env, row
                )
                self.past_kv_cache_init_infer_envs[row][key] = place
            else:
                place = self.custom_copy_kv_cache_to_shared_recur(self.keys_values_wm_single_env)
                self.past_kv_cache_recurrent_infer[key] = place

    def _single(self, row: int, size: int, padding: int) -> None:
        """One row's context, cut as soon as a pair would not fit."""
        length = self.context_length
        pairs = zip(self.keys_values_wm_single_env.halves, self.keys_values_wm.halves, strict=True)
        for number, (single, batch) in enumerate(pairs):
            own = batch._cache[row : row + 1].roll(-padding, dims=2)
            if size < length - 1:
                single.hold(own, size)
                continue
            left = own[:, :, 2 : length - 1]
            if not self.config.rotary_emb:
                left = left + self.pos_emb_diff[number]
            cut = torch.zeros_like(own)
            cut[:, :, : length - 3] = left
            single.hold(cut, length - 3)

    def clear_caches(self) -> None:
        for one in self.past_kv_cache_init_infer_envs:
            one.clear()
        self.past_kv_cache_recurrent_infer.clear()
        self.keys_values_wm_list.clear()
