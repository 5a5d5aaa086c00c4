#![allow(clippy::unwrap_used)]

use super::file::WeightsFile;
use super::testing::{Draft, assemble, conv, misfit, tensor as t};
use super::{Network, WeightsError};
use serde_json::json;

/// Runs the draft's network, whose last value is `out`.
fn run(draft: &Draft, input: (&[usize], &[f32]), out: (&str, &[usize])) -> Result<Vec<f32>, WeightsError> {
    let bytes = draft.bytes(out.0);
    let file = WeightsFile::parse(&bytes)?;
    let network = Network::new(&file, "test", input.0, &[("y", out.1)])?;
    Ok(network.run(input.1).swap_remove(0))
}

#[test]
fn pools_means_and_enlarges_a_2x4_picture() {
    let x: (&[usize], &[f32]) = (&[1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, -8.0]);
    let mut draft = Draft::default();
    draft
        .op(json!({"op": "maxpool", "in": "x", "out": "max", "k": 2, "stride": 2}))
        .op(json!({"op": "avgpool", "in": "x", "out": "mean", "k": 2, "stride": 2}))
        .op(json!({"op": "gap", "in": "x", "out": "gap"}))
        .op(json!({"op": "concat", "ins": ["max", "mean"], "out": "both"}))
        .op(json!({"op": "upsample", "in": "max", "out": "up"}))
        .op(json!({"op": "tokens", "in": "both", "out": "tokens"}))
        .op(json!({"op": "flatten", "in": "both", "out": "flat"}));
    assert_eq!(run(&draft, x, ("both", &[2, 1, 2])).unwrap(), [6.0, 7.0, 3.5, 1.5]);
    assert_eq!(run(&draft, x, ("gap", &[1])).unwrap(), [2.5]);
    assert_eq!(run(&draft, x, ("up", &[1, 2, 4])).unwrap(), [6.0, 6.0, 7.0, 7.0, 6.0, 6.0, 7.0, 7.0]);
    assert_eq!(run(&draft, x, ("tokens", &[2, 2])).unwrap(), [6.0, 3.5, 7.0, 1.5]);
    assert_eq!(run(&draft, x, ("flat", &[4])).unwrap(), [6.0, 7.0, 3.5, 1.5]);
}

#[test]
fn a_residual_is_added_before_the_relu() {
    let mut draft = Draft::default();
    let (w, b) = (draft.tensor(&[1, 1, 1, 1], &[-1.0]), draft.tensor(&[1], &[-2.0]));
    draft.op(json!({"op": "conv", "in": "x", "out": "c", "w": w, "b": b, "stride": 1, "pad": 0, "relu": true, "add": "x"}));
    draft.op(json!({"op": "add", "a": "c", "b": "x", "out": "s"}));
    assert_eq!(run(&draft, (&[1, 1, 2], &[1.0, 5.0]), ("c", &[1, 1, 2])).unwrap(), [0.0, 0.0]);
    let (w, b) = (draft.tensor(&[1, 1, 1, 1], &[1.0]), draft.tensor(&[1], &[-2.0]));
    draft.op(json!({"op": "conv", "in": "s", "out": "d", "w": w, "b": b, "stride": 1, "pad": 0, "relu": true, "add": "x"}));
    assert_eq!(run(&draft, (&[1, 1, 2], &[0.5, 5.0]), ("d", &[1, 1, 2])).unwrap(), [0.0, 8.0]);
}

#[test]
fn a_layer_on_a_vector_and_on_tokens() {
    let mut draft = Draft::default();
    let (w, b) =
        (draft.tensor(&[3, 2], &[1.0, 2.0, 0.0, -1.0, 1.0, 1.0]), draft.tensor(&[3], &[0.0, 0.5, -3.0]));
    draft.op(json!({"op": "linear", "in": "x", "out": "y", "w": w, "b": b, "relu": true}));
    assert_eq!(run(&draft, (&[2], &[1.0, 1.0]), ("y", &[3])).unwrap(), [3.0, 0.0, 0.0]);
    let two = run(&draft, (&[2, 2], &[1.0, 1.0, 3.0, -1.0]), ("y", &[2, 3])).unwrap();
    assert_eq!(two, [3.0, 0.0, 0.0, 1.0, 1.5, 0.0]);
}

