"""Recorded runs: format (every field), reader (told, order, ring), writer, judge (pool, live, objects)."""
