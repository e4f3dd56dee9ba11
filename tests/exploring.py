"""What the tests of the explorer share."""

from functools import partial

from spec.manager import ManagerState
from spec.ops import ManagerOp, Op
from spec.pool import PoolState
from stateful_models.explore import Explorer, Report
from stateful_models.manager_refinement import KvrefManager
from stateful_models.manager_scope import ManagerFactory, ManagerScope
from stateful_models.pool_scope import PoolFactory, PoolScope
from stateful_models.refinement import KvrefPool


def explore_pool(
    scope: PoolScope, factory: PoolFactory = KvrefPool, symmetric: bool = True
) -> Report[PoolState, Op]:
    return Explorer(scope, partial(scope.build, factory), symmetric).run()


def explore_manager(
    scope: ManagerScope, factory: ManagerFactory = KvrefManager, symmetric: bool = True
) -> Report[ManagerState, ManagerOp]:
    return Explorer(scope, partial(scope.build, factory), symmetric).run()
