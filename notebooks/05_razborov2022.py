# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # razborov2022: two layers, two rates, and an adversary who moves last
#
# A. Razborov (2022) studies $f(x) = \kappa\sum_j a_j\,\max(0, w_j\cdot x)$ with *both* layers trained, $W$ at rate $\eta_W$ and $a$
# at rate $\eta_a$. Labels may be chosen by an adversary who has seen data and weights. The abstract claims convergence for
# Gaussian data; its statements are not at hand, so those here are *derived in our own notes*:
#
# * **R1**, a certificate: *if* a test of the initial network is passed, gradient flow converges. No probability.
# * **R2**, a theorem: at a large enough width, random networks pass R1's test with probability $1-p$, for **all** labels at once.
#
# 1. Two rates are one rate, and a scale.
# 2. The limit Gram, end to end: an integral, its closed form, its power series, code, three evaluations.
# 3. What can flip: a knapsack.
# 4. The proof of R1, checked now, and drawn.
# 5. A run at the edge of the test, with the worst labels; and what each layer may move.
# 6. One step of descent: a constant of our notes that is not the best one.
# 7. R2 promises, R1 certifies, descent does.
# 8. Beyond the NTK regime.

# %%
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from IPython.display import Image, Markdown, display

from theorycheck import card, proof_files
from theorycheck.check import Measurements, check
from theorycheck.compiled import compile_kernel
from theorycheck.enclose import enclose
from theorycheck.experiment import Observation
from theorycheck.flow.descent import descend
from theorycheck.judge import judge
from theorycheck.ledger import largest_first, ledger
from theorycheck.report_experiment import draw as draw_experiment
from theorycheck.report_graph import draw
from theorycheck.report_latex import formula
from theorycheck.report_ledger import waterfall
from theorycheck.report_proof import counts, trusts
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.gaussian import QU, QV, RHO, THETA, dual, in_angle
from theorycheck.theorems.razborov2022 import setting
from theorycheck.theorems.razborov2022.experiments import PHASE
from theorycheck.theorems.razborov2022.experiments_widths import CHAIN, FIRST

plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 90, "axes.grid": True, "grid.alpha": 0.3})
keys = ("core", "textbook", "razborov2022", "dual_kernels")
proofs = {one.name: one for key in keys for one in proof_files.proofs(key)}
print(len(proofs), "proofs")

# %% [markdown]
# ## 1. Two rates are one rate, and a scale
#
# ReLU is homogeneous: $a\,\sigma(w\cdot x)$ does not change when $w$ is divided by $s$ and $a$ multiplied by $s$. So weights
# $w\sim N(0, s_W^2)$, $a\sim N(0, s_a^2)$ with a common rate $\eta$ are standard normal weights with output scale
# $\kappa = \kappa_0 s_W s_a$ and the *two* rates $\eta/s_W^2$, $\eta/s_a^2$. Below, LeCun's initialisation
# ($s_W^2 = 1/d$, $s_a^2 = 1/m$) is run as it is usually written, and in normal form.

# %%
r1 = card("razborov2022.r1")
instance = r1.example(n=3, d=10, m=2000, level=0.9)
print("normal form: kappa = {:.3g}, rates {:.3g} and {:.3g}".format(instance.output_scale, *instance.rates))
s_W, s_a, eta = 10**-0.5, 2000**-0.5, instance.rates[0] / 10
usual = replace(
    instance, weights=s_W * instance.weights, signs=s_a * instance.signs, output_scale=1.0, rates=(eta, eta)
)
ends = [descend(one, step=1.0, steps=200).network for one in (instance, usual)]
print("as usual:    kappa = {:.3g}, rates {:.3g} and {:.3g}".format(usual.output_scale, *usual.rates))
gap = np.abs(ends[0].weights * s_W - ends[1].weights).max()
print(f"after 200 steps of descent the first layers differ by {gap:.1e}, once rescaled")

