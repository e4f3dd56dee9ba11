"""How a cache under test is described, loaded and driven."""
