# SPDX-License-Identifier: Apache-2.0
"""adamw (Loshchilov and Hutter): w -= l wd w; m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2;
w -= l (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)."""

from mpmath import sqrt

from golden import F32, F64, Random, VectorFile, exact, f32

NOTES = {
    "Cancellation": {"bug": "b1 m and (1 - b1) g of opposite signs; the error is measured against their sizes"},
    "NonFinite": {"bug": "NaN in a gradient must stay in its element"},
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "ZeroRow": {"bug": "a gradient of 0 with moments of 0 moves nothing but the decay; eps keeps 0 / 0 away"},
}
DEFAULTS = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01, "learning_rate": 1e-3, "step": 1}


def step(w, g, m, v, p, factor=1, corrected=True):
    """One element; returns w, m, v and the sizes of what was added up for each."""
    b1, b2, eps, wd, rate = (exact(p[k]) for k in ("beta1", "beta2", "eps", "weight_decay", "learning_rate"))
    c1, c2 = (1 - b1 ** p["step"], 1 - b2 ** p["step"]) if corrected else (1, 1)
    w, m, v, g = exact(w), exact(m), exact(v), exact(g) * factor
    moment = b1 * m + (1 - b1) * g
    second = b2 * v + (1 - b2) * g * g
    slope = rate / c1 / (sqrt(second / c2) + eps)
    size = abs(b1 * m) + abs((1 - b1) * g)
    return (w * (1 - rate * wd) - slope * moment, moment, second), (abs(w) + slope * size, size, second)


def add(file, id, comment, w, g, m, v, flags=(), update=step, defaults=None, **params):
    p = dict(defaults or DEFAULTS)
    p.update(params)
    results = [[update(*element, p) for element in zip(*rows)] for rows in zip(w, g, m, v)]
    expect = {}
    for i, name in enumerate("wmv"):
        expect[name] = F64([[e[0][i] for e in row] for row in results])
        if name == "v":
            continue  # a sum of positive terms
        expect[name + ".magnitude"] = F64([[0 if e[1][i] != e[1][i] else e[1][i] for e in row] for row in results])
    # 4 ulp of 2^-23 at most.
    file.case(id, comment, {"w": F32(w), "g": F32(g), "m": F32(m), "v": F32(v)}, expect, params=params, flags=flags,
              relative=4.8e-7, absolute=1e-30)


def state(draw, rows, cols):
    """Parameter, gradient and moments of a run under way."""
    w, g = draw.normal(rows, cols, deviation=0.05), draw.normal(rows, cols, deviation=0.01)
    m, v = draw.normal(rows, cols, deviation=0.005), draw.uniform(1e-6, 1e-4, rows, cols)
    return w, g, m, v


def zeros(rows, cols):
    return [[0.0] * cols for _ in range(rows)]


def common(file, draw):
    """The cases that adamw and bert_adam share in kind."""
    return [("cols-%d" % cols, "a tail of every kind", state(draw, 3, cols)) for cols in
            (1, 3, 7, 15, 16, 17, 31, 33, 65, 257)]


def main():
    # By hand: the first step from zero moments moves each weight by the learning rate against the gradient's sign.
    moved = step(1.0, 0.5, 0.0, 0.0, {**DEFAULTS, "eps": 0.0, "weight_decay": 0.0})[0][0]
    assert abs(moved - (1 - exact(1e-3))) < 1e-40
    draw = Random(251)
    file = VectorFile("adamw", "adamw", NOTES)
    for id, comment, tensors in common(file, draw):
        add(file, id, comment, *tensors, flags=["TailLanes"], step=10)
    w, g, _, _ = state(draw, 2, 20)
    add(file, "first-step", "from zero moments", w, g, zeros(2, 20), zeros(2, 20), learning_rate=0.01)
    add(file, "late", "corrections of almost 1", *state(draw, 1, 33), step=100000)
    add(file, "pet", "no correction to speak of, beta2 0.98", *state(draw, 1, 33), beta2=0.98, weight_decay=1e-4, step=300,
        learning_rate=5e-4)
    add(file, "no-momentum", "both betas 0", *state(draw, 1, 19), beta1=0.0, beta2=0.0, step=3)
    add(file, "no-rate", "learning rate 0 still moves the moments", *state(draw, 1, 19), learning_rate=0.0, step=3)
    w, g, m, v = state(draw, 1, 19)
    add(file, "opposed", "moment against gradient", w, [[f32(-9 * x) for x in m[0]]], m, v, flags=["Cancellation"], step=5)
    add(file, "zero", "zero gradient, zero moments", w, zeros(1, 19), zeros(1, 19), zeros(1, 19), flags=["ZeroRow"])
    add(file, "nan", "NaN in one gradient", w, [[float("nan") if i == 5 else x for i, x in enumerate(g[0][:19])]], m, v,
        flags=["NonFinite"], step=2)
    one = F32([[1.0]])
    tensors = {"w": one, "g": one, "m": one, "v": one}
    file.invalid("beta-one", "beta1 of 1", tensors, "beta1", params={"beta1": 1.0})
    file.invalid("step-zero", "steps count from 1", tensors, "step", params={"step": 0})
    file.invalid("negative-rate", "a learning rate below 0", tensors, "learningRate", params={"learning_rate": -1e-3})
    file.invalid("shape", "a gradient of another shape", {**tensors, "g": F32([[1.0, 2.0]])}, "gradient")
    file.write()


if __name__ == "__main__":
    main()
