"""Gradient formulas, Python in the source, as LaTeX: `g * F.cosh(input)` is  g · cosh x.

What has no usual sign in mathematics (`F.gather_backward(g, dim, index, input_shape)`) stays code: `latex` says None.
"""

import ast
import math

NAMES = {
    "g": "g", "input": "x", "other": "y", "out": r"\mathrm{out}", "weight": "w", "target": "t", "exponent": "p",
    "beta": r"\beta",
    "alpha": r"\alpha", "lambd": r"\lambda", "threshold": r"\theta", "negative_slope": "a", "eps": r"\varepsilon",
    "value": "v", "n": "n", "min": r"\min", "max": r"\max", "LN2": r"\ln 2", "LN10": r"\ln 10", "ROOT_PI": r"\sqrt{\pi}",
    "PI": r"\pi",
    "DEGREE": r"\frac{180}{\pi}", "inverse": "X^{-1}", "A": "A", "L": "L", "end": r"\mathrm{end}", "mask": r"\mathrm{mask}",
    "condition": "c", "scale": "s", "min_val": r"\min", "max_val": r"\max", "tensor1": "a", "tensor2": "b",
}
# With one argument: how it is written. {} is the argument.
UNARY = {
    "sqrt": r"\sqrt{{{}}}", "rsqrt": r"\frac{{1}}{{\sqrt{{{}}}}}", "exp": r"e^{{{}}}", "exp2": r"2^{{{}}}",
    "abs": r"\left|{}\right|",
    "adjoint": r"{}^{{\mathsf T}}", "t": r"{}^{{\mathsf T}}", "mT": r"{}^{{\mathsf T}}", "square": "{}^2",
}
FUNCTIONS = {
    "sin": r"\sin", "cos": r"\cos", "tan": r"\tan", "sinh": r"\sinh", "cosh": r"\cosh", "tanh": r"\tanh", "log": r"\ln",
    "sign": r"\operatorname{sign}", "digamma": r"\psi", "sigmoid": r"\sigma", "erfcx": r"\operatorname{erfcx}",
    "log1p": r"\operatorname{log1p}", "zeta": r"\zeta", "isfinite": r"\operatorname{isfinite}", "tril": r"\operatorname{tril}",
    "triu": r"\operatorname{triu}", "xlogy": r"\operatorname{xlogy}", "xlog1py": r"\operatorname{xlog1py}",
    "cumsum": r"\operatorname{cumsum}", "diagonal": r"\operatorname{diag}",
}
PLAIN = ("sin", "cos", "tan", "sinh", "cosh", "tanh", "log")  # a lone letter behind them needs no brackets
COMPARE = {ast.Lt: "<", ast.Gt: ">", ast.LtE: r"\le", ast.GtE: r"\ge", ast.Eq: "=", ast.NotEq: r"\ne"}
SUM, PRODUCT, UNARY_MINUS, POWER, ATOM = range(5)  # how tightly what was written last holds together


class Unwritable(Exception):
    """There is no usual sign for this."""


def latex(text):
    """A formula's LaTeX, or None where code says it better."""
    try:
        return write(ast.parse(text, mode="eval").body)[0]
    except (Unwritable, SyntaxError):
        return None


def within(node, least):
    """`node`, in brackets where it holds together less than `least`."""
    text, strength = write(node)
    return text if strength >= least else rf"\left({text}\right)"


def write(node):
    """(LaTeX, how tightly it holds together)."""
    match node:
        case ast.Constant(value=bool() | None | str()):
            raise Unwritable
        case ast.Constant(value=value):
            return number(value), ATOM
        case ast.Name(id=name):
            if name not in NAMES:
                raise Unwritable
            return NAMES[name], PRODUCT if name in ("LN2", "LN10", "DEGREE") else POWER if name == "inverse" else ATOM
        case ast.Attribute(value=ast.Name(id="math"), attr="pi"):
            return r"\pi", ATOM
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return "-" + within(operand, PRODUCT), UNARY_MINUS if isinstance(operand, (ast.Name, ast.Call)) else SUM
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            return f"{within(left, SUM)} + {within(right, PRODUCT)}", SUM
        case ast.BinOp(op=ast.Sub(), left=left, right=right):
            return f"{within(left, SUM)} - {within(right, PRODUCT)}", SUM
        case ast.BinOp(op=ast.Div(), left=ast.Constant(value=1), right=ast.Name(id="DEGREE")):
            return r"\frac{\pi}{180}", PRODUCT
        case ast.BinOp(op=ast.Div(), left=ast.BinOp(op=ast.Div(), left=left, right=first), right=second):
            return write(ast.BinOp(left, ast.Div(), ast.BinOp(first, ast.Mult(), second)))
        case ast.BinOp(op=ast.Div(), left=left, right=right):
            return rf"\frac{{{write(left)[0]}}}{{{write(right)[0]}}}", PRODUCT
        case ast.BinOp(op=ast.Mult()):
            return product(node)
        case ast.BinOp(op=ast.Pow(), left=left, right=right):
            return f"{within(left, ATOM)}^{{{write(right)[0]}}}", POWER
        case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
            return rf"{write(left)[0]} \;\text{{and}}\; {write(right)[0]}", SUM
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return rf"{write(left)[0]} \;\text{{or}}\; {write(right)[0]}", SUM
        case ast.Compare(left=ast.Name(id=left), ops=[ast.NotEq()], comparators=[ast.Name(id=right)]) if left == right:
            return rf"{NAMES[left]} \text{{ is NaN}}", SUM
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return f"{write(left)[0]} {COMPARE[type(op)]} {write(right)[0]}", SUM
        case ast.Call(func=ast.Attribute(value=ast.Name(id="F" | "math"), attr=name), args=args, keywords=[]):
            return call(name, args)
        case ast.Call(func=ast.Name(id="mT"), args=args):
            return call("mT", args)
    raise Unwritable


