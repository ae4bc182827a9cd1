//! Frequency spectra of one layer of each network.

use super::Group;
use crate::fig2::spectra::{Choice, spectra};
use crate::figure::Drawn;

/// The middle layer of each network: of ten layers the paper's H6.
pub(super) fn draw(group: &Group) -> Drawn {
    let mut notes = Vec::new();
    let mut choices = Vec::new();
    for network in &group.networks {
        let layers = network.layers();
        match layers.get(layers.len() / 2) {
            Some(layer) => choices.push(Choice {
                source: network.name(),
                layer,
                text: if layers.len() > 1 {
                    format!("{}: {}", network.name(), layer.name)
                } else {
                    network.name().to_owned()
                },
                marker: network.marker,
            }),
            None => notes.push(format!("No layers: {}.", network.name())),
        }
    }
    let mut drawn = spectra("Spectra of the middle layers", choices, notes);
    drawn.panel.heading = Some(group.name.to_owned());
    drawn
}
