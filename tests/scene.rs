//! Simulated scenes: truth that agrees with the pictures, and severities that are drawn as stated.
#![allow(clippy::unwrap_used)]

use microstamp::pipeline::geometry::Pose;
use microstamp::pipeline::photo::Pixels;
use microstamp::pipeline::scheme::Scheme;
use microstamp::pipeline::tile::sample;
use microstamp::synth::draw::Draw;
use microstamp::synth::framing::{LABORATORY, frame};
use microstamp::synth::gun::{Breech, Faces, Split};
use microstamp::synth::imprint::{Imprint, cell_centres};
use microstamp::synth::light::Kind;
use microstamp::synth::profile::Profile;
use microstamp::synth::scene::{Counts, Scene};
use microstamp::synth::surface::Window;
use microstamp::synth::truth::Truth;
use ndarray::Array2;
use std::collections::BTreeSet;

const TWO_CASES: Counts = Counts { cases_per_gun: 2, photos_per_case: 1 };

fn faces() -> Faces {
    Faces::new(Vec::new(), Split::Valid)
}

fn scene(seed: u64, index: u64, profile: Profile, counts: Counts) -> Scene {
    Scene::draw(seed, index, &[profile], counts, &faces(), &Scheme::all())
}

fn truth(scene: &Scene) -> Truth {
    let window = frame(&mut Draw::new(0, "frame", 0), scene, 1.0, &LABORATORY);
    Truth::new(scene, &window, "a/a.png", "a", &Scheme::all())
}

/// A well-struck mark in one piece under an even ring light: what remains is geometry.
fn plain(index: u64, format: usize, mirrored: bool) -> Scene {
    let mut index = index;
    let mut scene = loop {
        let scene = scene(2, index, Profile::Clean, TWO_CASES);
        if scene.gun.format == format {
            break scene;
        }
        index += 2;
    };
    scene.mirrored = mirrored;
    let shot = &mut scene.shot;
    (shot.transfer, shot.partial, shot.tilt, shot.double) = (1.0, 0.0, (0.0, 0.0), None);
    (shot.smear_um, shot.drag.0, shot.rounds) = (0.0, 0.0, 0.0);
    (shot.soot.0, shot.film, shot.scratches, shot.dents, shot.corrosion) = (0.0, 0.0, 0, 0, 0.0);
    (scene.gun.pin.turning_um, scene.gun.pin.dome_um, scene.gun.pin.exponent) = (None, 0.0, 2.0);
    (scene.gun.breech.rings, scene.gun.breech.aperture) = (Vec::new(), None);
    (scene.gun.breech.kind, scene.cartridge.texture_um.1) = (Breech::None, 0.3);
    (scene.rig.kind, scene.rig.elevation_deg, scene.rig.uneven) = (Kind::Ring, 55.0, 0.0);
    (scene.rig.second, scene.rig.crossed) = (None, false);
    scene.camera.focus_um = scene.cartridge.seat_um - scene.gun.pin.depth_um;
    (scene.camera.psf_px, scene.camera.electrons, scene.camera.gamma) = (0.5, (1e5, 5.0), 1.0);
    let code = scene.gun.code.as_mut().unwrap();
    code.text = "F2G7RLJ5".chars().take(code.text.len()).collect();
    code.relief_um = 20.0;
    scene
}

/// The crater with the camera straight above, 4 µm per pixel, its middle off the picture's.
fn above(scene: &Scene) -> Window {
    let um_per_px = 4.0;
    let n = (2.4 * scene.rim_um() / um_per_px) as usize;
    let (x, y) = scene.gun.pin.offset_um;
    let half = n as f32 / 2.0 * um_per_px;
    let x = if scene.mirrored { -x } else { x };
    Window { w: n, h: n + 20, um_per_px, x0: x - half + 40.0, y0: y - half - 25.0 }
}

