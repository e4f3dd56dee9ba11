"""Search sessions under test: what an adapter's author writes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol, TypeAlias

from torch import Tensor

from kvref.tensors import KeysValues, Missing, Source
from spec.profile import Profile
from spec.search_state import Where
from spec.sizing import Config

Rebuild: TypeAlias = Callable[[Missing], list[KeysValues]]


class Setting(NamedTuple):
    """What a session is made for. `tokens`: how many the model appends in each step."""

    profile: Profile
    config: Config
    envs: int
    context_length: int
    tokens: int


class StepLike(Protocol):
    """One step's working batch, as `kvref.tensors.Step` has it."""

    keys_values: KeysValues
    lengths: tuple[int, ...]
    firsts: tuple[int, ...]
    sources: tuple[Source, ...]

    def children(self, latents: Tensor, /) -> object: ...


class SessionSubject(ABC):
    """A tree search's side of a cache: roots, then steps, each on a working batch of its own.

    `rebuild` makes the contexts that no pool holds. Latents are (environments, numbers).
    """

    def __init__(self, setting: Setting, rebuild: Rebuild) -> None:
        self.setting = setting
        self.start(setting, rebuild)

    @abstractmethod
    def start(self, setting: Setting, rebuild: Rebuild) -> None:
        """Make the session, its pools empty and sized by the configuration."""

    @abstractmethod
    def root(self, envs: Sequence[int], latents: Tensor) -> None:
        """A search begins: every root has a context in init; recur is cleared."""

    @abstractmethod
    def step(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        """A simulation from these parents; on leaving it the children are stored in recur."""

    @abstractmethod
    def advance(self, envs: Sequence[int], latents: Tensor) -> AbstractContextManager[StepLike]:
        """As `step`, for what really happened: the children are stored as roots, in init."""

    @abstractmethod
    def end_episode(self, env: int) -> None:
        """Forget an environment's roots."""

    @abstractmethod
    def forget(self) -> None:
        """The weights have changed: forget everything."""

    @abstractmethod
    def key(self, env: int, latent: Tensor) -> int:
        """The key under which a node is stored."""

    @abstractmethod
    def stored(self) -> dict[Where, KeysValues]:
        """Every entry, by pool ("init:0", "recur", ...) and key."""
