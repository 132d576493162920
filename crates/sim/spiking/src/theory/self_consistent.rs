//! Rates that reproduce themselves, found along the rate of one population, and whether they last.
//!
//! The rate of one population is held while the others relax; where its own response crosses the rate held is a root. It is stable if
//! the response crosses from above, which is the stability of r' = response - r where the other populations follow at once; whether it is
//! also stable where all follow with the same time constant is found by pushing the rates by 2 %.

use super::ConductanceTheory;

/// A self-consistent state.
#[derive(Debug, Clone, PartialEq)]
pub struct Root {
    /// Rate of each population in Hz, in the order of names.
    pub rates_hz: Vec<f64>,
    /// Whether it lasts if the other populations follow at once.
    pub stable: bool,
    /// Whether it lasts if all populations follow with the same time constant.
    pub stable_together: bool,
}

/// Where to look for roots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Population whose rate is held, in the order of names.
    pub population: usize,
    /// Smallest and largest rate in Hz.
    pub range_hz: [f64; 2],
    /// Rates tried in between, evenly in their logarithm.
    pub points: usize,
}

impl ConductanceTheory<'_> {
    /// The other populations' rates when one is held.
    fn relaxed(&self, held: usize, rate_hz: f64, start: &[f64]) -> Vec<f64> {
        let mut rates = start.to_vec();
        rates[held] = rate_hz;
        for _ in 0..400 {
            let mut moved = 0.0_f64;
            for k in (0..rates.len()).filter(|k| *k != held) {
                let change = 0.1 * (self.response_hz(k, &rates) - rates[k]);
                rates[k] += change;
                moved = moved.max(change.abs() / (1.0 + rates[k]));
            }
            if moved < 1e-9 {
                break;
            }
        }
        rates
    }

    /// Response of the held population minus its rate, with the others relaxed: the curve whose zeros are roots.
    pub fn balance(&self, search: &Search) -> Vec<(f64, Vec<f64>, f64)> {
        let [low, high] = search.range_hz;
        let ratio = (high / low).powf(1.0 / (search.points - 1) as f64);
        let mut start = vec![low; self.populations()];
        (0..search.points)
            .map(|k| {
                let rate = low * ratio.powi(k as i32);
                start = self.relaxed(search.population, rate, &start);
                (rate, start.clone(), self.response_hz(search.population, &start) - rate)
            })
            .collect()
    }

    /// All roots in a range, from the lowest.
    pub fn roots(&self, search: &Search) -> Vec<Root> {
        let curve = self.balance(search);
        let mut roots = Vec::new();
        for pair in curve.windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            if (a.2 > 0.0) == (b.2 > 0.0) {
                continue;
            }
            let (mut low, mut high, mut rates) = (a.0, b.0, a.1.clone());
            for _ in 0..40 {
                let middle = 0.5 * (low + high);
                rates = self.relaxed(search.population, middle, &rates);
                let above = self.response_hz(search.population, &rates) > middle;
                if above == (a.2 > 0.0) { low = middle } else { high = middle }
            }
            roots.push(Root { stable: a.2 > 0.0, stable_together: self.returns(&rates), rates_hz: rates });
        }
        roots
    }

    fn returns(&self, rates_hz: &[f64]) -> bool {
        [0.98, 1.02].iter().all(|push| {
            let mut rates: Vec<f64> = rates_hz.iter().map(|r| r * push).collect();
            for _ in 0..600 {
                let responses: Vec<f64> = (0..rates.len()).map(|k| self.response_hz(k, &rates)).collect();
                rates.iter_mut().zip(responses).for_each(|(r, to)| *r += 0.05 * (to - *r));
            }
            rates.iter().zip(rates_hz).all(|(now, root)| (now / root - 1.0).abs() < 0.01)
        })
    }
}