fn pose(scene: &Scene, window: &Window) -> Pose {
    let floor = scene.floor(window);
    let row = Truth::new(scene, window, "a.png", "a", &Scheme::all());
    Pose {
        cx: row.pin_cx,
        cy: row.pin_cy,
        radius: floor.rx,
        rotation_deg: row.rotation.into(),
        mirrored: row.mirrored == 1,
    }
}

fn pixels(plane: &[f32], window: &Window) -> Pixels {
    let plane = Array2::from_shape_vec((window.h, window.w), plane.to_vec()).unwrap();
    Pixels::Sixteen(plane.mapv(|v| (v.clamp(0.0, 1.0) * 65535.0) as u16))
}

fn correlation(a: impl Iterator<Item = f32> + Clone, b: impl Iterator<Item = f32> + Clone) -> f64 {
    let mean = |v: &mut dyn Iterator<Item = f32>| {
        let (sum, n) = v.fold((0.0, 0.0), |(s, n), v| (s + f64::from(v), n + 1.0));
        sum / n
    };
    let (ma, mb) = (mean(&mut a.clone()), mean(&mut b.clone()));
    let [mut ab, mut aa, mut bb] = [0.0; 3];
    for (a, b) in a.zip(b) {
        let (a, b) = (f64::from(a) - ma, f64::from(b) - mb);
        (ab, aa, bb) = (ab + a * b, aa + a * a, bb + b * b);
    }
    ab / (aa * bb).sqrt().max(1e-12)
}

/// Side of the upright tiles below, and half of it in floor radii.
const TILE: usize = 240;
const SPAN: f64 = 1.05;

/// Row, column of the tile where (`u`, `v`) of the mark's frame lies.
fn in_tile(u: f64, v: f64) -> (f64, f64) {
    let place = |t: f64| (t / SPAN + 1.0) / 2.0 * TILE as f64 - 0.5;
    (place(v), place(u))
}

