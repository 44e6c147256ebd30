# SPDX-License-Identifier: Apache-2.0
"""mse: row loss = sum_j (f(s_j) - f(t_j))^2 / cols, f(x) = 0 at or below the floor (TernaryBERT, arXiv 2009.12812).

Parameters: normaliser, floor (absent: none). Inputs: student, teacher [rows, cols], row_weight [rows].
"""

from mpmath import fsum

from golden import F32, F64, Random, VectorFile, exact, f32, numbers

NOTES = {
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "AllMasked": {"bug": "a row whose scores are all at the floor has loss 0 and gradient 0, not a mean over nothing"},
    "EqualDistributions": {"bug": "equal rows must have loss and gradient exactly 0"},
    "Cancellation": {"bug": "s^2 - 2 s t + t^2 loses everything where s and t are large and close"},
    "NegativeZero": {"bug": "-0 and 0 are equal, also at a floor of 0"},
    "NonFinite": {"bug": "NaN stays in its row; -infinity at or below a floor counts as 0; a row of weight 0 is not read"},
    "ZeroRow": {"bug": "a divisor of 0 gives loss and gradient 0, not NaN"},
}

NAN = float("nan")
INF = float("inf")


def reduce_rows(row_losses, row_grads, weights, normaliser):
    """Returns row losses (0 where the weight is 0), loss and gradients after weights and normaliser."""
    rows = len(row_losses)
    weights = [1] * rows if weights is None else [exact(w) for w in weights]
    divisor = {"sum": 1, "mean_rows": rows, "mean_weights": fsum(weights)}.get(normaliser, normaliser)
    row_losses = [l if w else exact(0) for l, w in zip(row_losses, weights)]
    if divisor == 0:
        return row_losses, exact(0), [[exact(0)] * len(g) for g in row_grads]
    divisor = exact(divisor)
    loss = fsum(l * w for l, w in zip(row_losses, weights)) / divisor
    grads = [[v * w / divisor if w else exact(0) for v in g] for g, w in zip(row_grads, weights)]
    return row_losses, loss, grads


def mse_row(s, t, floor):
    floored = lambda x: exact(0) if floor is not None and x <= floor else x
    n = len(s)
    d = [floored(a) - floored(b) for a, b in zip(s, t)]
    grad = [exact(0) if floor is not None and a <= floor else 2 * x / n for a, x in zip(s, d)]
    return fsum(x * x for x in d) / n, grad


def add(file, id, comment, row, student, teacher, params, weights=None, flags=(), relative=2e-6, absolute=1e-7):
    """Adds a case of a loss between rows; row(s, t) gives loss and gradient. Returns loss and gradients."""
    pairs = [row(s, t) for s, t in zip(numbers(student), numbers(teacher))]
    row_loss, loss, grads = reduce_rows([p[0] for p in pairs], [p[1] for p in pairs], weights,
                                        params.get("normaliser", "sum"))
    inputs = {"student": F32(student), "teacher": F32(teacher)}
    if weights is not None:
        inputs["row_weight"] = F32(weights)
    file.case(id, comment, inputs, {"loss": F64([loss]), "row_loss": F64(row_loss), "grad_student": F64(grads)},
              params=params, flags=flags, relative=relative, absolute=absolute)
    return loss, grads


def add_options(file, row, params, draw):
    """Adds the cases on weights, normalisers and refusals that losses between rows share."""
    weights = [0.5, 0.0, 2.0, 1.25]
    for normaliser in ("sum", "mean_rows", "mean_weights", 7.5):
        name = str(normaliser).replace("_", "-").replace(".", "-")
        student, teacher = draw.normal(4, 9), draw.normal(4, 9)
        add(file, "weights-" + name, "row weights, one of them 0, divided by " + name, row, student, teacher,
            dict(params, normaliser=normaliser), weights)
        add(file, "rows-" + name, "no row weights, divided by " + name, row, student, teacher,
            dict(params, normaliser=normaliser))
    student, teacher = draw.normal(3, 4), draw.normal(3, 4)
    student[1], teacher[1] = [NAN, INF, -INF, 1.0], [NAN, 1.0, -INF, INF]
    add(file, "unread-row", "a row of weight 0 holds NaN and infinities", row, student, teacher, params,
        [1.0, 0.0, 3.0], flags=["NonFinite"])
    for normaliser, given in (("mean_weights", [0.0, 0.0]), (0, None)):
        add(file, "divisor-0-%s" % str(normaliser).replace("_", "-"), "the divisor is 0", row, draw.normal(2, 5),
            draw.normal(2, 5), dict(params, normaliser=normaliser), given, flags=["ZeroRow"])
    inputs = {"student": F32(draw.normal(2, 3)), "teacher": F32(draw.normal(2, 3))}
    file.invalid("weight-negative", "a negative row weight", dict(inputs, row_weight=F32([1.0, -1.0])), "row",
                 params=params)
    file.invalid("weight-nan", "a row weight of NaN", dict(inputs, row_weight=F32([1.0, NAN])), "row", params=params)
    file.invalid("normaliser-negative", "a negative divisor", inputs, "normaliser", params=dict(params, normaliser=-1))
    file.invalid("shape", "a teacher of another shape", dict(inputs, teacher=F32(draw.normal(2, 4))), "teacher",
                 params=params)
    file.invalid("empty", "no column", {"student": F32([[]]), "teacher": F32([[]])}, "empty", params=params)


