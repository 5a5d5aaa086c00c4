#![allow(clippy::unwrap_used)]

use super::super::Network;
use super::super::testing::{Draft, conv, misfit, tensor as t};
use super::*;
use serde_json::json;

/// Values between -1 and 1 without a pattern that a mistake could share.
fn values(count: usize, salt: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + salt * 101 + i * i % 53) % 201) as f32 / 100.0 - 1.0).collect()
}

/// Every operation that is known here, with odd and even sides, sums, paddings and strides.
fn draft() -> Draft {
    let mut draft = Draft::default();
    let conv = |draft: &mut Draft,
                from: &str,
                to: &str,
                shape: [usize; 4],
                stride: usize,
                pad: usize,
                add: Option<&str>| {
        let (w, b) = (
            draft.tensor(&shape, &values(shape.iter().product(), stride)),
            draft.tensor(&shape[..1], &values(shape[0], 3)),
        );
        let mut op = json!({"op": "conv", "in": from, "out": to, "w": w, "b": b, "stride": stride, "pad": pad, "relu": to != "e"});
        if let Some(add) = add {
            op["add"] = add.into();
        }
        draft.op(op);
    };
    conv(&mut draft, "x", "a", [45, 2, 6, 6], 2, 2, None); // 12 x 8 to 6 x 4
    conv(&mut draft, "a", "b", [45, 45, 3, 3], 1, 1, Some("a")); // by tiles, in two parts
    conv(&mut draft, "b", "c", [5, 45, 3, 3], 2, 1, None); // 3 x 2
    conv(&mut draft, "c", "d", [5, 5, 3, 3], 1, 1, Some("c")); // an odd side
    conv(&mut draft, "d", "e", [4, 5, 1, 1], 1, 0, None);
    draft.op(json!({"op": "upsample", "in": "e", "out": "f"}));
    draft.op(json!({"op": "concat", "ins": ["f", "b"], "out": "g"}));
    draft.op(json!({"op": "flatten", "in": "g", "out": "h"}));
    let d = 49 * 24;
    let (w, b) = (draft.tensor(&[d], &values(d, 5)), draft.tensor(&[d], &values(d, 6)));
    draft.op(json!({"op": "layernorm", "in": "h", "out": "i", "w": w, "b": b}));
    let (w, b) = (draft.tensor(&[3, d], &values(3 * d, 7)), draft.tensor(&[3], &values(3, 8)));
    draft.op(json!({"op": "linear", "in": "i", "out": "y", "w": w, "b": b, "relu": false}));
    draft
}

#[test]
fn every_operation_agrees_with_that_of_one_input() {
    let bytes = draft().bytes("y");
    let file = WeightsFile::parse(&bytes).unwrap();
    let network = Network::new(&file, "test", &[2, 12, 8], &[("y", &[3])]).unwrap();
    let abreast = Abreast::new(&file, "test", [2, 12, 8], &[("y", 3)]).unwrap();
    // More than the lanes of any machine, and not a multiple of them.
    let inputs: Vec<Vec<f32>> = (0..21).map(|n| values(2 * 12 * 8, n)).collect();
    let answers = abreast.run(&inputs);
    assert_ne!(answers[0], answers[1]);
    for (input, answer) in inputs.iter().zip(&answers) {
        let plain = network.run(input);
        assert!(answer[0].iter().zip(&plain[0]).all(|(a, b)| (a - b).abs() < 1e-3), "{answer:?} {plain:?}");
        assert_eq!(&abreast.run(&[input])[0], answer);
    }
    assert_eq!(abreast.run(&inputs[3..]), answers[3..]);
}

#[test]
fn a_kernel_is_not_flipped_and_does_not_look_round_the_edge() {
    for (side, tap) in [([1, 2, 4], 5), ([1, 1, 3], 5)] {
        let mut draft = Draft::default();
        let mut taps = [0.0; 9];
        taps[tap] = 1.0; // the right-hand neighbour
        let (w, b) = (draft.tensor(&[1, 1, 3, 3], &taps), draft.tensor(&[1], &[0.0]));
        draft.op(json!({"op": "conv", "in": "x", "out": "c", "w": w, "b": b, "stride": 1, "pad": 1, "relu": false}));
        draft.op(json!({"op": "flatten", "in": "c", "out": "y"}));
        let bytes = draft.bytes("y");
        let file = WeightsFile::parse(&bytes).unwrap();
        let count = side[1] * side[2];
        let abreast = Abreast::new(&file, "test", side, &[("y", count)]).unwrap();
        let x: Vec<f32> = (1..=count).map(|i| i as f32).collect();
        let right = |i: usize| if (i + 1).is_multiple_of(side[2]) { 0.0 } else { x[i + 1] };
        assert_eq!(abreast.run(&[&x])[0][0], (0..count).map(right).collect::<Vec<_>>());
    }
}

#[test]
fn a_network_that_does_not_fit_together_is_an_error() {
    let refused = |ops: &[serde_json::Value], word: &str| {
        let error =
            misfit(ops, |bytes| Abreast::new(&WeightsFile::parse(bytes)?, "test", [2, 4, 4], &[("y", 1)]));
        assert!(error.contains(word), "{error}");
    };
    refused(&[conv(t(0, &[1, 3, 1, 1]), 1, 0)], "does not fit");
    refused(&[conv(t(0, &[1, 2, 5, 5]), 1, 0)], "does not fit");
    refused(&[conv(t(30, &[1, 2, 3, 1]), 1, 0)], "beyond the file");
    refused(&[conv(t(0, &[1, 2, 1, 1]), 0, 0)], "does not fit");
    refused(&[conv(t(0, &[1, 2, 1, 1]), 1, usize::MAX / 2)], "padding");
    refused(&[conv(t(0, &[1, 2, 0, 0]), 1, 0)], "does not fit");
    refused(&[json!({"op": "upsample", "in": "z", "out": "y"})], "z is not known");
    refused(&[json!({"op": "gap", "in": "x", "out": "y"})], "not run side by side");
    refused(
        &[json!({"op": "linear", "in": "x", "out": "y", "w": t(0, &[2, 2]), "b": t(0, &[2]), "relu": false})],
        "is a map",
    );
    refused(
        &[json!({"op": "flatten", "in": "x", "out": "y"}), json!({"op": "flatten", "in": "x", "out": "y"})],
        "twice",
    );
    refused(&[json!({"op": "flatten", "in": "x", "out": "y"})], "not of length 1");
    refused(&[json!({"op": "flatten", "in": "x", "out": "z"})], "is not known");
}
