"""Checks the exporter against a plain NumPy interpreter, and writes the fixture of the Rust one.

    python3 src/train/test_export.py                      # compares, on small random networks and the real ones
    python3 src/train/test_export.py --fixture testdata/golden
"""

import argparse
import functools
import json
import pathlib
import tempfile
import tomllib

import numpy as np
import torch

import average
import export
import unfold
from graph import Graph, finer, prepare
from networks import MAKERS


def interpret(network, data, x):
    """Runs an operation list on one input of C x H x W; float64, straight from the definitions."""
    def tensor(ref):
        return export.stored(data, ref, "f8")

    r = {network["input"]: x}
    for op in network["ops"]:
        x = r[op["in"]] if "in" in op else None
        kind = op["op"]
        if kind == "conv":
            w, s, p = tensor(op["w"]), op["stride"], op["pad"]
            x = np.pad(x, ((0, 0), (p, p), (p, p)))
            seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], (1, 2))[:, ::s, ::s]
            y = np.einsum("cyxij,ocij->oyx", seen, w, optimize=True) + tensor(op["b"])[:, None, None]
            y = y + r[op["add"]] if "add" in op else y
            y = np.maximum(y, 0) if op["relu"] else y
        elif kind in ("maxpool", "avgpool"):
            k, s = op["k"], op["stride"]
            seen = np.lib.stride_tricks.sliding_window_view(x, (k, k), (1, 2))[:, ::s, ::s]
            y = seen.max((3, 4)) if kind == "maxpool" else seen.mean((3, 4))
        elif kind == "gap":
            y = x.mean((1, 2))
        elif kind == "upsample":
            y = x.repeat(2, 1).repeat(2, 2)
        elif kind == "concat":
            xs = [r[name] for name in op["ins"]]
            y = np.concatenate(xs, 0 if xs[0].ndim == 3 else -1)
        elif kind == "flatten":
            y = x.reshape(-1)
        elif kind == "tokens":
            y = x.reshape(x.shape[0], -1).T
        elif kind == "linear":
            y = x @ tensor(op["w"]).T + tensor(op["b"])
            y = np.maximum(y, 0) if op["relu"] else y
        elif kind == "add":
            y = r[op["a"]] + r[op["b"]]
        elif kind == "addconst":
            y = x + tensor(op["w"])
        elif kind == "const":
            y = tensor(op["w"])
        elif kind == "attend":
            q, k, v = r[op["q"]], r[op["k"]], r[op["v"]]
            d = q.shape[1] // op["heads"]
            heads = []
            for h in range(op["heads"]):
                part = slice(h * d, (h + 1) * d)
                s = q[:, part] @ k[:, part].T / np.sqrt(d)
                e = np.exp(s - s.max(1, keepdims=True))
                heads.append(e / e.sum(1, keepdims=True) @ v[:, part])
            y = np.concatenate(heads, 1)
        elif kind == "layernorm":
            y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
            y = y * tensor(op["w"]) + tensor(op["b"])
        elif kind == "gridsample":
            px, py = tensor(op["points"]).T
            px, py = px.clip(0, x.shape[2] - 1), py.clip(0, x.shape[1] - 1)
            x0, y0 = np.floor(px).astype(int), np.floor(py).astype(int)
            x1, y1 = np.minimum(x0 + 1, x.shape[2] - 1), np.minimum(y0 + 1, x.shape[1] - 1)
            fx, fy = px - x0, py - y0
            top = x[:, y0, x0] * (1 - fx) + x[:, y0, x1] * fx
            low = x[:, y1, x0] * (1 - fx) + x[:, y1, x1] * fx
            y = (top * (1 - fy) + low * fy).T
        elif kind == "reshape":
            y = x.reshape(op["shape"])
        else:
            raise ValueError(f"unknown operation {kind}")
        r[op["out"]] = y
    return {name: r[out] for name, out in network["outputs"].items()}


def every_operation():
    """A tiny network in which each operation of the format occurs."""
    g = Graph(24)
    a = g.conv("x", 6, stride=2)
    b = g.block(a)
    c = g.conv(b, 8, stride=2)
    pooled = g.concat([g.pool("maxpool", b), g.pool("avgpool", b, k=2, stride=2)])
    up = g.upsample(g.conv(c, 6, k=1, relu=False))
    d = g.conv(g.add(up, b), 6)
    g.output("map", g.conv(d, 2, k=1, relu=False, norm=False))
    cells = g.addconst(g.linear(g.tokens(c), 8), torch.randn(36, 8))
    q = g.layernorm(g.const(torch.randn(5, 8)))
    q = g.add(q, g.attend(g.linear(q, 8), cells, g.linear(g.tokens(c), 8), 2))
    g.output("tokens", g.linear(g.concat([q, q]), 3))
    near = g.gridsample(d, [[0.25, 1.5], [3.0, 3.0], [10.9, 7.125], [-2.0, 20.0]])
    near = g.reshape(near, [2, 12])
    # Tokens to a map and back, maps that are not square, a map of one row.
    ring = g.tokens(g.reshape(g.gridsample("x", [(1.5 * i, 23 - i) for i in range(15)]), [15, 1, 2]))
    ring = g.conv(g.reshape(ring, [2, 3, 5]), 4, stride=2)
    ring = g.conv(g.reshape(ring, [8, 1, 3]), 5, k=1)
    around = g.reshape(g.gridsample(ring, [[0.0, 0.0], [0.75, 0.0], [1.5, 0.0], [2.0, 0.0]]), [2, 10])
    around = g.flatten(g.tokens(g.reshape(g.linear(around, 3), [2, 1, 3])))
    g.output("around", around)
    vector = g.concat([g.gap(pooled), g.flatten(near), g.flatten(g.conv(c, 1, k=1))])
    g.output("vector", g.linear(g.linear(vector, 10, relu=True), 4))
    return g


