"""Recorded runs: format, reader, writer, judge."""
