"""The parts of a scenario that belong to no family: ends, initial state, network, purse, experiment, policies."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from marketsim import settings, units
from marketsim.policies import placement, procurement, queueing
from marketsim.settings import Settings


def _read_moment(value: Any) -> Any:
    return value if isinstance(value, datetime) and value.tzinfo else units.moment(value)


def _moment_text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at.microsecond == 0 else at.isoformat()


Moment = Annotated[
    datetime,
    BeforeValidator(_read_moment),
    PlainSerializer(_moment_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Date = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Signed = Annotated[float, Field(ge=-1e12, le=1e12)]


class Objective(Settings):
    """What "best" means: the metric made small (or large, where that is better), and caps on others."""

    minimize: str = Field(default="total_with_penalties_usd", description="metric that is made as small as possible")
    subject_to: dict[str, settings.NonNegative] = Field(
        default_factory=dict, description="metric -> the most that a policy's mean may be"
    )


class Ends(Settings):
    """How the end of the horizon is settled, by one rule for every policy."""

    drain: settings.Duration = Field(default=30 * units.DAY_S, description="the most that unfinished work gets")
    backlog: str = Field(
        default="on_demand",
        description="whose price work that is not done is charged at: on_demand, or a metered offer by name",
    )
    contracts: Literal["obligation_less_resale"] = Field(
        default="obligation_less_resale", description="how contracts that go on are valued"
    )
    servers: Literal["resale"] = Field(default="resale", description="how servers that are left are valued")


class Held(Settings):
    """A contract or servers that the startup has when the scenario begins."""

    offer: settings.Name = Field(description="the offer they belong to")
    instances: settings.PositiveCount = Field(description="instances, delivered at second 0")
    age: settings.Duration = Field(default=0, description="how long ago they were signed or bought")
    term: settings.PositiveDuration | None = Field(
        default=None, description="of a contract; the offer's where not given"
    )


HeldList = Annotated[tuple[Held, ...], Field(strict=False, max_length=1000)]


class Initial(Settings):
    """What there is at second 0."""

    cash_usd: Signed | None = Field(default=None, description="opening cash; without it, cash is not watched")
    contracts: HeldList = Field(default=(), description="contracts that run")
    servers: HeldList = Field(default=(), description="servers and devices that are owned")


class Network(Settings):
    """What moving and keeping data costs."""

    usd_per_gb_egress: settings.NonNegative | CatalogueEgress = Field(
        default=0.0, description="USD per GB that leaves a provider; `{kind: catalogue}` for each provider's list price"
    )
    usd_per_gb_month_storage: settings.NonNegative = Field(default=0.0, description="USD per GB kept for a month")


class CatalogueEgress(Settings):
    """Each provider's list price of data that leaves it, from the packaged table."""

    kind: Literal["catalogue"] = "catalogue"


if TYPE_CHECKING:
    AnyProcurement = Any
    AnyQueue = Any
    AnyPlacement = Any
else:
    AnyProcurement = settings.one_of(procurement.KINDS)
    AnyQueue = settings.one_of(queueing.KINDS)
    AnyPlacement = settings.one_of(placement.KINDS)


class PolicySettings(Settings):
    """The three rules of a policy, and the levers it adopts at the start."""

    procurement: AnyProcurement = Field(default_factory=procurement.KINDS["none"], description="what to commit to")
    queue: AnyQueue = Field(
        default_factory=lambda: queueing.KINDS["fifo"].model_validate({"blocking": "skipping"}),
        description="who is next",
    )
    placement: AnyPlacement = Field(default_factory=placement.KINDS["cheapest_feasible"], description="where and when")
    levers: Annotated[tuple[settings.Name, ...], Field(strict=False)] = Field(
        default=(), description="levers adopted at the start, by name"
    )


class CreditSettings(Settings):
    """Cloud credits."""

    provider: str = Field(min_length=1, max_length=100, description="the provider they are good at")
    usd: settings.NonNegative = Field(description="USD")
    until: settings.Duration = Field(description="after the scenario's start, when they lapse")


class Round(Settings):
    """Money raised."""

    at: settings.Duration = Field(description="after the scenario's start")
    usd: settings.NonNegative = Field(description="USD that come in")


class CapitalStage(Settings):
    """A stage of the company from which on its capital costs something else, such as after a round."""

    at: settings.PositiveDuration = Field(description="after the scenario's start, from when on")
    cost_of_capital_per_year: Annotated[float, Field(gt=-1, le=5)] = Field(description="yearly rate from then on")


class Display(Settings):
    """The currency that reports are shown in; every sum is kept in USD."""

    currency: str = Field(default="USD", pattern="^[A-Z]{3}$", description="ISO 4217 code, three capital letters")
    per_usd: settings.Positive | None = Field(default=None, description="units of the currency per USD")
    as_of: Date | None = Field(default=None, description="the rate's date, YYYY-MM-DD")
    source: str | None = Field(default=None, description="where the rate comes from")

    @model_validator(mode="after")
    def _rate(self) -> Display:
        if self.currency != "USD" and (self.per_usd is None or self.as_of is None):
            raise ValueError(f"{self.currency} needs per_usd and as_of: no rate of exchange is assumed")
        try:
            date.fromisoformat(self.as_of or "2026-01-01")
        except ValueError:
            raise ValueError(f"as_of is no day of the calendar: {self.as_of}") from None
        return self


