"""VadCLIP's training in PyTorch, from ../shared/spec/vadclip.md: the peer that train.sh times and compares with.

It computes what the published code computes, in its way: all 77 positions of all labels through the frozen text tower,
attention over L x L with a mask, the distance graph as a matrix. `steps` replays a plan as `vigil train --replay` does.

    train_torch.py steps PLAN.json CHECKPOINT [--threads N] [--double] [--gradients FILE.npz] [--weights FILE.npz]
"""

import argparse
import gzip
import json
import os
import sys

import numpy as np
import torch
from torch.nn import functional as F

SHARED = os.environ.get("SHARED") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../shared")
WINDOWS = {2: 8, 1: 64}
PREFIX = POSTFIX = 10


class Tokenizer:
    """CLIP's byte-pair tokenizer for labels of letters and spaces."""

    def __init__(self):
        lines = gzip.open(SHARED + "/data/bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8").read().split("\n")
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        symbols = [chr(byte) for byte in printable] + [chr(256 + i) for i in range(256 - len(printable))]
        merges = [tuple(line.split()) for line in lines[1 : 49152 - 256 - 2 + 1]]
        words = symbols + [symbol + "</w>" for symbol in symbols] + ["".join(merge) for merge in merges]
        self.tokens = {word: index for index, word in enumerate(words)}
        self.ranks = {merge: rank for rank, merge in enumerate(merges)}

    def __call__(self, label):
        return [token for word in label.lower().split() for token in self.word(word)]

    def word(self, word):
        parts = [*word[:-1], word[-1] + "</w>"]
        while len(parts) > 1:
            best = min(zip(parts, parts[1:]), key=lambda pair: self.ranks.get(pair, 1 << 30))
            if best not in self.ranks:
                break
            merged, i = [], 0
            while i < len(parts):
                if tuple(parts[i : i + 2]) == best:
                    merged.append("".join(best))
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            parts = merged
        return [self.tokens[part] for part in parts]


def gelu(x):
    return x * torch.sigmoid(1.702 * x)


