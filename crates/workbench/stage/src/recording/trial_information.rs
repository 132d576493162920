//! What the spikes of each unit tell about the condition of a trial: by their number, and by when they come.

use ndarray::Array2;
use rand::seq::{SliceRandom, index};
use rheobase_core::statistics::mean;
use rheobase_core::{Estimate, NullDistribution, Seed, parallel};
use rheobase_data::Table;
use rheobase_data::npy::Array;
use rheobase_pipeline::{Complaint, Context, Input, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::{Bar, Bars, Marks, Matrix, Panel};
use rheobase_spike_train::code::{counts, words};
use rheobase_spike_train::information::{Correction, dense, mutual_information, shuffling_estimator, synergy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::trials::{alternatives, window_complaint, windows};
use crate::draw::{chart, series};
use crate::kind::{Kind, failed, main_output, threads};
use crate::recording::{Recorded, load};

/// Parameters of `trial-information`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialInformationParameters {
    /// The recording.
    pub of: Input<Recorded>,
    /// Column of the trials with the condition.
    pub by: String,
    /// Column of the trials with the time of the event in s.
    #[serde(default = "start")]
    pub align: String,
    /// Window of the spikes in s from the event.
    pub window_s: [f64; 2],
    /// Parts of the window that make a word.
    #[serde(default = "bins")]
    #[schemars(range(min = 1, max = 16))]
    pub bins: usize,
    /// Spikes that are told apart in each part.
    #[serde(default = "most")]
    #[schemars(range(min = 1, max = 50))]
    pub most: usize,
    /// What is done about the bias of few trials.
    #[serde(default)]
    pub correction: CorrectionChoice,
    /// Permutations of the conditions for the tests.
    #[serde(default = "permutations")]
    #[schemars(range(min = 0, max = 100_000))]
    pub permutations: usize,
}

/// What is done about the bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CorrectionChoice {
    /// Nothing.
    PlugIn,
    /// Panzeri & Treves' analytic bias is subtracted.
    #[default]
    PanzeriTreves,
    /// Extrapolation from halves and quarters of the trials (Strong et al. 1998).
    QuadraticExtrapolation,
    /// Entropies by Nemenman, Shafee & Bialek.
    Nsb,
}

impl CorrectionChoice {
    /// The correction by this name.
    pub(super) fn correction(self) -> Correction {
        match self {
            Self::PlugIn => Correction::None,
            Self::PanzeriTreves => Correction::PanzeriTreves,
            Self::QuadraticExtrapolation => Correction::QuadraticExtrapolation,
            Self::Nsb => Correction::Nsb,
        }
    }
}

fn start() -> String {
    "start_time".into()
}
fn bins() -> usize {
    4
}
fn most() -> usize {
    2
}
fn permutations() -> usize {
    99
}

/// Units whose numbers are metrics of their own, and whose pairs are compared.
const TOLD: usize = 12;
/// Random parts of the trials, for the figure of the bias.
const DRAWS: usize = 10;

/// Information of trials.
pub struct TrialInformation;

/// The symbols of one unit in every trial.
struct Coded {
    counts: Vec<usize>,
    words: Vec<Vec<usize>>,
}

/// What one code of one unit tells.
struct Told {
    bits: f64,
    null: Vec<f64>,
}

impl Kind for TrialInformation {
    type Parameters = TrialInformationParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "trial-information";
    const VERSION: u32 = 1;
    const ABOUT: &'static str = "information of every unit's spike count and spike words about the condition, with corrected bias; synergy of pairs";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("information")];

    fn check(p: &TrialInformationParameters) -> Vec<Complaint> {
        window_complaint(p.window_s).into_iter().collect()
    }

    fn run(p: &TrialInformationParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let recording = load(context.input(&p.of)?)?;
        let spans = windows(&recording, &p.align, p.window_s)?;
        let (_, labels) = alternatives(&recording, &p.by)?;
        let units = recording.spikes.units();
        let (mut coded, mut told) = (vec![], vec![]);
        for unit in 0..units {
            if context.progress.cancelled() {
                return Err(StageError::Interrupted);
            }
            let times = recording.spikes.unit(unit);
            let one = Coded {
                counts: counts(times, &spans).map_err(failed)?,
                words: words(times, &spans, p.bins, p.most).map_err(failed)?,
            };
            let seed = context.seed.child("unit").index(unit);
            let by_count = of_code(p, &labels, &one.counts, &seed)?;
            let by_word = of_code(p, &labels, &dense(&one.words), &seed)?;
            told.push([by_count, by_word]);
            coded.push(one);
            context.progress.step("units", unit + 1, units);
        }
        let mut outcome = Outcome::default();
        metrics(p, &told, labels.len(), &mut outcome);
        shuffled(p, &labels, &coded, &context.seed, &mut outcome)?;
        outcome.table("units", estimators(p, &labels, &coded, &context.seed)?);
        bars(p, &told, &mut outcome)?;
        bias_figure(p, &labels, &coded, &told, &context.seed, &mut outcome)?;
        pairs(p, &labels, &coded, &context.seed, &mut outcome)?;
        Ok(outcome)
    }
}

