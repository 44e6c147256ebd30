# SPDX-License-Identifier: Apache-2.0
"""gemm_bf16: C = act(alpha op(A) op(B) + beta C + bias) with factors of type bfloat16 and sums in float32.

Formula, magnitude and storage are those of gemm_f32. The factors are bfloat16 numbers before anything is computed
from them; the tolerance is that of k roundings to float32.
"""

from functools import partial

import gemm_f32
from gemm_f32 import LAYOUTS
from golden import BF16, F32, Random, VectorFile, bf16

NOTES = {
    "AccumulatorLimit": {"bug": "sums kept in bfloat16, which stop growing at 256"},
    "Cancellation": {"bug": "sums whose terms cancel, where a test relative to the result tests nothing"},
    "NonFinite": {"bug": "beta = 0 must not read C, NaN in it included; infinities and NaN stay in their rows"},
    "PackOrder": {"bug": "instructions take pairs along k: rows of k exchanged or out of step give other sums"},
    "Subnormal": {"bug": "subnormal factors may count as 0, and must not become anything else"},
    "TailLanes": {"bug": "rows, columns and sums that are no multiple of a tile, and an odd k"},
    "ZeroRow": {"bug": "a product of length 0 is 0, and beta C, bias and activation still apply"},
}


def rounding(k):
    return (k + 8) * 2.0 ** -24


add = partial(gemm_f32.add, factors=BF16, error=rounding)


def rounded(values):
    if isinstance(values, (list, tuple)):
        return [rounded(value) for value in values]
    return bf16(values)


def main():
    random = Random(305)
    draw = lambda *shape, **options: rounded(random.normal(*shape, **options))
    inf, nan = float("inf"), float("nan")
    file = VectorFile("gemm_bf16", "gemm_bf16", NOTES)
    add(file, "by-hand", "[[1, 2], [3, 4]] times [[5, 6], [7, 8]] = [[19, 22], [43, 50]]", [[1.0, 2.0], [3.0, 4.0]],
        [[5.0, 7.0], [6.0, 8.0]], defaults=True)
    assert [float(v) for v in file.tensors["by-hand.c"].elements] == [19, 22, 43, 50]
    step = 2.0 ** -7
    add(file, "exact-product", "(1 + 2^-7)^2 = 1 + 2^-6 + 2^-14 is no bfloat16", [[1 + step]], [[1 + step]])
    for name, (trans_a, trans_b) in LAYOUTS.items():
        add(file, "layout-" + name, "all factors and a bias", draw(9, 7), draw(11, 7), c=random.normal(9, 11),
            bias=random.normal(11), trans_a=trans_a, trans_b=trans_b, alpha=0.75, beta=-1.5, epilogue="bias")
    sizes = (((1, 1, 1), "nn"), ((1, 33, 7), "nn nt"), ((2, 31, 9), "nn tn"), ((3, 9, 33), "nt tn"),
             ((4, 17, 5), "nt tt"), ((5, 3, 33), "nt tn"), ((7, 16, 9), "nn tn"), ((8, 15, 16), "nn nt"),
             ((9, 7, 5), "tt"), ((12, 32, 4), "nn nt"), ((13, 33, 3), "nn tn"), ((13, 1, 33), "nn nt"),
             ((31, 2, 4), "nn nt"), ((11, 4, 15), "nt tn"), ((2, 65, 3), "nn nt"), ((1, 2, 257), "nn nt"))
    for (m, n, k), names in sizes:
        for name in names.split():
            trans_a, trans_b = LAYOUTS[name]
            add(file, "size-%d-%d-%d-%s" % (m, n, k, name), "an edge of every kind", draw(m, k), draw(n, k),
                trans_a=trans_a, trans_b=trans_b, flags=["TailLanes"])
    for name, (trans_a, trans_b) in LAYOUTS.items():
        add(file, "order-of-k-" + name, "powers of 2: each exchange of two products changes the sum",
            [[2.0 ** (p % 5) for p in range(19)], [2.0 ** -(p % 7) for p in range(19)]],
            [[float(p * q % 13 - 6) for p in range(19)] for q in range(1, 6)], trans_a=trans_a, trans_b=trans_b,
            flags=["PackOrder"])
    for name in ("nt", "tn"):
        trans_a, trans_b = LAYOUTS[name]
        add(file, "long-" + name, "a sum of several blocks", draw(5, 601), draw(3, 601), c=random.normal(5, 3),
            trans_a=trans_a, trans_b=trans_b, beta=1.0, flags=["TailLanes"])
    add(file, "count-to-1001", "ones: 257 is no bfloat16, 1001 neither", [[1.0] * 1001], [[1.0] * 1001], trans_b=True,
        flags=["AccumulatorLimit"])
    left, right = draw(6, 20, deviation=100.0), draw(6, 20)
    add(file, "cancellation", "each term comes again with the other sign, and one small term remains",
        [row + [-v for v in row] + [bf16(2.0 ** -10)] for row in left], [row + row + [1.0] for row in right],
        flags=["Cancellation"])
    for epilogue in ("bias", "bias_gelu", "bias_relu"):
        for m, n in ((2, 19), (13, 18)):
            add(file, "%s-%d" % (epilogue.replace("_", "-"), m), "sums around 0, tails in gelu",
                draw(m, 11, deviation=0.7), draw(n, 11), bias=random.normal(n), epilogue=epilogue, trans_b=True,
                flags=["TailLanes"])
    tiny = 2.0 ** -133
    add(file, "subnormal", "subnormal factors among others add less than the sum's rounding, whether they count or not",
        [[1.5, tiny, -3.0, 5 * tiny, 0.25], [0.0, -7 * tiny, 1.0, tiny, -2.0]],
        [[2.0, 3.0, 0.5, -100.0, 1.0], [tiny, 1.0, 3 * tiny, 4.0, 8.0]], trans_b=True, flags=["Subnormal"],
        absolute=1e-34)
    add(file, "nan-in-c", "beta = 0: what was in C does not matter", draw(5, 6), draw(33, 6),
        c=[[nan] * 33 for _ in range(5)], bias=random.normal(33), epilogue="bias_relu", flags=["NonFinite"])
    marked = draw(10, 5)
    marked[3][2] = inf
    marked[7][1] = nan
    add(file, "infinity-and-nan", "an infinity and a NaN in two rows of A", marked,
        rounded(random.uniform(0.5, 2.0, 6, 5)), flags=["NonFinite"])
    add(file, "no-sum-beta", "k = 0: relu(beta C + bias)", [[] for _ in range(13)], [[] for _ in range(9)],
        c=random.normal(13, 9), bias=random.normal(9), beta=0.5, trans_b=True, epilogue="bias_relu", flags=["ZeroRow"])
    two_three = BF16([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    pair = {"a": two_three, "b": two_three}
    file.invalid("inner-sizes", "[2, 3] times [2, 3]", pair, "b: given", params={"trans_b": False})
    file.invalid("bias-length", "a bias of 3 for 2 columns", dict(pair, bias=F32([1.0, 2.0, 3.0])), "bias",
                 params={"trans_b": True, "epilogue": "bias"})
    file.invalid("bias-missing", "an epilogue that needs a bias", pair, "bias",
                 params={"trans_b": True, "epilogue": "bias_gelu"})
    file.invalid("bias-unused", "a bias that the epilogue does not add", dict(pair, bias=F32([1.0, 2.0])), "bias",
                 params={"trans_b": True})
    file.invalid("alpha", "an infinite factor", pair, "alpha", params={"trans_b": True, "alpha": "Infinity"})
    file.write()


if __name__ == "__main__":
    main()
