# SPDX-License-Identifier: Apache-2.0
"""attention_kl from scores: sum over keys of q log(q / p), mean over real query rows, then over batch and heads."""

from mpmath import exp, fsum, log, mpf, sqrt

from golden import F32, F64, I32, U8, Random, VectorFile, exact, f32, flatten, numbers

NOTES = {
    "AllMasked": {"bug": "a row without a real key has loss 0 and gradient 0, and is counted among the real rows"},
    "OneUnmasked": {"bug": "a row with one real key has both probabilities 1: loss and gradient exactly 0"},
    "LargeLogits": {"bug": "exp overflows unless the row maximum is subtracted first"},
    "EqualDistributions": {"bug": "equal maps, or maps of scores that differ by a constant: no loss, no gradient"},
    "TinyDivergence": {"bug": "a difference of two sums of q log p loses the digits of a small divergence"},
    "NonFinite": {"bug": "masked entries may hold NaN or infinity and are never read; a teacher of -infinity adds 0"},
    "TailLanes": {"bug": "keys that are no multiple of a vector length"},
    "Clamp": {"bug": "the gradient of max(p, clamp) is 0 below the clamp, and the kept teacher mass is below 1"},
    "ZeroRow": {"bug": "an example of length 0 adds 0 and is counted in the mean over the batch"},
}

NAN = float("nan")
INF = float("inf")


def softmax(row):
    top = max(row)
    exps = [exp(v - top) if v != -INF else mpf(0) for v in row]
    total = fsum(exps)
    return [e / total for e in exps]


def row_loss(student, teacher, temperature, clamp):
    """Loss, gradient by the student scores, and magnitude of the gradient, of one row of real keys.

    A gradient is p - q, and its rounding error that of p and q: the magnitude is the larger of both.
    """
    if any(v != v or v == INF for v in student + teacher) or max(student) == -INF or max(teacher) == -INF:
        return NAN, [NAN] * len(student), [mpf(0)] * len(student)
    p = softmax([v / temperature if v != -INF else v for v in student])
    q = softmax([v / temperature if v != -INF else v for v in teacher])
    if clamp is None:
        if any(a == 0 and b > 0 for a, b in zip(p, q)):
            loss = INF
        else:
            loss = fsum(b * log(b / a) for a, b in zip(p, q) if b > 0)
        return loss, [(a - b) / temperature for a, b in zip(p, q)], [max(a, b) / temperature for a, b in zip(p, q)]
    for a in p:
        assert abs(a / clamp - 1) > 1e-4, "a probability too near to the clamp to be told apart in float32"
    clamped = [max(b, clamp) for b in q]
    loss = fsum(b * log(b / max(a, clamp)) for a, b in zip(p, clamped))
    mass = fsum(b for a, b in zip(p, clamped) if a > clamp)
    return (loss, [(a * mass - (b if a > clamp else 0)) / temperature for a, b in zip(p, clamped)],
            [max(a, b) / temperature for a, b in zip(p, clamped)])


def attention_kl(student, teacher, lengths, mask, params):
    temperature = exact(params.get("temperature", 1.0))
    clamp = exact(params["clamp"]) if "clamp" in params else None
    factor = exact(params.get("scale", 1.0)) * (temperature ** 2 if params.get("tau_squared") else 1)
    batch, heads, queries, keys = len(student), len(student[0]), len(student[0][0]), len(student[0][0][0])
    grad = [[[[mpf(0)] * keys for _ in range(queries)] for _ in range(heads)] for _ in range(batch)]
    size = [[[[mpf(0)] * keys for _ in range(queries)] for _ in range(heads)] for _ in range(batch)]
    total = mpf(0)
    for b in range(batch):
        length = keys if lengths is None else lengths[b]
        rows = length if lengths is not None and queries == keys else queries
        for h in range(heads):
            for i in range(rows):
                real = [j for j in range(length)
                        if (not params.get("causal") or j <= i) and (mask is None or mask[b][i][j])]
                if not real:
                    continue
                loss, row, sizes = row_loss([exact(student[b][h][i][j]) for j in real],
                                            [exact(teacher[b][h][i][j]) for j in real], temperature, clamp)
                total += loss / (batch * heads * rows)
                for j, g, m in zip(real, row, sizes):
                    grad[b][h][i][j] = g * factor / (batch * heads * rows)
                    size[b][h][i][j] = m * abs(factor) / (batch * heads * rows)
    return total * factor, grad, size


