//! `resrel limit`: how relevant a sample can be.

use resrel::measure::{Limits, OptimumPoint};
use resrel_report::limit_plot;
use serde_json::{Value, json};

use crate::console::Console;
use crate::failure::Failure;
use crate::plot::PlotFile;
use crate::table;

/// Multipliers shown unless others are asked for: from the steep end over the largest relevance
/// (μ = 0) and Zipf's point (μ = 1) to nearly distinct states.
const MULTIPLIERS: [f64; 9] = [-0.98, -0.9, -0.75, -0.5, 0.0, 0.5, 1.0, 2.0, 3.0];

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
        &MULTIPLIERS[..]
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
    let limits = Limits::of(arguments.m)
        .map_err(|error| Failure::mistake(format!("--m: {error}; give a number among them")))?;
    if let Some(plot) = &arguments.plot {
        plot.save(&limit_plot(arguments.m))?;
    }
    let points: Vec<OptimumPoint> = multipliers
        .iter()
        .filter_map(|&mu| limits.optimum.point(mu))
        .collect();
    let (strict, area) = (&limits.strict, limits.optimum.area());
    let mut text = table::optimum(&points, strict);
    text += &format!(
        "\nM = {}; all are fractions of ln M. H[k] is the Poisson optimum, an ensemble's; the \
         area under its curve is {area:.4}.\nNo sample has H[k] above the strict bound, anywhere \
         above {:.6}, or H[s]+H[k] above {:.6}.",
        arguments.m, strict.max_relevance, strict.max_sum
    );
    let poisson = points.iter().map(|point| {
        let OptimumPoint {
            mu,
            resolution,
            relevance,
        } = point;
        json!({ "mu": mu, "resolution": resolution, "relevance": relevance })
    });
    let value = json!({
        "m": arguments.m,
        "strict": { "max_relevance": strict.max_relevance, "max_sum": strict.max_sum },
        "poisson": poisson.collect::<Vec<Value>>(),
        "area": area,
    });
    console.show(&text, &value)
}
