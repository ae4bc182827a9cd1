//! The structureless control: the same pixels, without their places.

use resrel_kernels::{Purpose, Stream, Workers};

use crate::Samples;

/// Rows that one task shuffles.
const ROWS_PER_TASK: usize = 256;

/// The pixels of each observation permuted at random, independently per observation: every
/// observation keeps its values, and all that they had in common is gone. Labels are kept.
///
/// Observation i is permuted by the stream (`seed`, [`Purpose::Shuffle`], i), so the result does not
/// depend on the number of threads.
///
/// Source: "pixel-shuffled MNIST" of J. Song, M. Marsili, J. Jo, "Resolution and relevance
/// trade-offs in deep learning", J. Stat. Mech. (2018) 123406.
#[must_use]
pub fn shuffled(samples: &Samples, seed: u64, workers: &Workers) -> Samples {
    let features = samples.features();
    let mut shuffled = Samples {
        values: samples.values.as_standard_layout().into_owned(),
        labels: samples.labels.clone(),
    };
    let Some(values) = shuffled.values.as_slice_mut() else {
        unreachable!("the standard layout is one slice");
    };
    workers.for_each_chunk(values, ROWS_PER_TASK * features, |task, rows| {
        for (within, row) in rows.chunks_mut(features).enumerate() {
            let index = (task * ROWS_PER_TASK + within) as u64;
            Stream::new(seed, Purpose::Shuffle, index)
                .rng(0)
                .shuffle(row);
        }
    });
    shuffled
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    /// 600 rows with the values 0/100 … 99/100 in order.
    fn ladder() -> Samples {
        let values = Array2::from_shape_fn((600, 100), |(_, column)| column as f32 / 100.0);
        let labels = (0..600).map(|row| row % 7).collect();
        Samples::new("ladder", values, Some(labels)).unwrap()
    }

    #[test]
    fn every_row_keeps_its_values_and_its_label() {
        let before = ladder();
        let after = shuffled(&before, 3, &Workers::single());
        assert_eq!(after.labels, before.labels);
        for row in after.values.rows() {
            let mut sorted = row.to_vec();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, before.values.row(0).to_vec());
        }
    }

    #[test]
    fn every_row_has_its_own_permutation() {
        let after = shuffled(&ladder(), 3, &Workers::single());
        let rows: std::collections::HashSet<Vec<u32>> = after
            .values
            .rows()
            .into_iter()
            .map(|row| row.iter().map(|x| x.to_bits()).collect())
            .collect();
        assert_eq!(rows.len(), 600);
        assert_ne!(after, shuffled(&ladder(), 4, &Workers::single()));
    }

    #[test]
    fn a_value_is_equally_likely_to_land_anywhere() {
        let after = shuffled(&ladder(), 3, &Workers::single());
        let means = after.values.mean_axis(ndarray::Axis(0)).unwrap();
        // Mean of 600 draws from 0 … 0.99: .495, standard error .0118; five of them.
        for mean in means {
            assert!((mean - 0.495).abs() < 0.059, "{mean}");
        }
    }

    #[test]
    fn threads_do_not_matter() {
        let one = shuffled(&ladder(), 3, &Workers::single());
        for threads in [2, 3] {
            let workers = Workers::new(threads).unwrap();
            assert_eq!(one, shuffled(&ladder(), 3, &workers));
        }
    }
}
