//! Drawing the synapses of a projection, one target or one source at a time.

use rand::{Rng, RngExt};
use rand_distr::{Binomial, Distribution as _};
use rheobase_core::{RandomStream, Seed};

use super::{ConnectionRule, Listed, NetworkDescription, Profile, Projection, Space};
use crate::Error;
use crate::error::Result;
use crate::random::{BLOCK, philox_block};

/// Synapses of one neuron; weights and delays only where they are not shared.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    pub others: Vec<u32>,
    pub weights: Vec<f32>,
    pub delays: Vec<u16>,
}

impl Drawn {
    pub fn clear(&mut self) {
        self.others.clear();
        self.weights.clear();
        self.delays.clear();
    }
}

/// A projection ready to be drawn.
pub(crate) struct Wiring {
    projection: Projection,
    dt_ms: f64,
    pub from: usize,
    pub to: usize,
    same: bool,
    seed: Seed,
    key: [u32; 2],
    /// Inputs of each target, where a total is given.
    inputs: Vec<u32>,
    positions: Option<Sheets>,
    /// Listed synapses by target.
    listed: Vec<Listed>,
    /// Targets drawn at once for a source.
    chunk: usize,
}

struct Sheets {
    from: Vec<[f64; 2]>,
    to: Vec<[f64; 2]>,
    period_um: f64,
}

fn positions(space: &Space, size: usize, seed: &Seed) -> Vec<[f64; 2]> {
    if space.grid {
        let side = (size as f64).sqrt().ceil() as usize;
        let at = |i: usize| (i as f64 + 0.5) * space.width_um / side as f64;
        return (0..size).map(|i| [at(i % side), at(i / side)]).collect();
    }
    let mut stream = seed.stream();
    (0..size).map(|_| std::array::from_fn(|_| space.width_um * stream.random::<f64>())).collect()
}

impl Wiring {
    /// `seed` is the network's, `number` that of the projection.
    pub fn new(network: &NetworkDescription, number: usize, seed: &Seed) -> Result<Self> {
        let projection = &network.projections[number];
        let (from_index, from) = network.population(&projection.from)?;
        let (to_index, to) = network.population(&projection.to)?;
        if let ConnectionRule::Table(table) = &projection.rule {
            let path = table.path.display();
            return Err(Error::Description(format!("the table {path} of {} has not been read", projection.name())));
        }
        let own = seed.child("projection").index(number);
        let bits = own.child("pairs").stream().next_u64();
        let sheet = |name: &str, space: &Space, size| positions(space, size, &seed.child("space").child(name));
        let positions = match (&projection.rule, &from.space, &to.space) {
            (ConnectionRule::Distance { .. }, Some(a), Some(b)) => Some(Sheets {
                from: sheet(&projection.from, a, from.size),
                to: sheet(&projection.to, b, to.size),
                period_um: if a.periodic { a.width_um } else { f64::INFINITY },
            }),
            _ => None,
        };
        let mut listed =
            if let ConnectionRule::List { synapses } = &projection.rule { synapses.clone() } else { vec![] };
        listed.sort_by_key(|s| s.to);
        let chunk = match projection.rule {
            // Some 48 synapses each, so that a block of random numbers is mostly used.
            ConnectionRule::FixedProbability { probability, .. } if probability < 1.0 => {
                ((48.0 / probability.max(1e-9)) as usize / BLOCK).max(1) * BLOCK
            }
            _ => usize::MAX,
        };
        Ok(Self {
            dt_ms: network.dt_ms,
            from: from.size,
            to: to.size,
            same: from_index == to_index,
            key: [bits as u32, (bits >> 32) as u32],
            inputs: total_inputs(&projection.rule, to.size, &own),
            seed: own,
            positions,
            listed,
            chunk: chunk.min(to.size),
            projection: projection.clone(),
        })
    }

    pub fn steps(&self, delay_ms: f64) -> u16 {
        ((delay_ms / self.dt_ms).round() as u16).max(1)
    }

    pub fn shared_weight(&self) -> Option<f32> {
        let given = self.listed.iter().any(|s| s.weight.is_some());
        self.projection.weight.constant().filter(|_| !given).map(|w| w as f32)
    }

