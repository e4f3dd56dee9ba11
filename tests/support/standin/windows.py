"""Windows as the published model has them: full width, of which the first tokens count."""

import torch
from torch import Tensor

Shape = tuple[int, int, int, int]


class Half:
    """Keys, or values, of one layer."""

    def __init__(self, rows: int, heads: int, width: int, head_dim: int) -> None:
        self._cache = torch.zeros(rows, heads, width, head_dim)
        self._size = 0

    @property
    def shape(self) -> Shape:
        rows, heads, _, head_dim = self._cache.shape
        return rows, heads, self._size, head_dim

    def get(self) -> Tensor:
        return self._cache[:, :, : self._size]

    def append(self, tokens: Tensor) -> None:
        size = self._size + tokens.shape[2]
        self._cache[:, :, self._size : size] = tokens
        self._size = size

    def hold(self, cache: Tensor, size: int) -> None:
        self._cache, self._size = cache, size


class Layer:
    def __init__(self, rows: int, heads: int, width: int, head_dim: int) -> None:
        self._k_cache = Half(rows, heads, width, head_dim)
        self._v_cache = Half(rows, heads, width, head_dim)

    @property
    def halves(self) -> tuple[Half, Half]:
        return self._k_cache, self._v_cache

    @property
    def shape(self) -> Shape:
        return self._k_cache.shape

    def get(self) -> tuple[Tensor, Tensor]:
        return self._k_cache.get(), self._v_cache.get()

    def update(self, k: Tensor, v: Tensor) -> None:
        self._k_cache.append(k)
        self._v_cache.append(v)


class Window:
    """Of one sample, or of a batch."""

    def __init__(self, rows: int, heads: int, width: int, embed_dim: int, layers: int) -> None:
        self._keys_values = tuple(
            [Layer(rows, heads, width, embed_dim // heads) for _ in range(layers)]
        )

    def __getitem__(self, layer: int) -> Layer:
        return self._keys_values[layer]

    def __len__(self) -> int:
        return len(self._keys_values)

    @property
    def size(self) -> int:
        return self._keys_values[0].shape[2]

    @property
    def halves(self) -> list[Half]:
        return [half for layer in self._keys_values for half in layer.halves]

    def take_over(self, other: "Window") -> None:
        """The same tokens, in this window's own memory."""
        for mine, its in zip(self.halves, other.halves, strict=True):
            mine._cache.copy_(its._cache)
            mine._size = its._size

    def like(self) -> "Window":
        """Room for as much."""
        rows, heads, width, head_dim = self._keys_values[0]._k_cache._cache.shape
        return Window(rows, heads, width, heads * head_dim, len(self))
