"""Finite universes, as values: what can happen in them, and which states count as one."""
