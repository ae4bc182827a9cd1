use std::ops::ControlFlow;

use resrel_data::{Samples, load};

use super::*;

fn digits(observations: usize) -> Dataset {
    let data = load("digits", None, 0, &Workers::single()).expect("embedded");
    let test = data.test.as_ref().map(|test| test.first(500));
    Dataset {
        train: data.train.first(observations),
        test,
        ..data
    }
}

fn config() -> ClassifierConfig {
    ClassifierConfig {
        hidden: vec![64],
        epochs: 3,
        shift: 1,
        ..ClassifierConfig::default()
    }
}

fn trained(data: &Dataset, config: &ClassifierConfig, threads: usize) -> Classifier {
    let workers = Workers::new(threads).expect("threads");
    let classifier = Classifier::train(data, config, &workers, &mut |_| ControlFlow::Continue(()));
    classifier
        .expect("labelled data")
        .expect("nobody stopped it")
}

#[test]
fn it_learns_digits_and_is_the_same_on_two_threads() {
    let data = digits(4_000);
    let classifier = trained(&data, &config(), 1);
    let error = classifier.test_error();
    assert!(error < 0.2, "{error}");
    assert_eq!(classifier, trained(&data, &config(), 2));
    let other = ClassifierConfig {
        seed: 2,
        ..config()
    };
    assert_ne!(classifier, trained(&data, &other, 1));
    let test = data.test.as_ref().expect("test data");
    let classified = classifier
        .classify(test.values.view())
        .expect("images of the size");
    let labels = test.labels.as_ref().expect("labels");
    let wrong = labels
        .iter()
        .zip(&classified.labels)
        .filter(|(a, b)| a != b)
        .count();
    assert!((wrong as f64 / labels.len() as f64 - error).abs() < 1e-12);
    assert_eq!(classified.features.dim(), (500, 64));
    assert!(
        classified
            .confidence
            .iter()
            .all(|p| (0.1..=1.0).contains(p))
    );
    // One image alone has the label that it has among others.
    let one = classifier
        .classify(test.values.slice(s![7..8, ..]))
        .expect("an image");
    assert_eq!(one.labels, classified.labels[7..8]);
}

#[test]
fn without_test_data_some_are_held_out() {
    let data = Dataset {
        test: None,
        ..digits(1_200)
    };
    let error = trained(&data, &config(), 1).test_error();
    assert!(error > 0.0 && error < 0.6, "{error}");
    // Errors of 200 observations.
    assert!((error * 200.0 - (error * 200.0).round()).abs() < 1e-9);
}

#[test]
fn files_bring_back_the_same_and_damage_is_found() {
    let classifier = trained(&digits(300), &config(), 1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("classifier.safetensors");
    classifier.save(&path).expect("written");
    assert_eq!(Classifier::load(&path).expect("read"), classifier);
    let whole = std::fs::read(&path).expect("read");
    let step = whole.len() / 50;
    for place in (0..whole.len()).step_by(step) {
        let mut damaged = whole.clone();
        damaged[place] ^= 0x20;
        std::fs::write(&path, &damaged).expect("written");
        match Classifier::load(&path) {
            Err(Error::Format { .. }) => {}
            // A letter's case in the name of the data is no damage to the classifier.
            Ok(read) => assert_eq!(read.layers, classifier.layers),
            Err(other) => panic!("{other}"),
        }
        std::fs::write(&path, &whole[..place]).expect("written");
        let error = Classifier::load(&path).expect_err("cut short").to_string();
        assert!(
            error.contains("classifier.safetensors: no classifier"),
            "{error}"
        );
    }
    let missing = Classifier::load(&folder.path().join("nothing"));
    assert!(matches!(missing, Err(Error::File { .. })));
}

#[test]
fn what_cannot_be_learnt_or_labelled_is_refused() {
    let data = digits(300);
    let refused = |data: &Dataset, config: &ClassifierConfig| {
        let trained = Classifier::train(data, config, &Workers::single(), &mut |_| {
            ControlFlow::Continue(())
        });
        trained.expect_err("refused").to_string()
    };
    let unlabelled = Dataset {
        train: Samples {
            labels: None,
            ..data.train.clone()
        },
        ..data.clone()
    };
    assert!(refused(&unlabelled, &config()).contains("has no labels"));
    let alike = Dataset {
        train: Samples {
            labels: Some(vec![3; 300]),
            ..data.train.clone()
        },
        ..data.clone()
    };
    assert!(refused(&alike, &config()).contains("one label alone"));
    for wrong in [
        ClassifierConfig {
            hidden: vec![],
            ..config()
        },
        ClassifierConfig {
            batch: 0,
            ..config()
        },
        ClassifierConfig {
            epochs: 0,
            ..config()
        },
        ClassifierConfig {
            learning_rate: f64::NAN,
            ..config()
        },
    ] {
        assert!(refused(&data, &wrong).contains(": give "));
    }
    let classifier = trained(&data, &config(), 1);
    let error = classifier
        .classify(Array2::zeros((1, 12)).view())
        .expect_err("too small");
    assert!(error.to_string().contains("784"), "{error}");
}

#[test]
fn who_watches_can_stop_it() {
    let mut shares = Vec::new();
    let stopped = Classifier::train(&digits(600), &config(), &Workers::single(), &mut |done| {
        shares.push(done);
        if done > 0.5 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(stopped.expect("no error"), None);
    assert!(shares.len() > 3 && shares.is_sorted());
}
