"""The three networks: where primer and crater lie, how the mark lies in the crater, what it says."""

import math

import torch

from graph import Graph

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
FORMATS = ["ifm8", "ifm6", "ifm8-323", "ifm8-narrow"]
ROWS = [[4, 4], [3, 3], [3, 2, 3], [2, 2, 2, 2]]
LENGTHS = [sum(rows) for rows in ROWS]
# First query of each format among the reader's 30.
FIRST = [sum(LENGTHS[:f]) for f in range(len(FORMATS))]
# Sectors of the gear ring: start tooth 3, gap 1, six a character.
SECTORS = {"teeth8": 4 + 6 * 8, "teeth6": 4 + 6 * 6}
# Radii at which a sector is looked at, floor radii: the ring ends at 0.93-0.99 and is 0.08-0.2 wide.
RING_RADII = [0.83, 0.90, 0.97]
# Half the side of the reader's tile, floor radii.
SPAN = 1.08
# Rotation bins of the poser, each for straight and mirrored marks.
BINS = 120


def finder(recipe):
    """Whole photograph, 192 pixels: classes of the primer's parts, and what is there at all."""
    g = Graph(192)
    c = recipe["channels"]
    x = g.conv("x", c[0], stride=2)
    levels = [x]
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = g.conv(x, width, stride=2)
        for _ in range(blocks):
            x = g.block(x)
        levels.append(x)
    g.output("present", g.linear(g.linear(g.gap(x), 64, relu=True), 2))
    for level in reversed(levels[:-1]):
        width = g.width(level)
        up = g.upsample(g.conv(x, width, k=1, relu=False))
        x = g.block(g.conv(level, width, k=1, add=up))
    g.output("classes", g.conv(x, 5, k=1, relu=False, norm=False))
    return g


def poser(recipe):
    """The crater, 128 pixels: rim and floor as ellipses, rotation of the mark, whether it is there."""
    g = Graph(128)
    c = recipe["channels"]
    x = g.conv("x", c[0], stride=2)
    for width, blocks in zip(c[1:], recipe["blocks"]):
        x = g.conv(x, width, stride=2)
        for _ in range(blocks):
            x = g.block(x)
    x = g.linear(g.flatten(g.conv(x, recipe["flat"], k=1)), recipe["dim"], relu=True)
    for name in ("rim", "floor"):
        g.output(name, g.linear(x, 5))
    around = polar(g, recipe)
    g.output("rotation", compare(g, around, recipe))
    g.output("mark", g.linear(g.linear(g.concat([x, g.gap(around)]), 64, relu=True), 1))
    return g


# The crop unrolled about its centre: angles counter-clockwise from 12 o'clock, 1.5 degrees a column.
# 24 more columns at either end repeat the other end, since convolutions blur what lies beside the edge.
COLUMNS, REPEATED = 240, 24
# 32 radii, 2-48.5 pixels: from the middle to the rim (half of the crop is 64 pixels and 1.3 rim radii).
ROWS_OUT, FIRST_RADIUS, RADIUS_STEP = 32, 2.0, 1.5


def polar(g, recipe):
    """Features of the unrolled crop, (channels, 8, 72), six degrees a column.

    Unrolled, a turn is a shift: what is learned at one rotation holds for all of them.
    """
    points = []
    for row in range(ROWS_OUT):
        radius = FIRST_RADIUS + RADIUS_STEP * row
        for column in range(-REPEATED, COLUMNS + REPEATED):
            angle = 2 * math.pi * column / COLUMNS
            points.append((63.5 - radius * math.sin(angle), 63.5 - radius * math.cos(angle)))
    wide = COLUMNS + 2 * REPEATED
    x = g.gridsample("x", points)
    # From points x channels to channels x points: `tokens` of a map with a point for each channel.
    x = g.tokens(g.reshape(x, [len(points), 1, 2]))
    x = g.reshape(x, [2, ROWS_OUT, wide])
    near, far = recipe["polar"]
    x = g.conv(x, near, stride=2)
    x = g.conv(x, near)
    x = g.conv(x, far, stride=2)
    for _ in range(recipe["polar_blocks"]):
        x = g.block(x)
    return x


def compare(g, around, recipe):
    """A logit for each rotation, straight and mirrored: the whole turn, seen from that rotation on."""
    _, high, wide = g.shape[around]
    slim = g.conv(around, recipe["column"], k=1)
    slim = g.conv(g.reshape(slim, [recipe["column"] * high, 1, wide]), recipe["taps"], k=1)
    step = COLUMNS // 4  # columns of one turn after two strides
    first = REPEATED // 4
    points = [
        (((b + 0.5) * step / BINS + t) % step + first, 0.0) for b in range(BINS) for t in range(step)
    ]
    x = g.reshape(g.gridsample(slim, points), [BINS, step * recipe["taps"]])
    x = g.linear(g.linear(x, recipe["judge"], relu=True), 2)
    return g.flatten(g.tokens(g.reshape(x, [BINS, 1, 2])))


