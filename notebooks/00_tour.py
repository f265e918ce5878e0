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
# # A tour: one theorem, from statement to verdict
#
# A convergence theorem says: *if* data, network and initial weights are such, *then* gradient flow brings the loss down at
# least this fast, with at least this probability. In theorycheck such a sentence is data, a *card*. This notebook follows one
# card all the way:
#
# 1. the statement, typeset from the card's own SymPy expressions;
# 2. the number $\kappa_n$ in it, derived from the neuron: an integral, then a closed form, then a compiled kernel;
# 3. gradient flow on a network that is as wide as the theorem asks for, with the theorem's line in the same picture;
# 4. the verdict, with everything that it is made of;
# 5. a false version of the theorem, which must be refuted.
#
# The theorem is a data-dependent version of a result on networks with *asymmetrical node scaling* (F. Caron and others, TMLR
# 2025). The paper's full text was not at hand when it was written: it is stated and proved in our own notes, in the model
# that the paper's abstract describes. The card says so itself, as its *standing*.

# %%
import matplotlib.pyplot as plt
import numpy as np
import sympy as sp
from IPython.display import Markdown, display
from scipy import integrate

from theorycheck import card, follow
from theorycheck.check import check
from theorycheck.compiled import compile_kernel
from theorycheck.grams import limit_gram, limit_gram_balls
from theorycheck.report_latex import formula
from theorycheck.symbolic.gaussian import QU, QV, RHO, THETA, dual, in_angle

plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 90, "axes.grid": True, "grid.alpha": 0.3})
theorem = card("caron2023.r2_data")
print(theorem.title)
print("standing:", theorem.standing.value, "-", theorem.reference.note)

# %% [markdown]
# ## 1. The statement
#
# Assumptions first. Every one is an inequality between quantities that can be measured on a network; the last one is the
# width that the theorem asks for.

# %%
rows = []
for part in theorem.assumptions:
    relation = "<" if part.bound.strict else r"\le"
    rows.append(f"* **{part.label}**: {part.says}. ${formula(part.bound.lhs)} {relation} {formula(part.bound.rhs)}$")
display(Markdown("\n".join(rows)))

# %% [markdown]
# The claims, and the probability (over the draw of the initial weights) with which each is promised:

# %%
rows = []
for claim in theorem.claims:
    said = rf"{formula(claim.bound.lhs)} \le {formula(claim.bound.rhs)}"
    rows.append(
        f"* **{claim.label}**, with probability at least ${formula(claim.probability)}$: {claim.says}. ${said}$"
    )
display(Markdown("\n".join(rows)))

# %% [markdown]
# In claim (b), $R_t = \log(L_0/L_t)/t$ is the average rate at which the loss has fallen up to time $t$: the claim is
# $L_t \le e^{-\gamma\kappa_n t/2} L_0$ for all $t$, in a form that has a slack. The letters, as the card explains them:

# %%
wanted = ("kappa_n", "gamma", "s_X", "Lambda_2", "R_t", "ell_t", "D_t")
says = {str(part.symbol): part for part in theorem.quantities}
display(Markdown("\n".join(f"* ${formula(says[name].symbol)}$: {says[name].says}" for name in wanted if name in says)))

# %% [markdown]
# ## 2. Where $\kappa_n$ comes from
#
# The network is $f(x) = \sum_j \sqrt{\lambda_j}\, a_j\, \sigma(w_j \cdot x/\sqrt d)$; only the $w_j$ are trained. We take
# $\sigma(z) = \operatorname{erf}(z/2)$, two inputs on the sphere, and node scales
# $\lambda_j$ of which a share $\gamma = 0.7$ is spread evenly and the rest falls like $j^{-2}$. `m=0` asks for exactly the width
# in the assumption.