#[test]
fn the_strokes_stand_where_code_rotation_mirror_and_place_of_the_truth_say() {
    let schemes = Scheme::all();
    for (format, mirrored) in [(0, false), (0, true), (1, true), (2, false), (3, false), (3, true)] {
        let scene = plain(40, format, mirrored);
        let window = above(&scene);
        let rendered = scene.render(&window, &schemes);
        let pose = pose(&scene, &window);
        let ink = sample(&pixels(&rendered.surface.ink, &window), &pose, SPAN, TILE);
        let code = scene.gun.code.as_ref().unwrap();
        let px = f64::from(code.height_um / scene.gun.pin.rx_um) / SPAN * TILE as f64 / 2.0;
        // Each character is most like its own letter among all of the typeface.
        for (symbol, (x, y)) in code.text.chars().zip(cell_centres(code, &schemes)) {
            let um = f64::from(scene.gun.pin.rx_um);
            let (row, column) = in_tile(f64::from(x) / um, f64::from(y) / um);
            let alike = |candidate: char| {
                let letter =
                    code.face.distance(candidate, px as f32, 4).mapv(|d| f32::from(u8::from(d < 0.0)));
                let (h, w) = letter.dim();
                let (top, left) = (row - (h as f64 - 1.0) / 2.0, column - (w as f64 - 1.0) / 2.0);
                let seen = (0..h * w).map(|k| {
                    let at =
                        [(top + (k / w) as f64).round() as usize, (left + (k % w) as f64).round() as usize];
                    ink.get(at).copied().unwrap_or(0.0)
                });
                correlation(letter.iter().copied(), seen)
            };
            let own = alike(symbol);
            for other in microstamp::typeface::CHARACTERS.chars().filter(|c| *c != symbol) {
                assert!(own > alike(other), "{} {mirrored}: {symbol} looks like {other}", schemes[format].id);
            }
            assert!(own > 0.7, "{} {mirrored}: {symbol} {own:.2}", schemes[format].id);
        }
        if let Some(ring) = code.ring {
            let sectors = schemes[format].gear_sectors(&code.text).unwrap();
            let um = f64::from(scene.gun.pin.rx_um);
            let outer = f64::from(ring.outer * scene.gun.pin.ry_um) / um;
            let width = f64::from(ring.width_um) / um;
            for (k, tooth) in sectors.iter().enumerate() {
                // The middle half of the sector both ways: a chip takes a part of it, a wrong place all.
                let part = |i: usize| 0.25 + 0.5 * (i as f64 + 0.5) / 6.0;
                let points = (0..36).map(|i| {
                    let angle = (k as f64 + part(i / 6)) / sectors.len() as f64 * std::f64::consts::TAU;
                    let radius = outer - width * part(i % 6);
                    let (row, column) = in_tile(radius * angle.sin(), -radius * angle.cos());
                    ink[[row.round() as usize, column.round() as usize]]
                });
                let here = points.sum::<f32>() / 36.0;
                let right = if *tooth { here > 0.5 } else { here < 0.1 };
                assert!(right, "{} {mirrored}: sector {k} is {tooth}, {here:.2}", schemes[format].id);
            }
        }
        let rows = &schemes[format].rows;
        let half = |pitch: f32, count: usize| {
            f64::from((pitch * (count as f32 - 1.0) + 1.2 * code.height_um) / 2.0 / scene.gun.pin.rx_um)
        };
        let (across, down) = (half(code.column_um, rows[0]), half(code.row_um, rows.len()));
        // In the photograph the strokes' edges shine or darken: there, and not where the mark lies otherwise.
        let edges = |tile: Array2<f32>| {
            Array2::from_shape_fn((TILE - 2, TILE - 2), |(y, x)| {
                let (dx, dy) =
                    (tile[[y + 1, x + 2]] - tile[[y + 1, x]], tile[[y + 2, x + 1]] - tile[[y, x + 1]]);
                // The characters alone: the ring looks much the same turned by half.
                let place = |t: usize| ((t as f64 + 1.5) / TILE as f64 * 2.0 - 1.0) * SPAN;
                if place(x).abs() < across && place(y).abs() < down { dx.hypot(dy) } else { 0.0 }
            })
        };
        let strokes = edges(ink);
        let photograph = pixels(&rendered.grey, &window);
        let found = |pose: &Pose| {
            let seen = edges(sample(&photograph, pose, SPAN, TILE));
            correlation(seen.iter().copied(), strokes.iter().copied())
        };
        let right = found(&pose);
        let (turned, flipped) = (
            Pose { rotation_deg: pose.rotation_deg + 25.0, ..pose },
            Pose { mirrored: !pose.mirrored, ..pose },
        );
        for wrong in [turned, flipped, Pose { rotation_deg: pose.rotation_deg + 180.0, ..pose }] {
            let other = found(&wrong);
            assert!(right > other + 0.1, "{} {mirrored}: {right:.2} as {other:.2}", schemes[format].id);
        }
        assert!(right > 0.3, "{} {mirrored}: {right:.2}", schemes[format].id);
    }
}

