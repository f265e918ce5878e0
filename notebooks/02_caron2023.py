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
# # caron2023: uneven node scales, from a certificate to a theorem
#
# F. Caron, F. Ayed, P. Jung, H. Lee, J. Lee and H. Yang (TMLR 2025) study
# $f(x) = \sum_j \sqrt{\lambda_j}\,a_j\,\sigma(w_j\cdot x/\sqrt d)$ with node scales
# $\lambda_j = \gamma/m + (1-\gamma)\bar\lambda_j$ that sum to 1 and may be very uneven. The paper's abstract claims
# global convergence with high probability; the statements here are *derived in our own notes*, for ReLU:
#
# * **R0**, a certificate: *if* one number of the initial weights is small, gradient flow converges. No probability.
# * **R1**, a theorem: for random weights and a large enough width, R0's test is passed with probability $1-\delta$.
#
# 1. The limit Gram, end to end: an integral, its closed form, *the proof that they agree*, code, three evaluations.
# 2. The proof of R0, checked now, and drawn.
# 3. How R1 follows from R0.
# 4. A network that passes the test: the predicted decay and what is measured.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from IPython.display import Image, Markdown, display

from theorycheck import card, proof_files
from theorycheck.check import Measurements, check
from theorycheck.compiled import compile_kernel
from theorycheck.enclose import enclose
from theorycheck.grams import limit_gram, limit_gram_balls
from theorycheck.judge import judge, side
from theorycheck.report_graph import draw
from theorycheck.report_latex import formula
from theorycheck.report_proof import counts, trusts
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.gaussian import QU, QV, THETA, dual, in_angle
from theorycheck.theorems.caron2023.r0 import REACH

plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 90, "axes.grid": True, "grid.alpha": 0.3})
proofs = {one.name: one for key in ("core", "textbook", "caron2023", "dual_kernels") for one in proof_files.proofs(key)}
print(len(proofs), "proofs")

# %% [markdown]
# ## 1. The limit Gram, end to end
#
# The tangent Gram at two inputs is $\frac{x\cdot x'}{d}\sum_j \lambda_j\,\sigma'(u_j)\sigma'(v_j)$; its mean over Gaussian weights
# needs $E\,\sigma'(u)\sigma'(v)$, the *dual* of the slope. Its definition is an integral over two independent standard normals.
# For ReLU the slope is a step (written $\theta(\cdot)$ below, the Heaviside function), and the closed form is an angle:

# %%
relu = ACTIVATIONS["relu"]
found = dual(relu.slope, "relu slope")
display(Markdown(f"Definition: $${formula(found.definition)}$$ closed form: $${formula(found.closed_form)}$$"))

# %% [markdown]
# Do they agree? A proof says so, for all variances and every correlation $-1<\rho<1$. Price's theorem (1958) says that the
# derivative of $E\,s(u)s(v)$ by $\rho$ is $\sqrt{q_uq_v}\,E\,s'(u)s'(v)$: for a step this is the density of $(u, v)$ at the
# origin. The closed form has the same derivative and the same value at $\rho = 0$. That Price's theorem holds for *this*
# integrand is a step of its own: the two integrands differ by a divergence, whose integral vanishes.

# %%
for name in ("dual_kernels density at the origin", "dual_kernels relu slope"):
    checked = proofs[name].check()
    print(f"{name}: {counts(checked)}")
    for one in checked:
        print(f"   [{one.trust.value:8}] {one.step.label}: {one.step.says}")
last = proofs["dual_kernels relu slope"].steps[-1].bound
print("the proof ends in the equation of the card:", (last.lhs, last.rhs) == (found.definition, found.closed_form))

# %% [markdown]
# The sampled step is a cross-check by quadrature; the symbolic steps do without it. The same closed form, seen: the line is the
# formula, markers are means over 20 000 random weight vectors with two standard errors.

# %%
rng = np.random.default_rng(0)
angles, gates = np.linspace(0, np.pi, 13), rng.standard_normal((20_000, 2))
both = [np.mean((gates[:, 0] > 0) & (gates @ [np.cos(a), np.sin(a)] > 0)) for a in angles]
spread = 2 * np.sqrt(np.multiply(both, 1 - np.array(both)) / len(gates))
closed = sp.lambdify(THETA, in_angle(found.closed_form))
figure, axes = plt.subplots()
axes.plot(angles, closed(angles), "k-", label=f"closed form: ${formula(in_angle(found.closed_form))}$")
axes.errorbar(
    angles,
    both,
    yerr=spread,
    fmt="o",
    color="0.4",
    capsize=3,
    markersize=4,
    label="20 000 random weight vectors, ± 2 s.e.",
)
axes.set(
    xlabel=r"angle $\theta$ between two inputs",
    ylabel=r"probability that both gates are open, $E\,\sigma'(u)\sigma'(v)$",
)
axes.legend()
plt.show()

# %% [markdown]
# From the closed form to code: in terms of the angle, so that inputs which are nearly parallel lose no digits. Here for the
# dual of ReLU itself (its $\Sigma$ bounds the outputs at time 0), which is a little more of a formula:

