"""Writes the networks as the one weights file that the Rust engine carries.

Layout: `MSTAMPW1`, u32 little-endian length of the header, header (JSON, UTF-8),
then every tensor as little-endian f16, row-major, one after another.
"""

import hashlib
import json
import math
import struct

import numpy as np
import torch

from networks import ALPHABET, FORMATS

MAGIC = b"MSTAMPW1"


class Store:
    """Tensors of all networks in one run of f16 values."""

    def __init__(self):
        self.pieces = []
        self.length = 0

    def put(self, tensor):
        """Appends a tensor; returns where it lies."""
        values = tensor.detach().cpu().double().numpy().astype("<f2")
        if not np.isfinite(values).all():
            raise ValueError("a weight does not fit into f16")
        at = self.length
        self.pieces.append(values.tobytes())
        self.length += values.size
        return {"at": at, "shape": list(tensor.shape)}


def read(path):
    """Header and f16 data of a weights file."""
    with open(path, "rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise ValueError(f"{path}: no weights file")
        (length,) = struct.unpack("<I", file.read(4))
        return json.loads(file.read(length)), np.frombuffer(file.read(), "<f2")


def stored(data, ref, kind):
    """The tensor at `ref` in the data of a weights file, as numbers of `kind`."""
    return data[ref["at"]:ref["at"] + math.prod(ref["shape"])].astype(kind).reshape(ref["shape"])


def folded(part):
    """Weights and bias of a convolution with its batch normalisation folded in."""
    conv = part[0]
    if len(part) == 1:
        return conv.weight, conv.bias
    norm = part[1]
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    weight = conv.weight.double() * scale[:, None, None, None]
    return weight, norm.bias.double() - norm.running_mean.double() * scale


def describe(graph, store):
    """The operation list of one network, with references into `store`."""
    ops = []
    for op in graph.ops:
        op = dict(op)
        out = op["out"]
        if op["op"] == "conv":
            weight, bias = folded(graph.parts[out])
            op["w"], op["b"] = store.put(weight), store.put(bias)
        elif op["op"] in ("linear", "layernorm"):
            part = graph.parts[out]
            op["w"], op["b"] = store.put(part.weight), store.put(part.bias)
        elif op["op"] in ("const", "addconst"):
            op["w"] = store.put(graph.constants[out])
        elif op["op"] == "gridsample":
            op["points"] = store.put(getattr(graph, f"points_{out}"))
        ops.append(op)
    return {"input": "x", "ops": ops, "outputs": graph.outputs}


def copied(network, data, store):
    """A network of another weights file, its tensors brought over as they are."""
    def moved(value):
        return store.put(torch.from_numpy(stored(data, value, "f2"))) if isinstance(value, dict) else value

    return {**network, "ops": [{key: moved(value) for key, value in op.items()} for op in network["ops"]]}


def write(path, graphs, recipe, base=None):
    """Writes `graphs` (name -> Graph) with the recipe that made them; returns bytes and SHA-256 of the data.

    A network that is None is that of `base`, header and data of another weights file.
    """
    store = Store()
    header, values = base or ({}, None)
    with torch.no_grad():
        networks = {
            name: copied(header["networks"][name], values, store) if graph is None else describe(graph, store)
            for name, graph in graphs.items()
        }
    data = b"".join(store.pieces)
    digest = hashlib.sha256(data).hexdigest()
    own = {
        "alphabet": ALPHABET,
        "formats": FORMATS,
        "tile": {name: header["tile"][name] if graph is None else graph.size for name, graph in graphs.items()},
        "recipe": recipe,
        "sha256": digest,
        "networks": networks,
    }
    text = json.dumps(own, separators=(",", ":")).encode()
    with open(path, "wb") as file:
        file.write(MAGIC + struct.pack("<I", len(text)) + text + data)
    return len(MAGIC) + 4 + len(text) + len(data), digest
