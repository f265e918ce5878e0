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
# # caron2023, continued: steps, features, pruning
#
# The notebook before on F. Caron et al. (TMLR 2025) ends where gradient flow converges. This one holds what else the abstract claims
# for $f(x) = \sum_j \sqrt{\lambda_j}\,a_j\,\sigma(w_j\cdot x/\sqrt d)$, $\lambda_j = \gamma/m + (1-\gamma)\bar\lambda_j$,
# against reality: gradient *descent* (R3), *features* that are learnt if and only if $\gamma < 1$ (R4, R6, R7), benefits for
# *pruning* (R8), and the paper's simulated experiment. The statements are derived in our own notes; what the abstract does
# not say is not laid at the paper's door.
#
# 1. Gradient descent, and a step eight times as large.
# 2. How fast a node moves at time 0: an exact formula.
# 3. How far nodes move: exponents of the width.
# 4. $\gamma = 1$ is lazy: what R6 promises.
# 5. The tangent Gram's random limit.
# 6. Pruning: bound and truth.
# 7. The published experiment: a small version, and the whole one beside the published figures.
# 8. Proofs, checked while you read, and where the constants of one go.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown, display

from theorycheck import card, proof_files
from theorycheck.check import Measurements, check
from theorycheck.experiment import Observation, answers
from theorycheck.flow.descent import descend
from theorycheck.judge import judge, side
from theorycheck.ledger import largest_first, ledger
from theorycheck.model import with_parameters
from theorycheck.report_latex import formula
from theorycheck.report_ledger import waterfall
from theorycheck.report_proof import counts
from theorycheck.theorems.caron2023 import (
    course,
    experiments_widths,
    pruned,
    published,
    r3,
    r4,
    r8_start,
    random_limit,
    speed,
    uses,
)
from theorycheck.theorems.caron2023.r0 import REACH

plt.rcParams.update({"figure.figsize": (7, 3.8), "figure.dpi": 80, "axes.grid": True, "grid.alpha": 0.3})
proofs = {one.name: one for key in ("core", "textbook", "caron2023") for one in proof_files.proofs(key)}
print(sum(name.startswith("caron2023") for name in proofs), "proofs of caron2023")

# %% [markdown]
# ## 1. Gradient descent
#
# R3 is about smooth activations, $W \leftarrow W - \eta\nabla L$. Beside a width it asks for two things of the step, and promises a
# share of the loss that every step takes off:

# %%
theorem = card("caron2023.r3")
steps = [part for part in theorem.assumptions if part.label in ("stable step", "curvature step")]
lines = [f"* {one.label}: ${formula(one.bound.lhs)} \\le {formula(one.bound.rhs)}$" for one in steps]
lines += [
    f"* ({one.label}) {one.says}: ${formula(one.bound.lhs)} \\le {formula(one.bound.rhs)}$" for one in theorem.claims
]
display(Markdown("\n".join(lines)))

# %% [markdown]
# One sample at the theorem's own width, with nearly the largest step that both conditions allow, and with nearly eight times that, which
# is what the *sabotage* of (b) allows. (A linear model with the largest Gram that there may be is stable up to four times the allowed step.)

# %%
figure, axes = plt.subplots()
for share, dash in ((0.999, "-"), (7.99, ":")):
    instance = theorem.example(n=1, d=3, m=0, delta=0.9, label=0.5, data="orthogonal", step=share)
    values = Measurements(theorem, instance)
    claim = theorem.claims[1] if share < 1 else next(one for one in theorem.sabotages if "eightfold" in one.label)
    verdict = check(theorem, instance, claims=(claim,)).verdicts[0]
    print(f"step {share} of the largest, m = {instance.m}: '{claim.label}' {verdict.outcome.value}")
    run = theorem.simulate(instance).descent
    axes.semilogy(run.steps, run.loss / run.loss[0], f"k{dash}", label=f"step {share} of the largest allowed")
    if share < 1:
        gain = float(side(r3.GAIN, values)[0].mid())
        axes.semilogy(
            run.steps, (1 - gain) ** run.steps, "--", color="0.5", label=r"R3: $(1 - \eta\gamma\kappa_n/4)^k$"
        )