#[test]
fn the_rim_of_the_truth_follows_the_wall_and_the_cup_ends_at_its_circle() {
    let schemes = Scheme::all();
    for (format, mirrored) in [(0, false), (1, true), (3, false), (3, true)] {
        let scene = plain(60, format, mirrored);
        let window = above(&scene);
        let surface = scene.render(&window, &schemes).surface;
        let (floor, rim) = (scene.floor(&window), scene.rim(&window));
        let depth = f64::from(scene.gun.pin.depth_um);
        let heights = |factor: f64| -> Vec<f64> {
            let e = floor.scaled(factor);
            let points = (0..48).map(|i| e.point(f64::from(i) / 48.0 * std::f64::consts::TAU));
            let z = points.map(|(x, y)| surface.z[y.round() as usize * window.w + x.round() as usize]);
            z.map(|z| f64::from(z - scene.cartridge.seat_um)).collect()
        };
        let out = rim.rx / floor.rx;
        assert!(heights(0.97).iter().all(|z| *z < -0.8 * depth), "the floor reaches to its edge");
        assert!(heights(out + 0.05).iter().all(|z| *z > -0.25 * depth), "outside the rim is face");
        let wall = heights((1.0 + out) / 2.0);
        let (low, high) = wall.iter().fold((f64::MAX, f64::MIN), |(a, b), z| (a.min(*z), b.max(*z)));
        assert!(
            high - low < 0.35 * depth,
            "half way up the wall it is as high all round: {low:.0} to {high:.0}"
        );
    }
    let scene = plain(80, 0, true);
    let n = 300;
    let um_per_px = 2.4 * scene.cartridge.cup_um / n as f32;
    let window = Window {
        w: n,
        h: n,
        um_per_px,
        x0: -1.1 * scene.cartridge.cup_um,
        y0: -1.3 * scene.cartridge.cup_um,
    };
    let surface = scene.render(&window, &schemes).surface;
    let row = Truth::new(&scene, &window, "a.png", "a", &schemes);
    for (i, cup) in surface.cup.iter().enumerate() {
        let r = ((i % n) as f32 - row.primer_cx).hypot((i / n) as f32 - row.primer_cy);
        assert!(
            (r - row.primer_r).abs() < 1.5 || *cup == (r < row.primer_r),
            "cup at {r} of {}",
            row.primer_r
        );
    }
}

#[test]
fn cases_of_a_gun_share_what_belongs_to_the_gun_and_wear_on() {
    let counts = Counts { cases_per_gun: 6, photos_per_case: 2 };
    for profile in [Profile::Field, Profile::Severe] {
        for gun in 0..8 {
            let scenes: Vec<Scene> = (0..12).map(|i| scene(3, gun * 12 + i, profile, counts)).collect();
            let rows: Vec<Truth> = scenes.iter().map(truth).collect();
            let of_gun = |i: usize| {
                let (s, r) = (&scenes[i], &rows[i]);
                let code = s.gun.code.as_ref().unwrap();
                let pin = &s.gun.pin;
                let place = [code.offset_um.0, pin.rx_um, pin.ry_um, pin.depth_um];
                let text =
                    (r.gun.clone(), r.code.clone(), r.format.clone(), r.layout.clone(), r.font.clone());
                (
                    text,
                    r.sunken,
                    r.gear,
                    r.relief_um.to_bits(),
                    r.char_height_um.to_bits(),
                    place.map(f32::to_bits),
                )
            };
            assert!((1..12).all(|i| of_gun(i) == of_gun(0)), "gun {gun}");
            let of_case = |i: usize| {
                let r = &rows[i];
                let place = [r.transfer, r.partial, r.smear_um, r.drag_um, scenes[i].shot.rotation];
                (r.scene.clone(), r.case, r.rounds, r.ammunition.clone(), place.map(f32::to_bits))
            };
            for i in (0..12).step_by(2) {
                assert_eq!(of_case(i), of_case(i + 1), "two photographs of one case");
                let lamps = |i: usize| scenes[i].rig.azimuth;
                assert_ne!(lamps(i), lamps(i + 1), "each under its own light");
            }
            let drawn = |of: &dyn Fn(usize) -> u64| (0..6).map(|c| of(2 * c)).collect::<BTreeSet<_>>().len();
            assert_eq!(drawn(&|i| scenes[i].shot.transfer.to_bits().into()), 6, "each case struck anew");
            assert_eq!(drawn(&|i| scenes[i].shot.rotation.to_bits().into()), 6, "each case turned anew");
            for i in (2..12).step_by(2) {
                assert!(
                    rows[i].rounds >= rows[i - 1].rounds && rows[i].wear >= rows[i - 1].wear,
                    "wear grows"
                );
            }
            assert!(rows[11].rounds > rows[0].rounds);
        }
    }
}

