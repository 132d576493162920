//! Inputs on the tree that they lie on: what precedes a spike, and what units of a surrogate's first layer look at.

use ndarray::{Array2, ArrayView1, Axis};
use rand::seq::SliceRandom;
use rheobase_core::statistics::{mean, variance};
use rheobase_core::{Estimate, NullDistribution, Seed};
use rheobase_dendrite::Cell;
use rheobase_dendrite::morphology::{Palette, pictures_svg};
use rheobase_pipeline::{Outcome, StageError};
use rheobase_surrogate::Surrogate;
use rheobase_surrogate::input_map::{excites, first_layer, share_between};

use crate::kind::failed;

/// Units that are drawn: those whose weights differ most.
const DRAWN: usize = 6;
/// Permutations of synapses over sections.
const PERMUTATIONS: usize = 500;

/// The cell, and where its inputs lie.
pub(super) struct Tree<'a> {
    pub cell: &'a Cell,
    pub places: Vec<usize>,
    pub names: &'a [String],
}

impl Tree<'_> {
    /// Inputs that excite.
    fn excitatory(&self) -> Vec<usize> {
        (0..self.names.len()).filter(|i| excites(&self.names[*i])).collect()
    }

    /// Mean over the synapses of each compartment; none where there is no synapse.
    fn by_compartment(&self, inputs: &[usize], values: ArrayView1<'_, f64>) -> Vec<Option<f64>> {
        let count = self.cell.compartments().len();
        let (mut sums, mut counts) = (vec![0.0; count], vec![0.0; count]);
        for input in inputs {
            sums[self.places[*input]] += values[*input];
            counts[self.places[*input]] += 1.0;
        }
        sums.into_iter().zip(counts).map(|(s, n)| (n > 0.0).then_some(s / n)).collect()
    }

    fn figure(&self, pictures: &[(String, Vec<Option<f64>>)], label: &str) -> Result<String, StageError> {
        let (morphology, compartments) = (self.cell.morphology(), self.cell.compartments());
        pictures_svg(morphology, compartments, pictures, label, Palette::Diverging).map_err(failed)
    }

    /// Spikes before a spike above chance, of excitatory synapses, in neuron and surrogate.
    pub fn report_averages(&self, maps: &[Array2<f64>; 2], outcome: &mut Outcome) -> Result<(), StageError> {
        let excitatory = self.excitatory();
        if excitatory.is_empty() {
            return Ok(());
        }
        let names = ["neuron", "surrogate"];
        let picture = |(name, map): (&str, &Array2<f64>)| {
            (name.to_owned(), self.by_compartment(&excitatory, map.sum_axis(Axis(1)).view()))
        };
        let pictures: Vec<_> = names.into_iter().zip(maps).map(picture).collect();
        let label = "spikes of a synapse before a spike, above chance";
        let caption = "Where input comes from before a spike: excitatory synapses, mean of each compartment.";
        outcome.figure("tree", "Input before a spike, on the tree", caption, self.figure(&pictures, label)?);
        Ok(())
    }

    /// Weights of units of the first layer, and how far they look at single sections.
    pub fn report_first_layer(
        &self,
        surrogate: &Surrogate,
        seed: &Seed,
        outcome: &mut Outcome,
    ) -> Result<(), StageError> {
        let excitatory = self.excitatory();
        let Some(weights) = first_layer(surrogate).filter(|_| excitatory.len() > 1) else { return Ok(()) };
        let taken: Vec<Vec<f64>> =
            weights.outer_iter().map(|unit| excitatory.iter().map(|i| unit[*i]).collect()).collect();
        self.report_locality(&taken, &excitatory, seed, outcome);
        let mut order: Vec<usize> = (0..taken.len()).collect();
        order.sort_by(|a, b| variance(&taken[*b], 0).total_cmp(&variance(&taken[*a], 0)).then(a.cmp(b)));
        let picture = |unit: &usize| {
            let most = taken[*unit].iter().fold(0.0_f64, |most, w| most.max(w.abs())).max(f64::MIN_POSITIVE);
            let relative = weights.row(*unit).mapv(|w| w / most);
            (format!("unit {unit}"), self.by_compartment(&excitatory, relative.view()))
        };
        let pictures: Vec<_> = order.iter().take(DRAWN).map(picture).collect();
        let caption = format!(
            "Weights of excitatory synapses onto {} of {} units of the first layer, summed over lags, mean of each compartment: those \
             whose weights differ most.",
            pictures.len(),
            taken.len()
        );
        let label = "weight, relative to the unit's largest";
        outcome.figure("first_layer", "What the first layer looks at", &caption, self.figure(&pictures, label)?);
        Ok(())
    }

    /// Share of the variance of a unit's weights that lies between sections, against synapses permuted over them.
    fn report_locality(&self, taken: &[Vec<f64>], excitatory: &[usize], seed: &Seed, outcome: &mut Outcome) {
        let compartments = self.cell.compartments().list();
        let mut section_of: Vec<usize> = excitatory.iter().map(|i| compartments[self.places[*i]].section).collect();
        let share = |sections: &[usize]| {
            let each: Vec<f64> = taken.iter().filter_map(|unit| share_between(unit, sections)).collect();
            mean(&each)
        };
        let found = share(&section_of);
        if !found.is_finite() {
            return;
        }
        let mut stream = seed.child("sections").stream();
        let permuted: Vec<f64> = (0..PERMUTATIONS)
            .map(|_| {
                section_of.shuffle(&mut stream);
                share(&section_of)
            })
            .collect();
        let null = NullDistribution::one_sided("synapses permuted over sections", found, &permuted);
        let name = "share of the variance of first-layer weights that lies between sections (eta squared)";
        let p = Estimate::new(null.p, "p-value", "synapses permuted over sections, one-sided", taken.len(), "units");
        let above = Estimate::new(found - null.mean, name, "less its mean for permuted synapses", taken.len(), "units");
        outcome.metric(
            "section_share",
            Estimate::new(found, name, "mean over units", taken.len(), "units").with_null(null),
        );
        outcome.metric("section_share_above_chance", above);
        outcome.metric("section_share_p", p);
    }
}