axes.set(xlabel="step $k$", ylabel="loss over initial loss, $L_k/L_0$", ylim=(1e-16, 1e5))
axes.legend()
plt.show()

# %% [markdown]
# The large step multiplies the loss by about a thousand before the nodes saturate, the Gram shrinks and the loss falls after all: what
# (b) promises of *every* step is false there, and nothing says that such a run comes down again.
#
# ## 2. How fast a node moves at time 0
#
# Mean over all weights and signs, exactly, for every width (R7 (i)); $Q_y = y^\top\Theta^* y$ is what labels push, $Q_f$ what the other
# nodes' outputs do, $Q_j$ what the node does to itself:

# %%
display(Markdown(f"$$E\\,|\\dot w_j(0)|^2 = {formula(speed.CLOSED)}$$"))
any_width = card("caron2023.r7_speed").claims[3].bound
tilted = formula(any_width.lhs).replace("lambda~", r"\tilde\lambda")
display(Markdown(f"and whatever the width: ${tilted} \\le {formula(any_width.rhs)}$"))

# %% [markdown]
# Node 1, the one of the largest scale, over widths. Solid: the closed form; markers: drawn networks, with five standard errors; dashed: the
# lower bound that does not know the width. For $\gamma = 1$ that bound is 0, and the speed falls like $1/m$.

# %%
about_speed, widths = card("caron2023.r7_speed"), (10, 30, 100, 300)
figure, axes = plt.subplots()
for gamma, mark, grey in ((1.0, "o", "k"), (0.5, "s", "0.35"), (0.0, "^", "0.6")):
    all_values = [Measurements(about_speed, about_speed.example(n=3, d=3, m=m, gamma=gamma)) for m in widths]
    exact = [float(side(speed.CLOSED, values)[0].mid()) for values in all_values]
    drawn = [values[speed.speed] for values in all_values]
    axes.plot(widths, exact, "-", color=grey)
    axes.errorbar(
        widths,
        [one.value[0] for one in drawn],
        [one.error[0] for one in drawn],
        fmt=mark,
        color=grey,
        capsize=3,
        label=rf"$\gamma$ = {gamma:g}",
    )
    if gamma < 1:
        axes.plot(widths, [float(side(any_width.lhs, values)[0].mid()) for values in all_values], "--", color=grey)
    print(
        f"gamma = {gamma:g}: drawn over exact",
        ", ".join(f"{one.value[0] / whole:.3f}" for one, whole in zip(drawn, exact, strict=True)),
    )
axes.set(xlabel="width $m$", ylabel=r"$E\,|\dot w_1(0)|^2$", xscale="log", yscale="log")
axes.legend()
plt.show()

# %% [markdown]
# ## 3. How far nodes move
#
# Speed at time 0 is not yet movement. The experiment `caron2023.feature_learning` follows networks for a while, over widths, and fits
# exponents. Here a small part of it: narrower networks, two seeds.

# %%
widths, seeds = (100, 400, 1600, 6400), (0, 1)
small = replace(experiments_widths.RELU, factors={**experiments_widths.RELU.factors, "m": widths})
seen = [Observation(point, seed, small.observe(point, seed)) for seed in seeds for point in small.points()]
figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.8))
for axes, number in zip(panels, ("farthest", "gram change"), strict=True):
    for scaling, (mark, grey) in zip(small.factors["scaling"], (("o", "k"), ("s", "0.35"), ("^", "0.6")), strict=True):
        rows = [[run.numbers[number] for run in seen if run.point == {"scaling": scaling, "m": m}] for m in widths]
        axes.loglog(widths, np.mean(rows, axis=1), "-", marker=mark, color=grey, label=scaling)
        axes.loglog(widths, rows, ".", color=grey, markersize=3)
    axes.set(xlabel="width $m$", ylabel=small.numbers[number])
panels[0].legend(fontsize=8)
plt.tight_layout()
plt.show()
for one in answers(small, seen):
    if one.question.startswith(("node,", "gram,")):
        print(f"{one.question:17} exponent of m: {one.mean:6.3f}")

