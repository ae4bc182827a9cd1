//! A run stopped at any moment goes on, repeats nothing that is done, and ends with the same records.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use resrel_data::{Dataset, digits};
use resrel_experiment::{
    Choice, Outcome, Plan, Recipe, Record, RunEvent, Series, Size, Summary, Verdict, judge,
};
use resrel_kernels::Workers;

fn plan(seed: u64) -> Plan {
    let mut recipe = Recipe::load("fig2").expect("embedded");
    recipe.smoke.layers = Some(vec![784, 20, 10, 5]);
    recipe.smoke.observations = Some(300);
    recipe.smoke.updates = Some(60);
    recipe.smoke.k_means.as_mut().expect("clusterings").k = vec![4, 16];
    let choice = Choice {
        size: Size::Smoke,
        preset: None,
        updates: None,
        realizations: Some(2),
        data: "digits".into(),
        seed,
    };
    recipe.plan(choice).expect("valid")
}

fn data() -> Dataset {
    digits(300, 50, 0, &Workers::single())
}

fn run(plan: &Plan, out: &Path, threads: usize, events: usize) -> Outcome {
    let count = AtomicUsize::new(0);
    plan.run(&data(), out, threads, &|_| {
        if count.fetch_add(1, Ordering::Relaxed) < events {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
    .expect("runs")
}

/// Records without what depends on the clock.
fn timeless(outcome: &Outcome) -> Vec<Record> {
    let records = outcome.records.iter().map(|(record, _)| Record {
        seconds: record
            .seconds
            .keys()
            .map(|phase| (phase.clone(), 0.0))
            .collect(),
        seconds_per_pass: vec![0.0; record.seconds_per_pass.len()],
        ..record.clone()
    });
    records.collect()
}

#[test]
fn a_stopped_run_goes_on_and_ends_with_the_same_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan(1);
    let whole = run(&plan, &folder.path().join("whole"), 1, usize::MAX);
    assert!(whole.failures.is_empty() && !whole.interrupted);
    assert_eq!(whole.records.len(), plan.units.len());
    for (threads, events) in [(1, 30), (2, 60), (3, 45)] {
        let out = folder.path().join(format!("stopped-{events}"));
        let mut starts = 0;
        let end = loop {
            starts += 1;
            let outcome = run(&plan, &out, threads, events);
            if !outcome.interrupted {
                break outcome;
            }
            assert!(starts < 200, "every start must get further");
        };
        assert!(starts > 1, "the run was never stopped");
        assert_eq!(timeless(&end), timeless(&whole));
        let spectra = |outcome: &Outcome| {
            outcome
                .records
                .iter()
                .map(|(_, sidecar)| sidecar.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(spectra(&end), spectra(&whole));
        assert_eq!(plan.status(&out).done.len(), plan.units.len());
        // Everything is done: a further start runs nothing.
        let again = plan.run(&data(), &out, 1, &|event| {
            assert!(matches!(event, RunEvent::Resumed { .. }), "{event:?}");
            ControlFlow::Continue(())
        });
        assert_eq!(again.expect("runs").records, end.records);
    }
}

#[test]
fn a_folder_belongs_to_one_run() {
    let folder = tempfile::tempdir().expect("a folder");
    run(&plan(1), folder.path(), 1, 0);
    let error = plan(2).run(&data(), folder.path(), 1, &|_| ControlFlow::Continue(()));
    let message = error.expect_err("another seed").to_string();
    assert!(
        message.contains("holds another run") && message.contains("--out"),
        "{message}"
    );
    assert_eq!(Plan::load(folder.path()).expect("there"), plan(1));
}

#[test]
fn damaged_and_foreign_records_are_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan(1);
    run(&plan, folder.path(), 2, usize::MAX);
    let path = Record::path(folder.path(), "trained-r00");
    let text = std::fs::read_to_string(&path).expect("a record");
    let refused = |text: &str, word: &str| {
        std::fs::write(&path, text).expect("writable");
        let message = plan.records(folder.path()).expect_err(word).to_string();
        assert!(
            message.contains("trained-r00") && message.contains(word),
            "{message}"
        );
    };
    refused(&text[..text.len() / 2], "delete it");
    refused(
        &text.replacen("\"record_version\": 1", "\"record_version\": 99", 1),
        "version 99",
    );
    refused(
        &text.replacen("\"batch\": 100", "\"batch\": 50", 1),
        "other settings",
    );
}

#[test]
fn a_failed_unit_is_told_and_the_others_go_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut plan = plan(1);
    for unit in &mut plan.units {
        if let resrel_experiment::Task::KMeans(config) = &mut unit.task
            && config.k == 16
        {
            config.max_iterations = 0;
        }
    }
    let outcome = run(&plan, folder.path(), 2, usize::MAX);
    assert_eq!(outcome.failures.len(), 2);
    assert_eq!(outcome.records.len(), plan.units.len() - 2);
    assert!(
        outcome.failures[0]
            .1
            .to_string()
            .contains("max_iterations = 0"),
        "{:?}",
        outcome.failures
    );
}

#[test]
fn data_of_no_use_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out");
    let refused = |plan: &Plan| {
        let go_on = &|_: &RunEvent| ControlFlow::Continue(());
        let error = plan.run(&data(), &out, 1, go_on).expect_err("of no use");
        assert!(!out.exists());
        error.to_string()
    };
    let mut recipe = plan(1).recipe;
    recipe.smoke.k_means.as_mut().expect("clusterings").k = vec![4, 301];
    let choice = plan(1).choice;
    let said = refused(&recipe.clone().plan(choice.clone()).expect("valid"));
    assert!(
        said.contains("k-means-301-r00") && said.contains("at most 300"),
        "{said}"
    );
    recipe.smoke.k_means.as_mut().expect("clusterings").k = vec![4];
    recipe.smoke.layers = Some(vec![20, 5]);
    let said = refused(&recipe.plan(choice).expect("valid"));
    assert!(said.contains("make the first layer 784"), "{said}");
}

#[test]
fn claims_are_judged_from_records() {
    let folder = tempfile::tempdir().expect("a folder");
    let plan = plan(1);
    let outcome = run(&plan, folder.path(), 2, usize::MAX);
    let summary = Summary::new(&outcome.records).expect("records");
    assert_eq!(summary.layers(Series::Trained).len(), 3);
    assert_eq!(summary.realizations(Series::KMeans), 2);
    let judgements = judge(plan.recipe.figure, &summary, &[], &plan.recipe.rules);
    let verdict = |number: &str| {
        judgements
            .iter()
            .find(|j| j.number == number)
            .expect(number)
            .verdict
    };
    // Three layers cannot bear out what is said of H6 and H8; each claim says so.
    for number in ["1b", "6a", "6b", "6c", "2a"] {
        assert_eq!(verdict(number), Verdict::NotJudged, "{number}");
    }
    assert_eq!(
        verdict("1a"),
        Verdict::Holds,
        "a deterministic layer cannot tell more apart"
    );
}
