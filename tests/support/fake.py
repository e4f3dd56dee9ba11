"""A fake CUDA device: tensors without data, on which torch checks shapes, dtypes and devices.

A torch built for the CPU has no CUDA device guard, and some of its methods ask for one before the
fake tensors get to answer. Those few are led straight to the operation behind them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode


def moved(
    tensor: Tensor, device: torch.device, *, non_blocking: bool = False, dtype: object = None
) -> Tensor:
    return torch.ops.aten._to_copy(tensor, device=device, non_blocking=non_blocking)  # type: ignore[no-any-return]  # operators are untyped


BEHIND: dict[object, Callable[..., object]] = {
    Tensor.copy_: torch.ops.aten.copy_.default,
    Tensor.to: moved,
}


class WithoutGuard(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # torch gives it no types
        return BEHIND.get(func, func)(*args, **(kwargs or {}))


@contextmanager
def fake_cuda() -> Iterator[str]:
    """Inside, tensors are fake; the device to make them on is "cuda:0"."""
    with FakeTensorMode(), WithoutGuard():
        yield "cuda:0"