# %%
own = dual(relu.expr, "relu").closed_form
kernel = compile_kernel("entry", (QU, QV, THETA), in_angle(own))
display(Markdown(f"$$E\\,\\sigma(u)\\sigma(v) = {formula(own)}$$"))
print("\n".join(line for line in kernel.source.splitlines() if '"""' not in line))

# %% [markdown]
# Three evaluations of the same SymPy expression: SymPy with 20 digits, the compiled kernel, a ball of Arb. The second point is
# nearly parallel.

# %%
for angle in (sp.Rational(7, 10), sp.Rational(1, 10**6)):
    point = {QU: sp.Rational(1, 3), QV: sp.Rational(2, 3), THETA: angle}
    print(f"angle {float(angle):g}")
    print("   SymPy    ", in_angle(own).xreplace(point).evalf(20))
    print("   Numba    ", repr(kernel(*(float(value) for value in point.values()))))
    print("   Arb ball ", enclose(in_angle(own), point))

# %% [markdown]
# And the limit Gram of three inputs as a matrix, of which the last two are nearly parallel. Compiled entries lie in the proved
# balls up to rounding; its least eigenvalue is $\kappa_n$, the number on which the rate of R1 rests.

# %%
inputs = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.6, 0.8, 1e-5]])
limit = limit_gram(relu, inputs, 3**-0.5).matrix
balls = limit_gram_balls(relu, inputs, sp.Rational(1, 3))
for i, k in ((0, 1), (1, 2), (2, 2)):
    gap = float(abs(balls[i, k] - limit[i, k]).upper())
    print(f"entry {i}{k}: {limit[i, k]:.17f}, at most {gap:.1e} from every number of the ball")
print("kappa_n =", float(np.linalg.eigvalsh(limit)[0]))

# %% [markdown]
# ## 2. R0: a certificate from the initial weights
#
# Let $\hat\kappa$ be the least eigenvalue of the tangent Gram at time 0 with *even* node scales, $\theta\in(0,1)$,
# $\mu = \gamma\theta^2\hat\kappa$, and $\rho_j = \sqrt{\lambda_j s_X/d}\,|r_0|/\mu$ the distance that node $j$ may move. $M_F$ is the
# largest eigenvalue of the mass of all gates that can flip within these distances.

# %%
r0 = card("caron2023.r0")
lines = [
    f"* the test: ${formula(part.bound.lhs)} \\le {formula(part.bound.rhs)}$"
    for part in r0.assumptions
    if part.label == "test"
]
lines += [
    f"* ({one.label}) {one.says}: ${formula(one.bound.lhs)} \\le {formula(one.bound.rhs)}$"
    for one in r0.claims
    if one.label < "d"
]
display(Markdown("\n".join(lines)))

# %% [markdown]
# Two of its lemmas first. L5: a Jacobian that moves little keeps its least singular value (Weyl). L5 for gates: with ReLU it
# moves only through gates that flip. Then the proof of claim (a). A step that *applies* a lemma is symbolic in itself; it is as
# good as the lemma, so that the sampled step of the second lemma stays in sight.

# %%
for name in ("caron2023 L5", "caron2023 L5 for gates", "caron2023.r0 a"):
    checked = proofs[name].check()
    lines = [f"**{name}**: {counts(checked)}", ""]
    for number, one in enumerate(checked, 1):
        relation = "=" if one.step.equal else ("<" if one.step.bound.strict else r"\le")
        text = f"{formula(one.step.bound.lhs)} {relation} {formula(one.step.bound.rhs)}"
        by = f" (by *{one.step.lemma.name}*)" if one.step.lemma else ""
        shown = f": ${text}$" if len(text) < 140 else ""
        lines.append(f"{number}. **{one.step.label}** [{one.trust.value}]{by}{shown}")
    display(Markdown("\n".join(lines)))

# %% [markdown]
# What stands on what. Premises are white; arrows lead from what is used to what uses it. The circle that every such proof has
# (little movement, because the Gram is definite, because of little movement) is cut by the bootstrap, *for ever*: quantities
# with a $w$ are about the time *while* nobody has left.

# %%
plt.rcParams["savefig.dpi"] = 75
r0_a = proofs["caron2023.r0 a"]
# a step that applies a lemma is coloured by the weakest step behind that lemma
known = trusts([(one, one.check()) for one in (r0_a, *proof_files.behind((r0_a,)))])
with tempfile.TemporaryDirectory() as folder:
    draw([(r0_a, r0_a.check())], Path(folder, "graph.png"), known)
    display(Image(Path(folder, "graph.png").read_bytes()))
plt.rcParams["savefig.dpi"] = "figure"

# %% [markdown]
# ## 3. From R0 to R1
#
# R1 claims the same with numbers that can be known before the weights are drawn, if the width is at least

# %%
r1 = card("caron2023.r1")
width = next(part.bound for part in r1.assumptions if part.label == "width")
display(Markdown(f"$$m \\ge {formula(width.lhs)}$$"))
for claim in r1.claims[:2]:
    display(Markdown(f"({claim.label}) {claim.says}: ${formula(claim.bound.lhs)} \\le {formula(claim.bound.rhs)}$"))

