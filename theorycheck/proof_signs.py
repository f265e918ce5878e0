"""Signs: what premises say about symbols, and whether an expression is nonnegative, positive, or defined at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sympy as sp
from sympy.core.function import AppliedUndef

from theorycheck.statement import Bound

#: functions that are defined on the whole real line, or whose domain is looked at
_KNOWN = (
    sp.exp, sp.log, sp.erf, sp.erfc, sp.acos, sp.asin, sp.atan, sp.sin, sp.cos, sp.sinh, sp.cosh, sp.tanh, sp.Abs,
    sp.Max, sp.Min, sp.Heaviside, sp.DiracDelta, sp.Piecewise,
)  # fmt: skip


def known_signs(facts: Iterable[Bound]) -> dict[sp.Symbol, sp.Expr]:
    """Return stand-ins for the symbols that a fact places.

    Facts that place one: ``0 < k symbol`` and ``0 <= k symbol``; ``0 < symbol (1 - k symbol)``, which lies in (0, 1/k) and
    so is ``1/(k (1 + e))`` with e > 0; for a positive symbol ``symbol <= k``, with e >= 0; and ``other^k <= symbol``, which
    is ``other^k + e``.
    """
    facts = tuple(facts)
    found: dict[sp.Symbol, sp.Expr] = {}
    for fact in facts:
        factor, rest = fact.rhs.as_coeff_Mul()
        if fact.lhs == 0 and rest.is_Symbol and factor.is_positive:
            sign = {"positive": True} if fact.strict else {"nonnegative": True}
            if rest not in found or fact.strict:
                found[rest] = sp.Dummy(str(rest), **sign)
    for fact in facts:
        # a positive product of nonnegative symbols has none that is 0
        factors = [one.base if one.is_Pow else one for one in sp.Mul.make_args(fact.rhs)]
        if fact.lhs == 0 and fact.strict and len(factors) > 1 and all(one.is_nonnegative for one in factors):
            found |= {one: sp.Dummy(str(one), positive=True) for one in factors if one.is_Symbol}
    for fact in facts:
        symbols = fact.lhs.free_symbols | fact.rhs.free_symbols
        if fact.lhs.is_Pow and fact.lhs.base.is_Symbol and fact.rhs.is_Symbol and len(symbols) == 2:
            found[fact.rhs] = fact.lhs.xreplace(found) + sp.Dummy(f"e_{fact.rhs}", nonnegative=True)
        if len(symbols) != 1:
            continue
        (symbol,) = symbols
        top, low = _top(fact, symbol, found.get(symbol, symbol))
        if top is not None:
            found[symbol] = 1 / (top * (1 + low))
    return found


def _top(fact: Bound, symbol: sp.Symbol, known: sp.Expr) -> tuple[sp.Expr | None, sp.Expr]:
    """Return 1/k for a fact that keeps a positive symbol below k, and the stand-in for what is left."""
    if fact.lhs == 0 and fact.strict:
        inverse = sp.expand(1 - fact.rhs / symbol) / symbol
        if inverse.is_number and inverse.is_positive:
            return inverse, sp.Dummy(f"e_{symbol}", positive=True)
    if fact.lhs == symbol and fact.rhs.is_number and fact.rhs.is_positive and known.is_positive:
        return 1 / fact.rhs, sp.Dummy(f"e_{symbol}", nonnegative=True)
    return None, symbol


def nonnegative(expr: sp.Expr) -> bool:
    """Return whether an expression is seen to be nonnegative wherever its symbols' assumptions hold."""
    if any(_product(form(expr)) for form in (sp.sympify, sp.factor_terms, sp.expand)):
        return True
    # a maximum is each of its arguments and something more; a minimum is something less
    for kind, sign in ((sp.Max, 1), (sp.Min, -1)):
        for part in expr.atoms(kind):
            more = sign * sp.Dummy("e", nonnegative=True)
            forms = (sp.expand(expr.xreplace({part: one + more})) for one in part.args)
            if any(nonnegative(form) for form in sorted(forms, key=sp.count_ops)):
                return True
    # exp(-y) lies in (0, 1] for y >= 0, and so is 1/(1 + e) with e >= 0
    if small := [part for part in expr.atoms(sp.exp) if (-part.args[0]).is_nonnegative]:
        within = {part: 1 / (1 + sp.Dummy("e", nonnegative=True)) for part in small}
        if nonnegative(sp.together(expr.xreplace(within))):
            return True
    return any(_product(form(expr)) for form in (sp.factor, sp.simplify))


def _product(expr: sp.Expr) -> bool:
    """Return whether every factor is nonnegative; a power of a nonnegative base is, wherever it is defined."""
    return all(
        part.is_nonnegative or (part.is_Pow and part.exp.is_real and part.base.is_nonnegative)
        for part in sp.Mul.make_args(expr)
    )


def undefined(expr: sp.Expr, above: Sequence[sp.Expr] = ()) -> str:
    """Say what in an expression is not seen to be defined: a division, a root, a logarithm; or nothing.

    Parameters
    ----------
    above
        Expressions that are known to be positive; what is at least one of them is positive too.
    """

    def more(base: sp.Expr) -> bool:
        return positive(base) or any(nonnegative(sp.expand(base - one)) for one in above)

    strange = [part for part in expr.atoms(sp.Function) if not isinstance(part, (*_KNOWN, AppliedUndef))]
    if strange or expr.has(sp.oo, -sp.oo, sp.zoo, sp.nan):
        return f"{strange[0] if strange else expr} is not known to be a number"
    for part in expr.atoms(sp.log):
        if not more(part.args[0]):
            return f"{part.args[0]} is not seen to be positive under a logarithm"
    for part in expr.atoms(sp.acos, sp.asin):
        if not (nonnegative(1 - part.args[0]) and nonnegative(1 + part.args[0])):
            return f"{part} is not seen to be real"
    for part in expr.atoms(sp.Pow):
        base = part.base
        if not part.exp.is_nonnegative and not (base.is_nonzero or more(base)):
            return f"{base} is not seen to be nonzero, but is divided by"
        if not part.exp.is_integer and not (nonnegative(base) or more(base)):
            return f"{base} is not seen to be nonnegative under a root"
    return ""


def positive(expr: sp.Expr) -> bool:
    """Return whether an expression is seen to be positive wherever its symbols' assumptions hold."""
    # the complementary error function is positive on the real line, which SymPy does not know
    tails = {part: sp.Dummy("t", positive=True) for part in expr.atoms(sp.erfc) if part.args[0].is_real}
    expr = expr.xreplace(tails)
    if isinstance(expr, (sp.Min, sp.Max)):
        return all(positive(one) for one in expr.args)
    if expr.is_Mul:
        return all(positive(one) for one in expr.args)
    return any(form(expr).is_positive for form in (sp.sympify, sp.expand, sp.factor))
