# SPDX-License-Identifier: Apache-2.0
"""layer_norm: xhat = (x - mean) / sqrt(variance + eps), y = gamma xhat + beta, the variance the biased one; with
g = grad_y gamma: grad_x = rstd (g - mean(g) - xhat mean(g xhat)), grad_gamma = sum grad_y xhat, grad_beta = sum grad_y."""

from mpmath import fsum, mpf, sqrt

from golden import F32, F64, Random, VectorFile, exact, f32, numbers

NOTES = {
    "Cancellation": {"bug": "mean of squares minus square of the mean loses all digits under a large common offset"},
    "NonFinite": {"bug": "NaN must stay in its row of y and grad_x"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "ZeroRow": {"bug": "a constant row has variance 0: xhat is 0 and y is beta, whatever eps"},
}
NAN = float("nan")


def forward(row, eps):
    n = len(row)
    if any(v != v for v in row):
        return NAN, NAN, [NAN] * n
    mean = fsum(row) / n
    rstd = 1 / sqrt(fsum((v - mean) ** 2 for v in row) / n + eps)
    return mean, rstd, [(v - mean) * rstd for v in row]


def add(file, id, comment, x, gamma, beta, grad, eps=None, flags=(), relative=2e-6, absolute=2e-6):
    cols = len(gamma)
    eps_value = mpf("1e-12") if eps is None else exact(eps)
    rows, gs, bs = numbers(x), numbers(gamma), numbers(beta)
    stats = [forward(row, eps_value) for row in rows]
    inputs = {"x": F32(x), "gamma": F32(gamma), "beta": F32(beta)}
    expect = {"y": F64([[g * h + b for g, h, b in zip(gs, s[2], bs)] for s in stats]),
              "mean": F64([s[0] for s in stats]), "rstd": F64([s[1] for s in stats])}
    if grad is not None:
        inputs["grad_y"] = F32(grad)
        dy = numbers(grad)
        grad_x, sizes = [], []
        for (_, rstd, xhat), line in zip(stats, dy):
            g = [a * b for a, b in zip(line, gs)]
            mean_g, mean_p = fsum(g) / cols, fsum(a * b for a, b in zip(g, xhat)) / cols
            grad_x.append([rstd * (a - mean_g - h * mean_p) for a, h in zip(g, xhat)])
            # The sizes of the three terms before they cancel, and those of the sums behind them.
            size_g = fsum(abs(a) for a in g) / cols
            size_p = fsum(abs(a * h) for a, h in zip(g, xhat)) / cols
            sizes.append([rstd * (abs(a) + size_g + abs(h) * size_p) for a, h in zip(g, xhat)])
        products = [[line[c] * s[2][c] for line, s in zip(dy, stats)] for c in range(cols)]
        expect["grad_x"] = F64(grad_x)
        expect["grad_x.magnitude"] = F64(sizes)
        expect["grad_gamma"] = F64([fsum(p) for p in products])
        expect["grad_gamma.magnitude"] = F64([fsum(abs(v) for v in p) for p in products])
        expect["grad_beta"] = F64([fsum(line[c] for line in dy) for c in range(cols)])
        expect["grad_beta.magnitude"] = F64([fsum(abs(line[c]) for line in dy) for c in range(cols)])
    file.case(id, comment, inputs, expect, params={} if eps is None else {"eps": eps}, flags=flags,
              relative=relative, absolute=absolute)


def main():
    draw = Random(231)
    file = VectorFile("layer_norm", "layer_norm", NOTES)

    def parameters(cols):
        return draw.normal(cols, mean=1.0, deviation=0.2), draw.normal(cols, deviation=0.2)

    add(file, "hand", "mean 2, variance 2/3", [[1.0, 2.0, 3.0]], [1.0, 2.0, 1.0], [0.0, 0.5, 0.0], [[1.0, 0.0, -1.0]])
    for cols in (2, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        add(file, "cols-%d" % cols, "a tail of every kind", draw.normal(3, cols, mean=0.3, deviation=2.0),
            *parameters(cols), draw.normal(3, cols), flags=["TailLanes"])
    add(file, "cols-1", "one column: xhat is 0", draw.normal(3, 1), [2.0], [0.5], None, eps=1e-3,
        flags=["TailLanes", "ZeroRow"])
    add(file, "eps", "an eps that counts", draw.normal(2, 20, deviation=0.1), *parameters(20), draw.normal(2, 20), eps=0.01)
    add(file, "eps-zero", "no eps", draw.normal(2, 20), *parameters(20), draw.normal(2, 20), eps=0.0)
    add(file, "constant", "two constant rows, one ordinary one", [[3.0] * 9, [f32(-0.1)] * 9, draw.normal(9)],
        *parameters(9), None, eps=1e-5, flags=["ZeroRow"])
    # The inputs are multiples of 1/64: exact in float32 beside the offset. The mean is a float32 of size 4096 in the
    # backward operation, so only the forward one is asked for.
    shifted = [[f32(4096 + round(v * 64) / 64) for v in draw.normal(40)] for _ in range(2)]
    add(file, "offset", "deviation 1 around 4096", shifted, *parameters(40), None, flags=["Cancellation"])
    add(file, "large", "of size 1e15", draw.normal(2, 18, deviation=1e15), *parameters(18), None)
    add(file, "nan-row", "NaN in the second row", [draw.normal(5), [1.0, NAN, 2.0, 3.0, 4.0], draw.normal(5)],
        *parameters(5), None, flags=["NonFinite"])
    x = draw.normal(2, 4)
    file.invalid("gamma-length", "a scale that is too short",
                 {"x": F32(x), "gamma": F32([1.0] * 3), "beta": F32([0.0] * 4)}, "gamma")
    file.invalid("negative-eps", "eps below 0", {"x": F32(x), "gamma": F32([1.0] * 4), "beta": F32([0.0] * 4)},
                 "epsilon", params={"eps": -1e-5})
    file.invalid("empty", "no column", {"x": F32([[]]), "gamma": F32([]), "beta": F32([])}, "empty")
    file.write()


if __name__ == "__main__":
    main()
