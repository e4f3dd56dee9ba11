"""The specification beside a running program: who of two is right; a cache that is guarded."""
