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
# # shi2023: features from the first gradient
#
# Z. Shi, J. Wei and Y. Liang (NeurIPS 2023) analyse two-layer networks $f(x) = \sum_i a_i\,\max(0, w_i\cdot x - b_i)$ by what
# their *first gradient step* learns. The abstract claims a framework that covers mixtures of Gaussians and parities, and says
# something on learning beyond kernels and on lottery tickets; its statements are not at hand, so those here (R1 to R11) are
# *derived in our own notes*. The whole proof is a chain of five links:
#
# 1. From a symmetric start, one step whose decay forgets it leaves $w_i = \eta c_0 a_i\,G(w_i, b_i)$, exactly (R1).
# 2. $G(w,b) = E[y\,x\,1\{w\cdot x > b\}]$ is near a *direction of the problem* for a share $p$ of all neurons (R2 to R7).
# 3. So among $m$ neurons there are about $mp'$ with the right direction *and* length (R8.1), and a small second layer on them is
#    the truth (R8.2).
# 4. Descent of both layers is nearly a convex problem: the first layer hardly moves (R8.3).
# 5. Put together: a bound on the loss of the trained network, and of its lottery ticket alone (R8.4, R11).
#
# Then: what kernels cannot do (R10), what this says on real data, the proofs, and where the constants go.

# %%
import math
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from IPython.display import Image, Markdown, display
from matplotlib.ticker import LogLocator

from theorycheck import card, proof_files
from theorycheck.check import Measurements, check
from theorycheck.flow.descent import descend
from theorycheck.ledger import largest_first, ledger
from theorycheck.report_graph import draw
from theorycheck.report_latex import formula
from theorycheck.report_ledger import waterfall
from theorycheck.report_proof import counts, trusts
from theorycheck.symbolic.population import DENSITY, GATE, GATED
from theorycheck.theorems.shi2023 import beyond, emergence, end_to_end, experiments, features, mixture, parity, real
from theorycheck.theorems.shi2023 import hyperparameters as hyper
from theorycheck.theorems.shi2023 import setting as s

plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 78, "axes.grid": True, "grid.alpha": 0.3})
proofs = {one.name: one for key in ("core", "textbook", "shi2023") for one in proof_files.proofs(key)}
print(sum(name.startswith("shi2023") for name in proofs), "proofs of shi2023")

# %% [markdown]
# ## 1. The first step, exactly
#
# Neurons come in quadruples $(a, w, b), (-a, w, b), (-a, -w, -b), (a, -w, -b)$, so the output is 0 everywhere, and the slope of the
# loss is $-c_0$ at every sample: 1 for the hinge, 1/2 for the logistic loss. With decay $1/\eta$ nothing of the old weights is
# left. So each neuron becomes its own *simplified gradient*, without a word about the other neurons. On breast_cancer:

# %%
first_step = card("shi2023.first_step")
instance = first_step.example(data="breast_cancer", rows=40, loss="logistic")
eta = instance.parameters["eta"]
after = descend(instance, step=eta, steps=1, loss="logistic", mean=True, decay=1 / eta, record=[1]).network.weights
predicted = eta * 0.5 * instance.signs[:, None] * s.empirical_gradients(instance)[0]
print(f"{instance.m} neurons, {instance.d} columns: largest difference {np.abs(after - predicted).max():.1e}")
for verdict in check(first_step, instance).verdicts:
    print(f"{verdict.claim:12} {verdict.outcome.value}")

# %% [markdown]
# ## 2. What a random neuron sees
#
# For a Gaussian component, $u = w\cdot x - b$ and a coordinate $v$ of $x$ are a Gaussian pair, and $G$ is made of
# $E[v\,1\{u>0\}]$. SymPy derives the closed form: the share of the mean that passes the gate, and what the gate itself selects.

# %%
display(Markdown(f"$$E[v\\,1\\{{u>0\\}}] = {formula(GATED.closed_form)}$$"))
display(Markdown(f"factor of the mean: ${formula(GATE)}$, factor of the covariance: ${formula(DENSITY)}$"))
display(
    Markdown(
        f"R3: if all gates are decided by $\\kappa$ standard deviations, $|G - p_jy_j\\mu_j| \\le {formula(mixture.ERROR)}$"
    )
)

# %% [markdown]
# XOR in $d = 8$: means $\pm e_1$ with one label, $\pm e_2$ with the other, $\sigma = 0.1$. Each point is the gradient of one random
# neuron, in the plane of the means. Neurons that see one component only have their gradient at its mean, the others anywhere.
# Grey wedges are the cones $|\cos(G, \pm e_1)|\ge 1-\gamma$ beyond $|G|\ge B_G$, with R3's $\gamma$ and $B_G$.

