"""kvref itself as a subject."""
