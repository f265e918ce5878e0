r"""Words and expressions as LaTeX that compiles with ``amsmath`` alone.

Cards are written with the letters of mathematics (``γ``, ``≤``, ``‖``), which plain pdfLaTeX
refuses. :func:`escape` is for prose, :func:`formula` for what SymPy printed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

SPECIAL = MappingProxyType(
    {char: "\\" + char for char in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\ensuremath{<}"}
    | {">": r"\ensuremath{>}", "|": r"\ensuremath{|}", '"': "''", "`": r"\`{}"}
)
# the code points that prose about mathematics uses, as commands of math mode
MATHS = MappingProxyType(
    {"≤": r"\le", "≥": r"\ge", "≠": r"\ne", "≈": r"\approx", "±": r"\pm", "×": r"\times", "·": r"\cdot"}
    | {"∞": r"\infty", "∈": r"\in", "∉": r"\notin", "⊂": r"\subset", "∪": r"\cup", "∩": r"\cap"}
    | {"∀": r"\forall", "∃": r"\exists", "→": r"\to", "←": r"\leftarrow", "↔": r"\leftrightarrow"}
    | {"⇒": r"\Rightarrow", "⇔": r"\Leftrightarrow", "↦": r"\mapsto", "∑": r"\sum", "Σ": r"\Sigma", "∏": r"\prod"}
    | {"∫": r"\int", "∂": r"\partial", "∇": r"\nabla", "√": r"\surd", "‖": r"\|", "⟨": r"\langle", "⟩": r"\rangle"}
    | {"−": "-", "∘": r"\circ", "⊗": r"\otimes", "⊙": r"\odot", "⪰": r"\succeq", "⪯": r"\preceq", "ℓ": r"\ell"}
    | {"′": "'", "″": "''", "½": r"\tfrac12", "¼": r"\tfrac14", "¾": r"\tfrac34", "∝": r"\propto", "≡": r"\equiv"}
    | {"ℝ": r"\mathbf{R}", "ℕ": r"\mathbf{N}", "ℤ": r"\mathbf{Z}", "⊤": r"\top", "⊥": r"\perp", "∅": r"\emptyset"}
    | {"ϵ": r"\epsilon", "ε": r"\varepsilon", "ϕ": r"\phi", "φ": r"\varphi", "ϑ": r"\vartheta", "⌈": r"\lceil"}
    | {"⌉": r"\rceil", "⌊": r"\lfloor", "⌋": r"\rfloor", "≪": r"\ll", "≫": r"\gg", "∼": r"\sim", "…": r"\ldots"}
)
PROSE = MappingProxyType(
    {"–": "--", "—": "---", "“": "``", "”": "''", "‘": "`", "’": "'", "\xa0": "~", "§": r"\S{}"}
    | {
        "ł": r"\l{}",
        "Ł": r"\L{}",
        "ø": r"\o{}",
        "Ø": r"\O{}",
        "ß": r"\ss{}",
        "æ": r"\ae{}",
        "œ": r"\oe{}",
        "å": r"\aa{}",
    }
)
# a combining mark, in text and in math mode
ACCENTS = MappingProxyType(
    {
        "\u0300": (r"\`", r"\grave"),
        "\u0301": (r"\'", r"\acute"),
        "\u0302": (r"\^", r"\hat"),
        "\u0303": (r"\~", r"\tilde"),
    }
    | {
        "\u0304": (r"\=", r"\bar"),
        "\u0306": (r"\u", r"\breve"),
        "\u0307": (r"\.", r"\dot"),
        "\u0308": (r"\"", r"\ddot"),
    }
    | {"\u030a": (r"\r", r"\mathring"), "\u030b": (r"\H", ""), "\u030c": (r"\v", r"\check"), "\u0327": (r"\c", "")}
    | {"\u0328": (r"\k", ""), "\u0305": (r"\=", r"\overline")}
)


def escape(text: str) -> str:
    """Return prose as LaTeX text: ASCII only, every special character made harmless."""
    return "".join(_prose(base, marks) for base, marks in _clusters(text))


def formula(expression: Any) -> str:
    """Return a SymPy expression in LaTeX's math mode: ASCII only."""
    import sympy

    names = {symbol: _upright(sympy.latex(symbol)) for symbol in expression.atoms(sympy.Symbol)}
    clusters = _clusters(sympy.latex(expression, symbol_names=names))
    return "".join(base if base.isascii() and not marks else _accented(base, marks) + " " for base, marks in clusters)


def _upright(name: str) -> str:
    """Set a word upright: in italics ``rate`` is a product of four letters."""
    from sympy.printing.latex import translate

    head, bar, index = name.partition("_")
    if len(head) > 1 and head.isalpha() and head.isascii():
        # SymPy leaves a name with braces as it is, Greek or not
        head = translate(head) if translate(head) != head else rf"\mathrm{{{head}}}"
    return head + bar + index


def _clusters(text: str) -> Iterator[tuple[str, str]]:
    """Split text into characters, each with the combining marks that follow it."""
    pieces = unicodedata.normalize("NFD", text)
    start = 0
    for end in range(1, len(pieces) + 1):
        if end == len(pieces) or not unicodedata.combining(pieces[end]):
            yield pieces[start], pieces[start + 1 : end]
            start = end


def _prose(base: str, marks: str) -> str:
    latin = base.isascii() or base in PROSE
    if not latin or not all(mark in ACCENTS for mark in marks):
        return rf"\ensuremath{{{_accented(base, marks)}}}"
    written = SPECIAL.get(base, PROSE.get(base, base))
    for mark in marks:
        written = f"{ACCENTS[mark][0]}{{{written}}}"
    return written


def _accented(base: str, marks: str) -> str:
    """Return a character of math mode under its accents; an unknown mark is left out."""
    written = base if base.isascii() else _maths(base)
    for mark in marks:
        if mark in ACCENTS and ACCENTS[mark][1]:
            written = f"{ACCENTS[mark][1]}{{{written}}}"
    return written


def _maths(char: str) -> str:
    """Return a command of math mode for a character that is not ASCII."""
    if char in MATHS:
        return MATHS[char]
    name = unicodedata.name(char, "")
    words = name.split()
    if name.startswith("GREEK") and len(words) == 4 and words[2] == "LETTER":
        return _greek(words[3].lower().replace("lamda", "lambda"), capital=words[1] == "CAPITAL")
    kind, _, shape = unicodedata.decomposition(char).rpartition("> ")
    base = "".join(chr(int(code, 16)) for code in shape.split())
    inner = "".join(part if part.isascii() else _maths(part) for part in base)
    if kind == "<super":
        return f"{{}}^{{{inner}}}"
    if kind == "<sub":
        return f"{{}}_{{{inner}}}"
    # no command known: its name is honest, a wrong letter would not be
    return inner if inner and inner.isascii() and kind else rf"\text{{{name.lower() or hex(ord(char))}}}"


def _greek(name: str, capital: bool) -> str:
    """Return a Greek letter; capitals that look Latin have no command of their own."""
    if name == "omicron":
        return "O" if capital else "o"
    if not capital:
        return {"final sigma": r"\varsigma"}.get(name, "\\" + name)
    own = {"gamma", "delta", "theta", "lambda", "xi", "pi", "sigma", "upsilon", "phi", "psi", "omega"}
    latin = {"eta": "H", "rho": "P", "chi": "X"}
    return "\\" + name.capitalize() if name in own else rf"\mathrm{{{latin.get(name, name[0].upper())}}}"