fn of_code(
    p: &TrialInformationParameters,
    labels: &[usize],
    symbols: &[usize],
    seed: &Seed,
) -> Result<Told, StageError> {
    let information =
        |labels: &[usize]| mutual_information(labels, symbols, p.correction.correction(), seed).map_err(failed);
    let null = parallel::try_map(p.permutations, threads(), |draw| {
        let mut permuted = labels.to_vec();
        permuted.shuffle(&mut seed.child("permutation").index(draw).stream());
        information(&permuted)
    })?;
    Ok(Told { bits: information(labels)?, null })
}

const CODES: [(&str, &str); 2] = [("count", "information of the count"), ("word", "information of the word")];

fn metrics(p: &TrialInformationParameters, told: &[[Told; 2]], trials: usize, outcome: &mut Outcome) {
    for (code, (name, what)) in CODES.iter().enumerate() {
        let variant = p.correction.correction().name();
        let constants = |e: Estimate| e.with_constant("bins", p.bins as f64).with_constant("most", p.most as f64);
        for (unit, both) in told.iter().enumerate().take(TOLD) {
            let Told { bits, null } = &both[code];
            let mut estimate = constants(Estimate::new(*bits, what, variant, trials, "trials").with_unit("bit"));
            if !null.is_empty() {
                estimate.null = Some(NullDistribution::one_sided("conditions permuted over trials", *bits, null));
            }
            outcome.metric(&format!("{name}_bits_{unit}"), estimate);
        }
        let all: Vec<f64> = told.iter().map(|both| both[code].bits).collect();
        let average = Estimate::new(mean(&all), &format!("mean {what}"), variant, all.len(), "units");
        outcome.metric(&format!("mean_{name}_bits"), constants(average).with_unit("bit"));
    }
}

/// Words by the shuffling estimator, whose bias is the least where words are many.
fn shuffled(
    p: &TrialInformationParameters,
    labels: &[usize],
    coded: &[Coded],
    seed: &Seed,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    if p.bins < 2 {
        return Ok(());
    }
    for (unit, one) in coded.iter().enumerate().take(TOLD) {
        let bits = shuffling_estimator(labels, &one.words, &seed.child("shuffling").index(unit)).map_err(failed)?;
        let variant = "symbols shuffled between trials of one condition, Montemurro 2007";
        let estimate = Estimate::new(bits, CODES[1].1, variant, labels.len(), "trials").with_unit("bit");
        let estimate = estimate.with_constant("bins", p.bins as f64).with_constant("most", p.most as f64);
        outcome.metric(&format!("word_shuffled_bits_{unit}"), estimate);
    }
    Ok(())
}

/// Every estimator of every unit, side by side.
fn estimators(
    p: &TrialInformationParameters,
    labels: &[usize],
    coded: &[Coded],
    seed: &Seed,
) -> Result<Table, StageError> {
    let mut table = Table::new().with("unit", (0..coded.len()).collect::<Vec<_>>())?;
    let corrections =
        [Correction::None, Correction::PanzeriTreves, Correction::QuadraticExtrapolation, Correction::Nsb];
    for correction in corrections {
        let column = |symbols: &dyn Fn(&Coded) -> Vec<usize>| -> Vec<f64> {
            let bits = |c: &Coded| mutual_information(labels, &symbols(c), correction, seed).unwrap_or(f64::NAN);
            coded.iter().map(bits).collect()
        };
        let name = correction.name().to_lowercase().replace([' ', '-'], "_");
        table = table.with(&format!("count_{name}"), column(&|c| c.counts.clone()))?;
        table = table.with(&format!("word_{name}"), column(&|c| dense(&c.words)))?;
    }
    if p.bins > 1 {
        let bits = |c: &Coded| shuffling_estimator(labels, &c.words, seed).unwrap_or(f64::NAN);
        table = table.with("word_shuffling", coded.iter().map(bits).collect::<Vec<_>>())?;
    }
    Ok(table)
}