# %% [markdown]
# Its proof works on three *events*, each of which may fail with a small probability; the union bound over them is part of what
# a proof is. On the events R0's test is passed, with $\theta = 1/\sqrt2$.

# %%
proof = proofs["caron2023.r1 b"]
for event in proof.events:
    display(
        Markdown(
            f"event *{event.label}*, fails with probability ${formula(event.chance)}$: ${formula(event.bound.lhs)} \\le {formula(event.bound.rhs)}$"
        )
    )
for one in proof.check():
    by = f", by {one.step.lemma.name}" if one.step.lemma else ""
    print(f"[{one.trust.value}] {one.step.label}: {one.step.says}{by}")
total = " + ".join(str(event.chance) for event in proof.events)
print(f"so the claim may fail with probability {total} <= {proof.allowed}")

# %% [markdown]
# Everything that claim (b) stands on, and how it is known. Read the column *weakest*: a chain is as strong as that.

# %%
names, order = ["caron2023.r1 b"], ("broken", "sampled", "cited", "enclosed", "symbolic")
for name in names:
    behind = (step.lemma.name for step in proofs[name].steps if step.lemma)
    names += [other for other in dict.fromkeys(behind) if other not in names]
for name in names:
    kinds = [one.trust.value for one in proofs[name].check()]
    numbers = ", ".join(f"{kinds.count(kind)} {kind}" for kind in reversed(order) if kind in kinds)
    print(f"{name:36} weakest: {next(kind for kind in order if kind in kinds):9} ({numbers})")

# %% [markdown]
# ## 4. A network that passes the test
#
# Three orthogonal inputs, 32 000 nodes, $\gamma = 0.7$: 30 % of the node scale sits unevenly on few nodes. The premises of R0 are
# measured, and its claims are held against the simulated flow. ReLU flow is a differential inclusion; it is followed exactly
# from kink to kink.

# %%
instance = r0.example(n=3, d=3, m=32_000, data="orthogonal", residual=0.3, gamma=0.7, alpha=0.6, seed=0)
values = Measurements(r0, instance)
test = judge("test", next(part.bound for part in r0.assumptions if part.label == "test"), values)
print(f"theta = {instance.parameters['theta']}; test {test.lhs:.5f} <= {test.rhs:.5f}: {test.truth.value}")
for verdict in check(r0, instance).verdicts:
    seen = verdict.conclusion
    print(
        f"({verdict.claim}) {verdict.outcome.value}: {seen.lhs:.4g} <= {seen.rhs:.4g}, slack {seen.slack:.3g} ± {seen.error:.1g}"
    )

# %% [markdown]
# R1 itself promises nothing for this network: its width condition asks for far more nodes (the notebook on ledgers shows why).
# We draw its rate $\gamma\kappa_n/2$ all the same, to see how far apart the two predictions are.

# %%
run = r0.simulate(instance).trajectory
mu = judge("a", r0.claims[0].bound, values).lhs
wanted = r1.example(n=3, d=3, m=32_000, data="orthogonal", gamma=0.7, alpha=0.6, seed=0)
about = Measurements(r1, wanted)
slow = judge("b", r1.claims[1].bound, about).lhs
needed = judge("width", width, about).lhs
print(f"R1 asks for m >= {needed:.2g} (delta = {wanted.parameters['delta']}), this network has m = {instance.m}")
loss, line = np.exp(run.log_loss - run.log_loss[0]), np.linspace(0, 100, 200)
shown = np.searchsorted(run.times, np.linspace(0, 100, 21))
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.semilogy(line, np.exp(-slow * line), "k:", label=r"R1's rate: $e^{-\gamma\kappa_n t/2}$ (m too small)")
left.semilogy(line, np.exp(-2 * mu * line), "k--", label=r"R0: $e^{-2\mu t}$")
left.semilogy(run.times[shown], loss[shown], "o", color="0.4", markersize=4, label="measured")
left.set(xlabel="flow time t", ylabel=r"loss over initial loss, $L_t/L_0$")
left.legend(loc="lower left")
reach, moved = float(side(REACH, values)[0].mid()), run.displacement[shown, 0]
right.plot(line, -reach * np.expm1(-mu * line), "k--", label=r"R0 (c): $\rho_j(1-e^{-\mu t})/\sqrt{\lambda_j}$")
right.plot(run.times[shown], moved, "o", color="0.4", markersize=4, label="measured, largest over nodes")
right.set(xlabel="flow time t", ylabel=r"movement $|w_j(t)-w_j(0)|/\sqrt{\lambda_j}$")
right.legend(loc="lower right")
plt.show()

# %% [markdown]
# The measured loss is below the certified line at all times, the movement below its bound. At small times theory and
# measurement of the movement agree to first order; later the bound is loose, because the loss decays faster than $\mu$ says.
# The pictures end at some time; that the lines hold *for all times* on one network is what a certificate proves (next notebook).
# Gradient descent, features, pruning and the published experiment have a notebook of their own, `07_caron2023_features`.
