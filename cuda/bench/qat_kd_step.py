#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times a step of QAT-KD in PyTorch on the problem of Limbeck's, from the file that QatKdStepMain --write left.

    qat_kd_step.py FILE TIMES [--seconds S] [--warmup N] [--steps N] [--device cpu]

First a step without dropout is compared with Limbeck's: where the two are different work, one sentence says so, nothing is timed
and the exit status is 1. Then rows are appended to TIMES, with the columns of GpuBench: the median of some steps after a warm-up,
by the host's clock. A step is forward of teacher and student, losses, backward and update; it reads its loss, as in training,
and waits for the device there and nowhere else. Each in tf32 and in float32:

    torch-eager        quantizers as most programs write them, straight-through by detach
    torch-eager-fused  activations quantized by PyTorch's own operator for it
    torch-compile      torch.compile of forward and losses, which brings the backward along, and of the update

What fails of the last two is named in one line and left out; what fails of the first makes the exit status 1.
"""
import argparse
import json
import os
import struct
import sys
import time

from torch_peer import Rows, first_line, missing_device, torch
import torch.nn.functional as F

STEM = "qat_kd_step"
ENTRY = "limbeck"  # of the header's metadata

# Relative to what PyTorch got, as for libtorch's step: a sum rounded otherwise may take an activation to another level, and the
# first step of Adam moves every element by about the same, so that a tiny gradient with another sign counts like a large one.
BOUNDS = {"losses": 1e-3, "gradients": 2e-2, "changes of the parameters": 0.1}

# Of TernaryBERT.
CLIP = 2.5
LEVELS = 127
THRESHOLD = 0.7

PADDING_INDEX = 0
MASKED = -10_000.0  # added to the scores of padded keys
MASKED_SCORES = -100.0  # at or below it a score is a masked one
CLAMP = 1e-8  # the smallest probability in logarithms
NORM_GUARD = 1e-6

TYPES = {"F32": torch.float32, "I32": torch.int32, "I64": torch.int64}


def read(file):
    """Returns the description and the tensors of a safetensors file, which stay in the file until they are used."""
    with open(file, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        (length,) = struct.unpack("<Q", f.read(8))
        if length > size:
            raise ValueError(f"its header has {length} bytes, the file {size}")
        header = json.loads(f.read(length))
    content = torch.from_file(file, size=size, dtype=torch.uint8)
    description = json.loads(header.pop("__metadata__")[ENTRY])
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        if end > size:
            raise ValueError(f"{name} ends at byte {end}, the file at {size}")
        tensors[name] = content[begin:end].view(TYPES[entry["dtype"]]).view(entry["shape"])
    return description, tensors


class StraightThrough:
    """Quantizers in plain operators; the gradient passes inside of the clip."""

    def activation(self, x):
        """To 8 bits, symmetric, one scale for the tensor."""
        clipped = x.clamp(-CLIP, CLIP)
        value = clipped.detach()
        scale = LEVELS / value.abs().max()
        return clipped + (value * scale).round_().div_(scale).sub_(value)

    def weight(self, w, by_row):
        """To -a, 0 and a: each row has an a of its own, or all have one."""
        clipped = w.clamp(-CLIP, CLIP)
        latent = clipped.detach()
        size = latent.abs()
        group = {"dim": 1, "keepdim": True} if by_row else {}
        kept = (size > THRESHOLD * size.mean(**group)).to(w.dtype)
        scale = size.mul_(kept).sum(**group) / kept.sum(**group)
        return clipped + latent.sign().mul_(kept).mul_(scale).sub_(latent)


class Fused(StraightThrough):
    """Activations in one operator. It clips to the outermost level: its gradient also passes half a level beyond the clip."""

    def __init__(self, device):
        self.zero = torch.zeros(1, dtype=torch.int32, device=device)

    def activation(self, x):
        with torch.no_grad():
            # The greatest magnitude in one pass.
            step = torch.linalg.vector_norm(x, ord=float("inf")).clamp(max=CLIP).div(LEVELS).view(1)
        return torch.fake_quantize_per_tensor_affine(x, step, self.zero, -LEVELS, LEVELS)


class Batch:
    """Tokens [batch, length] with what follows from the lengths of sequences."""

    def __init__(self, tensors, heads, device):
        self.tokens = tensors["tokens"].to(device)
        self.types = torch.zeros_like(self.tokens)
        self.size, self.length = self.tokens.shape
        lengths = tensors["lengths"].to(device).view(-1, 1)
        real = (torch.arange(self.length, device=device) < lengths).to(torch.float32)
        self.mask = ((1 - real) * MASKED).view(self.size, 1, 1, self.length)
        # 1 / (batch * heads * real length) where query and key are real.
        pairs = real.unsqueeze(1) * real.unsqueeze(2) / (self.size * heads * lengths.unsqueeze(2))
        self.pair_weights = pairs.unsqueeze(1)


class Activations:
    """What losses compare: one tensor for each layer, of hidden states one more."""

    def __init__(self):
        self.hidden, self.scores, self.maps, self.contexts, self.self_outputs, self.outputs = [], [], [], [], [], []
        self.logits = None


class Encoder:
    """BERT with a classifier, in full precision or quantized."""

    def __init__(self, config, parameters, quantizer):
        self.config = config
        self.parameters = parameters
        self.quantizer = quantizer

    def quantized(self, x):
        return x if self.quantizer is None else self.quantizer.activation(x)

    def weight(self, name, by_row=False):
        w = self.parameters[name + ".weight"]
        return w if self.quantizer is None else self.quantizer.weight(w, by_row)

    def linear(self, x, name):
        return F.linear(x, self.weight(name), self.parameters[name + ".bias"])

    def norm(self, x, name):
        p = self.parameters
        return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], self.config["epsilon"])

    def heads(self, x, name):
        split = (*x.shape[:2], self.config["heads"], -1)
        return self.quantized(self.linear(x, name)).view(split).transpose(1, 2)

    def forward(self, batch, dropout):
        drop = (lambda x: F.dropout(x, dropout)) if dropout else (lambda x: x)
        a = Activations()
        p = self.parameters
        words = F.embedding(batch.tokens, self.weight("embeddings.word_embeddings", True), PADDING_INDEX)
        x = words + p["embeddings.position_embeddings.weight"][: batch.length]
        x = x + F.embedding(batch.types, p["embeddings.token_type_embeddings.weight"])
        x = drop(self.norm(x, "embeddings.LayerNorm"))
        a.hidden.append(x)
        for layer in range(self.config["layers"]):
            x = self.layer(x, f"encoder.layer.{layer}.", batch, drop, a)
            a.hidden.append(x)
        pooled = self.linear(self.quantized(x[:, 0]), "pooler.dense").tanh()
        a.logits = F.linear(drop(pooled), p["classifier.weight"], p["classifier.bias"])
        return a

    def layer(self, x, prefix, batch, drop, a):
        at = prefix + "attention."
        inputs = self.quantized(x)
        q, k, v = (self.heads(inputs, f"{at}self.{name}") for name in ("query", "key", "value"))
        # Scale and mask in one pass.
        scores = torch.add(batch.mask, q @ k.transpose(2, 3), alpha=q.shape[-1] ** -0.5)
        maps = scores.softmax(-1)
        context = (self.quantized(drop(maps)) @ v).transpose(1, 2).reshape(x.shape)
        self_output = self.linear(self.quantized(context), at + "output.dense")
        output = self.norm(drop(self_output) + x, at + "output.LayerNorm")
        wide = F.gelu(self.linear(self.quantized(output), prefix + "intermediate.dense"))
        narrow = self.linear(self.quantized(wide), prefix + "output.dense")
        a.scores.append(scores)
        a.maps.append(maps)
        a.contexts.append(context)
        a.self_outputs.append(self_output)
        a.outputs.append(output)
        return self.norm(drop(narrow) + output, prefix + "output.LayerNorm")


class Losses:
    """The losses between student and teacher, as Limbeck's LossConfiguration has them."""

    def __init__(self, configuration, batch):
        self.coefficients = configuration["coefficients"]
        self.temperature = configuration["temperature"]
        self.squared = configuration["tauSquared"]
        self.layers = configuration["hiddenLayers"]
        self.batch = batch

    def total(self, s, t):
        total = F.cross_entropy(s.logits, t.logits.softmax(-1))
        for i, (x, y) in enumerate(zip(s.hidden, t.hidden)):
            if not self.layers or i in self.layers:
                total = total + F.mse_loss(x, y)
        for term, loss, students, teachers in (
            ("OUTPUT", F.mse_loss, s.outputs, t.outputs),
            ("CONTEXT", F.mse_loss, s.contexts, t.contexts),
            ("SELF_OUTPUT", F.mse_loss, s.self_outputs, t.self_outputs),
            ("SCORE", self.score, s.scores, t.scores),
            ("MAP", self.map, self.probabilities(s), self.probabilities(t)),
        ):
            if term in self.coefficients:
                for x, y in zip(students, teachers):
                    total = total + self.coefficients[term] * loss(x, y)
        return total

    @staticmethod
    def score(s, t):
        return F.mse_loss(*(x.masked_fill(x <= MASKED_SCORES, 0) for x in (s, t)))

    def probabilities(self, a):
        if self.temperature == 1:
            return a.maps
        return ((x / self.temperature).softmax(-1) for x in a.scores)

    def map(self, s, t):
        s, t = s.clamp_min(CLAMP), t.clamp_min(CLAMP)
        divergence = ((t.log() - s.log()) * t * self.batch.pair_weights).sum()
        return divergence * self.temperature**2 if self.squared else divergence


