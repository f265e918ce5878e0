"""R8.4 end to end, and R11: with the theorem's hyper-parameters both layers descend to little more than the truth's loss.

The first step forgets the start and makes features (R8.1); the rest is a descent of both layers (R8.3) with a second layer on
those features to compare with (R8.2). The four terms of the excess are the premises, as measured after the first step. Run on
the whole network or on the ticket: the neurons that are features, each with its twin of the other sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theorycheck import measure
from theorycheck.data import BadInput
from theorycheck.evidence import Measured
from theorycheck.flow import Run
from theorycheck.flow.descent import LOSSES as RULES
from theorycheck.flow.descent import Descent, descend
from theorycheck.measure import NoTrajectory
from theorycheck.model import Instance
from theorycheck.network import Network
from theorycheck.statement import Assumption, Bound, Claim, Quantity, Reference, Standing, Theorem, with_looseness
from theorycheck.theorems._data import keyword_example
from theorycheck.theorems.shi2023 import coupled, starts
from theorycheck.theorems.shi2023 import features as f
from theorycheck.theorems.shi2023 import hyperparameters as hyper
from theorycheck.theorems.shi2023 import linear as separated
from theorycheck.theorems.shi2023 import setting as s
from theorycheck.theorems.shi2023.problems import KINK, Problem, linear, parity, scaled, xor

mean_loss, truth_loss, count = sp.symbols("L_mean L_f* N_S", nonnegative=True)
best_loss, right = sp.symbols("L_best P_right", nonnegative=True)
at_zero = sp.Symbol("l_0", positive=True)
LOSSES = tuple(s.LOSS)
TASKS = ("linear", "xor", "parity")

EXCESS = f.DISTANCE + hyper.epsilon
BOUND = truth_loss + EXCESS


def share_right(loss: sp.Expr) -> sp.Expr:
    """Return the share of signs that are right at least where the mean loss is this: a wrong one costs l(0) (errata W7)."""
    return 1 - loss / at_zero


# --- the run -------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def problem_of(instance: Instance) -> Problem:
    """Return the problem that an instance's parameters describe."""
    given = instance.parameters
    task = TASKS[int(given["task"])]
    if task == "parity":
        return scaled(parity(instance.d), given["times"])
    found = xor(given["noise"], given["kink"]) if task == "xor" else linear(instance.inputs, instance.labels, given["ratio"])  # fmt: skip
    return scaled(found, given["times"])


@lru_cache(maxsize=8)
def first_step(instance: Instance) -> Network:
    """Return the network after the first step, whose decay forgets the start."""
    rate = instance.parameters["eta_1"]
    loss = LOSSES[int(instance.parameters["loss"])]
    return descend(instance, step=rate, steps=1, loss=loss, mean=True, decay=1 / rate, record=[1]).network


def simulate(instance: Instance) -> Run:
    """Make the first step, then T - 1 steps of size eta: T states in all."""
    given = instance.parameters
    count = int(given["T"])
    found = descend(
        first_step(instance), instance.labels, step=given["eta"], steps=count - 1, loss=LOSSES[int(given["loss"])],
        mean=True, record=range(count),
    )  # fmt: skip
    return Run(instance, descent=found)


@lru_cache(maxsize=8)
def _features(instance: Instance) -> tuple[int, float]:
    """Return the size of the smallest S_k and ``|a~|``."""
    given, truth = instance.parameters, problem_of(instance).truth
    sets = f.members(truth, first_step(instance).weights, s.biases_of(instance), given["epsilon_1"], given["gamma"])
    return min(map(len, sets)), float(np.linalg.norm(f.second_layer(truth, sets, s.biases_of(instance))))


def _near(value: float) -> Measured:
    return Measured(value, 1e-11 * abs(value))


def _descent(run: Run) -> Descent:
    if run.descent is None:
        raise NoTrajectory("the loss belongs to a descent: simulate the instance first")
    return run.descent