# %% [markdown]
# The whole experiment (10 seeds, up to 100 000 neurons, `theorycheck experiment caron2023.feature_learning`) has intervals: the farthest
# node's exponent lies in [-0.484, -0.443] for $\gamma = 1$, in [-0.014, 0.008] for $\gamma = 1/2$, in [-0.002, 0.001] for $\gamma = 0$.
#
# ## 4. Even scales are lazy
#
# R6 says so for $\gamma = 1$ with a bound, at the widths that R1 or R2 asks for. Its sabotage "$\gamma = 1$ also moves" claims a
# movement that does not depend on the width, and is refuted.

# %%
even = card("caron2023.r6_smooth")
for claim in even.claims:
    display(Markdown(f"({claim.label}) {claim.says}: ${formula(claim.bound.lhs)} \\le {formula(claim.bound.rhs)}$"))
instance = even.example(n=2, d=3, m=0, delta=0.9, label=0.5, data="orthogonal")
values, lazy_node, moving = Measurements(even, instance), even.claims[0].bound, even.sabotages[0].bound
moved = descend(instance, step=1.0, steps=60, record=[0, 60])
farthest = np.linalg.norm(moved.network.weights - instance.weights, axis=1).max()
promised, claimed = (float(side(part, values)[0].mid()) for part in (lazy_node.rhs, moving.lhs))
print(f"m = {instance.m}, as the theorem asks; loss left after 60 steps: {moved.loss[1] / moved.loss[0]:.1e}")
print(f"farthest node: {farthest:.5f}; R6: at most {promised:.4f}; the sabotage: at least {claimed:.4f}")

# %% [markdown]
# ## 5. The tangent Gram's random limit
#
# For $\gamma = 1$ the tangent Gram at time 0 tends to a matrix. For $\gamma < 1$ its limit is *random*, since few nodes carry a fixed share:
# from draw to draw it varies by at least $(1-\gamma)^2C_0\sum_j\bar\lambda_j^2$ in mean square, at every width. Left: the root of the mean
# square over draws (markers), and this floor (dashed). Right: one entry over draws.

# %%
about, widths = card("caron2023.r4_limit"), (10, 100, 400)
display(
    Markdown(
        f"$${formula(random_limit.SPREAD)} \\le E|\\Theta_m-\\Theta^*|_F^2, \\qquad E|\\Theta_m-\\Theta_\\infty|_F \\le {formula(random_limit.RATE)}$$"
    )
)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8))
for gamma, mark, grey in ((1.0, "o", "k"), (0.5, "s", "0.35"), (0.0, "^", "0.6")):
    networks = [about.example(n=3, d=3, m=m, gamma=gamma) for m in widths]
    all_values = [Measurements(about, one) for one in networks]
    left.loglog(
        widths,
        [float(values[r4.deviation].value) ** 0.5 for values in all_values],
        mark,
        color=grey,
        label=rf"$\gamma$ = {gamma:g}",
    )
    floor = [float(side(random_limit.SPREAD, values)[0].mid()) ** 0.5 for values in all_values]
    if gamma < 1:
        left.loglog(widths, floor, "--", color=grey)
    entries = [one.redraw(one, draw).start[1][0, 0] for one in networks[-1:] for draw in range(150)]
    right.hist(
        entries,
        bins=np.linspace(0, 0.35, 36),
        histtype="step" if gamma else "stepfilled",
        color=grey,
        label=rf"$\gamma$ = {gamma:g}",
    )
    print(
        f"gamma = {gamma:g}: distance from the random limit, mean over draws:",
        ", ".join(
            f"{float(values[r4.coupling].value):.3g} (m = {m})" for values, m in zip(all_values, widths, strict=True)
        ),
    )
left.set(xlabel="width $m$", ylabel=r"$(E|\Theta_m - \Theta^*|_F^2)^{1/2}$")
right.set(xlabel=r"entry $(1,1)$ of $\Theta_m$, $m = 400$", ylabel="draws, of 150")
right.legend()
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 6. Pruning
#
# Keep the $K$ nodes of the largest scales. At time 0 this costs *exactly* the mass of what is pruned, $E(f_0 - f_0^K)^2 = \tau_K\,E\sigma(g)^2$ with
# $\tau_K = \sum_{j>K}\lambda_j$ (R8 (i)), and along the flow at most $c\,\tau_K|x|/\sqrt d$ more, if weights move by at most $c\sqrt{\lambda_j}$
# (R8 (ii)); nothing is trained again. $\tau_K$ itself is at most

