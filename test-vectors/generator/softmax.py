# SPDX-License-Identifier: Apache-2.0
"""softmax: y = exp(x - max) / sum; grad_x = y (grad_y - sum grad_y y)."""

from mpmath import exp, fsum

from golden import F32, F64, Random, VectorFile, f32, numbers

NOTES = {
    "LargeLogits": {"bug": "exp overflows unless the row maximum is subtracted first"},
    "NonFinite": {"bug": "-infinity must give probability 0, a row of -infinity a row of 0; NaN stays in its row"},
    "OneUnmasked": {"bug": "a row with one finite logit has probability exactly 1 there"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
}


def softmax(row):
    finite = [v for v in row if v != float("-inf")]
    if any(v != v for v in row):
        return [float("nan")] * len(row)
    if not finite:
        return [0] * len(row)
    top = max(finite)
    exps = [exp(v - top) if v != float("-inf") else 0 for v in row]
    total = fsum(exps)
    return [e / total for e in exps]


def backward(y, grad):
    dot = fsum(a * b for a, b in zip(y, grad))
    return [a * (b - dot) for a, b in zip(y, grad)]


def add(file, id, comment, x, grad, flags=(), relative=2e-6):
    y = [softmax(row) for row in numbers(x)]
    expect = {"y": F64(y)}
    inputs = {"x": F32(x)}
    if grad is not None:
        inputs["grad_y"] = F32(grad)
        expect["grad_x"] = F64([backward(a, b) for a, b in zip(y, numbers(grad))])
    file.case(id, comment, inputs, expect, flags=flags, relative=relative, absolute=1e-7)


def main():
    draw = Random(101)
    inf = float("inf")
    file = VectorFile("softmax", "softmax", NOTES)
    add(file, "small", "three rows of five", draw.normal(3, 5), draw.normal(3, 5))
    for cols in (1, 3, 4, 7, 15, 16, 17, 31, 33, 63, 65, 257):
        add(file, "cols-%d" % cols, "a tail of every kind", draw.normal(2, cols, deviation=3.0),
            draw.normal(2, cols), flags=["TailLanes"])
    add(file, "large", "logits around 1000 and -1000",
        [[f32(v + 1000) for v in draw.normal(9)], [f32(v - 1000) for v in draw.normal(9)]],
        draw.normal(2, 9), flags=["LargeLogits"])
    add(file, "spread", "logits from -3e38 to 3e38", [[f32(-3e38), 0.0, f32(3e38)]], draw.normal(1, 3),
        flags=["LargeLogits"])
    add(file, "minus-infinity", "masked entries, one entry left, none left",
        [[1.0, -inf, 2.0, -inf], [-inf, -inf, 0.5, -inf], [-inf] * 4], draw.normal(3, 4),
        flags=["NonFinite", "OneUnmasked"])
    add(file, "nan-row", "NaN in the second row", [[0.0, 1.0], [float("nan"), 1.0], [2.0, 1.0]], None,
        flags=["NonFinite"])
    file.invalid("empty", "no column", {"x": F32([[]])}, "empty")
    file.write()


if __name__ == "__main__":
    main()
