"""What a lever is: a technique that changes a need, with what it costs to earn and how it may fail.

A lever offers one level or several, the one asked for first and milder ones behind it. Each level is an `Effect`:
bytes, prefill, decode and training speed are four figures, because a technique that saves one seldom saves the others.
Before it helps, its one-off work must run; then the metric is measured against the floor, and where it misses, the next
milder level is tried, with the time and money of the first gone. All of that is drawn ahead, so that the World holds
the outcome of each lever before any policy adopts it.
"""

from __future__ import annotations

import pathlib
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar, cast

from pydantic import Field, model_validator

from marketsim.data.gpus import canonical
from marketsim.demand.job import Need, Service
from marketsim.demand.serving import Llm, Slo, silicon
from marketsim.errors import InputError
from marketsim.levers import hardware
from marketsim.levers.effect import Effect, Figures, Floor, LeverOutcome, LeverWork, OneOff, outcome_of
from marketsim.settings import Kind, Name, Positive, Share
from marketsim.streams import Dice
from marketsim.units import MILLI

Target = TypeVar("Target", Need, Service)


class Lever(Kind):
    """The contract: `published()` is a kind's own; the rest follows from it.

    Levels are `Effect`s, whose ratios are before over after: size 2 is half the bytes. Raises ValueError where neither
    a published figure nor the user's own says what the one-off work takes; it is never free.

    >>> import marketsim as ms
    >>> from typing import Literal
    >>> from marketsim.levers.effect import Effect
    >>> class HalfTheLayers(ms.Lever):
    ...     kind: Literal["half_the_layers"] = "half_the_layers"
    ...     def published(self):
    ...         label, own = "half the layers", {"decode": {"H100": 1.9}, "work": self.work_or(None)}
    ...         return (Effect(label, metric="top1", before=0.76, change=-0.02, se=0.004, size_ratio=2.0, **own),)
    >>> lever = HalfTheLayers(target="chat", one_off={"gpu_hours": 200.0, "gpu": "H100"})
    >>> lever.levels()[0].speedup("decode", "H100"), lever.one_off_job().run_s // 3600
    (1.9, 200)
    """

    applies_to: ClassVar[type] = Service  # or Need: what the technique changes
    needs_files: ClassVar[bool] = False  # levels() can be asked only of what `prepared` returns

    target: Name = Field(description="the demand whose need it changes")
    floor: Floor | None = Field(default=None, description="worst metric that is good enough; none: never fails")
    fall_back: bool = Field(default=True, description="whether milder levels are tried when the floor is missed")
    hardware: tuple[str, ...] = Field(
        default=(), strict=False, description="GPUs it is meant for; each must have what the technique requires"
    )
    weights_memory_share: Share = Field(
        default=0.8, description="share of a replica's memory that is weights; the rest is cache (assumption)"
    )
    decode_time_share: Share | None = Field(
        default=None, description="share of serving time spent decoding; by default from the tokens of a request"
    )
    speedup_kept: Share = Field(
        default=1.0,
        description="share of the published speed-up left in your serving; batching of language models is counted",
    )
    requests_per_s_on: dict[str, Positive] = Field(
        default_factory=dict, description="requests a second of a levered replica on GPUs that could not serve before"
    )
    one_off: OneOff | None = Field(default=None, description="the user's own one-off work, in place of a published one")
    figures: Figures | None = Field(default=None, description="the user's own measurements, in place of published ones")

    def levels(self) -> tuple[Effect, ...]:
        """The level asked for, then milder ones; the user's own figures are the only level where they are given."""
        if self.figures is None:
            return self.published()
        work = self.one_off.as_work() if self.one_off is not None else None
        if work is None:
            raise ValueError("figures of your own need one_off too: what the work to get there takes")
        return (self.figures.as_effect(str(getattr(self, "kind", "lever")), work),)

    def published(self) -> tuple[Effect, ...]:
        """The levels as the tables of facts have them, the one asked for first, then milder ones."""
        raise NotImplementedError

    def work_or(self, known: LeverWork | None) -> LeverWork:
        """The user's one-off work, else the published one; ValueError where there is neither, as it is never free."""
        if self.one_off is not None:
            return self.one_off.as_work()
        if known is None:
            raise ValueError("no one-off work is published for this technique; give one_off: {gpu_hours: ...}")
        return known

    def prepared(self, folder: pathlib.Path | None) -> Lever:
        """The lever with what it reads from files beside the scenario; itself where it reads none."""
        return self

    @model_validator(mode="after")
    def _figures_make_sense(self) -> Lever:
        if not self.needs_files:
            check(self)
        return self

    def transform(self, need: Target, level: int = 0) -> Target:
        """The need with the lever at a level; the type given is the type returned."""
        return self.with_effect(need, self.levels()[level])

    def with_effect(self, need: Target, effect: Effect) -> Target:
        """The need with a level's effect, under this lever's settings."""
        changed: Service | Need = self._service(need, effect) if isinstance(need, Service) else self._need(need, effect)
        return cast(Target, changed)

    def job_work(self, need: Need, work: int, level: int = 0) -> int:
        """Milli-GPU-seconds of a job of the levered need, at least 1; services have none."""
        return max(1, round(work / self.levels()[level].train_speedup))

    def one_off_job(self, level: int = 0) -> LeverWork:
        """The work that earns a level."""
        return self.levels()[level].work

    def draw(self, dice: Dice) -> LeverOutcome:
        """This replication's outcome. One hardness holds for all levels: a model bad at 2 bits is bad at 3."""
        return outcome_of(self.levels() if self.fall_back else self.levels()[:1], self.floor, dice)

    def refuses(self, need: Need | Service) -> str | None:
        """Why the lever cannot change a need, None where it can."""
        if not isinstance(need, self.applies_to):
            is_a = "serving, not training" if self.applies_to is Service else "training, not serving"
            return f"{getattr(self, 'kind', 'this lever')} changes {is_a}"
        requires = None if self.needs_files else self.levels()[0].requires  # no file is read to check a scenario
        if isinstance(need, Service) and requires is not None:
            gpus = sorted({*need.replica_requests_per_s, *self.requests_per_s_on})
            if gpus and not any(hardware.has(gpu, requires) for gpu in gpus):
                return f"needs {requires}, which none of {', '.join(gpus)} has"
        return None

    def _need(self, need: Need, effect: Effect) -> Need:
        return replace(need, memory_gb_per_gpu=self._memory_gb(need.memory_gb_per_gpu, effect))

    def _memory_gb(self, memory_gb: float, effect: Effect) -> float:
        weights = self.weights_memory_share
        return memory_gb * (1 - weights + weights / effect.in_memory)

    def _service(self, service: Service, effect: Effect) -> Service:
        if isinstance(service.serving, Llm):
            return self._llm_service(service, service.serving, effect)
        share = self.decode_time_share if self.decode_time_share is not None else decode_share(service)
        rates = {gpu: rate * self._faster(effect, gpu, share) for gpu, rate in service.replica_requests_per_s.items()}
        rates |= {gpu: rate for gpu, rate in self.requests_per_s_on.items() if gpu not in rates}
        memory = self._memory_gb(service.replica.memory_gb_per_gpu, effect)
        return replace(
            service, replica=replace(service.replica, memory_gb_per_gpu=memory), replica_requests_per_s=rates
        )

    def _llm_service(self, service: Service, model: Llm, effect: Effect) -> Service:
        """A language model under batching: its roofline is drawn again with the smaller weights.

        Bytes shrink by the size; reading them gets as much faster as was measured for a single stream; arithmetic as
        prefill was. So a batch that arithmetic limits gains little, and hardware that was too small may serve.
        """
        whole = max(1, round(service.replica.milli / MILLI))
        part = min(1.0, service.replica.milli / MILLI)
        slo = None
        if service.latency_s is not None and service.latency_share is not None:
            slo = Slo(latency_s=service.latency_s, share=service.latency_share)
        kept = self.speedup_kept
        drawn_for: dict[tuple[float, float], dict[str, float]] = {}
        rates: dict[str, float] = {}
        smaller = model
        for gpu in silicon():
            arithmetic, read = (1 + kept * (effect.speedup(phase, gpu) - 1) for phase in ("prefill", "decode"))
            if (arithmetic, read) not in drawn_for:
                smaller = model.model_copy(
                    update={
                        "weight_bits": model.weight_bits / effect.in_memory,
                        "read_bits": (model.read_bits or model.weight_bits) / read,
                        "arithmetic_speedup": model.arithmetic_speedup * arithmetic,
                    }
                )
                drawn_for[arithmetic, read] = smaller.replica_requests_per_s(whole, slo)
            if gpu in drawn_for[arithmetic, read]:
                rates[gpu] = drawn_for[arithmetic, read][gpu] * part
        rates |= self.requests_per_s_on
        replica = replace(service.replica, memory_gb_per_gpu=smaller.memory_gb_per_gpu(whole))
        return replace(service, replica=replica, replica_requests_per_s=rates, serving=smaller)

    def _faster(self, effect: Effect, gpu: str, decode: float) -> float:
        """Requests a second after over before: prefill and decode each keep their own speed-up."""
        kept = self.speedup_kept
        prefill, tokens = (1 + kept * (effect.speedup(phase, gpu) - 1) for phase in ("prefill", "decode"))
        return 1.0 / ((1 - decode) / prefill + decode / tokens)