# %% [markdown]
# ## 2. The limit Gram, end to end
#
# With its rates in it, the tangent Gram is $K = \eta_W G_W + \eta_a G_a$. Its mean over Gaussian weights needs the duals of the
# slope and of ReLU itself: integrals over two correlated normals, with closed forms in the angle.

# %%
slope, value = (
    dual(part, name) for part, name in ((ACTIVATIONS["relu"].slope, "relu slope"), (ACTIVATIONS["relu"].expr, "relu"))
)
display(
    Markdown(
        f"$$\\frac{{E\\,G_W}}{{\\kappa^2 m}} = (x\\cdot x')\\,{formula(slope.closed_form)}, \\qquad \\frac{{E\\,G_a}}{{\\kappa^2 m}} = {formula(value.closed_form)}$$"
    )
)
for name in ("dual_kernels relu slope", "dual_kernels relu"):
    print(f"{name}: {counts(proofs[name].check())}")

# %% [markdown]
# Nearly orthogonal inputs make the off-diagonal entries small, degree by degree. SymPy's series of the dual of the slope times
# $\rho$, and of the dual of ReLU, at unit inputs: after the terms of degree 0 and 1 only even powers are left, with positive
# coefficients. Each power of a Gram matrix (entry by entry) is again a Gram matrix, so dropping terms only lowers the least
# eigenvalue; what the coefficients sum to is then a bound.

# %%
unit = {QU: 1, QV: 1}
first = sp.series(RHO * slope.closed_form.subs(unit), RHO, 0, 8).removeO()
second = sp.series(value.closed_form.subs(unit), RHO, 0, 8).removeO()
display(
    Markdown(
        f"$$\\rho\\,\\Theta^0 = {sp.latex(sp.expand(first))} + \\ldots$$ $$\\Theta^1 = {sp.latex(sp.expand(second))} + \\ldots$$"
    )
)
degrees = np.arange(0, 7)
shares = [[float(sp.expand(one).coeff(RHO, int(k))) for k in degrees] for one in (first, second)]
figure, axes = plt.subplots()
axes.bar(degrees - 0.18, shares[0], 0.36, color="0.25", label=r"$\rho\,\Theta^0$: the first layer's Gram")
axes.bar(degrees + 0.18, shares[1], 0.36, color="0.75", edgecolor="k", label=r"$\Theta^1$: the output weights' Gram")
axes.set(
    xlabel=r"degree in the correlation $\rho$ of two inputs",
    ylabel="coefficient (all of them add up to 1/2)",
    yscale="log",
)
axes.legend()
plt.show()

# %% [markdown]
# From the closed form to code, in the angle, and three evaluations of the same expression. The second angle is nearly 0.

# %%
kernel = compile_kernel("entry", (QU, QV, THETA), in_angle(slope.closed_form))
print("\n".join(line for line in kernel.source.splitlines() if '"""' not in line))
for angle in (sp.Rational(7, 10), sp.Rational(1, 10**6)):
    point = {QU: sp.Rational(1, 3), QV: sp.Rational(2, 3), THETA: angle}
    print(f"angle {float(angle):g}")
    print("   SymPy    ", in_angle(slope.closed_form).xreplace(point).evalf(20))
    print("   Numba    ", repr(kernel(*(float(part) for part in point.values()))))
    print("   Arb ball ", enclose(in_angle(slope.closed_form), point))

# %% [markdown]
# ## 3. What can flip: a knapsack
#
# The Jacobian moves because output weights move and because gates flip. A gate $(i, j)$ flips only if $w_j$ moves at least
# $z_{ij} = |w_j\cdot x_i|/|x_i|$. If all of $W$ moves at most $R$, the flipped gates of a sample cost
# $\sum z_{ij}^2 \le R^2$, and what they gain the adversary is $\sum a_j^2$: a knapsack. Its value $M$ is the only place where
# ReLU's kinks enter R1. It is not the *count* of small $z_{ij}$: with Gaussian output weights, the best flips are cheap *and*
# heavy.

