# SPDX-License-Identifier: Apache-2.0
"""gelu: y = x P(x), grad_x = grad_y (P(x) + x p(x)), P(x) = (1 + erf(x / sqrt 2)) / 2; or with the tanh form
y = x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))."""

from mpmath import erfc, exp, mpf, pi, sqrt, tanh

from golden import F32, F64, Random, VectorFile, f32, numbers

NOTES = {
    "Cancellation": {"bug": "1 + erf(x) for negative x loses all digits of the small result"},
    "LargeLogits": {"bug": "x^3 or exp overflows, and infinity times 0 gives NaN"},
    "NegativeZero": {"bug": "0 and -0 must give 0, with slope 1/2"},
    "NonFinite": {"bug": "-infinity must give 0 and +infinity itself; NaN stays in its element"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
}
INF = float("inf")
NAN = float("nan")


def erf_form(x):
    p = erfc(-x / sqrt(mpf(2))) / 2
    return x * p, p + x * exp(-x * x / 2) / sqrt(2 * pi)


def tanh_form(x):
    scale, cubic = sqrt(2 / pi), mpf("0.044715")
    t = tanh(scale * (x + cubic * x ** 3))
    # 1 + t and 1 - t^2 at 50 digits lose all digits only where both are below 1e-40.
    return x / 2 * (1 + t), (1 + t) / 2 + x / 2 * (1 - t * t) * scale * (1 + 3 * cubic * x * x)


def element(form, x):
    if x != x:
        return NAN, NAN
    if x in (INF, -INF):
        return (INF, 1) if x > 0 else (0, 0)
    return form(x)


def add(file, id, comment, x, grad, approximate="none", flags=(), params=None):
    form = tanh_form if approximate == "tanh" else erf_form
    pairs = [[element(form, v) for v in row] for row in numbers(x)]
    gradients = [[g * pair[1] for g, pair in zip(row, line)] for row, line in zip(numbers(grad), pairs)]
    file.case(id, comment, {"x": F32(x), "grad_y": F32(grad)},
              {"y": F64([[pair[0] for pair in line] for line in pairs]), "grad_x": F64(gradients)},
              params={"approximate": approximate} if params is None else params, flags=flags,
              relative=1e-6, absolute=1e-7)


def main():
    # Values of the published definition: gelu(1) = 0.8413447..., and 0.8411920 in the tanh form.
    assert abs(erf_form(mpf(1))[0] - mpf("0.841344746068543")) < 1e-15
    assert abs(tanh_form(mpf(1))[0] - mpf("0.84119199")) < 1e-7
    draw = Random(211)
    file = VectorFile("gelu", "gelu", NOTES)
    add(file, "default", "the erf form is the default", draw.normal(2, 5), draw.normal(2, 5), params={})
    for form in ("none", "tanh"):
        for cols in (1, 3, 7, 15, 16, 17, 31, 33, 65, 257):
            add(file, "%s-cols-%d" % (form, cols), "a tail of every kind", draw.normal(2, cols, deviation=2.0),
                draw.normal(2, cols, deviation=0.5), form, ["TailLanes"])
        grid = [f32(v / 16) for v in range(-112, 113)]
        add(file, form + "-grid", "from -7 to 7", [grid], [[1.0] * len(grid)], form, ["Cancellation"])
        far = [f32(v) for v in (13.0, 14.5, 100.0, 1e6, 1e20, 3e38)]
        add(file, form + "-large", "far out", [far, [-v for v in far]], [[1.0] * 6] * 2, form, ["LargeLogits"])
        add(file, form + "-zero", "around 0", [[0.0, -0.0, f32(1e-30), f32(-1e-30), f32(1e-6), f32(-1e-6)]],
            [[1.0, 1.0, 2.0, 2.0, -1.0, -1.0]], form, ["NegativeZero"])
        add(file, form + "-non-finite", "infinities and NaN", [[INF, -INF, NAN, 1.0]], [[1.0] * 4], form,
            ["NonFinite"])
    file.invalid("empty", "no column", {"x": F32([[]])}, "empty")
    file.invalid("shape", "a gradient of another shape", {"x": F32(draw.normal(2, 3)), "grad_y": F32(draw.normal(2, 4))},
                 "shape [2, 3]")
    file.write()


if __name__ == "__main__":
    main()
