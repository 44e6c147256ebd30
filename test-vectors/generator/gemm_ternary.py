# SPDX-License-Identifier: Apache-2.0
"""gemm_ternary: y = x W^T scale + bias, weights of -1, 0 and 1; with i8_row the activations are quantized row by row.

i8_row: q = round(127 x / max|x|), half to even; acc = q W^T, exact integers; y = acc (max|x| / 127) scale + bias. The
quantizer is the symmetric one of fake_quant with 8 bits, a group a row and no clip. Integers compare exactly, so no
element of a random case lies within 1e-4 of a rounding boundary; ties have a factor that is a power of 2.
"""

from mpmath import fsum, isinf, isnan, mpf

from fake_quant import half_even, retry
from golden import F32, F64, I8, I32, Random, Tensor, VectorFile, f32

NOTES = {
    "AccumulatorLimit": {"bug": "sums of bytes over a long row leave 16 bits, also where planes are scaled by 64"},
    "AllZeroCodes": {"bug": "a row of weights 0 gives exactly the bias: codes minus sums must cancel exactly"},
    "Cancellation": {"bug": "terms that cancel: weights of 0 must add no rounding error of their own"},
    "Int8Extremes": {"bug": "codes of -127 and 127 throughout, with weights of both signs"},
    "NonFinite": {"bug": "a NaN or an infinity stays in its row; with i8_row its row is NaN and its sums are 0"},
    "PackOrder": {"bug": "a weight read from the wrong bits, byte or block"},
    "TailLanes": {"bug": "k around the 64 bytes and 256 columns of a block, and padding that adds to a sum"},
    "TieToEven": {"bug": "half to even, not half up or half away from zero"},
    "ZeroRow": {"bug": "a row of zeros has no scale: 127 / 0"},
}
NAN = mpf("nan")
LARGEST_F32 = mpf(2) ** 128 - mpf(2) ** 104


def quantized(row, ties):
    """Returns codes and step of a row; NaN as the step where there is no scale."""
    values = [mpf(v) for v in row]
    if any(isnan(v) or isinf(v) for v in values):
        return [0] * len(row), NAN
    top = max((abs(v) for v in values), default=mpf(0))
    none = top == 0 or 127 / top > LARGEST_F32
    codes = [0 if none else half_even(127 * v / top, ties) for v in values]
    return codes, top / 127


def stored(x, w, scale, bias):
    inputs = {"x": F32(x), "codes": I8(w), "scale": F32(scale)}
    return dict(inputs, bias=F32(bias)) if bias else inputs


def add(file, id, comment, x, w, scale, bias=None, i8=False, flags=(), ties=False, defaults=False, inputs=None):
    """x [m, k], w [n, k] of -1, 0 and 1, scale of 1 or n numbers; inputs are their tensors, if they are there."""
    n = len(w)
    scales = [mpf(s) for s in scale] * (n if len(scale) == 1 else 1)
    added = [mpf(b) for b in bias] if bias else [mpf(0)] * n
    y, magnitude, acc = [], [], []
    for row in x:
        if i8:
            codes, step = quantized(row, ties)
            sums = [sum(q * c for q, c in zip(codes, weights)) for weights in w]
            acc.append(sums)
            values = [mpf(s) * step for s in sums]
            sizes = [abs(v) for v in values]
        else:
            terms = [[mpf(v) * c for v, c in zip(row, weights) if c != 0] for weights in w]
            values = [fsum(t) for t in terms]
            sizes = [fsum(abs(v) for v in t) for t in terms]
        y.append([v * s + b for v, s, b in zip(values, scales, added)])
        sizes = [v * abs(s) + abs(b) for v, s, b in zip(sizes, scales, added)]
        magnitude.append([v if v < mpf("inf") else mpf(0) for v in sizes])
    expect = {"y": F64(y), "y.magnitude": Tensor("F32", magnitude)}
    if i8:
        expect["acc"] = I32(acc)
    roundings = 8 if i8 else len(x[0]) + 8
    params = {} if defaults else {"activations": "i8_row" if i8 else "f32"}
    file.case(id, comment, inputs or stored(x, w, scale, bias), expect, params=params, flags=flags,
              relative=roundings * 2.0 ** -24, absolute=1e-37)
    return y, acc