def number(value):
    if value == int(value):
        return str(int(value))
    return repr(value) if abs(value) > 1e-4 else f"10^{{{round(math.log10(value))}}}"



def factors(node):
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*factors(node.left), *factors(node.right)]
    return [node]


def product(node):
    """A product as it is written by hand: equal factors as powers, the sign in front, numbers first after g."""
    parts, sign, counted = factors(node), "", {}
    for part in parts:
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
            sign, part = "" if sign else "-", part.operand
        if isinstance(part, ast.Constant) and isinstance(part.value, (int, float)) and part.value < 0:
            sign, part = "" if sign else "-", ast.Constant(-part.value)
        for factor in factors(part):
            key = ast.dump(factor)
            counted[key] = (factor, counted.get(key, (factor, 0))[1] + 1)
    written, numbers = [], []
    for factor, times in counted.values():
        if isinstance(factor, ast.Constant):
            if factor.value != 1:
                numbers.append(number(factor.value))
        elif times > 1:
            written.append(f"{within(factor, ATOM)}^{times}")
        else:
            written.append(within(factor, POWER if isinstance(factor, ast.BinOp) and not isinstance(factor.op, ast.Div)
                                  else UNARY_MINUS if isinstance(factor, ast.UnaryOp) else PRODUCT))
    return sign + r" \cdot ".join([*numbers, *written]), SUM if sign else PRODUCT


def call(name, args):
    match name, args:
        case "where", [condition, yes, no]:
            return cases(write(condition)[0], write(yes)[0], no), SUM
        case "bend", [ast.Name(id="g"), condition, yes, no]:
            return cases(write(condition)[0], times_g(yes), no, times_g), SUM
        case "matmul", [left, right]:
            return f"{within(left, PRODUCT)} {within(right, PRODUCT)}", PRODUCT
        case "polygamma", [argument, order]:
            return rf"\psi^{{({write(order)[0]})}}\left({write(argument)[0]}\right)", POWER
        case "clamp", [argument, low, high]:
            return rf"\operatorname{{clamp}}\left({', '.join(limit(a) for a in (argument, low, high))}\right)", POWER
        case "to_dtype", [argument, _]:
            return write(argument)
        case "zeroed", [_]:
            return "0", ATOM
        case "sum_to_size", [argument, _]:  # undoing what broadcasting did is left out everywhere
            return write(argument)
    if name in UNARY and len(args) == 1:
        text = write(args[0])[0] if "left" in UNARY[name] or name in ("sqrt", "rsqrt", "exp", "exp2") else within(args[0], ATOM)
        return UNARY[name].format(text), POWER if name != "rsqrt" else PRODUCT
    if name in FUNCTIONS:
        if name in ("cumsum", "tril", "triu", "diagonal"):
            args = args[:1]
        inner = ", ".join(write(a)[0] for a in args)
        plain = len(args) == 1 and isinstance(args[0], ast.Name) and name in PLAIN
        return FUNCTIONS[name] + (f" {inner}" if plain else rf"\left({inner}\right)"), PRODUCT if plain else POWER
    raise Unwritable


def limit(node):
    if isinstance(node, ast.Constant) and node.value is None:
        return r"\infty"
    return write(node)[0]


def times_g(node):
    match node:
        case ast.Constant(value=0):
            return "0"
        case ast.Constant(value=1):
            return "g"
        case ast.BinOp(op=ast.Div(), left=ast.Constant(value=1), right=right):
            return rf"\frac{{g}}{{{write(right)[0]}}}"
    return within(node, PRODUCT) + r" \cdot g"


def cases(condition, yes, no, written=lambda node: write(node)[0]):
    """Nested choices as one brace."""
    lines = [(yes, rf"\text{{if }} {condition}")]
    while isinstance(no, ast.Call) and getattr(no.func, "attr", "") == "where":
        inner, yes, no = no.args
        lines.append((written(yes), rf"\text{{if }} {write(inner)[0]}"))
    lines.append((written(no), r"\text{else}"))
    rows = r" \\ ".join(f"{value} & {when}" for value, when in lines)
    return rf"\begin{{cases}} {rows} \end{{cases}}"
