//! `[analysis.*] kind = "distal-reward"`: one synapse is rewarded seconds after its neurons have spiked one after the other.
//!
//! Izhikevich 2007 Cereb Cortex 17:2443: the network goes on firing between the pair and its reward, and only eligibility remembers the pair.
//! All other synapses are the control: they get the same rewards, for coincidences of their own that nobody asked for.

use rand::RngExt;
use rheobase_core::{Progress, Seed, statistics};
use rheobase_pipeline::{Complaint, Context, Outcome, OutputInfo, Role, StageError};
use rheobase_report::figure::Marks;
use rheobase_spiking::network::NetworkDescription;
use rheobase_spiking::{Simulation, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::draw::{chart, histogram, metric, series};
use super::network::stopped;
use super::state_file::StateFile;
use super::tables;
use crate::kind::{Kind, complaint, failed, main_output};

/// Parameters of `distal-reward`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DistalRewardParameters {
    /// The network; every projection with eligibility gets the rewards.
    pub network: NetworkDescription,
    /// Number of the projection, from 0, that has the synapse.
    #[serde(default)]
    pub projection: usize,
    /// Its presynaptic neuron; the synapse is the one onto the first of its targets.
    #[serde(default)]
    pub source: usize,
    /// A reward follows when the target spikes at most so many ms after the source.
    #[serde(default = "within")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub within_ms: f64,
    /// Shortest and longest time from the pair to the reward in ms, uniform.
    #[serde(default = "later")]
    pub later_ms: [f64; 2],
    /// Size of a reward.
    pub size: f64,
    /// Duration in s.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub duration_s: f64,
}

fn within() -> f64 {
    10.0
}

fn later() -> [f64; 2] {
    [1000.0, 3000.0]
}

/// One rewarded synapse.
pub struct DistalReward;

impl Kind for DistalReward {
    type Parameters = DistalRewardParameters;
    const ROLE: Role = Role::Analysis;
    const KIND: &'static str = "distal-reward";
    const VERSION: u32 = 3;
    const READS_OUTSIDE: bool = true;
    const ABOUT: &'static str = "the distal reward problem: one pair of neurons is rewarded seconds after it fired, among synapses that get the same rewards";
    const OUTPUTS: &'static [OutputInfo] = &[main_output("the rewarded synapse over time")];

    fn check(p: &DistalRewardParameters) -> Vec<Complaint> {
        let mut all = tables::complaints(&p.network);
        if !all.is_empty() {
            return all;
        }
        let count = p.network.projections.len();
        let Some(projection) = p.network.projections.get(p.projection) else {
            let message = format!("there is no projection {}", p.projection);
            all.push(complaint(&["projection"], message, &format!("the network has {count}, counted from 0")));
            return all;
        };
        if projection.plasticity.as_ref().is_none_or(|plasticity| plasticity.reward.is_none()) {
            let message = format!("projection {} has no eligibility", p.projection);
            all.push(complaint(&["projection"], message, "give its plasticity a reward"));
        }
        let longest_ms = projection.delay_ms.most();
        if longest_ms >= p.within_ms {
            let message =
                format!("a spike can take {longest_ms} ms to arrive, and a pair must come within {} ms", p.within_ms);
            let help = "shorten the delays: a spike that arrives after the target's own weakens the synapse";
            all.push(complaint(&["within_ms"], message, help));
        }
        let size = p.network.populations.get(&projection.from).map_or(0, |population| population.size);
        if p.source >= size {
            let message = format!("there is no neuron {} in {}", p.source, projection.from);
            all.push(complaint(&["source"], message, &format!("it has {size} neurons, counted from 0")));
        }
        let [shortest, longest] = p.later_ms;
        if !(p.network.dt_ms <= shortest && shortest <= longest && longest.is_finite()) {
            let message = format!("rewards {shortest} to {longest} ms later");
            all.push(complaint(&["later_ms"], message, "give the shorter time first, at least a step"));
        }
        if !p.size.is_finite() {
            all.push(complaint(&["size"], format!("a reward of {}", p.size), "give a number"));
        }
        all
    }

    fn fingerprint(p: &DistalRewardParameters, _: &rheobase_data::library::Library) -> Result<String, StageError> {
        tables::fingerprint(&p.network)
    }

