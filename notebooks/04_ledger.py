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
# # Where do the constants go?
#
# A theorem that promises a rate 10 times below what is seen, or asks for a width of $10^{12}$ where $10^5$ is enough, has lost
# its constants somewhere. Which step of the proof lost how much?
#
# * A **ledger** evaluates the inequality steps that lead from one side of a claim to the other on a concrete network. Their
#   ratios multiply to the looseness of the whole.
# * A **ladder** replaces a theorem's worst-case constants by those of the data, one after the other, and says what width
#   is left; *certificates* of fresh networks at that width are the check.
#
# A ledger is about one instance: another one may lose in other places. That a step is loose *here* does not mean that it can
# be improved *in general*.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter
from rich.console import Console

from theorycheck import card, proof_files
from theorycheck.ledger import largest_first, ledger
from theorycheck.report_ledger import ladder_table, waterfall
from theorycheck.sharpen import tried
from theorycheck.theorems import sharpenings

plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 90, "axes.axisbelow": True})
proofs = {one.name: one for key in ("chen2022", "caron2023") for one in proof_files.proofs(key)}
plain = Console(width=110, force_jupyter=False, color_system=None)

# %% [markdown]
# ## 1. chen2022, theorem A: the rate
#
# On the left the rate that theorem A promises, on the right the least rate that was seen; in between the chain of its proof
# (each step in words below). First on synthetic data: three random inputs, 400 tanh neurons, labels just within what the theorem
# allows.

# %%
a = card("chen2022.a")
synthetic = ledger(a, proofs["chen2022.a rate"], a.example(n=3, d=6, m=400, activation="tanh", level=0.999, seed=0))
for one in largest_first(synthetic):
    print(f"{one.label:18} x{one.ratio:.3f}, {one.share:4.0%} of the whole (on a logarithmic scale): {one.says}")
print(
    f"{'the whole':18} x{synthetic.whole.ratio:.3f}, and the product of the steps is x{math.prod(one.ratio for one in synthetic.entries):.3f}"
)

# %% [markdown]
# Then on six rows of a real data set (breast_cancer, as scikit-learn has it) with softplus. The inputs are far from orthogonal, so
# that more is lost everywhere.

# %%
flags = {"data": "breast_cancer", "rows": 6, "m": 200, "activation": "softplus", "level": 0.999}
real = ledger(a, proofs["chen2022.a rate"], a.example(**flags))
names = ("three random inputs, tanh", "six rows of breast_cancer, softplus")
figure, panels = plt.subplots(2, 1, figsize=(8, 5.5), layout="constrained")
for axes, found, name in zip(panels, (synthetic, real), names, strict=True):
    waterfall(axes, found)
    axes.set_title(f"{name}: seen is {found.whole.ratio:.3g} times what is promised", fontsize=10, loc="left")
    axes.set_yticks(range(5), ["promised rate", *(one.label for one in found.entries), "rate that was seen"])
    axes.set_xlabel("rate, per unit of mean-field time (logarithmic)")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
plt.show()

# %% [markdown]
# *held* is the largest step on both: neurons are counted by their worst slope on the interval, and those outside of it are
# not counted at all. *least eigenvalue* is what the sandwich $\lambda_{min}(G)\min_a q_a \le \lambda_{min}(K)$ gives away, *Groenwall*
# that the residual is not all in the slowest direction.
#
# ## 2. caron2023, R2 with the data's own constants: rate and movement
#
# A theorem with a probability, at the width that it asks for (`m=0`). Its claim (b) is about the rate, (c) about the movement
# of the nodes, so that what was seen stands on its left side (hatched) and the promise on its right.