# %%
instance = theorem.example(n=2, d=3, m=0, activation="erf(z/2)", gamma=0.7, label=0.5, delta=0.5, seed=0)
print(f"n = {instance.n} inputs of dimension d = {instance.d}, width m = {instance.m}")
p, q, product = sp.symbols("p q x·x'", real=True)
entry = instance.neuron.tangent_entry(instance.activation, p, q, product)
display(Markdown(f"The neuron: $${formula(instance.neuron.output(instance.activation))}$$"))
display(Markdown(f"its part of the tangent Gram, with $p = w\\cdot x$ and $q = w\\cdot x'$: $${formula(entry)}$$"))

# %% [markdown]
# The second formula is not typed in: it is the product of the neuron's derivatives at the two inputs. Averaged over
# $w \sim N(0, I)$ it becomes an expectation over a Gaussian pair. `dual` keeps this definition, an unevaluated double integral
# over two independent standard normals, next to the closed form that it derives by Stein's lemma and Price's theorem.

# %%
slope = instance.activation.slope
found = dual(slope, "dual of the slope")
display(Markdown(f"Definition: $${formula(found.definition)}$$"))
display(Markdown(f"closed form: $${formula(found.closed_form)}$$"))

# %% [markdown]
# That the two agree is *proved* for several activations in `proofs/dual_kernels.py` (the notebook on caron2023 runs such a
# proof). Here we only compare numbers, at three correlations: quadrature of the definition on the left.

# %%
integrand = sp.lambdify((*found.definition.variables, QU, QV, RHO), found.definition.function, "numpy")
closed = sp.lambdify((QU, QV, RHO), found.closed_form, "numpy")
for rho in (-0.9, 0.0, 0.6):
    value, _ = integrate.dblquad(integrand, -9, 9, -9, 9, args=(0.5, 2.0, rho), epsabs=1e-11)
    print(f"correlation {rho:4.1f}: integral {value:.10f}   closed form {closed(0.5, 2.0, rho):.10f}")

# %% [markdown]
# The closed form is compiled: SymPy expression, Python source, machine code. In terms of the angle $\theta$ between two
# inputs it loses no digits where they are nearly parallel. This is the source, as it stands in the cache of kernels:

# %%
kernel = compile_kernel("entry", (QU, QV, THETA), in_angle(found.closed_form))
print(kernel.source)

# %% [markdown]
# With it, the *limit Gram*: what the tangent Gram is on average over the initial weights. $\kappa_n$ is its least eigenvalue.
# The same expression is evaluated a second time in Arb's ball arithmetic, where every number carries a proved error, and for
# comparison the tangent Gram of the network that was drawn.

# %%
limit = limit_gram(instance.activation, instance.inputs, instance.inner).matrix
balls = limit_gram_balls(instance.activation, instance.inputs, instance.inner_expr**2)
drawn = instance.start[1]
for i, k in ((0, 0), (0, 1), (1, 1)):
    print(f"entry {i}{k}: compiled {limit[i, k]:.12f}   ball {balls[i, k].str(14)}   drawn {drawn[i, k]:.4f}")
kappa = float(np.linalg.eigvalsh(limit)[0])
gamma = instance.parameters["gamma"]
print(f"kappa_n = {kappa:.6f}, so the theorem's rate gamma kappa_n/2 = {gamma * kappa / 2:.6f}")

# %% [markdown]
# ## 3. Gradient flow and the theorem's line
#
# `follow` integrates $w_j' = -\partial L/\partial w_j$ and says how well it knows the residual. Measured values are markers,
# everything that theory says is a line: what the theorem promises (dashed), and what a network of infinite width with even
# node scales would do in its slowest direction (dotted; no theorem of this card).

# %%
times = np.concatenate([[0.0], np.geomspace(0.2, 120.0, 40)])
run = follow(instance, times=times).trajectory
loss = np.exp(run.log_loss - run.log_loss[0])
figure, axes = plt.subplots()
axes.semilogy(
    times, np.exp(-gamma * kappa / 2 * times), "k--", label=r"theorem: $e^{-\gamma\kappa_n t/2}$, an upper bound"
)
axes.semilogy(times, np.exp(-2 * kappa * times), "k:", label=r"limit kernel, slowest direction: $e^{-2\kappa_n t}$")
axes.semilogy(times, loss, "o", color="0.35", markersize=4, label=f"measured, m = {instance.m}")
axes.set(
    xlabel="flow time t", ylabel=r"loss over initial loss, $L_t/L_0$", title="claim (b): the loss stays below the line"
)
axes.legend()
plt.show()
print(
    f"error of the residual's norm at the end: {run.residual_error[-1]:.1e}, the norm itself: {np.linalg.norm(run.residual[-1]):.1e}"
)

