//! The critical point in one line.

use super::{Candidate, Critical, Estimate};

impl Critical {
    /// One line without a full stop. `sums` are the layers that have a sum, in their order.
    pub(super) fn in_words(&self, sums: &[(&Candidate, Estimate)]) -> String {
        let layer = called(&self.layer);
        if self.not_told_apart.len() > 1 {
            return self.alike(sums);
        }
        if sums.len() == 1 {
            let beta = self
                .beta_text()
                .map_or(String::new(), |beta| format!("; β = {beta} there"));
            return format!("{layer} alone has H[s]+H[k] to compare{beta}");
        }
        let Some(beta) = self.beta_text() else {
            return format!(
                "{layer} has the largest H[s]+H[k] ({}), but no exponent β; {}",
                text(self.sum, self.sum_stderr, 3),
                self.slope_text()
            );
        };
        let (Some(value), Some(stderr)) = (self.beta, self.beta_stderr) else {
            return format!("{layer} has the largest H[s]+H[k], β = {beta} there");
        };
        if !Estimate::new(Some(value), Some(stderr)).is_some_and(is_one) {
            return format!(
                "{layer} has the largest H[s]+H[k], but β = {beta} there is not 1; {}",
                self.slope_text()
            );
        }
        if self.sum_stderr.is_none() {
            return format!(
                "{layer} is critical (β = {beta}) if no other layer is: H[s]+H[k] has no standard errors"
            );
        }
        format!("{layer} is critical (β = {beta}){}", self.neighbours(sums))
    }

    /// Several layers within the errors.
    fn alike(&self, sums: &[(&Candidate, Estimate)]) -> String {
        let alike = sums
            .iter()
            .filter(|(candidate, _)| self.not_told_apart.contains(&candidate.name));
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (candidate, sum) in alike {
            names.push(called(&candidate.name));
            values.push(text(sum.value, sum.stderr, 3));
        }
        let mut words = format!(
            "{} cannot be told apart (H[s]+H[k] = {})",
            listed(&names),
            listed(&values)
        );
        if let Some(nearest) = &self.nearest_beta {
            words += &format!(
                "; β is nearest 1 at {} ({})",
                called(&nearest.layer),
                text(nearest.beta, nearest.beta_stderr, 2)
            );
        }
        words
    }

    /// The layers before and after, which are not critical.
    fn neighbours(&self, sums: &[(&Candidate, Estimate)]) -> String {
        let place = sums.iter().position(|(layer, _)| layer.name == self.layer);
        let beside = place.into_iter().flat_map(|place| {
            let before = place.checked_sub(1).and_then(|before| sums.get(before));
            before.into_iter().chain(sums.get(place + 1))
        });
        let names: Vec<String> = beside.map(|(layer, _)| called(&layer.name)).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        format!("; {} {verb} not", listed(&names))
    }

    fn slope_text(&self) -> String {
        match (&self.slope, &self.slope_reason) {
            (Some(slope), _) => format!(
                "slope −1 lies between {} and {}",
                called(&slope.from),
                called(&slope.to)
            ),
            (None, reason) => reason.clone().unwrap_or_default(),
        }
    }

    fn beta_text(&self) -> Option<String> {
        Some(text(self.beta?, self.beta_stderr, 2))
    }
}

fn is_one(beta: Estimate) -> bool {
    beta.is_like(Estimate {
        value: 1.0,
        stderr: None,
    })
}

/// A whole number is the name of a clustering: its k.
fn called(name: &str) -> String {
    match name.parse::<u64>() {
        Ok(_) => format!("k = {name}"),
        Err(_) => name.to_owned(),
    }
}

/// A number with its standard error.
fn text(value: f64, stderr: Option<f64>, digits: usize) -> String {
    match stderr {
        Some(stderr) => format!("{value:.digits$} ± {stderr:.digits$}"),
        None => format!("{value:.digits$}"),
    }
}

/// a, b and c.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}
