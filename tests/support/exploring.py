"""What the tests of the explorer share."""

from functools import partial

from spec.manager import ManagerState
from spec.ops import ManagerOp, Op
from spec.pool import PoolState
from stateful_models.engines.explore import Exploration, Explorer
from stateful_models.reference.manager import KvrefManager
from stateful_models.reference.pool import KvrefPool
from stateful_models.scopes.manager import ManagerScope
from stateful_models.scopes.pool import PoolScope
from stateful_models.subjects.protocol import ManagerFactory, PoolFactory


def explore_pool(
    scope: PoolScope, factory: PoolFactory = KvrefPool, symmetric: bool = True
) -> Exploration[PoolState, Op]:
    return Explorer(scope, partial(scope.build, factory), symmetric).run()


def explore_manager(
    scope: ManagerScope, factory: ManagerFactory = KvrefManager, symmetric: bool = True
) -> Exploration[ManagerState, ManagerOp]:
    return Explorer(scope, partial(scope.build, factory), symmetric).run()
