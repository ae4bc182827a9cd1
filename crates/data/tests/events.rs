//! Trains of events: good files, and every way in which they can be bad.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use flate2::{Compression, write::GzEncoder};
use resrel_data::{EventColumns, EventTrains, Events, read_events};
use tempfile::TempDir;

/// A file of these bytes in a folder of its own.
fn file(name: &str, bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read(name: &str, bytes: &[u8], columns: &EventColumns) -> EventTrains {
    let (_folder, path) = file(name, bytes);
    read_events(&path, columns).unwrap()
}

/// What is said of a file that is refused, after its path.
fn refused(name: &str, bytes: &[u8], columns: &EventColumns) -> String {
    let (_folder, path) = file(name, bytes);
    let said = read_events(&path, columns).unwrap_err().to_string();
    assert!(!said.contains('\n'), "{said}");
    let rest = said.strip_prefix(&format!("{}: ", path.display()));
    rest.unwrap_or_else(|| panic!("{said} does not name the file"))
        .to_owned()
}

/// Names and times.
fn times(trains: &EventTrains) -> Vec<(&str, &[f64])> {
    let times = trains.trains.iter().map(|train| match &train.events {
        Events::Times(times) => (&*train.name, &times[..]),
        Events::Counts(_) => panic!("{} holds counts", train.name),
    });
    times.collect()
}

fn npy(descr: &str, fortran: bool, shape: &str, values: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(values);
    bytes
}

fn doubles(values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn long() -> EventColumns {
    EventColumns::Long {
        unit: "cell".into(),
        time: "t".into(),
    }
}

#[test]
fn a_line_is_a_time() {
    let text = "# seconds\n 3\r\n-1.5e-3\n#\n7.25\n\n\n";
    let trains = read("spikes.txt", text.as_bytes(), &EventColumns::OnePerUnit);
    assert!(trains.single);
    assert_eq!(times(&trains), [("spikes.txt", &[3.0, -1.5e-3, 7.25][..])]);
}

#[test]
fn a_column_is_a_train() {
    let text = "a, b ,\"c,d\"\n1,4,0\n2,5,\n\n3, ,\n";
    let trains = read("trains.csv", text.as_bytes(), &EventColumns::OnePerUnit);
    assert!(!trains.single);
    let expected: [(&str, &[f64]); 3] =
        [("a", &[1.0, 2.0, 3.0]), ("b", &[4.0, 5.0]), ("c,d", &[0.0])];
    assert_eq!(times(&trains), expected);
    let tabs = text.replace("\"c,d\"", "c").replace(',', "\t");
    let trains = read("trains.tsv", tabs.as_bytes(), &EventColumns::OnePerUnit);
    assert_eq!(times(&trains)[..2], expected[..2]);
    // One column of several.
    let columns = EventColumns::Times("b".into());
    let trains = read("trains.csv", text.as_bytes(), &columns);
    assert!(trains.single);
    assert_eq!(times(&trains), expected[1..2]);
    // A unit without events has its column.
    let trains = read("two.csv", b"a,b\n1,\n2,\n", &EventColumns::OnePerUnit);
    assert_eq!(times(&trains)[1], ("b", &[][..]));
}

#[test]
fn a_row_is_an_event() {
    let text = "t,depth,cell\n0.5,9,N2\n0.25,8,N1\n\n1,9,N2\n";
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    packer.write_all(text.as_bytes()).unwrap();
    for (name, bytes) in [
        ("spikes.csv", text.as_bytes().to_vec()),
        ("spikes.csv.gz", packer.finish().unwrap()),
    ] {
        let trains = read(name, &bytes, &long());
        assert!(!trains.single);
        let expected: [(&str, &[f64]); 2] = [("N2", &[0.5, 1.0]), ("N1", &[0.25])];
        assert_eq!(times(&trains), expected);
    }
}

#[test]
fn an_axis_holds_times_and_two_hold_counts() {
    let all = &EventColumns::OnePerUnit;
    let trains = read(
        "t.npy",
        &npy("<f8", false, "3,", &doubles(&[3.0, 0.5, 2.0])),
        all,
    );
    assert!(trains.single);
    assert_eq!(times(&trains), [("t.npy", &[3.0, 0.5, 2.0][..])]);
    // 1 0 2 / 3 4 0, in both orders.
    for (fortran, values) in [(false, [1, 0, 2, 3, 4, 0]), (true, [1, 3, 0, 4, 2, 0])] {
        let trains = read("counts.npy", &npy("|u1", fortran, "2, 3", &values), all);
        assert!(!trains.single);
        let expected = [("0", vec![1, 0, 2]), ("1", vec![3, 4, 0])];
        for (train, (name, counts)) in trains.trains.iter().zip(expected) {
            assert_eq!(train.name, name);
            assert_eq!(train.events, Events::Counts(counts));
        }
        assert_eq!(trains.trains.len(), 2);
    }
}

#[test]
fn lines_that_are_no_times_are_named() {
    let all = &EventColumns::OnePerUnit;
    for word in ["NaN", "inf", "-Infinity", "1e999", "12:30", "1 2"] {
        let said = refused("spikes.txt", format!("1\n{word}\n").as_bytes(), all);
        let expected = format!(
            "line 2: \"{word}\", expected an event time, a finite number; correct or remove the line"
        );
        assert_eq!(said, expected);
        let said = refused("two.csv", format!("a,b\n1,2\n3,{word}\n").as_bytes(), all);
        assert!(
            said.starts_with(&format!(
                "line 3: \"{word}\" in column \"b\", expected an event time"
            )),
            "{said}"
        );
    }
    for (text, said) in [
        (
            "1\n\n2\n",
            "line 2: \"\", expected an event time: only the last",
        ),
        ("", "holds no event times"),
        ("# nothing\n\n", "holds no event times"),
        ("1\n\0\n", "holds bytes of 0, so it is no text"),
    ] {
        let found = refused("spikes.txt", text.as_bytes(), all);
        assert!(found.starts_with(said), "{found}");
    }
}

#[test]
fn tables_that_are_none_are_refused() {
    let all = EventColumns::OnePerUnit;
    let one = EventColumns::Times("c".into());
    for (text, columns, said) in [
        ("", &all, "holds no event times"),
        ("a,b\n", &all, "holds no event times"),
        ("a,b\n,\n", &all, "holds no event times"),
        (
            "a,b\n1,2\n3\n",
            &all,
            "line 3: 1 fields, the first line has 2",
        ),
        (
            "a,b\n1,2,3\n",
            &all,
            "line 2: 3 fields, the first line has 2",
        ),
        (
            "a,b\n1,\n2,3\n",
            &all,
            "line 2: \"\" in column \"b\", expected an event time: only",
        ),
        (
            "a\n1\n\n2\n",
            &all,
            "line 3: \"\" in column \"a\", expected an event time: only",
        ),
        (
            "0.5,b\n1,2\n",
            &all,
            "header: \"0.5\" is a number, not the name of a unit",
        ),
        (
            ",b\n0,2\n",
            &all,
            "header: column 1 (counted from 1) has no name",
        ),
        ("a,a\n1,2\n", &all, "header: two columns are called \"a\""),
        (
            "a,b\n1,2\n",
            &one,
            "no column \"c\"; choose one of \"a\", \"b\"",
        ),
        ("c,c\n1,2\n", &one, "header: two columns are called \"c\""),
        (
            "a,t\n1,2\n",
            &long(),
            "no column \"cell\"; choose one of \"a\", \"t\"",
        ),
        (
            "cell,time\n1,2\n",
            &long(),
            "no column \"t\"; choose one of \"cell\", \"time\"",
        ),
        (
            "cell,t\n1,\n",
            &long(),
            "line 2: \"\" in column \"t\", expected an event time, a finite",
        ),
        (
            "cell,t\n,1\n",
            &long(),
            "line 2: \"\" in column \"cell\", expected the name of a unit",
        ),
        (
            "cell,t\n1,\"2\n",
            &long(),
            "line 2: a quoted field is not closed",
        ),
    ] {
        let found = refused("trains.csv", text.as_bytes(), columns);
        assert!(found.starts_with(said), "{text:?}: {found}");
    }
}

#[test]
fn arrays_of_other_values_are_refused() {
    let all = &EventColumns::OnePerUnit;
    let two = |values: &[f64]| npy("<f8", false, "2, 2", &doubles(values));
    for (bytes, said) in [
        (
            npy("<f8", false, "2,", &doubles(&[0.0, f64::NAN])),
            "row 1, column 0 (counted from 0) is NaN, not a finite number",
        ),
        (
            npy("<f8", false, "1,", &doubles(&[f64::INFINITY])),
            "row 0, column 0 (counted from 0) is inf, not a finite number",
        ),
        (
            two(&[1.0, 0.0, -1.0, 2.0]),
            "row 1, column 0 (counted from 0) is -1, not a number of events",
        ),
        (
            two(&[1.0, 0.5, 1.0, 2.0]),
            "row 0, column 1 (counted from 0) is 0.5, not a number of events",
        ),
        (
            two(&[1.0, 1.0, 1.0, f64::NAN]),
            "row 1, column 1 (counted from 0) is NaN, not a number of events",
        ),
        (two(&[1e16, 1.0, 1.0, 1.0]), "row 0, column 0"),
        (
            npy("<f8", false, "2, 1", &doubles(&[1.0; 2])),
            "header: shape (2, 1); save event times",
        ),
        (
            npy("<f8", false, "1, 1, 2", &doubles(&[1.0; 2])),
            "header: shape (1, 1, 2); save",
        ),
        (npy("<f8", false, "0,", &[]), "holds no values"),
        (
            npy("<f8", false, "3,", &doubles(&[1.0; 2])),
            "the header claims (3) values",
        ),
        (
            npy("<c16", false, "1,", &[0; 16]),
            "header: values of type <c16",
        ),
    ] {
        let found = refused("array.npy", &bytes, all);
        assert!(found.starts_with(said), "{found}");
    }
}

#[test]
fn columns_are_of_tables() {
    let npy = npy("<f8", false, "1,", &doubles(&[1.0]));
    for (name, bytes, what) in [
        ("a.npy", &npy[..], "an npy file"),
        ("a.txt", b"1\n", "plain text"),
    ] {
        let found = refused(name, bytes, &long());
        assert!(
            found.starts_with(&format!("is {what}, for which --unit means nothing")),
            "{found}"
        );
        let found = refused(name, bytes, &EventColumns::Times("t".into()));
        assert!(
            found.starts_with(&format!("is {what}, for which --time means nothing")),
            "{found}"
        );
    }
}
