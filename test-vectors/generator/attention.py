# SPDX-License-Identifier: Apache-2.0
"""attention: A = scale Q K^T, P = softmax over the entries not masked, C = P V, and the gradients of
sum grad_context C + sum grad_scores A (Vaswani et al., arXiv 1706.03762).

Parameters: heads (1), scale (1 / sqrt(width)), causal (false), masked_score (-10000).
Inputs: query [batch, queries, heads * width], key and value [batch, keys, heads * width], lengths [batch] I32,
mask U8 [batch, queries, keys] (1 keeps), grad_context like query, grad_scores [batch, heads, queries, keys] (0 at
masked entries). Expects: scores (masked_score at masked entries), maps (0 there), context, grad_query, grad_key,
grad_value.
"""

from mpmath import exp, fsum, mpf, sqrt

from golden import F32, F64, I32, U8, Random, VectorFile, exact, f32, numbers

NOTES = {
    "TailLanes": {"bug": "keys or widths that are no multiple of a vector length"},
    "AllMasked": {"bug": "a query without a real key has a row of 0 in the maps, not NaN and not 1 / keys"},
    "OneUnmasked": {"bug": "a query with one real key has probability exactly 1 there"},
    "LargeLogits": {"bug": "exp overflows unless the largest real score is subtracted first"},
    "NonFinite": {"bug": "NaN in a key that no query may see must not reach scores and maps"},
}

NAN = float("nan")


def zeros(*shape):
    return mpf(0) if not shape else [zeros(*shape[1:]) for _ in range(shape[0])]


def forward(q, k, v, heads, scale, masked_score, masked):
    """Scores, maps and context; masked(b, i, j) tells what is masked."""
    width = len(q[0][0]) // heads
    scores, maps, context = [], [], zeros(len(q), len(q[0]), len(q[0][0]))
    for b in range(len(q)):
        scores.append([])
        maps.append([])
        for h in range(heads):
            cols = range(h * width, (h + 1) * width)
            s = [[exact(masked_score) if masked(b, i, j) else scale * fsum(q[b][i][c] * k[b][j][c] for c in cols)
                  for j in range(len(k[b]))] for i in range(len(q[b]))]
            p = [softmax([x for j, x in enumerate(row) if not masked(b, i, j)],
                         [masked(b, i, j) for j in range(len(row))]) for i, row in enumerate(s)]
            scores[b].append(s)
            maps[b].append(p)
            for i in range(len(q[b])):
                for c in cols:
                    context[b][i][c] = fsum(p[i][j] * v[b][j][c] for j in range(len(v[b])))
    return scores, maps, context


def softmax(real, masked):
    top = max(real) if real else mpf(0)
    total = fsum(exp(x - top) for x in real)
    remaining = iter(real)
    return [mpf(0) if m else exp(next(remaining) - top) / total for m in masked]


def backward(q, k, v, heads, scale, maps, grad_context, grad_scores):
    width = len(q[0][0]) // heads
    gq, gk, gv = (zeros(len(x), len(x[0]), len(x[0][0])) for x in (q, k, v))
    for b in range(len(q)):
        for h in range(heads):
            cols = range(h * width, (h + 1) * width)
            p = maps[b][h]
            queries, keys = range(len(q[b])), range(len(k[b]))
            gp = [[fsum(grad_context[b][i][c] * v[b][j][c] for c in cols) for j in keys] for i in queries]
            ga = []
            for i in queries:
                dot = fsum(gp[i][j] * p[i][j] for j in keys)
                further = grad_scores[b][h][i] if grad_scores else [0] * len(k[b])
                ga.append([p[i][j] * (gp[i][j] - dot) + further[j] for j in keys])
            for c in cols:
                for j in keys:
                    gv[b][j][c] = fsum(p[i][j] * grad_context[b][i][c] for i in queries)
                    gk[b][j][c] = scale * fsum(ga[i][j] * q[b][i][c] for i in queries)
                for i in queries:
                    gq[b][i][c] = scale * fsum(ga[i][j] * k[b][j][c] for j in keys)
    return gq, gk, gv