def _right(run: Run) -> Measured:
    """Return the share of rows with y f > 0 at the t of the least loss; an output that is 0 up to rounding may be either."""
    found = _descent(run)
    signed = run.instance.labels * found.output[np.argmin(found.loss)]
    doubt = 1e-11 * (1 + np.abs(signed).max())
    return Measured.between(float(np.mean(signed > doubt)), float(np.mean(signed > -doubt)))


def _at_zero(run: Run) -> float:
    return float(RULES[LOSSES[int(run.instance.parameters["loss"])]].value(np.zeros((1, 1)), np.ones((1, 1))))


def _truth_loss(run: Run) -> Measured:
    own, rule = run.instance, RULES[LOSSES[int(run.instance.parameters["loss"])]]
    value = rule.value(problem_of(own).truth(own.inputs)[:, None], own.labels[:, None]) / own.n
    return Measured(value, 1e-11 * (1 + value))


def _size(run: Run) -> Measured:
    net = first_step(run.instance)
    b_1 = float(coupled.mean_norm(run).value)
    return _near(float(np.linalg.norm(net.outer) + np.linalg.norm(net.weights) + np.linalg.norm(net.shift) / b_1))


_QUANTITIES = (
    Quantity(hyper.epsilon, "excess loss that the descent may leave", measure.parameter("epsilon")),
    Quantity(f.eps_1, "eps_1, share by which a feature's length may be off", measure.parameter("epsilon_1")),
    Quantity(f.gamma, "gamma, 1 less the cosine that a feature has at least", measure.parameter("gamma")),
    Quantity(f.M_1, "root of the largest eigenvalue of E[x x'], at least M_1", lambda run: _near(f.first_moment(run.instance.inputs))),
    Quantity(f.outer_size, "sum_k |a*_k|", lambda run: _near(float(np.sum(np.abs(problem_of(run.instance).truth.outer))))),
    Quantity(truth_loss, "loss of f*", _truth_loss),
    Quantity(count, "neurons in the smallest S_k", lambda run: Measured(float(_features(run.instance)[0]))),
    Quantity(hyper.outer, "|a~|, of the second layer on the S_k", lambda run: _near(_features(run.instance)[1])),
    Quantity(hyper.size, "S_1 = |a_1| + |W_1|_F + |b|/B_1, after the first step", _size),
    Quantity(hyper.start, "|a_1|, after the first step", lambda run: _near(float(np.linalg.norm(first_step(run.instance).outer)))),
    Quantity(hyper.length, "h = eta T", lambda run: _near(run.instance.parameters["eta"] * run.instance.parameters["T"])),
    Quantity(hyper.step, "eta, size of all steps but the first", measure.parameter("eta")),
    Quantity(hyper.B_1, "E|x|", coupled.mean_norm),
    Quantity(mean_loss, "mean loss over t = 1 ... T", lambda run: _near(float(np.mean(_descent(run).loss)))),
    Quantity(best_loss, "least loss over t = 1 ... T", lambda run: _near(float(np.min(_descent(run).loss)))),
    Quantity(right, "share of right signs, y f > 0, at the t of the least loss", _right),
    Quantity(at_zero, "loss of the output 0", measure.constant(_at_zero)),
)  # fmt: skip
_SAYS = {
    "movement": "the first layer moves little", "distance": "the descent is long enough for |a~|",
    "start": "the output weights start small", "step": "the steps are small",
}  # fmt: skip
_ASSUMED = (
    Assumption("emerged", "every S_k has a neuron", Bound(sp.S.One, count)),
    *(Assumption(name, _SAYS[name], Bound(term, hyper.ALLOWED)) for name, term in hyper.TERMS.items()),
    Assumption("short", "eta T B_1 <= 1", Bound(hyper.SHORT, sp.S.One)),
)
_GIVEN = tuple(part.label for part in _ASSUMED)
_CLAIMS = (
    Claim("loss", "the mean loss is at most OPT's, what features lose, and epsilon", Bound(mean_loss, BOUND), _GIVEN),
    Claim("best", "so is that of the best step", Bound(best_loss, BOUND), _GIVEN),
    Claim("Markov", "a step whose loss is below that of the output 0 has few wrong signs", Bound(share_right(best_loss), right), ()),
    Claim("signs", "so few of the best step's signs are wrong", Bound(share_right(BOUND), right), _GIVEN),
)  # fmt: skip
_ANY_TIME = tuple(name for name in _GIVEN if name not in ("distance", "start"))
_SABOTAGES = (
    Claim("loss: nothing lost", "as good as f* on average from the first step on", Bound(mean_loss, truth_loss), _GIVEN, falsifies="loss"),
    Claim("loss: any time", "however few steps", Bound(mean_loss, BOUND), _ANY_TIME, falsifies="loss"),
    Claim("loss: no features", "whether or not features emerged", Bound(mean_loss, BOUND), _GIVEN[1:], falsifies="loss"),
    Claim("best: any time", "however few steps", Bound(best_loss, BOUND), _ANY_TIME, falsifies="best"),
    Claim("Markov: l(0) = 2", "as if a wrong sign cost 2", Bound(share_right(best_loss).subs(at_zero, 2), right), (), falsifies="Markov"),
    Claim("signs: no features", "whether or not features emerged", Bound(share_right(BOUND), right), _GIVEN[1:], falsifies="signs"),
)  # fmt: skip


