# SPDX-License-Identifier: Apache-2.0
"""What the generators of all stems share: 50-digit arithmetic, float32 inputs, and the files.

The generators are written from the formulas of the published sources, never from the library, and never call it.
Inputs are rounded to float32 (or are integers) before anything is computed from them; outputs are computed with
mpmath at 50 digits and rounded once to binary64.
"""

import json
import random
import struct
from pathlib import Path

from mpmath import mp, mpf

mp.dps = 50

ROOT = Path(__file__).resolve().parent.parent
GENERATOR = "mpmath, 50 digits, rounded once to binary64"

_FORMATS = {"F32": "f", "F64": "d", "BF16": "H", "I8": "b", "U8": "B", "I32": "i", "I64": "q"}


def f32(value):
    """Rounds a number to float32 and returns it as a Python float."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def bf16(value):
    """Rounds a finite number to bfloat16, half to even, and returns it as a Python float."""
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    assert f32(value) == value, "rounding twice: %r" % value
    bits += 0x7FFF + (bits >> 16 & 1)
    return struct.unpack("<f", struct.pack("<I", bits & 0xFFFF0000))[0]


def exact(value):
    """Returns a float or an int as an exact mpf; mpf values pass through."""
    return value if isinstance(value, mpf) else mpf(value)


def flatten(values):
    """Returns the elements of nested lists in row-major order."""
    if isinstance(values, (list, tuple)):
        return [element for value in values for element in flatten(value)]
    return [values]


def shape_of(values):
    """Returns the shape of nested lists."""
    shape = []
    while isinstance(values, (list, tuple)):
        shape.append(len(values))
        values = values[0] if values else None
    return shape


class Tensor:
    """A tensor to store: an element type and nested lists of numbers."""

    def __init__(self, dtype, values):
        self.dtype = dtype
        self.shape = shape_of(values)
        self.elements = flatten(values)

    def bytes(self):
        if self.dtype == "BF16":
            return b"".join(struct.pack("<f", element)[2:] for element in self.elements)
        convert = float if self.dtype in ("F32", "F64") else int
        values = [convert(element) for element in self.elements]
        return struct.pack("<%d%s" % (len(values), _FORMATS[self.dtype]), *values)


def F32(values):
    """An input of float32 numbers; each must already be one."""
    for value in flatten(values):
        assert value != value or f32(value) == value, "an input that is no float32: %r" % value
    return Tensor("F32", values)


def BF16(values):
    """An input of bfloat16 numbers; each must already be one."""
    for value in flatten(values):
        assert struct.pack("<f", value)[:2] == b"\0\0" and F32(value), "an input that is no bfloat16: %r" % value
    return Tensor("BF16", values)


def F64(values):
    """An expected output."""
    return Tensor("F64", values)


def I8(values):
    return Tensor("I8", values)


def U8(values):
    return Tensor("U8", values)


def I32(values):
    return Tensor("I32", values)


def I64(values):
    return Tensor("I64", values)


class Random:
    """Seeded float32 inputs."""

    def __init__(self, seed):
        self._random = random.Random(seed)

    def normal(self, *shape, deviation=1.0, mean=0.0):
        """Nested lists of float32 numbers of normal distribution."""
        return self._fill(shape, lambda: f32(self._random.gauss(mean, deviation)))

    def uniform(self, low, high, *shape):
        """Nested lists of float32 numbers between two bounds."""
        return self._fill(shape, lambda: f32(self._random.uniform(low, high)))

    def integers(self, low, high, *shape):
        """Nested lists of integers of at least low and below high."""
        return self._fill(shape, lambda: self._random.randrange(low, high))

    def _fill(self, shape, draw):
        if not shape:
            return draw()
        return [self._fill(shape[1:], draw) for _ in range(shape[0])]


class VectorFile:
    """One vector file with its payload, in the folder of its stem."""

    def __init__(self, stem, name, notes):
        self.stem = stem
        self.name = name
        self.notes = notes
        self.cases = []
        self.tensors = {}

    def case(self, id, comment, inputs, expect, params=None, flags=(), relative=2e-6, absolute=1e-7):
        """Adds a case that the library must get right. inputs and expect map names to Tensor."""
        self._add(id, comment, inputs, expect, params, flags,
                  {"tolerance": {"relative": relative, "absolute": absolute}, "result": "valid"})

    def invalid(self, id, comment, inputs, error, params=None, flags=()):
        """Adds a case that the library must refuse with a message that holds error."""
        self._add(id, comment, inputs, {}, params, flags, {"error": error, "result": "invalid"})

    def _add(self, id, comment, inputs, expect, params, flags, rest):
        assert all(case["id"] != id for case in self.cases), "case %s twice" % id
        for flag in flags:
            assert flag in self.notes, "flag %s has no note" % flag
        entry = {"id": id, "comment": comment, "flags": list(flags), "params": params or {},
                 "inputs": self._store(id, inputs), "expect": self._store(id, expect)}
        entry.update(rest)
        self.cases.append(entry)

    def _store(self, id, tensors):
        names = {}
        for name, tensor in tensors.items():
            shared = [known for known, stored in self.tensors.items() if stored is tensor]
            if shared:
                names[name] = shared[0]
                continue
            full = "%s.%s" % (id, name)
            if full in self.tensors:
                full += ".after"  # an input that is updated in place is expected under the same name
            self.tensors[full] = tensor
            names[name] = full
        return names

    def write(self):
        """Writes both files."""
        folder = ROOT / self.stem
        folder.mkdir(exist_ok=True)
        payload = self.name + ".safetensors"
        header, data = {}, b""
        # The format allows no gap between tensors; widest elements first keeps each on its alignment all the same.
        for name, tensor in sorted(self.tensors.items(), key=lambda item: -struct.calcsize("<" + _FORMATS[item[1].dtype])):
            content = tensor.bytes()
            header[name] = {"dtype": tensor.dtype, "shape": tensor.shape,
                            "data_offsets": [len(data), len(data) + len(content)]}
            data += content
        encoded = json.dumps(header, separators=(",", ":")).encode()
        encoded += b" " * (-len(encoded) % 8)
        (folder / payload).write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
        document = {"schema": "limbeck-vectors-v1", "stem": self.stem, "payload": payload,
                    "generator": GENERATOR, "notes": self.notes, "cases": self.cases}
        (folder / (self.name + ".json")).write_text(json.dumps(document, indent=1) + "\n")


def numbers(values):
    """Nested lists of floats as nested lists of exact mpf."""
    if isinstance(values, (list, tuple)):
        return [numbers(value) for value in values]
    return exact(values)
