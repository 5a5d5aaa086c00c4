"""From a seed to the weights of the learned reader.

    cargo build --release --features train
    python3 src/train/fit.py --seed 1 --budget-minutes 150 -o src/pipeline/engine/learned.weights

Tiles are made by `microstamp tiles` in the background. The networks take turns on
the device, each with its share of the time; rates fall with the clock, so that a
run always ends in time. README.md beside this file says more.
"""

import argparse
import csv
import math
import os
import pathlib
import time
import tomllib

import torch

import disturb
import export
import figures
import losses
import tiles
import unfold
import views
from graph import finer, prepare
from networks import FINE, MAKERS, TILE

HERE = pathlib.Path(__file__).resolve().parent
# Which tiles a network learns from.
KIND = {"finder": "photo", "poser": "crater", "turn": "mark", "layout": "mark", "glyph": "mark", "ring": "mark"}
# Those that look at pieces of the finer tile.
FINER = {"glyph", "ring"}


def half_precision(device):
    """Whether bf16 is the faster: on a GPU, and on a CPU that multiplies it (AMX or AVX-512), under a release that asks."""
    asked = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return device.type == "cuda" or any(getattr(torch.cpu, name, lambda: False)() for name in asked)


class Learner:
    """One network with all that its training needs."""

    def __init__(self, name, recipe, seed, device, pools):
        machine = recipe[device.type]
        self.name, self.seed, self.device = name, seed, device
        self.recipe, self.schedule, self.own = recipe, recipe["schedule"], recipe[name]
        self.batch, self.peak = machine["batch"][name], machine["rate"][name]
        self.decay, self.limit = machine["ema"], machine["check"]
        self.pool, self.valid = pools[KIND[name], "train"], pools[KIND[name], "valid"]
        self.cuda, self.half = device.type == "cuda", half_precision(device)
        self.net = self._make()
        self.mean = self._make().eval()  # running mean of the weights: what is kept
        self.mean.load_state_dict(self.net.state_dict())
        still = [p for p in self.net.parameters() if p.dim() < 2]
        moved = [p for p in self.net.parameters() if p.dim() >= 2]
        groups = [{"params": moved}, {"params": still, "weight_decay": 0.0}]
        faster = {"fused": True} if self.cuda else {}  # the name is unknown to old releases
        self.optimiser = torch.optim.AdamW(
            groups, lr=self.peak, weight_decay=self.schedule["decay"], betas=(0.9, 0.98), **faster
        )
        self.steps, self.used, self.sums, self.summed = 0, 0.0, {}, 0
        kept, now = self.mean.state_dict(), self.net.state_dict()
        names = [k for k, v in kept.items() if v.is_floating_point() and "points" not in k]
        self.kept, self.now = [kept[k] for k in names], [now[k] for k in names]

    def _make(self):
        net = MAKERS[self.name](self.recipe["networks"][self.name]).to(self.device)
        return net.to(memory_format=torch.channels_last)

    def autocast(self):
        """bf16 where that is the faster, else f32."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.half)

    def view(self, grey, second, label):
        """Prepared input of a disturbed training view, and its answers."""
        if self.name == "finder":
            view, truth = views.photo(grey, second, self.own["zoom"])
            view = disturb.labels_and_bars(disturb.disturb(view, self.own["disturb"]))
            return prepare(views.letterbox(view, truth["padding"])), truth
        if self.name == "poser":
            view, truth = views.crater(grey, label, self.own["jitter"])
            return prepare(disturb.disturb(view, self.own["disturb"])), truth
        if self.name == "turn":
            view, truth = views.unturned(grey, label, self.own["jitter"])
            return views.unrolled(prepare(disturb.disturb(view, self.own["disturb"]))), truth
        wrong_share, times = self.own.get("wrong_share", 0.0), FINE // TILE if self.name in FINER else 1
        jitter = self.own.get("tile", self.recipe["tile"])["jitter"]
        view, truth = views.floor(grey, second, label, jitter, wrong_share, times)
        x = (finer if self.name in FINER else prepare)(disturb.disturb(view, self.own["disturb"]))
        if self.name == "glyph":
            x, truth = views.cells(x, truth, self.own["jitter"], self.own["none_share"])
            use = truth["use"].nonzero().squeeze(1)
            return x[use], {name: value[use] for name, value in truth.items()}
        if self.name == "ring":
            # Making a floor costs as much as learning from two strips of it.
            strips = [views.strip(x, truth, self.own["jitter"]) for _ in range(2)]
            return torch.cat([s for s, _ in strips]), {k: torch.cat([t[k] for _, t in strips]) for k in strips[0][1]}
        return x, truth

    def drawn(self):
        """A view of a random batch, and its answers."""
        return self.view(*self.pool.draw(self.batch, self.name, self.own.get("having"), self.own.get("odds")))

    def step(self, progress):
        """One batch at `progress` 0-1 through the run."""
        warm, last = self.schedule["warm"], self.schedule["last"]
        fall = 0.5 + 0.5 * math.cos(math.pi * min(1.0, max(0.0, progress - warm) / (1 - warm)))
        for group in self.optimiser.param_groups:
            group["lr"] = self.peak * min(1.0, (progress + 1e-3) / warm) * (last + (1 - last) * fall)
        with torch.no_grad():
            x, truth = self.drawn()
            x = x.contiguous(memory_format=torch.channels_last)
        with self.autocast():
            out = self.net(x)
        terms = losses.OF[self.name](out, truth, self.own)
        loss = sum(self.own["losses"][k] * v for k, v in terms.items())
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.schedule["clip"])
        self.optimiser.step()
        self.steps += 1
        self._average()
        for key, value in terms.items():
            self.sums[key] = self.sums.get(key, 0) + value.detach()
        self.summed += 1

    @torch.no_grad()
    def _average(self):
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_mul_(self.kept, decay)
        torch._foreach_add_(self.kept, self.now, alpha=1 - decay)

    def terms(self):
        """Mean loss terms since the last call."""
        terms = {k: (v / self.summed).item() for k, v in self.sums.items()}
        self.sums, self.summed = {}, 0
        return terms

    @torch.no_grad()
    def check(self, seed, limit):
        """Validation figures of the averaged weights, from the same views every time."""
        devices = [self.device] if self.cuda else []

        def run(x):
            with self.autocast():
                return self.mean(x)

        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            return figures.OF[self.name](run, self.valid, limit)

    def save(self, folder, seconds, seen):
        """`NAME.pt` (averaged weights, where they come from) and `NAME.state` (all that --resume needs)."""
        kept = {
            "weights": {k: v.cpu() for k, v in self.mean.state_dict().items()},
            "origin": {
                "seed": self.seed, "seconds": round(seconds), "steps": self.steps, "batch": self.batch,
                "device": self.device.type, "torch": str(torch.__version__), "recipe": self.recipe,
                # JSON knows no NaN: a figure of no tiles is left out.
                "validation": {k: float(f"{v:.4g}") for k, v in seen.items() if math.isfinite(v)},
            },
        }
        torch.save(kept, folder / f"{self.name}.pt")
        state = {
            "net": self.net.state_dict(), "mean": self.mean.state_dict(), "optimiser": self.optimiser.state_dict(),
            "steps": self.steps, "used": self.used, "peak": self.peak, "seconds": seconds,
        }
        torch.save(state, folder / f"{self.name}.state")

    def resume(self, folder):
        """Takes up where `save` left; returns the seconds already spent."""
        state = torch.load(folder / f"{self.name}.state", map_location=self.device)
        self.net.load_state_dict(state["net"])
        self.mean.load_state_dict(state["mean"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.steps, self.used, self.peak = state["steps"], state["used"], state["peak"]
        return state["seconds"]

    def start_from(self, path):
        """Begins with trained weights, of a run's folder or of a weights file, at a lower rate."""
        if path.is_dir():
            weights = torch.load(path / f"{self.name}.pt", map_location=self.device)["weights"]
        else:
            self.net.eval()
            with torch.no_grad():
                x = torch.cat([self.drawn()[0] for _ in range(max(1, 256 // self.batch))])
            unfold.unfold(self.net, path, self.name, x)
            self.net.train()
            weights = self.net.state_dict()
        self.net.load_state_dict(weights)
        self.mean.load_state_dict(weights)
        self.peak *= self.schedule["again"]


class Curve:
    """The log of a run: `curve.csv` with seconds, network, step, kind, name, value."""

    def __init__(self, path, resume):
        self.file = open(path, "a" if resume else "w", newline="")
        self.rows = csv.writer(self.file)
        if self.file.tell() == 0:
            self.rows.writerow(["seconds", "network", "step", "kind", "name", "value"])

    def write(self, seconds, learner, kind, values):
        """One row a value."""
        for name, value in values.items():
            self.rows.writerow([f"{seconds:.0f}", learner.name, learner.steps, kind, name, f"{value:.5g}"])
        self.file.flush()


def train(args, recipe, folder, device):
    """Trains until the time is over; leaves NAME.pt of each network in `folder`."""
    machine = recipe[device.type]
    names = args.only or list(MAKERS)
    kinds = sorted({KIND[name] for name in names})
    pools = {}
    for kind in kinds:
        pools[kind, "train"] = tiles.Pool(machine["pool"][kind], device)
        pools[kind, "valid"] = tiles.Pool(recipe["tiles"]["valid"][kind], device)
    torch.manual_seed(args.seed)
    learners = [Learner(name, recipe, args.seed, device, pools) for name in names]
    spent = max(learner.resume(folder) for learner in learners) if args.resume else 0.0
    curve = Curve(folder / "curve.csv", args.resume)
    plan = {**recipe["tiles"], "train": machine["train"]}
    maker = tiles.Maker(args.tiles or folder / "tiles", args.program, args.faces, args.seed, plan, machine["workers"])
    supply = tiles.Supply(maker, kinds, discard=args.tiles is None)
    begin = time.monotonic() - spent
    budget = args.budget_minutes * 60
    try:
        while not all(learner.pool.count for learner in learners):
            supply.fill(pools)
            time.sleep(0.05)
        if args.start_from and not args.resume:
            for learner in learners:
                learner.start_from(pathlib.Path(args.start_from))
        loop(learners, pools, supply, recipe, curve, folder, begin, budget)
    finally:
        supply.end()


def loop(learners, pools, supply, recipe, curve, folder, begin, budget):
    """Turns of a few seconds, always to the network that is furthest behind its share."""
    schedule, seed = recipe["schedule"], recipe["tiles"]["valid_seed"]
    end = budget * (1 - schedule["close"])
    checked = int((time.monotonic() - begin) / end * schedule["checks"])
    while (now := time.monotonic() - begin) < end:
        learner = min(learners, key=lambda l: l.used / recipe["shares"][l.name])
        turn = time.monotonic()
        while time.monotonic() - turn < schedule["slice_seconds"]:
            supply.fill(pools)
            learner.step((time.monotonic() - begin) / end)
        curve.write(now, learner, "train", learner.terms())
        learner.used += time.monotonic() - turn
        if int(now / end * schedule["checks"]) > checked and all(l.valid.count for l in learners):
            checked = int(now / end * schedule["checks"])
            for each in learners:
                report(each, each.check(seed, each.limit), curve, begin, pools)
                each.save(folder, time.monotonic() - begin, {})
    for learner in learners:
        seen = learner.check(seed, learner.valid.count) if learner.valid.count else {}
        report(learner, seen, curve, begin, pools)
        learner.save(folder, time.monotonic() - begin, seen)


def report(learner, seen, curve, begin, pools):
    """A line on the terminal, rows in the curve."""
    seconds = time.monotonic() - begin
    curve.write(seconds, learner, "valid", seen)
    shown = "  ".join(f"{k} {seen[k]:.3f}" for k in figures.SHOWN[learner.name] if k in seen)
    print(f"{seconds:6.0f} s  {learner.name:6}  step {learner.steps:6}  tiles {learner.pool.count:6}  {shown}", flush=True)


def merge(folder, path, base):
    """NAME.pt of the networks into one weights file, which says where each comes from.

    Networks that were not trained are those of the weights file `base`, if there is one, to the bit.
    """
    graphs, origins = {}, {}
    base = export.read(base) if base and pathlib.Path(base).is_file() else None
    for name, make in MAKERS.items():
        if not (folder / f"{name}.pt").exists():
            if base and name in base[0]["networks"]:
                graphs[name], origins[name] = None, base[0]["recipe"][name]
            continue  # weights may find marks before there is a reader of them
        kept = torch.load(folder / f"{name}.pt", map_location="cpu")
        origins[name] = kept["origin"]
        graphs[name] = make(kept["origin"]["recipe"]["networks"][name])
        graphs[name].load_state_dict(kept["weights"])
        graphs[name].eval()
    size, digest = export.write(path, graphs, origins, base)
    print(f"{path}: {size / 1e6:.2f} MB, sha256 {digest}")


def main():
    """Parses the command line, trains, exports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of weights, batches and training tiles")
    parser.add_argument("--budget-minutes", type=float, default=150, help="wall-clock time for everything")
    parser.add_argument("-o", "--output", help="weights file to write")
    parser.add_argument("--run", default="out/fit", metavar="DIR", help="curve, checkpoints, weights of each network")
    parser.add_argument("--tiles", metavar="DIR", help="keep tiles there, and use those that are there already")
    parser.add_argument("--program", default="target/release/microstamp", help="built with --features train")
    parser.add_argument("--faces", metavar="DIR", help="TrueType files, passed on to the generator")
    parser.add_argument("--only", nargs="+", choices=list(MAKERS), help="train only these")
    parser.add_argument("--resume", action="store_true", help="continue the run in --run; the budget is the whole run's")
    parser.add_argument("--start-from", metavar="PATH", help="begin with NAME.pt from there, or with a weights file, at a lower rate")
    parser.add_argument("--export", action="store_true", help="do not train: only write -o from NAME.pt in --run")
    args = parser.parse_args()
    recipe = tomllib.loads((HERE / "recipe.toml").read_text())
    folder = pathlib.Path(args.run)
    folder.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        # Disturbed parts of a batch and cells in use are never of one number twice: trying every way of a convolution anew
        # for each shape took most of the first minutes.
        torch.backends.cudnn.benchmark = False
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
    else:
        torch.set_num_threads(len(os.sched_getaffinity(0)))  # some builds take one
    if not args.export:
        train(args, recipe, folder, device)
    if args.output:
        merge(folder, args.output, args.start_from)


if __name__ == "__main__":
    main()
