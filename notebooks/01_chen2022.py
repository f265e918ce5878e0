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
# # chen2022: mean-field networks, a proof that checks itself, and the same formulas three times
#
# Z. Chen, E. Vanden-Eijnden and J. Bruna (2022) study shallow networks in the *mean-field scaling*,
# $f(x) = \frac1m\sum_i c_i\,\sigma(w_i\cdot x/\sqrt d)$, of which the $w_i$ are trained, with the loss
# $L = \frac{1}{2n}\sum_a \zeta_a^2$, $\zeta_a = f(x_a) - y_a$, in the time of the mean field: $w_i' = -m\,\partial L/\partial w_i$.
# The statements below are *derived in our own notes* in the model that the paper's abstract describes; no statement here is
# quoted from the paper.
#
# 1. Theorem A: what it says, and its proof, checked step by step.
# 2. The numbers of the proof on a simulated network.
# 3. Pictures: the rate, and every preactivation in its window.
# 4. Weights move in the mean field, and hardly in the NTK's scaling: theorem and measurement over the width.
# 5. From the neuron to machine code: an identity for *every* activation, and one formula evaluated in three ways.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from IPython.display import Markdown, display

from theorycheck import card, follow, proof_files
from theorycheck.check import Measurements
from theorycheck.compiled import compile_kernel
from theorycheck.enclose import enclose
from theorycheck.judge import judge
from theorycheck.ledger import ledger
from theorycheck.model import Instance
from theorycheck.proof_verify import check_steps
from theorycheck.report_latex import formula
from theorycheck.report_proof import counts
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import ACTIVATIONS, Activation, Z
from theorycheck.symbolic.network import MEAN_FIELD
from theorycheck.theorems.chen2022.derivation import Network, identities

plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 90, "axes.grid": True, "grid.alpha": 0.3})

# %% [markdown]
# ## 1. Theorem A and its proof
#
# Idea: $h_{ia} = w_i\cdot x_a/\sqrt d$ are the preactivations, $G = XX'/d$. Take an interval on which $|\sigma'|\ge K$, and count
# the share $\hat p$ of neurons that start at least $\eta$ inside it (for the sample where they are fewest). While they stay
# there, the tangent Gram is at least $\lambda_{min}(G)\,c_{lo}^2 K^2 \hat p$, so that the loss falls, so that the total movement
# is bounded; and if the labels are near enough to the initial output, it is bounded by $\eta$: nobody ever leaves.

# %%
theorem = card("chen2022.a")
lines = [
    f"* given **{part.label}**: ${formula(part.bound.lhs)} < {formula(part.bound.rhs)}$" for part in theorem.assumptions
]
for claim in theorem.claims:
    lines.append(
        f"* claim **{claim.label}**, {claim.says}: ${formula(claim.bound.lhs)} \\le {formula(claim.bound.rhs)}$"
    )
display(Markdown("\n".join(lines)))

# %% [markdown]
# The proof of the claim *rate* stands in the folder `proofs/`: a tuple of small steps, and `check` checks each one now, while
# this notebook runs. What a step's *trust* means:
#
# * **symbolic**: SymPy brings a difference to 0, or sees that a slack is a nonnegative combination of earlier slacks;
# * **enclosed**: an inequality of numbers, seen in ball arithmetic on a whole box;
# * **sampled**: evaluated on many random cases that try to break it. This is evidence and no proof: it is used for what is
#   about matrices, chances or whole trajectories, and the step says what stands behind it;
# * **cited**: a textbook result with its place (and also sampled).
#
# What is about every $n$ and $m$ is shown for a small size in which all that can happen happens.

# %%
proofs = {proof.name: proof for proof in proof_files.proofs("chen2022")}
proof = proofs["chen2022.a rate"]
checked = proof.check()
lines = []
for number, one in enumerate(checked, 1):
    relation = "=" if one.step.equal else ("<" if one.step.bound.strict else r"\le")
    text = f"{formula(one.step.bound.lhs)} {relation} {formula(one.step.bound.rhs)}"
    shown = f"${text}$" if len(text) < 110 else "(a formula of several lines)"
    says = one.step.says.replace("|", r"\|").replace("*", r"\*").replace("_", r"\_")
    lines.append(f"{number}. **{one.step.label}** [{one.trust.value}] {says}: {shown}")
display(Markdown("\n".join(lines)))
print(counts(checked))

# %% [markdown]
# Does the checker see errors? We change one constant in one step (2 becomes 3 in the rate of the step *held*) and check again.
# The step is reported as broken; so are the two later ones that use it, whose sums no longer come out.

# %%
steps = list(proof.steps)
place = next(k for k, step in enumerate(steps) if step.label == "held")
held = steps[place].bound
wrong = type(steps[place])(**{**vars(steps[place]), "bound": Bound(held.lhs * sp.Rational(3, 2), held.rhs)})
for one in check_steps([*steps[:place], wrong, *steps[place + 1 :]], proof.premises):
    if one.trust.value == "broken":
        print(f"{one.step.label}: BROKEN, {one.note[:110]}")

