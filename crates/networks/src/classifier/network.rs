//! The network itself: dense layers with rectified units.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array1, Array2};

/// Weights (inputs × units) and biases of one layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layer {
    pub weights: Array2<f32>,
    pub bias: Array1<f32>,
}

/// Layers on a device.
#[derive(Module, Debug)]
pub(super) struct Network {
    layers: Vec<Linear>,
}

impl Network {
    pub fn new(layers: &[Layer], device: &Device) -> Self {
        let linear = |layer: &Layer| {
            let (inputs, units) = layer.weights.dim();
            let weights = TensorData::new(layer.weights.iter().copied().collect(), [inputs, units]);
            let bias = TensorData::new(layer.bias.to_vec(), [units]);
            Linear {
                weight: Param::from_tensor(Tensor::from_data(weights, device)),
                bias: Some(Param::from_tensor(Tensor::from_data(bias, device))),
            }
        };
        Self {
            layers: layers.iter().map(linear).collect(),
        }
    }

    /// Scores of the classes, and the units of the last hidden layer.
    pub fn forward(&self, images: Tensor<2>) -> (Tensor<2>, Tensor<2>) {
        let mut features = images;
        let last = self.layers.len() - 1;
        for layer in &self.layers[..last] {
            features = relu(layer.forward(features));
        }
        (self.layers[last].forward(features.clone()), features)
    }

    pub fn layers(&self) -> Vec<Layer> {
        let layer = |linear: &Linear| {
            let weights = linear.weight.val();
            let shape = weights.dims();
            let bias = linear.bias.as_ref().map(|bias| numbers(bias.val()));
            Layer {
                weights: matrix(shape, numbers(weights)),
                bias: Array1::from(bias.unwrap_or_default()),
            }
        };
        self.layers.iter().map(layer).collect()
    }
}

/// The numbers of a tensor, row by row.
pub(crate) fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    // All tensors here are of 32-bit floats.
    tensor.into_data().try_to_vec().unwrap_or_default()
}

pub(crate) fn matrix(shape: [usize; 2], numbers: Vec<f32>) -> Array2<f32> {
    // A tensor has as many numbers as its shape says.
    Array2::from_shape_vec(shape, numbers).unwrap_or_default()
}
