"""How a cache under test is described, loaded and driven.

Written by an adapter's author: pool, manager, windows, batches, keys, sessions. Named by a user:
loading, target. Between these and the engines: driver, window_driver, client, protocol, aspects.
"""
