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
# # A certificate for all time, and how to catch a wrong one
#
# A simulation ends at a finite time and has an estimated error. A *certificate* is something else: from the initial weights of
# one concrete network, as doubles that are meant exactly, it *proves* that gradient flow converges, for all $t\ge0$. Floating
# point may guess; what is claimed is then proved in ball arithmetic, or by bounds on rounding.
#
# 1. Certify a small ReLU network by Prop R0 of the notebook on caron2023.
# 2. Write the certificate to a file, and recheck it with code that shares nothing with the code that made it.
# 3. Corrupt one number at a time, and see the recheck refuse it.
# 4. The certified line next to a simulation.
# 5. A network that cannot be certified from its start, and can from a checkpoint.

# %%
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from theorycheck import follow
from theorycheck.certify.checkpoint import at_checkpoint, instance_of
from theorycheck.certify.document import save
from theorycheck.certify.methods import AT_LEAST, meaning, method
from theorycheck.certify.recipe import certify
from theorycheck.recheck import recheck
from theorycheck.theorems import recipe

plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 90, "axes.grid": True, "grid.alpha": 0.3})

# %% [markdown]
# ## 1. Certify
#
# Two inputs on the sphere, 20 000 nodes; 70 % of the node scale is spread evenly, the rest unevenly. The labels are at
# distance 0.2 from the initial output. A *recipe* is the part of a theorem that can be proved for one network.

# %%
r0 = recipe("caron2023.r0")
problem = r0.example(n=2, d=3, m=20_000, data="sphere", residual=0.2, gamma=0.7, seed=0)
attempt = certify(r0, problem)
print(r0.title, "- every test surely holds:", attempt.holds)
for name, value in attempt.found.choices.items():
    print(f"{name:12} =  {value:.10g}   (chosen by a search; that it works is proved)")
for name, value in attempt.found.evidence.items():
    side = ">=" if name in AT_LEAST else "<="
    print(f"{name:12} {side} {value:.10g}   {meaning(r0.label, name)}")

# %% [markdown]
# Every number is a double on the safe side of the true one. How they are known:

# %%
for name in attempt.found.evidence:
    print(f"{name:12} {method(r0.label, name)}")

# %% [markdown]
# The tests are the assumptions of R0, and where they surely hold, its conclusions are theorems about this network:

# %%
for test in attempt.tests:
    print(f"{test.label}: {test.lhs:.6g} {'<' if test.strict else '<='} {test.rhs:.6g}, {test.truth.value}")
for one in attempt.conclusions:
    print(f"proved {one.side} {one.value:.10g}: {one.says}")

# %% [markdown]
# ## 2. Write it down, and recheck
#
# The file has every number that is claimed, and what is needed to make the arrays again: weights that were drawn are written
# as the law they were drawn by, with a hash. `recheck` derives the same theorem a second time, in Arb, and imports nothing of
# the code above: two writers who agree by sharing a formula have checked nothing.

# %%
folder = tempfile.TemporaryDirectory()
target = Path(folder.name, "certificate.json")
print("written:", ", ".join(path.name for path in save(attempt, target)))
content = json.loads(target.read_text(encoding="utf-8"))
print("in the file:", ", ".join(content))
print("weights:", json.dumps({key: value for key, value in content["data"]["weights"].items() if key != "sha256"}))
again = recheck(target)
for line in again.lines:
    print("ok   " if line.ok else "FAILS", line.name)
print("valid:", again.valid)

# %% [markdown]
# ## 3. Corrupt one number
#
# The negative control. Each time one number of the file is changed by a little: a conclusion that claims 0.1 % too much, evidence
# that is a little too good, a label, one node scale in the array file. The recheck must refuse each, and say where.

# %%
changes = {
    "the rate, 0.1 % too high": ("conclusions", 1, "value"),
    "kappa_hat, 0.1 % too high": ("evidence", "kappa_hat"),
    "a label, changed by 0.1 %": ("data", "labels", "values", 0),
    "theta, 0.1 % larger": ("choices", "theta"),
}
for says, (*way, last) in changes.items():
    wrong = json.loads(target.read_text(encoding="utf-8"))
    part = wrong
    for key in way:
        part = part[key]
    part[last] *= 1.001
    target.with_name("wrong.json").write_text(json.dumps(wrong), encoding="utf-8")
    refused = recheck(target.with_name("wrong.json"))
    line = next(line for line in refused.lines if not line.ok)
    print(f"{says}: valid is {refused.valid}; {line.name}: {line.says[:100]}")

