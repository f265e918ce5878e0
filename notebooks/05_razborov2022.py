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
# 6. Where the constants go.

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
from theorycheck.flow.descent import descend
from theorycheck.judge import judge
from theorycheck.ledger import largest_first, ledger
from theorycheck.report_graph import draw
from theorycheck.report_latex import formula
from theorycheck.report_ledger import waterfall
from theorycheck.report_proof import counts, trusts
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.gaussian import QU, QV, RHO, THETA, dual, in_angle
from theorycheck.theorems.razborov2022 import setting

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
plt.rcParams["savefig.dpi"] = 75
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
# ## 6. Where the constants go
#
# The ledger of the rate: each inequality of the proof with both its sides, evaluated on this run.

# %%
found = ledger(r1, proofs["razborov2022.r1 rate"], instance)
figure, axes = plt.subplots(figsize=(7, 2.6))
waterfall(axes, found)
axes.set_xlabel("rate, per unit of time (logarithmic)")
plt.tight_layout()
plt.show()
for entry in largest_first(found):
    print(f"{entry.ratio:8.3g}  {entry.label}: {entry.says}")
