"""Integrals that equal closed forms because both change and start alike: what is proved, and what such a step refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sympy as sp

from theorycheck import proof_integrals as integrals
from theorycheck.proof_files import folder, load
from theorycheck.proof_steps import Change, Lemma, Trust, apply, combine, identity, integrated
from theorycheck.proof_verify import check_steps
from theorycheck.statement import Bound
from theorycheck.symbolic.activations import ACTIVATIONS
from theorycheck.symbolic.gaussian import dual

a, b, c = sp.symbols("a b c", nonnegative=True)

g, h, t = sp.symbols("g h t", real=True)
SPACE = ((g, -sp.oo, sp.oo), (h, -sp.oo, sp.oo))
NORMAL = sp.exp(-(g**2 + h**2) / 2) / (2 * sp.pi)
WAVE = sp.cos(t * g) * NORMAL
ROLES = {"integrand": "inside", "closed form": "outside", "start": "start"}


def change(closed=None, growth=-t, fields=None, path=t, start=sp.S.Zero, integrand=WAVE, times=sp.S.One, roles=ROLES):
    """Check E cos(t g) = exp(-t^2/2), whose derivative is -t times itself, with parts of the proof replaced."""
    closed = sp.exp(-(t**2) / 2) if closed is None else closed
    fields = {g: sp.sin(t * g) * NORMAL, h: sp.S.Zero} if fields is None else fields
    whole = sp.Integral(integrand, *SPACE)
    divergence = sum(sp.diff(field, symbol) for symbol, field in fields.items())
    steps = (
        identity("inside", "", times * sp.diff(integrand, t) - growth * integrand, divergence),
        identity("outside", "", times * sp.diff(closed, t), growth * closed),
        identity(
            "start", "", whole.xreplace({t: path.xreplace({t: start})}), closed.xreplace({t: path.xreplace({t: start})})
        ),
        integrated("same", "", whole, closed, Change(t, path, start, fields, growth, times), {}, roles),
    )
    return check_steps(steps, {})


def test_an_integral_that_changes_and_starts_like_a_closed_form_is_equal_to_it():
    found = change()
    assert [one.trust for one in found] == [Trust.SYMBOLIC] * 4
    assert found[-1].step.equal
    twice = change(times=2 * sp.S.One, growth=-2 * t, fields={g: 2 * sp.sin(t * g) * NORMAL, h: sp.S.Zero})
    assert [one.trust for one in twice] == [Trust.SYMBOLIC] * 4


JUMP = sp.exp(-(t**2) / 2) * (1 + sp.atan(t) + sp.atan(1 / t) - sp.pi / 2)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        # right at t = 1 and of the right slope everywhere, but wrong for t < 0: it jumps at 0
        ({"closed": JUMP, "start": sp.S.One}, "continuous"),
        # t^2 has the slope (2/t) t^2, as has 5 t^2, and both are 0 at 0
        ({"integrand": t**2 * NORMAL, "closed": 5 * t**2, "growth": 2 / t, "fields": {g: sp.S.Zero, h: sp.S.Zero}}, "continuous"),
        # the same, with the pole hidden in what is multiplied with: t^2 is not positive at 0
        ({"integrand": t**2 * NORMAL, "closed": 5 * t**2, "growth": 2 * t, "times": t**2, "fields": {g: sp.S.Zero, h: sp.S.Zero}}, "positive"),
        # the divergence of g integrates to 1 over each unit of area, not to 0
        ({"fields": {g: sp.sin(t * g) * NORMAL, h: h}}, "tempered"),
        ({"fields": {g: sp.sin(t * g) * sp.exp(-(h**2) / 2), h: sp.S.Zero}}, "tempered"),
        ({"growth": -g}, "depends on what is integrated over"),
        ({"closed": 2 * sp.exp(-(t**2) / 2)}, "start"),
        ({"closed": sp.exp(-(t**2))}, "outside"),
        ({"roles": {"integrand": "inside", "closed form": "outside"}}, "nobody shows the start"),
        ({"roles": ROLES | {"start": "outside"}}, "is not the integral"),
        ({"roles": ROLES | {"integrand": "outside"}}, "another integrand"),
        ({"roles": ROLES | {"closed form": "inside"}}, "another closed form"),
    ],
)  # fmt: skip
def test_what_an_integral_step_refuses(changed, told):
    found = change(**changed)
    broken = [one for one in found if one.trust is Trust.BROKEN]
    assert broken
    if told in ("start", "outside"):  # a step before it is broken already
        assert broken[0].step.label == told
    else:
        assert told in found[-1].note


def test_an_integral_step_stands_on_equations_only():
    step = change()[-1].step
    facts = {name: change()[k].step.bound for k, name in enumerate(("inside", "outside", "start"))}
    (found,) = check_steps((step,), facts)
    assert "is no equation" in found.note


@pytest.mark.parametrize(
    "path", [sp.Symbol("k", positive=True), sp.Symbol("k", integer=True), sp.Symbol("k", real=True) + sp.Symbol("l", real=True), sp.S.One]
)  # fmt: skip
def test_a_path_runs_over_the_whole_line(path):
    """One that is positive only never starts at 0, one of integers never moves."""
    (*before, last) = (one.step for one in change())
    moved = replace(last, change=replace(last.change, path=path))
    assert "no path" in check_steps((*before, moved), {})[-1].note


def test_jumps_and_densities_at_a_point():
    """E delta(g) f is a density; delta(g) delta(2 g) and delta(g) Max(0, g) are nothing, and no integral of them is taken."""
    for other, known in ((h, True), (g + h, True), (2 * g, False)):
        for kind in (sp.DiracDelta, sp.Heaviside, lambda x: sp.Max(0, x)):
            field = sp.DiracDelta(g) * kind(other) * NORMAL
            found = integrals.dies(field, (g, h))
            assert found is known, field
    assert not integrals.dies(sp.DiracDelta(g**2) * NORMAL, (g, h))
    assert integrals.dies(sp.Heaviside(g) * sp.Max(0, g) * (1 + g * sp.exp(g)) * NORMAL, (g, h))
    assert not integrals.dies(sp.exp(g**2 / 4) * NORMAL, (g, h))
    assert integrals.dies(sp.exp(-(g**2) - (g + t * h) ** 2) * NORMAL, (g, h))


def test_by_parts_without_a_derivative():
    """E g^2 = 1: g^2 F - F is the divergence of -g F."""
    moment, whole = sp.Integral(g**2 * NORMAL, *SPACE), sp.Integral(NORMAL, *SPACE)
    fields = {g: -g * NORMAL, h: sp.S.Zero}

    def steps(value, multiple=1, growth=sp.S.Zero):
        return check_steps((
            identity("whole", "", whole, sp.S.One),
            identity("inside", "", g**2 * NORMAL - multiple * NORMAL, -sp.diff(g * NORMAL, g)),
            identity("outside", "", value, multiple * sp.S.One),
            integrated("same", "", moment, value, Change(t, t, None, fields, growth), {"whole": multiple}, {"integrand": "inside", "closed form": "outside"}),
        ), {})  # fmt: skip

    assert [one.trust for one in steps(sp.S.One)] == [Trust.SYMBOLIC] * 4
    assert steps(2 * sp.S.One, 2)[1].trust is Trust.BROKEN
    assert "growth" in steps(sp.S.One, growth=t)[-1].note


def test_what_has_been_shown_to_be_equal_may_be_used_either_way():
    lemma = Lemma("L", {}, Bound(a, b), equation=True)
    back = combine("c", "", Bound(c, a), {"taken": -1})
    taken = apply("taken", "", lemma, {b: c}, {})
    assert [one.trust for one in check_steps((taken, back), {})] == [Trust.SYMBOLIC] * 2
    weak = apply("taken", "", replace(lemma, equation=False), {b: c}, {})
    assert check_steps((weak, back), {})[-1].trust is Trust.BROKEN


def test_every_dual_that_the_rules_derive_has_a_proof():
    shown = {proof.goal for proof in load(folder() / "dual_kernels.py")}
    derived = [dual(expr, name) for name, s in ACTIVATIONS.items() for expr in (s.expr, s.slope)]
    found = [one for one in derived if one is not None]
    assert len(found) >= 18
    assert {Bound(one.definition, one.closed_form) for one in found} <= shown
