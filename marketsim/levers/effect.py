"""What a level of a technique does and takes: its quality against a floor, its ratios, and the work that earns it.

Facts and arithmetic alone: where they come from is a lever's matter (`lever.py`, one file a kind).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field, model_validator

from marketsim.data.gpus import canonical
from marketsim.demand.job import Need
from marketsim.errors import InputError
from marketsim.levers import hardware
from marketsim.settings import Duration, NonNegative, Positive, PositiveCount, Settings
from marketsim.streams import Dice
from marketsim.units import HOUR_S, MILLI

Basis = Literal["measured", "published", "user"]

ONE_SIDED_95 = 1.645  # normal quantile: a level clears the floor where at most one draw in twenty would miss it
HIGHER_IS_BETTER = {"perplexity_ratio": False, "wer": False, "perplexity": False, "top1_error": False}


def higher_is_better(metric: str) -> bool:
    """Whether more of a metric is better: true of all but error rates and perplexities."""
    return HIGHER_IS_BETTER.get(metric, True)


class Floor(Settings):
    """The worst value of the metric that is still good enough: one of the two bounds."""

    metric: str = Field(description="the metric as the lever measures it, such as perplexity_ratio, top1 or wer")
    at_most: float | None = Field(default=None, description="largest value allowed, for metrics where less is better")
    at_least: float | None = Field(default=None, description="least value allowed, for metrics where more is better")

    @model_validator(mode="after")
    def _one_bound(self) -> Floor:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("a floor has one of at_most and at_least")
        wanted = "at_least" if higher_is_better(self.metric) else "at_most"
        if getattr(self, wanted) is None:
            raise ValueError(f"a floor of {self.metric} is given by {wanted}")
        return self

    @property
    def bound(self) -> float:
        """The value of the bound, in the metric's unit."""
        return float(self.at_most if self.at_most is not None else self.at_least or 0.0)

    def met_by(self, value: float) -> bool:
        """Whether a value is good enough; the bound itself is."""
        return value <= self.bound if self.at_most is not None else value >= self.bound

    def cleared_by(self, mean: float, se: float) -> bool:
        """Whether the 95 % bound of an estimate is good enough: mean - 1.645 se, or mean + 1.645 se for `at_most`."""
        return self.met_by(mean + ONE_SIDED_95 * se if self.at_most is not None else mean - ONE_SIDED_95 * se)


