"""Where two states differ, field by field."""

from collections.abc import Iterator


def differences(expected: object, observed: object, path: str = "") -> Iterator[str]:
    """One line for each place that differs: the path to it, and both values."""
    if expected == observed:
        return
    if not isinstance(expected, tuple) or not isinstance(observed, tuple):
        yield f"{path.lstrip('.')}: expected {expected!r}, observed {observed!r}"
        return
    names = getattr(expected, "_fields", None)
    if len(expected) != len(observed):
        yield f"{path.lstrip('.')}: expected {len(expected)} of them, observed {len(observed)}"
        return
    for place, (one, other) in enumerate(zip(expected, observed, strict=True)):
        step = f"[{place}]" if names is None else f".{names[place]}"
        yield from differences(one, other, path + step)