    fn run(p: &DistalRewardParameters, context: &Context<'_>) -> Result<Outcome, StageError> {
        let mut outcome = Outcome::default();
        let network = tables::read(&p.network)?;
        let experiment = Experiment { parameters: p, network: &network, progress: context.progress };
        let course = experiment.run(&context.seed, StateFile::new(context.scratch.join("course")))?;
        report(&mut outcome, p, &course)?;
        Ok(outcome)
    }
}

struct Experiment<'a> {
    parameters: &'a DistalRewardParameters,
    network: &'a NetworkDescription,
    progress: &'a dyn Progress,
}

/// What became of a network; weights in their range.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Course {
    /// Time in s and weight of the synapse, and mean of all others.
    own: Vec<(f64, f64)>,
    others: Vec<(f64, f64)>,
    /// All but its own, at the end.
    last: Vec<f64>,
    rewards_ms: Vec<f64>,
    spikes: usize,
}

/// Rewards that pairs have earned.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Earned {
    /// Times in ms of those that have not been given.
    to_come: Vec<f64>,
    /// How many were drawn.
    drawn: usize,
    /// Last spike of the source in ms.
    last_source_ms: Option<f64>,
}

/// All that a run goes on from: looks that are over, and the state after them.
type Kept = (usize, Snapshot, Earned, Course);

/// Progress is told of the whole, not of each piece.
struct Piece<'a>(&'a dyn Progress);

impl Progress for Piece<'_> {
    fn step(&self, _: &str, _: usize, _: usize) {}

    fn note(&self, message: &str) {
        self.0.note(message);
    }

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }
}

/// Looks at the weights.
const LOOKS: usize = 100;

impl Experiment<'_> {
    fn run(&self, seed: &Seed, mut file: StateFile) -> Result<Course, StageError> {
        let p = self.parameters;
        let (first, mut simulation, mut earned, mut course) = match file.read::<Kept>(self.progress) {
            Some((over, snapshot, earned, course)) => {
                let simulation = Simulation::resume(self.network, seed, 1, &snapshot).map_err(failed)?;
                (over, simulation, earned, course)
            }
            None => {
                let simulation = Simulation::new(self.network, seed, 1).map_err(failed)?;
                (0, simulation, Earned::default(), Course::default())
            }
        };
        let Some(target) = self.target(&simulation) else {
            let from = &self.network.projections[p.projection].from;
            return Err(StageError::Failed(format!(
                "neuron {} of {from} has no target: choose another source",
                p.source
            )));
        };
        let mut stream = seed.child("rewards").stream();
        let mut later_ms = || stream.random_range(p.later_ms[0]..=p.later_ms[1]);
        (0..earned.drawn).for_each(|_| {
            later_ms();
        });
        let end_ms = 1e3 * p.duration_s;
        for look in first..=LOOKS {
            let until_ms = end_ms * look as f64 / LOOKS as f64;
            // A piece ends before a reward that its own spikes could bring.
            while simulation.time_ms() < until_ms - 0.5 * self.network.dt_ms {
                let next = earned.to_come.iter().copied().fold(until_ms, f64::min);
                let piece_ms = (next - simulation.time_ms()).min(p.later_ms[0]).max(self.network.dt_ms);
                simulation.run_ms(piece_ms, &Piece(self.progress)).map_err(stopped)?;
                let now = simulation.time_ms() + 0.5 * self.network.dt_ms;
                for _ in earned.to_come.extract_if(.., |t| *t <= now) {
                    self.reward(&mut simulation);
                    course.rewards_ms.push(simulation.time_ms());
                }
                for pair_ms in self.pairs(&mut simulation, target, &mut earned, &mut course)? {
                    earned.to_come.push(pair_ms + later_ms());
                    earned.drawn += 1;
                }
            }
            self.look(&simulation, target, &mut course);
            self.progress.step("looks at the weights", look, LOOKS);
            file.keep(|| Ok((look + 1, simulation.snapshot(), &earned, &course))).map_err(StageError::Failed)?;
        }
        Ok(course)
    }

    fn target(&self, simulation: &Simulation) -> Option<u32> {
        let all = simulation.synapses_of(self.parameters.projection);
        all.iter().find(|(source, ..)| *source as usize == self.parameters.source).map(|(_, target, _)| *target)
    }

    fn reward(&self, simulation: &mut Simulation) {
        (0..self.network.projections.len()).for_each(|k| simulation.reward(k, self.parameters.size));
    }

    /// Times in ms of the spikes of the target that came soon enough after one of the source; forgets all spikes.
    fn pairs(
        &self,
        simulation: &mut Simulation,
        target: u32,
        earned: &mut Earned,
        course: &mut Course,
    ) -> Result<Vec<f64>, StageError> {
        let projection = &self.network.projections[self.parameters.projection];
        for name in self.network.populations.keys() {
            course.spikes += simulation.spikes_since(name, 0).map_err(failed)?.len();
        }
        let of = |name: &str, neuron: u32| -> Result<Vec<f64>, StageError> {
            let all = simulation.spikes_since(name, 0).map_err(failed)?;
            Ok(all.iter().filter(|s| s.1 == neuron).map(|s| (s.0 + 1) as f64 * self.network.dt_ms).collect())
        };
        let (before, after) = (of(&projection.from, self.parameters.source as u32)?, of(&projection.to, target)?);
        let mut pairs = Vec::new();
        for time in after {
            let latest = before
                .iter()
                .copied()
                .filter(|t| *t < time)
                .fold(earned.last_source_ms.unwrap_or(f64::NEG_INFINITY), f64::max);
            if time - latest <= self.parameters.within_ms {
                pairs.push(time);
            }
        }
        earned.last_source_ms = before.last().copied().or(earned.last_source_ms);
        simulation.forget_spikes();
        Ok(pairs)
    }

    fn look(&self, simulation: &Simulation, target: u32, course: &mut Course) {
        let (mut own, mut others) = (0.0, Vec::new());
        for (k, projection) in self.network.projections.iter().enumerate() {
            let Some(plasticity) = projection.plasticity.as_ref().filter(|p| p.reward.is_some()) else { continue };
            for (source, to, weight) in simulation.synapses_of(k) {
                let place = (f64::from(weight) - plasticity.least) / (plasticity.most - plasticity.least);
                let parameters = self.parameters;
                if k == parameters.projection && source as usize == parameters.source && to == target {
                    own = place;
                } else {
                    others.push(place);
                }
            }
        }
        let time_s = 1e-3 * simulation.time_ms();
        course.own.push((time_s, own));
        course.others.push((time_s, statistics::mean(&others)));
        course.last = others;
    }
}

