//! Threads that wait awake for what the one that leads them has for them.

use std::any::Any;
use std::cell::UnsafeCell;
use std::hint::spin_loop;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Scope, Thread, ThreadId};

/// How often a thread looks for a task before it falls asleep: for some tenths of a millisecond.
const LOOKS: usize = 1 << 12;

/// What is done for each number.
type Task<'a> = dyn Fn(usize) + Sync + 'a;

/// The thread that made it, which leads, and others.
#[derive(Debug)]
pub(super) struct Crew {
    leader: ThreadId,
    others: OnceLock<Vec<Other>>,
    /// The task, or nothing if the others may go. Written by the leader while none is open and no other is at work, read by
    /// others at work on one that is open.
    task: UnsafeCell<Option<*const Task<'static>>>,
    /// Of the task: odd while it is open, even when it is done.
    number: AtomicUsize,
    /// What is left to be done, by member, the leader first: of what is done first, and of what then.
    shares: OnceLock<Vec<[Share; 2]>>,
    /// How many others are at work.
    at_work: AtomicUsize,
    /// Whether the leader is.
    busy: AtomicBool,
    panicked: Mutex<Option<Box<dyn Any + Send>>>,
}

#[derive(Debug)]
struct Other {
    thread: Thread,
    asleep: AtomicBool,
}

// SAFETY: only the task keeps this from being so by itself. Whoever reads it may call it, for it is `Sync`; when it is
// written and read is said there.
unsafe impl Send for Crew {}
// SAFETY: as above.
unsafe impl Sync for Crew {}

impl Crew {
    pub fn new() -> Self {
        Self {
            leader: thread::current().id(),
            others: OnceLock::new(),
            task: UnsafeCell::new(None),
            number: AtomicUsize::new(0),
            shares: OnceLock::new(),
            at_work: AtomicUsize::new(0),
            busy: AtomicBool::new(false),
            panicked: Mutex::default(),
        }
    }