# %% [markdown]
# ## 2. The numbers of the proof on a network
#
# Three random inputs in six dimensions, 400 neurons with tanh. `level=0.999` puts the labels just inside the largest
# distance from the initial output that the theorem allows. First: do the steps that relate measurable numbers hold here, and
# how much do they lose? `Measurements` simulates when it is first asked for a quantity of the trajectory.

# %%
instance = theorem.example(n=3, d=6, m=400, activation="tanh", level=0.999, seed=0)
values = Measurements(theorem, instance)
for part in (*theorem.assumptions, *theorem.claims):
    seen = judge(part.label, part.bound, values)
    print(
        f"{part.label:20} {seen.lhs:10.5f} <= {seen.rhs:10.5f}   slack {seen.slack:8.5f} ± {seen.error:.1e}   {seen.truth.value}"
    )

# %% [markdown]
# The *chain* of the proof leads from the theorem's rate (left) to the rate that was measured (right). Its ratios multiply to
# the looseness of the whole:

# %%
found = ledger(theorem, proof, instance)
for one in (*found.entries, found.whole):
    print(f"{one.label:18} {one.lhs:.5f} <= {one.rhs:.5f}   a factor of {one.ratio:.4f} ± {one.ratio * one.error:.1g}")

# %% [markdown]
# ## 3. Pictures
#
# The loss against the theorem's line. The second line uses what the network's own tangent Gram was during the run (its least
# eigenvalue at time 0), which no theorem knows beforehand.

# %%
rate = float(values[theorem.claims[0].bound.rhs].value.min())
predicted = found.whole.lhs
run = follow(instance).trajectory
loss, own = np.exp(run.log_loss - run.log_loss[0]), 2 * np.linalg.eigvalsh(run.gram[0])[0]
horizon = run.times[-1]
line = np.linspace(0, horizon, 200)
figure, axes = plt.subplots()
axes.semilogy(line, np.exp(-predicted * line), "k--", label=f"theorem A: exp(-{predicted:.4f} t), an upper bound")
axes.semilogy(line, np.exp(-own * line), "k:", label=f"tangent Gram at time 0: exp(-{own:.3f} t), no bound")
axes.semilogy(run.times[::4], loss[::4], "o", color="0.35", markersize=4, label="measured")
axes.set(xlabel="time t of the mean field", ylabel=r"loss over initial loss, $L_t/L_0$", ylim=(1e-9, 3))
axes.legend()
plt.show()
print(f"rate promised {predicted:.5f}, least rate seen {rate:.5f}: {rate / predicted:.1f} times the promise")

# %% [markdown]
# The claim *window*: no preactivation ever moves further than the dashed lines. Each marker is one neuron at one sample:
# where it started, and how far it has moved at the end of the run. Black markers are those that the proof counts, because
# they start $\eta$ inside the interval where the slope is steep.

# %%
window = judge("window", theorem.claims[1].bound, values).rhs
low, high, eta = (instance.parameters[name] for name in ("low", "high", "eta"))
start = instance.inner * instance.inputs @ instance.weights.T
moved = np.abs(instance.inner * instance.inputs @ (run.final_weights - instance.weights).T)
counted = (start >= low + eta) & (start <= high - eta)
figure, axes = plt.subplots()
axes.semilogy(start[~counted], moved[~counted], "o", color="0.6", markersize=3, fillstyle="none", label="not counted")
axes.semilogy(start[counted], moved[counted], "k.", markersize=4, label=f"counted: {eta:g} inside [{low:g}, {high:g}]")
axes.axhline(window, color="k", linestyle="--", label=f"theorem, all neurons, all times: {window:.3f}")
axes.set(xlabel="preactivation at time 0, h(0)", ylabel="movement, |h(T) - h(0)|", ylim=(2e-5, 1))
axes.legend(loc="upper center", bbox_to_anchor=(0.46, -0.16), ncols=3, fontsize=8, columnspacing=1)
plt.show()
print(f"largest movement {moved.max():.4f}, window {window:.4f}, margin eta {eta}")

# %% [markdown]
# The window is far from sharp here: the proof pays for the worst neuron, the largest column of $G$ and the slowest possible
# decay at once. On hard data it is much sharper. The card records how near an adversarial search came, the smallest ratio of
# right to left side that it has seen:

# %%
print({claim.label: claim.looseness for claim in theorem.claims})

# %% [markdown]
# ## 4. Do the weights move?
#
# A second theorem of the same notes: the root mean square movement $W_T$ of the weights lies between two bounds. The lower
# one follows from how much the output moved, and its $C_2$ is 1 in the mean field and $\sqrt m$ in the NTK's scaling.

