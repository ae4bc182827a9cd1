//! Figure S3 of Song, Marsili, Jo, "Resolution and Relevance Trade-offs in Deep Learning": another data set. The
//! planes, spectra, exponents and errors of Figure 2 with the samples and abilities of Figure 3. Its panels are
//! inferred from the text, since the caption is not at hand.

use resrel_experiment::{Record, Sidecar, Summary};

use crate::fig2::{SERIES, exponent, per_layer, plane, spectra};
use crate::fig3::{about, against_beta, samples, shown};
use crate::figure::figure;
use crate::{Artefact, Error};

/// Draws Figure S3 from the records of any number of units.
///
/// Values are means over realizations with their standard errors; samples are of the first.
pub(crate) fn draw(records: &[(Record, Sidecar)]) -> Result<Vec<Artefact>, Error> {
    let summary = Summary::new(records)?;
    let shown = shown(&summary.generated).ok_or(Error::NoRecords)?;
    let mut panels = vec![
        plane::draw(&summary, &SERIES[2..], plane::Bars::Errors),
        spectra::draw(&summary),
        exponent::draw(&summary),
        per_layer::classification_error(&summary),
        against_beta::ability(&summary),
        against_beta::classification_error(&summary),
    ];
    panels.extend(shown.map(samples::draw));
    figure("figS3", "Figure S3: letters", panels, 3, &about(&summary))
}
