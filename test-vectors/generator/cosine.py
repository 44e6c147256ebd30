# SPDX-License-Identifier: Apache-2.0
"""cosine: 1 - c, 1 - c^2 and 2 (1 - c) with c = s.t / (|s| |t|).

Parameters: mode, normaliser. Inputs: student, teacher [rows, cols], row_weight [rows].
"""

from mpmath import fsum, sqrt

from golden import F32, F64, Random, VectorFile, exact, f32
from mse import NAN, add, add_options

NOTES = {
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "ZeroRow": {"bug": "a zero vector has cosine 0 and gradient 0, not NaN; so has a divisor of 0"},
    "EqualDistributions": {"bug": "equal rows must have loss 0 and no gradient but rounding"},
    "Cancellation": {"bug": "nearly parallel rows: the two terms of the gradient cancel"},
    "LargeLogits": {"bug": "squares of large or small floats leave the range of float32"},
    "NonFinite": {"bug": "NaN stays in its row; a row of weight 0 is not read"},
}

# Worked examples, s = z, t = u.
Z = [1.0, -0.5, 0.3, 2.0, -1.2]
U = [0.2, 0.1, -0.7, 1.5, 0.4]
GRAD = [0.0364094, -0.0629249, 0.1808597, -0.1731425, -0.1867961]
PRINTED = {
    "one_minus_cos": (0.4499410, GRAD),
    "one_minus_cos_squared": (0.6974351, [0.0400546, -0.0692249, 0.1989670, -0.1904772, -0.2054977]),
    "normalised_mse": (0.8998821, [2 * g for g in GRAD]),
}


def cosine_row(s, t, mode):
    """Loss and gradient of one row; None stands for a row that is not read."""
    if any(v != v or abs(v) == float("inf") for v in s + t):
        return None, [None] * len(s)
    s_norm, t_norm = sqrt(fsum(v * v for v in s)), sqrt(fsum(v * v for v in t))
    zero = s_norm == 0 or t_norm == 0
    c = exact(0) if zero else fsum(a * b for a, b in zip(s, t)) / (s_norm * t_norm)
    loss, multiple = {"one_minus_cos": (1 - c, 1), "one_minus_cos_squared": (1 - c * c, 2 * c),
                      "normalised_mse": (2 * (1 - c), 2)}[mode]
    if zero:
        return loss, [exact(0)] * len(s)
    return loss, [-multiple * (b / t_norm - c * a / s_norm) / s_norm for a, b in zip(s, t)]


def main():
    draw = Random(223)
    file = VectorFile("cosine", "cosine", NOTES)
    for mode, (printed, printed_grad) in PRINTED.items():
        row = lambda s, t, mode=mode: cosine_row(s, t, mode)
        name = mode.replace("_", "-")
        params = {"mode": mode}
        # The printed values hold for decimal inputs; the inputs stored are the nearest float32.
        loss, grad = row([exact(str(v)) for v in Z], [exact(str(v)) for v in U])
        assert abs(loss - printed) < 6e-8, (mode, loss)
        assert all(abs(a - b) < 1.2e-7 for a, b in zip(grad, printed_grad)), (mode, grad)
        add(file, "worked-" + name, "a worked example", row, [[f32(v) for v in Z]],
            [[f32(v) for v in U]], params)
        for cols in (1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 65, 257):
            add(file, "%s-cols-%d" % (name, cols), "a tail of every kind", row, draw.normal(2, cols),
                draw.normal(2, cols), params, flags=["TailLanes"])
        zero = [[0.0] * 5, draw.normal(5), [0.0, -0.0, 0.0, 0.0, 0.0], draw.normal(5)]
        other = [draw.normal(5), [0.0] * 5, [0.0] * 5, draw.normal(5)]
        add(file, name + "-zero", "a zero vector as student, as teacher, as both", row, zero, other, params,
            flags=["ZeroRow"])
        same = draw.normal(2, 19)
        add(file, name + "-equal", "equal, opposite and doubled rows", row, same + [same[0], same[1]],
            same + [[-v for v in same[0]], [2 * v for v in same[1]]], params, flags=["EqualDistributions"])
        near = draw.normal(2, 33)
        add(file, name + "-close", "nearly parallel rows", row, near,
            [[f32(3 * v * (1 + draw.integers(-9, 10) * 1e-5)) for v in r] for r in near], params,
            flags=["Cancellation"], absolute=1e-11)
        small = [[f32(v * 1e-30) for v in draw.normal(6)], [f32(v * 1e-15) for v in draw.normal(6)]]
        large = [[f32(v * 1e30) for v in draw.normal(6)], [f32(v * 1e15) for v in draw.normal(6)]]
        add(file, name + "-range", "squares below and above the range of float32", row, small + large, large + small,
            params, flags=["LargeLogits"])
        file.case(name + "-nan", "NaN in the second row",
                  {"student": F32([[3.0, 0.0], [NAN, 1.0]]), "teacher": F32([[0.0, 2.0], [1.0, 1.0]])},
                  {"loss": F64([NAN]), "row_loss": F64([cosine_row([exact(3), exact(0)], [exact(0), exact(2)], mode)[0], NAN]),
                   "grad_student": F64([cosine_row([exact(3), exact(0)], [exact(0), exact(2)], mode)[1], [NAN, NAN]])},
                  params=params, flags=["NonFinite"])
    add(file, "default-mode", "the mode left out", lambda s, t: cosine_row(s, t, "one_minus_cos"), draw.normal(2, 6),
        draw.normal(2, 6), {})
    squared = lambda s, t: cosine_row(s, t, "one_minus_cos_squared")
    add_options(file, squared, {"mode": "one_minus_cos_squared"}, draw)
    file.write()


if __name__ == "__main__":
    main()
