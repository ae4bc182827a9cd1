//! Machines on a graphics card of NVIDIA's: matrices that lie there, products by cuBLAS in single precision, and the
//! [kernels](https://docs.nvidia.com/cuda/nvrtc/) between them, compiled where they run.
//!
//! A sample is decided as by [`Stream::is_one`], as [`conditional`](crate::conditional) does: with the same fields it has
//! the same bits. Sums are rounded in another order, so a seed gives another training than on a processor, of the same
//! distribution. [`CardGibbs`] draws other numbers than [`Gibbs`](crate::Gibbs), which has a generator of its own.

mod gibbs;
mod library;
mod matrix;

use std::ops::Range;
use std::sync::Arc;

use cudarc::cublas::sys::cublasOperation_t;
use cudarc::cublas::{CudaBlas, Gemm, GemmConfig};
use cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, DeviceRepr, LaunchArgs, LaunchConfig, PushKernelArg,
    ValidAsZeroBits,
};
use ndarray::{Array2, ArrayView2, Axis};

use crate::philox::{NARROW, Stream};
use crate::{Way, plain};

pub use gibbs::CardGibbs;
use library::Library;
pub use matrix::{CardMatrix, CardOrder, CardRows, CardRowsMut};

/// Threads of a block, for kernels that have a thread an element.
const BLOCK: u32 = 256;
/// Rows that are copied to a card together: bounds the second copy of them on the way.
const UPLOAD: usize = 4_096;

/// What went wrong on a graphics card.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the graphics card: {0}; RESREL_PLAIN=1 does without it")]
pub struct CardError(String);

impl CardError {
    fn new(problem: impl std::fmt::Display) -> Self {
        Self(problem.to_string())
    }
}

impl From<cudarc::driver::DriverError> for CardError {
    fn from(error: cudarc::driver::DriverError) -> Self {
        if error.0 == cudarc::driver::sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY {
            return Self::new("its memory is too small for this");
        }
        Self::new(error)
    }
}

impl From<cudarc::cublas::result::CublasError> for CardError {
    fn from(error: cudarc::cublas::result::CublasError) -> Self {
        Self::new(format!("cuBLAS: {error}"))
    }
}

/// The first graphics card of the machine, with a queue of work of its own: queues of several threads share the card.
///
/// What is asked for is queued and done in that order; only what brings numbers back waits for it, and tells of errors
/// that came up before.
#[derive(Debug)]
pub struct Card {
    stream: Arc<CudaStream>,
    blas: CudaBlas,
    library: &'static Library,
}

/// A sample on a card: [`Draw`](crate::Draw), and where the states count negatively.
#[derive(Debug)]
pub struct CardDraw<'a> {
    /// The stream of random numbers.
    pub stream: Stream,
    /// Which draw of that stream, below 2⁶².
    pub number: u64,
    /// The row of the stream that belongs to row 0 here.
    pub first_row: u32,
    /// Receives the samples.
    pub samples: CardRowsMut<'a>,
    /// From this row on samples are 0 and −1.
    pub negated: usize,
}

impl Card {
    /// A queue on the first card; `None` where there is none, or where `RESREL_PLAIN=1` asks to do without.
    ///
    /// # Errors
    /// If there is a card, but the libraries that it needs (NVRTC, cuBLAS) are not found or refuse.
    pub fn open() -> Result<Option<Self>, CardError> {
        if plain() {
            return Ok(None);
        }
        let Some(library) = library::get()? else {
            return Ok(None);
        };
        let stream = library.context.new_stream()?;
        let blas = CudaBlas::new(stream.clone())?;
        Ok(Some(Self {
            stream,
            blas,
            library,
        }))
    }

    /// A matrix of zeros.
    ///
    /// # Errors
    /// If the card has not the memory.
    pub fn zeros(&self, rows: usize, columns: usize) -> Result<CardMatrix, CardError> {
        Ok(CardMatrix {
            values: self.allocate(rows * columns)?,
            rows,
            columns,
        })
    }

    /// `values` on the card.
    ///
    /// # Errors
    /// If the card has not the memory.
    pub fn upload(&self, values: ArrayView2<f32>) -> Result<CardMatrix, CardError> {
        self.upload_by(values.dim(), |rows| {
            values.slice_axis(Axis(0), rows.into()).to_owned()
        })
    }

    /// A matrix of which `some` gives some rows after the others.
    ///
    /// # Errors
    /// If the card has not the memory.
    ///
    /// # Panics
    /// If those are not as many as were asked for.
    pub fn upload_by(
        &self,
        (rows, columns): (usize, usize),
        some: impl Fn(Range<usize>) -> Array2<f32>,
    ) -> Result<CardMatrix, CardError> {
        let mut matrix = self.zeros(rows, columns)?;
        for first in (0..rows).step_by(UPLOAD) {
            let range = first..rows.min(first + UPLOAD);
            let values = some(range.clone());
            assert_eq!(values.dim(), (range.len(), columns), "the rows asked for");
            let values = values.as_standard_layout();
            let values = values.as_slice().expect("a standard layout is a slice");
            self.stream
                .memcpy_htod(values, &mut matrix.rows_mut(range).values)?;
            // The copy may still be read from when it is freed.
            self.stream.synchronize()?;
        }
        Ok(matrix)
    }