    pub fn shared_delay(&self) -> Option<u16> {
        let given = self.listed.iter().any(|s| s.delay_ms.is_some());
        self.projection.delay_ms.constant().filter(|_| !given).map(|d| self.steps(d))
    }

    /// Longest delay in steps that can be drawn.
    pub fn longest_delay(&self) -> usize {
        self.shared_delay().unwrap_or_else(|| self.steps(self.projection.delay_ms.most())) as usize
    }

    fn excluded(&self, autapses: bool, own: usize) -> Option<u32> {
        (self.same && !autapses).then_some(own as u32)
    }

    /// Weights and delays of the synapses from `first` on.
    fn draw_values(&self, out: &mut Drawn, first: usize, stream: &mut RandomStream) {
        let n = out.others.len() - first;
        if self.shared_weight().is_none() {
            out.weights.extend((0..n).map(|_| self.projection.weight.draw(stream) as f32));
        }
        if self.shared_delay().is_none() {
            out.delays.extend((0..n).map(|_| self.steps(self.projection.delay_ms.draw(stream))));
        }
    }

    /// Sources of one target.
    pub fn inputs_of(&self, target: usize, out: &mut Drawn) {
        out.clear();
        let mut stream = self.seed.index(target).stream();
        match self.projection.rule {
            ConnectionRule::FixedInDegree { count, autapses, multapses } => {
                distinct(count, self.from, self.excluded(autapses, target), multapses, &mut stream, &mut out.others);
            }
            ConnectionRule::FixedTotal { autapses, .. } => {
                let count = self.inputs[target] as usize;
                distinct(count, self.from, self.excluded(autapses, target), true, &mut stream, &mut out.others);
            }
            ConnectionRule::Distance { peak, profile, scale_um, autapses } => {
                let Some(sheets) = &self.positions else { return };
                let not = self.excluded(autapses, target);
                for source in 0..self.from {
                    let p = peak * sheets.share(source, target, profile, scale_um);
                    if stream.random::<f64>() < p && not != Some(source as u32) {
                        out.others.push(source as u32);
                    }
                }
            }
            ConnectionRule::List { .. } => return self.listed_inputs(target, out, &mut stream),
            _ => {}
        }
        self.draw_values(out, 0, &mut stream);
    }

    fn listed_inputs(&self, target: usize, out: &mut Drawn, stream: &mut RandomStream) {
        let from = self.listed.partition_point(|s| s.to < target);
        for listed in self.listed[from..].iter().take_while(|s| s.to == target) {
            out.others.push(listed.from as u32);
            if self.shared_weight().is_none() {
                out.weights.push(listed.weight.unwrap_or_else(|| self.projection.weight.draw(stream)) as f32);
            }
            if self.shared_delay().is_none() {
                out.delays.push(self.steps(listed.delay_ms.unwrap_or_else(|| self.projection.delay_ms.draw(stream))));
            }
        }
    }

    /// The chunks that hold a range of targets.
    pub fn chunks(&self, range: &std::ops::Range<usize>) -> std::ops::Range<usize> {
        range.start / self.chunk..range.end.div_ceil(self.chunk)
    }

    /// Appends the targets of one source in one chunk, in ascending order, with weights and delays.
    pub fn row_of(&self, source: usize, chunk: usize, out: &mut Drawn) {
        let first = out.others.len();
        let targets = chunk * self.chunk..((chunk + 1) * self.chunk).min(self.to);
        let all = |not: Option<u32>, out: &mut Drawn| {
            out.others.extend((targets.start as u32..targets.end as u32).filter(|t| not != Some(*t)));
        };
        match self.projection.rule {
            ConnectionRule::AllToAll { autapses } => all(self.excluded(autapses, source), out),
            ConnectionRule::OneToOne {} => out.others.push(source as u32),
            ConnectionRule::FixedProbability { probability, autapses } => {
                let not = self.excluded(autapses, source);
                if probability >= 1.0 {
                    all(not, out);
                } else if probability > 0.0 {
                    self.geometric(source, &targets, probability, not, &mut out.others);
                }
            }
            ConnectionRule::FixedOutDegree { count, autapses, multapses } => {
                let mut stream = self.seed.child("targets").index(source).stream();
                let mut drawn = Vec::with_capacity(count);
                distinct(count, self.to, self.excluded(autapses, source), multapses, &mut stream, &mut drawn);
                drawn.sort_unstable();
                out.others.extend(drawn);
            }
            _ => {}
        }
        if self.shared_weight().is_none() || self.shared_delay().is_none() {
            let mut stream = self.seed.child("values").index(source).index(chunk).stream();
            self.draw_values(out, first, &mut stream);
        }
    }

