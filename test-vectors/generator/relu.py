# SPDX-License-Identifier: Apache-2.0
"""relu: y = max(x, 0); grad_x = grad_y where x > 0, and 0 elsewhere."""

from golden import F32, F64, Random, VectorFile, f32

NOTES = {
    "NegativeZero": {"bug": "0 and -0 give 0 and pass no gradient"},
    "NonFinite": {"bug": "max(NaN, 0) must be NaN, not 0; a NaN input passes no gradient, a NaN gradient goes through"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
}


def add(file, id, comment, x, grad, flags=()):
    y = [[v if v > 0 or v != v else 0.0 for v in row] for row in x]
    grad_x = [[g if v > 0 else 0.0 for v, g in zip(row, line)] for row, line in zip(x, grad)]
    file.case(id, comment, {"x": F32(x), "grad_y": F32(grad)}, {"y": F64(y), "grad_x": F64(grad_x)},
              flags=flags, relative=0, absolute=0)


def main():
    draw = Random(221)
    inf, nan = float("inf"), float("nan")
    file = VectorFile("relu", "relu", NOTES)
    for cols in (1, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        add(file, "cols-%d" % cols, "a tail of every kind", draw.normal(3, cols), draw.normal(3, cols), ["TailLanes"])
    add(file, "zero", "around 0", [[0.0, -0.0, f32(1e-45), f32(-1e-45), f32(1e-38)]], [[1.0, 2.0, 3.0, 4.0, 5.0]],
        ["NegativeZero"])
    # The fifth input of each row is above 0, and what its gradient is goes through.
    add(file, "non-finite", "infinities and NaN", [[inf, -inf, nan, nan, 1.0] * 4], [[1.0, nan, nan, 1.0, nan] * 4],
        ["NonFinite"])
    file.invalid("empty", "no column", {"x": F32([[]])}, "empty")
    file.write()


if __name__ == "__main__":
    main()