# %%
heavy = r1.example(n=3, d=10, m=2000, level=0.9, signs="normal", c=0.2)
distances = np.abs(heavy.inputs[0] @ heavy.weights.T) / np.linalg.norm(heavy.inputs[0])
masses, budget = heavy.signs**2, 0.5
order = np.argsort(distances**2 / masses)
taken = order[np.cumsum(distances[order] ** 2) <= budget**2]
nearest = np.argsort(distances)[: len(taken)]
figure, axes = plt.subplots()
axes.loglog(distances, masses, ".", color="0.75", label="2000 neurons, sample 1")
axes.loglog(distances[taken], masses[taken], "k.", label=f"{len(taken)} in the knapsack")
axes.set(
    xlabel=r"distance to the kink $z_{1j}$", ylabel=r"weight of the neuron $a_j^2$", xlim=(1e-3, 5), ylim=(1e-5, 30)
)
axes.legend(loc="lower left")
plt.show()
print(
    f"the knapsack of R = {budget} holds {masses[taken].sum():.0f}; the {len(taken)} nearest gates weigh {masses[nearest].sum():.0f}"
)
print(f"and M, the worst sample's, last item in part: {setting.flip_mass(heavy, budget):.0f}")

# %% [markdown]
# ## 4. R1 and its proof
#
# $\alpha^2$ is the least eigenvalue of $K$ at time 0. The test leaves a share $1-c$ of $\alpha$:

# %%
lines = [
    f"* {part.label}: ${formula(part.bound.lhs)} {'<' if part.bound.strict else chr(92) + 'le'} {formula(part.bound.rhs)}$"
    for part in r1.assumptions[1:]
]
lines += [
    f"* **{one.label}** {one.says}: ${formula(one.bound.lhs)} \\le {formula(one.bound.rhs)}$" for one in r1.claims
]
display(Markdown("\n".join(lines)))

# %% [markdown]
# The proof of the first claim, checked while you read; the others follow from it.

# %%
for name in ("razborov2022 change of the Jacobian", "razborov2022 path", "razborov2022.r1 gram"):
    checked = proofs[name].check()
    lines = [f"**{name}**: {counts(checked)}", ""]
    for number, one in enumerate(checked, 1):
        relation = "=" if one.step.equal else ("<" if one.step.bound.strict else r"\le")
        text = f"{formula(one.step.bound.lhs)} {relation} {formula(one.step.bound.rhs)}"
        by = f" (by *{one.step.lemma.name}*)" if one.step.lemma else ""
        shown = f": ${text}$" if len(text) < 160 else ""
        lines.append(f"{number}. **{one.step.label}** [{one.trust.value}] {one.step.says}{by}{shown}")
    display(Markdown("\n".join(lines)))

# %%
plt.rcParams["savefig.dpi"] = 60
gram = proofs["razborov2022.r1 gram"]
known = trusts([(one, one.check()) for one in (gram, *proof_files.behind((gram,)))])
with tempfile.TemporaryDirectory() as folder:
    draw([(gram, gram.check())], Path(folder, "graph.png"), known)
    display(Image(Path(folder, "graph.png").read_bytes()))
plt.rcParams["savefig.dpi"] = "figure"

# %% [markdown]
# ## 5. At the edge of the test, with the worst labels
#
# The adversary sees the weights and puts the residual into the weakest direction of $K$, as large as the test allows (90 % of
# it). The flow is followed from kink to kink with both layers moving.

# %%
values = Measurements(r1, instance)
test = judge("test", next(part.bound for part in r1.assumptions if part.label == "test"), values)
print(f"c = {instance.parameters['c']}; test {test.lhs:.5f} <= {test.rhs:.5f}: {test.truth.value}")
for verdict in check(r1, instance).verdicts:
    seen = verdict.conclusion
    print(f"{verdict.claim:8} {verdict.outcome.value}: {seen.lhs:.4g} <= {seen.rhs:.4g}")