# --- instances -----------------------------------------------------------------------------------------------


def _made(problem: Problem, plan: dict[str, Any], about: dict[str, Any], notes: Sequence[str] = ()) -> Instance:
    more = {"task": float(TASKS.index(plan["task"])), "noise": plan.get("noise", 0.0), "kink": problem.size, "times": plan["times"], "ratio": problem.bias}  # fmt: skip
    return starts.start(
        scaled(problem, plan["times"]), m=plan["m"], loss=plan["loss"], epsilon=plan["epsilon"], excess=plan["excess"],
        only_ticket=plan["ticket"], steps_share=plan.get("share", 1.0), seed=plan["seed"], description=about,
        notes=tuple(notes), more=more,
    )  # fmt: skip


def _build(flags: dict[str, Any]) -> Instance:
    if flags["loss"] not in LOSSES or flags["task"] not in TASKS:
        raise BadInput(f"--loss must be {' or '.join(LOSSES)} and --task {' or '.join(TASKS)}, not {flags['loss']!r} and {flags['task']!r}")  # fmt: skip
    if not all(0 < flags[name] < math.inf for name in ("bias", "epsilon", "excess", "times")) or flags["m"] < 0 or not 0 < flags["kink"] < 1:  # fmt: skip
        raise BadInput("--bias, --epsilon, --excess and --times must be positive, --m at least 0, and --kink in (0, 1)")
    notes: tuple[str, ...] = ()
    if flags["task"] == "xor":
        problem = xor(flags["noise"], flags["kink"])
    elif flags["task"] == "parity":
        problem = parity(flags["d"])
    else:
        inputs, labels, notes = separated.separated(flags)
        longest = float(np.max(np.linalg.norm(inputs, axis=1)))
        problem = linear(inputs, labels, flags["bias"] * longest * math.sqrt(inputs.shape[1]))
    plan = {**flags, "m": flags["m"] or starts.quadruples_for(scaled(problem, flags["times"]), flags["excess"], 0.1)}
    name = flags["data"] if flags["task"] == "linear" else flags["task"]
    found = _made(problem, plan, {"data": name, "flags": dict(flags)}, notes)
    if found.parameters["T"] > coupled.MOST_STEPS:
        raise BadInput(f"the theorem asks for T = {found.parameters['T']:.3g} steps here, more than {coupled.MOST_STEPS}: raise --epsilon, or take --ticket")  # fmt: skip
    return found


def _short(problem: Problem, plan: dict[str, Any], about: dict[str, Any]) -> Instance:
    """Return the instance; of a long descent only its first steps."""
    made = _made(problem, plan, about)
    share = 10_000 * plan["share"] / made.parameters["T"]
    return made if share >= plan["share"] else _made(problem, {**plan, "share": share}, about)


