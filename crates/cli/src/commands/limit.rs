//! `resrel limit`: how relevant a sample can be.

use resrel::measure::LimitPoints;
use resrel_report::limit_plot;

use crate::console::Console;
use crate::failure::Failure;
use crate::plot::PlotFile;
use crate::table;

/// The theoretical curves for M observations: how large the relevance H[k] can be.
///
/// The strict bound (a Lagrangian dual) lies above every sample. The Poisson optimum is that of an
/// ensemble, which samples can exceed; at each multiplier μ it has the slope dH[k]/dH[s] = −μ:
/// μ = 0 has the largest H[k], μ = 1 is Zipf's point. All are fractions of ln M.
///
/// Example: resrel limit --m 60000 --mu 0 1
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Number of observations, 2 to 1000000000000
    #[arg(long, value_name = "M")]
    m: u64,
    /// Points of the Poisson optimum to show, above −1 [default: nine of them]
    #[arg(long, value_name = "X", num_args = 1.., allow_negative_numbers = true)]
    mu: Vec<f64>,
    /// Draw the curves as SVG or PNG
    #[arg(long, value_name = "FILE")]
    plot: Option<PlotFile>,
}

pub fn run(arguments: &Arguments, console: &Console) -> Result<(), Failure> {
    let multipliers = if arguments.mu.is_empty() {
        &LimitPoints::MULTIPLIERS[..]
    } else {
        &arguments.mu
    };
    if let Some(mu) = multipliers
        .iter()
        .find(|mu| !(mu.is_finite() && **mu > -1.0))
    {
        let words = format!("--mu {mu}: give finite numbers above -1");
        return Err(Failure::mistake(words));
    }
    let limits = LimitPoints::of(arguments.m, multipliers)
        .map_err(|error| Failure::mistake(format!("--m: {error}; give a number among them")))?;
    if let Some(plot) = &arguments.plot {
        plot.save(&limit_plot(arguments.m))?;
    }
    let (strict, area) = (&limits.strict, limits.area);
    let mut text = table::optimum(&limits.poisson, strict);
    text += &format!(
        "\nM = {}; all are fractions of ln M. H[k] is the Poisson optimum, an ensemble's; the \
         area under its curve is {area:.4}.\nNo sample has H[k] above the strict bound, anywhere \
         above {:.6}, or H[s]+H[k] above {:.6}.",
        arguments.m, strict.max_relevance, strict.max_sum
    );
    console.show(&text, &limits)
}