def add(file, id, comment, student, teacher, lengths=None, mask=None, params=None, flags=(), relative=2e-6,
        absolute=1e-8):
    params = params or {}
    loss, grad, size = attention_kl(student, teacher, lengths, mask, params)
    inputs = {"student_scores": F32(student), "teacher_scores": F32(teacher)}
    if lengths is not None:
        inputs["lengths"] = I32(lengths)
    if mask is not None:
        inputs["mask"] = U8(mask)
    file.case(id, comment, inputs,
              {"loss": F64([loss]), "grad_student_scores": F64(grad), "grad_student_scores.magnitude": F64(size)},
              params=params, flags=flags, relative=relative, absolute=absolute)
    return loss, grad


def add_qk(file, id, comment, draw, batch, heads, queries, keys, width, lengths=None, params=None):
    """From queries and keys: the scores are qk_scale Q K^T, and the gradient goes back through them."""
    params = dict(params or {}, input="qk")
    scale = exact(params.get("qk_scale", 1 / sqrt(mpf(width))))
    q, k, tq, tk = (draw.normal(batch, heads, n, width) for n in (queries, keys, queries, keys))

    def scores(left, right):
        return [[[[scale * fsum(exact(a) * exact(b) for a, b in zip(x, y)) for y in rk] for x in rq]
                 for rq, rk in zip(bq, bk)] for bq, bk in zip(left, right)]

    loss, grad, _ = attention_kl(scores(q, k), scores(tq, tk), lengths, None, params)
    grad_q = [[[[scale * fsum(g * exact(y[d]) for g, y in zip(row, k[b][h])) for d in range(width)]
                for row in grad[b][h]] for h in range(heads)] for b in range(batch)]
    grad_k = [[[[scale * fsum(grad[b][h][i][j] * exact(q[b][h][i][d]) for i in range(queries))
                 for d in range(width)] for j in range(keys)] for h in range(heads)] for b in range(batch)]
    inputs = {"student_q": F32(q), "student_k": F32(k), "teacher_q": F32(tq), "teacher_k": F32(tk)}
    if lengths is not None:
        inputs["lengths"] = I32(lengths)
    file.case(id, comment, inputs,
              {"loss": F64([loss]), "grad_student_q": F64(grad_q), "grad_student_k": F64(grad_k)},
              params=params, flags=["TailLanes"], relative=4e-6, absolute=2e-7)


def printed(file):
    """A worked example of the attention-map loss of arXiv 2211.11014; the masked column by lengths, by a mask, and as NaN."""
    student = [[[[1.0, 0.0, -10000.0], [0.5, -0.5, -10000.0], [2.0, 1.0, -10000.0]]]]
    teacher = [[[[0.0, 1.0, -10000.0], [0.0, 0.0, -10000.0], [0.0, 3.0, -10000.0]]]]
    loss, grad = add(file, "paper-maps", "a worked example, clamp 1e-8", student, teacher, [2],
                     params={"clamp": 1e-8})
    assert abs(loss - 0.2911158) < 5e-8
    for got, want in zip(flatten(grad), [0.2310586, -0.2310586, 0, 0.1155293, -0.1155293, 0, 0, 0, 0]):
        assert abs(got - want) < 5.1e-8, (got, want)
    unclamped, _ = add(file, "paper-maps-exact", "the same without a clamp", student, teacher, [2])
    assert abs(unclamped - loss) < 1e-12

    def poison(scores, value):
        return [[[[v if j < 2 and i < 2 else value for j, v in enumerate(row)] for i, row in enumerate(scores[0][0])]]]
    add(file, "paper-maps-nan", "the same, NaN and infinity where nothing is real", poison(student, NAN),
        poison(teacher, INF), [2], flags=["NonFinite"])


def scores(draw, *shape, deviation=2.0):
    return draw.normal(*shape, deviation=deviation), draw.normal(*shape, deviation=deviation)


def add_rows_without_softmax(file):
    """The last of two rows has none: in the student or in the teacher, with each loss; a masked key stays 0."""
    good = [0.5, 1.0, 2.0, -1.0]
    bad = {"plus-infinity": [0.5, INF, 2.0, -1.0], "all-minus-infinity": [-INF] * 3 + [1.0]}
    for name, row in bad.items():
        for model in ("student", "teacher"):
            for clamp in ({}, {"clamp": 1e-8}):
                models = [[[[good, row]]], [[[good, good]]]]
                student, teacher = models if model == "student" else models[::-1]
                add(file, f"{name}-{model}" + ("-clamp" if clamp else ""), "a row without a softmax, beside one with it",
                    student, teacher, mask=[[[1, 1, 1, 0]] * 2], params=clamp, flags=["NonFinite"])


