//! The threads a computation may use.

mod crew;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::workers::crew::Crew;

/// A fixed number of threads. Work is cut into tasks by its shape alone, never by the number of
/// threads, so results do not depend on it.
#[derive(Debug)]
pub struct Workers {
    /// `None` for one thread: the caller's own.
    pool: Option<rayon::ThreadPool>,
    /// Those that are kept awake at present.
    crew: Mutex<Option<Arc<Crew>>>,
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
        Ok(Self {
            pool: Some(pool),
            crew: Mutex::default(),
        })
    }

    /// The calling thread alone.
    #[must_use]
    pub fn single() -> Self {
        Self {
            pool: None,
            crew: Mutex::default(),
        }
    }

    /// Number of threads.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.pool
            .as_ref()
            .map_or(1, rayon::ThreadPool::current_num_threads)
    }

    /// Runs `work` on one of the threads, so that what it does in parallel by rayon itself, as networks on burn do, is
    /// done by these.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.pool {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }

    /// Runs `work` on the calling thread, while as many others as there are wait awake for what it has for them
    /// ([`Workers::for_each`] and [`Workers::for_each_chunk`]): worth it around a long series of tasks so short that
    /// waking a thread takes as long. Each thread begins with the same share of the tasks every time, and may have near
    /// what it worked on before; then it helps the others.
    pub fn awake<T>(&self, work: impl FnOnce() -> T) -> T {
        if self.threads() == 1 || self.present().is_some() {
            return work();
        }
        let crew = Arc::new(Crew::new());
        std::thread::scope(|scope| {
            crew.call(self.threads() - 1, scope);
            *self.present() = Some(crew.clone());
            let _awake = Awake(self, &crew);
            work()
        })
    }

    fn present(&self) -> MutexGuard<'_, Option<Arc<Crew>>> {
        open(&self.crew)
    }

    /// Those that wait awake for the calling thread.
    fn crew(&self) -> Option<Arc<Crew>> {
        self.present().clone().filter(|crew| crew.is_led())
    }

    /// Runs `task(0) … task(count − 1)`, in any order and in parallel.
    pub fn for_each(&self, count: usize, task: impl Fn(usize) + Send + Sync) {
        if let Some(crew) = self.crew().filter(|_| count > 1) {
            return crew.run([count, 0], &task);
        }
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
        let count = items.len().div_ceil(length);
        if let Some(crew) = self.crew().filter(|_| count > 1) {
            let chunks: Vec<_> = items.chunks_mut(length).map(Mutex::new).collect();
            return crew.run([count, 0], &|index| {
                task(index, &mut open(&chunks[index]));
            });
        }
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

    /// Runs `task(index, chunk)` over chunks as [`Workers::for_each_chunk`] does, and then `more(index, item)` over `others`:
    /// those who wait awake begin with that as soon as they have nothing else to begin with.
    pub(crate) fn for_each_chunk_then<T: Send, U: Send>(
        &self,
        (items, length): (&mut [T], usize),
        task: impl Fn(usize, &mut [T]) + Send + Sync,
        others: &mut [U],
        more: impl Fn(usize, &mut U) + Send + Sync,
    ) {
        let Some(crew) = self.crew().filter(|_| !others.is_empty()) else {
            self.for_each_chunk(items, length, task);
            self.for_each_chunk(others, 1, |index, other| more(index, &mut other[0]));
            return;
        };
        let chunks: Vec<_> = items.chunks_mut(length).map(Mutex::new).collect();
        let others: Vec<_> = others.iter_mut().map(Mutex::new).collect();
        crew.run([chunks.len(), others.len()], &|index| {
            if let Some(chunk) = chunks.get(index) {
                task(index, &mut open(chunk));
            } else {
                let index = index - chunks.len();
                more(index, &mut open(&others[index]));
            }
        });
    }
}

/// What is behind a lock, whatever happened to those who had it before.
fn open<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The operating system would not start the threads.
#[derive(Debug, thiserror::Error)]
#[error("{threads} threads could not be started: {source}; ask for fewer")]
pub struct WorkersError {
    threads: usize,
    source: rayon::ThreadPoolBuildError,
}

/// While it lives threads wait awake.
struct Awake<'a>(&'a Workers, &'a Crew);

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        *self.0.present() = None;
        self.1.dismiss();
    }
}

#[cfg(test)]
mod tests;