#[test]
fn photographs_of_a_case_show_one_surface_and_cases_of_a_gun_one_pin() {
    let schemes = Scheme::all();
    let counts = Counts { cases_per_gun: 2, photos_per_case: 2 };
    for index in [4, 8, 12] {
        let [first, again, later] = [0, 1, 2].map(|i| scene(6, 4 * index + i, Profile::Severe, counts));
        // The middle of the crater, at 3 and at 2 µm a pixel: every second pixel of the one lies on a third of the other.
        let half = 240.0;
        let z = |s: &Scene, um: f32| {
            let (x, y) = s.gun.pin.offset_um;
            let n = (2.0 * half / um) as usize + 1;
            let window = Window { w: n, h: n, um_per_px: um, x0: x - half, y0: y - half };
            let mut plain = s.clone();
            plain.mirrored = false;
            let surface = plain.surface(&window, &schemes);
            (n, surface.z, surface.albedo)
        };
        let ((n, fine, fine_albedo), (m, coarse, coarse_albedo)) = (z(&first, 2.0), z(&again, 3.0));
        let mut apart = (0.0f32, 0.0f32);
        for y in 0..m / 2 {
            for x in 0..m / 2 {
                let (here, there) = (2 * y * m + 2 * x, 3 * y * n + 3 * x);
                apart.0 += (coarse[here] - fine[there]).abs();
                apart.1 += (coarse_albedo[here] - fine_albedo[there]).abs();
            }
        }
        let places = (m / 2).pow(2) as f32;
        assert!(apart.0 / places < 0.6 && apart.1 / places < 0.01, "{index}: {apart:?} over {places}");
        // How the mark lies in the gun is the gun's where the pin cannot turn.
        let (a, b) = (&first, &later);
        if let Some(angle) = a.gun.mark_angle {
            for s in [a, b] {
                let turned = s.shot.rotation - s.shot.turn - angle;
                assert!(turned.cos() > 0.999_999, "{turned}");
            }
        }
        // What lies in one way in the gun is turned with each case: the direction of an angle in the picture, turned back.
        let back = |s: &Scene, clockwise: f32| {
            let angle = f64::from(clockwise + s.shot.turn);
            (angle.cos(), angle.sin())
        };
        let far = |p: (f64, f64), q: (f64, f64)| (p.0 - q.0).hypot(p.1 - q.1);
        type Side = fn(&Scene) -> f32;
        let sides: [(Side, f64); 4] = [
            (|s| s.gun.drag_angle, 1e-3),
            (|s| s.gun.breech.angle, 1e-3),
            (|s| s.gun.pin.offset_um.1.atan2(s.gun.pin.offset_um.0), 1e-3),
            // A shot strays from its gun's by a tenth of a radian (one standard deviation).
            (|s| s.shot.drag_angle, 0.6),
        ];
        for (number, (side, most)) in sides.iter().enumerate() {
            let [p, q] = [a, b].map(|s| back(s, side(s)));
            assert!(far(p, q) < *most, "{index}, {number}: {p:?} and {q:?}");
        }
        assert_eq!(a.gun.key, b.gun.key, "chips, turning and breech lines");
    }
}