def decode_share(service: Service) -> float:
    """Share of a request's time spent decoding, from its tokens and one model's measured rates; 1 without tokens.

    Rates: 923.49 tokens a second in prefill and 29.17 in decode, Llama-3.1-8B F16 (llama.cpp tools/quantize README).
    """
    if not service.output_tokens:
        return 1.0
    prefill_s, decode_s = (service.input_tokens or 0.0) / 923.49, service.output_tokens / 29.17
    return decode_s / (prefill_s + decode_s)


def check(lever: Lever) -> None:
    """ValueError where the floor, the hardware or the one-off work of a lever cannot be."""
    first = lever.levels()[0]
    if lever.floor is not None:
        if lever.floor.metric != first.metric:
            raise ValueError(f"its quality is measured in {first.metric}, not in {lever.floor.metric}")
        if not lever.floor.met_by(first.before):
            raise ValueError(
                f"the floor of {lever.floor.bound:g} asks for more than the model has without the lever "
                f"({first.metric} {first.before:g})"
            )
    try:
        for gpu in (*lever.hardware, *lever.requests_per_s_on):
            canonical(gpu)
            if first.requires is not None and not hardware.has(gpu, first.requires):
                raise ValueError(f"needs {first.requires}, which {gpu} lacks")
        if lever.one_off is not None:
            canonical(lever.one_off.gpu)
    except InputError as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True)
class DrawnLever:
    """What the World holds under a lever's name: its settings and this replication's outcome."""

    name: str
    lever: Lever
    outcome: LeverOutcome

    @property
    def target(self) -> str:
        """The demand that is changed."""
        return self.lever.target

    @property
    def work(self) -> LeverWork:
        """The one-off work of all levels that will be tried."""
        return self.outcome.work

    def changed(self, need: Target) -> Target:
        """The need once the work is done: at the level in force, or as it was."""
        return need if self.outcome.level is None else self.lever.transform(need, self.outcome.level)

    def changed_work(self, need: Need, work: int) -> int:
        """Milli-GPU-seconds of a job that arrives once the work is done; `need` is the unlevered one."""
        if self.outcome.level is None:
            return work
        if self.outcome.job_work is not None:
            return self.outcome.job_work
        return self.lever.job_work(need, work, self.outcome.level)


def drawn(name: str, lever: Lever, dice: Dice, folder: pathlib.Path | None = None) -> DrawnLever:
    """A lever thrown for one replication; `dice` are the World's, the lever's own stream is named after it."""
    ready = lever.prepared(folder)
    return DrawnLever(name, ready, ready.draw(dice.under(f"levers/{name}")))
