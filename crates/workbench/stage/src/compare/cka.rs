//! Linear CKA between all layers of several models.

use ndarray::{Array2, Axis};
use rand::seq::SliceRandom;
use rheobase_core::statistics::jackknife_interval;
use rheobase_core::{Estimate, NullDistribution, Seed};
use rheobase_data::Table;
use rheobase_pipeline::{Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Heatmap;
use rheobase_similarity::{Bias, Error, linear_cka};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::{Dataset, Images, Probed};
use crate::compare::{Population, populations, summed_up};
use crate::kind::{Kind, failed, main_output};

/// Parameters of `cka`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CkaParameters {
    /// The models.
    #[schemars(length(min = 1))]
    pub of: Vec<Input<Probed>>,
    /// What they are shown; held-out images where the data set has them.
    pub stimuli: Input<Dataset>,
    /// Layers that are compared; all by default.
    #[serde(default)]
    pub layers: Vec<String>,
    /// Permutations for the null distribution of each pair.
    #[serde(default = "draws")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
    /// Images shown at a time, for more of them than memory holds: covariances are summed up, so that memory is units x units whatever the
    /// number of images. There are no permutations and intervals then.
    #[serde(default)]
    #[schemars(range(min = 2, max = 1_000_000))]
    pub block: Option<usize>,
}

fn draws() -> usize {
    99
}

/// Linear CKA.
pub struct Cka;

impl Kind for Cka {
    type Parameters = CkaParameters;
    const ROLE: Role = Role::Compare;
    const KIND: &'static str = "cka";
    const VERSION: u32 = 5;
    const ABOUT: &'static str =
        "linear CKA of all pairs of layers, unbiased (Song 2012) with the biased form beside it (Kornblith 2019)";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("similarities")];

    fn run(p: &CkaParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let images = Images::load(context.input(&p.stimuli)?)?;
        let rows = images.held_out();
        if let Some(block) = p.block {
            return streamed(p, &images, &rows, block, context);
        }
        let all = populations(&p.of, &p.layers, &images.stimulus(&rows)?, context)?;
        let count = all.len();
        let mut unbiased = Array2::from_elem((count, count), f64::NAN);
        let mut lines = Lines::default();
        let mut outcome = Outcome::default();
        for a in 0..count {
            for b in a..count {
                if context.progress.cancelled() {
                    return Err(StageError::Interrupted);
                }
                let pair = |bias| linear_cka(all[a].responses.view(), all[b].responses.view(), bias);
                let (value, biased) = match (pair(Bias::Unbiased), pair(Bias::Biased)) {
                    (Ok(value), Ok(biased)) => (value, biased),
                    // A layer that never varies has no similarity; its cells say so.
                    (Err(Error::Constant { .. }), _) | (_, Err(Error::Constant { .. })) => continue,
                    (Err(error), _) | (_, Err(error)) => return Err(failed(error)),
                };
                unbiased[[a, b]] = value;
                unbiased[[b, a]] = value;
                if a == b {
                    continue;
                }
                lines.push(&all[a], &all[b], value, biased);
                // The full card goes to pairs of equal layers of different models: those a reader asks for.
                if all[a].layer == all[b].layer {
                    let estimate = with_card(value, biased, &all[a], &all[b], p.permutations, &context.seed);
                    outcome.metric(&format!("{}~{}.{}", all[a].model, all[b].model, all[a].layer), estimate);
                }
            }
            context.progress.step("layers", a + 1, count);
        }
        outcome.table("pairs", lines.table()?);
        draw(all.iter().map(Population::label).collect(), unbiased, rows.len(), &mut outcome)?;
        Ok(outcome)
    }
}

fn draw(labels: Vec<String>, values: Array2<f64>, images: usize, outcome: &mut Outcome) -> Result<(), StageError> {
    let title = "unbiased linear CKA".into();
    let map = Heatmap { title, rows: labels.clone(), columns: labels, values, range: (0.0, 1.0) };
    let caption = format!(
        "Unbiased linear CKA between layers, n = {images} images; 1 is the same representation up to rotation and scale."
    );
    outcome.figure("cka", "CKA between layers", &caption, map.svg().map_err(failed)?);
    Ok(())
}

/// All pairs of layers from covariances that are summed up block by block.
fn streamed(
    p: &CkaParameters,
    images: &Images,
    rows: &[usize],
    block: usize,
    context: &Context<'_>,
) -> Result<Outcome, StageError> {
    let (all, moments) = summed_up(&p.of, &p.layers, images, rows, block, context)?;
    let count = all.len();
    let mut unbiased = Array2::from_elem((count, count), f64::NAN);
    let mut lines = Lines::default();
    let mut outcome = Outcome::default();
    for ((a, b), own) in &moments {
        let (value, biased) = match (own.cka_unbiased(), own.cka_biased()) {
            (Ok(value), Ok(biased)) => (value, biased),
            // A layer that never varies has no similarity; its cells say so.
            (Err(Error::Constant { .. }), _) | (_, Err(Error::Constant { .. })) => continue,
            (Err(error), _) | (_, Err(error)) => return Err(failed(error)),
        };
        (unbiased[[*a, *b]], unbiased[[*b, *a]]) = (value, value);
        if a == b {
            continue;
        }
        lines.push(&all[*a], &all[*b], value, biased);
        if all[*a].layer == all[*b].layer {
            let variant = format!("unbiased (Song 2012), summed up over blocks of {block} images");
            let estimate = Estimate::new(value, "linear CKA", &variant, rows.len(), "images");
            let key = format!("{}~{}.{}", all[*a].model, all[*b].model, all[*a].layer);
            outcome.metric(&key, estimate.with_constant("biased", biased));
        }
    }
    outcome.table("pairs", lines.table()?);
    draw(all.iter().map(Population::label).collect(), unbiased, rows.len(), &mut outcome)?;
    Ok(outcome)
}

fn with_card(value: f64, biased: f64, a: &Population, b: &Population, draws: usize, seed: &Seed) -> Estimate {
    let n = a.responses.nrows();
    let mut estimate =
        Estimate::new(value, "linear CKA", "unbiased (Song 2012)", n, "images").with_constant("biased", biased);
    let on = |indices: &[usize]| {
        let (x, y) = (a.responses.select(Axis(0), indices), b.responses.select(Axis(0), indices));
        linear_cka(x.view(), y.view(), Bias::Unbiased).ok()
    };
    estimate.interval = jackknife_interval(n, on);
    if draws > 0 {
        let mut null = Vec::with_capacity(draws);
        for draw in 0..draws {
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut seed.child("permutation").index(draw).stream());
            null.extend(
                linear_cka(a.responses.view(), b.responses.select(Axis(0), &order).view(), Bias::Unbiased).ok(),
            );
        }
        estimate.null = Some(NullDistribution::one_sided("images permuted on one side", value, &null));
    }
    estimate
}

#[derive(Default)]
struct Lines {
    left: Vec<String>,
    right: Vec<String>,
    unbiased: Vec<f64>,
    biased: Vec<f64>,
}

impl Lines {
    fn push(&mut self, a: &Population, b: &Population, unbiased: f64, biased: f64) {
        self.left.push(a.label());
        self.right.push(b.label());
        self.unbiased.push(unbiased);
        self.biased.push(biased);
    }

    fn table(self) -> Result<Table, StageError> {
        Ok(Table::new()
            .with("left", self.left)?
            .with("right", self.right)?
            .with("unbiased", self.unbiased)?
            .with("biased", self.biased)?)
    }
}
