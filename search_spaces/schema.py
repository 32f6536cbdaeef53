"""The study file's types. One name per quantity, from the YAML to the report.

A `Study` is a trial's settings (problem, data, network, training, projection) plus what is searched and how. Every type
is a plain frozen dataclass; those of the core are used as they are, chosen by their `name`. `search_spaces.load` reads
and checks files into these types.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from torch import Tensor

from cnn_core.domains import Sampling
from cnn_core.methods import METHODS
from cnn_core.networks import NETWORKS
from cnn_core.optimizers import OPTIMIZERS, Adam
from cnn_core.problems import Problem, Split, Unknown
from cnn_core.renewal import Refinement
from cnn_core.solvers import SOLVERS
from cnn_core.tasks import Role
from search_spaces.bootstrap import Bootstrap
from search_spaces.shares import Order, Share

Scalar = str | int | float | bool | None

Value = Scalar | tuple[Scalar, ...]
"""What a choice is among."""

OF_A_TRIAL = ("problem", "data", "network", "training", "projection")
"""The blocks of a study file that make a trial what it is; a search may reach into them."""

MOST_THREADS = 1024
"""With many more, torch ends its process."""

LARGEST_PACK = 256
"""Trials in one process: each has a process of its own beside, which asks and tells."""

LARGEST_SEED = 2**31 - 1
"""What every random generator takes."""

EDITION = 2
"""Of the defaults; `search_spaces.editions` knows the earlier ones."""

USUAL = ("validation/data_mse", "validation/constraint_mse")
"""The usual objectives."""

CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _one_of(registry: Mapping[str, type], tag: str = "name") -> Any:
    """The tagged union of a registry's classes."""
    first, *others = registry.values()
    return Annotated[reduce(or_, others, first), Field(discriminator=tag)] if others else first


@dataclass(frozen=True)
class ProblemChoice:
    """Which PDE: a name in PROBLEMS, or `package.module:attribute`; `options` are the problem's own keyword arguments.

    In a study file the options stand beside `name`: `{name: viscous-flow, viscosity: 0.2}`. `unknown` names those of
    its parameters that nobody gives, so that training finds them.
    """

    name: str
    scaled: bool = True
    unknown: Mapping[str, Unknown] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NetworkChoice:
    """A network of one's own, `package.module:attribute`; `options` are its own keyword arguments.

    In a study file the options stand beside `name`: `{name: my_networks:Siren, widths: [64, 64]}`.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSplit:
    """A part of the data: points that are drawn, as in `cnn_core.problems.Split`, and observations from a `file`.

    `file` is a path, relative to the study file; `share` is the part of its rows that belongs to this split, in the
    order drawn from its points, or as they stand (`order: file`); `columns` renames the file's columns to the problem's
    names; a `bootstrap` draws them anew with every seed of the training. Without a file the exact solution is the data,
    where one is known.
    """

    parameters: Mapping[str, tuple[float, ...]]
    points: int | Mapping[str, int] = field(default_factory=dict)
    sampling: Sampling | Mapping[str, Sampling] = "random"
    file: str | None = None
    share: Share = (0.0, 1.0)
    order: Order = "random"
    columns: Mapping[str, str] = field(default_factory=dict)
    bootstrap: Bootstrap | None = None

    def __post_init__(self) -> None:
        _ = self.drawn  # which refuses what cannot be

    @property
    def drawn(self) -> Split:
        """The points that are drawn."""
        return Split(self.parameters, self.points, self.sampling)

    def waves(self, problem: Problem) -> Tensor:
        """All combinations of parameter values, (waves, K) in float64."""
        return self.drawn.waves(problem)


@dataclass(frozen=True)
class Data:
    """The three splits. Hyperparameters are selected on `validation`; `test` is measured once, when a trial ends."""

    train: DataSplit
    validation: DataSplit
    test: DataSplit

    @property
    def splits(self) -> Mapping[str, DataSplit]:
        """The three splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


@dataclass(frozen=True)
class Training:
    """How one network is trained. `device` is auto, cpu or cuda.

    `batch_size` is one for all regions, or one for each by its name. `roles` say what teaches how: each residual of the
    PDE, each condition and the `data` is a constraint, an objective or only measured. `resample` draws new points every
    so many epochs, in all regions or in each as often as is said; `refine` gathers them where the residual is large.

    `threads` is torch's thread count on the CPU; auto: as many as `resources.cpu` has whole cores.

    `compile` lets torch compile the passes of a step: ten seconds to a minute once per machine and shape, faster steps
    after.
    """

    method: _one_of(METHODS)  # type: ignore[valid-type]
    optimizer: _one_of(OPTIMIZERS) = field(default_factory=Adam)  # type: ignore[valid-type]
    batch_size: Annotated[int, Field(ge=1)] | Mapping[str, Annotated[int, Field(ge=1)]] = 1000
    roles: Mapping[str, Role] = field(default_factory=dict)
    resample: Annotated[int, Field(ge=1)] | Mapping[str, Annotated[int, Field(ge=1)]] = field(default_factory=dict)
    refine: Mapping[str, Refinement] = field(default_factory=dict)
    epochs: Annotated[int, Field(ge=0)] = 30
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 0
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[int, Field(ge=1, le=MOST_THREADS)] | Literal["auto"] = "auto"
    compile: bool = False


