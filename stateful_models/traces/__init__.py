"""Recorded runs: format (all fields), reader (told, order, ring), judge (pool, objects), writer."""