# %%
movement = card("chen2022.movement")
rows = []
for claim in movement.claims:
    rows.append(f"* **{claim.label}**: {claim.says}. ${formula(claim.bound.lhs)} \\le {formula(claim.bound.rhs)}$")
    print(f"proof of {claim.label}: {counts(proofs[f'chen2022.movement {claim.label}'].check())}")
display(Markdown("\n".join(rows)))

# %%
widths, seen = (20, 50, 100, 200, 400, 800), {}
for name, kappa in (("mean field", 1.0), ("NTK scaling", 0.0)):
    for m in widths:
        example = movement.example(n=3, d=6, m=m, activation="tanh", kappa=kappa, seed=0)
        measured = Measurements(movement, example)
        below, above = (judge(claim.label, claim.bound, measured) for claim in movement.claims)
        seen[name, m] = (below.lhs, below.rhs, above.rhs)
figure, axes = plt.subplots()
for name, marker, grey in (("mean field", "o", "0.0"), ("NTK scaling", "s", "0.45")):
    low, value, high = np.array([seen[name, m] for m in widths]).T
    axes.loglog(widths, value, marker, color=grey, label=f"{name}: measured")
    axes.loglog(widths, low, "--", color=grey, label=f"{name}: theorem, from below")
    axes.loglog(widths, high, ":", color=grey, label=f"{name}: theorem, from above")
axes.set(xlabel="width m", ylabel=r"$W_T$: root mean square of $|w_i(T) - w_i(0)|$", xticks=widths, xticklabels=widths)
axes.minorticks_off()
axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()

# %% [markdown]
# In the mean field the movement does not depend on the width, and no width can make it vanish: the lower line is flat. In the
# NTK's scaling theory and measurement fall together like $m^{-1/2}$.
#
# ## 5. From the neuron to machine code
#
# Everything above rests on identities for the flow, such as (3.3): $L' = -\zeta'K\zeta/n^2 = -\frac1m\sum_i |w_i'|^2$, with the
# tangent Gram $K$. Their left sides are derived from the neuron, by differentiation through every weight. With the activation
# $s$ as an *undefined* function, equality is proved for every differentiable activation at once. One sample, one neuron:

# %%
anything = Activation("s", sp.Function("s")(Z))
by_weights, by_gram = identities(anything, 1, 1, 1)["3.3"][0]
display(Markdown(f"$L'$, by the chain rule: $${formula(by_weights)}$$ $-\\zeta'K\\zeta/n^2$: $${formula(by_gram)}$$"))
for size in ((1, 1, 1), (2, 1, 1), (2, 2, 1), (2, 1, 2)):
    pairs = identities(anything, *size)
    proved = [label for label, sides in pairs.items() if all(sp.expand((a - b).doit()) == 0 for a, b in sides)]
    print("n = {}, m = {}, d = {}:".format(*size), "proved", ", ".join(f"({label})" for label in proved))

# %% [markdown]
# And the negative control: 2 times the right side is *not* the left side.

# %%
print([sp.expand((a - 2 * b).doit()) == 0 for a, b in identities(anything, 2, 1, 1)["3.3"]])

# %% [markdown]
# Now a concrete activation, tanh, and the entry $K_{12}$ for two samples and two neurons. The closed form:

# %%
network = Network(ACTIVATIONS["tanh"], n=2, m=2, d=1)
entry = network.tangent[0, 1]
display(Markdown(f"$$K_{{12}} = {formula(entry)}$$"))

# %% [markdown]
# compiled to Numba (the docstring, which repeats the formula, is left out here):

# %%
args = tuple(sorted(entry.free_symbols, key=str))
kernel = compile_kernel("entry", args, entry)
print("\n".join(line for line in kernel.source.splitlines() if '"""' not in line))

# %% [markdown]
# and evaluated in three ways at one random point: SymPy with 20 digits, the compiled kernel, and an Arb ball that surely
# contains the value. A fourth way knows nothing of the formula: the tangent Gram that the simulator itself uses.

# %%
rng = np.random.default_rng(0)
point = {symbol: sp.Rational(int(rng.integers(-9, 10)) or 5, 8) for symbol in args}
x, w, c = ([float(point[symbol]) for symbol in table] for table in (network.x, network.w, network.c))
net = Instance(
    np.reshape(x, (2, 1)), np.zeros(2), np.reshape(w, (2, 1)), np.array(c), np.ones(2), MEAN_FIELD, ACTIVATIONS["tanh"],
    rates=(1.0, 0.0),
)  # fmt: skip
print("SymPy     ", entry.xreplace(point).evalf(20))
print("Numba     ", repr(kernel(*map(float, point.values()))))
print("Arb ball  ", enclose(entry, point))
print("simulator ", repr(float(net.m * net.start[1][0, 1])), "(its own time is 1/m of the mean field's)")
