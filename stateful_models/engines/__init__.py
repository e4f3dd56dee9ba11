"""Ways of looking: each takes a subject and a scope, and says what it found.

explore, sample, isolation, searches, batches, keys and sessions look; judge compares one step;
frontier is the one breadth-first search; check puts a subject to all of a preset.
"""
