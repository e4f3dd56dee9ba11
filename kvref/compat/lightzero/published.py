"""What is used of the published world model (LightZero 0.2.0), and its methods, replaced on one
instance, reversibly."""

from collections.abc import Callable, Iterable, Sequence
from types import MethodType
from typing import Protocol, cast

from torch import Tensor, nn

from kvref.errors import KVCacheTypeError, KVCacheValueError, show
from kvref.tensors import KeysValues

Tokens = dict[str, Tensor]
Inference = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Output sequence, latent states, rewards, policy and value."""


class Half(Protocol):
    """Keys, or values, of one layer: full width, of which the first `_size` columns count."""

    _cache: Tensor
    _size: int


class PublishedLayer(Protocol):
    _k_cache: Half
    _v_cache: Half


class PublishedWindow(Protocol):
    """Keys and values of one sample, or of a batch."""

    _keys_values: tuple[PublishedLayer, ...]

    @property
    def size(self) -> int: ...


class Outputs(Protocol):
    """What a forward pass puts out; a dataclass, some of whose fields are None."""

    output_sequence: Tensor
    logits_observations: Tensor
    logits_rewards: Tensor
    logits_policy: Tensor
    logits_value: Tensor


class Config(Protocol):
    rotary_emb: bool


class TransformerModule(Protocol):
    blocks: Sequence[nn.Module]

    def __call__(self, tokens: Tensor, keys_values: KeysValues) -> Tensor: ...
    def generate_empty_keys_values(self, n: int, max_tokens: int) -> PublishedWindow: ...


class WorldModel(Protocol):
    """The attributes and methods that are used, or replaced."""

    config: Config
    transformer: TransformerModule
    context_length: int
    env_num: int
    num_layers: int
    num_heads: int
    embed_dim: int
    num_observations_tokens: int
    num_simulations: int
    action_space_size: int
    continuous_action_space: bool
    reanalyze_phase: bool
    latent_state: Tensor
    keys_values_wm_size_list_current: list[int]
    pos_emb: nn.Embedding
    act_embedding_table: Callable[[Tensor], Tensor]
    past_kv_cache_init_infer_envs: list[dict[str, int]]
    past_kv_cache_recurrent_infer: dict[str, int]
    shared_pool_init_infer: list[list[PublishedWindow | None]]
    shared_pool_recur_infer: list[PublishedWindow | None]
    shared_pool_size_init: int
    shared_pool_size: int
    hit_count: int
    total_query_count: int
    root_hit_cnt: int
    root_total_query_cnt: int

    wm_forward_for_initial_infererence: Callable[..., Outputs]  # sic
    forward_recurrent_inference: Callable[..., Inference]

    def parameters(self) -> Iterable[nn.Parameter]: ...
    def clear_caches(self) -> None: ...
    def forward(
        self,
        tokens: Tokens,
        past_keys_values: KeysValues,
        *,
        is_init_infer: bool,
        valid_context_lengths: Tensor | None = None,
        start_pos: Sequence[int],
        search_depth: Sequence[int] | None = None,
    ) -> Outputs: ...


SEAMS = (
    "wm_forward_for_initial_infererence",  # sic
    "forward_recurrent_inference",
    "clear_caches",
    "past_kv_cache_init_infer_envs",
    "past_kv_cache_recurrent_infer",
    "shared_pool_init_infer",
    "shared_pool_recur_infer",
    "transformer",
)


def as_world_model(value: object) -> WorldModel:
    """A world model of the published design, or whatever holds one as `world_model`, or a policy
    that collects with one."""
    model = getattr(value, "_collect_model", value)
    held = getattr(model, "world_model", model)
    if not isinstance(held, nn.Module):
        raise KVCacheTypeError(f"expected the world model of LightZero 0.2.0, not {show(value)}")
    lacking = [name for name in SEAMS if not hasattr(held, name)]
    if lacking:
        raise KVCacheTypeError(
            f"{type(held).__name__} is no world model of LightZero 0.2.0: it has no {lacking[0]}"
        )
    published = cast(WorldModel, held)
    if published.num_observations_tokens != 1:
        raise KVCacheValueError(
            "a world model is served whose observation is one token, not "
            f"{published.num_observations_tokens}"
        )
    return published


class Replaced:
    """A method of one instance, replaced; a copy or a pickle of the instance has its own again."""

    def __init__(self, owner: object, name: str, call: Callable[..., object]) -> None:
        self._owner, self._name, self._call = owner, name, call

    def __call__(self, *args: object, **named: object) -> object:
        return self._call(*args, **named)

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, (self._owner, self._name)


class Replacements:
    """What an instance's attributes were, so that all of them can be put back."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def method(self, owner: object, name: str, call: Callable[..., object]) -> None:
        """`owner.name(...)` is `call(...)` from here on. Who was copied from one whose method was
        replaced has its own again, as an attribute."""
        own = MethodType(getattr(type(owner), name), owner)
        if vars(owner).get(name, own) != own:
            raise KVCacheValueError(f"{type(owner).__name__}.{name} has been replaced already")
        setattr(owner, name, Replaced(owner, name, call))
        self._undo.append(lambda: delattr(owner, name))

    def value(self, owner: object, name: str, new: object) -> None:
        """`owner.name` is `new`."""
        there: object = getattr(owner, name)
        setattr(owner, name, new)
        self._undo.append(lambda: setattr(owner, name, there))

    def keep(self, owner: object, name: str, new: object) -> None:
        """`owner.name`, which is nobody else's, is `new`."""
        vars(owner)[name] = new
        self._undo.append(lambda: vars(owner).__delitem__(name))

    def and_then(self, undo: Callable[[], None]) -> None:
        self._undo.append(undo)

    def undo(self) -> None:
        """As it was, last things first."""
        while self._undo:
            self._undo.pop()()
