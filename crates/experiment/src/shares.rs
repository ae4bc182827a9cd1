//! How much of a run is done, over all of its units.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::{Plan, Unit};

/// The share of a run that is done, unit by unit.
#[derive(Debug)]
pub struct Shares {
    weight: f64,
    /// Of each unit that was begun, its share of the whole that is done.
    done: Mutex<BTreeMap<String, f64>>,
}

impl Shares {
    /// Those of a plan, with what is done already in `out`.
    #[must_use]
    pub fn new(plan: &Plan, out: &Path) -> Self {
        let shares = Self {
            weight: plan.units.iter().map(Unit::weight).sum(),
            done: Mutex::default(),
        };
        let status = plan.status(out);
        for unit in &plan.units {
            if status.done.contains(&unit.name) {
                shares.advance(unit, 1.0);
            }
        }
        shares
    }

    /// Notes that a unit has done this share of its own work, 0 … 1, and tells that of the whole.
    pub fn advance(&self, unit: &Unit, done: f64) -> f64 {
        let mut shares = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        shares.insert(unit.name.clone(), done * unit.weight() / self.weight);
        shares.values().sum()
    }

    /// The share of the whole that is done, 0 … 1.
    #[must_use]
    pub fn done(&self) -> f64 {
        let shares = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        shares.values().sum()
    }
}
