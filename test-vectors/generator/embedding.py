# SPDX-License-Identifier: Apache-2.0
"""embedding: y_i = scale * table[ids_i]; grad_table[ids_i] += scale * grad_y_i, but for the padding index."""

from mpmath import fsum

from golden import F32, F64, I64, Random, VectorFile, exact, f32, numbers

NOTES = {
    "TailLanes": {"bug": "columns that are no multiple of a vector length"},
    "RepeatedIndex": {"bug": "positions with the same index must add up, none lost"},
    "PaddingIndex": {"bug": "the row of the padding index gets no gradient, its value is still read"},
    "Accumulates": {"bug": "the gradient is added to what is there"},
    "NonFinite": {"bug": "NaN and infinities stay in the rows that hold them, and unused rows are not touched"},
}


def add(file, id, comment, table, ids, grad, scale=1.0, padding=None, start=None, flags=()):
    params = {}
    if scale != 1.0:
        params["scale"] = scale
    if padding is not None:
        params["padding_index"] = padding
    exact_table, factor = numbers(table), exact(f32(scale))
    inputs = {"table": F32(table), "ids": I64(ids)}
    expect = {"y": F64([[factor * v for v in exact_table[i]] for i in ids])}
    if grad is not None:
        inputs["grad_y"] = F32(grad)
        if start is not None:
            inputs["grad_table_before"] = F32(start)
        gradients, magnitudes = [], []
        for row in range(len(table)):
            terms = [[] if start is None else [exact(start[row][c])] for c in range(len(table[0]))]
            for i, index in enumerate(ids):
                if index == row and index != padding:
                    for c, g in enumerate(grad[i]):
                        terms[c].append(factor * exact(g))
            gradients.append([fsum(t) for t in terms])
            magnitudes.append([fsum(abs(v) for v in t) for t in terms])
        expect["grad_table"] = F64(gradients)
        expect["grad_table.magnitude"] = F64(magnitudes)
    file.case(id, comment, inputs, expect, params=params, flags=flags, relative=1e-6, absolute=1e-37)


def main():
    draw = Random(707)
    file = VectorFile("embedding", "embedding", NOTES)
    add(file, "small", "five positions of a table of four rows", draw.normal(4, 5), [2, 0, 3, 3, 1], draw.normal(5, 5),
        flags=["RepeatedIndex"])
    for cols in (1, 3, 7, 15, 16, 17, 31, 33, 65, 129, 257):
        add(file, "cols-%d" % cols, "a tail of every kind", draw.normal(3, cols), [1, 0, 1], draw.normal(3, cols),
            flags=["TailLanes", "RepeatedIndex"])
    add(file, "scaled", "the factor sqrt(width) of the Transformer", draw.normal(6, 8),
        draw.integers(0, 6, 11), draw.normal(11, 8), scale=f32(8 ** 0.5), flags=["RepeatedIndex"])
    add(file, "padding", "index 0 is padding", draw.normal(5, 6), [3, 0, 1, 0, 0, 4], draw.normal(6, 6), padding=0,
        flags=["PaddingIndex"])
    add(file, "accumulates", "a gradient that is not zero before", draw.normal(4, 9), [1, 1, 2], draw.normal(3, 9),
        start=draw.normal(4, 9), flags=["Accumulates", "RepeatedIndex"])
    add(file, "one-word", "all positions the same word", draw.normal(2, 19), [1] * 40, draw.normal(40, 19),
        flags=["RepeatedIndex"])
    inf, nan = float("inf"), float("nan")
    add(file, "non-finite", "NaN and infinities in rows read and not read",
        [[1.0, 2.0, 3.0], [nan, inf, -inf], [nan, nan, nan], [4.0, 5.0, 6.0]], [3, 1, 0], None, flags=["NonFinite"])
    table = F32(draw.normal(3, 2))
    file.invalid("index-high", "an index behind the table", {"table": table, "ids": I64([0, 3])},
                 "ids: given 3 at position 1")
    file.invalid("index-negative", "a negative index", {"table": table, "ids": I64([-1])}, "ids: given -1 at position 0")
    file.invalid("scale-nan", "a factor that is no number", {"table": table, "ids": I64([0])}, "scale",
                 params={"scale": "NaN"})
    file.invalid("padding-negative", "a padding index below -1", {"table": table, "ids": I64([0])}, "paddingIndex",
                 params={"padding_index": -2})
    file.write()


if __name__ == "__main__":
    main()