fn bars(p: &TrialInformationParameters, told: &[[Told; 2]], outcome: &mut Outcome) -> Result<(), StageError> {
    let mut bars = vec![];
    let mut chance = 0.0_f64;
    for (unit, both) in told.iter().enumerate().take(TOLD) {
        for ((name, _), Told { bits, null }) in CODES.iter().zip(both) {
            bars.push(Bar { name: format!("unit {unit}, {name}"), value: *bits, interval: None, mark: String::new() });
            if !null.is_empty() {
                chance = chance.max(rheobase_core::statistics::quantile(null, 0.95));
            }
        }
    }
    let band = (chance > 0.0).then(|| (0.0, chance, "permuted conditions".into()));
    let figure =
        Bars { title: "information about the condition".into(), label: "information (bit)".into(), bars, band };
    let caption = format!(
        "What the number of spikes and the word of {} parts of {:.0} ms tell about `{}` ({}). The band reaches to the largest 95 % quantile of permuted conditions.",
        p.bins,
        1e3 * (p.window_s[1] - p.window_s[0]) / p.bins as f64,
        p.by,
        p.correction.correction().name(),
    );
    outcome.figure("information", "Information by unit", &caption, figure.svg().map_err(failed)?);
    Ok(())
}

/// Estimates from parts of the trials, of the unit whose words tell most: an unbiased one is level.
fn bias_figure(
    p: &TrialInformationParameters,
    labels: &[usize],
    coded: &[Coded],
    told: &[[Told; 2]],
    seed: &Seed,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let Some(unit) = (0..told.len()).max_by(|a, b| told[*a][1].bits.total_cmp(&told[*b][1].bits)) else {
        return Ok(());
    };
    let trials = labels.len();
    let sizes: Vec<usize> = [8, 4, 2, 1].into_iter().map(|part| trials / part).filter(|n| *n >= 16).collect();
    let symbols = dense(&coded[unit].words);
    let estimate = |name: &str, rows: &[usize], seed: &Seed| -> f64 {
        let labels: Vec<usize> = rows.iter().map(|r| labels[*r]).collect();
        let labels = dense(&labels);
        let own = dense(&rows.iter().map(|r| symbols[*r]).collect::<Vec<_>>());
        let words: Vec<Vec<usize>> = rows.iter().map(|r| coded[unit].words[*r].clone()).collect();
        match name {
            "plug-in" => mutual_information(&labels, &own, Correction::None, seed),
            "Panzeri-Treves" => mutual_information(&labels, &own, Correction::PanzeriTreves, seed),
            "quadratic extrapolation" => mutual_information(&labels, &own, Correction::QuadraticExtrapolation, seed),
            _ => shuffling_estimator(&labels, &words, seed),
        }
        .unwrap_or(f64::NAN)
    };
    let mut lines = vec![];
    for name in ["plug-in", "Panzeri-Treves", "quadratic extrapolation", "shuffling"] {
        let points = sizes.iter().map(|&n| {
            let draws = if n == trials { 1 } else { DRAWS };
            let of_draw = |draw: usize| {
                let seed = seed.child("part").index(n).index(draw);
                let mut rows = index::sample(&mut seed.stream(), trials, n).into_vec();
                rows.sort_unstable();
                estimate(name, &rows, &seed)
            };
            (n as f64, mean(&(0..draws).map(of_draw).collect::<Vec<_>>()))
        });
        lines.push(series(name, points.collect(), Marks::Joined));
    }
    let caption = format!(
        "Information of the words of unit {unit} from random parts of the {trials} trials (means of {DRAWS} parts), by what is done about the bias. Where lines still bend, more trials are needed ({} words at most).",
        (p.most + 1).pow(p.bins as u32)
    );
    chart(outcome, ["bias", "Bias of few trials", &caption], ["trials", "information (bit)"], lines)
}

/// Information of two counts together beyond the sum of each.
fn pairs(
    p: &TrialInformationParameters,
    labels: &[usize],
    coded: &[Coded],
    seed: &Seed,
    outcome: &mut Outcome,
) -> Result<(), StageError> {
    let n = coded.len().min(TOLD);
    if n < 2 {
        return Ok(());
    }
    let mut matrix = Array2::from_elem((n, n), f64::NAN);
    let mut all = vec![];
    for i in 0..n {
        for j in i + 1..n {
            let bits =
                synergy(labels, &coded[i].counts, &coded[j].counts, p.correction.correction(), seed).map_err(failed)?;
            matrix[[i, j]] = bits;
            matrix[[j, i]] = bits;
            all.push(bits);
        }
    }
    let variant = format!("counts, {}; mean over pairs", p.correction.correction().name());
    outcome.metric(
        "mean_synergy_bits",
        Estimate::new(mean(&all), "synergy", &variant, all.len(), "pairs").with_unit("bit"),
    );
    if n > 2 {
        let panels = vec![Panel { name: format!("{n} units"), values: matrix.clone() }];
        let figure = Matrix { title: "synergy of pairs".into(), label: "bit".into(), panels, across: 1, range: None };
        let caption =
            "Information of the counts of two units together beyond the sum of each; below 0 they tell the same.";
        outcome.figure("synergy", "Synergy of pairs", caption, figure.svg().map_err(failed)?);
    }
    outcome.array("synergy_bits", Array::F64(matrix.into_dyn()));
    Ok(())
}