def add(file, id, comment, shape, draw, params=None, lengths=None, mask=None, deviation=1.0, gradients=True,
        with_scores=False, key_change=None, flags=()):
    """Adds a case with random tensors; shape is (batch, heads, queries, keys, width)."""
    batch, heads, queries, keys, width = shape
    params = dict(params or {})
    if heads != 1:
        params["heads"] = heads
    q = draw.normal(batch, queries, heads * width, deviation=deviation)
    k = draw.normal(batch, keys, heads * width)
    v = draw.normal(batch, keys, heads * width)
    if key_change:
        key_change(k)
    scale = exact(params["scale"]) if "scale" in params else 1 / sqrt(mpf(width))
    masked_score = params.get("masked_score", -10000.0)

    def masked(b, i, j):
        return bool(params.get("causal") and j > i or lengths is not None and j >= lengths[b]
                    or mask is not None and mask[b][i][j] == 0)

    inputs = {"query": F32(q), "key": F32(k), "value": F32(v)}
    if lengths is not None:
        inputs["lengths"] = I32(lengths)
    if mask is not None:
        inputs["mask"] = U8(mask)
    q, k, v = numbers(q), numbers(k), numbers(v)
    scores, maps, context = forward(q, k, v, heads, scale, masked_score, masked)
    expect = {"scores": F64(scores), "maps": F64(maps), "context": F64(context)}
    if gradients:
        grad_context = draw.normal(batch, queries, heads * width)
        inputs["grad_context"] = F32(grad_context)
        grad_scores = None
        if with_scores:
            grad_scores = draw.normal(batch, heads, queries, keys)
            for b in range(batch):
                for h in range(heads):
                    for i in range(queries):
                        for j in range(keys):
                            if masked(b, i, j):
                                grad_scores[b][h][i][j] = 0.0
            inputs["grad_scores"] = F32(grad_scores)
            grad_scores = numbers(grad_scores)
        gq, gk, gv = backward(q, k, v, heads, scale, maps, numbers(grad_context), grad_scores)
        expect.update(grad_query=F64(gq), grad_key=F64(gk), grad_value=F64(gv))
    file.case(id, comment, inputs, expect, params=params, flags=flags, relative=4e-6, absolute=4e-6)


