# SPDX-License-Identifier: Apache-2.0
"""gemm_f32: C = act(alpha op(A) op(B) + beta C + bias).

The magnitude of an element is |alpha| sum |a b| + |beta c| + |bias|; the tolerance is relative to it, as the
rounding of a float32 sum is.
"""

from math import sqrt

from mpmath import erf, fsum, mpf
from mpmath import sqrt as root

from golden import F32, F64, Random, Tensor, VectorFile, f32, numbers

NOTES = {
    "Cancellation": {"bug": "sums whose terms cancel, where a test relative to the result tests nothing"},
    "NonFinite": {"bug": "beta = 0 must not read C, NaN in it included; infinities and NaN stay in their rows"},
    "TailLanes": {"bug": "rows, columns and sums that are no multiple of a tile"},
    "ZeroRow": {"bug": "a product of length 0 is 0, and beta C, bias and activation still apply"},
}


def transposed(x):
    return [list(row) for row in zip(*x)]


def gelu(v):
    if v in (mpf("inf"), mpf("-inf")):
        return v if v > 0 else mpf(0)
    return v * (1 + erf(v / root(2))) / 2


ACTIVATIONS = {"none": lambda v: v, "bias": lambda v: v, "bias_gelu": gelu,
               "bias_relu": lambda v: v if v != v else max(v, mpf(0))}


def sum_error(k):
    """8 u sqrt(k) for the sum and 2 u for the store, u = 2^-24, relative to the magnitude."""
    return (8 * sqrt(max(k, 1)) + 2) * 2.0 ** -24


def add(file, id, comment, a, b, c=None, bias=None, flags=(), trans_a=False, trans_b=False, alpha=1.0, beta=0.0,
        epilogue=None, defaults=False, factors=F32, error=sum_error, absolute=1e-37):
    """a and b are given as op(A) [m, k] and the transpose of op(B) [n, k], and stored as the case says, as factors.

    error gives the rounding error of a sum of k products relative to its magnitude.
    """
    m, n, k = len(a), len(b), len(a[0])
    rows, cols = numbers(a), numbers(b)
    previous = numbers(c) if beta != 0 else [[mpf(0)] * n for _ in range(m)]
    added = numbers(bias) if bias else [mpf(0)] * n
    act = ACTIVATIONS[epilogue or "none"]
    want, magnitude = [], []
    for i in range(m):
        want.append([])
        magnitude.append([])
        for j in range(n):
            terms = [x * y for x, y in zip(rows[i], cols[j])]
            total = mpf(alpha) * fsum(terms) + mpf(beta) * previous[i][j] + added[j]
            want[i].append(act(total))
            size = abs(mpf(alpha)) * fsum(abs(t) for t in terms) + abs(mpf(beta) * previous[i][j]) + abs(added[j])
            magnitude[i].append(size if abs(size) < mpf("inf") else mpf(0))
    inputs = {"a": factors(transposed(a) if trans_a else a), "b": factors(b if trans_b else transposed(b))}
    if c is not None:
        inputs["c"] = F32(c)
    if bias is not None:
        inputs["bias"] = F32(bias)
    params = {"trans_a": trans_a, "trans_b": trans_b, "alpha": alpha, "beta": beta}
    if defaults:
        params = {}
    if epilogue:
        params["epilogue"] = epilogue
    relative = error(k)
    if epilogue == "bias_gelu":
        # gelu has a slope of at most 1.13 and its own rounding.
        relative = 1.13 * relative + 1e-6
    file.case(id, comment, inputs, {"c": F64(want), "c.magnitude": Tensor("F32", magnitude)}, params=params, flags=flags,
              relative=relative, absolute=absolute)


LAYOUTS = {"nn": (False, False), "nt": (False, True), "tn": (True, False), "tt": (True, True)}


