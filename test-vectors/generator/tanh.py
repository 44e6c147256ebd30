# SPDX-License-Identifier: Apache-2.0
"""tanh: y = tanh x; grad_x = grad_y (1 - tanh(x)^2) = grad_y / cosh(x)^2.

The magnitude of a gradient is 2 y^2 |grad_y|: one computed from a rounded y carries 2 y^2 times its relative error.
"""

from mpmath import cosh, expm1, mpf, tanh

from golden import F32, F64, Random, VectorFile, f32, numbers

NOTES = {
    "Cancellation": {"bug": "1 - 2 / (exp(2 x) + 1), or (e - 1) / (e + 1), near 0 loses all digits"},
    "LargeLogits": {"bug": "exp overflows, and infinity / infinity gives NaN; y above 1 makes the slope negative"},
    "NegativeZero": {"bug": "-0 gives -0, with slope 1; subnormal numbers give themselves"},
    "NonFinite": {"bug": "+-infinity must give +-1 with slope 0; NaN stays in its element"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
}
INF = float("inf")
NAN = float("nan")
# Beyond this |x| the slope is below the smallest binary64; cosh^2 of 3e38 would be out of reach.
FAR = 1000


def element(x):
    """Value and slope."""
    if x != x:
        return NAN, NAN
    if x in (INF, -INF) or abs(x) > FAR:
        return (1 if x > 0 else -1), 0
    return tanh(x), 1 / cosh(x) ** 2


def add(file, id, comment, x, grad, flags=()):
    pairs = [[element(v) for v in row] for row in numbers(x)]
    rows = list(zip(numbers(grad), pairs))
    gradients = [[g * slope for g, (_, slope) in zip(row, line)] for row, line in rows]
    sizes = [[2 * y * y * abs(g) if y == y and g == g else 0 for g, (y, _) in zip(row, line)] for row, line in rows]
    file.case(id, comment, {"x": F32(x), "grad_y": F32(grad)},
              {"y": F64([[y for y, _ in line] for line in pairs]), "grad_x": F64(gradients),
               "grad_x.magnitude": F64(sizes)}, flags=flags, relative=1e-6, absolute=0)


def main():
    # tanh(1), and the form by expm1, another way to the same number.
    assert abs(element(mpf(1))[0] - mpf("0.76159415595576488811945828260479")) < 1e-31
    assert abs(element(mpf("1e-9"))[0] - expm1(mpf("2e-9")) / (expm1(mpf("2e-9")) + 2)) < 1e-45
    draw = Random(231)
    file = VectorFile("tanh", "tanh", NOTES)
    for cols in (1, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        add(file, "cols-%d" % cols, "a tail of every kind", draw.normal(3, cols, deviation=2.0),
            draw.normal(3, cols, deviation=0.5), ["TailLanes"])
    grid = [f32(v / 16) for v in range(-160, 161)]
    add(file, "grid", "from -10 to 10", [grid], [[1.0] * len(grid)])
    near = [f32(s * 1.37 * 10.0 ** -e) for e in range(0, 38) for s in (1, -1)]
    add(file, "small", "every decade from 1 to 1e-37", [near], [[1.0] * len(near)], ["Cancellation"])
    edges = [f32(0.625 + k * 2.0 ** -24) for k in (-2, -1, 0, 1, 2)]
    add(file, "seam", "around 0.625, where many implementations change the formula", [edges, [-v for v in edges]],
        [[1.0] * 5, [-2.0] * 5])
    far = [f32(v) for v in (8.9, 9.1, 10.0, 20.0, 44.5, 89.0, 1e4, 3e38)]
    add(file, "large", "far out", [far, [-v for v in far]], [[1.0] * 8] * 2, ["LargeLogits"])
    add(file, "zero", "around 0", [[0.0, -0.0, f32(1e-45), f32(-1e-45), f32(1e-38), f32(-1e-38)]],
        [[1.0, 1.0, 2.0, 2.0, -1.0, -1.0]], ["NegativeZero"])
    add(file, "non-finite", "infinities and NaN", [[INF, -INF, NAN, 1.0, 0.5] * 4],
        [[1.0, 1.0, 1.0, NAN, 1.0] * 4], ["NonFinite"])
    file.invalid("empty", "no column", {"x": F32([[]])}, "empty")
    file.invalid("shape", "a gradient of another shape", {"x": F32(draw.normal(2, 3)), "grad_y": F32(draw.normal(2, 4))},
                 "shape [2, 3]")
    file.write()


if __name__ == "__main__":
    main()