#[test]
fn cases_of_a_gun_show_the_same_marks_of_its_breech_face_turned_with_each_case() {
    let schemes = Scheme::all();
    let (um_per_px, n) = (5.0, 640);
    let from = -(n as f32) / 2.0 * um_per_px;
    let window = Window { w: n, h: n, um_per_px, x0: from, y0: from };
    // Heights on a circle outside of every crater and within every face, from where the gun's top lies.
    let circle = |scene: &Scene| -> Vec<f32> {
        let surface = scene.surface(&window, &schemes);
        let at = |k: usize| {
            let angle = k as f32 / 720.0 * std::f32::consts::TAU - scene.shot.turn;
            let place = |along: f32| ((1500.0 * along - from) / um_per_px).round() as usize;
            surface.z[place(angle.sin()) * n + place(angle.cos())]
        };
        (0..720).map(at).collect()
    };
    for kind in [Breech::Parallel, Breech::Arched, Breech::Granular] {
        let gun = |number: u64| {
            [0, 1].map(|case| {
                let mut scene = scene(5, 2 * number + case, Profile::Clean, TWO_CASES);
                scene.mirrored = false;
                // Only what the breech face has left.
                (scene.cartridge.texture_um.1, scene.cartridge.waviness_um.0) = (0.0, 0.0);
                (scene.gun.breech.rings, scene.gun.breech.aperture) = (Vec::new(), None);
                scene.gun.breech.height_um = 4.0;
                scene.shot.drag.0 = 0.0;
                (scene.shot.scratches, scene.shot.dents, scene.shot.corrosion) = (0, 0, 0.0);
                scene
            })
        };
        let is_kind = |s: &Scene| std::mem::discriminant(&s.gun.breech.kind) == std::mem::discriminant(&kind);
        let turned = |[a, b]: &[Scene; 2]| (a.shot.turn - b.shot.turn).sin().abs() > 0.3;
        let mut of_kind = (0..).map(gun).filter(|cases| is_kind(&cases[0]) && turned(cases));
        let [one, other] = [of_kind.next().unwrap(), of_kind.next().unwrap()];
        let [first, second, foreign] = [&one[0], &one[1], &other[0]].map(circle);
        let alike = |a: &[f32], b: &[f32]| correlation(a.iter().copied(), b.iter().copied());
        assert!(alike(&first, &second) > 0.8, "{kind:?}: {}", alike(&first, &second));
        assert!(alike(&first, &foreign).abs() < 0.5, "{kind:?}: {}", alike(&first, &foreign));
    }
}

#[test]
fn wear_takes_more_from_the_ring_than_from_the_characters() {
    let schemes = Scheme::all();
    let mut scene = plain(40, 0, false);
    while scene.gun.code.as_ref().unwrap().ring.is_none() {
        scene = plain(2 * scene.gun_index * 2 + 42, 0, false);
    }
    let code = scene.gun.code.clone().unwrap();
    let inner = (code.ring.unwrap().outer * scene.gun.pin.ry_um - 2.0 * code.ring.unwrap().width_um)
        / scene.gun.pin.rx_um;
    // Mean height of what a new pin leaves as strokes over the ground, among the characters and in the ring.
    let mut struck = |rounds: f32| {
        scene.shot.rounds = rounds;
        Imprint::draw(&scene.gun, &code, &scene.shot, &schemes, 4.0)
    };
    let new = struck(0.0);
    let mid = (new.n - 1) as f32 / 2.0;
    let mut contrast = |rounds: f32| {
        let worn = struck(rounds);
        [false, true].map(|ring| {
            let (mut sums, mut counts) = ([0.0f32; 2], [0.0f32; 2]);
            for (i, relief) in worn.relief.iter().enumerate() {
                let r = ((i % new.n) as f32 - mid).hypot((i / new.n) as f32 - mid) / mid;
                if r < 0.98 && (r > inner) == ring {
                    let stroke = usize::from(new.ink[i] > 0.5);
                    sums[stroke] += relief.abs();
                    counts[stroke] += 1.0;
                }
            }
            sums[1] / counts[1] - sums[0] / counts[0]
        })
    };
    let (fresh, used, worn) = (contrast(0.0), contrast(2000.0), contrast(5000.0));
    for k in 0..2 {
        assert!(fresh[k] > used[k] && used[k] > worn[k], "{fresh:?} {used:?} {worn:?}");
    }
    assert!(used[1] / fresh[1] < 0.95 * used[0] / fresh[0], "{fresh:?} {used:?}");
    assert!(worn[1] / fresh[1] < 0.8 * worn[0] / fresh[0], "{fresh:?} {worn:?}");
}

