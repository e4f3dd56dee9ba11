"""A counterexample as a pytest file that runs by itself."""

from enum import Enum

from spec.ops import On
from stateful_models.engines.check import AnyOp, AnyScope
from stateful_models.engines.judge import Divergence
from stateful_models.scopes.manager import ManagerScope
from stateful_models.subjects.target import Target

TEMPLATE = '''"""The shortest history on which {name} departs from the specification ({laws}).

Run it with pytest. It passes once the history is answered as the specification says.
"""

{functools}from spec.ops import {ops}
from spec.profile import {profile_names}
{config_import}from stateful_models.engines.judge import first_divergence
from stateful_models.scopes.{scope_module} import {scope_type}
from {module} import {factory}

SCOPE = {scope}

HISTORY = (
{history}
)


def test_history_is_answered_as_specified() -> None:
    wrong = first_divergence(SCOPE, lambda: SCOPE.build({made}), HISTORY)
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


def imported(history: tuple[AnyOp, ...], tiers: bool) -> str:
    names = {type(op).__name__ for op in history}
    names |= {type(op.op).__name__ for op in history if isinstance(op, On)}
    text = "".join(source(op) for op in history)
    names |= {"Tier"} if tiers or "Tier." in text else set()
    return ", ".join(sorted(names)) or "Get"


def repro(target: Target, scope: AnyScope, divergence: Divergence[object, AnyOp], kind: str) -> str:
    """A test that fails as long as the subject answers this history wrongly."""
    manages = isinstance(scope, ManagerScope)
    if ":" in target.name:
        module, factory = target.name.split(":")
    else:
        module = f"stateful_models.reference.{'manager' if manages else 'pool'}"
        factory = "KvrefManager" if manages else "KvrefPool"
    tier = {"init pool": "INIT", "recur pool": "RECUR"}.get(kind)
    extra = "from stateful_models.subjects.pool_of_manager import PoolOfManager\n" if tier else ""
    return TEMPLATE.format(
        functools="from functools import partial\n\n" if tier else "",
        name=target.name,
        laws=", ".join(divergence.laws) or "no single law",
        ops=imported(divergence.history, tier is not None),
        profile_names="FifoUpdate, Ownership, Policy, Profile, RecurScope, Sizing",
        config_import="from spec.sizing import Config\n" if manages else extra,
        scope_module="manager" if manages else "pool",
        scope_type=type(scope).__name__,
        module=module,
        factory=factory,
        made=f"partial(PoolOfManager, {factory}, Tier.{tier})" if tier else factory,
        scope=source(scope),
        history="\n".join(f"    {source(op)}," for op in divergence.history),
    )