def shaken(graph):
    """Random statistics and weights, so that folding and every constant show."""
    with torch.no_grad():
        for name, value in list(graph.named_parameters()) + list(graph.named_buffers()):
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif value.is_floating_point() and not name.startswith("points"):
                value.add_(torch.randn_like(value) * 0.1)
    return graph.eval()


def worst(graph, path, name, seed):
    """Largest difference between PyTorch and the interpreter, relative to the largest value, or to 1: a single answer may
    be near 0."""
    header, data = export.read(path)
    x = torch.randn(1, *graph.shape["x"], generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        ours = graph(x)
    theirs = interpret(header["networks"][name], data, x[0].double().numpy())
    gaps = []
    for key, value in ours.items():
        value = value[0].double().numpy()
        assert value.size == theirs[key].size, key
        gaps.append(np.abs(value.reshape(-1) - theirs[key].reshape(-1)).max() / max(1.0, np.abs(value).max()))
    return max(gaps)


def averaged(folder):
    """The mean of two files lies between them, and is each where they are alike."""
    files = []
    kept, moved = shaken(every_operation()), every_operation()
    for seed in (1, 2):
        recipe = {"moved": {"seed": seed}, "kept": {"seed": 0}}
        export.write(folder / f"{seed}", {"moved": shaken(moved), "kept": kept}, recipe)
        files.append(export.read(folder / f"{seed}"))
    header, data = average.mean(files)
    assert header["recipe"] == {"moved": {"mean_of": [{"seed": 1}, {"seed": 2}]}, "kept": {"seed": 0}}
    both = [f[1].astype("f8") for f in files]
    assert np.abs(data - (both[0] + both[1]) / 2).max() < 2e-3 and not np.array_equal(data, files[0][1])
    assert np.array_equal(average.mean(files[:1] * 3)[1], files[0][1])
    first = header["networks"]["kept"]["ops"][0]["w"]["at"]
    assert np.array_equal(data[first:], files[0][1][first:])


def fixture(folder):
    """`net.weights` and `net.json`: inputs with what the interpreter must answer, to 1e-3."""
    torch.manual_seed(11)
    g = shaken(every_operation())
    folder = pathlib.Path(folder)
    export.write(folder / "net.weights", {"every_operation": g}, {"seed": 11})
    header, data = export.read(folder / "net.weights")
    rng = np.random.default_rng(12)
    tile = rng.random((24, 24)).round(3)
    grey = torch.tensor(tile[None], dtype=torch.float64)
    x = prepare(grey)[0].numpy()
    out = interpret(header["networks"]["every_operation"], data, x)

    def flat(a):
        return {"shape": list(a.shape), "values": [round(float(v), 6) for v in a.reshape(-1)]}

    answer = {"network": "every_operation", "tile": flat(tile), "prepared": flat(x), "finer": flat(finer(grey)[0].numpy())}
    answer["outputs"] = {name: flat(value) for name, value in out.items()}
    (folder / "net.json").write_text(json.dumps(answer) + "\n")


def main():
    """Compares, or writes the fixture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixture", metavar="DIR", help="write net.weights and net.json there")
    args = parser.parse_args()
    if args.fixture:
        fixture(args.fixture)
        return
    recipe = tomllib.loads((pathlib.Path(__file__).parent / "recipe.toml").read_text())
    torch.manual_seed(5)
    makers = {name: functools.partial(make, recipe["networks"][name]) for name, make in MAKERS.items()}
    makers["every_operation"] = every_operation
    graphs = {name: shaken(make()) for name, make in makers.items()}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "w"
        size, _ = export.write(path, graphs, {})
        for name, graph in graphs.items():
            gap = worst(graph, path, name, seed=6)
            # Rounding of the weights to f16 (2^-11 each) is all that may differ.
            print(f"{name}: largest difference {gap:.4f} of the largest value")
            assert gap < 0.05, name
            # What is trained on begins as what the file says, and what is not is the file's to the bit.
            again = makers[name]()
            unfold.unfold(again, path, name, torch.randn(16, *graph.shape["x"]))
            assert worst(again.eval(), path, name, seed=7) < 1e-3, name
        copy = pathlib.Path(folder) / "copy"
        export.write(copy, dict.fromkeys(graphs), {}, export.read(path))
        assert copy.read_bytes() == path.read_bytes()
        averaged(pathlib.Path(folder))
    print(f"{size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