    /// An order of rows on the card.
    ///
    /// # Errors
    /// If the card has not the memory.
    pub fn order(&self, order: &[u32]) -> Result<CardOrder, CardError> {
        let rows = self.stream.clone_htod(order)?;
        self.stream.synchronize()?;
        let beyond = order.iter().max().map_or(0, |row| *row as usize + 1);
        Ok(CardOrder { rows, beyond })
    }

    /// The numbers of some rows, after all that was queued before.
    ///
    /// # Errors
    /// If something queued before went wrong.
    #[allow(
        clippy::missing_panics_doc,
        reason = "rows have as many numbers as their shape says"
    )]
    pub fn download(&self, rows: &CardRows) -> Result<Array2<f32>, CardError> {
        let values = self.stream.clone_dtoh(&rows.values)?;
        self.stream.synchronize()?;
        Ok(
            Array2::from_shape_vec((rows.rows, rows.columns), values)
                .expect("as many as there are"),
        )
    }

    /// Row `order[(first + i) mod order]` of `data` becomes row i of `out`.
    ///
    /// # Errors
    /// If the card refuses.
    ///
    /// # Panics
    /// If the rows have not the same length.
    pub fn gather(
        &self,
        data: &CardMatrix,
        order: &CardOrder,
        first: usize,
        out: &mut CardRowsMut,
    ) -> Result<(), CardError> {
        assert_eq!(data.columns, out.columns, "rows of one length");
        assert!(
            (1..=data.rows).contains(&order.beyond),
            "an order of these rows"
        );
        let length = (out.rows * out.columns) as u64;
        let (columns, first, rows) = (out.columns as u32, first as u32, order.rows.len() as u32);
        let mut launch = self.launch(&self.library.gather);
        launch
            .arg(&data.values)
            .arg(&order.rows)
            .arg(&mut out.values)
            .arg(&length)
            .arg(&columns)
            .arg(&first)
            .arg(&rows);
        // SAFETY: the arguments are those of the kernel; it writes the `length` elements of `out` and reads rows that
        // `order` names, all of which `data` has.
        unsafe { launch_all(&mut launch, length) }
    }

    /// `out ← keep · out + scale · left · right`, or with the transpose of either.
    ///
    /// # Errors
    /// If the card refuses.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    pub fn product(
        &self,
        (keep, scale): (f32, f32),
        (left, left_transposed): (&CardRows, bool),
        (right, right_transposed): (&CardRows, bool),
        out: &mut CardRowsMut,
    ) -> Result<(), CardError> {
        let turned = |rows: &CardRows, transposed| {
            if transposed {
                (rows.columns, rows.rows)
            } else {
                (rows.rows, rows.columns)
            }
        };
        let (rows, inner) = turned(left, left_transposed);
        let (same, columns) = turned(right, right_transposed);
        assert_eq!(inner, same, "as many columns as rows");
        assert_eq!(
            (out.rows, out.columns),
            (rows, columns),
            "the product's shape"
        );
        let operation = |transposed| {
            if transposed {
                cublasOperation_t::CUBLAS_OP_T
            } else {
                cublasOperation_t::CUBLAS_OP_N
            }
        };
        let size = |number: usize| i32::try_from(number).map_err(CardError::new);
        // cuBLAS has its matrices column by column: what lies here row by row is the transpose to it, and the transpose
        // of a product is that of the factors the other way round.
        let config = GemmConfig {
            transa: operation(right_transposed),
            transb: operation(left_transposed),
            m: size(columns)?,
            n: size(rows)?,
            k: size(inner)?,
            alpha: scale,
            lda: size(right.columns)?,
            ldb: size(left.columns)?,
            beta: keep,
            ldc: size(columns)?,
        };
        // SAFETY: the shapes fit together, and views are as long as their shapes say.
        unsafe {
            self.blas
                .gemm(config, &right.values, &left.values, &mut out.values)?;
        };
        Ok(())
    }

    /// Probabilities that units are 1, σ(bias + scale · input · W) with W (`Up`) or Wᵀ (`Down`), and a sample of them if
    /// asked for: [`conditional`](crate::conditional) on a card.
    ///
    /// # Errors
    /// If the card refuses.
    ///
    /// # Panics
    /// If the shapes do not fit together.
    #[allow(clippy::too_many_arguments, reason = "as on the processor")]
    pub fn conditional(
        &self,
        way: Way,
        scale: f32,
        input: &CardRows,
        weights: &CardMatrix,
        bias: &CardMatrix,
        probabilities: &mut CardRowsMut,
        draw: Option<CardDraw>,
    ) -> Result<(), CardError> {
        let weights = (&weights.all(), way == Way::Down);
        self.product((0.0, scale), (input, false), weights, probabilities)?;
        match draw {
            Some(draw) => self.sample(probabilities, bias, draw, false),
            None => self.means(probabilities, bias),
        }
    }

    /// fields ← σ(bias + fields).
    fn means(&self, fields: &mut CardRowsMut, bias: &CardMatrix) -> Result<(), CardError> {
        assert_eq!(bias.dim(), (1, fields.columns), "one bias per unit");
        let length = (fields.rows * fields.columns) as u64;
        let units = fields.columns as u32;
        let mut launch = self.launch(&self.library.means);
        launch
            .arg(&mut fields.values)
            .arg(&bias.values)
            .arg(&length)
            .arg(&units);
        // SAFETY: the arguments are those of the kernel, which touches `length` fields and `units` biases.
        unsafe { launch_all(&mut launch, length) }
    }

    /// A sample of units from their fields, which become probabilities unless they are kept.
    fn sample(
        &self,
        fields: &mut CardRowsMut,
        bias: &CardMatrix,
        draw: CardDraw,
        keep_fields: bool,
    ) -> Result<(), CardError> {
        let mut samples = draw.samples;
        assert_eq!(bias.dim(), (1, fields.columns), "one bias per unit");
        let shape = (fields.rows, fields.columns);
        assert_eq!(
            (samples.rows, samples.columns),
            shape,
            "one sample per unit"
        );
        let (rows, units) = (fields.rows as u32, fields.columns as u32);
        let [low, high] = draw.stream.key();
        let (negated, keep) = (draw.negated.min(fields.rows) as u32, u32::from(keep_fields));
        // Of rows end to end some begin in one group of numbers and end in the next.
        let groups = if fields.columns <= NARROW {
            2
        } else {
            units.div_ceil(128)
        };
        let counters = 16 * groups;
        let mut launch = self.launch(&self.library.sample);
        launch
            .arg(&mut fields.values)
            .arg(&bias.values)
            .arg(&mut samples.values)
            .arg(&rows)
            .arg(&units)
            .arg(&low)
            .arg(&high)
            .arg(&draw.number)
            .arg(&draw.first_row)
            .arg(&negated)
            .arg(&keep)
            .arg(&counters);
        let threads = u64::from(rows) * u64::from(counters);
        // SAFETY: the arguments are those of the kernel, which touches rows × units fields and samples and `units`
        // biases.
        unsafe { launch_all(&mut launch, threads) }
    }

    /// out ← out + scale · x.
    ///
    /// # Errors
    /// If the card refuses.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn add(&self, scale: f32, x: &CardMatrix, out: &mut CardMatrix) -> Result<(), CardError> {
        assert_eq!(x.dim(), out.dim(), "one shape");
        let length = out.values.len() as u64;
        let mut launch = self.launch(&self.library.add);
        launch
            .arg(&x.values)
            .arg(&mut out.values)
            .arg(&length)
            .arg(&scale);
        // SAFETY: the arguments are those of the kernel, which touches `length` elements of both.
        unsafe { launch_all(&mut launch, length) }
    }

    /// out ← out · x, element by element.
    ///
    /// # Errors
    /// If the card refuses.
    ///
    /// # Panics
    /// If the shapes differ.
    pub fn multiply(&self, x: &CardMatrix, out: &mut CardMatrix) -> Result<(), CardError> {
        assert_eq!(x.dim(), out.dim(), "one shape");
        let length = out.values.len() as u64;
        let mut launch = self.launch(&self.library.multiply);
        launch.arg(&x.values).arg(&mut out.values).arg(&length);
        // SAFETY: the arguments are those of the kernel, which touches `length` elements of both.
        unsafe { launch_all(&mut launch, length) }
    }

    fn allocate<T: DeviceRepr + ValidAsZeroBits>(
        &self,
        length: usize,
    ) -> Result<CudaSlice<T>, CardError> {
        Ok(self.stream.alloc_zeros(length)?)
    }

    fn launch<'a>(&'a self, kernel: &'a CudaFunction) -> LaunchArgs<'a> {
        self.stream.launch_builder(kernel)
    }
}

/// Queues a kernel that has so many threads.
///
/// # Safety
/// The arguments must be those of the kernel, and what it touches with so many threads must be there.
unsafe fn launch_all(launch: &mut LaunchArgs, threads: u64) -> Result<(), CardError> {
    if threads == 0 {
        return Ok(());
    }
    let blocks = u32::try_from(threads.div_ceil(u64::from(BLOCK))).map_err(CardError::new)?;
    let config = LaunchConfig {
        grid_dim: (blocks, 1, 1),
        block_dim: (BLOCK, 1, 1),
        shared_mem_bytes: 0,
    };
    // SAFETY: as the caller promises.
    unsafe { launch.launch(config)? };
    Ok(())
}

/// The name of the card's instructions, where there is one in use.
#[must_use]
pub(crate) fn instructions() -> Option<String> {
    if plain() {
        return None;
    }
    let library = library::get().ok()??;
    let (major, minor) = library.context.compute_capability().ok()?;
    Some(format!("cuda-{major}.{minor}"))
}

#[cfg(test)]
mod tests;