# %%
display(Markdown(f"$$\\tau_K \\le {formula(card('caron2023.r8_tail').claims[2].bound.rhs)}$$"))
at_start, kept = card("caron2023.r8_start"), (1, 10, 100)
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8))
for gamma, mark, grey in ((1.0, "o", "k"), (0.5, "s", "0.35"), (0.0, "^", "0.6")):
    all_values = [Measurements(at_start, at_start.example(n=1, d=3, m=200, kept=K, gamma=gamma)) for K in kept]
    drawn = [values[r8_start.cost] for values in all_values]
    left.loglog(
        kept, [float(side(pruned.tau * r8_start.second, values)[0].mid()) for values in all_values], "-", color=grey
    )
    left.errorbar(
        kept,
        [one.value[0] for one in drawn],
        [one.error[0] for one in drawn],
        fmt=mark,
        color=grey,
        capsize=3,
        label=rf"$\gamma$ = {gamma:g}",
    )
along, kept = card("caron2023.r8"), (5, 15, 50, 150, 350)
test = next(part.bound for part in along.assumptions if part.label == "test")
for gamma, mark, grey in ((1.0, "o", "k"), (0.5, "s", "0.35")):
    instance = along.example(n=2, d=2, m=400, data="orthogonal", residual=0.02, kept=0, gamma=gamma)
    values = Measurements(along, instance)
    print(f"gamma = {gamma:g}: R0's test {judge('test', test, values).truth.value}")
    weights, inputs = along.simulate(instance).trajectory.final_weights, instance.inputs
    moved = np.max(np.linalg.norm(weights - instance.weights, axis=1) / np.sqrt(instance.scales))
    reach, mass = float(side(REACH, values)[0].mid()), [instance.scales[K:].sum() for K in kept]
    cut = [with_parameters(instance, kept=float(K)) for K in kept]
    grown = [
        np.max(
            np.abs(pruned.pruned_part(one, weights, inputs)[0])
            - np.abs(pruned.pruned_part(one, instance.weights, inputs)[0])
        )
        for one in cut
    ]
    right.loglog(kept, reach * np.array(mass) / 2**0.5, ":", color=grey)
    right.loglog(kept, moved * np.array(mass) / 2**0.5, "--", color=grey)
    right.loglog(kept, np.where(np.array(grown) > 0, grown, np.nan), mark, color=grey)
left.set(xlabel="nodes kept, $K$ of 200", ylabel=r"$E(f_0 - f_0^K)^2$")
right.set(xlabel="nodes kept, $K$ of 400", ylabel="growth of the cost at a unit sample")
left.legend(fontsize=8)
plt.tight_layout()
plt.show()

# %% [markdown]
# Left: the formula (lines) and drawn networks. Right, at the end of the flow of certified networks: measured (markers), at most what the movement that was
# seen allows (dashed), and what R0's certificate allows (dotted); where nothing grew there is no marker.
#
# ## 7. The published experiment
#
# $n = 100$ points on the sphere of $\mathbb R^{50}$, four node scalings, $m = 2000$, 50 000 steps; data drawn anew, since the published ones are lost.
# A small version first: $m = 200$, 1000 steps, one seed.

# %%
data, looks = published.simulated(0), (0, 50, 100, 200, 400, 700, 1000)
figure, panels = plt.subplots(1, 4, figsize=(13, 3.4))
for name, mark in zip(published.CONFIGURATIONS, "os^D", strict=True):
    run = course.simulated_course(data, published.posed(data.train, name, 0, m=200), looks)
    for axes, number in zip(panels, ("train risk", "moved", "gram change"), strict=False):
        axes.semilogy(
            looks[number != "train risk" :],
            run.seen[number][number != "train risk" :],
            marker=mark,
            markersize=4,
            label=name,
        )
    cut = uses.pruned(run.network, run.network.outer[:, 0] ** 2, data.test)
    panels[3].plot(list(cut), list(cut.values()), marker=mark, markersize=3)
