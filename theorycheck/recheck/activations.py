"""The activations in balls: values and slopes, suprema over the line, and greatest lower bounds over windows.

Why windows need only their ends: away from the zeros of s' no activation of the list has an interior local minimum
of |s'|. tanh, erf, sigmoid: |s'| is even and falls in |u|. softplus: s' rises. sine: |cos| is concave between zeros.
gelu and silu: s' has one zero z_1 < 0 and two critical points, a maximum at z_0 > 0 where s' > 0 and a minimum at
-z_0 < z_1 where s' < 0: both are local maxima of |s'|.
"""

from __future__ import annotations

from collections.abc import Callable

from flint import arb


def _tanh(z: arb) -> tuple[arb, arb]:
    t = z.tanh()
    return t, 1 - t * t


def _erf(z: arb) -> tuple[arb, arb]:
    return z.erf(), 2 * (-z * z).exp() / arb.pi().sqrt()


def _sigmoid(z: arb) -> tuple[arb, arb]:
    t = (z / 2).tanh()  # sigmoid(z) = (1 + tanh(z/2))/2 does not overflow
    return (1 + t) / 2, (1 - t * t) / 4


def _softplus(z: arb) -> tuple[arb, arb]:
    value = z.exp().log1p() if z < 1 else z + (-z).exp().log1p()
    return value, _sigmoid(z)[0]


def _gelu(z: arb) -> tuple[arb, arb]:
    share = (-z / arb(2).sqrt()).erfc() / 2
    return z * share, share + z * (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


def _silu(z: arb) -> tuple[arb, arb]:
    share, slope = _sigmoid(z)
    return z * share, share + z * slope


def _sine(z: arb) -> tuple[arb, arb]:
    return z.sin(), z.cos()


def _identity(z: arb) -> tuple[arb, arb]:
    return z, arb(1)


#: name -> function that gives s(z) and s'(z)
SMOOTH: dict[str, Callable[[arb], tuple[arb, arb]]] = {
    "tanh": _tanh,
    "erf": _erf,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "gelu": _gelu,
    "silu": _silu,
    "sine": _sine,
    "identity": _identity,
}


def slope(name: str, z: arb) -> arb:
    """Return s'(z) with relative accuracy also far out, where 1 - tanh^2 has none."""
    if name == "tanh":
        return z.sech() ** 2
    if name == "sigmoid":
        return (z / 2).sech() ** 2 / 4
    if name == "softplus":
        return 1 / (1 + (-z).exp())
    return SMOOTH[name](z)[1]


def _root(sign: Callable[[arb], arb], low: arb, high: arb) -> arb:
    """Enclose a root: ``sign`` is proved negative at ``low`` and positive at ``high``, and its root is unique."""
    for _ in range(400):
        middle = ((low + high) / 2).mid()
        value = sign(middle)
        if value < 0:
            low = middle
        elif value > 0:
            high = middle
        else:
            break
    return low.union(high)


def _top_of_silu() -> arb:
    """Return the maximum of silu': s'' = sigmoid'(z) (2 - z tanh(z/2)), and z tanh(z/2) rises for z > 0."""
    return _silu(_root(lambda z: z * (z / 2).tanh() - 2, arb(2), arb(3)))[1]


def steepest(name: str) -> arb:
    """Return sup |s'| over the line.

    gelu: s'' = phi(z) (2 - z^2), so s' is extreme at z = +-sqrt 2, and s'(-z) = 1 - s'(z) is smaller in size.
    silu: the same symmetry; see ``_top_of_silu``. The others are largest at 0, or at the end (softplus).
    """
    if name == "erf":
        return 2 / arb.pi().sqrt()
    if name == "gelu":
        return _gelu(arb(2).sqrt())[1]
    if name == "silu":
        return _top_of_silu()
    return arb(1) / 4 if name == "sigmoid" else arb(1)


def most_curved(name: str) -> arb:
    """Return sup |s''| over the line.

    tanh: |2 t (1 - t^2)| is largest at t^2 = 1/3. sigmoid'' (z) = tanh''(z/2)/8. softplus'' = sigmoid'.
    erf: 4 |z| e^(-z^2)/sqrt pi is largest at z^2 = 1/2. gelu: phi |2 - z^2| is critical at 0 (2 phi(0)) and at +-2,
    where it is 2 phi(2), less. silu: sigmoid' |2 - z tanh(z/2)|: where the bracket is positive both factors are largest
    at 0, with product 1/2; elsewhere, with z >= 2, it is at most e^-z (z - 2) <= e^-3.
    """
    pi, e = arb.pi(), arb(1).exp()
    if name == "tanh":
        return 4 / (3 * arb(3).sqrt())
    if name == "sigmoid":
        return 1 / (6 * arb(3).sqrt())
    if name == "erf":
        return 2 * arb(2).sqrt() / (pi * e).sqrt()
    if name == "gelu":
        return 2 / (2 * pi).sqrt()
    return {"softplus": arb(1) / 4, "silu": arb(1) / 2, "sine": arb(1), "identity": arb(0)}[name]


def zero_of_slope(name: str) -> arb | None:
    """Return the only zero of s' for gelu and silu (between -2 and 0 their s' rises), None for the others."""
    if name == "gelu":
        return _root(lambda z: _gelu(z)[1], -arb(2).sqrt().mid(), arb(0))
    if name == "silu":
        return _root(lambda z: _silu(z)[1], arb(-2), arb(0))
    return None


def flattest(name: str, low: arb, high: arb, zero: arb | None) -> arb:
    """Return the infimum of |s'| over the closed window [low, high] (0 where a zero of s' is not excluded).

    Parameters
    ----------
    name
        A smooth activation.
    low, high
        Balls of the ends.
    zero
        ``zero_of_slope(name)``, found once by the caller.
    """
    if name == "identity":
        return arb(1)
    if name == "softplus":
        return slope(name, low)
    if name in ("tanh", "erf", "sigmoid"):
        far = abs(low).max(abs(high))
        return slope(name, far)
    if name == "sine":
        left, right = (low / arb.pi() + arb(1) / 2).floor(), (high / arb.pi() + arb(1) / 2).floor()
        apart = not (left.is_exact() and right.is_exact() and bool(left == right))
    else:
        apart = zero is None or not (low > zero or high < zero)
    return arb(0) if apart else abs(slope(name, low)).min(abs(slope(name, high)))


def flattest_open(name: str, low: float | None, high: float | None) -> arb:
    """Return the infimum of |s'| over the open interval (low, high); None is an unbounded end.

    s' of gelu and silu tends to 1 from above on the right and to 0 on the left.
    """
    if name == "relu":
        return arb(1 if low is not None and low >= 0 else 0)
    if name == "identity":
        return arb(1)
    if name == "softplus":
        return arb(0) if low is None else slope(name, arb(low))
    if low is None:
        return arb(0)
    if high is not None:
        return flattest(name, arb(low), arb(high), zero_of_slope(name))
    zero = zero_of_slope(name)
    if zero is None or not arb(low) > zero:
        return arb(0)
    return slope(name, arb(low)).min(arb(1))