def main():
    draw = Random(211)
    file = VectorFile("mse", "mse", NOTES)
    plain = lambda s, t: mse_row(s, t, None)
    floored = lambda s, t: mse_row(s, t, -100)

    masked = -10000.0
    student = [[1.0, 0.0, masked], [0.5, -0.5, masked], [2.0, 1.0, masked]]
    teacher = [[0.0, 1.0, masked], [0.0, 0.0, masked], [0.0, 3.0, masked]]
    loss, _ = add(file, "paper-scores", "score loss with masked entries, a worked example", floored, student, teacher,
                  {"normaliser": "mean_rows", "floor": -100.0})
    assert abs(loss - exact("1.1666667")) < exact("5e-8"), loss
    assert loss * 9 == exact("10.5")

    for cols in (1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 65, 257):
        add(file, "cols-%d" % cols, "a tail of every kind", plain, draw.normal(2, cols), draw.normal(2, cols), {},
            flags=["TailLanes"])
        scores = draw.normal(4, cols, deviation=3.0)
        for row in scores:
            for c in range(cols):
                if draw.integers(0, 3) == 0:
                    row[c] = masked
        add(file, "floor-cols-%d" % cols, "masked scores at random places", floored, scores[:2], scores[2:],
            {"floor": -100.0}, flags=["TailLanes"])
    add(file, "at-the-floor", "values at, just above and just below the floor, on either side", floored,
        [[-100.0, f32(-99.99999), f32(-100.00001), 1.0, -100.0]], [[3.0, 2.0, 1.0, -100.0, -200.0]],
        {"floor": -100.0})
    add(file, "all-at-the-floor", "every score masked in one row", floored, [[masked] * 5, [1.0] * 5],
        [[masked] * 5, [masked] * 5], {"floor": -100.0}, flags=["AllMasked"])
    add(file, "floor-0", "a floor of 0 takes 0 and -0", lambda s, t: mse_row(s, t, 0), [[0.0, -0.0, 1.0, -1.0]],
        [[1.0, 2.0, 0.0, -0.0]], {"floor": 0.0}, flags=["NegativeZero"])
    add(file, "negative-zero", "0 against -0", plain, [[0.0, -0.0, 0.0]], [[-0.0, 0.0, 0.0]], {},
        flags=["NegativeZero", "EqualDistributions"])
    same = draw.normal(3, 21)
    add(file, "equal", "student and teacher equal", plain, same, same, {}, flags=["EqualDistributions"],
        relative=0, absolute=1e-300)
    near = [[f32(1000 + v) for v in row] for row in draw.normal(2, 33)]
    add(file, "close", "large values that differ in the last bits", plain, near,
        [[f32(v + draw.integers(-3, 4) * 2.0**-13) for v in row] for row in near], {}, flags=["Cancellation"],
        absolute=1e-14)
    add(file, "range", "values of 1e18 and 1e-18", plain, [[f32(1e18), f32(1e-18), f32(-1e18)]],
        [[f32(-1e18), f32(-1e-18), 0.0]], {})
    add(file, "infinity-floor", "-infinity is below any floor", floored, [[-INF, 1.0, -INF]], [[-INF, 0.0, 2.0]],
        {"floor": -100.0}, flags=["NonFinite"])
    add_nan_rows(file)
    add_options(file, plain, {}, draw)
    file.invalid("floor-nan", "a floor of NaN", {"student": F32([[1.0]]), "teacher": F32([[2.0]])}, "floor",
                 params={"floor": "NaN"})
    file.write()


def add_nan_rows(file):
    """NaN in row 1 only: its loss and the total are NaN, and of the gradient the one element."""
    for name, params, weights in (("nan-row", {}, None), ("nan-row-floor", {"floor": -100.0}, [1.0, 1.0, 2.0])):
        inputs = {"student": F32([[1.0, 2.0], [NAN, 4.0], [5.0, 6.0]]), "teacher": F32([[0.0, 1.0]] * 3)}
        third = [5.0, 5.0]
        if weights:
            inputs["row_weight"] = F32(weights)
            third = [10.0, 10.0]
        file.case(name, "NaN in the second row", inputs,
                  {"loss": F64([NAN]), "row_loss": F64([1.0, NAN, 25.0]),
                   "grad_student": F64([[1.0, 1.0], [NAN, 3.0], third])}, params=params, flags=["NonFinite"])


if __name__ == "__main__":
    main()
