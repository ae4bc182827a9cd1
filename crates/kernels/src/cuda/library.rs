//! The driver, its libraries and the compiled kernels: found once, when first asked for.

use std::sync::{Arc, LazyLock};

use cudarc::driver::{CudaContext, CudaFunction};
use cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use cudarc::{cublas, driver, nvrtc};

use crate::cuda::CardError;

/// The kernels of the first card.
#[derive(Debug)]
pub(super) struct Library {
    pub context: Arc<CudaContext>,
    pub means: CudaFunction,
    pub sample: CudaFunction,
    pub gather: CudaFunction,
    pub add: CudaFunction,
    pub multiply: CudaFunction,
    pub unpack: CudaFunction,
    pub pack: CudaFunction,
    pub hold: CudaFunction,
    pub energies: CudaFunction,
}

/// `None` where there is no card.
pub(super) fn get() -> Result<Option<&'static Library>, CardError> {
    static LIBRARY: LazyLock<Result<Option<Library>, CardError>> = LazyLock::new(load);
    LIBRARY.as_ref().map(Option::as_ref).map_err(Clone::clone)
}

fn load() -> Result<Option<Library>, CardError> {
    // SAFETY: these only look whether a library can be opened, and NVIDIA's do nothing when they are.
    let (driver, nvrtc, cublas) = unsafe {
        (
            driver::sys::is_culib_present(),
            nvrtc::sys::is_culib_present(),
            cublas::sys::is_culib_present(),
        )
    };
    // A driver without a card says so when it is counted.
    if !driver || !CudaContext::device_count().is_ok_and(|count| count > 0) {
        return Ok(None);
    }
    for (there, name) in [(nvrtc, "libnvrtc"), (cublas, "libcublas")] {
        if !there {
            return Err(CardError::new(format!(
                "{name} is not found; install NVIDIA's CUDA toolkit (12 or 13) or name its folder in LD_LIBRARY_PATH"
            )));
        }
    }
    let context = CudaContext::new(0)?;
    // SAFETY: every matrix is made, used and freed on the one queue of its `Card`, which keeps the order.
    unsafe { context.disable_event_tracking() };
    let (major, minor) = context.compute_capability()?;
    let options = CompileOptions {
        options: vec![format!("--gpu-architecture=compute_{major}{minor}")],
        ..CompileOptions::default()
    };
    let compiled = compile_ptx_with_opts(include_str!("kernels.cu"), options)
        .map_err(|error| CardError::new(format!("NVRTC: {error}")))?;
    let module = context.load_module(compiled)?;
    let function = |name| module.load_function(name).map_err(CardError::from);
    Ok(Some(Library {
        means: function("means")?,
        sample: function("sample")?,
        gather: function("gather")?,
        add: function("add")?,
        multiply: function("multiply")?,
        unpack: function("unpack")?,
        pack: function("pack")?,
        hold: function("hold")?,
        energies: function("energies")?,
        context,
    }))
}