fn report(outcome: &mut Outcome, p: &DistalRewardParameters, course: &Course) -> Result<(), StageError> {
    let end = course.own.last().map_or(f64::NAN, |(_, weight)| *weight);
    let weaker = course.last.iter().filter(|w| **w < end).count() as f64 / course.last.len() as f64;
    let others = course.others.last().map_or(f64::NAN, |(_, weight)| *weight);
    let n = (course.last.len(), "other synapses");
    let what = ("weight of the rewarded synapse at the end, in its range", "");
    metric(outcome, "weight", end, what, (1, "synapse"));
    metric(outcome, "weaker", weaker, ("share of other synapses that are weaker at the end", ""), n);
    metric(outcome, "others", others, ("mean weight of the others at the end", ""), n);
    let half_ms = 500.0 * p.duration_s;
    let early = course.rewards_ms.iter().filter(|t| **t < half_ms).count();
    let late = course.rewards_ms.len() - early;
    let per_minute = |count: usize| 60.0 * count as f64 / (0.5 * p.duration_s);
    let n = (course.rewards_ms.len(), "rewards");
    metric(outcome, "early_rewards", per_minute(early), ("rewards a minute in the first half", "1/min"), n);
    metric(outcome, "late_rewards", per_minute(late), ("rewards a minute in the second half", "1/min"), n);
    let neurons: usize = p.network.populations.values().map(|population| population.size).sum();
    let rate_hz = course.spikes as f64 / neurons as f64 / p.duration_s;
    metric(outcome, "rate_hz", rate_hz, ("mean rate of all neurons", "Hz"), (1, "network"));
    let caption = "Weight of the rewarded synapse and mean of all others, in their range.";
    let lines = vec![
        series("rewarded", course.own.clone(), Marks::Line),
        series("all others", course.others.clone(), Marks::Line),
    ];
    chart(outcome, ["synapse", "The rewarded synapse", caption], ["time (s)", "weight / largest"], lines)?;
    let caption = "Weights of all other synapses at the end, and where the rewarded one stands.";
    let shares = histogram(&course.last, [0.0, 1.0], 40);
    let top = shares.iter().map(|s| s.1).fold(0.0, f64::max);
    let lines =
        vec![series("others", shares, Marks::Line), series("rewarded", vec![(end, 0.0), (end, top)], Marks::Line)];
    chart(outcome, ["weights", "Weights at the end", caption], ["weight / largest", "share"], lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::Silent;

    /// Two pairs, one soon enough; another synapse whose neurons never pair.
    fn parameters() -> DistalRewardParameters {
        let text = r#"{ "duration_s": 8, "size": 2.0, "later_ms": [1000, 2000], "network": {
            "populations": {
                "pre": { "size": 2, "neuron": { "kind": "spike-times", "times_ms": [[100, 5000], []] } },
                "post": { "size": 1, "neuron": { "kind": "spike-times", "times_ms": [[107, 5030]] },
                          "receptors": { "in": { "kind": "delta" } } } },
            "projections": [{ "from": "pre", "to": "post", "receptor": "in", "rule": { "kind": "all-to-all" },
                "weight": { "kind": "constant", "value": 0.5 }, "delay_ms": { "kind": "constant", "value": 1 },
                "plasticity": { "rule": { "kind": "stdp", "a_plus": 0.1 }, "most": 1, "reward": { "tau_ms": 1000 } } }] } }"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_pair_within_the_time_is_rewarded_once_and_later() {
        let p = parameters();
        assert!(DistalReward::check(&p).is_empty());
        let folder = tempfile::tempdir().unwrap();
        let run = |seed| {
            let experiment = Experiment { parameters: &p, network: &p.network, progress: &Silent };
            experiment.run(&Seed::root(seed), StateFile::new(folder.path().join("course"))).unwrap()
        };
        let course = run(1);
        let [reward_ms] = course.rewards_ms[..] else { panic!("{:?}", course.rewards_ms) };
        assert!((1107.0..=2107.2).contains(&reward_ms), "{reward_ms}");
        // The pair leaves a trace of .1 exp(-6 / 20), for the spike arrives after 1 ms.
        let trace = 0.1 * (-6.0_f64 / 20.0).exp() * (-(reward_ms - 107.0) / 1000.0).exp();
        let found = course.own.last().unwrap().1 - 0.5;
        // A step of .1 ms is .5 % of 20 ms.
        assert!((found / (2.0 * trace) - 1.0).abs() < 0.01, "{found} {trace}");
        assert_eq!(course.last, [0.5]);
        assert_ne!(run(2).rewards_ms, course.rewards_ms);
        assert_eq!(course.spikes, 4);
    }

    /// Asks to stop after some looks.
    struct Impatient(std::sync::atomic::AtomicUsize);

    impl Progress for Impatient {
        fn step(&self, _: &str, _: usize, _: usize) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }

        fn note(&self, _: &str) {}

        fn cancelled(&self) -> bool {
            self.0.load(std::sync::atomic::Ordering::Relaxed) >= 20
        }
    }

    #[test]
    fn a_stopped_run_goes_on_to_the_same_course() {
        // Stopped every 20 looks: within the trace, between pair and reward, and when nothing is to come.
        let p = parameters();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| StateFile::eager(folder.path().join(name));
        let run = |progress: &dyn Progress, file| {
            Experiment { parameters: &p, network: &p.network, progress }.run(&Seed::root(1), file)
        };
        let straight = run(&Silent, file("straight")).unwrap();
        let mut stops = 0;
        let resumed = loop {
            let impatient = Impatient(0.into());
            match run(&impatient, file("resumed")) {
                Ok(course) => break course,
                Err(StageError::Interrupted) => stops += 1,
                Err(other) => panic!("{other:?}"),
            }
        };
        assert!(stops >= 4, "{stops}");
        assert_eq!(resumed, straight);
    }

    #[test]
    fn what_cannot_be_rewarded_is_refused_at_its_place() {
        let p = parameters();
        let said = |p: &DistalRewardParameters| DistalReward::check(p)[0].message.clone();
        assert!(said(&DistalRewardParameters { projection: 1, ..p.clone() }).contains("no projection 1"));
        assert!(said(&DistalRewardParameters { source: 2, ..p.clone() }).contains("no neuron 2 in pre"));
        assert!(said(&DistalRewardParameters { later_ms: [2.0, 1.0], ..p.clone() }).contains("2 to 1 ms"));
        assert!(said(&DistalRewardParameters { within_ms: 1.0, ..p.clone() }).contains("take 1 ms to arrive"));
        let mut without = p;
        without.network.projections[0].plasticity.as_mut().unwrap().reward = None;
        assert!(said(&without).contains("no eligibility"));
    }
}