# %%
found = experiments.feature_set("XOR")
cloud = found.gradients(np.random.default_rng(0), 3000, found.bias)
hits = (np.abs(cloud[:, 0]) >= (1 - found.gamma) * np.linalg.norm(cloud, axis=1)) & (
    np.linalg.norm(cloud, axis=1) >= found.length
)
angle = math.acos(1 - found.gamma)
figure, axes = plt.subplots(figsize=(5, 4.6))
for side in (0.0, math.pi):
    turn = side + np.linspace(-angle, angle, 20)
    edge = np.concatenate([found.length * np.exp(1j * turn), 0.27 * np.exp(1j * turn[::-1])])
    axes.fill(edge.real, edge.imag, color="0.85")
axes.plot(cloud[~hits, 0], cloud[~hits, 1], ".", color="0.55", markersize=3, label="neurons")
axes.plot(cloud[hits, 0], cloud[hits, 1], "k.", markersize=4, label=f"in the set of $e_1$: {hits.mean():.1%}")
axes.set(xlabel="$G$ along $e_1$", ylabel="$G$ along $e_2$", aspect="equal")
axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2, fontsize=8)
plt.show()
share, low, high = found.chance(1, 20_000, 0)
print(f"gamma = {found.gamma:.4f}, B_G = {found.length:.3f}")
print(f"p: proved at least {found.proved[0]:.4f}; drawn {share:.4f}, 95 % interval [{low:.4f}, {high:.4f}]")

# %% [markdown]
# The same for the other laws. What is proved is a lower bound, 0 where nothing is proved. For three blocks R6's chance is positive,
# and of no use: it would take $10^{53}$ neurons to see one.

# %%
print("law           s   proved p   drawn p      interval            gamma     B_G")
for law in experiments.LAWS:
    sign = -1 if law == "linear" else 1
    one = experiments.feature_set(law)
    share, low, high = one.chance(sign, 4000, 0)
    print(
        f"{law:12}  {'+' if sign > 0 else '-'}  {one.proved[0 if sign > 0 else 1]:9.2g}  {share:8.4f}  [{low:.4f}, {high:.4f}]  {one.gamma:9.2g}  {one.length:6.3f}"
    )

# %% [markdown]
# A parity of $k$ of $n$ uniform signs has no mean that a gate could pass. Its gradient comes from the *Fourier coefficients of a
# threshold*, which are exact fractions: $\xi_{k+1}/\xi_{k-1} = -(k-1)/(n-k)$ for a majority. So *every* neuron of signs points at the
# parity's coordinates, up to an angle that falls like $1/\sqrt n$. Markers are enumerated over the whole cube.

# %%
display(Markdown(f"$$|\\cos(G, D_w)| = {formula(parity.COSINE)}, \\qquad n_0 = n - k$$"))
figure, axes = plt.subplots()
for k, mark, dash in ((2, "o", "-"), (4, "s", "--")):
    n = np.arange(k + 3 if k == 2 else 7, 202, 2)
    line = sp.lambdify((parity.outside, parity.k), parity.COSINE)
    axes.loglog(n, 1 - line(n - k, k), dash, color="k", label=f"k = {k}, closed form")
    small = [width for width in (5, 7, 9, 11) if width > k + 1]
    own = card("shi2023.parity")
    seen = [Measurements(own, own.example(d=width, k=k, m=1))[parity.cosine].value[0] for width in small]
    axes.loglog(small, 1 - np.array(seen), mark, color="0.4", label=f"k = {k}, enumerated")
axes.set(xlabel="number of signs $n$", ylabel=r"$1 - |\cos(G, D_w)|$")
axes.legend()
plt.show()

# %% [markdown]
# ## 3. Features emerge
#
# A direction is not enough: the length $\eta c_0|a_i||G|$ has to fit the bias that the truth wants there, up to a share
# $\varepsilon_1$. For a Gaussian $a_i$ a window of relative width $\varepsilon_1$ has the chance