def _hard(d: int, plan: dict[str, Any], bias: float, scale: float, task: str = "linear") -> Instance:
    if task != "linear":
        problem = xor(0.3 * (d - 1)) if task == "xor" else parity(3)
        return _short(problem, {**plan, "task": task, "noise": 0.3 * (d - 1)}, {"task": task, "d": d, **plan})
    generator = np.random.default_rng([plan["seed"], 89])
    labels = np.array([1.0, -1.0, 1.0, -1.0])
    inputs = 0.3 * generator.standard_normal((4, d))
    inputs[:, 0] = labels
    inputs *= scale
    problem = linear(inputs, labels, bias * float(np.max(np.linalg.norm(inputs, axis=1))) * math.sqrt(d))
    return _short(problem, {**plan, "task": "linear"}, {"d": d, **plan, "bias": bias, "scale": scale})


def _instances() -> SearchStrategy[Instance]:
    plans = st.fixed_dictionaries(
        {
            "m": st.sampled_from([20, 6, 1, 2]), "loss": st.sampled_from(LOSSES), "epsilon": st.sampled_from([0.5, 0.9, 0.2]),
            "excess": st.sampled_from([0.3, 0.1]), "times": st.sampled_from([1.0, 2.0]), "ticket": st.sampled_from([True, True, False]),
            "share": st.sampled_from([1.0, 0.01, 1.0]), "seed": st.integers(0, 10_000),
        }
    )  # fmt: skip
    return st.builds(_hard, st.integers(1, 2), plans, st.sampled_from([2.0, 1.0]), st.sampled_from([1.0, 30.0]), st.sampled_from(["linear", "xor", "linear", "parity"]))  # fmt: skip


_FLAGS = {
    **separated.FLAGS,
    "task": (
        Annotated[
            str,
            "linear (separated data), xor (four points in three dimensions) or parity (of the first two of d signs, for neurons of signs)",
        ],
        "linear",
    ),
    "noise": (Annotated[float, "size of the third coordinate of xor, a sign"], 0.0),
    "kink": (Annotated[float, "bias of xor's truth, in (0, 1)"], KINK),
    "m": (
        Annotated[int, "quadruples of neurons that are drawn; 0 for as many as features emerge with at chance 0.9"],
        60,
    ),
    "bias": (Annotated[float, "size of the bias, over sqrt(d) times the longest input (linear)"], 1.5),
    "loss": (Annotated[str, "hinge or logistic"], "hinge"),
    "epsilon": (Annotated[float, "excess loss that the descent may leave"], 0.4),
    "excess": (Annotated[float, "excess loss that the features' lengths may leave"], 0.4),
    "times": (Annotated[float, "multiple of the truth: more than 1 for the logistic loss"], 1.0),
    "ticket": (Annotated[bool, "train the lottery ticket only"], True),
}
END_TO_END = Theorem(
    label="shi2023.end_to_end",
    title="Both layers trained end to end: the mean loss is near OPT, for the whole network and for its lottery ticket",
    reference=Reference("shi2023", "R8.4 with R7a and R5.2, and R11, section 4", s.MADE_HERE),
    standing=Standing.DERIVED,
    notation=s.NOTATION
    + " The instance's rows are the population and every step sees all of it. t = 1 is after the first step, which forgets the start; "
    "sigma_w, b~, eta_1, eta and T are those of the theorem.",
    quantities=_QUANTITIES,
    assumptions=_ASSUMED,
    claims=with_looseness(_CLAIMS, loss=4.1, best=7.0, Markov=1.0, signs=5.0),
    derivations=(),
    order=("data", "labels", "weights"),
    example=keyword_example(_build, {**_FLAGS, **{**s.CLASS_DATA, "data": (s.CLASS_DATA["data"][0], "orthogonal")}}, Instance),
    instances=_instances,
    simulate=simulate,
    sabotages=_SABOTAGES,
    showcase=({"data": "orthogonal", "d": 2, "n": 2}, {"data": "orthogonal", "d": 2, "n": 2, "loss": "logistic"}, {"data": "breast_cancer", "columns": "20,27", "rows": 30, "epsilon": 0.6, "excess": 0.35}),
)  # fmt: skip
