# SPDX-License-Identifier: Apache-2.0
"""gemm_i8: sums = A op(B) of signed bytes, exact integers; on request c = sums rowScale colScale + bias.

The sums are Python integers; the scaled ones are computed with 50 digits from float32 scales. The magnitude of a
scaled element is |sum rowScale colScale| + |bias|, its tolerance 8 roundings to float32 of it.
"""

from mpmath import mpf

from golden import F32, F64, I8, I32, Random, Tensor, VectorFile

NOTES = {
    "AccumulatorLimit": {"bug": "the longest sum of the largest products needs all bits of int32; 16 bits do not do"},
    "AllZeroCodes": {"bug": "operands of zeros, and the correction terms that unsigned arithmetic needs"},
    "Int8Extremes": {"bug": "-128 has no positive counterpart: absolute values, and instructions that saturate"},
    "NonFinite": {"bug": "scales that are NaN or infinite stay in their row or column"},
    "PackOrder": {"bug": "instructions take groups of four along k: groups out of step give other sums"},
    "TailLanes": {"bug": "rows, columns and sums that are no multiple of a tile, and a k that is none of 4"},
    "ZeroRow": {"bug": "a product of length 0 is 0, and the bias still applies"},
}


def transposed(x):
    return [list(row) for row in zip(*x)]


def products(a, b):
    return [[sum(x * y for x, y in zip(row, col)) for col in b] for row in a]


def add(file, id, comment, a, b, flags=(), trans_b=True, defaults=False):
    """a [m, k]; b is given as [n, k] and stored as the case says."""
    want = products(a, b)
    left = I8(a)
    # Equal operands are stored once.
    right = left if trans_b and a == b else I8(b if trans_b else transposed(b))
    file.case(id, comment, {"a": left, "b": right}, {"c": I32(want)}, params={} if defaults else {"trans_b": trans_b},
              flags=flags, relative=0.0, absolute=0.0)
    return want


def add_scaled(file, id, comment, a, b, row_scale, col_scale, bias=None, flags=(), trans_b=True):
    want, magnitude = [], []
    for scale, sums in zip(row_scale, products(a, b)):
        scaled = [s * mpf(scale) * mpf(other) for s, other in zip(sums, col_scale)]
        added = [mpf(v) for v in bias] if bias else [mpf(0)] * len(scaled)
        want.append([v + w for v, w in zip(scaled, added)])
        size = [abs(v) + abs(w) for v, w in zip(scaled, added)]
        magnitude.append([v if v < mpf("inf") else mpf(0) for v in size])
    inputs = {"a": I8(a), "b": I8(b if trans_b else transposed(b)), "row_scale": F32(row_scale),
              "col_scale": F32(col_scale)}
    if bias:
        inputs["bias"] = F32(bias)
    file.case(id, comment, inputs, {"c": F64(want), "c.magnitude": Tensor("F32", magnitude)},
              params={"trans_b": trans_b, "output": "f32"}, flags=flags, relative=8 * 2.0 ** -24, absolute=1e-37)


