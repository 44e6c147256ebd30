# SPDX-License-Identifier: Apache-2.0
"""Writes all golden vectors and SHA256SUMS. Needs Python 3 and mpmath; run it from anywhere.

    python3 test-vectors/generator/generate.py            all stems
    python3 test-vectors/generator/generate.py softmax    one stem, and SHA256SUMS
"""

import hashlib
import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True


def stems():
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("golden", "generate"))


def sums():
    root = HERE.parent
    files = [p for p in root.glob("*/*.json") if not p.name.endswith(".schema.json")] + sorted(root.glob("*/*.safetensors")) + sorted(HERE.glob("*.py"))
    lines = []
    for path in sorted(files, key=lambda p: p.relative_to(root).as_posix()):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append("%s  %s\n" % (digest, path.relative_to(root).as_posix()))
    (root / "SHA256SUMS").write_text("".join(lines))


def main():
    chosen = sys.argv[1:] or stems()
    for stem in chosen:
        importlib.import_module(stem).main()
        print(stem)
    sums()


if __name__ == "__main__":
    main()