# %%
display(
    Markdown(
        f"$$p' = {formula(features.CHANCE)}, \\qquad P(|S_k| \\ge mp'/2\\ \\text{{for all}}\\ k) \\ge {formula(emergence.PROBABILITY)}$$"
    )
)
born = card("shi2023.emergence")
instance = born.example(data="orthogonal")
sizes = [float(Measurements(born, instance.redraw(instance, draw))[emergence.count].value) for draw in range(60)]
promised = (
    float(Measurements(born, instance)[features.chance].value) * float(features.WINDOW) * 0.5 * instance.m / 4 / 2
)
figure, axes = plt.subplots()
axes.hist(sizes, bins=np.arange(0, 40, 2), color="0.7", edgecolor="k", label="60 draws of the weights")
axes.axvline(promised, color="k", linestyle="--", label=f"R8.1: at least {promised:.1f}, with the probability above")
axes.set(xlabel="neurons in the smallest $S_k$ (60 quadruples, linear data)", ylabel="number of draws", ylim=(0, 17))
axes.legend()
plt.show()
print("below it in", sum(size < promised for size in sizes), "of", len(sizes), "draws")

# %% [markdown]
# ## 4. A second layer on them is the truth
#
# $S_k$ votes: each of its neurons gets $a^*_k|b^*_k|/(|S_k|\tilde b)$. Below for the truth $f^* = \langle w^*, x\rangle/\beta$ of separated data: a
# function of one variable on the data, and its representation by neurons after one step. A wide window $\varepsilon_1$ takes more neurons,
# whose lengths fit less well.

# %%
display(Markdown(f"$$E|\\tilde f - f^*| \\le {formula(features.DISTANCE)}$$"))
figure, axes = plt.subplots()
for share, dash in ((0.8, ":"), (0.1, "--")):
    instance = born.example(data="orthogonal", n=3, d=4, m=400, epsilon_1=share)
    truth = emergence.truth_of(instance)
    rate = instance.parameters["eta"]
    after = descend(instance, step=rate, steps=1, loss="hinge", mean=True, decay=1 / rate, record=[1]).network.weights
    sets = features.members(truth, after, s.biases_of(instance), share, 1e-9)
    outer = features.second_layer(truth, sets, s.biases_of(instance))
    along = np.linspace(-1, 1, 200)[:, None] * truth.directions[0]
    made = np.maximum(along @ after.T - s.biases_of(instance), 0.0) @ outer
    axes.plot(
        np.linspace(-1, 1, 200),
        made,
        dash,
        color="k",
        label=rf"$\varepsilon_1$ = {share}, $|S_k|$ = {[len(one) for one in sets]}",
    )
axes.plot(np.linspace(-1, 1, 200), truth(along), color="0.7", linewidth=4, zorder=0, label="the truth")
axes.set(xlabel=r"$\langle w^*, x\rangle$", ylabel="output")
axes.legend()
plt.show()

# %% [markdown]
# ## 5. Both layers descend
#
# The loss is convex in $a$ for each first layer; what couples the layers is how far $W_t$ moves. R8.3 compares the mean loss with *any*
# $\tilde a$ on the *start* of the first layer, and loses four terms. The theorem's hyper-parameters are what makes each of them a
# quarter of $\varepsilon$: they are solved for by SymPy from the terms, not typed in.

# %%
display(
    Markdown(
        "\n".join(f"* {name}: ${formula(term)} \\le {formula(hyper.ALLOWED)}$" for name, term in hyper.TERMS.items())
    )
)
display(
    Markdown(
        f"$$h = {formula(hyper.LENGTH)}, \\quad \\tilde b^2 = {formula(sp.simplify(hyper.BIAS_SQUARED))}, \\quad T = {formula(sp.simplify(hyper.STEPS))}$$"
    )
)

# %% [markdown]
# ## 6. End to end: XOR, both sides
#
# XOR in three dimensions with exactly these hyper-parameters. Each $S_k$ has to have a neuron; the ticket (section 7) holds those
# neurons, each with its twin of the other sign. Left: the first layer after one step; right: the loss at all steps.

# %%
whole = card("shi2023.end_to_end")
instance = whole.example(task="xor", m=60, epsilon=0.5, excess=0.4)
run = whole.simulate(instance)
verdicts = {verdict.claim: verdict for verdict in check(whole, instance).verdicts}
for name, verdict in verdicts.items():
    print(f"{name}: {verdict.outcome.value}: {verdict.conclusion.lhs:.4f} <= {verdict.conclusion.rhs:.4f}")