#[test]
fn attention_follows_the_likelier_key_head_by_head() {
    let mut draft = Draft::default();
    let k = draft.tensor(&[2, 2], &[20.0, 0.0, 0.0, 20.0]);
    let v = draft.tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    draft
        .op(json!({"op": "const", "w": k, "out": "k"}))
        .op(json!({"op": "const", "w": v, "out": "v"}))
        .op(json!({"op": "attend", "q": "x", "k": "k", "v": "v", "heads": 1, "out": "one"}))
        .op(json!({"op": "attend", "q": "x", "k": "k", "v": "v", "heads": 2, "out": "two"}));
    let close = |found: Vec<f32>, truth: &[f32]| {
        assert!(found.iter().zip(truth).all(|(a, b)| (a - b).abs() < 1e-4), "{found:?} {truth:?}");
    };
    // The first query asks for the first key, the second for neither.
    let q: (&[usize], &[f32]) = (&[2, 2], &[1.0, 0.0, 0.0, 0.0]);
    close(run(&draft, q, ("one", &[2, 2])).unwrap(), &[1.0, 2.0, 2.0, 3.0]);
    // The second head sees only the second half: nothing in the query.
    close(run(&draft, q, ("two", &[2, 2])).unwrap(), &[1.0, 3.0, 2.0, 3.0]);
    // ln 3 / 20 * sqrt 2: the first key is three times as likely.
    let q: (&[usize], &[f32]) = (&[1, 2], &[0.077_683, 0.0]);
    close(run(&draft, q, ("one", &[1, 2])).unwrap(), &[1.5, 2.5]);
}

#[test]
fn a_token_is_brought_to_mean_0_and_variance_1() {
    let mut draft = Draft::default();
    let (w, b) = (draft.tensor(&[4], &[1.0, 1.0, 1.0, 2.0]), draft.tensor(&[4], &[0.0, 0.0, 0.0, 1.0]));
    draft.op(json!({"op": "layernorm", "in": "x", "out": "y", "w": w, "b": b}));
    let y = run(&draft, (&[1, 4], &[1.0, 3.0, 1.0, 3.0]), ("y", &[1, 4])).unwrap();
    assert!(y.iter().zip([-1.0, 1.0, -1.0, 3.0]).all(|(a, b): (&f32, f32)| (a - b).abs() < 1e-4), "{y:?}");
}

#[test]
fn points_are_sampled_bilinearly_and_clamped_to_the_edge() {
    let mut draft = Draft::default();
    let points = draft.tensor(&[4, 2], &[0.0, 0.0, 0.5, 0.5, 9.0, -3.0, 1.0, 0.25]);
    let constant = draft.tensor(&[4, 1], &[0.0, 0.0, 0.0, 1.0]);
    draft.op(json!({"op": "gridsample", "in": "x", "points": points, "out": "g"}));
    draft.op(json!({"op": "addconst", "in": "g", "w": constant, "out": "y"}));
    draft.op(json!({"op": "reshape", "in": "y", "out": "r", "shape": [1, 2, 2]}));
    let y = run(&draft, (&[1, 2, 2], &[1.0, 2.0, 3.0, 4.0]), ("r", &[1, 2, 2])).unwrap();
    assert_eq!(y, [1.0, 2.5, 2.0, 3.5]);
}

#[test]
fn a_damaged_file_is_an_error_that_says_what_is_wrong() {
    let mut draft = Draft::default();
    let w = draft.tensor(&[2], &[1.0, 2.0]);
    draft.op(json!({"op": "const", "w": w, "out": "y"}));
    let good = draft.bytes("y");
    let reason = |bytes: &[u8]| WeightsFile::parse(bytes).map(|_| ()).unwrap_err().to_string();
    for end in 0..good.len() {
        let _ = reason(&good[..end]);
    }
    assert!(reason(b"").contains("MSTAMPW1"));
    assert!(reason(&good[..10]).contains("before its header"));
    assert!(reason(&good[..100]).contains("within its header"));
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(reason(&flipped).contains("SHA-256"));
    assert!(reason(&assemble(&json!({"alphabet": 3}), &[])).contains("does not parse"));
}