def main():
    draw = Random(306)
    full = lambda *shape: draw.integers(-128, 128, *shape)
    nan, inf = float("nan"), float("inf")
    file = VectorFile("gemm_i8", "gemm_i8", NOTES)
    want = add(file, "by-hand", "[[1, 2], [3, 4]] times [[5, 6], [7, 8]] = [[19, 22], [43, 50]]", [[1, 2], [3, 4]],
               [[5, 7], [6, 8]], trans_b=False, defaults=True)
    assert want == [[19, 22], [43, 50]]
    sizes = ((1, 1, 1), (1, 33, 7), (2, 31, 9), (3, 9, 33), (4, 17, 5), (5, 3, 63), (7, 16, 65), (8, 15, 16),
             (9, 7, 2), (12, 32, 4), (13, 33, 3), (13, 1, 31), (31, 2, 15), (11, 4, 17), (2, 65, 3), (1, 2, 257),
             (6, 47, 64), (3, 5, 255))
    for m, n, k in sizes:
        for trans_b in (False, True):
            add(file, "size-%d-%d-%d-%s" % (m, n, k, "nt" if trans_b else "nn"), "an edge of every kind", full(m, k),
                full(n, k), trans_b=trans_b, flags=["TailLanes"])
    ends = (-128, -127, -1, 0, 1, 126, 127)
    for trans_b in (False, True):
        name = "nt" if trans_b else "nn"
        add(file, "extremes-" + name, "every pair of extremes, in sums of five equal products",
            [[v] * 5 for v in ends], [[v] * 5 for v in ends], trans_b=trans_b, flags=["Int8Extremes"])
        add(file, "extremes-long-" + name, "-128 or 127 throughout, sums of pairs beyond 16 bits",
            [[-128] * 130, [127] * 130, [-128, 127] * 65], [[-128] * 130, [127] * 130, [127, -128] * 65],
            trans_b=trans_b, flags=["Int8Extremes", "AccumulatorLimit"])
        add(file, "order-of-k-" + name, "each exchange of two products changes the sum",
            [[(1, 3, 9, 27, 81)[p % 5] for p in range(23)], [(p * 37) % 101 - 50 for p in range(23)]],
            [[(p * q * 29) % 127 - 63 for p in range(23)] for q in range(1, 8)], trans_b=trans_b,
            flags=["PackOrder"])
        add(file, "zeros-" + name, "zeros against anything", [[0] * 9, [-128] * 9, [127] * 9],
            [[0] * 9, [-128] * 9, [0] * 9], trans_b=trans_b, flags=["AllZeroCodes", "Int8Extremes"])
    longest = [[-128] * 131071]
    want = add(file, "longest", "131,071 times (-128)^2 = 2^31 - 2^14", longest, longest,
               flags=["AccumulatorLimit", "Int8Extremes"])
    assert want == [[2 ** 31 - 2 ** 14]]
    add(file, "no-sum", "k = 0 gives sums of 0", [[] for _ in range(3)], [[] for _ in range(5)], flags=["ZeroRow"])
    for m, n, k in ((1, 1, 1), (3, 17, 9), (9, 5, 33), (2, 33, 130)):
        for trans_b in (False, True):
            name = "%d-%d-%d-%s" % (m, n, k, "nt" if trans_b else "nn")
            scales = draw.uniform(0.001, 0.1, m), draw.uniform(-0.1, 0.1, n)
            add_scaled(file, "scaled-" + name, "a scale of the row times one of the column", full(m, k), full(n, k),
                       *scales, trans_b=trans_b, flags=["TailLanes"])
            add_scaled(file, "biased-" + name, "the same with a bias of like size", full(m, k), full(n, k), *scales,
                       bias=draw.normal(n), trans_b=trans_b, flags=["TailLanes"])
    add_scaled(file, "scaled-wide", "scales far apart; one result falls to 0",
               [[-128] * 40, [127] * 40], [[-128] * 40, [1] * 40], [2.0 ** -100, 2.0 ** 40], [2.0 ** 50, 2.0 ** -70])
    add_scaled(file, "scales-not-finite", "a row of NaN, a column of infinities", [[1] * 3, [2] * 3, [3] * 3],
               [[1, 1, 1], [2, 2, 2], [-1, -1, -1]], [1.0, nan, 0.5], [0.5, 1.0, inf], bias=[1.0, 2.0, 3.0],
               flags=["NonFinite"])
    add_scaled(file, "no-sum-biased", "k = 0 leaves the bias", [[] for _ in range(2)], [[] for _ in range(3)],
               [1.0, 2.0], [3.0, 4.0, 5.0], bias=[-1.0, 0.5, 7.0], flags=["ZeroRow"])
    two_three = I8([[1, 2, 3], [4, 5, 6]])
    pair = {"a": two_three, "b": two_three}
    file.invalid("inner-sizes", "[2, 3] times [2, 3]", pair, "b: given", params={"trans_b": False})
    file.invalid("scale-missing", "a float output without its scales", pair, "row_scale",
                 params={"trans_b": True, "output": "f32"})
    file.invalid("scale-length", "three scales for two columns",
                 dict(pair, row_scale=F32([1.0, 2.0]), col_scale=F32([1.0, 2.0, 3.0])), "col_scale",
                 params={"trans_b": True, "output": "f32"})
    file.invalid("bias-unused", "integer sums have no bias", dict(pair, bias=F32([1.0, 2.0])), "bias",
                 params={"trans_b": True})
    file.write()


if __name__ == "__main__":
    main()