class Finance(Settings):
    """The startup's money: what capital costs, taxes, credits, other spending."""

    cost_of_capital_per_year: Annotated[float, Field(gt=-1, le=5)] = Field(
        default=0.0, description="yearly rate on money bound in servers and prepaid contracts"
    )
    capital_stages: Annotated[tuple[CapitalStage, ...], Field(strict=False, max_length=20)] = Field(
        default=(), description="from when on capital costs something else; increasing"
    )
    tax_rate: settings.OpenShare = Field(default=0.0, description="share of profit")
    sales_tax: Annotated[float, Field(ge=0, le=1)] = Field(default=0.0, description="share on top of bought servers")
    credits: Annotated[tuple[CreditSettings, ...], Field(strict=False, max_length=100)] = Field(
        default=(), description="cloud credits"
    )
    rounds: Annotated[tuple[Round, ...], Field(strict=False, max_length=100)] = Field(
        default=(), description="money raised on the way"
    )
    other_burn_usd_per_month: settings.NonNegative = Field(default=0.0, description="spending on all else")
    insolvency: Literal["stop", "continue"] = Field(
        default="continue", description="whether the run ends when cash falls below 0"
    )
    display: Display = Field(default_factory=Display, description="currency of reports")

    @model_validator(mode="after")
    def _stages_follow(self) -> Finance:
        times = [stage.at for stage in self.capital_stages]
        if times != sorted(set(times)):
            raise ValueError("capital_stages must follow one another: each at later than the one before")
        return self


class Until(Settings):
    """When replications are enough: the interval of a mean, or of a difference to a policy, is this narrow."""

    metric: str = Field(description="metric that is watched")
    half_width_share: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="half-width of its interval over the size of the mean or difference"
    )
    half_width: Annotated[float, Field(gt=0, le=1e12)] | None = Field(
        default=None, description="half-width in the metric's own unit, instead of a share"
    )
    to: str | None = Field(
        default=None, description="policy to which the others' differences are watched; their means where not given"
    )

    @model_validator(mode="after")
    def _one_width(self) -> Until:
        if (self.half_width_share is None) == (self.half_width is None):
            raise ValueError("needs one of half_width_share and half_width")
        return self


REPLICATIONS = Annotated[int, Field(ge=1, le=100_000)]


class Replications(Settings):
    """How often the dice are thrown."""

    at_least: REPLICATIONS = Field(default=10, description="before the interval is looked at")
    at_most: REPLICATIONS = Field(default=200, description="the end in any case")
    until: Until | None = Field(default=None, description="stop earlier once this is reached")


class Experiment(Settings):
    """How the policies are compared."""

    replications: REPLICATIONS | Replications = Field(
        default=20, description="a number, or `{at_most, until}` to stop when an interval is narrow"
    )
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = Field(default=0.95, description="of intervals of means")


class Validation(Settings):
    """What a back-test against a bill found: `marketsim backtest` writes it, and every later report says it."""

    bill: str = Field(min_length=1, max_length=200, description="the bill's file")
    months: str = Field(default="", max_length=40, description="first and last month that were compared")
    worst_month_share: settings.NonNegative = Field(description="largest error of a month, as a share of its invoice")
    mean_share: Signed = Field(default=0.0, description="mean error of the months, as a share")
    low_share: Signed | None = Field(default=None, description="lower end of its 95 % interval")
    high_share: Signed | None = Field(default=None, description="upper end of its 95 % interval")
    within_share: settings.Positive = Field(default=0.1, description="what counts as validated")
    tested: str = Field(default="", max_length=32, description="digest of the settings that were tested")

    @property
    def passed(self) -> bool:
        """Whether every month was within what counts as validated."""
        return self.worst_month_share <= self.within_share

    def verdict(self, digest: str = "") -> str:
        """The verdict in a sentence; digest: of the settings it is now said of."""
        what = f"{self.bill}, {self.months}" if self.months else self.bill
        share = f"{100 * self.worst_month_share:.1f} %"
        text = (
            f"validated to {share} on this bill ({what})"
            if self.passed
            else f"not validated: {share} off in the worst month of {what}"
        )
        if self.low_share is not None and self.high_share is not None:
            mean, low, high = (f"{100 * one:+.1f}" for one in (self.mean_share, self.low_share, self.high_share))
            text += f"; mean error of a month {mean} %, 95 % interval {low} to {high} %"
        return f"{text}; settings have changed since" if digest and digest != self.tested else text


class ClockSettings(Settings):
    """When decisions can be taken, for comparison with published slotted results."""

    decide_every: settings.PositiveDuration = Field(default=1, description="the length of a slot")
    finish_on_grid: bool = Field(default=False, description="whether a job's end is known only at the next slot")


Network.model_rebuild()