class BertAdam:
    """Adam without bias correction, the norm of each gradient clipped by itself. Nothing waits for the device."""

    def __init__(self, parameters, rate, options):
        self.values = list(parameters.values())
        self.decayed = [v for name, v in parameters.items() if "bias" not in name and "LayerNorm" not in name]
        self.first = [torch.zeros_like(v) for v in self.values]
        self.second = [torch.zeros_like(v) for v in self.values]
        self.rate = rate
        self.options = options

    @torch.no_grad()
    def step(self):
        o = self.options
        gradients = [v.grad for v in self.values]
        norms = torch.stack(torch._foreach_norm(gradients))
        torch._foreach_mul_(gradients, list((o["maxNorm"] / (norms + NORM_GUARD)).clamp(max=1).unbind()))
        torch._foreach_lerp_(self.first, gradients, 1 - o["beta1"])
        torch._foreach_mul_(self.second, o["beta2"])
        torch._foreach_addcmul_(self.second, gradients, gradients, 1 - o["beta2"])
        torch._foreach_mul_(self.decayed, 1 - self.rate * o["weightDecay"])
        roots = torch._foreach_sqrt(self.second)
        torch._foreach_add_(roots, o["epsilon"])
        torch._foreach_addcdiv_(self.values, self.first, roots, -self.rate)


