# SPDX-License-Identifier: Apache-2.0
"""softmax_kl: divergences of q = softmax(z / T) from p = softmax(u / Tt), with gradients.

Each divergence is written as sum f(p_i, q_i) with df/dq and df/dp; the logits' gradients follow from
dL/dz_i = q_i (g_i - sum_j q_j g_j) / T. Where a probability is 0 the limit is taken.

Logits are float32, or bfloat16 with gradients of bfloat16: computed from them as from any others, and rounded once. The
expected gradients are not rounded; half a unit in the last place, 2^-8, is in their magnitude instead.
"""

from mpmath import exp, fsum, log, mpf, sign, tanh

from golden import BF16, F32, F64, I64, U8, Random, VectorFile, bf16, f32, numbers

INF = float("inf")
NAN = float("nan")
NOTES = {
    "LargeLogits": {"bug": "exp overflows unless the row maximum is subtracted first"},
    "EqualDistributions": {"bug": "equal rows must give exactly 0, not a rounding error"},
    "TinyDivergence": {"bug": "a sum of terms of both signs loses all digits of a small divergence"},
    "Cancellation": {"bug": "a divergence near 1e-3 found as the difference of two large sums"},
    "NonFinite": {"bug": "a logit of -infinity has probability 0 and no part; NaN stays in its row"},
    "AllMasked": {"bug": "no kept column: loss 0, gradient 0, nothing divided by 0"},
    "OneUnmasked": {"bug": "one kept column: loss 0, gradient 0"},
    "ZeroRow": {"bug": "rows of weight 0 are not read and get a gradient of 0"},
    "NegativeZero": {"bug": "-0 and 0 are one logit"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "TieToEven": {"bug": "gradients cut off, or rounded up, halfway between two numbers of bfloat16"},
}


def xlog(a, b):
    """a log(a / b) with 0 log 0 = 0."""
    if a == 0:
        return mpf(0)
    return mpf("inf") if b == 0 else a * log(a / b)


def divergence(mode, p, q, beta, alpha, raw=False):
    """Returns the loss, dL/dq and dL/dp times q and p (so that probabilities of 0 have limits)."""
    n = range(len(p))
    zero = [mpf(0)] * len(p)
    if mode in ("forward_kl", "soft_ce"):
        loss = fsum(xlog(p[i], q[i]) for i in n)
        if mode == "soft_ce":
            loss -= fsum(xlog(p[i], mpf(1)) for i in n)
        return loss, [-v for v in p], [xlog(p[i], q[i]) for i in n]
    if mode == "reverse_kl":
        return fsum(xlog(q[i], p[i]) for i in n), [xlog(q[i], p[i]) for i in n], [-v for v in q]
    if mode == "symmetric_kl":
        a, b = divergence("forward_kl", p, q, beta, alpha), divergence("reverse_kl", p, q, beta, alpha)
        return ((a[0] + b[0]) / 2, [(x + y) / 2 for x, y in zip(a[1], b[1])],
                [(x + y) / 2 for x, y in zip(a[2], b[2])])
    if mode == "js":
        m = [beta * p[i] + (1 - beta) * q[i] for i in n]
        loss = beta * fsum(xlog(p[i], m[i]) for i in n) + (1 - beta) * fsum(xlog(q[i], m[i]) for i in n)
        return loss, [(1 - beta) * xlog(q[i], m[i]) for i in n], [beta * xlog(p[i], m[i]) for i in n]
    if mode == "skew_forward_kl":
        m = [alpha * p[i] + (1 - alpha) * q[i] for i in n]
        part = [-(1 - alpha) * p[i] * q[i] / m[i] if m[i] != 0 else mpf(0) for i in n]
        return fsum(xlog(p[i], m[i]) for i in n), part, zero
    if mode == "skew_reverse_kl":
        m = [(1 - alpha) * p[i] + alpha * q[i] for i in n]
        part = [xlog(q[i], m[i]) - (alpha * q[i] * q[i] / m[i] if m[i] != 0 else 0) for i in n]
        return fsum(xlog(q[i], m[i]) for i in n), part, zero
    assert mode == "total_variation"
    return (fsum(abs(p[i] - q[i]) for i in n) / 2, [q[i] * sign(q[i] - p[i]) / 2 for i in n], zero)


def softmax(row, kept, temperature):
    """The probabilities of the kept columns, 0 elsewhere."""
    values = [row[c] / temperature for c in kept]
    top = max(v for v in values if v != mpf("-inf"))
    exps = [exp(v - top) if v != mpf("-inf") else mpf(0) for v in values]
    total = fsum(exps)
    out = [mpf(0)] * len(row)
    for c, e in zip(kept, exps):
        out[c] = e / total
    return out


def through(parts, probabilities, temperature):
    total = fsum(parts)
    return [(h - w * total) / temperature for h, w in zip(parts, probabilities)]


def soft_row(z, u, top, kept, o):
    """Returns the loss of a row and the gradients by both logits."""
    cols = len(z)
    t, tt = mpf(o["temperature"]), mpf(o["teacher_temperature"])
    beta, alpha = mpf(o["beta"]), mpf(o["alpha"])
    zero = [mpf(0)] * cols
    if o["mode"] == "logit_mse":
        loss = fsum((z[c] - u[c]) ** 2 for c in kept)
        return loss, [2 * (z[c] - u[c]) if c in kept else mpf(0) for c in range(cols)], zero
    q = softmax(z, kept, t)
    if top is None:
        p = softmax(u, kept, tt)
        loss, h, k = divergence(o["mode"], p, q, beta, alpha)
        return loss, through(h, q, t), through(k, p, tt)
    given = {c: w for c, w in zip(*top) if c in kept}
    mass = fsum(given.values())
    kind = o["teacher"]
    if kind == "top_k_raw":
        loss = fsum(xlog(w, q[c]) for c, w in given.items())
        return loss, [(mass * q[c] - given.get(c, 0)) / t for c in range(cols)], zero
    if kind == "top_k_renorm":
        loss = fsum(xlog(w / mass, q[c]) for c, w in given.items())
        return loss, [(q[c] - given.get(c, 0) / mass) / t for c in range(cols)], zero
    if kind == "top_k_both_renorm":
        share = fsum(q[c] for c in given)
        loss = fsum(xlog(w / mass, q[c] / share) for c, w in given.items())
        return loss, [(q[c] / share - given[c] / mass) / t if c in given else mpf(0) for c in range(cols)], zero
    assert kind == "top_k_tail"
    rest = [c for c in kept if c not in given]
    ids = list(given)
    tail = fsum(q[c] for c in rest)
    p_row = [given[c] for c in ids] + ([1 - mass] if rest else [])
    q_row = [q[c] for c in ids] + ([tail] if rest else [])
    loss, h, _ = divergence(o["mode"], p_row, q_row, beta, alpha)
    total = fsum(h)
    grad = list(zero)
    for c, part in zip(ids, h):
        grad[c] = (part - q[c] * total) / t
    for c in rest:
        grad[c] = (h[-1] * q[c] / tail - q[c] * total) / t
    return loss, grad, zero


def hard_row(z, label, kept, smoothing):
    q = softmax(z, kept, mpf(1))
    target = [(smoothing / len(kept) if c in kept else mpf(0)) + (1 - smoothing if c == label else 0)
              for c in range(len(z))]
    return (-fsum(w * log(q[c]) for c, w in enumerate(target) if w != 0),
            [q[c] - target[c] if c in kept else mpf(0) for c in range(len(z))])


DEFAULTS = {"mode": "forward_kl", "temperature": 1.0, "beta": 0.5, "alpha": 0.1, "scale": 1.0, "soft_cap": 0.0,
            "hard_weight": 0.0, "soft_weight": 1.0, "label_smoothing": 0.0, "ignore_index": -100,
            "normaliser": "sum", "two_sided": False, "teacher": "dense"}


def compute(params, z, u, top=None, weight=None, mask=None, labels=None):
    """Returns loss, row losses, gradients by student and teacher, all mpf."""
    o = dict(DEFAULTS, **params)
    o.setdefault("teacher_temperature", o["temperature"])
    rows, cols = len(z), len(z[0])
    kept = [c for c in range(cols) if mask is None or mask[c]]
    w = [mpf(1)] * rows if weight is None else numbers(weight)
    divisor = {"sum": 1, "mean_rows": rows, "mean_weights": fsum(w)}.get(o["normaliser"])
    divisor = mpf(o["normaliser"]) if divisor is None else mpf(divisor)
    factor = mpf(0) if divisor == 0 else 1 / divisor
    total, losses, grads, teacher_grads = mpf(0), [], [], []
    cap = mpf(o["soft_cap"])
    bend = (lambda v: cap * tanh(v / cap)) if cap else (lambda v: v)
    slope = (lambda v: 1 - tanh(v / cap) ** 2) if cap else (lambda v: mpf(1))
    for r in range(rows):
        zr = [bend(mpf(v)) if c in kept else mpf(0) for c, v in enumerate(z[r])]
        ur = [bend(mpf(v)) if c in kept else mpf(0) for c, v in enumerate(u[r])] if u else None
        soft, gz, gu = mpf(0), [mpf(0)] * cols, [mpf(0)] * cols
        if kept and w[r] != 0 and o["soft_weight"] != 0:
            soft, gz, gu = soft_row(zr, ur, (top[0][r], numbers(top[1][r])) if top else None, kept, o)
        hard, gh = mpf(0), [mpf(0)] * cols
        if o["hard_weight"] and kept and labels[r] != o["ignore_index"]:
            hard, gh = hard_row(zr, labels[r], kept, mpf(o["label_smoothing"]))
        a = mpf(o["soft_weight"])
        b = mpf(o["hard_weight"])
        outer = a * mpf(o["scale"]) * w[r]
        losses.append(a * soft + b * hard)
        total += outer * soft + b * hard
        grads.append([factor * (outer * gz[c] + b * gh[c]) * (slope(mpf(z[r][c])) if c in kept else 0)
                      for c in range(cols)])
        teacher_grads.append([factor * outer * gu[c] * (slope(mpf(u[r][c])) if c in kept else 0)
                              for c in range(cols)] if u else None)
    return total * factor, losses, grads, teacher_grads


def magnitudes(gradients, relative):
    """What a relative error of half a unit of bfloat16 more amounts to; NaN has none."""
    return [abs(v) * (1 + mpf(2) ** -8 / mpf(relative)) if v == v else mpf(0) for v in gradients]


def add(file, id, comment, params, z, u=None, top=None, weight=None, mask=None, labels=None, flags=(),
        relative=2e-6, absolute=1e-7, grad=True, logits=F32):
    loss, losses, grads, teacher_grads = compute(params, z, u, top, weight, mask, labels)
    inputs = {"student": logits(z)}
    if u:
        inputs["teacher"] = logits(u)
    if top:
        inputs["top_ids"] = I64(top[0])
        inputs["top_probabilities"] = F32(top[1])
    if weight is not None:
        inputs["row_weight"] = F32(weight)
    if mask is not None:
        inputs["column_mask"] = U8(mask)
    if labels is not None:
        inputs["labels"] = I64(labels)
    expect = {"loss": F64([loss]), "row_loss": F64(losses)}
    if grad:
        expect["grad_student"] = F64(grads)
    if params.get("two_sided"):
        expect["grad_teacher"] = F64(teacher_grads)
    for name in ("grad_student", "grad_teacher"):
        if logits is BF16 and name in expect:
            expect[name + ".magnitude"] = F64(magnitudes(expect[name].elements, relative))
    file.case(id, comment, inputs, expect, params, flags, relative, absolute)


MODES = ("forward_kl", "reverse_kl", "symmetric_kl", "js", "skew_forward_kl", "skew_reverse_kl", "soft_ce",
         "total_variation", "logit_mse")
TWO_SIDED = ("forward_kl", "reverse_kl", "symmetric_kl", "js")

# The published five-column example: loss and gradient by the student's logits, to seven digits.
Z = [1.0, -0.5, 0.3, 2.0, -1.2]
U = [0.2, 0.1, -0.7, 1.5, 0.4]
PRINTED = [
    ("soft-ce", {"mode": "soft_ce"}, 1.6381312, [0.0310980, -0.0279930, 0.0278917, 0.0274894, -0.0584861]),
    ("forward", {"mode": "forward_kl"}, 0.0956898, [0.0310980, -0.0279930, 0.0278917, 0.0274894, -0.0584861]),
    ("reverse", {"mode": "reverse_kl"}, 0.0811985, [0.0262207, -0.0273695, 0.0269500, 0.0134965, -0.0392977]),
    ("symmetric", {"mode": "symmetric_kl"}, 0.0884442,
     [0.0286594, -0.0276813, 0.0274208, 0.0204930, -0.0488919]),
    ("js", {"mode": "js", "beta": 0.5}, 0.0216366, [0.0069223, -0.0069184, 0.0066301, 0.0048092, -0.0114432]),
    ("js-01", {"mode": "js", "beta": 0.1}, 0.0084051, [0.0027137, -0.0025169, 0.0024665, 0.0022902, -0.0049535]),
    ("skew-forward", {"mode": "skew_forward_kl", "alpha": 0.1}, 0.0739040,
     [0.0237286, -0.0226152, 0.0218606, 0.0190684, -0.0420423]),
    ("skew-reverse", {"mode": "skew_reverse_kl", "alpha": 0.1}, 0.0672142,
     [0.0215792, -0.0222392, 0.0215292, 0.0126636, -0.0335328]),
    ("variation", {"mode": "total_variation"}, 0.1729582,
     [0.0232804, -0.0457964, 0.0164054, 0.0383828, -0.0322722]),
]
PRINTED_TOP = [
    ("top_k_raw", 0.1264776, [0.0647437, 0.0305828, 0.0456241, -0.0639943, -0.0769563]),
    ("top_k_renorm", 0.8538549, [0.1202314, 0.0567933, 0.0847256, -0.1188397, -0.1429106]),
    ("top_k_tail", 0.0683091, [0.0142379, 0.0067255, 0.0100333, 0.0274894, -0.0584861]),
    ("top_k_both_renorm", 0.1125659, [0, 0, 0, 0.0989414, -0.0989414]),
]


def near(value, printed):
    assert abs(value - printed) < 0.51e-7 + 1e-12, (value, printed)


def check_printed():
    """The formulas here give the published numbers from the published (decimal) inputs."""
    z, u = [mpf(repr(v)) for v in Z], [mpf(repr(v)) for v in U]
    for _, params, loss, grad in PRINTED:
        got = compute(dict(params, temperature=2.0), [z], [u])
        near(got[0], loss)
        for a, b in zip(got[2][0], grad):
            near(a, b)
    p = softmax(u, range(5), mpf(2))
    for kind, loss, grad in PRINTED_TOP:
        got = compute({"teacher": kind, "temperature": 2.0}, [z], None, top=([[3, 4]], [[p[3], p[4]]]))
        near(got[0], loss)
        for a, b in zip(got[2][0], grad):
            near(a, b)
    got = compute({"hard_weight": 1.0, "soft_weight": 0.0, "label_smoothing": 0.1}, [z], [u], labels=[3])
    got_exact = compute({"hard_weight": 1.0, "soft_weight": 0.0, "label_smoothing": mpf("0.1")}, [z], [u], labels=[3])
    near(got_exact[0], 0.6828636)
    assert abs(got[0] - got_exact[0]) < 1e-15
    for a, b in zip(got_exact[2][0], [0.1998382, 0.0290525, 0.0891684, -0.3224179, 0.0043588]):
        near(a, b)
    got = compute({"mode": "symmetric_kl", "two_sided": True}, [z], [u])
    near(got[0], 0.2199406)
    for a, b in zip(got[2][0] + got[3][0], [0.0717752, -0.0656485, 0.0528086, 0.0394446, -0.0983800,
                                            -0.0907897, 0.0807273, -0.0524519, -0.1521785, 0.2146929]):
        near(a, b)


def printed_cases(file):
    z, u = [[1.0, -1.0], [0.0, 2.0]], [[2.0, 0.0], [1.0, 1.0]]
    params = {"mode": "soft_ce", "normaliser": "mean_rows"}
    got = compute(params, z, u)
    near(got[0], 0.7461309)
    for a, b in zip(got[2][0] + got[2][1], [0, 0, -0.1903985, 0.1903985]):
        near(a, b)
    add(file, "batch-mean-2", "published example", params, z, u)
    z, u = [[f32(v) for v in Z]], [[f32(v) for v in U]]
    for name, params, _, _ in PRINTED:
        add(file, "T2-%s-5" % name, "published example", dict(params, temperature=2.0), z, u)
    p = softmax(numbers(u)[0], range(5), mpf(2))
    top = ([[3, 4]], [[f32(float(p[3])), f32(float(p[4]))]])
    for kind, _, _ in PRINTED_TOP:
        add(file, "T2-%s-5" % kind, "published example", {"teacher": kind, "temperature": 2.0}, z, top=top)
    add(file, "smoothed-5", "published example: label smoothing, no soft term",
        {"hard_weight": 1.0, "soft_weight": 0.0, "label_smoothing": 0.1}, z, u, labels=[3])
    add(file, "r-drop-5", "published example: both sides", {"mode": "symmetric_kl", "two_sided": True}, z, u)


def top_rows(draw, rows, cols, k, mass):
    ids = [sorted(range(cols), key=lambda c: draw.uniform(0, 1))[:k] for _ in range(rows)]
    raw = draw.uniform(0.1, 1.0, rows, k)
    return ids, [[f32(v / sum(row) * mass) for v in row] for row in raw]


def option_cases(file, draw):
    for mode in MODES:
        params = {"mode": mode, "temperature": 3.0}
        add(file, "plain-%s" % mode, "three rows", params, draw.normal(3, 19, deviation=2.0),
            draw.normal(3, 19, deviation=2.0))
        add(file, "options-%s" % mode, "temperatures, scale, weights, mask, labels, smoothing",
            dict(params, teacher_temperature=2.0, scale=9.0, hard_weight=0.7, soft_weight=0.3, label_smoothing=0.1,
                 beta=0.25, alpha=0.3, normaliser="mean_weights"),
            draw.normal(5, 21, deviation=2.0), draw.normal(5, 21, deviation=2.0),
            weight=[1.0, 0.5, 0.0, 2.0, 0.0], mask=[0 if c in (0, 7, 20) else 1 for c in range(21)],
            labels=[3, -100, 5, 19, -100], flags=["ZeroRow"], relative=4e-6)
        add(file, "soft-cap-%s" % mode, "logits bounded by 4 tanh(z / 4), two columns masked",
            dict(params, soft_cap=4.0), draw.normal(2, 18, deviation=4.0), draw.normal(2, 18, deviation=4.0),
            mask=[0 if c in (2, 3) else 1 for c in range(18)])
        add(file, "far-%s" % mode, "rows that have little in common", {"mode": mode},
            draw.normal(1, 20, deviation=20.0), draw.normal(1, 20, deviation=20.0), relative=1e-5)
    for mode in TWO_SIDED:
        add(file, "two-sided-%s" % mode, "gradients for both", {"mode": mode, "two_sided": True, "temperature": 2.0,
                                                                "teacher_temperature": 1.5, "beta": 0.3},
            draw.normal(3, 17, deviation=2.0), draw.normal(3, 17, deviation=2.0), weight=[1.0, 0.0, 0.25])
    for name, normaliser in (("mean-rows", "mean_rows"), ("number", 12.5), ("zero", 0)):
        add(file, "normaliser-%s" % name, "what the sum is divided by", {"normaliser": normaliser},
            draw.normal(4, 6), draw.normal(4, 6), weight=[1.0, 2.0, 0.0, 0.5])
    add(file, "weights-zero", "all weights 0, divided by their sum", {"normaliser": "mean_weights"},
        draw.normal(2, 6), draw.normal(2, 6), weight=[0.0, 0.0], flags=["ZeroRow"])
    add(file, "zero-row-nan", "a row of weight 0 holds NaN", {}, [[1.0, 2.0, 3.0], [NAN] * 3],
        [[2.0, 0.0, 1.0], [NAN] * 3], weight=[1.0, 0.0], flags=["ZeroRow", "NonFinite"])
    add(file, "labels-unused", "labels given although their weight is 0", {}, draw.normal(2, 5), draw.normal(2, 5),
        labels=[1, 2])
    add(file, "ignore-index", "another index drops the hard term", {"hard_weight": 0.5, "ignore_index": -1},
        draw.normal(3, 9), draw.normal(3, 9), labels=[-1, 8, 0])
    add(file, "skew-0", "a skew of 0 is the forward divergence", {"mode": "skew_forward_kl", "alpha": 0.0},
        draw.normal(2, 9), draw.normal(2, 9))
    add(file, "skew-reverse-0", "a skew of 0 is the reverse divergence", {"mode": "skew_reverse_kl", "alpha": 0.0},
        draw.normal(2, 9), draw.normal(2, 9))
    for kind in ("top_k_raw", "top_k_renorm", "top_k_tail", "top_k_both_renorm"):
        add(file, "options-%s" % kind, "weights and labels", {"teacher": kind, "temperature": 2.0, "scale": 4.0,
                                                                 "hard_weight": 0.5},
            draw.normal(3, 20, deviation=2.0), top=top_rows(draw, 3, 20, 4, 0.8), weight=[1.0, 0.5, 0.0],
            labels=[2, -100, 4])
    for mode in ("reverse_kl", "js"):
        add(file, "tail-%s" % mode, "k + 1 classes", {"teacher": "top_k_tail", "mode": mode, "temperature": 2.0,
                                                      "beta": 0.3},
            draw.normal(3, 20, deviation=2.0), top=top_rows(draw, 3, 20, 4, 0.8))
    add(file, "tail-all", "k is the number of columns: no further class", {"teacher": "top_k_tail"},
        draw.normal(1, 4), top=([[2, 0, 3, 1]], [[0.5, 0.25, 0.125, 0.125]]))


def trap_cases(file, draw):
    for cols in (1, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        flags = ["TailLanes", "OneUnmasked"] if cols == 1 else ["TailLanes"]
        for mode in ("forward_kl", "js", "symmetric_kl") if cols < 65 else ("forward_kl",):
            add(file, "cols-%s-%d" % (mode, cols), "a tail of every kind", {"mode": mode, "temperature": 4.0},
                draw.normal(1, cols, deviation=3.0), draw.normal(1, cols, deviation=3.0), flags=flags)
    for mode in MODES:
        same = draw.normal(1, 33, deviation=3.0)
        if mode != "soft_ce":
            add(file, "equal-%s" % mode, "student and teacher alike", {"mode": mode, "temperature": 3.0}, same, same,
                flags=["EqualDistributions"], absolute=1e-8)
            # The bound on the loss is relative: an absolute error of 1e-9 would be a failure.
            add(file, "tiny-%s" % mode, "logits that differ by 1e-3", {"mode": mode}, same,
                [[f32(v + f32(d)) for v, d in zip(a, b)] for a, b in zip(same, draw.normal(1, 33, deviation=1e-3))],
                flags=["TinyDivergence", "Cancellation"], relative=3e-5, absolute=1e-13, grad=False)
        add(file, "large-%s" % mode, "logits around 1000 and -1000", {"mode": mode, "temperature": 2.0},
            [[f32(v + 1000) for v in draw.normal(9)]], [[f32(v - 1000) for v in draw.normal(9)]],
            flags=["LargeLogits"], relative=4e-6)
        add(file, "masked-%s" % mode, "masked columns hold NaN", {"mode": mode},
            [[1.0, NAN, 2.0, INF], [0.5, -INF, 1.0, NAN]], [[0.0, INF, 1.0, NAN], [1.5, NAN, 0.0, 1.0]],
            mask=[1, 0, 1, 0], flags=["NonFinite"])
        add(file, "all-masked-%s" % mode, "no column is kept", {"mode": mode}, draw.normal(2, 3), draw.normal(2, 3),
            mask=[0, 0, 0], flags=["AllMasked"])
        add(file, "one-left-%s" % mode, "one column is kept", {"mode": mode}, draw.normal(1, 3), draw.normal(1, 3),
            mask=[0, 1, 0], flags=["OneUnmasked"])
    add(file, "negative-zero", "-0 against 0", {}, [[0.0, -0.0, 1.0]], [[-0.0, 0.0, 1.0]],
        flags=["NegativeZero", "EqualDistributions"], absolute=1e-12)
    add(file, "teacher-minus-infinity", "a class that the teacher rules out", {},
        [[1.0, 0.0, 2.0, -1.0]], [[0.5, -INF, 1.0, -INF]], flags=["NonFinite"])
    for mode in ("forward_kl", "reverse_kl", "js", "skew_forward_kl", "skew_reverse_kl", "total_variation", "soft_ce"):
        add(file, "both-minus-infinity-%s" % mode, "a class that both rule out", {"mode": mode},
            [[1.0, -INF, 2.0, 0.5]], [[0.5, -INF, 1.0, 1.5]], flags=["NonFinite"])
    add(file, "reverse-infinite", "a class that only the teacher rules out", {"mode": "reverse_kl"},
        [[1.0, 0.0, 2.0]], [[0.5, -INF, 1.0]], flags=["NonFinite"], grad=False)
    add(file, "forward-infinite", "a class that only the student rules out", {},
        [[1.0, -INF, 2.0]], [[0.5, 0.0, 1.0]], flags=["NonFinite"])
    nan_row = [[0.0, 1.0], [NAN, 1.0], [2.0, 1.0]]
    plain = [[0.5, 1.0], [0.25, 1.0], [1.0, 1.0]]
    want = compute({}, [nan_row[0], nan_row[2]], [plain[0], plain[2]])
    file.case("nan-row", "NaN in the second row", {"student": F32(nan_row), "teacher": F32(plain)},
              {"loss": F64([NAN]), "row_loss": F64([want[1][0], NAN, want[1][1]]),
               "grad_student": F64([want[2][0], [NAN, NAN], want[2][1]])}, {}, ["NonFinite"])


def rounded(rows):
    return [[bf16(v) for v in row] for row in rows]


def bf16_cases(file, draw):
    def logits(rows, cols, deviation=2.0):
        return rounded(draw.normal(rows, cols, deviation=deviation))

    def bf16_add(id, comment, params, z, u=None, **rest):
        add(file, "bf16-" + id, comment, params, z, u, logits=BF16, **rest)

    for cols, mode in enumerate(MODES, 15):
        bf16_add(mode, "bfloat16, two temperatures", {"mode": mode, "temperature": 3.0, "teacher_temperature": 2.0,
                                                      "two_sided": mode in TWO_SIDED},
                 logits(2, cols), logits(2, cols), flags=["TailLanes"])
    bf16_add("options", "temperatures, scale, weights, mask, labels, smoothing",
             {"temperature": 2.0, "scale": 4.0, "hard_weight": 0.7, "soft_weight": 0.3, "label_smoothing": 0.1,
              "normaliser": "mean_weights"}, logits(4, 35), logits(4, 35), weight=[1.0, 0.5, 0.0, 2.0],
             mask=[0 if c in (0, 7, 34) else 1 for c in range(35)], labels=[3, -100, 5, 19], flags=["ZeroRow"],
             relative=4e-6)
    bf16_add("soft-cap", "logits bounded by 4 tanh(z / 4)", {"mode": "js", "soft_cap": 4.0}, logits(2, 18, 4.0),
             logits(2, 18, 4.0))
    bf16_add("top-k-tail", "a top-k teacher", {"teacher": "top_k_tail", "temperature": 2.0}, logits(2, 20),
             top=top_rows(draw, 2, 20, 4, 0.8))
    same = logits(1, 33)
    bf16_add("equal", "student and teacher alike", {}, same, same, flags=["EqualDistributions"], absolute=1e-8)
    other = [[v if c != 20 else bf16(f32(v * 1.0078125)) for c, v in enumerate(same[0])]]
    bf16_add("tiny", "logits that differ in one place by a unit", {"mode": "symmetric_kl"}, same, other,
             flags=["TinyDivergence", "Cancellation"], relative=3e-5, absolute=1e-13, grad=False)
    bf16_add("large", "logits around 1000 and -1000", {"temperature": 2.0}, [[1000.0, 1004.0, 992.0, 1008.0]],
             [[-1000.0, -996.0, -1008.0, -984.0]], flags=["LargeLogits"])
    bf16_add("masked", "masked columns hold NaN", {}, [[1.0, NAN, 2.0, INF, 0.5]], [[0.0, INF, 1.0, NAN, 0.25]],
             mask=[1, 0, 1, 0, 1], flags=["NonFinite"])
    bf16_add("minus-infinity", "a class that both rule out", {"mode": "reverse_kl"}, [[1.0, -INF, 2.0, 0.5]],
             [[0.5, -INF, 1.0, 1.5]], flags=["NonFinite"])
    nan_row, plain = [[0.0, 1.0], [NAN, 1.0]], [[0.5, 1.0], [0.25, 1.0]]
    grad = compute({}, nan_row[:1], plain[:1])[2][0] + [NAN, NAN]
    file.case("bf16-nan-row", "NaN in the second row", {"student": BF16(nan_row), "teacher": BF16(plain)},
              {"loss": F64([NAN]), "grad_student": F64(grad), "grad_student.magnitude": F64(magnitudes(grad, 2e-6))}, {},
              ["NonFinite"])
    # 2 (z - u) = 2 + 2^-7, 2 + 3 2^-7 and their opposites, between 2, 2 + 2^-6 and 2 + 2^-5.
    unit = 2.0 ** -8
    z, u = [[1 + 2 * unit, unit, 1 + 4 * unit, unit]], [[unit, 1 + 2 * unit, unit, 1 + 4 * unit]]
    loss, losses, _, _ = compute({"mode": "logit_mse"}, z, u)
    file.case("bf16-ties", "gradients halfway between two numbers", {"student": BF16(z), "teacher": BF16(u)},
              {"loss": F64([loss]), "row_loss": F64(losses), "grad_student": F64([[2.0, -2.0, 2.03125, -2.03125]])},
              {"mode": "logit_mse"}, ["TieToEven"])


def invalid_cases(file):
    z, u = F32([[1.0, 2.0], [0.0, 1.0]]), F32([[0.0, 1.0], [1.0, 1.0]])
    pair = {"student": z, "teacher": u}
    file.invalid("empty", "no column", {"student": F32([[]]), "teacher": F32([[]])}, "empty")
    file.invalid("shapes", "another number of columns", {"student": z, "teacher": F32([[1.0], [2.0]])}, "teacher")
    for name, value in (("temperature", 0.0), ("temperature", -1.0), ("temperature", "NaN"), ("beta", 0.0),
                        ("beta", 1.0), ("alpha", 1.0), ("alpha", -0.5), ("scale", "NaN"), ("label_smoothing", 1.0)):
        params = {name: value, "mode": {"beta": "js", "alpha": "skew_forward_kl"}.get(name, "forward_kl")}
        file.invalid("%s-%s" % (name.replace("_", "-"), value), "out of range", pair, name.replace("_s", "S"), params)
    file.invalid("student-f32-teacher-bf16", "logits of two types", {"student": z, "teacher": BF16([[0.0, 1.0], [1.0, 1.0]])},
                 "teacher")
    file.invalid("student-bf16-teacher-f32", "logits of two types", {"student": BF16([[1.0, 2.0], [0.0, 1.0]]), "teacher": u},
                 "teacher")
    file.invalid("soft-cap-negative", "out of range", pair, "softCap", {"soft_cap": -1.0})
    file.invalid("normaliser-negative", "out of range", pair, "normaliser", {"normaliser": -1})
    file.invalid("no-labels", "a hard term without labels", pair, "labels", {"hard_weight": 1.0})
    file.invalid("label-outside", "no such column", dict(pair, labels=I64([0, 2])), "labels", {"hard_weight": 1.0})
    file.invalid("label-masked", "a label in a masked column",
                 dict(pair, labels=I64([0, 1]), column_mask=U8([1, 0])), "labels", {"hard_weight": 1.0})
    file.invalid("weight-negative", "a weight below 0", dict(pair, row_weight=F32([1.0, -1.0])), "rowWeight")
    file.invalid("two-sided-mode", "no second side", pair, "twoSided", {"two_sided": True, "mode": "soft_ce"})
    file.invalid("two-sided-labels", "both sides and labels", dict(pair, labels=I64([0, 1])), "twoSided",
                 {"two_sided": True, "hard_weight": 1.0})
    file.invalid("top-k-mode", "not offered", {"student": z, "top_ids": I64([[0], [1]]),
                                               "top_probabilities": F32([[0.5], [0.5]])}, "teacher",
                 {"teacher": "top_k_raw", "mode": "js"})
    file.invalid("top-k-twice", "a column twice", {"student": z, "top_ids": I64([[0, 0], [1, 0]]),
                                                   "top_probabilities": F32([[0.5, 0.25], [0.5, 0.25]])}, "topIds",
                 {"teacher": "top_k_tail"})
    file.invalid("top-k-mass", "probabilities above 1 in sum", {"student": z, "top_ids": I64([[0, 1], [1, 0]]),
                                                                "top_probabilities": F32([[0.5, 0.75], [0.5, 0.25]])},
                 "topProbabilities", {"teacher": "top_k_tail"})


def main():
    check_printed()
    draw = Random(211)
    file = VectorFile("softmax_kl", "softmax_kl", NOTES)
    printed_cases(file)
    option_cases(file, draw)
    trap_cases(file, draw)
    bf16_cases(file, draw)
    invalid_cases(file)
    file.write()


if __name__ == "__main__":
    main()
