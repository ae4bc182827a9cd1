//! What a data set is: observations in rows, values between 0 and 1, labels where known.

use std::path::Path;

use ndarray::{Array2, s};

use crate::Error;

/// Observations and, where known, their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// Observations × features, each in 0 … 1, in row-major order.
    pub values: Array2<f32>,
    /// One class per observation.
    pub labels: Option<Vec<u32>>,
}

impl Samples {
    /// Samples of `values` (observations × features). `origin` is the file they came from, or what
    /// else the user calls them; errors name it.
    ///
    /// # Errors
    /// [`Error::Empty`] without observations or features, [`Error::NotFinite`] and
    /// [`Error::OutOfRange`] for the first value that is not in 0 … 1, [`Error::LabelCount`] where
    /// there is not one label per observation.
    pub fn new(
        origin: impl AsRef<Path>,
        values: Array2<f32>,
        labels: Option<Vec<u32>>,
    ) -> Result<Self, Error> {
        let origin = origin.as_ref();
        let (observations, features) = values.dim();
        for (count, what) in [(observations, "observations"), (features, "features")] {
            if count == 0 {
                let path = origin.to_path_buf();
                return Err(Error::Empty { path, what });
            }
        }
        let values = if values.is_standard_layout() {
            values
        } else {
            values.as_standard_layout().into_owned()
        };
        // NaN lies in no range, so one pass finds both kinds.
        if let Some(place) = values.iter().position(|x| !(0.0..=1.0).contains(x)) {
            let (path, row, column) = (origin.to_path_buf(), place / features, place % features);
            let value = values[[row, column]];
            return Err(if value.is_finite() {
                Error::OutOfRange {
                    path,
                    row,
                    column,
                    value,
                }
            } else {
                Error::NotFinite {
                    path,
                    row,
                    column,
                    value: value.into(),
                }
            });
        }
        let samples = Self {
            values,
            labels: None,
        };
        match labels {
            Some(labels) => samples.with_labels(origin, labels),
            None => Ok(samples),
        }
    }

    /// The same observations with these labels, read from `origin`.
    ///
    /// # Errors
    /// [`Error::LabelCount`] where there is not one label per observation.
    pub fn with_labels(
        mut self,
        origin: impl AsRef<Path>,
        labels: Vec<u32>,
    ) -> Result<Self, Error> {
        if labels.len() != self.observations() {
            return Err(Error::LabelCount {
                path: origin.as_ref().to_path_buf(),
                labels: labels.len(),
                observations: self.observations(),
            });
        }
        self.labels = Some(labels);
        Ok(self)
    }

    /// Number of observations, M.
    #[must_use]
    pub fn observations(&self) -> usize {
        self.values.nrows()
    }

    /// Number of features: visible units of a machine that learns them.
    #[must_use]
    pub fn features(&self) -> usize {
        self.values.ncols()
    }

    /// The first `count` observations; all of them where there are fewer, never none.
    #[must_use]
    pub fn first(&self, count: usize) -> Self {
        let count = count.clamp(1, self.observations());
        Self {
            values: self.values.slice(s![..count, ..]).to_owned(),
            labels: self.labels.as_ref().map(|all| all[..count].to_vec()),
        }
    }
}

/// A named data set.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What it is called in records and figures.
    pub name: String,
    /// Where the values come from, in words that do not depend on the machine.
    pub provenance: String,
    /// What is learnt and measured.
    pub train: Samples,
    /// What was held back: test or validation data.
    pub test: Option<Samples>,
    /// Height and width where an observation is an image, stored row by row.
    pub image_shape: Option<(usize, usize)>,
}