for axes, title in zip(
    panels,
    ("train risk", "movement of the farthest node", r"$|\Theta_t - \Theta_0|_2$", "test risk, pruned"),
    strict=True,
):
    axes.set(title=title, xlabel="step")
panels[3].set(xlabel="share of nodes pruned")
panels[0].set_ylabel("mean squared error; norms")
panels[0].legend(fontsize=7)
plt.tight_layout()
plt.show()

# %% [markdown]
# Movement and change of the tangent Gram are ordered already as in the whole run. Risks are not: so few nodes, and so few steps, say
# little about speed of training and pruning. (The figure of the whole run is what `--picture` draws.)
#
# The whole one, one seed (`theorycheck experiment caron2023.published --seeds 1`, 7.4 minutes of one core). Published figures (read off
# plots: means of five runs on one data set) before the stroke, ours after it; without a stroke only ours:
#
# | after 50 000 steps unless said | $\gamma = 1$ | $\gamma = .5, \alpha = .7$ | $\gamma = .2, \alpha = .5$ | $\gamma = 0, \alpha = .4$ |
# |---|---|---|---|---|
# | train risk after 1000 steps | 0.0579 / 0.0563 | 0.0521 / 0.0621 | 0.0673 / 0.0715 | 0.0718 / 0.0761 |
# | train risk | 1.19e-06 / 1.21e-06 | 4.34e-06 / 4.35e-06 | 0.000137 / 0.000132 | 0.00311 / 0.0042 |
# | least eigenvalue at time 0 | 0.00375 / 0.00376 | 0.00314 / 0.00313 | 0.00161 / 0.0015 | 0.000336 / 0.000156 |
# | movement of the farthest node | 0.832 | 7.04 | 11.5 | 24.7 |
# | change of the tangent Gram | 0.000814 | 0.0136 | 0.0348 | 0.0529 |
# | its root, which the published figure shows | 0.0285 | 0.117 | 0.187 | 0.23 |
# | test risk | 0.0421 | 0.04 | 0.0352 | 0.0407 |
# | test risk, 50 % pruned | 0.0605 | 0.0458 | 0.0381 | 0.0406 |
# | test risk, 95 % pruned | 0.0822 | 0.056 | 0.0456 | 0.0405 |
# | test risk from 10 features | 0.0992 | 0.07 | 0.0425 | 0.0257 |
#
# One run has no spread, so nothing is said here about the distance. The largest ratio is that of the least eigenvalue for $\gamma = 0$, which
# varies most from draw to draw; more seeds (five by default, 20 in `caron2023.published_start`) give the distance in standard errors.

# %% [markdown]
# ## 8. Proofs, and where the constants go
#
# The proofs of the exact speed's lower bound and of what pruning costs along the flow, checked while you read:

# %%
for name in ("caron2023.r7_speed floor", "caron2023.r8 risk"):
    checked = proofs[name].check()
    lines = [f"**{name}**: {counts(checked)}", ""]
    for number, one in enumerate(checked, 1):
        relation = "=" if one.step.equal else ("<" if one.step.bound.strict else r"\le")
        text = f"{formula(one.step.bound.lhs)} {relation} {formula(one.step.bound.rhs)}"
        by = f" (by *{one.step.lemma.name}*)" if one.step.lemma else ""
        shown = f": ${text}$" if len(text) < 150 else ""
        lines.append(f"{number}. **{one.step.label}** [{one.trust.value}] {one.step.says}{by}{shown}")
    display(Markdown("\n".join(lines)))

# %% [markdown]
# The ledger of the first, on three samples and 20 nodes: each inequality of the proof with both its sides.

# %%
instance = about_speed.example(n=3, d=3, m=20, gamma=0.5, resolution=0.1)
found = ledger(about_speed, proofs["caron2023.r7_speed floor"], instance)
figure, axes = plt.subplots(figsize=(7, 3))
waterfall(axes, found)
axes.set(xlabel=r"$E\,|\dot w_j(0)|^2$ and what is below it (logarithmic)", ylabel="step of the proof")
plt.tight_layout()
plt.show()
for entry in largest_first(found):
    print(f"{entry.ratio:8.4g}  {entry.label}: {entry.says}")