class Step:
    """Both networks with the optimizer's state, from the values of the file."""

    def __init__(self, description, tensors, device, quantizer, compiles=False):
        config = description["config"]
        start = {name: x for name, x in tensors.items() if "changed." + name in tensors}
        frozen = {name: x.to(device, copy=True) for name, x in start.items()}
        self.parameters = {name: x.to(device, copy=True).requires_grad_() for name, x in start.items()}
        self.batch = Batch(tensors, config["heads"], device)
        self.teacher = Encoder(config, frozen, None)
        self.student = Encoder(config, self.parameters, quantizer)
        self.losses = Losses(description["losses"], self.batch)
        optimizer = BertAdam(self.parameters, description["learningRate"], description["optimizer"])
        self.loss = torch.compile(self.plain_loss, dynamic=False) if compiles else self.plain_loss
        self.update = torch.compile(optimizer.step, dynamic=False) if compiles else optimizer.step

    def plain_loss(self, dropout):
        with torch.no_grad():
            target = self.teacher.forward(self.batch, 0)
        return self.losses.total(self.student.forward(self.batch, dropout), target)

    def gradients(self, dropout):
        for x in self.parameters.values():
            x.grad = None
        loss = self.loss(dropout)
        loss.backward()
        return loss.item()


def differences(description, tensors, step):
    """Takes the first step, without dropout, and returns how far Limbeck's is from it, relative to it, by BOUNDS' names."""

    def distance(prefix, values):
        difference = norm = 0.0
        for name, (x, origin) in values.items():
            # In double, and seen from the origin: rounding must not pass for a difference.
            theirs = x.detach().double() - origin
            ours = tensors[prefix + name].to(x.device).double() - origin
            difference += (ours - theirs).square().sum().item()
            norm += theirs.square().sum().item()
        return (difference / norm) ** 0.5 if norm else float("nan")

    loss = step.gradients(0)
    gradient = distance("gradient.", {name: (x.grad, 0) for name, x in step.parameters.items()})
    step.update()
    origins = {name: (x, tensors[name].to(x.device).double()) for name, x in step.parameters.items()}
    return dict(zip(BOUNDS, (abs(description["loss"] - loss) / abs(loss), gradient, distance("changed.", origins))))


