# SPDX-License-Identifier: Apache-2.0
"""pet_warmup: cross entropy of four classes made of the probabilities of the top token and of the gold token."""

from mpmath import exp, fsum, log, mpf

from golden import F32, F64, I64, Random, VectorFile, exact, f32

NOTES = {
    "LargeLogits": {"bug": "exp overflows unless the row maximum is subtracted first"},
    "Cancellation": {"bug": "1 - c rounds to 0 where c is near 1; its logarithm must come from the other logits"},
    "Tie": {"bug": "of equal largest logits the one of lowest index is the student's own token"},
    "NonFinite": {"bug": "NaN stays in its own row; a row of weight 0 is not read"},
    "TailLanes": {"bug": "a vocabulary that is no multiple of a vector length"},
    "ZeroRow": {"bug": "a divisor of 0 gives loss 0 and gradient 0"},
}

NAN = float("nan")
INF = float("inf")


def row(logits, gold, label, smoothing):
    """Loss and gradient of one row, from the four class probabilities; all terms as quotients of sums of exp."""
    if any(v != v or v == INF for v in logits) or max(logits) == -INF:
        return NAN, [NAN] * len(logits)
    top = max(range(len(logits)), key=lambda j: (logits[j], -j))
    shift = max(logits)
    exps = [exp(v - shift) if v != -INF else mpf(0) for v in logits]
    total = fsum(exps)

    def others(i):
        return fsum(e for j, e in enumerate(exps) if j != i)
    c, not_c = exps[top] / total, others(top) / total
    a, not_a = exps[gold] / total, others(gold) / total
    classes = [(c, a), (not_c, a), (c, not_a), (not_c, not_a)]
    loss = mpf(0)
    for k, (first, second) in enumerate(classes):
        weight = 1 - smoothing if k == label else smoothing / 3
        if weight != 0:
            loss -= weight * (log(first) + log(second)) if first > 0 and second > 0 else -INF
    kappa = 1 - 2 * smoothing / 3 if label in (0, 2) else 2 * smoothing / 3
    rho = 1 - 2 * smoothing / 3 if label in (0, 1) else 2 * smoothing / 3
    grad = []
    for j in range(len(logits)):
        value = mpf(0)
        for i, x, target in ((top, c, kappa), (gold, a, rho)):
            value += x - target if j == i else -(x - target) * exps[j] / others(i)
        grad.append(value)
    return loss, grad


def add(file, id, comment, student, gold, label, weights=None, params=None, flags=(), relative=2e-6, absolute=1e-7):
    params = params or {}
    smoothing = exact(params.get("label_smoothing", 0.0))
    rows = len(student)
    ones = weights or [1.0] * rows
    normaliser = params.get("normaliser", "sum")
    divisor = {"sum": 1, "mean_rows": rows, "mean_weights": fsum(exact(w) for w in ones)}.get(normaliser, normaliser)
    factor = 1 / exact(divisor) if divisor else mpf(0)
    losses, grads, total = [], [], mpf(0)
    for logits, g, k, w in zip(student, gold, label, ones):
        if w == 0:
            losses.append(mpf(0))
            grads.append([mpf(0)] * len(logits))
            continue
        loss, grad = row([exact(v) for v in logits], g, k, smoothing)
        losses.append(loss)
        total += exact(w) * loss
        grads.append([v * exact(w) * factor if factor else mpf(0) for v in grad])
    inputs = {"student": F32(student), "gold": I64(gold), "label": I64(label)}
    if weights is not None:
        inputs["row_weight"] = F32(weights)
    expect = {"loss": F64([total * factor if factor else mpf(0)]), "row_loss": F64(losses), "grad_student": F64(grads)}
    file.case(id, comment, inputs, expect, params=params, flags=flags, relative=relative, absolute=absolute)
    return losses, grads


def printed(file):
    """The worked table of the four-class loss: each label, gold token on top or not."""
    want = [
        (0, 0, 0.880379, (-0.712171, 0.473766, 0.174289, 0.064117)),
        (0, 1, 1.472773, (0.287829, -0.191475, -0.070440, -0.025913)),
        (0, 2, 1.472773, (0.287829, -0.191475, -0.070440, -0.025913)),
        (0, 3, 2.065167, (1.287829, -0.856716, -0.315168, -0.115944)),
        (1, 0, 1.880379, (0.287829, -0.526234, 0.174289, 0.064117)),
        (1, 1, 2.472773, (1.287829, -1.191475, -0.070440, -0.025913)),
        (1, 2, 0.710533, (-0.555966, 0.473766, 0.060093, 0.022107)),
        (1, 3, 1.302927, (0.444034, -0.191475, -0.184635, -0.067923)),
    ]
    losses, grads = add(file, "pet-2-4", "the vectors printed in the specification", [[2.0, 1.0, 0.0, -1.0]] * 8,
                        [w[0] for w in want], [w[1] for w in want])
    for loss, grad, (_, _, want_loss, want_grad) in zip(losses, grads, want):
        assert abs(loss - want_loss) < 5.1e-7
        assert all(abs(a - b) < 5.1e-7 for a, b in zip(grad, want_grad))


def confident(draw, vocab, gap):
    """A row whose logit 2 is above the others by a gap."""
    values = draw.normal(vocab)
    values[2] = f32(max(values) + gap)
    return values


