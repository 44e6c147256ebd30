# SPDX-License-Identifier: Apache-2.0
"""bert_adam (Kim et al., EMNLP 2022, training recipe): g' = g min(1, max_norm / (|g| + 1e-6)) over the whole tensor;
m = b1 m + (1 - b1) g'; v = b2 v + (1 - b2) g'^2; w -= l (m / (sqrt(v) + eps) + wd w); no bias correction."""

from mpmath import fsum, mpf, sqrt

from adamw import add as add_step
from adamw import common, state, step, zeros
from golden import F32, Random, VectorFile, exact, f32, flatten

NOTES = {
    "LargeLogits": {"bug": "squares of the gradient overflow in float32"},
    "NonFinite": {"bug": "a NaN gradient makes the norm NaN, and with it all elements"},
    "Saturate": {"bug": "a norm taken over a row, a chunk or all tensors instead of the one tensor"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "ZeroRow": {"bug": "a zero gradient: norm 0, factor 1"},
}
DEFAULTS = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-6, "weight_decay": 0.01, "max_norm": 1.0, "learning_rate": 1e-3,
            "step": 1}


def clip(g, max_norm):
    if max_norm == "Infinity":
        return mpf(1)
    norm = sqrt(fsum(exact(x) ** 2 for x in flatten(g)))
    return norm if norm != norm else min(mpf(1), exact(max_norm) / (norm + mpf("1e-6")))


def add(file, id, comment, w, g, m, v, flags=(), **params):
    factor = clip(g, params.get("max_norm", DEFAULTS["max_norm"]))
    add_step(file, id, comment, w, g, m, v, flags, defaults=DEFAULTS,
             update=lambda *element: step(*element, factor=factor, corrected=False), **params)


def check_printed():
    """Vector 9 of the collected test vectors: w = (1, -2), g = (3, 4), rate 2e-5, warm-up of a tenth of 10 steps."""
    printed = [(1, -2), (mpf("0.9999148"), mpf("-2.0000846")), (mpf("0.9998266"), mpf("-2.0001722"))]
    state = [(mpf(w), mpf(0), mpf(0)) for w in (1, -2)]
    grads = (3, 4)
    factor = clip([list(map(float, grads))], 1.0)
    for t, want in enumerate(printed):
        x = mpf(t) / 10
        rate = mpf(2e-5) * (x * 10 if x < mpf("0.1") else (x - 1) / (mpf("0.1") - 1))
        p = {**DEFAULTS, "learning_rate": rate}
        state = [step(w, g, m, v, p, factor, corrected=False)[0] for (w, m, v), g in zip(state, grads)]
        for (w, _, _), number in zip(state, want):
            assert abs(w - number) <= mpf("0.5e-7"), (t, w, number)


def main():
    check_printed()
    draw = Random(261)
    file = VectorFile("bert_adam", "bert_adam", NOTES)
    w, m, v = [[1.0, -2.0]], zeros(1, 2), zeros(1, 2)
    for t, multiplier in enumerate((0.0, 1.0, 8 / 9)):
        add(file, "printed-%d" % t, "the published vector, step %d, from the float32 state before it" % t, w, [[3.0, 4.0]], m, v,
            learning_rate=2e-5 * multiplier, step=t + 1)
        factor = clip([[3.0, 4.0]], 1.0)
        p = {**DEFAULTS, "learning_rate": 2e-5 * multiplier}
        after = [step(*e, p, factor, corrected=False)[0] for e in zip(w[0], (3.0, 4.0), m[0], v[0])]
        w, m, v = ([[f32(float(e[i])) for e in after]] for i in range(3))
    for id, comment, tensors in common(file, draw):
        add(file, id, comment, *tensors, flags=["TailLanes"])
    w, g, m, v = state(draw, 5, 33)
    big = [[f32(x * 300) for x in row] for row in g]
    add(file, "clipped", "a norm of about 40 over five rows", w, big, m, v, flags=["Saturate"])
    add(file, "max-norm", "another maximum", w, big, m, v, flags=["Saturate"], max_norm=5.0)
    add(file, "no-clip", "no maximum", w, big, m, v, max_norm="Infinity")
    add(file, "no-decay", "no weight decay, as for biases", w, g, m, v, weight_decay=0.0)
    add(file, "huge", "gradients of size 1e25", w, [[f32(x * 1e27) for x in row] for row in g], m, v,
        flags=["LargeLogits"])
    add(file, "zero", "zero gradient, zero moments", w, zeros(5, 33), zeros(5, 33), zeros(5, 33), flags=["ZeroRow"])
    add(file, "nan", "NaN in one gradient", [w[0][:5]], [[1.0, float("nan"), 2.0, 3.0, 4.0]], [m[0][:5]], [v[0][:5]],
        flags=["NonFinite"])
    one = F32([[1.0]])
    tensors = {"w": one, "g": one, "m": one, "v": one}
    file.invalid("max-norm-zero", "a maximum of 0", tensors, "maxNorm", params={"max_norm": 0.0})
    file.invalid("beta-one", "beta2 of 1", tensors, "beta2", params={"beta2": 1.0})
    file.invalid("shape", "a moment of another shape", {**tensors, "m": F32([[1.0, 2.0]])}, "firstMoment")
    file.write()


if __name__ == "__main__":
    main()