def main():
    draw = Random(307)
    file = VectorFile("attention", "attention", NOTES)
    add(file, "one", "one query, one key, width 1", (1, 1, 1, 1, 1), draw)
    add(file, "small", "two examples, two heads", (2, 2, 3, 4, 5), draw)
    add(file, "scale", "an explicit scale", (1, 2, 3, 3, 4), draw, params={"scale": 0.75})
    add(file, "scale-negative", "a scale below 0", (1, 1, 2, 3, 4), draw, params={"scale": -0.5})
    add(file, "scale-0", "a scale of 0: uniform maps, no gradient by query and key", (1, 1, 2, 3, 4), draw,
        params={"scale": 0.0})
    for keys in (1, 3, 7, 15, 16, 17, 31, 33, 65):
        add(file, "keys-%d" % keys, "rows of maps with a tail of every kind", (1, 1, 2, keys, 3), draw,
            flags=["TailLanes"])
    for width in (1, 3, 7, 15, 16, 17, 31, 33, 65):
        add(file, "width-%d" % width, "heads with a tail of every kind", (1, 2 if width < 31 else 1, 2, 3, width), draw,
            flags=["TailLanes"])
    add(file, "queries-13", "more queries than a tile has rows", (1, 1, 13, 5, 4), draw)
    add(file, "lengths", "padded keys, an example without a key, one with a single key", (4, 2, 3, 5, 3), draw,
        lengths=[3, 0, 5, 1], flags=["AllMasked", "OneUnmasked"])
    add(file, "causal", "causal mask, as many queries as keys", (1, 2, 5, 5, 3), draw, params={"causal": True},
        flags=["OneUnmasked"])
    add(file, "causal-wide", "causal mask, more keys than queries", (1, 1, 3, 6, 3), draw, params={"causal": True})
    add(file, "causal-tall", "causal mask, more queries than keys", (1, 1, 6, 3, 3), draw, params={"causal": True})
    add(file, "mask", "an explicit mask; a row without a real key, one with a single one", (1, 2, 4, 5, 3), draw,
        mask=[[[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [1, 1, 1, 1, 1]]],
        flags=["AllMasked", "OneUnmasked"])
    for with_scores in (False, True):
        add(file, "all-masks" + ("-grad-scores" if with_scores else ""), "lengths, causal and explicit mask together",
            (2, 2, 4, 19, 4), draw, params={"causal": True}, lengths=[17, 4],
            mask=draw.integers(0, 2, 2, 4, 19), with_scores=with_scores, flags=["AllMasked", "TailLanes"])
    add(file, "grad-scores", "a further gradient by the scores", (1, 2, 3, 17, 4), draw, with_scores=True)
    add(file, "masked-score-large", "a masked score above all real ones takes no part in the softmax",
        (1, 1, 3, 5, 3), draw, params={"masked_score": 50.0}, lengths=[3])
    add(file, "masked-score-0", "a masked score of 0", (1, 1, 3, 5, 3), draw, params={"masked_score": 0.0},
        mask=[[[1, 0, 1, 0, 1], [0, 1, 0, 1, 0], [1, 1, 0, 0, 0]]])
    add(file, "large", "scores in the hundreds", (1, 1, 3, 9, 4), draw, params={"scale": 1.0}, deviation=64.0,
        gradients=False, flags=["LargeLogits"],
        key_change=lambda k: round_to(k, 8))
    add_unseen_nan(file, draw)
    q, k = draw.normal(1, 2, 6), draw.normal(1, 3, 6)
    inputs = {"query": F32(q), "key": F32(k), "value": F32(k)}
    file.invalid("heads", "columns that the heads do not divide", inputs, "query", params={"heads": 4})
    file.invalid("length-above", "a length above the keys", dict(inputs, lengths=I32([4])), "lengths")
    file.invalid("length-negative", "a negative length", dict(inputs, lengths=I32([-1])), "lengths")
    file.invalid("mask-shape", "a mask of another shape", dict(inputs, mask=U8([[[1, 1], [1, 1]]])), "mask")
    file.invalid("scale-infinite", "an infinite scale", inputs, "scale", params={"scale": "Infinity"})
    file.invalid("masked-score-infinite", "an infinite masked score", inputs, "masked",
                 params={"masked_score": "-Infinity"})
    file.invalid("value-shape", "fewer values than keys", dict(inputs, value=F32(draw.normal(1, 2, 6))), "value")
    file.write()


def round_to(values, steps):
    """Rounds the numbers of a key tensor to multiples of 1 / steps, in place."""
    for example in values:
        for row in example:
            for c, value in enumerate(row):
                row[c] = f32(round(value * steps) / steps)


def add_unseen_nan(file, draw):
    """A key beyond the length holds NaN: scores and maps of the real keys do not know it."""
    q, k, v = draw.normal(1, 2, 3), draw.normal(1, 4, 3), draw.normal(1, 4, 3)
    masked = lambda b, i, j: j >= 2
    scores, maps, context = forward(numbers(q), numbers(k), numbers(v), 1, 1 / sqrt(mpf(3)), -10000.0, masked)
    k[0][2] = [NAN] * 3
    k[0][3] = [float("inf"), 1.0, NAN]
    file.case("nan-unseen", "NaN and infinity in keys beyond the length",
              {"query": F32(q), "key": F32(k), "value": F32(v), "lengths": I32([2])},
              {"scores": F64(scores), "maps": F64(maps), "context": F64(context)}, flags=["NonFinite"],
              relative=4e-6, absolute=4e-6)


if __name__ == "__main__":
    main()