def main():
    draw = Random(301)
    inf, nan = float("inf"), float("nan")
    file = VectorFile("gemm_f32", "gemm_f32", NOTES)
    add(file, "by-hand", "[[1, 2], [3, 4]] times [[5, 6], [7, 8]] = [[19, 22], [43, 50]]", [[1.0, 2.0], [3.0, 4.0]],
        [[5.0, 7.0], [6.0, 8.0]], defaults=True)
    assert [float(v) for v in file.tensors["by-hand.c"].elements] == [19, 22, 43, 50]
    for name, (trans_a, trans_b) in LAYOUTS.items():
        add(file, "layout-" + name, "all factors and a bias", draw.normal(9, 7), draw.normal(11, 7),
            c=draw.normal(9, 11), bias=draw.normal(11), trans_a=trans_a, trans_b=trans_b, alpha=0.75, beta=-1.5,
            epilogue="bias")
    sizes = (((1, 1, 1), "nn"), ((1, 33, 7), "nn nt"), ((2, 31, 9), "nn nt tn"), ((3, 9, 33), "nt tn"),
             ((4, 17, 5), "nn nt tt"), ((5, 3, 33), "nt tn"), ((7, 16, 9), "nn tn"), ((8, 15, 16), "nn nt"),
             ((9, 7, 5), "nt tn tt"), ((12, 32, 4), "nn nt"), ((13, 33, 3), "nn tn"), ((13, 1, 33), "nn nt tn"),
             ((31, 2, 4), "nn nt tn"), ((11, 4, 15), "nn nt tn"), ((2, 65, 3), "nn nt"), ((1, 1, 257), "nn"))
    for (m, n, k), names in sizes:
        for name in names.split():
            trans_a, trans_b = LAYOUTS[name]
            add(file, "size-%d-%d-%d-%s" % (m, n, k, name), "an edge of every kind", draw.normal(m, k),
                draw.normal(n, k), trans_a=trans_a, trans_b=trans_b, flags=["TailLanes"])
    for name in ("nn", "tt"):
        trans_a, trans_b = LAYOUTS[name]
        add(file, "long-" + name, "a sum of several blocks", draw.normal(9, 259), draw.normal(3, 259),
            c=draw.normal(9, 3), trans_a=trans_a, trans_b=trans_b, beta=1.0, flags=["TailLanes"])
    add(file, "long-relu", "the activation comes after the last block only", draw.normal(9, 259),
        draw.normal(5, 259), c=draw.normal(9, 5), bias=draw.normal(5), beta=0.5, alpha=2.0, epilogue="bias_relu")
    left = draw.normal(10, 40, deviation=100.0)
    right = draw.normal(6, 20)
    add(file, "cancellation", "each term comes again with the other sign, and one small term remains",
        [row[:20] + [-v for v in row[:20]] + [f32(1e-3)] for row in left], [row + row + [1.0] for row in right],
        flags=["Cancellation"])
    for epilogue in ("bias", "bias_gelu", "bias_relu"):
        for m, n in ((2, 19), (13, 18)):
            add(file, "%s-%d" % (epilogue.replace("_", "-"), m), "sums around 0, tails in gelu",
                draw.normal(m, 11, deviation=0.7), draw.normal(n, 11), bias=draw.normal(n), epilogue=epilogue,
                trans_b=True, flags=["TailLanes"])
    add(file, "nan-in-c", "beta = 0: what was in C does not matter", draw.normal(5, 6), draw.normal(7, 6),
        c=[[nan] * 7 for _ in range(5)], flags=["NonFinite"])
    add(file, "nan-in-c-tiles", "the same with whole tiles and a bias", draw.normal(9, 6), draw.normal(33, 6),
        c=[[nan] * 33 for _ in range(9)], bias=draw.normal(33), epilogue="bias_relu", flags=["NonFinite"])
    marked = draw.normal(10, 5)
    marked[3][2] = inf
    marked[7][1] = nan
    add(file, "infinity-and-nan", "an infinity and a NaN in two rows of A", marked, draw.uniform(0.5, 2.0, 6, 5),
        flags=["NonFinite"])
    add(file, "no-sum", "k = 0 overwrites C with 0", [[] for _ in range(3)], [[] for _ in range(5)],
        c=draw.normal(3, 5), trans_b=True, flags=["ZeroRow"])
    add(file, "no-sum-beta", "k = 0: relu(beta C + bias)", [[] for _ in range(13)], [[] for _ in range(9)],
        c=draw.normal(13, 9), bias=draw.normal(9), beta=0.5, trans_b=True, epilogue="bias_relu", flags=["ZeroRow"])
    two_three = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    file.invalid("inner-sizes", "[2, 3] times [2, 3]", {"a": F32(two_three), "b": F32(two_three)}, "b: given",
                 params={"trans_b": False})
    file.invalid("bias-length", "a bias of 3 for 2 columns",
                 {"a": F32(two_three), "b": F32(two_three), "bias": F32([1.0, 2.0, 3.0])}, "bias",
                 params={"trans_b": True, "epilogue": "bias"})
    file.invalid("bias-missing", "an epilogue that needs a bias", {"a": F32(two_three), "b": F32(two_three)}, "bias",
                 params={"trans_b": True, "epilogue": "bias_gelu"})
    file.invalid("alpha", "an infinite factor", {"a": F32(two_three), "b": F32(two_three)}, "alpha",
                 params={"trans_b": True, "alpha": "Infinity"})
    file.write()


if __name__ == "__main__":
    main()