#[test]
fn a_network_that_does_not_fit_together_is_an_error() {
    let refused = |ops: &[serde_json::Value], word: &str| {
        let error = misfit(ops, |bytes| {
            Network::new(&WeightsFile::parse(bytes)?, "test", &[2, 4, 4], &[("y", &[1])])
        });
        assert!(error.contains(word), "{error}");
    };
    refused(&[conv(t(0, &[1, 3, 1, 1]), 1, 0)], "does not fit");
    refused(&[conv(t(0, &[1, 2, 5, 5]), 1, 0)], "beyond the file");
    refused(&[conv(t(usize::MAX, &[1, 2, 1, 1]), 1, 0)], "beyond the file");
    refused(&[conv(t(0, &[1, 2, 1, 1]), 0, 0)], "does not fit");
    refused(&[conv(t(0, &[1, 2, 1, 1]), 1, usize::MAX / 2)], "does not fit");
    refused(&[conv(t(0, &[1, 2, 0, 0]), 1, 0)], "does not fit");
    refused(&[json!({"op": "gap", "in": "z", "out": "y"})], "z is not known");
    refused(&[json!({"op": "maxpool", "in": "x", "out": "y", "k": 5, "stride": 1})], "window");
    refused(
        &[json!({"op": "linear", "in": "x", "out": "y", "w": t(0, &[2, 2]), "b": t(0, &[2]), "relu": false})],
        "is a map",
    );
    refused(&[json!({"op": "reshape", "in": "x", "out": "y", "shape": [5, 5]})], "cannot become");
    refused(
        &[json!({"op": "gap", "in": "x", "out": "y"}), json!({"op": "gap", "in": "x", "out": "y"})],
        "twice",
    );
    refused(&[json!({"op": "gap", "in": "x", "out": "y"})], "output y has the shape [2], not [1]");
    refused(&[json!({"op": "gap", "in": "x", "out": "z"})], "y is not known");
    refused(&[json!({"op": "vanish", "in": "x", "out": "y"})], "unknown variant");
}

#[test]
fn buffers_are_used_again_without_one_value_showing_through_another() {
    // x -> a -> b -> c with x needed again at the end: no more than four buffers.
    let mut draft = Draft::default();
    let one = draft.tensor(&[1, 2, 2], &[1.0; 4]);
    draft
        .op(json!({"op": "addconst", "in": "x", "w": one, "out": "a"}))
        .op(json!({"op": "addconst", "in": "a", "w": one, "out": "b"}))
        .op(json!({"op": "addconst", "in": "b", "w": one, "out": "c"}))
        .op(json!({"op": "add", "a": "c", "b": "x", "out": "y"}));
    let bytes = draft.bytes("y");
    let file = WeightsFile::parse(&bytes).unwrap();
    let network = Network::new(&file, "test", &[1, 2, 2], &[("y", &[1, 2, 2])]).unwrap();
    assert!(network.plan.buffers.len() <= 4);
    for _ in 0..2 {
        assert_eq!(network.run(&[1.0, 2.0, 3.0, 4.0])[0], [5.0, 7.0, 9.0, 11.0]);
    }
}

/// `net.weights` and `net.json` were written by the training side from a random network in which
/// every operation occurs, with an independent interpreter's answers.
#[test]
fn the_exporters_fixture_is_answered_alike() {
    let weights = include_bytes!("../../../testdata/golden/net.weights");
    let answer: serde_json::Value =
        serde_json::from_str(include_str!("../../../testdata/golden/net.json")).unwrap();
    let shape = |v: &serde_json::Value| -> Vec<usize> { serde_json::from_value(v["shape"].clone()).unwrap() };
    let values = |v: &serde_json::Value| -> Vec<f32> { serde_json::from_value(v["values"].clone()).unwrap() };
    let close = |found: &[f32], truth: &[f32], what: &str| {
        assert_eq!(found.len(), truth.len(), "{what}");
        let worst = found.iter().zip(truth).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-3, "{what}: {worst}");
    };
    let tile = &answer["tile"];
    let tile = ndarray::Array2::from_shape_vec((shape(tile)[0], shape(tile)[1]), values(tile)).unwrap();
    let prepared = crate::pipeline::tile::prepare(&tile);
    close(&prepared, &values(&answer["prepared"]), "prepared");
    close(&crate::pipeline::tile::finer(&tile), &values(&answer["finer"]), "finer");

    let file = WeightsFile::parse(weights).unwrap();
    let outputs: Vec<(&str, Vec<usize>)> =
        answer["outputs"].as_object().unwrap().iter().map(|(name, v)| (name.as_str(), shape(v))).collect();
    let wanted: Vec<(&str, &[usize])> = outputs.iter().map(|(name, s)| (*name, s.as_slice())).collect();
    let name = answer["network"].as_str().unwrap();
    let network = Network::new(&file, name, &[2, 24, 24], &wanted).unwrap();
    for ((name, _), found) in wanted.iter().zip(network.run(&prepared)) {
        close(&found, &values(&answer["outputs"][*name]), name);
    }
}
