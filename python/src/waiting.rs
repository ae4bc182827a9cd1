//! Long work without the GIL, which Ctrl-C stops and whose progress Python hears.

use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread::scope;
use std::time::Duration;

use pyo3::prelude::*;

/// How often Python's signals are looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// What Python hears of the work.
pub(crate) enum News {
    /// The share that is done, 0 … 1.
    Done(f64),
    /// Something to read.
    Line(String),
}

/// What the work asks and tells.
pub(crate) struct Listener {
    stopped: AtomicBool,
    news: Sender<News>,
}

impl Listener {
    /// Whether to go on.
    pub(crate) fn flow(&self) -> ControlFlow<()> {
        if self.stopped.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    pub(crate) fn tell(&self, news: News) {
        // Nobody listens any more once the work is to be stopped.
        let _ = self.news.send(news);
    }
}

/// Runs `work` on a thread of its own, while this one hands its news to `progress(done, line)`, of which one is None,
/// and looks out for signals. Whatever `progress` raises stops the work, as a signal does.
pub(crate) fn waiting<T: Send>(
    py: Python,
    progress: Option<&Bound<PyAny>>,
    work: impl FnOnce(&Listener) -> T + Send,
) -> PyResult<T> {
    let (sender, receiver) = channel();
    let listener = Listener {
        stopped: AtomicBool::new(false),
        news: sender,
    };
    scope(|scope| {
        let (ended, end) = channel::<()>();
        let listener = &listener;
        let worker = scope.spawn(move || {
            // Dropped at the end, whatever that is.
            let _ended = ended;
            work(listener)
        });
        // Only this thread looks at it, but without the GIL.
        let end = Mutex::new(end);
        let heard = listen(py, progress, &receiver, &end);
        if heard.is_err() {
            listener.stopped.store(true, Ordering::Relaxed);
        }
        let value = py.detach(|| worker.join());
        heard?;
        Ok(value.unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Until the work has ended.
fn listen(
    py: Python,
    progress: Option<&Bound<PyAny>>,
    news: &Receiver<News>,
    end: &Mutex<Receiver<()>>,
) -> PyResult<()> {
    loop {
        let ended = py.detach(|| {
            let end = end.lock().unwrap_or_else(PoisonError::into_inner);
            !matches!(end.recv_timeout(PERIOD), Err(RecvTimeoutError::Timeout))
        });
        py.check_signals()?;
        let mut last = None;
        for news in news.try_iter() {
            match (news, progress) {
                (News::Done(done), _) => last = Some(done),
                (News::Line(line), Some(progress)) => {
                    progress.call1((py.None(), line))?;
                }
                (News::Line(_), None) => {}
            }
        }
        if let (Some(done), Some(progress)) = (last, progress) {
            progress.call1((done, py.None()))?;
        }
        if ended {
            return Ok(());
        }
    }
}
