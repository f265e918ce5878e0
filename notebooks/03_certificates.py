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
    print(f"test {test.label}: {test.lhs:.6g} {'<' if test.strict else '<='} {test.rhs:.6g}, {test.truth.value}")
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
    "rate 0.1 % too high": lambda doc: doc["conclusions"][1].update(value=doc["conclusions"][1]["value"] * 1.001),
}
