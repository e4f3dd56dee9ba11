"""What a KV cache must do: frozen states, total pure functions, one predicate per law."""