# %%
r2 = card("caron2023.r2_data")
instance = r2.example(n=2, d=3, m=0, gamma=0.5, delta=0.9, label=0.5, data="orthogonal", seed=0)
shown = (
    ("b", "rate", "promised rate", "rate that was seen"),
    ("c", "movement", "movement that was seen", "promised bound"),
)
figure, panels = plt.subplots(2, 1, figsize=(8, 5.2), layout="constrained")
for axes, (claim, what, left, right) in zip(panels, shown, strict=True):
    found = ledger(r2, proofs[f"caron2023.r2_data {claim}"], instance)
    waterfall(axes, found)
    axes.set_title(f"claim ({claim}), m = {instance.m}: loose by {found.whole.ratio:.3g}", fontsize=10, loc="left")
    axes.set_yticks(range(4), [left, *(one.label for one in found.entries), right])
    axes.set_xlabel(f"{what}{' over root of node scale' if claim == 'c' else ''} (logarithmic)")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    print("\n".join(f"({claim}) {one.label}: x{one.ratio:.2f}, {one.says}" for one in found.entries))
plt.show()

# %% [markdown]
# Claim (b) loses a factor 2 because the theorem lets half of $\kappa_n$ go at time 0, and almost nothing of it does. The certificate
# loses another 2 to movement that hardly happens, and $1/\gamma = 2$ because the uneven part of the node scale is not counted; the
# rest is the loss that is not in the slowest direction. Claim (c), whose left side is what was seen: nodes stop early, because the
# loss decays faster than promised; and the promise is about all data in the unit ball, with Markov's inequality for $|r_0|$.
#
# ## 3. The width: from $10^{12}$ to $10^5$
#
# R1, the theorem for ReLU, asks for $m \ge 2^{19}n^4(\dots)/(\gamma^2\kappa_n^4d^3\delta^3)$. At $n = d = 3$ orthogonal inputs and
# $\delta = 0.1$ that is more than $10^{12}$. Each rung below replaces one more constant of the proof, and each is a proof of the
# claims (a) to (c) of the theorem for these data at its own width.

# %%
one = next(one for one in sharpenings() if one.theorem.label == "caron2023.r1")
flags = {"n": 3, "d": 3, "delta": 0.1, "data": "orthogonal", "seed": 0}
rungs = one.ladder(one.theorem.example(**flags, m=1))
plain.print(ladder_table(one.theorem.label, rungs))

# %%
widths = np.array([rung.width for rung in rungs])
figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
bars = axes.barh(
    range(len(rungs)), widths, left=1, color="0.75", edgecolor="black", hatch=["//", *[""] * (len(rungs) - 2), ".."]
)
axes.bar_label(bars, [f" {width:.2g}" for width in widths], fontsize=9)
axes.set_yticks(range(len(rungs)), [rung.label for rung in rungs])
axes.invert_yaxis()
axes.set(
    xscale="log",
    xlim=(1e3, 3e13),
    xlabel="width m that the proof asks for (logarithmic)",
    ylabel="constant that is replaced",
)
axes.set_title(
    "caron2023.r1: hatched, the theorem as stated; dotted, all constants of the data", fontsize=10, loc="left"
)
plt.show()

# %% [markdown]
# The largest factor is probabilistic, not analytic: Markov's inequality for the mass of gates that can flip. The last rung is
# a width that can be tried. Two fresh draws of the weights are certified, with the theorem's own floor $\gamma\kappa_n/4$; two draws
# are few, as the interval says, but each certificate is a proof for its network.

# %%
m = math.ceil(rungs[-1].width)
trial = tried(one, flags, m, 2)
print(f"stated {widths[0]:.3g}, sharpened {m}: {widths[0] / m:.2g} times less")
print(
    f"at m = {trial.m}: {trial.passed} of {trial.draws} draws certified, 95 % interval [{trial.low:.2f}, {trial.high:.2f}]"
)

# %% [markdown]
# How sharp is the foot of the ladder? At smaller widths certificates begin to fail, and at a width 400 times smaller (the
# negative control) none goes through. Networks that narrow may still converge; this *proof idea* does not show it.

# %%
for smaller in (3, 10, 30, 400):
    trial = tried(one, flags, m // smaller, 2)
    print(f"m = {trial.m:6}: {trial.passed} of {trial.draws} draws certified")
