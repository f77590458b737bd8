"""What a policy may ask for, carried out: one function an action, refused with the policy's name where impossible."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from marketsim.engine.state import RUNNING, WAITING, JobState
from marketsim.ledger import CAUSE
from marketsim.policies import policy as say

if TYPE_CHECKING:
    from marketsim.engine.run import Engine


def act(engine: Engine, action: say.Action) -> bool:
    """Carry out one action; whether it changed the state now. PolicyError where it is impossible."""
    function = _ACTIONS.get(type(action))
    if function is None:
        raise engine.impossible(f"{action!r} is no action")
    return function(engine, action)


def _find(engine: Engine, job: int, phase: int, verb: str) -> JobState:
    found = engine.present.get(job)
    if found is None or found.phase != phase:
        state = "is not here" if found is None else ("waits" if found.phase == WAITING else "runs")
        raise engine.impossible(f"cannot {verb} job {job}: it {state}")
    return found


def _start(engine: Engine, action: say.Start) -> bool:
    job = _find(engine, action.job, WAITING, "start")
    if action.offer not in engine.pool_of or not engine.view.can_start(job, action.offer):
        raise engine.impossible(f"cannot start job {action.job} at {action.offer}: it does not fit there now")
    engine.waiting.leave(job)
    engine.attempts.start(job, action.offer, action.reason)
    return True


def _move(engine: Engine, action: say.Move) -> bool:
    job = _find(engine, action.job, RUNNING, "move")
    if not engine.leave(job, CAUSE["moved"]):
        return True
    if action.offer not in engine.pool_of or not engine.view.can_start(job, action.offer):
        raise engine.impossible(f"cannot move job {action.job} to {action.offer}: it does not fit there now")
    engine.attempts.start(job, action.offer, action.reason)
    return True


def _stop(engine: Engine, action: say.Stop) -> bool:
    engine.requeue(_find(engine, action.job, RUNNING, "stop"), CAUSE["stopped"], warned=True)
    return True


def _cancel(engine: Engine, action: say.Cancel) -> bool:
    job = engine.present.get(action.job)
    if job is None:
        raise engine.impossible(f"cannot cancel job {action.job}: it is not here")
    engine.give_up(job, CAUSE["cancelled"])
    return True


def _whole(engine: Engine, count: object, what: str, least: int = 1) -> int:
    try:
        whole = operator.index(count)  # type: ignore[arg-type]
    except TypeError:
        raise engine.impossible(f"{what} is a whole number, not {count!r}") from None
    if whole < least:
        raise engine.impossible(f"{what} is at least {least}, not {whole}")
    return whole


def _hold(engine: Engine, action: say.Hold) -> bool:
    engine.leases.hold(action.instances, math.ceil(action.until_s))
    return False


def _release(engine: Engine, action: say.Release) -> bool:
    return engine.leases.release_idle(action.instances)


def _request_quota(engine: Engine, action: say.RequestQuota) -> bool:
    engine.capacity.request_quota(action.offer, _whole(engine, action.instances, "a quota asked for"))
    return False


def _scale(engine: Engine, action: say.Scale) -> bool:
    _whole(engine, action.replicas, "a number of replicas", least=0)
    if not 0 <= action.requests_per_s < math.inf:
        raise engine.impossible(f"a rate is at least 0 requests a second, not {action.requests_per_s}")
    return engine.serving.scale(action)


def _sign(engine: Engine, action: say.Sign) -> bool:
    instances = _whole(engine, action.instances, "a number of instances")
    term_s = None if action.term_s is None else _whole(engine, action.term_s, "a term in seconds")
    engine.orders.place(action.offer, instances, term_s, action.renew)
    return False


def _buy(engine: Engine, action: say.Buy) -> bool:
    engine.orders.place(action.offer, _whole(engine, action.instances, "a number of instances"), None, False)
    return False


def _terminate(engine: Engine, action: say.Terminate) -> bool:
    engine.orders.terminate(action.commitment)
    return True


def _adopt(engine: Engine, action: say.Adopt) -> bool:
    return engine.adopting.adopt(action.lever, action.target)


def _wake(engine: Engine, action: say.WakeAt) -> bool:
    engine.wake_at(action.t_s)
    return False


_ACTIONS: dict[type, Callable[[Engine, Any], bool]] = {
    say.Start: _start,
    say.Move: _move,
    say.Stop: _stop,
    say.Cancel: _cancel,
    say.Hold: _hold,
    say.Release: _release,
    say.RequestQuota: _request_quota,
    say.Scale: _scale,
    say.Sign: _sign,
    say.Buy: _buy,
    say.Terminate: _terminate,
    say.Adopt: _adopt,
    say.WakeAt: _wake,
}