def both(file, id, comment, x, w, scale, bias=None, flags=(), ties=False):
    inputs = stored(x, w, scale, bias)
    # The integer case first: it is the one that may ask for other numbers.
    add(file, id + "-i8", comment, x, w, scale, bias, i8=True, flags=flags, ties=ties, inputs=inputs)
    add(file, id, comment, x, w, scale, bias, flags=flags, inputs=inputs)


def sizes(file, draw):
    ternary = lambda *shape: draw.integers(-1, 2, *shape)
    shapes = ((1, 1, 1), (1, 5, 3), (2, 3, 7), (3, 2, 15), (1, 4, 16), (2, 17, 17), (4, 3, 31), (5, 1, 33),
              (2, 3, 63), (1, 7, 64), (3, 5, 65), (2, 2, 127), (1, 3, 128), (2, 1, 129), (1, 3, 191), (3, 2, 193),
              (1, 2, 255), (2, 5, 256), (1, 3, 257), (2, 2, 319), (1, 33, 321), (1, 2, 511), (1, 3, 513), (9, 31, 2))
    for m, n, k in shapes:
        scales = draw.uniform(0.01, 1.0, n if n % 2 else 1)
        bias = draw.normal(n) if k % 2 else None
        for i8 in (False, True):
            name = "size-%d-%d-%d" % (m, n, k) + ("-i8" if i8 else "")
            retry(lambda: add(file, name, "an edge of every kind", draw.normal(m, k), ternary(n, k), scales, bias,
                              i8=i8, flags=["TailLanes"]))
    for name, count, bias in (("tensor", 1, False), ("row", 6, False), ("tensor-bias", 1, True), ("row-bias", 6, True)):
        for i8 in (False, True):
            retry(lambda: add(file, "scale-" + name + ("-i8" if i8 else ""), "one scale, or one for each row of W",
                              draw.normal(4, 70), ternary(6, 70), draw.uniform(-1.0, 1.0, count),
                              draw.normal(6) if bias else None, i8=i8))


