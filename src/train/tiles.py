"""Training tiles: made by `microstamp tiles` in the background, kept in a pool on the device.

Training runs on what is there while more is being made. A shard is one file of
one generator run; its name holds kind, split and number, and its number the seed.
"""

import json
import pathlib
import queue
import struct
import subprocess
import threading
import time

import numpy as np
import torch

MAGIC = b"MSTILES1"
# Seeds of shard n: base * STRIDE + n, and where each kind begins; splits and kinds must never share one.
STRIDE = 1_000_000
BEGINS = {"mark": 0, "crater": STRIDE // 2, "photo": STRIDE}


def read(path):
    """Grey tiles, second planes (both N x S x S, u8), labels (N x L, f32) and the labels' names."""
    with open(path, "rb") as file:
        if file.read(8) != MAGIC:
            raise ValueError(f"{path}: not a file of training tiles")
        (length,) = struct.unpack("<I", file.read(4))
        header = json.loads(file.read(length))
        size, names = header["size"], header["labels"]
        record = np.dtype([("planes", "u1", (2, size, size)), ("labels", "<f4", (len(names),))])
        records = np.fromfile(file, record, header["count"])
    if len(records) != header["count"]:
        raise ValueError(f"{path}: shorter than its header says")
    planes = [np.ascontiguousarray(records["planes"][:, i]) for i in (0, 1)]
    return *planes, np.ascontiguousarray(records["labels"]), names


class Maker:
    """Runs the generator, one process a core, and says which shards are ready."""

    def __init__(self, folder, program, faces, seed, recipe, workers):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program, self.faces, self.seed, self.recipe = program, faces, seed, recipe
        self.workers = workers
        self.running = []
        # Kinds in the order of their seeds.
        self.next = {(kind, split): 0 for kind in BEGINS for split in ("train", "valid")}
        self.given = set()

    def path(self, kind, split, number):
        """Where a shard lies."""
        return self.folder / f"{kind}-{split}-{number:05}.tiles"

    def wanted(self, kind, split):
        """How many shards of a kind the recipe asks for."""
        return -(-self.recipe[split][kind] // self.recipe["shard"])

    def due(self, kinds):
        """The next shard to make: validation first, then the kind that is furthest behind."""
        for split in ("valid", "train"):
            left = [
                (self.next[kind, split] / self.wanted(kind, split), kind)
                for kind in kinds
                if self.next[kind, split] < self.wanted(kind, split)
            ]
            if left:
                return min(left)[1], split
        return None

    def start(self, kinds):
        """Keeps as many generators running as there are workers."""
        while self.program and len(self.running) < self.workers:
            job = self.due(kinds)
            if job is None:
                return
            kind, split = job
            number = self.next[job]
            self.next[job] += 1
            path = self.path(kind, split, number)
            if path.exists():
                continue
            base = self.recipe["valid_seed"] if split == "valid" else self.seed
            seed = 2 * base * STRIDE + BEGINS[kind] + number
            part = path.with_suffix(".part")
            count = str(self.recipe["shard"])
            # Training goes first: a generator only takes what it leaves.
            command = ["nice", "-n", "10", self.program, "tiles", "--kind", kind, "--split", split, "--count", count]
            command += ["--seed", str(seed), "--threads", "1", "-o", str(part)]
            if self.faces:
                command += ["--faces", str(self.faces)]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            self.running.append((process, part, path))

    def ready(self, kinds, split):
        """Shards that have become ready since the last call, in the order of their numbers."""
        for process, part, path in list(self.running):
            if process.poll() is None:
                continue
            self.running.remove((process, part, path))
            if process.returncode != 0:
                raise RuntimeError(f"`{' '.join(process.args)}` ended with {process.returncode}")
            part.rename(path)
        found = [p for kind in kinds for p in sorted(self.folder.glob(f"{kind}-{split}-*.tiles"))]
        fresh = [p for p in found if p not in self.given]
        self.given.update(fresh)
        return fresh

    def stop(self):
        """Ends the generators that still run."""
        for process, part, _ in self.running:
            process.terminate()
            process.wait()
            part.unlink(missing_ok=True)
        self.running = []


class Pool:
    """Tiles of one kind on the device; when full, the oldest make room."""

    def __init__(self, capacity, device):
        self.capacity, self.device = capacity, device
        self.count = self.at = 0
        self.grey = self.second = self.labels = self.columns = None
        self.seen = {}  # how often each network was shown each tile

    def put(self, grey, second, labels, names):
        """Adds tiles. The strokes' plane is kept at half the side, which is as fine as it is asked for."""
        grey, second, labels = (torch.from_numpy(a).to(self.device) for a in (grey, second, labels))
        if "marked" in names and "tier" in names:
            halves = second.unsqueeze(1).float()
            second = torch.nn.functional.avg_pool2d(halves, 2).squeeze(1).round().to(torch.uint8)
        if self.grey is None:
            self.columns = {name: i for i, name in enumerate(names)}
            self.grey, self.second, self.labels = (
                torch.empty((self.capacity, *t.shape[1:]), dtype=t.dtype, device=self.device)
                for t in (grey, second, labels)
            )
        # The tail that does not fit goes to the front.
        for part in torch.arange(len(grey)).split(self.capacity):
            slots = (self.at + torch.arange(len(part))).remainder(self.capacity).to(self.device)
            part = part.to(self.device)
            for store, value in ((self.grey, grey), (self.second, second), (self.labels, labels)):
                store[slots] = value[part]
            for seen in self.seen.values():
                seen[slots] = 0
            self.at = (self.at + len(part)) % self.capacity
            self.count = min(self.capacity, self.count + len(part))

    def take(self, index):
        """Grey and second plane (u8) and the labels by name, of the tiles at `index`."""
        return self.grey[index], self.second[index], Labels(self.labels[index], self.columns)

    def draw(self, batch, network, having=None, odds=None):
        """A random batch for a network; `having`: only tiles with this label above 0; `odds`: how often each profile
        is drawn, relative to its share of the tiles.

        Tiles that the network has seen less are drawn more often: those that were made first would otherwise be learned
        by heart before the last are there.
        """
        labels = self.labels[: self.count]
        weights = torch.ones(self.count, device=self.device)
        if odds is not None:
            weights = torch.tensor(odds, device=self.device)[labels[:, self.columns["tier"]].round().long()]
        if having is not None:
            weights = weights * (labels[:, self.columns[having]] > 0)
        if network not in self.seen:
            self.seen[network] = torch.zeros(self.capacity, device=self.device)
        seen = self.seen[network]
        due = weights / (1 + seen[: self.count] / weights.clamp(min=1e-6))
        index = torch.multinomial(due, batch, replacement=True)
        seen.index_add_(0, index, torch.ones(batch, device=self.device))
        return self.take(index)


class Labels:
    """Columns of labels by name."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns

    def __getitem__(self, name):
        return self.values[:, self.columns[name]]

    def code(self):
        """Indices of the up to eight characters, -1 where there is none."""
        return torch.stack([self[f"c{i}"] for i in range(8)], 1).long()


class Supply:
    """Makes and reads shards in a thread of its own, so that the device never waits for them."""

    def __init__(self, maker, kinds, discard):
        self.maker, self.kinds, self.discard = maker, kinds, discard
        self.loaded = queue.Queue(maxsize=8)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while not self.ended.is_set():
                self.maker.start(self.kinds)
                fresh = [p for split in ("valid", "train") for p in self.maker.ready(self.kinds, split)]
                for path in fresh:
                    self._pass_on((path, read(path)))
                    if self.discard:
                        path.unlink()
                time.sleep(0.2)
        except Exception as error:  # whatever it is, the trainer must hear of it
            self._pass_on((None, error))

    def _pass_on(self, item):
        while not self.ended.is_set():
            try:
                return self.loaded.put(item, timeout=0.5)
            except queue.Full:
                continue

    def fill(self, pools):
        """Puts one shard that has been read into its pool, if there is one."""
        try:
            path, shard = self.loaded.get_nowait()
        except queue.Empty:
            return
        if path is None:
            raise RuntimeError("no more training tiles") from shard
        kind, split, _ = path.stem.split("-")
        pools[kind, split].put(*shard)

    def end(self):
        """Stops generators and thread."""
        self.ended.set()
        self.thread.join()
        self.maker.stop()