def main():
    draw = Random(303)
    file = VectorFile("pet_warmup", "pet_warmup", NOTES)
    printed(file)
    for vocab in (2, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        add(file, "vocab-%d" % vocab, "a tail of every kind, every label", draw.normal(4, vocab, deviation=2.0),
            draw.integers(0, vocab, 4), [0, 1, 2, 3], flags=["TailLanes"])
    for smoothing in (0.1, 0.75):
        add(file, "smoothing-%g" % smoothing, "label smoothing, weights and a number to divide by",
            draw.normal(4, 9, deviation=2.0), draw.integers(0, 9, 4), [0, 1, 2, 3], [1.0, 0.5, 2.0, 0.25],
            {"label_smoothing": smoothing, "normaliser": 7})
    for normaliser in ("sum", "mean_rows", "mean_weights"):
        add(file, "normaliser-" + normaliser.replace("_", "-"), "what the sum is divided by",
            draw.normal(3, 5), draw.integers(0, 5, 3), [2, 0, 3], [0.5, 2.0, 0.0], {"normaliser": normaliser})
    add(file, "normaliser-0", "a divisor of 0", draw.normal(2, 5), [1, 2], [0, 3], params={"normaliser": 0},
        flags=["ZeroRow"])
    add(file, "weights-0", "all weights 0 under their sum", draw.normal(2, 5), [1, 2], [0, 3], [0.0, 0.0],
        {"normaliser": "mean_weights"}, flags=["ZeroRow"])
    add(file, "tie", "two and four equal largest logits, gold first, last and elsewhere",
        [[1.0, 3.0, 0.0, 3.0, -1.0]] * 3 + [[0.5, 0.5, 0.5, 0.5, -2.0]] * 2, [1, 3, 2, 0, 3], [0, 1, 2, 3, 1],
        flags=["Tie"])
    wide = draw.normal(1, 40)[0]
    wide[5] = wide[21] = wide[37] = 6.0
    add(file, "tie-wide", "equal largest logits in different vectors", [wide] * 3, [5, 21, 37], [1, 0, 3], flags=["Tie"])
    for gap in (10.0, 30.0, 90.0, 300.0):
        rows = [confident(draw, 19, gap) for _ in range(8)]
        add(file, "confident-%g" % gap, "one logit far above the others, gold or not, every label", rows,
            [2, 2, 2, 2, 7, 7, 7, 7], [0, 1, 2, 3, 0, 1, 2, 3], flags=["Cancellation"], absolute=1e-30)
    add(file, "two-above", "two logits far above the others, one of them gold",
        [[0.0, 40.0, 1.0, 40.5, -1.0]] * 4, [1, 1, 3, 3], [2, 3, 1, 0], flags=["Cancellation"])
    add(file, "large", "logits around 1000 and -1000", [[f32(v + 1000) for v in draw.normal(9)],
                                                     [f32(v - 1000) for v in draw.normal(9)]], [3, 4], [1, 2],
        flags=["LargeLogits"])
    add(file, "minus-infinity", "tokens that cannot be: probability and gradient 0",
        [[0.5, -INF, 2.0, 1.0, -INF]] * 2, [0, 2], [1, 3], flags=["NonFinite"])
    add(file, "gold-minus-infinity", "a gold token that cannot be: label 2 has a loss, label 0 an infinite one",
        [[0.5, -INF, 2.0, 1.0]] * 2, [1, 1], [2, 0], flags=["NonFinite"])
    add(file, "nan-row", "NaN, infinity and nothing finite in their rows, not in the others",
        [[0.0, 1.0, 2.0], [0.0, NAN, 2.0], [INF, 1.0, 2.0], [-INF] * 3, [2.0, 1.0, 0.0]], [0, 0, 0, 0, 1],
        [0, 1, 2, 3, 1], flags=["NonFinite"])
    add(file, "weight-0", "a row of weight 0 holds NaN and is not read", [[0.0, 1.0, 2.0], [NAN, NAN, NAN]], [0, 0],
        [1, 1], [1.0, 0.0], flags=["NonFinite"])
    two = {"student": F32([[1.0, 2.0]]), "gold": I64([0]), "label": I64([0])}
    file.invalid("vocab-1", "a vocabulary of one column", dict(two, student=F32([[1.0]])), "student")
    file.invalid("gold-2", "a gold token outside the vocabulary", dict(two, gold=I64([2])), "gold")
    file.invalid("gold-negative", "a gold token below 0", dict(two, gold=I64([-1])), "gold")
    file.invalid("label-4", "a label outside the classes", dict(two, label=I64([4])), "label")
    file.invalid("label-negative", "a label below 0", dict(two, label=I64([-100])), "label")
    file.invalid("smoothing-1", "all of the weight smoothed away", two, "labelSmoothing", {"label_smoothing": 1.0})
    file.invalid("weight-negative", "a weight below 0", dict(two, row_weight=F32([-1.0])), "rowWeight")
    file.invalid("weight-nan", "a weight that is no number", dict(two, row_weight=F32([NAN])), "rowWeight")
    file.invalid("rows", "labels for another number of rows", dict(two, label=I64([0, 0])), "label")
    file.write()


if __name__ == "__main__":
    main()
