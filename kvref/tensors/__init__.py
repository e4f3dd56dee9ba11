"""The tensor half of kvref: windows, batches, keys of tensors, search sessions. Needs torch."""

from kvref.tensors.batch import Aligned, BatchBuffer, align, attention_mask, split
from kvref.tensors.cache import Cache
from kvref.tensors.comparing import close, contents
from kvref.tensors.contexts import Missing, Rebuilt, Source
from kvref.tensors.hashing import hash_state, hash_states, salted_hash_state, salted_hash_states
from kvref.tensors.keys_values import KeysValues
from kvref.tensors.kv_cache import KVCache
from kvref.tensors.nodes import Node, by_env_and_latent, by_latent
from kvref.tensors.session import Roots, SearchSession
from kvref.tensors.step import Step
from kvref.tensors.working import OnDrop, Positions, Working

__all__ = [
    "Aligned",
    "BatchBuffer",
    "Cache",
    "KVCache",
    "KeysValues",
    "Missing",
    "Node",
    "OnDrop",
    "Positions",
    "Rebuilt",
    "Roots",
    "SearchSession",
    "Source",
    "Step",
    "Working",
    "align",
    "attention_mask",
    "by_env_and_latent",
    "by_latent",
    "close",
    "contents",
    "hash_state",
    "hash_states",
    "salted_hash_state",
    "salted_hash_states",
    "split",
]