path = r1.simulate(instance).trajectory
floor = float(judge("rate", r1.claims[1].bound, values).lhs)
figure, axes = plt.subplots()
axes.semilogy(path.times, np.exp(path.log_loss - path.log_loss[0]), "k-", label="gradient flow, both layers")
axes.semilogy(path.times, np.exp(-floor * path.times), "--", color="0.5", label="R1: at most this, at all times")
axes.set(xlabel="time", ylabel=r"loss $L_t/L_0$")
axes.legend()
plt.show()

# %% [markdown]
# Each layer has a radius of its own, $\sqrt{\eta_W}$ and $\sqrt{\eta_a}$ times the path. Here the output weights do most of the
# work. A theorem with a single rate would have to give both layers one radius; taking the smaller one is a *sabotage* of the
# card, and is refuted:

# %%
sabotage = next(one for one in r1.sabotages if one.label == "outer: single rate")
print(f"{sabotage.label}, {sabotage.says}: ${formula(sabotage.bound.rhs)}$")
for verdict in check(r1, instance, claims=(sabotage,)).verdicts:
    seen = verdict.conclusion
    print(f"{verdict.outcome.value}: {seen.lhs:.3g} <= {seen.rhs:.3g}")

# %% [markdown]
# Where the constants go: the ledger of the rate, each inequality of the proof with both its sides, evaluated on this run.

# %%
found = ledger(r1, proofs["razborov2022.r1 rate"], instance)
figure, axes = plt.subplots(figsize=(7, 2.6))
waterfall(axes, found)
axes.set_xlabel("rate, per unit of time (logarithmic)")
axes.set_ylabel("step of the proof")
plt.tight_layout()
plt.show()
for entry in largest_first(found):
    print(f"{entry.ratio:8.3g}  {entry.label}: {entry.says}")

# %% [markdown]
# ## 6. One step of descent
#
# For gradient descent the heart of the matter is one inequality about one step. Let $u = J_0^\top r$, and let $v = J^\top r$ and
# $w = \bar J^\top r$ be what the Jacobians at the step, and on average over it, make of the residual $r$; both lie within
# $c\,|u|$ of $u$. The new residual has $|r_+|^2 = |r|^2 - 2\,w\cdot v + |\bar J v|^2$. Our notes bound the two parts one by one and find
# that a step takes off at least $q\,|u|^2$, $q = 2(1-2c-c^2) - S(1+c)^2$, where $S\ge|\bar J|^2$. Together they are better:

# %%
one_step = card("razborov2022.one_step")
gain = one_step.claims[0]
display(
    Markdown(f"**{gain.says}**: ${formula(gain.bound.lhs)} \\le {formula(gain.bound.rhs)}$, with $D = c\\,\\alpha$")
)
print(counts(proofs["razborov2022.one_step gain"].check()))
c, S = np.linspace(0, 0.41, 200), 0.25
rng = np.random.default_rng(0)
turns, least = rng.standard_normal((2, 4000, 3)), []
turns /= np.linalg.norm(turns, axis=2, keepdims=True)
u = np.array([1.0, 0.0, 0.0])
shares = np.linspace(0.02, 0.4, 20)
for share in shares:
    w, v = u + share * turns
    least.append((2 * np.sum(w * v, axis=1) - S * np.sum(v * v, axis=1)).min())
figure, axes = plt.subplots()
axes.plot(c, 2 * (1 - 2 * c - c**2) - S * (1 + c) ** 2, "k--", label="part by part: $q$")
axes.plot(c, (2 - S) * (1 - c) ** 2, "k-", label="together: $(2 - S)(1 - c)^2$")
axes.plot(shares, least, "o", color="0.5", markersize=4, label="the worst of 4000 random pairs $v, w$")
axes.set(
    xlabel=r"$c$: how far the Jacobian moves, over $\alpha$", ylabel="what a step takes off (S = 1/4)", ylim=(0, 2)
)
axes.legend()
plt.show()

# %% [markdown]
# The random pairs lie on the solid line: it is the best constant, attained by a network with one sample. So $q$ without its
# $-c^2$, which was to be a *sabotage* of this card, is a true statement. Without its $-2c$ it is false, and caught:

