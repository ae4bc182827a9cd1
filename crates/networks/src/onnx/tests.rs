use ndarray::array;
use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto, type_proto,
};

use super::*;

fn node(name: &str, operator: &str, inputs: &[&str], attributes: &[(&str, &[i64])]) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|&input| input.into()).collect(),
        output: vec![format!("{name}-out")],
        name: name.into(),
        op_type: operator.into(),
        attribute: attributes
            .iter()
            .map(|(name, values)| AttributeProto {
                name: (*name).into(),
                r#type: attribute_proto::AttributeType::Ints.into(),
                ints: values.to_vec(),
                ..AttributeProto::default()
            })
            .collect(),
        ..NodeProto::default()
    }
}

fn weights(name: &str, shape: &[i64], values: Vec<f32>) -> TensorProto {
    TensorProto {
        dims: shape.to_vec(),
        data_type: DataType::Float.into(),
        float_data: values,
        name: name.into(),
        ..TensorProto::default()
    }
}

/// A value of that shape, of which the first dimension has a name.
fn value(name: &str, shape: &[i64]) -> ValueInfoProto {
    let open = Dimension {
        value: Some(dimension::Value::DimParam("batch".into())),
        ..Dimension::default()
    };
    let known = shape.iter().map(|&size| Dimension {
        value: Some(dimension::Value::DimValue(size)),
        ..Dimension::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float.into(),
        shape: Some(TensorShapeProto {
            dim: std::iter::once(open).chain(known).collect(),
        }),
    };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

fn model(nodes: Vec<NodeProto>, given: ValueInfoProto, known: Vec<TensorProto>) -> Vec<u8> {
    let last = nodes
        .last()
        .map_or_else(String::new, |node| node.output[0].clone());
    let graph = GraphProto {
        node: nodes,
        name: "test".into(),
        initializer: known,
        input: vec![given],
        output: vec![value(&last, &[])],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto {
        domain: String::new(),
        version: 13,
    };
    let model = ModelProto {
        ir_version: 8,
        opset_import: vec![opset],
        graph: Some(graph),
        ..ModelProto::default()
    };
    model.encode_to_vec()
}

/// x · W + b, a sigmoid, a reshape that is no layer, and the same once more.
fn perceptron() -> Vec<u8> {
    let first: Vec<f32> = (0..12).map(|i| (i % 5) as f32 - 2.0).collect();
    model(
        vec![
            node("first", "Gemm", &["x", "w1", "b1"], &[]),
            node("on", "Sigmoid", &["first-out"], &[]),
            node("same", "Identity", &["on-out"], &[]),
            node("second", "MatMul", &["same-out", "w2"], &[]),
        ],
        value("x", &[4]),
        vec![
            weights("w1", &[4, 3], first),
            weights("b1", &[3], vec![0.5, -0.5, 0.0]),
            weights("w2", &[3, 2], vec![1.0, -1.0, 2.0, 0.0, -1.0, 0.5]),
        ],
    )
}

fn saved(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("model.onnx");
    fs::write(&path, bytes).expect("writable");
    (folder, path)
}

fn all(_: &OnnxLayer) -> bool {
    true
}

#[test]
fn a_perceptrons_layers_have_the_values_that_it_says() {
    let (_folder, path) = saved(&perceptron());
    let network = Onnx::load(&path, 4, None, &all).expect("a network");
    let names: Vec<_> = network
        .layers()
        .iter()
        .map(|layer| layer.name.as_str())
        .collect();
    assert_eq!(names, ["first", "on", "second"]);
    let thresholds: Vec<_> = network
        .layers()
        .iter()
        .map(|layer| layer.threshold)
        .collect();
    assert_eq!(thresholds, [0.0, 0.5, 0.0]);
    // More than one batch, and the last not full.
    let values = Array2::from_shape_fn((700, 4), |(row, column)| {
        ((row * 7 + column * 3) % 11) as f32 / 5.0 - 1.0
    });
    let w = Array2::from_shape_fn((4, 3), |(i, j)| ((3 * i + j) % 5) as f32 - 2.0);
    let first = values.dot(&w) + array![0.5, -0.5, 0.0];
    let on = first.mapv(|x: f32| 1.0 / (1.0 + (-x).exp()));
    let second = on.dot(&array![[1.0, -1.0], [2.0, 0.0], [-1.0, 0.5]]);
    let part = network
        .values(values.slice(s![..100, ..]), None)
        .expect("values");
    for (ours, expected) in part.iter().zip([&first, &on, &second]) {
        for (ours, expected) in ours.iter().zip(expected) {
            assert!((ours - expected).abs() < 1e-5, "{ours} for {expected}");
        }
    }
    let states = network.states(&Workers::new(2).expect("threads"), values.view(), None);
    let states = states.expect("states");
    assert_eq!(states[0], BitRows::from_threshold(first.view(), 0.0));
    assert_eq!(states[1], BitRows::from_threshold(on.view(), 0.5));
    assert_eq!(states[2].rows(), 700);
    let only = Onnx::load(&path, 4, None, &|layer| layer.operator == "Sigmoid");
    assert_eq!(only.expect("a network").layers().len(), 1);
}

#[test]
fn maps_are_pooled_to_a_number_a_channel() {
    let kernel: Vec<f32> = (0..18).map(|i| (i % 4) as f32 - 1.5).collect();
    let bytes = model(
        vec![
            node("conv", "Conv", &["x", "k"], &[("kernel_shape", &[3, 3])]),
            node("relu", "Relu", &["conv-out"], &[]),
        ],
        value("x", &[1, 5, 5]),
        vec![weights("k", &[2, 1, 3, 3], kernel.clone())],
    );
    let (_folder, path) = saved(&bytes);
    let network = Onnx::load(&path, 25, Some((5, 5)), &all).expect("a network");
    let conv = &network.layers()[0];
    assert_eq!(
        (
            &conv.shape[..],
            conv.units(None),
            conv.units(Some(Pool::Max))
        ),
        (&[2, 3, 3][..], 18, 2)
    );
    let image = Array2::from_shape_fn((1, 25), |(_, pixel)| (pixel * pixel % 7) as f32);
    let value = |channel: usize, y: usize, x: usize| -> f32 {
        let places = (0..9).map(|i| (i / 3, i % 3));
        let products = places
            .map(|(dy, dx)| kernel[channel * 9 + dy * 3 + dx] * image[[0, (y + dy) * 5 + x + dx]]);
        products.sum()
    };
    let maps: Vec<f32> = (0..18).map(|i| value(i / 9, i % 9 / 3, i % 3)).collect();
    let whole = network.values(image.view(), None).expect("values");
    assert!(
        whole[0]
            .iter()
            .zip(&maps)
            .all(|(a, b)| (a - b).abs() < 1e-4)
    );
    let largest = network
        .values(image.view(), Some(Pool::Max))
        .expect("values");
    let mean = network
        .values(image.view(), Some(Pool::Mean))
        .expect("values");
    for channel in 0..2 {
        let map = &maps[channel * 9..][..9];
        let most = map.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert!((largest[0][[0, channel]] - most).abs() < 1e-4);
        assert!((mean[0][[0, channel]] - map.iter().sum::<f32>() / 9.0).abs() < 1e-4);
    }
}

#[test]
fn what_is_no_network_is_refused_in_one_line() {
    let problem = |bytes: &[u8], features| {
        let (_folder, path) = saved(bytes);
        let error = Onnx::load(&path, features, None, &all)
            .expect_err("refused")
            .to_string();
        assert!(!error.contains('\n'), "{error}");
        error
    };
    let whole = perceptron();
    assert!(problem(b"no model at all", 4).contains("is no ONNX model"));
    assert!(problem(b"", 4).contains("is no ONNX model"));
    assert!(problem(&whole, 5).contains("takes 4 values for each observation, the data have 5"));
    let unknown = model(
        vec![node("odd", "Unheard", &["x"], &[])],
        value("x", &[4]),
        Vec::new(),
    );
    assert!(problem(&unknown, 4).contains("uses the operator \"Unheard\""));
    let missing = model(
        vec![node("add", "Add", &["x", "y"], &[])],
        value("x", &[4]),
        Vec::new(),
    );
    assert!(problem(&missing, 4).contains("nothing makes the value \"y\""));
    let absent = Onnx::load(Path::new("/nowhere/model.onnx"), 4, None, &all);
    assert!(
        absent
            .expect_err("absent")
            .to_string()
            .contains("/nowhere/model.onnx")
    );
    let (_folder, path) = saved(&whole);
    let none = Onnx::load(&path, 4, None, &|_| false)
        .expect_err("none")
        .to_string();
    assert!(none.contains("no layer that is wanted"));
    // Whatever is cut off or altered: an error or a network, and never a panic.
    for length in 0..whole.len() {
        let (_folder, path) = saved(&whole[..length]);
        let _ = Onnx::load(&path, 4, None, &all);
    }
    for place in 0..whole.len() {
        let mut altered = whole.clone();
        altered[place] ^= 1 << (place % 8);
        let (_folder, path) = saved(&altered);
        let values = Array2::zeros((3, 4));
        if let Ok(network) = Onnx::load(&path, 4, None, &all) {
            let _ = network.values(values.view(), None);
        }
    }
}
