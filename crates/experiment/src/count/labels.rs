//! Labels of any kind, numbered in the order of their first sight.

use std::collections::HashMap;

use resrel_data::{Column, Texts, Values};

/// A label as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Label {
    /// A whole number of 64 bits, with sign or without.
    Number(i128),
    Text(Vec<u8>),
    Missing,
}

/// The labels seen so far.
#[derive(Debug, Default)]
pub(super) struct LabelBook {
    numbers: HashMap<Label, u32>,
    labels: Vec<Label>,
}

impl LabelBook {
    /// Numbers of a column's labels.
    pub fn column(&mut self, column: &Column) -> Vec<u32> {
        let mut numbers: Vec<u32> = match &column.values {
            Values::Integers(values) => self.each(values, |&v| Label::Number(v.into())),
            Values::Unsigned(values) => self.each(values, |&v| Label::Number(v.into())),
            Values::Text(texts) => {
                let texts: Vec<&[u8]> = texts.iter().collect();
                self.each(&texts, |text| Label::Text(text.to_vec()))
            }
            Values::Bits(rows) => {
                let rows: Vec<&[u64]> = (0..rows.rows()).map(|row| rows.row(row)).collect();
                self.each(&rows, |row| Label::Text(bytemuck::cast_slice(row).to_vec()))
            }
        };
        for &row in &column.missing {
            numbers[row] = self.number(Label::Missing);
        }
        numbers
    }

    /// Numbers of labels that are numbers already.
    pub fn numbers(&mut self, labels: &[u32]) -> Vec<u32> {
        self.each(labels, |&label| Label::Number(label.into()))
    }

    fn each<T: PartialEq>(&mut self, values: &[T], label: impl Fn(&T) -> Label) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(values.len());
        for (row, value) in values.iter().enumerate() {
            // Runs of one label are common, and looking it up costs more than comparing.
            let number = match row.checked_sub(1) {
                Some(before) if values[before] == *value => numbers[before],
                _ => self.number(label(value)),
            };
            numbers.push(number);
        }
        numbers
    }

    fn number(&mut self, label: Label) -> u32 {
        if let Some(&number) = self.numbers.get(&label) {
            return number;
        }
        let number = u32::try_from(self.labels.len()).expect("labels fit into memory");
        self.labels.push(label.clone());
        self.numbers.insert(label, number);
        number
    }

    /// The labels of these numbers as a column of one type: whole numbers, or text where a label is
    /// text.
    pub fn restore(&self, numbers: &[u32]) -> Column {
        let labels = || numbers.iter().map(|&number| &self.labels[number as usize]);
        let missing = labels().enumerate();
        let missing = missing.filter(|(_, label)| **label == Label::Missing);
        let missing = missing.map(|(row, _)| row).collect();
        let all_numbers = |fits: fn(i128) -> bool| {
            self.labels.iter().all(|label| match label {
                Label::Number(number) => fits(*number),
                Label::Missing => true,
                Label::Text(_) => false,
            })
        };
        let number = |label: &Label| match label {
            Label::Number(number) => *number,
            Label::Text(_) | Label::Missing => 0,
        };
        let values = if all_numbers(|number| i64::try_from(number).is_ok()) {
            Values::Integers(labels().map(|label| number(label) as i64).collect())
        } else if all_numbers(|number| u64::try_from(number).is_ok()) {
            Values::Unsigned(labels().map(|label| number(label) as u64).collect())
        } else {
            let texts: Texts = labels()
                .map(|label| match label {
                    Label::Number(number) => number.to_string().into_bytes(),
                    Label::Text(text) => text.clone(),
                    Label::Missing => Vec::new(),
                })
                .collect();
            Values::Text(texts)
        };
        Column { values, missing }
    }
}