@dataclass(frozen=True)
class Uniform:
    """A number between low and high."""

    low: float
    high: float
    log: bool = False
    name: Literal["uniform"] = "uniform"

    def __post_init__(self) -> None:
        _require_range(self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Integer:
    """A whole number between low and high, both included."""

    low: int
    high: int
    log: bool = False
    name: Literal["integer"] = "integer"

    def __post_init__(self) -> None:
        _require_range(self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choice:
    """One of several values: numbers, texts, booleans, null, or lists of them (widths)."""

    values: tuple[Value, ...]
    name: Literal["choice"] = "choice"

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("the choice is empty; write at least one value")
        seen: set[Value] = set()
        for value in self.values:
            if value in seen:
                raise ValueError(f"the choice holds {value!r} twice; write each value once")
            seen.add(value)


Distribution = Uniform | Integer | Choice


@dataclass(frozen=True)
class SearchedParameter:
    """A distribution, and the values of other searched or fixed settings under which it applies."""

    distribution: Distribution
    when: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Contestant:
    """A named bundle of settings that competes with others: what it sets over the file, and what it searches besides.

    `set` is dotted path → value, as of --set.
    """

    set: Mapping[str, Any] = field(default_factory=dict)
    search: Mapping[str, SearchedParameter] = field(default_factory=dict)

    def trains(self, file: bool) -> bool:
        """Whether it has epochs, or may have; the `file` says what it sets no epochs of."""
        block = self.set.get("training")
        epochs = self.set.get("training.epochs", block.get("epochs") if isinstance(block, Mapping) else None)
        return "training.epochs" in self.search or (file if epochs is None else epochs != 0)


@dataclass(frozen=True)
class Scheduler:
    """Early stopping of poor trials. `metric` is one that is reported every epoch.

    `grace` epochs and `grace_seconds` of training are always granted.
    """

    name: Literal["asha", "median", "none"] = "none"
    metric: str | None = None
    mode: Literal["min", "max"] = "min"
    grace: Annotated[int, Field(ge=1)] = 1
    grace_seconds: Annotated[float, Field(ge=0)] = 0.0
    reduction_factor: Annotated[float, Field(gt=1)] = 4.0


@dataclass(frozen=True)
class Tune:
    """How the search runs. `balance` names a searched choice whose values share the trials equally.

    `first` are points to try before any other, dotted path → value; what they leave out the sampler chooses. `seconds`
    of the CPU are what each contestant, each balanced value, or the whole search may use for training (for projection
    where nothing is trained); whoever has used them gets no more trials. A trial saves itself every
    `checkpoint_seconds`: so much is lost at most when its process or node is.
    """

    trials: Annotated[int, Field(ge=1)] = 32
    sampler: Literal["tpe", "random", "grid", "nsga2", "gp"] = "tpe"
    scheduler: Scheduler = field(default_factory=Scheduler)
    max_concurrent: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 0
    balance: str | None = None
    first: tuple[Mapping[str, Value], ...] = ()
    seconds: Annotated[float, Field(gt=0)] | None = None
    checkpoint_seconds: Annotated[float, Field(gt=0)] = 60.0


@dataclass(frozen=True)
class Resources:
    """What one trial occupies on a cluster; `gpu` may be a fraction.

    A `pack` of so many trials shares it, in one process; auto: of as many as pay, which is measured when the study
    starts; null: of one, and by `cnn-study confirm` auto.
    """

    cpu: Annotated[float, Field(gt=0)] = 1
    gpu: Annotated[float, Field(ge=0)] = 0
    pack: Annotated[int, Field(ge=1, le=LARGEST_PACK)] | Literal["auto"] | None = None


@dataclass(frozen=True)
class Study:
    """A study file. With `search` empty it is one trial.

    `contestants` share its trials equally: each makes a study of its own of it (`search_spaces.contestants`).

    `edition` is that of the defaults that a method has where nobody gives its settings.

    The usual objectives are the errors of the data and of the constraints, as far as these are measured; where nothing
    is trained, of the projected networks.
    """

    study: str
    problem: ProblemChoice
    data: Data
    network: _one_of(NETWORKS) | NetworkChoice  # type: ignore[valid-type]
    training: Training
    projection: _one_of(SOLVERS, "solver") | None = None  # type: ignore[valid-type]
    search: Mapping[str, SearchedParameter] = field(default_factory=dict)
    contestants: Mapping[str, Contestant] = field(default_factory=dict)
    objectives: Mapping[str, Literal["min", "max"]] = field(default_factory=lambda: dict.fromkeys(USUAL, "min"))
    bounds: Mapping[str, float] = field(default_factory=dict)
    tune: Tune = field(default_factory=Tune)
    resources: Resources = field(default_factory=Resources)
    edition: Annotated[int, Field(ge=1, le=EDITION)] = EDITION

    __pydantic_config__ = CONFIG

    @property
    def trains(self) -> bool:
        """Whether a trial has epochs, or may have; one without is projected from its first parameters on.

        Among contestants some may have none.
        """
        may = self.training.epochs > 0 or "training.epochs" in self.search
        if self.contestants:
            return any(one.trains(may) for one in self.contestants.values())
        return may or self.projection is None

    @property
    def method(self) -> str:
        """What a trial's network comes from: the training's method, or, without training, the projection's solver."""
        return self.training.method.name if self.trains or self.projection is None else self.projection.solver


def _require_range(low: float, high: float, *, log: bool) -> None:
    if low >= high:
        raise ValueError(f"the range is empty: low must be below high, got [{low}, {high}]")
    if log and low <= 0:
        raise ValueError(f"a logarithmic range needs low > 0, got [{low}, {high}]")