# %%
for sabotage in one_step.sabotages[:4]:
    print(f"{sabotage.label}: {sabotage.says}: {sabotage.bound.lhs}")

# %% [markdown]
# ## 7. R2 promises, R1 certifies, descent does
#
# R2 names a width before the weights are drawn. Its proof works on seven events, each of which may fail with a seventh of the
# probability; one of them is a floor for $\alpha^2$:

# %%
r2 = card("razborov2022.r2")
proof = proofs["razborov2022.r2 floor"]
for event in proof.events:
    display(
        Markdown(
            f"event *{event.label}*, fails with probability ${formula(event.chance)}$: ${formula(event.bound.lhs)} \\le {formula(event.bound.rhs)}$"
        )
    )
own = r2.example(n=2, d=20, m=0, target="weak")
print(f"two samples in 20 dimensions: the theorem's own width is {own.m}")
for verdict in check(r2, own, draws=3).verdicts:
    print(f"{verdict.claim:12} {verdict.conclusion.note}")

# %% [markdown]
# Three draws confirm no probability (that takes more of them, and `theorycheck check razborov2022.r2` draws as many as it takes).
# The chain at $n = 8$, $d = 60$, with the widths that R2 asks for there and labels that aim at the weakest direction: what a
# step takes off the loss, promised before the draw, certified for the draw, and seen.

# %%
runs = [CHAIN.observe({"labels": "weakest", "output weights": "signs"}, seed) for seed in range(3)]
figure, axes = plt.subplots()
marks = {
    "taken, promised": ("s", "R2, promised", "1.0"),
    "taken, certified": ("^", "R1, certified", "0.6"),
    "taken": ("o", "seen: the least of all steps", "0.0"),
}
for name, (mark, says, grey) in marks.items():
    axes.plot(range(3), [run[name] for run in runs], mark, color=grey, markeredgecolor="k", label=says)
axes.set(ylabel="share of the loss that a step takes off", xlabel="draw, with its width", yscale="log")
axes.set_xticks(range(3), [f"m = {run['m']:.0f}" for run in runs])
axes.legend(loc="center right")
plt.show()
print("in order in", sum(int(run["in order"]) for run in runs), "of", len(runs), "draws")

# %% [markdown]
# Nguyen's Theorem 2.2 (2021), as another paper restates it, asks for a width that is quadratic in $n$. Its test and R1's on the
# same draws, at $n = d = 10$:

# %%
for test in ("R1", "Nguyen"):
    widths = [FIRST.observe({"n": 10, "test": test}, seed)["width"] for seed in range(3)]
    print(f"{test:7} first passes at m = {', '.join(f'{m:.0f}' for m in widths)}")

# %% [markdown]
# ## 8. Beyond the NTK regime
#
# What is promised begins at widths of tens of thousands; what happens begins where there are a few weights for every sample. The
# experiment `razborov2022.phase` (after the abstract's claim; the protocol is ours) in small: random labels, two seeds. *Last
# layer* alone is random features, and needs as many neurons as samples. Small numbers in italics are runs that fitted all samples
# but those that have no open gate left: a plateau, as low as it can be.

# %%
plt.rcParams.update({"savefig.dpi": 75, "axes.grid": False})
points = [point for point in PHASE.points() if point["labels"] == "random"]
seen = [Observation(point, seed, PHASE.observe(point, seed)) for point in points for seed in (0, 1)]
with tempfile.TemporaryDirectory() as folder:
    draw_experiment(PHASE, seen, Path(folder, "phase.png"))
    display(Image(Path(folder, "phase.png").read_bytes()))
first = [one for one in seen if one.numbers["success"]]
for name in ("first layer", "equal", "LeCun"):
    densities = [one.point["md/n"] for one in first if one.point["rates"] == name]
    moved = [
        one.numbers["gram moved"] for one in first if one.point["rates"] == name and one.point["md/n"] == min(densities)
    ]
    print(
        f"{name}: first success at md/n = {min(densities)}, where the tangent Gram has moved by {np.mean(moved):.2g} of itself"
    )
