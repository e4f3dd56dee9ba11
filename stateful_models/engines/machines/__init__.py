"""Hypothesis state machines: long random histories, larger scopes, real tensors."""