impl Dataset {
    /// A data set of these parts.
    ///
    /// # Errors
    /// [`Error::Shape`] where training data, test data and image shape differ in their number of
    /// features.
    pub fn new(
        name: impl Into<String>,
        provenance: impl Into<String>,
        train: Samples,
        test: Option<Samples>,
        image_shape: Option<(usize, usize)>,
    ) -> Result<Self, Error> {
        let name = name.into();
        let features = train.features();
        if let Some(other) = test.as_ref().map(Samples::features)
            && other != features
        {
            let problem = format!("{features} features in training, {other} in test data");
            return Err(Error::Shape { name, problem });
        }
        if let Some((height, width)) = image_shape
            && height.checked_mul(width) != Some(features)
        {
            let problem = format!("images of {height} x {width} pixels, {features} features");
            return Err(Error::Shape { name, problem });
        }
        Ok(Self {
            name,
            provenance: provenance.into(),
            train,
            test,
            image_shape,
        })
    }
}

/// The matrix of these values, row by row. The caller has made one for each place.
pub(crate) fn matrix(rows: usize, columns: usize, values: Vec<f32>) -> Array2<f32> {
    Array2::from_shape_vec((rows, columns), values).expect("one value per place")
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn message(result: Result<Samples, Error>) -> String {
        let text = result.unwrap_err().to_string();
        assert!(!text.contains('\n'));
        text
    }

    #[test]
    fn values_must_lie_in_the_unit_interval() {
        let edges = array![[0.0, 1.0], [0.5, f32::MIN_POSITIVE]];
        assert!(Samples::new("x.npy", edges, None).is_ok());
        for (value, said) in [
            (
                -0.25,
                "x.npy: row 1, column 2 (counted from 0) is -0.25, outside 0 to 1; scale",
            ),
            (
                255.0,
                "x.npy: row 1, column 2 (counted from 0) is 255, outside 0 to 1; scale",
            ),
            (
                f32::NAN,
                "x.npy: row 1, column 2 (counted from 0) is NaN, not a finite",
            ),
            (
                f32::INFINITY,
                "x.npy: row 1, column 2 (counted from 0) is inf, not a finite",
            ),
        ] {
            let values = array![[0.0, 1.0, 0.5], [0.25, 0.75, value]];
            let text = message(Samples::new("x.npy", values, None));
            assert!(text.starts_with(said), "{text}");
        }
    }

    #[test]
    fn the_place_of_a_bad_value_does_not_depend_on_the_memory_layout() {
        let values = array![[0.0, 0.0, 7.0], [0.0, 0.0, 0.0]];
        let fortran = values.t().as_standard_layout().into_owned().reversed_axes();
        assert!(!fortran.is_standard_layout());
        assert_eq!(
            message(Samples::new("x", values, None)),
            message(Samples::new("x", fortran, None))
        );
    }

    #[test]
    fn nothing_is_no_data_set() {
        for shape in [(0, 3), (3, 0)] {
            let result = Samples::new("x.npy", Array2::zeros(shape), None);
            assert!(matches!(result, Err(Error::Empty { .. })));
        }
    }

    #[test]
    fn there_is_one_label_per_observation() {
        let values = array![[0.0], [1.0]];
        let samples = Samples::new("x.npy", values, None).unwrap();
        let text = message(samples.clone().with_labels("y.txt", vec![1, 2, 3]));
        assert!(
            text.starts_with("y.txt: 3 labels for 2 observations"),
            "{text}"
        );
        let labelled = samples.with_labels("y.txt", vec![1, 2]).unwrap();
        assert_eq!(labelled.first(1).labels, Some(vec![1]));
        assert_eq!(labelled.first(9), labelled);
    }

    #[test]
    fn parts_of_a_data_set_have_one_width() {
        let samples = |width| Samples::new("x", Array2::zeros((2, width)), None).unwrap();
        assert!(Dataset::new("a", "", samples(6), Some(samples(6)), Some((2, 3))).is_ok());
        let wide = Dataset::new("a", "", samples(6), Some(samples(5)), None);
        let tall = Dataset::new("a", "", samples(6), None, Some((6, 2)));
        let huge = Dataset::new("a", "", samples(6), None, Some((usize::MAX, 2)));
        for result in [wide, tall, huge] {
            assert!(matches!(result, Err(Error::Shape { .. })));
        }
    }
}