# %% [markdown]
# And one node scale, changed by one unit in the last place, in the array file:

# %%
beside = target.with_name("certificate.arrays.npz")
right = dict(np.load(beside))
np.savez(beside, **{**right, "scales": np.append(np.nextafter(right["scales"][0], 1), right["scales"][1:])})
line = next(line for line in recheck(target).lines if not line.ok)
print(f"{line.name}: {line.says}")
np.savez(beside, **right)
print("as it was: valid is", recheck(target).valid)

# %% [markdown]
# ## 4. The certified line and a simulation
#
# The line is proved for all times, on this network. The markers are a simulation up to a finite time, which proves nothing; if
# one of them were above the line, simulator or certificate would be wrong.

# %%
rate = next(one.value for one in attempt.conclusions if one.name == "rate")
times = np.linspace(0.0, 120.0, 25)
run = follow(instance_of(problem), times=times).trajectory
loss = np.exp(run.log_loss - run.log_loss[0])
figure, axes = plt.subplots()
axes.semilogy(times, np.exp(-rate * times), "k--", label=f"certified for all t: exp(-{rate:.4f} t)")
axes.fill_between(times, np.exp(-rate * times), 10, color="0.9", label="excluded by the certificate")
axes.semilogy(times, loss, "o", color="0.35", markersize=4, label="simulated")
axes.set(xlabel="flow time t", ylabel=r"loss over initial loss, $L_t/L_0$", ylim=(loss.min() / 3, 10), xlim=(-2, 122))
axes.legend(loc="lower left")
plt.show()
print("every simulated value is below the line:", bool(np.all(loss <= np.exp(-rate * times))))

# %% [markdown]
# ## 5. What cannot be certified, and a checkpoint
#
# R0's test fails if the labels are too far from the initial output: then nothing is claimed. Orthogonal inputs this time, 2000
# nodes, labels at distance 1:

# %%
far = r0.example(n=2, d=2, m=2000, data="orthogonal", residual=1.0, gamma=0.7, seed=0)
failed = certify(r0, far)
for test in failed.missed:
    print(f"not certified: {test.label}: {test.lhs:.4g} should be at most {test.rhs:.4g}")

# %% [markdown]
# But gradient flow makes the residual smaller by itself. We simulate for a while, take the weights that are reached as the
# start of a *new* flow, and try to certify that one. The simulation is not proved; what comes after is.

# %%
for checkpoint in (1.0, 2.0, 4.0, 8.0):
    later = certify(r0, at_checkpoint(far, checkpoint))
    print(f"from t = {checkpoint:4.1f}: |r| <= {later.found.evidence['r_0']:.4f}, certified: {later.holds}")
    if later.holds:
        break
print(later.problem.history["checkpoint"]["proved"])

# %% [markdown]
# The markers are one simulation from the start to the end. The line begins at the simulated loss of the checkpoint, which is
# not proved; its slope is.

# %%
rate = next(one.value for one in later.conclusions if one.name == "rate")
times = np.linspace(0.0, 60.0, 31)
run = follow(instance_of(far), times=times).trajectory
loss = np.exp(run.log_loss - run.log_loss[0])
start, after = loss[np.searchsorted(times, checkpoint)], times[times >= checkpoint]
figure, axes = plt.subplots()
axes.semilogy(times, loss, "o", color="0.35", markersize=4, label="simulated")
axes.semilogy(
    after,
    start * np.exp(-rate * (after - checkpoint)),
    "k--",
    label=f"certified from t = {checkpoint:g} on: rate {rate:.4f}",
)
axes.axvline(checkpoint, color="k", linewidth=0.8)
axes.annotate("checkpoint", (checkpoint, loss.min()), xytext=(6, 0), textcoords="offset points")
axes.set(xlabel="flow time t", ylabel=r"loss over initial loss, $L_t/L_0$")
axes.legend()
plt.show()
folder.cleanup()