class VadCLIP:
    """Weights under the published names; those of CLIP are frozen."""

    def __init__(self, state, labels, dtype=torch.float32):
        # Attention by scaled_dot_product_attention, or by its products.
        self.fused = False
        self.w = {}
        for name, value in state.items():
            value = torch.as_tensor(np.asarray(value)).to(dtype)
            trained = not name.startswith("clipmodel.")
            self.w[name] = value.requires_grad_(trained) if trained else value
        w = self.w
        self.length, self.width = w["frame_position_embeddings.weight"].shape
        self.layers = len({name.split(".")[2] for name in w if name.startswith("temporal.")})
        blocks = {name.split(".")[3] for name in w if name.startswith("clipmodel.transformer.resblocks.")}
        self.towerLayers, self.heads = len(blocks), max(1, w["clipmodel.ln_final.weight"].shape[0] // 64)
        i = torch.arange(self.length)
        same = (i[:, None] // WINDOWS[self.layers]) == (i[None, :] // WINDOWS[self.layers])
        self.mask = torch.where(same, 0.0, float("-inf")).to(dtype)
        self.distance = torch.exp(-(i[:, None] - i[None, :]).abs().to(torch.float64) / np.e).to(dtype)
        self.tokens = [Tokenizer()(label) for label in labels]
        context = w["clipmodel.positional_embedding"].shape[0]
        self.causal = torch.full((context, context), float("-inf"), dtype=dtype).triu(1)

    def trained(self):
        return {name: value for name, value in self.w.items() if value.requires_grad}

    def linear(self, x, name):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"])

    def block(self, x, name, heads, mask):
        h = self.norm(x, name + ".ln_1")
        q, k, v = F.linear(h, self.w[name + ".attn.in_proj_weight"], self.w[name + ".attn.in_proj_bias"]).chunk(3, -1)
        q, k, v = (y.view(*y.shape[:2], heads, -1).transpose(1, 2) for y in (q, k, v))
        if self.fused:
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        else:
            a = torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5 + mask, -1) @ v
        a = a.transpose(1, 2).reshape(x.shape)
        x = x + self.linear(a, name + ".attn.out_proj")
        h = gelu(self.linear(self.norm(x, name + ".ln_2"), name + ".mlp.c_fc"))
        return x + self.linear(h, name + ".mlp.c_proj")

    def text(self):
        w, tokens = self.w, self.w["clipmodel.token_embedding.weight"]
        prompt = w["text_prompt_embeddings.weight"]
        rows, ends = [], []
        for words in self.tokens:
            end = PREFIX + len(words) + 1 + POSTFIX
            word = range(PREFIX + 1, PREFIX + 1 + len(words))
            x = prompt.clone()
            x[0] = tokens[-2]
            if len(words):
                x[list(word)] = tokens[words]
            x[end] = tokens[-1]
            rows.append(x)
            ends.append(end)
        x = torch.stack(rows) + w["clipmodel.positional_embedding"]
        for layer in range(self.towerLayers):
            x = self.block(x, f"clipmodel.transformer.resblocks.{layer}", self.heads, self.causal)
        x = self.norm(x, "clipmodel.ln_final")
        return x[torch.arange(len(ends)), ends] @ w["clipmodel.text_projection"]

    def mlp(self, x, name):
        return self.linear(gelu(self.linear(x, name + ".c_fc")), name + ".c_proj")

    def graph(self, x, adjacency, name):
        out = adjacency @ (x @ self.w[name + ".weight"])
        kernel = self.w.get(name + ".residual.weight")
        if kernel is None:
            return out + x
        residual = F.conv1d(x.transpose(1, 2), kernel, self.w[name + ".residual.bias"], padding=2)
        return out + residual.transpose(1, 2)

    def forward(self, x, n, text):
        """x [B, L, d], n [B]: coarse logits [B, L], fine ones [B, L, K]."""
        x = x + self.w["frame_position_embeddings.weight"]
        for layer in range(self.layers):
            x = self.block(x, f"temporal.resblocks.{layer}", 1, self.mask)
        valid = torch.arange(self.length)[None] < n[:, None]
        length = x.norm(dim=-1, keepdim=True)
        s = x @ x.transpose(1, 2) / (length @ length.transpose(1, 2) + 1e-20)
        s = torch.where(s > 0.7, s, torch.zeros_like(s)).masked_fill(~valid[:, None, :], float("-inf"))
        s = torch.softmax(s, -1) * valid[:, :, None]
        a = gelu(self.graph(gelu(self.graph(x, s, "gc1")), s, "gc2"))
        b = gelu(self.graph(gelu(self.graph(x, self.distance, "gc3")), self.distance, "gc4"))
        v = self.linear(torch.cat([a, b], 2), "linear")
        coarse = self.linear(v + self.mlp(v, "mlp2"), "classifier")
        prompt = coarse.transpose(1, 2) @ v
        u = text[None] + prompt / prompt.norm(dim=-1, keepdim=True)
        u = u + self.mlp(u, "mlp1")
        unit = lambda y: y / y.norm(dim=-1, keepdim=True)
        return coarse[..., 0], unit(v) @ unit(u).transpose(1, 2) / 0.07

    def losses(self, x, n, labels, contrast):
        """labels [B, K] sum to 1 in each row; the three losses, the last one weighed."""
        text = self.text()
        coarse, fine = self.forward(x, n, text)
        scores, logits = [], []
        for sample, count in enumerate(n.tolist()):
            k = count // 16 + 1
            scores.append(torch.topk(torch.sigmoid(coarse[sample, :count]), k).values.mean())
            logits.append(torch.topk(fine[sample, :count], k, dim=0).values.mean(0))
        abnormal = (labels[:, 0] == 0).to(x.dtype)
        one = F.binary_cross_entropy(torch.stack(scores), abnormal)
        two = -(labels * F.log_softmax(torch.stack(logits), 1)).sum(1).mean()
        unit = text / text.norm(dim=-1, keepdim=True)
        three = (unit[1:] @ unit[0]).abs().sum() / (len(unit) - 1) * contrast
        return one, two, three


def pooled(features, length):
    """A video's rows as training takes them, [L, d], and how many count."""
    if len(features) <= length:
        rows = np.zeros((length, features.shape[1]), np.float32)
        rows[: len(features)] = features
        return rows, len(features)
    bounds = np.linspace(0, len(features), length + 1, dtype=int)
    rows = [features[a] if a == b else features[a:b].mean(0) for a, b in zip(bounds, bounds[1:])]
    return np.array(rows, np.float32), length


def batch(videos, names, folder, length, dtype):
    rows, counts, labels = [], [], np.zeros((len(videos), len(names)))
    for index, video in enumerate(videos):
        x, n = pooled(np.load(os.path.join(folder, video["features"])), length)
        rows.append(x)
        counts.append(n)
        for name in video["label"].split(";"):
            labels[index, names.index(name)] = 1
    labels /= labels.sum(1, keepdims=True)
    return torch.tensor(np.array(rows)).to(dtype), torch.tensor(counts), torch.tensor(labels).to(dtype)


def checkpoint(path):
    state = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in state.items()}


def optimizer(model, rate, decay):
    return torch.optim.AdamW(model.trained().values(), lr=rate, weight_decay=decay)


def steps(a):
    plan = json.load(open(a.plan))
    dtype = torch.float64 if a.double else torch.float32
    model = VadCLIP(checkpoint(a.checkpoint), plan["labels"], dtype)
    method = optimizer(model, plan["learning_rate"], plan["weight_decay"])
    norms = lambda values: {name: float(value.norm()) for name, value in values.items()}
    reports = []
    for number, videos in enumerate(plan["steps"]):
        x, n, labels = batch(videos, plan["labels"], os.path.dirname(a.plan), model.length, dtype)
        losses = model.losses(x, n, labels, plan["contrast_weight"])
        method.zero_grad()
        sum(losses).backward()
        gradients = {name: value.grad for name, value in model.trained().items() if value.grad is not None}
        values = [float(loss.detach()) for loss in losses]
        reports.append(
            {
                "loss_coarse": values[0],
                "loss_mil_align": values[1],
                "loss_contrast": values[2],
                "loss": sum(values),
                "grad_norm": norms(gradients),
            }
        )
        if number == 0 and a.gradients:
            np.savez(a.gradients, **{name: value.numpy() for name, value in gradients.items()})
        method.step()
    if a.weights:
        np.savez(a.weights, **{name: value.detach().numpy() for name, value in model.trained().items()})
    weights = {name: value.detach() for name, value in model.trained().items()}
    json.dump({"steps": reports, "weight_norm_after": norms(weights)}, sys.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    p = commands.add_parser("steps")
    p.add_argument("plan")
    p.add_argument("checkpoint")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--double", action="store_true", help="compute in double precision")
    p.add_argument("--gradients", help="where the first step's gradients go")
    p.add_argument("--weights", help="where the weights after the last step go")
    p.set_defaults(run=steps)
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    a.run(a)


if __name__ == "__main__":
    main()
