"""What is refused is named: every message says which argument, why, and what came instead."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from kvref import KVCacheError, KVCacheManager, Ownership
from kvref.tensors import (
    BatchBuffer,
    Cache,
    KeysValues,
    KVCache,
    Missing,
    SearchSession,
    align,
    attention_mask,
    by_env_and_latent,
    hash_state,
    hash_states,
    salted_hash_state,
    salted_hash_states,
    split,
)
from tests.support.making import append, window

WRONG = cast(int, "many")
LATENTS = torch.arange(4.0).view(2, 2)
MANY = r" must be an integer, not 'many'"


def ones(*shape: int) -> Tensor:
    return torch.ones(shape)


def sealed(size: int) -> KeysValues:
    kv = window(size)
    kv.seal()
    return kv


def uneven_layers() -> KeysValues:
    kv = window(2)
    kv[0].update(ones(1, 2, 1, 4), ones(1, 2, 1, 4))
    return kv


def pruned_in_part() -> KVCache:
    layer = window(1, samples=3)[0]
    layer.parts[0].prune([True, False, True])
    return layer


def nobody() -> KeysValues:
    kv = window(1)
    kv.prune([False])
    return kv


def into_its_own_buffer() -> None:
    buffer = BatchBuffer(2, 2, 6, 8, 2)
    align([align([window(3)], buffer).batch, window(1)], buffer)


def aligned() -> KeysValues:
    return align([window(3), window(2)]).batch


def remade(count: int, samples: int = 1) -> Callable[[Missing], list[KeysValues]]:
    return lambda missing: [window(1, samples=samples) for _ in range(count)]


AS_MANY = remade(2)


def session(
    rebuild: Callable[[Missing], Sequence[KeysValues]] = AS_MANY, context: int = 6, new: int = 2
) -> SearchSession:
    config = SimpleNamespace(game_segment_length=4, num_simulations=4)
    manager: KVCacheManager[KeysValues] = KVCacheManager(config, 2, ownership=Ownership.SEALED)
    return SearchSession(
        manager, rebuild, context_length=context, tokens_per_step=new, keys=by_env_and_latent()
    )


def step(tokens: int, prune: bool = False, children: Tensor = LATENTS) -> None:
    """One simulation, whose model appends so many tokens."""
    searching = session()
    searching.root([0, 1], LATENTS)
    with searching.step([0, 1], LATENTS) as batch:
        append(batch.keys_values, tokens)
        if prune:
            batch.keys_values.prune([True, False])
        batch.children(children)


def twice_at_once() -> None:
    searching = session()
    with searching.step([0, 1], LATENTS), searching.step([0, 1], LATENTS):
        pass


def no_children() -> None:
    with session().step([0, 1], LATENTS) as batch:
        append(batch.keys_values, 2)


def with_keys(keys: Sequence[int]) -> SearchSession:
    searching = session()
    searching._contexts.handles.naming.keys = lambda envs, latents: keys
    return searching


def refused(*cases: tuple[Callable[[], object], str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("attempt", "message"), cases)


def check(attempt: Callable[[], object], message: str) -> None:
    with pytest.raises(KVCacheError, match=message):
        attempt()


KIND = r"KeysValues\(2 layers, 1 samples, 2 heads of 4, 1 of 6 tokens, torch.float32, cpu\)"


@refused(
    (lambda: align([]), "^no windows to align$"),
    (lambda: align([cast(KeysValues, "kv")]), "^windows to align must be KeysValues, not 'kv'"),
    (
        lambda: align([window(1), window(2, heads=1)]),
        f"^cannot align {KIND} with KeysValues.*1 heads.*: other layers, heads, head_dim, dtype or",
    ),
    (
        lambda: align([window(1)], BatchBuffer(1, 2, 6, 8, 3)),
        f"^1 rows of 1 tokens like {KIND} do not fit into a buffer for 3 layers of .*max_tokens=6",
    ),
    (lambda: align([nobody()]), "^no samples to align: every window was pruned to nobody$"),
    (into_its_own_buffer, "^a window to align lies in the buffer itself: clone.* it first$"),
    (lambda: BatchBuffer(1, 1, 1, 1, 0), "^num_layers must be at least 1, not 0$"),
    (
        lambda: BatchBuffer.for_windows([window(1)], 0),
        "^max_tokens must be at least 1, not 0$",
    ),
    (lambda: split(aligned(), cast(list[int], 2)), "^lengths must be a sequence, not 2 "),
    (lambda: split(aligned(), [3]), r"^2 rows need as many lengths \(and firsts\), not \[3\]$"),
    (lambda: split(aligned(), [3, 2], firsts=[0]), "^2 rows need as many lengths"),
    (lambda: split(aligned(), [3, WRONG]), f"^length{MANY}"),
    (lambda: split(aligned(), [3, 2], firsts=[0, WRONG]), f"^first{MANY}"),
    (lambda: split(aligned(), [4, 2]), "^a row of 3 tokens cannot hold a window of 4$"),
    (lambda: split(aligned(), [3, 2], firsts=[0, -1]), "^first must be at least 0, not -1$"),
    (lambda: attention_mask(cast(list[int], 3), 1), "^lengths must be a sequence, not 3 "),
    (lambda: attention_mask([WRONG], 1), f"^length{MANY}"),
    (lambda: attention_mask([3], 1, WRONG), f"^width{MANY}"),
    (lambda: attention_mask([3], 0), "^new must be at least 1, not 0$"),
    (
        lambda: attention_mask([3, 1], 1, 2),
        r"^lengths \[3, 1\] .* do not fit into 2 aligned tokens$",
    ),
)
def test_batches_name_what_they_refuse(attempt: Callable[[], object], message: str) -> None:
    check(attempt, message)


@refused(
    (lambda: KeysValues(0, 1, 1, 1, 1), "^num_samples must be at least 1, not 0$"),
    (lambda: KeysValues(1, 0, 1, 1, 1), "^num_heads must be at least 1, not 0$"),
    (lambda: KeysValues(1, 1, 0, 1, 1), "^max_tokens must be at least 1, not 0$"),
    (lambda: KeysValues(1, 1, 1, 0, 1), "^embed_dim must be at least 1, not 0$"),
    (lambda: KeysValues(1, 1, 1, 1, 0), "^num_layers must be at least 1, not 0$"),
    (lambda: KeysValues(1, 3, 1, 4, 1), "^embed_dim 4 is not a multiple of num_heads 3$"),
    (lambda: KeysValues(1, 1, 1, 1, 1, first=WRONG), f"^first{MANY}"),
    (lambda: KeysValues(1, 1, 1, 1, 1, first=-2), "^first must be at least 0, not -2$"),
    (
        lambda: Cache(1, 1, 1, 1, dtype=cast(torch.dtype, "half")),
        "^dtype must be a torch.dtype, not 'half'",
    ),
    (
        lambda: Cache(1, 1, 1, 1, dtype=torch.int8),
        "^dtype must be a floating one, not torch.int8",
    ),
    (lambda: Cache(1, 1, 1, 1, "nowhere"), "^no such device here: 'nowhere'"),
    (lambda: window(1)[WRONG], f"^layer{MANY}"),
    (lambda: window(1)[2], "^layer 2 of a window with 2 layers$"),
    (lambda: sealed(1).reset(), "^KeysValues.*is sealed: fork.* or clone.* to go on$"),
    (lambda: sealed(1)[0].reset(), "^a sealed window of 1 tokens: fork.* or clone.* to go on$"),
    (lambda: window(1).fork(), "^KeysValues.*is not sealed: seal.* it first, or clone.* it$"),
    (lambda: window(1).remove_register_tokens(WRONG), f"^tokens to remove{MANY}"),
    (lambda: window(1).remove_register_tokens(2), "^cannot remove 2 of 1 tokens$"),
    (lambda: window(1).prune(cast(list[bool], 7)), "^mask must be booleans, not 7 "),
    (
        lambda: window(1).prune([True, False]),
        r"^mask must be boolean, one for each of 1 samples, not \[True, False\]",
    ),
    (lambda: pruned_in_part().prune([True]), r"^K and V hold \(2, 3\) samples: not both were"),
    (
        lambda: uneven_layers().size,
        r"^K and V of the layers are out of step: \[3, 3, 2, 2\] tokens, \[0, 0, 0, 0\] dropped "
        "before them; not all were updated alike$",
    ),
)
def test_windows_name_what_they_refuse(attempt: Callable[[], object], message: str) -> None:
    check(attempt, message)


@refused(
    (lambda: window(1)[0].update(cast(Tensor, "k"), ones(1, 2, 1, 4)), "^k must be a tensor, not"),
    (lambda: window(1)[0].update(ones(1, 2, 1, 4), cast(Tensor, "v")), "^v must .* not 'v'"),
    (lambda: Cache(1, 2, 6, 8).update(cast(Tensor, "x")), "^x must be a tensor, not 'x'"),
    (
        lambda: Cache(1, 2, 6, 8).update(ones(1, 2, 1, 5)),
        r"^x must have shape \(1, 2, new tokens, 4\), not \(1, 2, 1, 5\)$",
    ),
    (lambda: Cache(1, 2, 6, 8).update(ones(1, 2, 7, 4)), "^x has 7 tokens; the window holds 6$"),
    (
        lambda: Cache(1, 2, 6, 8).update(ones(1, 2, 1, 4).to_sparse()),
        "^x must be a dense tensor, not torch.sparse_coo$",
    ),
    (
        lambda: Cache(1, 2, 6, 8).update(ones(1, 2, 1, 4).double()),
        "^x must be torch.float32, not torch.float64$",
    ),
    (
        lambda: Cache(1, 2, 6, 8).update(ones(1, 2, 1, 4).to("meta")),
        "^x must be on cpu, not on meta$",
    ),
    (
        lambda: window(1)[0].update(ones(1, 2, 1, 4), ones(1, 2, 2, 4)),
        "^k has 1 tokens and v has 2$",
    ),
    (
        lambda: sealed(1).extended(cast(Tensor, "kv")),
        "^tokens must be a dense tensor, not 'kv'",
    ),
    (
        lambda: sealed(1).extended(ones(4, 1, 2, 1, 4).double()),
        "^tokens must be torch.float32 on cpu, not torch.float64 on cpu$",
    ),
    (
        lambda: sealed(1).extended(ones(4, 1, 2, 1, 5)),
        r"^tokens must have shape \(4, 1, 2, up to 6 tokens, 4\), not \(4, 1, 2, 1, 5\)$",
    ),
    (lambda: sealed(1).extended(ones(4, 2, 1)), r"^tokens must have shape .*, not \(4, 2, 1\)$"),
    (
        lambda: sealed(1).extended(ones(4, 1, 2, 7, 4)),
        r"^tokens must have shape .* up to 6 tokens, 4\), not \(4, 1, 2, 7, 4\)$",
    ),
    (lambda: window(1).extended(ones(4, 1, 2, 1, 4)), "^KeysValues.*is not sealed: update"),
)
def test_updates_name_what_they_refuse(attempt: Callable[[], object], message: str) -> None:
    check(attempt, message)


@refused(
    (lambda: hash_state(cast(Tensor, "latent")), "^expected a tensor, not 'latent'"),
    (
        lambda: hash_state(ones(2).to("meta")),
        r"^cannot hash a tensor \(torch.strided, torch.float32, meta\): it has no plain bytes$",
    ),
    (lambda: hash_state(FakeTensorMode().from_tensor(ones(2))), "^cannot hash FakeTensor"),
    (lambda: hash_states(torch.tensor(1.0)), "^a batch of latents needs a first dimension, for"),
    (lambda: salted_hash_states(LATENTS, cast(list[list[int]], 3)), "^salts must be a sequence"),
    (lambda: salted_hash_states(LATENTS, [(1,)]), "^2 rows need as many salts, not 1$"),
    (lambda: salted_hash_states(LATENTS, cast(list[list[int]], [1, 2])), "^a salt must be a seq"),
    (lambda: salted_hash_state(LATENTS, WRONG), f"^salt{MANY}"),
)
def test_keys_name_what_they_refuse(attempt: Callable[[], object], message: str) -> None:
    check(attempt, message)


@refused(
    (lambda: session(context=0), "^context_length must be at least 1, not 0$"),
    (lambda: session(new=0), "^tokens_per_step must be at least 1, not 0$"),
    (lambda: session(context=1), "^2 tokens a step do not fit into a context of 1$"),
    (lambda: session().root(cast(list[int], 0), LATENTS), "^env_ids must be a sequence, not 0 "),
    (lambda: session().root([0, 2], LATENTS), r"^env_id must be in 0 \.\. 1, not 2$"),
    (
        lambda: session().root([0], LATENTS),
        r"^1 environments need as many latents, not \(2, 2\)$",
    ),
    (
        lambda: session().root([0], cast(Tensor, "latent")),
        "^1 environments need as many latents, not 'latent'",
    ),
    (
        lambda: session().root([0], torch.tensor(1.0)),
        r"^1 environments need as many latents, not \(\)$",
    ),
    (lambda: session().root([], LATENTS[:0]), "^no environments to search$"),
    (lambda: with_keys([1]).root([0, 1], LATENTS), "^keys made 1 keys for 2 rows$"),
    (
        lambda: with_keys(cast(list[int], 5)).root([0, 1], LATENTS),
        "^what keys made must be a sequence, not 5 ",
    ),
    (
        lambda: session(lambda missing: cast(list[KeysValues], 5)).root([0, 1], LATENTS),
        "^what rebuild made must be a sequence, not 5 ",
    ),
    (
        lambda: session(remade(1)).root([0, 1], LATENTS),
        "^rebuild made 1 windows for 2 rows$",
    ),
    (
        lambda: session(lambda missing: [cast(KeysValues, "kv")] * 2).root([0, 1], LATENTS),
        "^rebuild must make KeysValues, not 'kv'",
    ),
    (
        lambda: session(remade(2, samples=2)).root([0, 1], LATENTS),
        "^rebuild made KeysValues.*2 samples.*, not a window of one sample$",
    ),
    (twice_at_once, "^a step of this session is still open: one at a time$"),
    (no_children, "^children.* was not called: nothing tells what to store where$"),
    (lambda: step(2, prune=True), "^2 rows are to be stored; the batch has 1$"),
    (
        lambda: step(1),
        "^the model was to append 2 tokens to 1; there are now 2, and 0 were dropped$",
    ),
)
def test_sessions_name_what_they_refuse(attempt: Callable[[], object], message: str) -> None:
    check(attempt, message)