/// Column, its limits, and limits that some of the draws must reach.
type Limits = (&'static str, f64, f64, f64, f64);

/// Severities as the field names them; the draws must fill the ranges and not leave them.
const LIMITS: [Limits; 16] = [
    ("transfer", 0.1, 1.0, 0.3, 0.97),
    ("partial", 0.0, 0.6, 0.0, 0.4),
    ("double", 0.0, 0.8, 0.0, 0.7),
    ("double_um", 0.0, 250.0, 0.0, 200.0),
    ("smear_um", 0.0, 120.0, 0.0, 80.0),
    ("rounds", 0.0, 6000.0, 100.0, 4700.0),
    ("wear", 0.0, 1.2, 0.02, 0.94),
    ("turning_um", 0.0, 8.0, 0.0, 6.0),
    ("texture_um", 0.3, 3.2, 0.4, 2.8),
    ("soot", 0.0, 0.5, 0.02, 0.22),
    ("film", 0.0, 0.7, 0.0, 0.4),
    ("relief_um", 0.0, 25.0, 6.0, 23.0),
    ("aperture", 0.03, 0.15, 0.04, 0.14),
    ("gamma", 0.6, 2.2, 0.65, 2.1),
    ("elevation_deg", 10.0, 90.0, 15.0, 65.0),
    ("um_per_px", 1.5, 12.0, 2.0, 10.0),
];

#[test]
fn severities_fill_their_ranges_and_do_not_leave_them() {
    let profiles = Profile::ALL.map(|(p, _)| p);
    let (mut rows, mut drag) = (Vec::new(), Vec::new());
    for i in 0..1500 {
        let scene = Scene::draw(9, i, &profiles, TWO_CASES, &faces(), &Scheme::all());
        let window = frame(&mut Draw::new(9, "frame", i), &scene, 1.0, &LABORATORY);
        let row = serde_json::to_value(Truth::new(&scene, &window, "a.png", "a", &Scheme::all())).unwrap();
        drag.push(f64::from(scene.shot.drag.0));
        rows.push(row);
    }
    let inside = |name: &str, values: &[f64], (low, high, some_low, some_high): (f64, f64, f64, f64)| {
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
        assert!(least >= low - 1e-6 && most <= high + 1e-6, "{name}: {least} to {most}");
        assert!(least <= some_low && most >= some_high, "{name}: only {least} to {most}");
    };
    for (name, low, high, some_low, some_high) in LIMITS {
        let values: Vec<f64> =
            rows.iter().map(|r| r[name].as_f64().unwrap()).filter(|v| *v > 0.0 || low == 0.0).collect();
        inside(name, &values, (low, high, some_low, some_high));
    }
    inside("drag in floor diameters", &drag, (0.0, 1.0, 0.0, 0.8));
    for (column, words) in [
        ("light", vec!["ring", "oblique", "coaxial", "dome"]),
        ("format", vec!["ifm8", "ifm6", "ifm8-323", "ifm8-narrow"]),
        ("tier", Profile::ALL.map(|(_, name)| name).to_vec()),
    ] {
        let seen: BTreeSet<&str> = rows.iter().map(|r| r[column].as_str().unwrap()).collect();
        assert_eq!(seen, words.into_iter().collect(), "{column}");
    }
    for column in ["sunken", "gear", "mirrored", "crossed", "colour", "scale_in_file"] {
        assert_eq!(
            rows.iter().map(|r| r[column].as_u64().unwrap()).collect::<BTreeSet<_>>().len(),
            2,
            "{column}"
        );
    }
    for row in &rows {
        let marked = row["tier"] != "unmarked";
        assert_eq!(row["code"] != "", marked);
        let length = row["code"].as_str().unwrap().len();
        assert!(!marked || length == if row["format"] == "ifm6" { 6 } else { 8 });
        assert!(!row["code"].as_str().unwrap().contains(['I', 'O', 'Q']), "{row}");
    }
}
