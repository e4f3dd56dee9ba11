"""An adapter that fails while it is imported."""

raise RuntimeError("half-finished\nadapter")