def main():
    draw = Random(202)
    file = VectorFile("attention_kl", "attention_kl", NOTES)
    printed(file)
    for keys in (1, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        add(file, "keys-%d" % keys, "a tail of every kind", *scores(draw, 1, 1, 2, keys),
            flags=["TailLanes"] + (["OneUnmasked"] if keys == 1 else []))
    add(file, "batch-heads", "two examples, three heads, lengths 5 and 2 of 5", *scores(draw, 2, 3, 5, 5), [5, 2])
    add(file, "length-0", "an example without a token", *scores(draw, 3, 2, 4, 4), [4, 0, 1],
        flags=["ZeroRow", "OneUnmasked"])
    add(file, "cross", "queries differ from keys: lengths limit keys only", *scores(draw, 2, 2, 3, 5), [5, 2])
    add(file, "causal", "the key index is at most the query index", *scores(draw, 1, 2, 5, 5),
        params={"causal": True}, flags=["OneUnmasked"])
    add(file, "causal-lengths", "causal and lengths", *scores(draw, 2, 1, 5, 5), [3, 5], params={"causal": True})
    add(file, "causal-wide", "causal with more keys than queries, and with fewer", *scores(draw, 1, 1, 3, 6),
        params={"causal": True})
    add(file, "causal-tall", "causal with fewer keys than queries", *scores(draw, 1, 1, 6, 3), params={"causal": True})
    mask = [[[1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0], [255, 1, 1, 1, 1, 2]],
            [[0, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 0, 0], [1, 0, 0, 0, 0, 1]]]
    student, teacher = scores(draw, 2, 2, 4, 6)
    for b in range(2):
        for h in range(2):
            for i in range(4):
                for j in range(6):
                    if not mask[b][i][j]:
                        student[b][h][i][j], teacher[b][h][i][j] = NAN, -INF
    add(file, "mask", "an explicit mask for all heads; a row without a key, one with one; NaN below it", student,
        teacher, mask=mask, flags=["AllMasked", "OneUnmasked", "NonFinite"])
    add(file, "mask-causal-lengths", "all three masks together", *scores(draw, 2, 2, 6, 6), [6, 4],
        draw.integers(0, 2, 2, 6, 6), params={"causal": True}, flags=["AllMasked"])
    for tau in (0.1, 5.0, 20.0):
        student, teacher = scores(draw, 1, 2, 4, 9, deviation=1.0)
        # Scores / temperature carry their rounding times their size into the probabilities.
        relative = 1e-5 if tau < 1 else 2e-6
        add(file, "tau-%g" % tau, "a temperature", student, teacher, params={"temperature": tau}, relative=relative)
        add(file, "tau-%g-squared" % tau, "with the squared temperature as a factor", student, teacher,
            params={"temperature": tau, "tau_squared": True}, relative=relative)
    add(file, "scale", "a factor of loss and gradient", *scores(draw, 1, 2, 3, 5), params={"scale": -2.5})
    add(file, "clamp-dead", "probabilities below the clamp on either side and on both",
        [[[[0.0, -30.0, 1.0, -25.0], [0.0, 0.5, -40.0, 2.0]]]], [[[[1.0, 0.0, -20.0, -30.0], [-50.0, 0.0, 2.0, 3.0]]]],
        params={"clamp": 1e-8}, flags=["Clamp"])
    add(file, "clamp-large", "a clamp that catches most of the map", *scores(draw, 1, 1, 4, 33),
        params={"clamp": 0.03}, flags=["Clamp", "TailLanes"])
    add(file, "clamp-tau", "a clamp after a temperature", *scores(draw, 2, 1, 3, 3), [3, 2],
        params={"clamp": 1e-8, "temperature": 0.1}, flags=["Clamp"], relative=1e-5)
    add(file, "clamp-minus-infinity", "probability 0 under a clamp costs a finite amount",
        [[[[0.0, -INF, 1.0]]]], [[[[-INF, 0.0, 1.0]]]], params={"clamp": 1e-8}, flags=["Clamp", "NonFinite"])
    add(file, "large", "scores around 1000 and -1000, and 300 apart",
        [[[[f32(v + 1000) for v in draw.normal(9)], [f32(v - 1000) for v in draw.normal(9)],
           [0.0, 300.0, 0.0, 299.5, -300.0, 300.0, 1.0, 2.0, 3.0]]]],
        [[[[f32(v - 1000) for v in draw.normal(9)], [f32(v - 1000) for v in draw.normal(9)],
           [0.0, 300.0, 0.0, 301.5, -300.0, 300.0, 1.0, 2.0, 3.0]]]], flags=["LargeLogits"])
    add(file, "far-apart", "teacher and student agree on nothing: the loss is about 200",
        [[[[200.0, 0.0, 1.0]]]], [[[[0.0, 200.0, 1.0]]]], flags=["LargeLogits"])
    add(file, "spread", "scores from -3e38 to 3e38", [[[[f32(-3e38), 0.0, f32(3e38), f32(3e38)]]]],
        [[[[f32(-3e38), f32(-3e38), f32(3e38), f32(3e38)]]]], flags=["LargeLogits"])
    same = draw.normal(1, 1, 3, 17, deviation=3.0)
    add(file, "equal", "equal scores: exactly 0", same, same, flags=["EqualDistributions"], absolute=1e-300)
    add(file, "equal-clamp", "equal scores under a clamp that catches nothing", same, same, params={"clamp": 1e-8},
        flags=["EqualDistributions"], absolute=1e-300)
    eighths = [[[[round(v * 8) / 8 for v in row] for row in same[0][0]]]]
    shifted = [[[[v + 4.0 for v in row] for row in eighths[0][0]]]]
    # What is left is the square of the rounding of the difference of two log-sums.
    add(file, "equal-shifted", "scores that differ by a constant", shifted, eighths, flags=["EqualDistributions"],
        absolute=1e-12)
    tiny = [[[[f32(v + d) for v, d in zip(row, draw.normal(17, deviation=1e-4))] for row in same[0][0]]]]
    loss, _, _ = attention_kl(tiny, same, None, None, {})
    assert 1e-10 < loss < 1e-8
    add(file, "tiny", "a divergence of about 5e-9, whose digits count", tiny, same, flags=["TinyDivergence"],
        relative=3e-5, absolute=1e-14)
    add(file, "teacher-minus-infinity", "a teacher probability of 0 adds 0", [[[[0.5, -1.0, 2.0]]]],
        [[[[0.25, -INF, 1.0]]]], flags=["NonFinite"])
    add(file, "student-minus-infinity", "a student probability of 0 where the teacher's is not",
        [[[[0.5, -INF, 2.0]]]], [[[[0.25, 0.0, 1.0]]]], flags=["NonFinite"])
    add(file, "both-minus-infinity", "a probability of 0 of both", [[[[0.5, -INF, 2.0]]]], [[[[0.25, -INF, 1.0]]]],
        flags=["NonFinite"])
    add(file, "nan-row", "NaN in a row: its gradient and the loss are NaN, the other row is not",
        [[[[0.5, NAN, 2.0], [0.5, 1.0, 2.0]]]], [[[[0.25, 0.0, 1.0], [0.0, 1.0, 0.0]]]], flags=["NonFinite"])
    add_rows_without_softmax(file)
    ok = {"student_scores": F32([[[[1.0, 2.0]]]]), "teacher_scores": F32([[[[1.0, 2.0]]]])}
    file.invalid("temperature-0", "a temperature of 0", ok, "temperature", {"temperature": 0.0})
    file.invalid("clamp-1", "a clamp of 1", ok, "clamp", {"clamp": 1.0})
    file.invalid("scale-nan", "a factor that is no number", ok, "scale", {"scale": "NaN"})
    file.invalid("length-3", "a length above the keys", dict(ok, lengths=I32([3])), "lengths")
    file.invalid("length-negative", "a length below 0", dict(ok, lengths=I32([-1])), "lengths")
    file.invalid("lengths-2", "more lengths than examples", dict(ok, lengths=I32([1, 1])), "lengths")
    file.invalid("mask-shape", "a mask of another shape", dict(ok, mask=U8([[[1, 1, 1]]])), "mask")
    file.invalid("teacher-shape", "maps of different size", dict(ok, teacher_scores=F32([[[[1.0]]]])), "teacherScores")
    file.invalid("no-keys", "no key", {"student_scores": F32([[[[]]]]), "teacher_scores": F32([[[[]]]])}, "shape")
    draw = Random(907)
    add_qk(file, "qk", "scores from queries and keys, scale 1 / sqrt(width)", draw, 2, 2, 5, 5, 3)
    add_qk(file, "qk-lengths", "with lengths, one of them 0", draw, 3, 2, 4, 4, 5, lengths=[4, 0, 2])
    add_qk(file, "qk-causal", "causal, a temperature and a scale of one's own", draw, 1, 2, 6, 6, 4,
           params={"causal": True, "temperature": 2.0, "tau_squared": True, "qk_scale": 0.5})
    add_qk(file, "qk-cross", "more keys than queries", draw, 2, 1, 3, 7, 4, lengths=[7, 5])
    file.invalid("qk-clamp", "a clamp belongs to scores", {name: F32(draw.normal(1, 1, 2, 2)) for name in
                 ("student_q", "student_k", "teacher_q", "teacher_k")}, "clamp", {"input": "qk", "clamp": 1e-8})
    file.write()


if __name__ == "__main__":
    main()
