# SPDX-License-Identifier: Apache-2.0
"""fake_quant: the quantizers of quantization-aware distillation, TWN, symmetric, min-max, LSQ, four levels without zero, sign.

Codes are compared exactly, so the generator asserts that no element of a random case lies within 1e-4 of a rounding
boundary; boundaries are tested by cases whose statistics are exact in float32.
"""

from mpmath import floor, fsum, inf, isinf, isnan, mpf, sqrt

from golden import F32, F64, I8, U8, Random, VectorFile, exact, f32

NOTES = {
    "AllZeroCodes": {"bug": "an empty kept set or a step of which all codes are 0 must not divide by zero"},
    "NegativeZero": {"bug": "sign of -0 is +1, and the tie at 0 of the four levels goes up"},
    "NonFinite": {"bug": "NaN spreads to its own group only; infinities are clipped where there is a clip"},
    "Saturate": {"bug": "values beyond the clip or the range take the outermost code and pass no gradient"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "TernaryThreshold": {"bug": "an element exactly at the threshold is not kept: strict >"},
    "TieToEven": {"bug": "half to even, not half up or half away from zero"},
    "ZeroRow": {"bug": "a group of zeros has no scale: 0 / 0"},
}
NAN = mpf("nan")
SIGNED = ("ternary_twn", "uniform_symmetric", "lsq", "sign")


class Near(Exception):
    """An element too close to a rounding boundary."""


def half_even(v, ties):
    low = floor(v)
    part = v - low
    if not ties and abs(part - mpf("0.5")) < mpf("1e-4"):
        raise Near(v)
    if part == mpf("0.5"):
        return int(low) if int(low) % 2 == 0 else int(low) + 1
    return int(floor(v + mpf("0.5")))


def clipped(v, clip):
    return v if isnan(v) else max(-clip, min(clip, v))


def mean(values):
    return fsum(values) / len(values)


def away(v, boundary, ties):
    if not ties and boundary != 0 and abs(abs(v) - boundary) < mpf("1e-4") * boundary:
        raise Near(v)


def quantize(scheme, bits, group, clip, step, ties):
    """Returns values, codes, scale, zero, the magnitude of rounding of each value, and the bound of the gradient."""
    if any(isnan(v) for v in group):
        return [NAN] * len(group), [0] * len(group), NAN, NAN, [0] * len(group), mpf(0)
    xs = [clipped(v, clip) for v in group]
    qp, levels = 2 ** (bits - 1) - 1, 2 ** bits - 1
    zeros = all(v == 0 for v in xs)
    if scheme == "ternary_twn":
        threshold = mpf(7) * fsum(abs(v) for v in xs) / (10 * len(xs))
        for v in xs:
            away(v, threshold, ties)
        kept = [abs(v) for v in xs if abs(v) > threshold]
        alpha = mean(kept) if kept else mpf(0)
        codes = [1 if v > threshold else -1 if v < -threshold else 0 for v in xs]
        values = [c * alpha for c in codes]
        return values, codes, alpha, None, [abs(v) for v in values], inf
    if scheme == "uniform_symmetric":
        top = max(abs(v) for v in xs)
        codes = [0 if zeros else half_even(v * qp / top, ties) for v in xs]
        values = [c * top / qp for c in codes]
        return values, codes, top / qp, None, [abs(v) for v in values], inf
    if scheme == "uniform_minmax":
        low = min(xs)
        span = max(xs) - low + exact(f32(1e-8))
        codes = [half_even((v - low) / span * levels, ties) for v in xs]
        values = [mpf(c) / levels * span + low for c in codes]
        scale = mpf(0) if zeros else span / levels
        # Differences of float32 numbers are rounded to the larger one's precision.
        return values, codes, scale, low, [abs(low) + span for _ in xs], inf
    if scheme == "lsq":
        codes = [half_even(max(mpf(-qp - 1), min(mpf(qp), v / step)), ties) for v in xs]
        values = [c * step for c in codes]
        return values, codes, step, None, [abs(v) for v in values], inf
    if scheme == "midrise2":
        c = 2 * mean([abs(v) for v in xs])
        for v in xs:
            away(v, 2 * c / 3, ties)
        # round(3 (v / c + 1) / 2), half to even; at 0 that is 1.5, which goes up to 2.
        codes = [2 if zeros else half_even(3 * (max(mpf(-1), min(mpf(1), v / c)) + 1) / 2, True) for v in xs]
        values = [(2 * mpf(code) / 3 - 1) * c for code in codes]
        return values, codes, c, None, [abs(v) for v in values], c
    alpha = mean([abs(v) for v in xs])
    codes = [-1 if v < 0 else 1 for v in xs]
    return [code * alpha for code in codes], codes, alpha, None, [alpha] * len(xs), inf


def blocks(rows, cols, height, width):
    for top in range(0, rows, height):
        for left in range(0, cols, width):
            yield [(r, c) for r in range(top, top + height) for c in range(left, left + width)]


def compute(scheme, x, grad, bits, granularity, clip, ste, step, ties):
    rows, cols = len(x), len(x[0])
    if granularity == "tensor":
        height, width = rows, cols
    elif granularity == "row":
        height, width = 1, cols
    else:
        height, width = granularity
    grid = lambda: [[None] * cols for _ in range(rows)]
    y, codes, size, grad_x, scales, zeros = grid(), grid(), grid(), grid(), [], []
    slopes, qp = [], 2 ** (bits - 1) - 1
    for block in blocks(rows, cols, height, width):
        group = [exact(x[r][c]) for r, c in block]
        values, group_codes, scale, zero, sizes, bound = quantize(scheme, bits, group, clip, step, ties)
        scales.append(scale)
        zeros.append(zero)
        for (r, c), v, value, code, s in zip(block, group, values, group_codes, sizes):
            y[r][c], codes[r][c], size[r][c] = value, code, s
            if grad is None:
                continue
            g = exact(grad[r][c])
            if scheme == "lsq":
                inside = -qp - 1 <= v / step <= qp
                slopes.append(g * (code - v / step if inside else code))
            elif scheme == "midrise2":
                inside = abs(v) < min(clip, bound)
            else:
                inside = isinf(clip) or abs(v) < clip
            grad_x[r][c] = g if inside or ste == "plain" else mpf(0)
    return y, codes, size, scales, zeros, grad_x, slopes, qp


def add(file, id, comment, scheme, x, grad=None, bits=8, granularity="tensor", clip=None, ste=None, step=None,
        flags=(), ties=False):
    params = {"scheme": scheme}
    if bits != 8:
        params["bits"] = bits
    if granularity in ("tensor", "row"):
        params["granularity"] = granularity
    else:
        params.update(granularity="head", group_rows=granularity[0], group_cols=granularity[1])
    if clip is not None:
        params["clip"] = clip
    if ste is not None:
        params["ste"] = ste
    limit = inf if clip is None else exact(f32(clip))
    exact_step = None if step is None else exact(step)
    y, codes, size, scales, zeros, grad_x, slopes, qp = compute(
        scheme, x, grad, bits, granularity, limit, ste, exact_step, ties)
    inputs = {"x": F32(x)}
    expect = {"y": F64(y), "codes": (I8 if scheme in SIGNED else U8)(codes), "scale": F64(scales)}
    if scheme == "uniform_minmax":
        expect["y.magnitude"] = F64(size)
        expect["zero"] = F64(zeros)
    if step is not None:
        inputs["step"] = F32([step])
    if grad is not None:
        inputs["grad_y"] = F32(grad)
        # Exactly a gradient or 0.
        expect["grad_x"] = F32([[float(g) for g in row] for row in grad_x])
        if scheme == "lsq":
            factor = 1 / sqrt(mpf(len(x) * len(x[0]) * qp))
            expect["grad_step"] = F64([factor * fsum(slopes)])
            # x / step is rounded to float32, so a slope errs by up to 2^-24 times the range of codes.
            expect["grad_step.magnitude"] = F64([factor * fsum(abs(exact(g)) * (qp + 1) for row in grad for g in row)])
    file.case(id, comment, inputs, expect, params=params, flags=flags, relative=2.4e-7, absolute=1e-37)
    return y, codes, scales


def printed(got, want, digits):
    """Asserts that a value equals one printed with a number of digits after the point."""
    assert abs(got - mpf(want)) <= mpf(10) ** -digits / 2 + mpf("1e-8"), (got, want)


def from_the_specification(file, draw):
    """Worked examples of the quantizers."""
    weights = [[f32(v) for v in row] for row in ((0.10, -0.50, 0.30), (0.05, -0.02, 0.90))]
    grad = draw.normal(2, 3)
    y, codes, scales = add(file, "spec-1", "TWN per tensor", "ternary_twn", weights, grad, clip=2.5)
    printed(scales[0], "0.5666667", 7)
    assert codes == [[0, -1, 1], [0, 0, 1]]
    _, codes, scales = add(file, "spec-2", "TWN per row", "ternary_twn", weights, grad, granularity="row", clip=2.5)
    printed(scales[0], "0.4", 7)
    printed(scales[1], "0.9", 7)
    assert codes == [[0, -1, 1], [0, 0, 1]]
    x = [[f32(v) for v in (-3, -1, 0.004, 0.5, 2.4)]]
    y, codes, scales = add(file, "spec-3", "symmetric, 8 bit", "uniform_symmetric", x, draw.normal(1, 5), clip=2.5,
                           flags=["Saturate"])
    printed(1 / scales[0], "50.8", 7)
    assert codes == [[-127, -51, 0, 25, 122]]
    for got, want in zip(y[0], ("-2.5", "-1.003937", "0", "0.4921260", "2.4015748")):
        printed(got, want, 6 if want == "-1.003937" else 7)
    y, codes, scales = add(file, "spec-4", "min-max, 8 bit", "uniform_minmax", x, draw.normal(1, 5), clip=2.5,
                           flags=["Saturate"])
    printed(scales[0] * 255, "4.9", 6)
    assert codes == [[0, 78, 130, 156, 255]]
    for got, want in zip(y[0], ("-2.5", "-1.0011765", "-0.0019608", "0.4976471", "2.4")):
        assert abs(got - mpf(want)) < mpf("2e-7"), (got, want)
    y, codes, _ = add(file, "spec-10", "four levels at c = 1", "midrise2", [[-0.875, -0.125, 0.125, 0.875]],
                      draw.normal(1, 4), bits=2)
    assert codes == [[0, 1, 2, 3]]
    for got, want in zip(y[0], (-1, -mpf(1) / 3, mpf(1) / 3, 1)):
        assert abs(got - want) < mpf("1e-40"), got


def retry(make):
    """Adds a random case, with new numbers where an element is too close to a boundary."""
    for _ in range(50):
        try:
            return make()
        except Near:
            continue
    raise AssertionError("no numbers away from the boundaries")


def random_cases(file, draw):
    schemes = ("ternary_twn", "uniform_symmetric", "uniform_minmax", "midrise2", "sign")
    for cols in (1, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        rows = 2 if cols < 65 else 1
        flags = ["TailLanes"]
        grain = "tensor" if cols < 16 else "row"
        for scheme in schemes if cols in (1, 7, 17, 33, 65) else schemes[:2]:
            retry(lambda: add(file, "%s-cols-%d" % (scheme, cols), "a tail of every kind", scheme,
                              draw.normal(rows, cols), draw.normal(rows, cols), granularity=grain, clip=2.5,
                              flags=flags, bits=8 if cols % 2 else 4))
        if cols < 65:
            retry(lambda: add(file, "lsq-cols-%d" % cols, "a tail of every kind", "lsq", draw.normal(rows, cols),
                              draw.normal(rows, cols), bits=4, step=f32(0.2), flags=["TailLanes", "Saturate"]))
    for scheme in schemes:
        for grain in ("tensor", "row", (2, 3)):
            name = grain if isinstance(grain, str) else "head"
            retry(lambda: add(file, "%s-%s" % (scheme, name), "groups of all kinds, without a clip, gradient plain",
                              scheme, draw.normal(4, 6, deviation=2.0), draw.normal(4, 6), granularity=grain,
                              ste="plain"))
    for bits in range(2, 9):
        for scheme in ("uniform_symmetric", "uniform_minmax"):
            retry(lambda: add(file, "%s-bits-%d" % (scheme, bits), "all bit widths", scheme, draw.normal(3, 5),
                              draw.normal(3, 5), bits=bits, clip=1.5, flags=["Saturate"]))
        retry(lambda: add(file, "lsq-bits-%d" % bits, "all bit widths", "lsq", draw.normal(3, 5), draw.normal(3, 5),
                          bits=bits, step=f32(2.0 / 2 ** bits), flags=["Saturate"]))
    retry(lambda: add(file, "lsq-plain", "the gradient passes beyond the range too", "lsq", draw.normal(3, 5),
                      draw.normal(3, 5), bits=2, step=0.5, ste="plain", flags=["Saturate"]))
    retry(lambda: add(file, "midrise2-clip", "a clip below the outer boundary", "midrise2",
                      [[1.0, -1.0, 0.25, 3.0, -2.0, 0.5]], draw.normal(1, 6), clip=1.0, flags=["Saturate"], ties=True))


def boundaries(file, draw):
    add(file, "twn-threshold", "0.7 times the mean of 7, 10, 13 is exactly 7", "ternary_twn",
        [[7.0, -10.0, 13.0]], draw.normal(1, 3), flags=["TernaryThreshold"], ties=True)
    add(file, "twn-threshold-negative", "the same on the negative side", "ternary_twn",
        [[-7.0, 10.0, -13.0], [7.0, -10.0, 13.0]], draw.normal(2, 3), flags=["TernaryThreshold"], ties=True)
    add(file, "twn-clip", "values at the clip pass no gradient", "ternary_twn",
        [[2.5, -2.5, 1.0, -1.0, 4.0, -4.0, 0.125, f32(2.4999998)]], draw.normal(1, 8), clip=2.5, flags=["Saturate"])
    ties = [127.0, 0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, -3.5, 126.5, -126.5, 125.5, -127.0, 0.0]
    add(file, "symmetric-ties", "a factor of exactly 1", "uniform_symmetric", [ties], draw.normal(1, 14),
        flags=["TieToEven"], ties=True)
    add(file, "symmetric-ties-clip", "a factor of exactly 2 by the clip", "uniform_symmetric",
        [[v / 2 for v in ties[:-2]] + [100.0, -100.0]], draw.normal(1, 14), clip=63.5, flags=["TieToEven", "Saturate"],
        ties=True)
    add(file, "symmetric-ties-4", "4 bits, a factor of exactly 1 / 2", "uniform_symmetric",
        [[14.0, 1.0, 3.0, 5.0, -1.0, -3.0, -5.0, 13.0, -13.0, -14.0]], None, bits=4, flags=["TieToEven"], ties=True)
    add(file, "lsq-ties", "a step of exactly 1 / 4", "lsq",
        [[v / 4 for v in (0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 6.5, -7.5, 7.0, -8.0, 7.5, -8.5, 100.0, -100.0)]],
        draw.normal(1, 14), bits=4, step=0.25, flags=["TieToEven", "Saturate"], ties=True)
    add(file, "midrise-ties", "c is exactly 3: boundaries at -2, 0, 2", "midrise2",
        [[2.0, -2.0, 0.0, 0.5, -0.5, 3.0, -3.0, 1.0]], draw.normal(1, 8), flags=["TieToEven", "Saturate"], ties=True)
    add(file, "sign-zero", "both zeros are positive", "sign", [[0.0, -0.0, 1.0, -1.0]], draw.normal(1, 4),
        flags=["NegativeZero"])
    add(file, "midrise-zero", "both zeros go up", "midrise2", [[0.0, -0.0, 1.0, -1.0]], draw.normal(1, 4),
        flags=["NegativeZero"], ties=True)


def edges(file, draw):
    nan, endless = float("nan"), float("inf")
    for scheme in ("ternary_twn", "uniform_symmetric", "uniform_minmax", "midrise2", "sign"):
        add(file, scheme + "-zeros", "a row of zeros, one of negative zeros, one of numbers", scheme,
            [[0.0] * 5, [-0.0] * 5, [1.0, -2.0, 0.3125, 3.0, -0.125]], draw.normal(3, 5), granularity="row", clip=2.5,
            flags=["ZeroRow", "AllZeroCodes"], ties=scheme == "midrise2")
        add(file, scheme + "-nan", "NaN in the middle row", scheme,
            [[1.0, -2.0, 0.3125, 3.0, -0.125], [1.0, nan, 0.25, endless, 2.0], [1.5, -2.0, 0.5, 3.0, -0.25]],
            granularity="row", clip=2.5, flags=["NonFinite"], ties=scheme == "midrise2")
        add(file, scheme + "-infinities", "infinities under a clip", scheme,
            [[endless, -endless, 1.125, -0.75, 0.3125, 0.125]], draw.normal(1, 6), clip=2.5,
            flags=["NonFinite", "Saturate"], ties=scheme == "midrise2")
        add(file, scheme + "-one", "one element", scheme, [[f32(-0.3)]], draw.normal(1, 1), flags=["TailLanes"])
    add(file, "minmax-constant", "a constant group has one code", "uniform_minmax", [[0.75] * 6], draw.normal(1, 6))
    add(file, "lsq-nan", "NaN makes the tensor NaN", "lsq", [[0.5, nan, 0.25]], step=0.25, flags=["NonFinite"])
    add(file, "lsq-zeros", "all codes 0", "lsq", [[0.0, -0.0, 0.0625]], draw.normal(1, 3), step=0.25,
        flags=["ZeroRow", "AllZeroCodes"])


def invalid(file):
    x = F32([[1.0, 2.0, 3.0, 4.0]])
    add_invalid = lambda id, comment, error, inputs=None, **params: file.invalid(
        id, comment, inputs or {"x": x}, error, params=params)
    add_invalid("bits-1", "too few bits", "bits: given 1", scheme="uniform_symmetric", bits=1)
    add_invalid("bits-9", "too many bits", "bits: given 9", scheme="uniform_symmetric", bits=9)
    add_invalid("clip-zero", "a clip of 0", "clip", scheme="ternary_twn", clip=0)
    add_invalid("clip-nan", "a clip that is no number", "clip", scheme="ternary_twn", clip="NaN")
    add_invalid("head-uneven", "groups that do not divide the columns", "a shape that blocks of 1 x 3 divide",
                scheme="ternary_twn", granularity="head", group_rows=1, group_cols=3)
    add_invalid("lsq-without-step", "LSQ without its step", "step: given null", scheme="lsq")
    add_invalid("lsq-step-zero", "a step of 0", "step", {"x": x, "step": F32([0.0])}, scheme="lsq")
    add_invalid("lsq-row", "LSQ per row", "group", {"x": x, "step": F32([0.5])}, scheme="lsq", granularity="row")
    add_invalid("lsq-clip", "LSQ with a clip", "clip", {"x": x, "step": F32([0.5])}, scheme="lsq", clip=2.5)
    add_invalid("step-of-ternary", "a step where none belongs", "step", {"x": x, "step": F32([0.5])},
                scheme="ternary_twn")
    add_invalid("empty", "no column", "empty", {"x": F32([[]])}, scheme="ternary_twn")


def main():
    draw = Random(303)
    file = VectorFile("fake_quant", "fake_quant", NOTES)
    from_the_specification(file, draw)
    random_cases(file, draw)
    boundaries(file, draw)
    edges(file, draw)
    invalid(file)
    file.write()


if __name__ == "__main__":
    main()
