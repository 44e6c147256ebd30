# SPDX-License-Identifier: Apache-2.0
"""dropout: y = residual + keep x / (1 - p), grad_x = keep grad_y / (1 - p); element i = r cols + c is kept if word i mod
4 of Philox4x32-10 with counter (i / 4, stream) and key seed is at least round(p 2^32).

Parameters of a case: probability; seed and stream, 64-bit integers as JSON numbers or, above 2^53, decimal strings.
Inputs x [rows, cols], residual and grad_y of the same shape (both optional). Expects y, and grad_x where grad_y is given.
"""

from mpmath import mpf

from golden import F32, F64, Random, VectorFile, exact, f32

NOTES = {
    "NonFinite": {"bug": "a dropped NaN or infinity must give 0, not NaN times 0"},
    "StridedRows": {"bug": "a mask by position in memory, or by row and column of a padded row, not by r cols + c"},
    "TailLanes": {"bug": "rows that begin inside a block of four words"},
    "Saturate": {"bug": "a threshold of 2^32 wraps to 0 and drops nothing"},
}
WORD = 0xFFFFFFFF


def philox(counter, key):
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & WORD, (p0 >> 32) ^ c3 ^ k1, p0 & WORD
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return c0, c1, c2, c3


def check_known_answers():
    """The known answers published with Random123 (kat_vectors, philox4x32 10)."""
    assert philox((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert philox((WORD,) * 4, (WORD, WORD)) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)
    assert philox((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0)) == (
        0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)


def kept(element, probability, seed, stream):
    block = element // 4
    words = philox((block & WORD, block >> 32, stream & WORD, stream >> 32), (seed & WORD, seed >> 32))
    # 2^32 probability is exact in binary64; round half up, at most the largest word.
    return words[element % 4] >= min(int(probability * 2 ** 32 + 0.5), WORD)


def add(file, id, comment, x, residual, grad, probability, seed, stream, flags=()):
    cols = len(x[0])
    scale = 1 / (1 - mpf(probability))
    keep = [[kept(r * cols + c, probability, seed, stream) for c in range(cols)] for r in range(len(x))]

    def drop(values):
        return [[exact(v) * scale if k else mpf(0) for v, k in zip(row, line)] for row, line in zip(values, keep)]

    y = drop(x)
    inputs = {"x": F32(x)}
    if residual is not None:
        inputs["residual"] = F32(residual)
        y = [[a + exact(b) for a, b in zip(row, line)] for row, line in zip(y, residual)]
    expect = {"y": F64(y)}
    if grad is not None:
        inputs["grad_y"] = F32(grad)
        expect["grad_x"] = F64(drop(grad))
    sizes = [[abs(exact(v)) * scale + (abs(exact(residual[r][c])) if residual else 0) for c, v in enumerate(row)]
             for r, row in enumerate(x)]
    expect["y.magnitude"] = F64([[0 if s != s or s == float("inf") else s for s in row] for row in sizes])

    def name(number):
        return number if number < 2 ** 53 else str(number)

    # One rounding of the factor, one of the product, one of the sum; a dropped element must be exactly 0.
    file.case(id, comment, inputs, expect, flags=flags, relative=1.8e-7, absolute=0,
              params={"probability": probability, "seed": name(seed), "stream": name(stream)})


def main():
    check_known_answers()
    draw = Random(241)
    inf, nan = float("inf"), float("nan")
    file = VectorFile("dropout", "dropout", NOTES)
    for cols in (1, 3, 7, 15, 16, 17, 31, 33, 65, 257):
        add(file, "cols-%d" % cols, "rows that begin inside a block", draw.normal(5, cols), None, draw.normal(5, cols), 0.25,
            20221107, cols, ["TailLanes", "StridedRows"])
    add(file, "residual", "with a residual", draw.normal(3, 21), draw.normal(3, 21), draw.normal(3, 21), 0.1, 7, 11)
    add(file, "half", "factor 2", draw.normal(2, 40), draw.normal(2, 40), None, 0.5, 1, 0)
    add(file, "keep-all", "probability 0", draw.normal(2, 9), None, draw.normal(2, 9), 0.0, 3, 4)
    add(file, "keep-few", "probability 0.99", draw.normal(2, 150), None, draw.normal(2, 150), 0.99, 3, 4)
    add(file, "near-one", "a probability that rounds to 2^32 of 2^32", draw.normal(1, 40), None, None, 1 - 2.0 ** -40, 3, 4,
        ["Saturate"])
    add(file, "wide-seed", "all 64 bits of seed and stream", draw.normal(2, 33), None, draw.normal(2, 33), 0.3,
        0xFEDCBA9876543210, 0x8123456789ABCDEF)
    wild = [[nan, inf, -inf, 1.0, nan, inf, -inf, nan] * 4]
    keep = [kept(i, 0.5, 5, 6) for i in range(32)]
    # Only where they are dropped: what is kept is an ordinary number.
    add(file, "non-finite", "NaN and infinities, all dropped",
        [[1.0 if k else v for v, k in zip(wild[0], keep)]], None, None, 0.5, 5, 6, ["NonFinite"])
    file.invalid("probability-one", "nothing would be kept", {"x": F32(draw.normal(1, 3))}, "probability",
                 params={"probability": 1.0})
    file.invalid("residual-shape", "a residual of another shape", {"x": F32(draw.normal(2, 3)), "residual": F32(draw.normal(2, 2))},
                 "residual")
    file.write()


if __name__ == "__main__":
    main()
