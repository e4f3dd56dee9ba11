"""A world model of the published design, small, and what drives it: LightZero is not installed."""
