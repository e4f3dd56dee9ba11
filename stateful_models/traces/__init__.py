"""Recorded runs: format (every field), reader, writer, judge; pool and live follow one pool."""