def differing(found):
    """Returns a sentence where differences exceed their bounds, or None. NaN is no agreement."""
    for what, difference in found.items():
        if not difference <= BOUNDS[what]:
            return (
                f"Limbeck's step and PyTorch's are different work: {what} of the first step differ by {difference:.2g} relative to"
                f" PyTorch's, expected at most {BOUNDS[what]:.2g}"
            )
    return None


def times(step, dropout, warm_up, steps):
    """Returns the times of some steps in nanoseconds, the shortest first. As on Limbeck's side, the loss is what each waits for."""
    taken = []
    for i in range(-warm_up, steps):
        begin = time.perf_counter_ns()
        step.gradients(dropout)
        step.update()
        if i >= 0:
            taken.append(time.perf_counter_ns() - begin)
    return sorted(taken)


def main():
    parser = argparse.ArgumentParser(description="Times a step of QAT-KD in PyTorch on the problem of Limbeck's.")
    parser.add_argument("file")
    parser.add_argument("times")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    options = parser.parse_args()
    missing = missing_device(options.device)
    if missing:
        print(f"qat_kd_step.py: {missing}")
        return 2
    try:
        description, tensors = read(options.file)
    except (OSError, ValueError, KeyError, struct.error) as e:
        print(f"qat_kd_step.py: {options.file} is no file that QatKdStepMain --write left: {first_line(e)}")
        return 2
    kinds = {"torch-eager": StraightThrough(), "torch-eager-fused": Fused(options.device)}

    def precision(name):
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"

    precision(description["precision"])
    for who, quantizer in list(kinds.items()):
        found = differences(description, tensors, Step(description, tensors, options.device, quantizer))
        print(f"{who}: first step, relative: " + ", ".join(f"{what} {x:.1e}" for what, x in found.items()), flush=True)
        wrong = differing(found)
        if wrong and who == "torch-eager":
            print(f"qat_kd_step.py: {wrong}")
            return 1
        if wrong:
            print(f"{who}: left out: {wrong}")
            del kinds[who]
    kinds["torch-compile"] = StraightThrough()
    rows = Rows(options.times)
    begin = time.monotonic()
    failed = 0
    for who, quantizer in kinds.items():
        for mode in ("tf32", "f32"):
            name = f"{STEM} {description['shape']} {mode} {who}"
            if time.monotonic() - begin > options.seconds:
                print(f"{name}: not measured, the {options.seconds:g} seconds are over")
                failed += who == "torch-eager"
                continue
            precision(mode)
            try:
                step = Step(description, tensors, options.device, quantizer, who == "torch-compile")
                taken = times(step, description["dropout"], options.warmup, options.steps)
                rows.add((STEM, description["shape"], mode), who, taken, description["operations"], 0)
            except Exception as e:
                print(f"{name}: failed: {first_line(e)}")
                failed += who == "torch-eager"
            # The next one needs the memory, whatever became of this one.
            step = None
            torch._dynamo.reset()
            if options.device == "cuda":
                torch.cuda.empty_cache()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