@dataclass(frozen=True)
class LeverWork:
    """The one-off work that earns a level: GPU-hours on a named GPU, then a delay, with data to read and money paid."""

    gpu_hours: float = 0.0
    gpu: str = "A100-80GB"
    gpus: int = 1
    delay_s: int = 0
    data_gb: float = 0.0
    memory_gb_per_gpu: float = 0.0
    usd: float = 0.0
    source: str = ""

    @property
    def work(self) -> int:
        """Milli-GPU-seconds on the reference GPU `gpu`, 0 where nothing has to run."""
        return round(self.gpu_hours * HOUR_S * MILLI)

    @property
    def run_s(self) -> int:
        """Whole seconds the work takes on its own GPUs."""
        return -(-self.work // (self.gpus * MILLI))

    def need(self, lever: str, residency: tuple[str, ...] | None = None) -> Need:
        """What the one-off job asks for: a job of workload `lever-NAME`."""
        return Need(
            workload=f"lever-{lever}",
            milli=self.gpus * MILLI,
            memory_gb_per_gpu=self.memory_gb_per_gpu,
            reference_gpu=self.gpu,
            residency=residency,
            data_gb=self.data_gb,
        )

    def then(self, other: LeverWork) -> LeverWork:
        """Both works, one after the other; GPU-hours add up on the first's GPU, which both name."""
        if not other.gpu_hours:
            gpu, gpus = self.gpu, self.gpus
        elif not self.gpu_hours or self.gpu == other.gpu:
            gpu, gpus = other.gpu, max(self.gpus, other.gpus)
        else:
            raise InputError(f"one chain's one-off work names two GPUs, {self.gpu} and {other.gpu}; give one_off.gpu")
        return LeverWork(
            gpu_hours=self.gpu_hours + other.gpu_hours,
            gpu=gpu,
            gpus=gpus,
            delay_s=self.delay_s + other.delay_s,
            data_gb=max(self.data_gb, other.data_gb),
            memory_gb_per_gpu=max(self.memory_gb_per_gpu, other.memory_gb_per_gpu),
            usd=self.usd + other.usd,
            source="; ".join(dict.fromkeys(part for part in (self.source, other.source) if part)),
        )


ANY = ""  # in a speed-up by hardware: where the source names none


@dataclass(frozen=True)
class Effect:
    """One level of a technique. Ratios are before over after: size 4 is a quarter of the bytes, speed 2 half the time.

    prefill, decode: speed-up by GPU name, `ANY` for a source that names no hardware; a GPU not named gets the least
    known figure and is unverified. memory_ratio: of the weights while they are used, where it is not size_ratio: zeros
    in a dense array take their place. requires: what hardware must have (`hardware.FEATURES`), else speed stays at 1.
    before: the metric without the lever; change: what is added to it, in its unit; se: standard error of the change on
    the user's own model; n: figures behind it. unverified: put together from parts that nobody measured together.
    """

    label: str
    metric: str
    before: float
    change: float
    se: float
    n: int = 1
    size_ratio: float = 1.0
    memory_ratio: float | None = None
    train_speedup: float = 1.0
    prefill: Mapping[str, float] = field(default_factory=dict)
    decode: Mapping[str, float] = field(default_factory=dict)
    requires: str | None = None
    work: LeverWork = field(default_factory=LeverWork)
    basis: Basis = "published"
    source: str = ""
    unverified: bool = False

    @property
    def after(self) -> float:
        """The metric to be expected with the lever."""
        return self.before + self.change

    @property
    def in_memory(self) -> float:
        """Weights in memory before over after."""
        return self.size_ratio if self.memory_ratio is None else self.memory_ratio

    def speedup(self, phase: str, gpu: str) -> float:
        """How many times faster `prefill` or `decode` is on a GPU; 1 where it lacks what the technique requires."""
        if self.requires is not None and not hardware.has(gpu, self.requires):
            return 1.0
        known: Mapping[str, float] = getattr(self, phase)
        found = hardware.nearest_class(gpu, known)
        if found is not None:
            return known[found]
        return known.get(ANY, min(known.values(), default=1.0))

    def verified_on(self, gpu: str) -> bool:
        """Whether a figure of this very hardware stands behind the decode speed-up."""
        return not self.unverified and hardware.nearest_class(gpu, self.decode) is not None

    def sees(self, hardness: float) -> float:
        """The metric of one model: `hardness` standard errors worse than expected."""
        worse = -1.0 if higher_is_better(self.metric) else 1.0
        return self.after + worse * hardness * self.se


@dataclass(frozen=True)
class Tried:
    """One level that was worked for: what came out, and whether it met the floor."""

    level: int
    label: str
    value: float
    met: bool


@dataclass(frozen=True)
class LeverOutcome:
    """What adopting a lever comes to in this replication, drawn whether or not anybody adopts it.

    level: the level in force afterwards, None where none met the floor and the need stays as it was. work: of all
    levels tried. value: the metric in force.
    """

    tried: tuple[Tried, ...]
    level: int | None
    metric: str
    value: float
    work: LeverWork
    job_work: int | None = None  # milli-GPU-seconds of each job afterwards, where the lever replaces the work itself

    @property
    def success(self) -> bool:
        """Whether the level asked for met the floor at once."""
        return self.level == 0

    @property
    def code(self) -> int:
        """For the ledger's `adopted.outcome`: the level in force, -1 for none."""
        return -1 if self.level is None else self.level


class OneOff(Settings):
    """The user's own figure of the work that earns the lever."""

    gpu_hours: NonNegative = Field(description="GPU-hours of the one-off work")
    gpu: str = Field(default="A100-80GB", description="GPU on which they are counted")
    gpus: PositiveCount = Field(default=1, description="GPUs used together")
    delay: Duration = Field(default=0, description="time for evaluation and rollout after the work")
    data_gb: NonNegative = Field(default=0.0, description="data that the work reads, in GB")
    memory_gb_per_gpu: NonNegative = Field(default=0.0, description="memory it needs on each GPU, in GB")
    usd: NonNegative = Field(default=0.0, description="money paid beside the GPU-hours, such as labels or engineers")

    def as_work(self) -> LeverWork:
        """The same as `LeverWork`; InputError for an unknown GPU."""
        return LeverWork(
            gpu_hours=self.gpu_hours,
            gpu=canonical(self.gpu),
            gpus=self.gpus,
            delay_s=self.delay,
            data_gb=self.data_gb,
            memory_gb_per_gpu=self.memory_gb_per_gpu,
            usd=self.usd,
            source="given by the user",
        )


class Figures(Settings):
    """The user's own measurement of a technique on his own model; ratios are before over after."""

    metric: str = Field(description="what the quality is measured in")
    before: float = Field(description="the metric without the technique")
    change: float = Field(description="what the technique adds to it")
    se: NonNegative = Field(description="standard error of the change")
    n: PositiveCount = Field(default=1, description="measurements behind it")
    size_ratio: Positive = Field(default=1.0, description="bytes before over bytes after")
    train_speedup: Positive = Field(default=1.0, description="training time before over after")
    prefill_speedup: Positive = Field(default=1.0, description="prefill time before over after")
    decode_speedup: Positive = Field(default=1.0, description="decode (or whole inference) time before over after")
    requires: Literal["int8", "fp8", "2:4", "cpu", "cpu-sparse"] | None = Field(
        default=None, description="what the hardware must have for the speed-up"
    )
    source: str = Field(min_length=1, description="where and when it was measured")

    def as_effect(self, label: str, work: LeverWork) -> Effect:
        """The same as a level."""
        return Effect(
            label=label,
            metric=self.metric,
            before=self.before,
            change=self.change,
            se=self.se,
            n=self.n,
            size_ratio=self.size_ratio,
            train_speedup=self.train_speedup,
            prefill={ANY: self.prefill_speedup},
            decode={ANY: self.decode_speedup},
            requires=self.requires,
            work=work,
            basis="user",
            source=self.source,
        )


def outcome_of(levels: tuple[Effect, ...], floor: Floor | None, dice: Dice) -> LeverOutcome:
    """Levels tried in turn against the floor with one draw of how hard this model is to change."""
    hardness = float(dice.normals("hardness", 1)[0])
    tried: list[Tried] = []
    work = LeverWork()
    for level, effect in enumerate(levels):
        value = effect.sees(hardness)
        work = work.then(effect.work)
        met = floor is None or floor.met_by(value)
        tried.append(Tried(level, effect.label, value, met))
        if met:
            return LeverOutcome(tuple(tried), level, effect.metric, value, work)
    return LeverOutcome(tuple(tried), None, levels[0].metric, levels[0].before, work)
