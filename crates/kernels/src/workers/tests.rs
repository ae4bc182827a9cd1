use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::*;

#[test]
fn every_task_is_done_once_by_those_that_are_awake() {
    for threads in [1, 2, 3, 5] {
        let workers = Workers::new(threads).expect("threads");
        workers.awake(|| {
            for count in [0, 1, 2, 3, 7, 100] {
                let done: Vec<_> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                workers.for_each(count, |task| {
                    done[task].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|done| done.load(Ordering::Relaxed) == 1));
                for length in [1, 3] {
                    let mut items = vec![0; count];
                    workers.for_each_chunk(&mut items, length, |chunk, items| {
                        for (place, item) in items.iter_mut().enumerate() {
                            *item += chunk * length + place;
                        }
                    });
                    assert!(items.into_iter().eq(0..count));
                }
            }
        });
    }
}

#[test]
fn what_is_done_then_is_done_once_and_by_whoever_has_nothing_else_to_do() {
    for threads in [1, 2, 3] {
        let workers = Workers::new(threads).expect("threads");
        let each = |awake: bool| {
            for (count, length) in [(0, 1), (1, 1), (7, 3), (8, 1)] {
                for more in [0, 1, 5] {
                    let (mut items, mut others) = (vec![0; count], vec![0; more]);
                    let (first, then) = (AtomicUsize::new(0), AtomicUsize::new(0));
                    workers.for_each_chunk_then(
                        (&mut items, length),
                        |chunk, items| {
                            // Held up until all else is done.
                            while awake
                                && threads > 1
                                && chunk == 0
                                && then.load(Ordering::SeqCst) < more
                            {
                                thread::yield_now();
                            }
                            for (place, item) in items.iter_mut().enumerate() {
                                *item += chunk * length + place;
                            }
                            first.fetch_add(1, Ordering::SeqCst);
                        },
                        &mut others,
                        |place, other| {
                            *other += place;
                            then.fetch_add(1, Ordering::SeqCst);
                        },
                    );
                    assert!(items.into_iter().eq(0..count) && others.into_iter().eq(0..more));
                    assert_eq!(first.into_inner(), count.div_ceil(length));
                    assert_eq!(then.into_inner(), more);
                }
            }
        };
        each(false);
        workers.awake(|| each(true));
    }
}

#[test]
fn a_share_goes_to_the_same_thread_every_time() {
    let workers = Workers::new(3).expect("threads");
    workers.awake(|| {
        // Tasks so long that nobody is done before the others have begun.
        let first = || {
            let first: Vec<_> = (0..3).map(|_| AtomicUsize::new(0)).collect();
            let who = Mutex::new(vec![None; 3]);
            workers.for_each(6, |task| {
                if first[task / 2].fetch_add(1, Ordering::SeqCst) == 0 {
                    who.lock().expect("no panic")[task / 2] = Some(thread::current().id());
                }
                while first.iter().any(|first| first.load(Ordering::SeqCst) == 0) {
                    thread::yield_now();
                }
            });
            who.into_inner().expect("no panic")
        };
        let before = first();
        assert_eq!(before[0], Some(thread::current().id()));
        assert!(before[1] != before[0] && before[2] != before[0] && before[1] != before[2]);
        for _ in 0..50 {
            assert_eq!(first(), before);
        }
        // However long they were left alone.
        thread::sleep(Duration::from_millis(50));
        assert_eq!(first(), before);
    });
}

#[test]
fn who_is_done_helps_the_others() {
    let workers = Workers::new(2).expect("threads");
    workers.awake(|| {
        let done = AtomicUsize::new(0);
        workers.for_each(8, |task| {
            // The first share is held up until all else is done.
            while task == 0 && done.load(Ordering::SeqCst) < 7 {
                thread::yield_now();
            }
            done.fetch_add(1, Ordering::SeqCst);
        });
        assert_eq!(done.into_inner(), 8);
    });
}

#[test]
fn tasks_within_tasks_and_other_threads_tasks_are_done_too() {
    let workers = Workers::new(2).expect("threads");
    let sum = AtomicUsize::new(0);
    let add = |count| {
        workers.for_each(count, |task| {
            sum.fetch_add(task, Ordering::Relaxed);
        });
    };
    workers.awake(|| {
        workers.for_each(4, |_| add(5));
        thread::scope(|scope| {
            scope.spawn(|| add(3));
            workers.awake(|| add(2));
        });
    });
    add(10);
    assert_eq!(sum.into_inner(), 4 * 10 + 3 + 1 + 45);
}

#[test]
fn a_panic_reaches_whoever_asked_after_all_have_done() {
    let workers = Workers::new(3).expect("threads");
    workers.awake(|| {
        for bad in [0, 2, 5] {
            let done = AtomicUsize::new(0);
            let all = || {
                workers.for_each(6, |task| {
                    assert!(task != bad, "a bad task");
                    done.fetch_add(1, Ordering::Relaxed);
                });
            };
            assert!(catch_unwind(AssertUnwindSafe(all)).is_err());
            assert!(done.into_inner() < 6);
        }
    });
    let nothing = catch_unwind(AssertUnwindSafe(|| workers.awake(|| panic!("itself"))));
    assert!(nothing.is_err());
    assert_eq!(workers.map(3, |task| task), [0, 1, 2]);
}