    /// Gaps between connected targets are geometric: floor(ln u / ln(1 - p)).
    fn geometric(&self, source: usize, targets: &std::ops::Range<usize>, p: f64, not: Option<u32>, out: &mut Vec<u32>) {
        let scale = 1.0 / (-p).ln_1p();
        let mut at = targets.start;
        let mut gaps = [0.0; BLOCK];
        for turn in 0_u32.. {
            let bits = philox_block(self.key, turn, (targets.start / BLOCK) as u64, source as u32);
            rheobase_core::vectorised::vectorised(Gaps { bits: &bits, scale, gaps: &mut gaps });
            for gap in gaps {
                if gap >= (targets.end - at) as f64 {
                    return;
                }
                at += gap as usize;
                if not != Some(at as u32) {
                    out.push(at as u32);
                }
                at += 1;
                if at == targets.end {
                    return;
                }
            }
        }
    }
}

struct Gaps<'a> {
    bits: &'a [u32; BLOCK],
    scale: f64,
    gaps: &'a mut [f64; BLOCK],
}

impl rheobase_core::vectorised::Kernel for Gaps<'_> {
    type Output = ();
    #[inline(always)]
    fn run(self) {
        for (gap, bits) in self.gaps.iter_mut().zip(self.bits) {
            let uniform = (f64::from(*bits) + 0.5) / 4_294_967_296.0;
            // Truncation of a positive number is its floor; the use truncates.
            *gap = rheobase_core::math::ln(uniform) * self.scale;
        }
    }
}

impl Sheets {
    fn share(&self, source: usize, target: usize, profile: Profile, scale_um: f64) -> f64 {
        let apart = |k: usize| {
            let d = (self.from[source][k] - self.to[target][k]).abs();
            d.min(self.period_um - d)
        };
        let squared = apart(0).powi(2) + apart(1).powi(2);
        match profile {
            Profile::Gaussian => (-0.5 * squared / scale_um.powi(2)).exp(),
            Profile::Exponential => (-squared.sqrt() / scale_um).exp(),
            Profile::Disc => f64::from(u8::from(squared <= scale_um.powi(2))),
        }
    }
}

/// Random numbers below `size`, without repetition unless that is allowed, and without one of them.
fn distinct(
    count: usize,
    size: usize,
    not: Option<u32>,
    multapses: bool,
    stream: &mut RandomStream,
    out: &mut Vec<u32>,
) {
    // One bit for each number that is taken.
    let mut taken = vec![0_u64; if multapses { 0 } else { size.div_ceil(64) }];
    while out.len() < count {
        let drawn = stream.random_range(0..size as u32);
        if not == Some(drawn) {
            continue;
        }
        if !multapses {
            let (word, bit) = (drawn as usize / 64, 1 << (drawn % 64));
            if taken[word] & bit != 0 {
                continue;
            }
            taken[word] |= bit;
        }
        out.push(drawn);
    }
}

/// How many of a total number each target gets: multinomial, one binomial after the other.
fn total_inputs(rule: &ConnectionRule, to: usize, seed: &Seed) -> Vec<u32> {
    let ConnectionRule::FixedTotal { count, .. } = *rule else { return vec![] };
    let mut stream = seed.child("inputs").stream();
    let mut left = count as u64;
    (0..to)
        .map(|target| {
            let share = 1.0 / (to - target) as f64;
            let drawn =
                if share >= 1.0 { left } else { Binomial::new(left, share).map_or(0, |b| b.sample(&mut stream)) };
            left -= drawn;
            drawn as u32
        })
        .collect()
}