def reader(recipe):
    """The upright floor, 160 pixels: characters, ring, format, what the pose lacks, strokes."""
    g = Graph(160)
    c, dim = recipe["channels"], recipe["dim"]
    x80 = g.conv(g.conv("x", c[0], stride=2), c[1])
    x40 = stage(g, x80, c[2], recipe["blocks"][0])
    x20 = stage(g, x40, c[3], recipe["blocks"][1])
    x10 = stage(g, x20, c[4], recipe["blocks"][2])
    # Context flows down again: what a stroke means depends on light and polarity of the whole floor.
    x20 = g.conv(x20, c[3], k=1, add=g.upsample(g.conv(x10, c[3], k=1, relu=False)))
    fine = recipe["fine"]
    x40 = g.conv(x40, fine, k=1, add=g.upsample(g.conv(x20, fine, k=1, relu=False)))
    ink = recipe["ink"]
    up = g.upsample(g.conv(x40, ink, k=1, relu=False))
    y = g.conv(g.conv(x80, ink, k=1, add=up), ink)
    g.output("ink", g.conv(y, 1, k=1, relu=False, norm=False))

    # A loss names each character straight from the fine map at its true place: the map then
    # shows characters long before the queries have found out where to look.
    g.hidden["fine"] = x40
    g.helpers["glyph"] = torch.nn.Linear(fine, len(ALPHABET))
    seen = symbols(g, x20, x40, dim)
    flat = g.linear(g.flatten(g.conv(x10, 32, k=1)), 128, relu=True)
    words = g.linear(g.flatten(seen), 64, relu=True)
    whole = g.linear(g.concat([flat, g.gap(x10), words]), 128, relu=True)
    for name, width in (("ok", 1), ("format", len(FORMATS)), ("gear", 1), ("pose", 4)):
        g.output(name, g.linear(whole, width))
    g.output("cells", g.reshape(g.linear(whole, 5 * len(FORMATS)), [len(FORMATS), 5]))
    for name, sectors in SECTORS.items():
        g.output(name, teeth(g, x40, sectors))
    return g


def stage(g, x, width, blocks):
    """Half the side, then residual blocks."""
    x = g.conv(x, width, stride=2)
    for _ in range(blocks):
        x = g.block(x)
    return x


def symbols(g, coarse, fine, dim, heads=4):
    """30 queries, one for each place of each format: first over the coarse map, then over the fine one."""
    waves = torch.randn(dim // heads // 2, 2) / 0.22  # a query first looks 0.22 floor radii about its place
    places = torch.tensor(query_places())
    x = g.const(torch.randn(len(places), dim) * 0.5)
    x = look(g, x, coarse, places, waves, dim, heads)
    y = g.layernorm(x)
    y = g.attend(g.linear(y, dim), g.linear(y, dim), g.linear(y, dim), heads)
    x = feed(g, g.add(x, g.linear(y, dim)), dim)
    x = look(g, x, fine, places, waves, dim, heads)
    x = g.layernorm(feed(g, x, dim))
    g.output("symbols", g.linear(x, len(ALPHABET)))
    return x


def look(g, x, image, places, waves, dim, heads):
    """Queries attend to a map, with their places and the map's positions as learned constants."""
    cells = g.tokens(image)
    q = g.addconst(g.linear(g.layernorm(x), dim), position(places, waves, heads))
    k = g.addconst(g.linear(cells, dim), position(map_places(g.shape[image][1]), waves, heads))
    y = g.attend(q, k, g.linear(cells, dim), heads)
    return g.add(x, g.linear(y, dim))


def feed(g, x, dim):
    """The two-layer step after an attention."""
    return g.add(x, g.linear(g.linear(g.layernorm(x), 2 * dim, relu=True), dim))


def teeth(g, fine, sectors, dim=64):
    """One logit a sector of the ring, clockwise from 12 o'clock, from samples at fixed places.

    Sectors look at each other: what a tooth looks like is only known from the others.
    """
    points = [
        map_point(radius * math.sin(angle), -radius * math.cos(angle))
        for angle in (2 * math.pi * (s + 0.5) / sectors for s in range(sectors))
        for radius in RING_RADII
    ]
    near = g.gridsample(fine, points)
    near = g.reshape(near, [sectors, len(RING_RADII) * g.width(fine)])
    x = g.addconst(g.linear(near, dim), torch.randn(sectors, dim) * 0.02)
    y = g.layernorm(x)
    y = g.attend(g.linear(y, dim), g.linear(y, dim), g.linear(y, dim), 4)
    x = feed(g, g.add(x, g.linear(y, dim)), dim)
    return g.flatten(g.linear(g.layernorm(x), 1))


def map_point(u, v, stride=4):
    """Floor radii to pixels of a map: strided 3x3 convolutions centre cell j on input pixel `stride` j."""
    half = 160 / 2
    return ((u / SPAN * half + half - 0.5) / stride, (v / SPAN * half + half - 0.5) / stride)


def map_places(side):
    """Floor-radius position of each cell of a `side` x `side` map of the reader's tile, row by row."""
    at = ((torch.arange(side) * (160 / side) + 0.5) / 80 - 1) * SPAN
    return torch.stack([at.repeat(side), at.repeat_interleave(side)], 1)


def query_places():
    """Where each format's characters usually stand, floor radii."""
    places = []
    for rows in ROWS:
        height = 0.36 if len(rows) < 4 else 0.30
        places += [(u * 0.86 * height, v * 1.3 * height) for u, v in layout(rows)]
    return places


def layout(rows):
    """Each character's place in its format, in pitches from the middle."""
    return [
        (c - (row - 1) / 2, r - (len(rows) - 1) / 2)
        for r, row in enumerate(rows)
        for c in range(row)
    ]


def position(places, waves, heads):
    """Fourier features whose dot products fall off with distance, the same for each head."""
    phase = places @ waves.T
    # With 16 waves a head, the peak then adds 4 to an attention logit.
    gain = 4 ** 0.5 * (2 * len(waves)) ** 0.25 / len(waves) ** 0.5
    return torch.cat([phase.cos(), phase.sin()], 1).repeat(1, heads) * gain


MAKERS = {"finder": finder, "poser": poser, "reader": reader}