def order(file):
    """Each column of x is seen by one row of W alone, and each weight by one row of x."""
    k = 600
    columns = (0, 1, 63, 64, 127, 128, 191, 192, 255, 256, 319, 383, 447, 511, 512, 575, 599)
    single = [[int(p == c) for p in range(k)] for c in columns]
    ramp = [[float(p % 127 + 1) for p in range(k)], [float((p * 37) % 127 - 63) for p in range(k - 1)] + [127.0]]
    both(file, "one-weight", "a row of W with one weight picks one column of x", ramp, single, [1.0],
         flags=["PackOrder"])
    both(file, "one-activation", "a row of x with one value picks one column of W",
         [[127.0 * (p == c) for p in range(k)] for c in columns[3::4]],
         [[(p * p + p // 64) % 3 - 1 for p in range(k)], [(p // 5) % 3 - 1 for p in range(k)]], [0.5],
         flags=["PackOrder"])
    both(file, "one-minus", "all weights 1 but one of -1", ramp,
         [[1 - 2 * (p == c) for p in range(k)] for c in columns[1::3]], [1.0], flags=["PackOrder"])


def edges(file, draw):
    ternary = lambda *shape: draw.integers(-1, 2, *shape)
    nan, inf = float("nan"), float("inf")
    ties = [127.0, 0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, -3.5, 126.5, -126.5, 125.5, -127.0, 0.0, -0.0]
    identity = [[int(i == j) for j in range(15)] for i in range(15)]
    for name, factor in (("1", 1.0), ("4", 0.25), ("2-to-minus-40", 2.0 ** 40)):
        y, acc = add(file, "ties-" + name, "a factor of exactly " + name, [[v * factor for v in ties]], identity,
                     [1.0], i8=True, flags=["TieToEven"], ties=True)
        assert acc == [[127, 0, 2, 2, 4, 0, -2, -2, -4, 126, -126, 126, -127, 0, 0]]
    zeros = [[0] * 70, [1] * 70, [0] * 70, [-1] * 70]
    retry(lambda: both(file, "zero-weights", "rows of W without a weight", draw.normal(3, 70, deviation=1000.0), zeros,
                       [f32(0.3)], flags=["AllZeroCodes"]))
    retry(lambda: both(file, "zero-weights-bias", "the same with a bias, which is left alone",
                       draw.normal(3, 70, deviation=1000.0), zeros, draw.normal(4), draw.normal(4),
                       flags=["AllZeroCodes"]))
    retry(lambda: both(file, "zero-row", "rows of zeros of both signs between others",
                       [draw.normal(20), [0.0] * 20, [-0.0] * 20, draw.normal(20)], ternary(5, 20), [0.5],
                       draw.normal(5), flags=["ZeroRow"]))
    add(file, "tiny-row-i8", "127 / top is infinite: codes of 0", [[2.0 ** -140, -2.0 ** -130, 0.0], [1.0, -0.25, 0.5]],
        [[1, 1, 1], [1, -1, 0]], [1.0], [0.5, -0.5], i8=True, flags=["ZeroRow"], ties=True)
    both(file, "no-sum", "k = 0 leaves the bias", [[] for _ in range(2)], [[] for _ in range(3)], [2.0],
         [1.0, -2.0, 0.5], flags=["ZeroRow"])
    signs = [[1] * 300, [-1] * 300, [1, -1] * 150, [-1, 1, 0] * 100]
    both(file, "extremes", "-127 and 127 throughout", [[127.0] * 300, [-127.0] * 300, [127.0, -127.0] * 150], signs,
         [0.125], flags=["Int8Extremes"])
    y, acc = add(file, "long-row-i8", "4,096 times 127, with and without weights", [[1.0] * 4096],
                 [[1] * 4096, [0] * 4096, [-1] * 4096], [1.0], i8=True, flags=["AccumulatorLimit", "Int8Extremes"])
    assert acc == [[127 * 4096, 0, -127 * 4096]]
    left = draw.normal(3, 90, deviation=100.0)
    add(file, "cancellation", "large activations with weights of 0, and pairs that cancel",
        [row + row + [f32(1e-3)] for row in left], [[1] * 90 + [-1] * 90 + [1], [0] * 180 + [1], [0] * 180 + [-1]],
        [f32(0.7)], flags=["Cancellation"])
    marked = [[1.0, 2.0, -3.0], [1.0, nan, 2.0], [inf, 1.0, 2.0], [-1.0, 0.5, 0.25], [1.0, -inf, nan]]
    add(file, "non-finite", "weights without 0: arithmetic decides", marked, [[1, -1, 1], [-1, 1, 1]], [0.5],
        flags=["NonFinite"])
    add(file, "non-finite-i8", "a row with NaN or infinity is NaN, its sums 0", marked, [[1, -1, 1], [0, 0, 0]], [0.5],
        [1.0, 2.0], i8=True, flags=["NonFinite"], ties=True)


def invalid(file):
    x, w, scale = F32([[1.0, 2.0, 3.0]]), I8([[1, 0, -1], [0, 1, 1]]), F32([0.5])
    good = {"x": x, "codes": w, "scale": scale}
    for value in (2, -2, 3, 127, -128):
        file.invalid("code-%d" % value, "a code that is no ternary weight",
                     dict(good, codes=I8([[1, 0, -1], [0, value, 1]])), "codes: given %d" % value)
    file.invalid("k", "three activations for two weights", dict(good, codes=I8([[1, 0], [0, 1]])), "weights: given")
    file.invalid("scale-length", "three scales for two rows", dict(good, scale=F32([1.0, 2.0, 3.0])), "scale: given")
    file.invalid("bias-length", "one bias for two rows", dict(good, bias=F32([1.0])), "bias: given",
                 params={"activations": "i8_row"})
    file.invalid("activations", "activations that no spec knows", good, "activations", params={"activations": "i4"})


def main():
    draw = Random(307)
    file = VectorFile("gemm_ternary", "gemm_ternary", NOTES)
    y, _ = add(file, "by-hand", "[1, 2, 3] times [1, 0, -1] and [0, 1, 1], halved", [[1.0, 2.0, 3.0]],
               [[1, 0, -1], [0, 1, 1]], [0.5], defaults=True)
    assert [float(v) for v in y[0]] == [-1.0, 2.5]
    y, acc = add(file, "by-hand-i8", "127, 64 and -32 are the codes of 1, 0.503 and -0.253",
                 [[1.0, f32(0.503), f32(-0.253)]], [[1, 1, 1], [1, -1, 0]], [2.0], i8=True)
    assert acc == [[159, 63]]
    sizes(file, draw)
    order(file)
    edges(file, draw)
    invalid(file)
    file.write()


if __name__ == "__main__":
    main()
