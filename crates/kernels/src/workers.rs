//! The threads a computation may use.

use rayon::prelude::*;

/// A fixed number of threads. Work is cut into tasks by its shape alone, never by the number of
/// threads, so results do not depend on it.
#[derive(Debug)]
pub struct Workers {
    /// `None` for one thread: the caller's own.
    pool: Option<rayon::ThreadPool>,
}

impl Workers {
    /// `threads` threads; 0 and 1 both mean the calling thread alone.
    ///
    /// # Errors
    /// If the operating system refuses to start the threads.
    pub fn new(threads: usize) -> Result<Self, WorkersError> {
        if threads <= 1 {
            return Ok(Self::single());
        }
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = builder
            .build()
            .map_err(|source| WorkersError { threads, source })?;
        Ok(Self { pool: Some(pool) })
    }

    /// The calling thread alone.
    #[must_use]
    pub fn single() -> Self {
        Self { pool: None }
    }

    /// Number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool
            .as_ref()
            .map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Runs `work` on one of the threads, from which the others are reached quickly: worth it around
    /// a long series of short tasks.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Runs `task(0) … task(count − 1)`, in any order and in parallel.
    pub fn for_each(&self, count: usize, task: impl Fn(usize) + Send + Sync) {
        match &self.pool {
            Some(pool) if count > 1 => {
                pool.install(|| (0..count).into_par_iter().with_max_len(1).for_each(task));
            }
            _ => (0..count).for_each(task),
        }
    }

    /// The results of `task(0) … task(count − 1)`, in that order.
    pub fn map<T: Send>(&self, count: usize, task: impl Fn(usize) -> T + Send + Sync) -> Vec<T> {
        match &self.pool {
            Some(pool) if count > 1 => pool.install(|| {
                (0..count)
                    .into_par_iter()
                    .with_max_len(1)
                    .map(task)
                    .collect()
            }),
            _ => (0..count).map(task).collect(),
        }
    }

    /// Runs `task(index, chunk)` over consecutive chunks of `length` items (the last may be shorter).
    ///
    /// # Panics
    /// If `length` is 0.
    pub fn for_each_chunk<T: Send>(
        &self,
        items: &mut [T],
        length: usize,
        task: impl Fn(usize, &mut [T]) + Send + Sync,
    ) {
        match &self.pool {
            Some(pool) if items.len() > length => pool.install(|| {
                let chunks = items.par_chunks_mut(length).enumerate().with_max_len(1);
                chunks.for_each(|(index, chunk)| task(index, chunk));
            }),
            _ => {
                for (index, chunk) in items.chunks_mut(length).enumerate() {
                    task(index, chunk);
                }
            }
        }
    }
}

/// The operating system would not start the threads.
#[derive(Debug, thiserror::Error)]
#[error("{threads} threads could not be started: {source}; ask for fewer")]
pub struct WorkersError {
    threads: usize,
    source: rayon::ThreadPoolBuildError,
}