print("The network 0 has loss 1.")
print(f"T = {instance.parameters['T']:.0f} steps of size {instance.parameters['eta']:.2e}, {instance.m} neurons of 240")
stepped = end_to_end.first_step(instance).weights
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6))
left.plot(
    *(instance.weights / np.linalg.norm(instance.weights, axis=1)[:, None])[:, :2].T, ".", color="0.7", label="start"
)
left.plot(*(stepped / np.linalg.norm(stepped, axis=1)[:, None])[:, :2].T, "k*", label="after one step")
left.set(xlabel="$w_1/|w|$", ylabel="$w_2/|w|$", xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal")
left.legend(fontsize=8)
right.loglog(1 + run.descent.steps, np.maximum(run.descent.loss, 1e-6), "k-", label="loss")
mean = verdicts["loss"].conclusion
right.axhline(mean.rhs, color="0.4", linestyle="--", label="R8.4: the mean is below")
right.axhline(mean.lhs, color="0.4", linestyle=":", label="the mean")
right.set(xlabel="step $t$", ylabel="hinge loss", ylim=(1e-4, 2))
right.legend(fontsize=8)
plt.tight_layout()
plt.show()

# %% [markdown]
# After one step every neuron of the ticket points at $\pm e_1$ or $\pm e_2$, wherever it started. The bound is far above what is seen
# (section 11 says where); it is not empty, for without what features lose and without $\varepsilon$ it is a *sabotage*, and is refuted:

# %%
for sabotage in whole.sabotages[:1]:
    verdict = check(whole, instance, claims=(sabotage,)).verdicts[0]
    print(
        f"{sabotage.label} ({sabotage.says}): {verdict.outcome.value}: {verdict.conclusion.lhs:.4f} <= {verdict.conclusion.rhs:.4f}"
    )

# %% [markdown]
# ## 7. The lottery ticket
#
# Since R1 knows no other neurons, the ticket trained *alone*, from the same start, makes the same first step, and all that R8.4
# uses of the network is in it. What falls is $S_1$, and with it $T$. Two orthogonal points, 20 quadruples:

# %%
figure, axes = plt.subplots()
for only, dash in ((False, "-"), (True, "--")):
    one = whole.example(data="orthogonal", n=2, d=2, m=20, epsilon=0.6, excess=0.3, ticket=only)
    descent = whole.simulate(one).descent
    verdict = check(whole, one).verdicts[0]
    name = f"{'ticket' if only else 'whole'}: {one.m} neurons, T = {one.parameters['T']:.0f}"
    print(f"{name}: {verdict.outcome.value}, {verdict.conclusion.lhs:.3f} <= {verdict.conclusion.rhs:.3f}")
    axes.plot(descent.steps, descent.loss, dash, color="k" if only else "0.5", label=name)
axes.set(xlabel="step $t$", ylabel="hinge loss", xscale="symlog", ylim=(-0.02, 1.1))
axes.legend()
plt.show()

# %% [markdown]
# ## 8. Beyond kernels
#
# $N$ features that are fixed before the parity is chosen correlate with all $\binom Dk$ parities together at most like $N$ (Bessel), so
# with one of them hardly. R10's bound is about *any* such features; markers are random ReLU features (best second layer in the ball, on the
# parity that is hardest for them), the arc-cosine kernel's largest eigenfunctions, features that are equally good at all parities (R10's
# best case), and the neurons of the same network *after one gradient step on the parity*. Left: 2 of 13 uniform signs. Right: 5 of 11,
# where with chance 1/5 the five signs are all equal, which is what a gradient can see. Two draws each (dots) of what
# varies; `theorycheck experiment shi2023.beyond_kernels` makes more, and trains both layers as well.

# %%
sizes = experiments.BEYOND.factors["N"]
marks = {"one step": ("o", "k"), "random ReLU": ("s", "0.35"), "kernel": ("^", "0.6"), "spread": ("D", "0.8")}
figure, panels = plt.subplots(1, 2, figsize=(9.5, 3.8), sharey=True)
for axes, task in zip(panels, beyond.TASKS, strict=True):
    for kind, (mark, grey) in marks.items():
        seeds = (0,) if kind in ("kernel", "spread") else (0, 1)
        runs = [[beyond.observe({"task": task, "features": kind, "N": N}, seed) for N in sizes] for seed in seeds]
        losses = np.array([[one["hinge"] for one in row] for row in runs])
        axes.plot(sizes, losses.mean(axis=0), "-", marker=mark, color=grey, markeredgecolor="k", label=kind)
        axes.plot(sizes, losses.T, ".", color=grey, markersize=3)
        errors = np.mean([[one["error"] for one in row] for row in runs], axis=0)
        print(f"{task}, {kind:12} share of wrong signs: {', '.join(f'{error:.2f}' for error in errors)}")
    axes.plot(sizes, [one["bound"] for one in runs[0]], "k--", label="R10: no fixed features\nget below")
    axes.set(xlabel="number of features $N$", xscale="log", ylim=(-0.03, 1.05), title=task)
    axes.set_xticks(sizes, sizes)
    axes.minorticks_off()
panels[0].set_ylabel("hinge loss, second layer in a ball")
panels[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
plt.tight_layout()
plt.show()

# %% [markdown]
# ## 9. Real data
#
# Nobody knows a truth for digits 0 and 1. But the neurons turn to the direction of $E[yx]$ in one step, and stay there while the network
# learns. 80 neurons:

# %%
figure, axes = plt.subplots()
layers = real.trained("digits 0/1", 0)
for time, (grey, style) in zip(layers, (("0.8", "bar"), ("0.5", "bar"), ("k", "step")), strict=True):
    cosines = real.cosines(layers[time][0], real.directions("digits 0/1")[0][None])[:, 0]
    axes.hist(
        cosines,
        bins=np.linspace(0, 1, 26),
        histtype=style,
        color=grey,
        label=f"{time}: median {np.median(cosines):.2f}",
    )
axes.set(xlabel=r"$|\cos|$ of a neuron and $E[yx]$, digits 0 and 1", ylabel="number of neurons")
axes.legend()
plt.show()
for time in layers:
    one = real.alignment({"data": "digits 0/1", "time": time}, 0)
    print(f"{time:9} hinge loss {one['loss']:.3f}, wrong signs {one['error']:.3f}")

# %% [markdown]
# R8's bound on the empirical distribution, with the $\gamma$ that half of all neurons have and the best truth along the mean. Neurons that are
# always on have $G = E[yx]$ exactly: the bound is far from vacuous. Neurons with a positive bias lose $\|a^*\|_1 M_1\sqrt{2\gamma}$ for
# their directions, so that the best that is left is a truth of nearly 0, and the bound says nothing (1 or more). What it asks for is another matter: $m$ quadruples are harmless, $T$ steps are not.

# %%
print("set            neurons     gamma    OPT  direction  bound  if gamma were 0   m       T")
for name in real.SETS:
    for kind in real.NEURONS:
        one = real.feature_set({"data": name, "neurons": kind}, 0)
        vacuous = "vacuous" if one["vacuous"] else ""
        print(
            f"{name:13}  {kind:9}  {one['gamma']:7.2g}  {one['OPT']:5.2f}  {one['direction']:9.2f}  {one['bound']:5.2f}  {one['bound, gamma 0']:15.2f}  1e{one['log10 m']:.1f}  1e{one['log10 T']:.1f}  {vacuous}"
        )

# %% [markdown]
# ## 10. The proofs
#
# The proof of R8.3, checked while you read, and the one of R8.4, which applies it.

# %%
for name in ("shi2023.coupled coupled", "shi2023.end_to_end loss"):
    checked = proofs[name].check()
    lines = [f"**{name}**: {counts(checked)}", ""]
    for number, one in enumerate(checked, 1):
        relation = "=" if one.step.equal else ("<" if one.step.bound.strict else r"\le")
        text = f"{formula(one.step.bound.lhs)} {relation} {formula(one.step.bound.rhs)}"
        by = f" (by *{one.step.lemma.name}*)" if one.step.lemma else ""
        shown = f": ${text}$" if len(text) < 150 else ""
        lines.append(f"{number}. **{one.step.label}** [{one.trust.value}] {one.step.says}{by}{shown}")
    display(Markdown("\n".join(lines)))

# %%
plt.rcParams["savefig.dpi"] = 75
last = proofs["shi2023.coupled coupled"]
known = trusts([(one, one.check()) for one in (last, *proof_files.behind((last,)))])
with tempfile.TemporaryDirectory() as folder:
    draw([(last, last.check())], Path(folder, "graph.png"), known)
    display(Image(Path(folder, "graph.png").read_bytes()))
plt.rcParams["savefig.dpi"] = "figure"

# %% [markdown]
# ## 11. Where the constants go
#
# The ledger of R8.4 on the run of section 6: each inequality of the proof with both its sides.

# %%
found = ledger(whole, proofs["shi2023.end_to_end loss"], instance)
figure, axes = plt.subplots(figsize=(7, 2.4))
waterfall(axes, found)
axes.set_xlabel("mean loss (logarithmic)")
axes.xaxis.set_major_locator(LogLocator())
axes.set_ylabel("step of the proof")
plt.tight_layout()
plt.show()
for entry in largest_first(found):
    print(f"{entry.ratio:8.3g}  {entry.label}: {entry.says}")
