# SPDX-License-Identifier: Apache-2.0
"""What the programs that time PyTorch share: PyTorch itself, its description, and the rows of their files.

Not a program. They lie beside it and are run by their paths, so that Python finds it.
"""
import os
import statistics
import sys

# The columns of GpuBench.
HEADER = "stem,shape,mode,who,clock,median_ns,low_ns,high_ns,calls,flops,bytes"

try:
    import torch
except ImportError as e:
    program = os.path.basename(sys.argv[0])
    print(f"{program}: PyTorch cannot be loaded ({e}): install it for the python3 that runs this, or give PYTHON another")
    sys.exit(2)


def missing_device(device):
    """Returns why a device cannot be used, or None."""
    if device == "cuda" and not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} finds no CUDA device"
    return None


def first_line(e):
    """Returns what went wrong in one line."""
    return (str(e).splitlines() or [type(e).__name__])[0]


class Rows:
    """Appends rows to a file and prints them."""

    def __init__(self, file):
        self.file = file
        # Without commas, which separate columns.
        self.path = f"torch {torch.__version__} cuda {torch.version.cuda}".replace(",", ";")
        if not os.path.exists(file):
            with open(file, "w") as f:
                f.write(HEADER + "\n")

    def add(self, case, who, times, flops, count):
        """case: stem, shape and mode; times in nanoseconds, the shortest first; count: the bytes."""
        stem, shape, mode = case
        median = statistics.median_high(times)
        with open(self.file, "a") as f:
            f.write(
                f"{stem},{shape},{mode},{who},{self.path},{median:.0f},{times[0]:.0f},{times[-1]:.0f},{len(times)},"
                f"{flops:.0f},{count}\n"
            )
        print(
            f"{stem:13} {shape:18} {mode:20} {who:21} {median / 1e3:12.1f} us {count / median:9.1f} GB/s"
            f" {flops / median:9.1f} GFLOP/s",
            flush=True,
        )
