"""CrossHair contracts: what the cache decides, for every well-formed state, reachable or not.

A condition is a theorem as plain asserts: the leading ones are what is given, the last is what
follows. Each has a planted fault that must refute it with a concrete input, which shows at once
that the condition can fail and that what is given can be met. `ledger.toml` says of each whether
CrossHair confirms it over all paths, within which bound, or why not and what covers it instead.
"""