    /// Calls so many others together, or as many as the system starts, until [`Crew::dismiss`].
    pub fn call<'scope>(&'scope self, count: usize, scope: &'scope Scope<'scope, '_>) {
        let start = |number| {
            let wait = move || self.wait(number);
            let started = thread::Builder::new().spawn_scoped(scope, wait).ok()?;
            Some(Other {
                thread: started.thread().clone(),
                asleep: AtomicBool::new(false),
            })
        };
        let others: Vec<_> = (0..count).map_while(start).collect();
        let shares = (0..=others.len()).map(|_| Default::default()).collect();
        self.shares.set(shares).expect("called together once");
        self.others.set(others).expect("called together once");
    }

    /// Whether the calling thread leads this crew, and has no task itself.
    pub fn is_led(&self) -> bool {
        self.leader == thread::current().id() && !self.busy.load(Ordering::Relaxed)
    }

    /// Does a task for 0 … `first` − 1, and for as many more as are to be done `then`. Each member, the leader, who calls
    /// this, too, begins with a share that is the same each time, and helps the others when it is done with it; where there
    /// is nothing left to begin with, it does the same with what is done then.
    ///
    /// # Panics
    /// If it is not [led](Crew::is_led) by the caller, or where the task does.
    pub fn run(&self, [first, then]: [usize; 2], task: &Task) {
        assert!(self.is_led(), "the leader, free for a task");
        *self.panic() = None;
        let task: *const Task = task;
        #[allow(
            clippy::transmute_ptr_to_ptr,
            reason = "a cast does not make a lifetime longer"
        )]
        // SAFETY: only the lifetime is another. What is borrowed lives until this returns or unwinds, and that is after
        // all others have done with it (`Done`).
        let lasting = unsafe { std::mem::transmute::<*const Task, *const Task<'static>>(task) };
        // SAFETY: none is open and no other at work.
        unsafe { *self.task.get() = Some(lasting) };
        let shares = self.shares.get().map_or(&[][..], Vec::as_slice);
        for (member, [of_first, of_then]) in shares.iter().enumerate() {
            let end = |count: usize, member| member * count / shares.len();
            of_first.set(end(first, member)..end(first, member + 1));
            of_then.set(first + end(then, member)..first + end(then, member + 1));
        }
        self.busy.store(true, Ordering::Relaxed);
        self.open();
        let done = Done(self);
        // SAFETY: the caller's reference.
        self.work(0, unsafe { &*task });
        drop(done);
        if let Some(panic) = self.panic().take() {
            resume_unwind(panic);
        }
    }

    /// A member's own share, from its beginning, and then what is left of the others', from the end; of either kind.
    fn work(&self, member: usize, task: &Task) {
        let shares = self.shares.get().map_or(&[][..], Vec::as_slice);
        let Some((before, [own, after @ ..])) = shares.split_at_checked(member) else {
            return;
        };
        for (kind, own) in own.iter().enumerate() {
            std::iter::from_fn(|| own.first()).for_each(task);
            for other in after.iter().chain(before) {
                std::iter::from_fn(|| other[kind].last()).for_each(task);
            }
        }
    }

    /// Lets the others go.
    pub fn dismiss(&self) {
        // SAFETY: none is open and no other at work.
        unsafe { *self.task.get() = None };
        self.open();
    }

    /// Opens a task and tells the others.
    fn open(&self) {
        self.number.fetch_add(1, Ordering::SeqCst);
        for other in self.others.get().into_iter().flatten() {
            if other.asleep.load(Ordering::SeqCst) {
                other.thread.unpark();
            }
        }
    }

    /// What another does, from when it is called to when it is let go.
    fn wait(&self, place: usize) {
        let mut seen = 0;
        loop {
            seen = self.new_number(seen, place);
            // Either the leader sees that this member is at work, and waits, or this one sees that there is no more to do.
            self.at_work.fetch_add(1, Ordering::SeqCst);
            if self.number.load(Ordering::SeqCst) == seen {
                // SAFETY: it is open, and this member at work.
                let Some(task) = (unsafe { *self.task.get() }) else {
                    return;
                };
                // SAFETY: what is borrowed lives until none is at work.
                let task = unsafe { &*task };
                let result = catch_unwind(AssertUnwindSafe(|| self.work(place + 1, task)));
                if let Err(panic) = result {
                    *self.panic() = Some(panic);
                }
            }
            self.at_work.fetch_sub(1, Ordering::Release);
        }
    }

    fn panic(&self) -> MutexGuard<'_, Option<Box<dyn Any + Send>>> {
        self.panicked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an open task with another number than that.
    fn new_number(&self, seen: usize, place: usize) -> usize {
        let new = |number: &usize| *number != seen && number % 2 == 1;
        let look = || Some(self.number.load(Ordering::SeqCst)).filter(new);
        for _ in 0..LOOKS {
            if let Some(number) = look() {
                return number;
            }
            spin_loop();
        }
        loop {
            let me = self.others.get().and_then(|others| others.get(place));
            me.inspect(|me| me.asleep.store(true, Ordering::SeqCst));
            // Whoever changes the number after this sees that this thread is asleep.
            let number = look();
            if let Some(number) = number {
                me.inspect(|me| me.asleep.store(false, Ordering::SeqCst));
                return number;
            }
            match me {
                Some(_) => thread::park(),
                // The others are still being called together.
                None => thread::yield_now(),
            }
        }
    }
}

/// Numbers from which members take at either end, one line of the cache each: 32 bits for the first, 32 for the end.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Share(AtomicU64);

impl Share {
    fn set(&self, numbers: Range<usize>) {
        let [first, end] = [numbers.start, numbers.end].map(|number| number as u64);
        self.0.store(first << 32 | end, Ordering::Relaxed);
    }

    fn first(&self) -> Option<usize> {
        self.take(1 << 32).map(|(first, _)| first)
    }

    fn last(&self) -> Option<usize> {
        self.take(u64::MAX).map(|(_, end)| end - 1)
    }

    /// What was there before `change` was added, if that was anything.
    fn take(&self, change: u64) -> Option<(usize, usize)> {
        let split = |numbers: u64| ((numbers >> 32) as usize, numbers as u32 as usize);
        let taken = |numbers| {
            let (first, end) = split(numbers);
            (first < end).then(|| numbers.wrapping_add(change))
        };
        // What was written for the task is there since its number was seen.
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        before.ok().map(split)
    }
}

/// The leader has nothing left to do, or gave up: closes the task and waits for those who are at work on it.
struct Done<'a>(&'a Crew);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.number.fetch_add(1, Ordering::SeqCst);
        let mut looks = 0;
        while self.0.at_work.load(Ordering::SeqCst) > 0 {
            looks += 1;
            if looks < LOOKS {
                spin_loop();
            } else {
                // Somebody else may need this core, to do the share that is waited for.
                thread::yield_now();
            }
        }
        self.0.busy.store(false, Ordering::Relaxed);
    }
}
