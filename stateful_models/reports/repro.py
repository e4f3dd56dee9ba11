"""A counterexample as a pytest file that runs by itself."""

import re
from enum import Enum

from kvref import __version__
from stateful_models.engines.check import AnyOp, AnyScope
from stateful_models.engines.judge import Divergence
from stateful_models.scopes.manager import ManagerScope
from stateful_models.subjects.target import Target

TEMPLATE = '''"""The shortest history on which {name} departs from the specification ({laws}).

Run it with pytest. It passes once the history is answered as the specification says.
Written by kvref {version}.
"""

from stateful_models import {names}
from {module} import {factory}

SCOPE = {scope}

HISTORY = (
{history}
)


def test_history_is_answered_as_specified() -> None:
    wrong = replay({made}, SCOPE, HISTORY)
    assert wrong is None, (
        f"after {{len(wrong.history)}} operations: expected {{wrong.expected}}, "
        f"observed {{wrong.observed}}; laws broken: {{wrong.laws}}"
    )
'''


def source(value: object) -> str:
    """A value of this project's dataclasses, tuples and enums as Python source."""
    if isinstance(value, Enum):
        return str(value)
    names = getattr(value, "__dataclass_fields__", getattr(value, "_fields", None))
    if names is None:
        return repr(value)
    fields = ", ".join(f"{name}={source(getattr(value, name))}" for name in names)
    return f"{type(value).__name__}({fields})"


def used(*sources: str) -> list[str]:
    """The names of what these expressions make."""
    return [name for text in sources for name in re.findall(r"\b([A-Z]\w*)[(.]", text)]


def repro(target: Target, scope: AnyScope, divergence: Divergence[object, AnyOp], kind: str) -> str:
    """A test that fails as long as the subject answers this history wrongly."""
    if ":" in target.name:
        module, factory = target.name.split(":")
    else:
        module = "stateful_models"
        factory = "KvrefManager" if isinstance(scope, ManagerScope) else "KvrefPool"
    tier = {"init pool": "INIT", "recur pool": "RECUR"}.get(kind)
    made = f"pool_of_manager({factory}, Tier.{tier})" if tier else factory
    outer = factory.partition(".")[0]
    lines = [source(op) for op in divergence.history]
    names = {*used(made, source(scope), *lines), "replay"} - {outer}
    return TEMPLATE.format(
        name=target.name,
        laws=", ".join(divergence.laws) or "no single law",
        version=__version__,
        names=", ".join(sorted(names | ({"pool_of_manager"} if tier else set()))),
        module=module,
        factory=outer,
        made=made,
        scope=source(scope),
        history="\n".join(f"    {line}," for line in lines),
    )