# %% [markdown]
# ## 4. The verdict
#
# `check` measures the premises, draws fresh weights as often as is needed to confirm a promise of this probability, and
# judges every inequality by its *slack* and *error*: yes if the slack is surely not negative, no if it surely is, unsure in
# between. First the premises:

# %%
report = check(theorem, instance)
verdict = next(one for one in report.verdicts if one.claim == "b")
for premise in verdict.premises:
    relation = "<" if premise.strict else "<="
    print(f"{premise.label:16} {premise.lhs:12.6g} {relation:2} {premise.rhs:12.6g}   {premise.truth.value}")

# %% [markdown]
# Then the conclusion. The promise is about a probability, so that it is judged by a frequency: the claim must hold in so many
# fresh draws that an exact (Clopper-Pearson) interval lies above what was promised. Within one draw, the claim is about all
# times up to the horizon, those between the saved times included.

# %%
conclusion = verdict.conclusion
print("promised probability", conclusion.lhs, " seen", conclusion.rhs)
print(f"slack {conclusion.slack:.3f} ± {conclusion.error:.3f}: {conclusion.truth.value}")
print(conclusion.note)
tight = conclusion.tightest
print(
    f"tightest draw: {tight.lhs:.5f} <= {tight.rhs:.5f}, slack {tight.slack:.4f} ± {tight.error:.1e}: {tight.truth.value}"
)
print("outcome:", verdict.outcome.value)

# %% [markdown]
# Premises yes, conclusion yes: *confirmed*. This is evidence, not a proof: a simulation up to a finite time on one set of
# data. All claims at once, with how far each bound is from what was seen in its tightest draw:

# %%
for one in report.verdicts:
    tight = one.conclusion.tightest
    print(
        f"({one.claim}) {one.outcome.value:10} {tight.lhs:9.4g} <= {tight.rhs:9.4g}   room: a factor of {tight.rhs / tight.lhs:.3g}"
    )

# %% [markdown]
# ## 5. A sabotage must be refuted
#
# A program that confirms everything is of no use. So each card carries *sabotages*: false versions of its claims. This one
# claims a rate of $8\kappa_n$, with probability 0.99. Here that is more than twice the largest eigenvalue of the limit Gram, so that
# no network near that limit can keep the promise.

# %%
false = next(one for one in theorem.sabotages if one.label == "b: eight times kappa")
display(Markdown(f"**{false.label}**: {false.says}. $${formula(false.bound.lhs)} \\le {formula(false.bound.rhs)}$$"))
caught = check(theorem, instance, claims=(false,)).verdicts[0]
print(f"8 kappa_n = {8 * kappa:.3f}, twice the largest eigenvalue {2 * np.linalg.eigvalsh(limit)[-1]:.3f}")
print(caught.conclusion.note)
print("outcome:", caught.outcome.value)

# %% [markdown]
# *Refuted* is the outcome that fails a theorem: premises yes, conclusion no. The other three outcomes keep the program honest
# where it knows less: *observed* (the conclusion was seen, but a premise fails or is unsure), *vacuous* (neither holds) and
# *undecided*. An example is the same theorem on a network with a hundredth of the width:

# %%
narrow = theorem.example(n=2, d=3, m=instance.m // 100, activation="erf(z/2)", gamma=0.7, label=0.5, delta=0.5, seed=0)
for one in check(theorem, narrow, draws=7).verdicts:
    missed = [premise.label for premise in one.premises if premise.truth.value != "yes"]
    print(f"({one.claim}) {one.outcome.value}, because a premise is not met: {', '.join(missed)}")
