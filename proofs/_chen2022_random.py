"""Proofs of chen2022's probability lemma and of its corollaries: A and B with random weights, output scale, initial scale.

Everything but the weights is chosen before they are drawn. On the event that half of the expected share of neurons starts
well, for every sample, these are theorems A and B; the event fails with probability delta at most.
"""

from __future__ import annotations

import numpy as np
import sympy as sp
from _chen2022_steps import LAM, any_sample, between, enough, one_sample, over

from theorycheck import textbook
from theorycheck.proof import GIVEN, Event, Proof, of_card, of_claim
from theorycheck.proof_steps import Step, apply, combine, define, enclosed, identity, monotone
from theorycheck.proof_verify import REST
from theorycheck.statement import Bound, Theorem
from theorycheck.theorems.chen2022 import chances as ch
from theorycheck.theorems.chen2022 import initial_scale as start
from theorycheck.theorems.chen2022 import odds as o
from theorycheck.theorems.chen2022 import output_scale as scale
from theorycheck.theorems.chen2022 import random_init as rand
from theorycheck.theorems.chen2022 import setting as s
from theorycheck.theorems.chen2022 import statements as t
from theorycheck.theorems.chen2022.steep import A, B
