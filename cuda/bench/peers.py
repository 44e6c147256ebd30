#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times PyTorch on the cases of GpuBench, with the same inputs: eager, compiled, and cuBLAS through PyTorch.

    peers.py FILE [--seconds S] [--stem A,B] [--no-compile] [--device cpu --tiny]

Appends rows to FILE, with the columns of GpuBench. Before each call a fill of 1 GiB puts other bytes into the second cache
level; CUDA events around the call; the median of some dozen calls after a warm-up. A case that fails is named in one line,
and the exit status is 1. `--device cpu --tiny` only shows that this file runs.
"""
import argparse
import sys
import time

from torch_peer import Rows, first_line, missing_device, torch
import torch.nn.functional as F

PERIOD = 16_777_213  # as in GpuTensors
FLUSHED_BYTES = 1 << 30
WARM_UP = 3
FEWEST_CALLS = 7
MOST_CALLS = 60
SAMPLING_NS = 4e8


class Tensors:
    """Inputs by the number of a tensor and the position, the same bits as those of GpuTensors."""

    def __init__(self, device):
        self.device = device

    def hashes(self, tensor, count):
        mask = 0xFFFFFFFF
        h = torch.arange(count, dtype=torch.int64, device=self.device)
        h = (h * 0x9E3779B1 + tensor * 0x7F4A7C15) & mask
        h = ((h ^ (h >> 15)) * 0x85EBCA77) & mask
        h = ((h ^ (h >> 13)) * 0xC2B2AE3D) & mask
        return h ^ (h >> 16)

    def repeated(self, block, rows, cols):
        count = rows * cols
        out = torch.empty(count, dtype=block.dtype, device=self.device)
        for at in range(0, count, block.numel()):
            part = min(block.numel(), count - at)
            out[at : at + part] = block[:part]
        return out.view(rows, cols)

    def random(self, tensor, rows, cols, factor, dtype=torch.float32):
        h = self.hashes(tensor, min(PERIOD, rows * cols))
        block = ((h >> 8).to(torch.float32) * 2.0**-23 - 1) * factor
        return self.repeated(block.to(dtype), rows, cols)

    def ternary(self, tensor, rows, cols, dtype):
        block = (self.hashes(tensor, min(PERIOD, rows * cols)) % 3 - 1).to(dtype)
        return self.repeated(block, rows, cols)


class Timer:
    """Times calls on the device by events, or on the processor by its clock."""

    def __init__(self, device, tiny):
        self.cuda = device == "cuda"
        self.clock = "CUDA events" if self.cuda else "the processor's clock"
        self.flushed = torch.empty(1024 if tiny else FLUSHED_BYTES, dtype=torch.uint8, device=device)
        self.tiny = tiny

    def once(self, call):
        self.flushed.zero_()
        if not self.cuda:
            begin = time.perf_counter_ns()
            call()
            return time.perf_counter_ns() - begin
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1e6

    def times(self, call):
        for _ in range(WARM_UP):
            taken = self.once(call)
        calls = FEWEST_CALLS if self.tiny else int(max(FEWEST_CALLS, min(MOST_CALLS, SAMPLING_NS / taken)))
        return sorted(self.once(call) for _ in range(calls))


def with_gradient(loss, student):
    """Returns a call of a loss and its gradient by the student, which autograd finds."""

    def call():
        student.grad = None
        loss().backward()

    student.requires_grad_(True)
    return call


def kl(student, teacher, temperature, divisor):
    """sum or mean of KL(teacher || student), as a user writes it."""
    log_s = F.log_softmax(student / temperature, dim=-1)
    log_t = F.log_softmax(teacher / temperature, dim=-1)
    return F.kl_div(log_s, log_t, reduction="sum", log_target=True) / divisor


def kl_closed(student, teacher, temperature, divisor):
    """The same with its gradient written down, which needs no autograd."""
    log_s = F.log_softmax(student / temperature, dim=-1)
    log_t = F.log_softmax(teacher / temperature, dim=-1)
    p_t = log_t.exp()
    return (p_t * (log_t - log_s)).sum() / divisor, (log_s.exp() - p_t) / (temperature * divisor)


def ternary_twn(x, clip, dim):
    """Ternary weights: threshold 0.7 mean |x|, the scale the mean of what is above it."""
    x = x.clamp(-clip, clip)
    size = x.abs()
    keep = size > 0.7 * size.mean(dim=dim, keepdim=True)
    scale = (size * keep).sum(dim=dim, keepdim=True) / keep.sum(dim=dim, keepdim=True)
    return x.sign() * keep * scale


def symmetric(x, clip, levels):
    x = x.clamp(-clip, clip)
    step = x.abs().max() / levels
    return (x / step).round() * step


class Peers:
    """The cases, each with the calls that stand beside it."""

    def __init__(self, device, tiny, compiles):
        self.t = Tensors(device)
        self.device = device
        self.tiny = tiny
        self.compiles = compiles

    def compiled(self, function):
        return torch.compile(function, dynamic=False) if self.compiles else None

    def both(self, function, *arguments):
        calls = {"torch-eager": lambda: function(*arguments)}
        if self.compiles:
            fast = self.compiled(function)
            calls["torch-compile"] = lambda: fast(*arguments)
        return calls

    def divergence(self, rows, cols, temperature, divisor, dtype=torch.float32):
        student = self.t.random(0, rows, cols, 4, dtype)
        teacher = self.t.random(1, rows, cols, 4, dtype)
        plain = student.detach()
        calls = {"torch-eager": with_gradient(lambda: kl(student, teacher, temperature, divisor), student)}
        if self.compiles:
            fast = self.compiled(kl)
            closed = self.compiled(kl_closed)
            calls["torch-compile"] = with_gradient(lambda: fast(student, teacher, temperature, divisor), student)
            calls["torch-compile-closed"] = lambda: closed(plain, teacher, temperature, divisor)
        return calls

    def gemm(self, m, n, k, trans, dtype, tf32):
        torch.backends.cuda.matmul.allow_tf32 = tf32
        a = self.t.random(0, k, m, 1, dtype).t() if trans[0] == "t" else self.t.random(0, m, k, 1, dtype)
        b = self.t.random(1, n, k, 1, dtype).t() if trans[1] == "t" else self.t.random(1, k, n, 1, dtype)
        c = torch.empty(m, n, dtype=dtype, device=self.device)
        calls = {}
        if dtype == torch.float32:
            calls["cublas-tf32" if tf32 else "cublas-f32"] = lambda: torch.mm(a, b, out=c)
        else:
            calls["cublas-bf16-out"] = lambda: torch.mm(a, b, out=c)
            if self.device == "cuda":
                calls["cublas-f32-out"] = lambda: torch.mm(a, b, out_dtype=torch.float32)
        return calls

    def gemv(self, n, k):
        x = self.t.random(0, 1, k, 1).view(k)
        calls = {}
        for name, dtype in (("cublas-f32", torch.float32), ("cublas-bf16", torch.bfloat16)):
            weights = self.t.ternary(1, n, k, dtype)
            activations = x.to(dtype)
            calls[name] = lambda weights=weights, activations=activations: torch.mv(weights, activations)
        return calls

    def norm(self, rows, cols, backward):
        x = self.t.random(0, rows, cols, 2)
        gamma = self.t.random(2, 1, cols, 1).view(cols)
        beta = self.t.random(3, 1, cols, 1).view(cols)
        if not backward:
            return self.both(lambda x: F.layer_norm(x, (cols,), gamma, beta, 1e-5), x)
        gradient = self.t.random(1, rows, cols, 1)
        _, mean, rstd = torch.ops.aten.native_layer_norm(x, (cols,), gamma, beta, 1e-5)
        wanted = [True, True, True]
        return self.both(
            lambda g, x: torch.ops.aten.native_layer_norm_backward(g, x, (cols,), mean, rstd, gamma, beta, wanted), gradient, x
        )

    def quantized(self, rows, cols, mode):
        x = self.t.random(0, rows, cols, 2.5)
        if mode == "symmetric8.backward":
            gradient = self.t.random(1, rows, cols, 1)
            return self.both(lambda g, x: g * (x.abs() < 2), gradient, x)
        if mode == "symmetric8":
            return self.both(lambda x: symmetric(x, 2.0, 127), x)
        dims = (1,) if mode.endswith(".row") else (0, 1)
        return self.both(lambda x: ternary_twn(x, 2.0, dims), x)

    def all(self):
        """Yields stem, shape, mode, flops, bytes and what makes the calls; the same cases as in GpuCases."""
        tiny = self.tiny
        size = 2 << 30 if not tiny else 1 << 16
        yield "ceiling", f"{size}", "copy", 0, 2 * size, lambda: self.copy(size)
        rows = 3 if tiny else 8192
        for cols in (37, 1500) if tiny else (32000, 128256):
            for kind, dtype, width in (("", torch.float32, 4), (".bf16", torch.bfloat16, 2)):
                make = lambda cols=cols, dtype=dtype: self.divergence(rows, cols, 2.0, 1.0, dtype)
                yield "softmax_kl", f"{rows}x{cols}", "forward_kl+gradient" + kind, 0, 3 * width * rows * cols, make
        cols = 100 if tiny else 32000
        make = lambda: self.both(lambda x: torch.softmax(x, -1), self.t.random(0, rows, 100 if tiny else 32000, 4))
        yield "softmax", f"{rows}x{cols}", "forward", 0, 8 * rows * cols, make
        products = [(n, n, n, trans) for n in ((33,) if tiny else (4096, 8192)) for trans in ("nn", "nt")]
        products.append((33, 20, 2100, "tn") if tiny else (768, 768, 4096, "tn"))
        for m, n, k, trans in products:
            for stem, dtype, width, kind in (
                ("gemm_f32", torch.float32, 4, ""),
                ("gemm_f32", torch.float32, 4, ".tf32"),
                ("gemm_bf16", torch.bfloat16, 2, ""),
            ):
                make = lambda p=(m, n, k, trans, dtype), kind=kind: self.gemm(*p, kind == ".tf32")
                yield stem, f"{m}x{n}x{k}", trans + kind, 2 * m * n * k, width * (m + n) * k + 4 * m * n, make
        for mode in ("f32", "i8_row"):
            for n, k in ((20, 300), (9, 256)) if tiny else ((9216, 9216), (28672, 8192)):
                packed = n * ((k + 255) // 256) * 64
                yield "gemm_ternary", f"1x{n}x{k}", mode, 2 * n * k, packed + 4 * (n + k), lambda n=n, k=k: self.gemv(n, k)
        batch, heads, length = (1, 2, 9) if tiny else (32, 12, 512)
        maps = batch * heads * length
        make = lambda: self.divergence(maps, length, 1.0, float(maps))
        yield "attention_kl", f"{batch}x{heads}x{length}x{length}", "scores+gradient", 0, 12 * maps * length, make
        q_rows, q_cols = (5, 70) if tiny else (16384, 4096)
        for mode in ("ternary_twn", "ternary_twn.row", "symmetric8", "symmetric8.backward"):
            streams = 12 if mode.endswith("backward") else 8
            make = lambda mode=mode: self.quantized(q_rows, q_cols, mode)
            yield "fake_quant", f"{q_rows}x{q_cols}", mode, 0, streams * q_rows * q_cols, make
        n_rows, n_cols = (5, 70) if tiny else (65536, 1024)
        yield "layer_norm", f"{n_rows}x{n_cols}", "forward", 0, 8 * n_rows * n_cols, lambda: self.norm(n_rows, n_cols, False)
        yield "layer_norm", f"{n_rows}x{n_cols}", "backward", 0, 12 * n_rows * n_cols, lambda: self.norm(n_rows, n_cols, True)

    def copy(self, size):
        source = torch.zeros(size, dtype=torch.uint8, device=self.device)
        target = torch.zeros(size, dtype=torch.uint8, device=self.device)
        return {"torch-copy": lambda: target.copy_(source)}


def main():
    parser = argparse.ArgumentParser(description="Times PyTorch on the cases of GpuBench.")
    parser.add_argument("file")
    parser.add_argument("--seconds", type=float, default=500)
    parser.add_argument("--stem", default="")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--no-compile", action="store_true")
    options = parser.parse_args()
    missing = missing_device(options.device)
    if missing:
        print(f"peers.py: {missing}")
        return 2
    # No sums in bfloat16: what the products beside them compute.
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    stems = options.stem.split(",") if options.stem else []
    rows = Rows(options.file)
    timer = Timer(options.device, options.tiny)
    peers = Peers(options.device, options.tiny, not options.no_compile)
    begin = time.monotonic()
    failed = 0
    for stem, shape, mode, flops, count, make in peers.all():
        if stems and stem not in stems:
            continue
        name = f"{stem} {shape} {mode}"
        if time.monotonic() - begin > options.seconds:
            print(f"{name}: not measured, the {options.seconds:g} seconds are over")
            failed += 1
            continue
        calls = {}
        # Full float32, but for the cases that say otherwise.
        torch.backends.cuda.matmul.allow_tf32 = False
        try:
            calls = make()
        except Exception as e:
            print(f"{name}: failed: {first_line(e)}")
            failed += 1
        for who, call in calls.items():
            try:
                times = timer.times(call)
            except Exception as e:
                print(f"{name} {who}: failed: {first_line(e)}")
                failed += 1
                continue
            rows.add((stem, shape, mode), who, times, flops, count)
        del calls
        call = None
        torch._dynamo.reset()
        if options.device == "cuda":
            torch.cuda.empty_cache()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
