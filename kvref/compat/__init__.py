"""kvref in the place of somebody else's cache; nobody else's package is imported."""
