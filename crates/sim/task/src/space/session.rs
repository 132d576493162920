//! A recording session whose truth is known: an animal that walks, and cells whose rate is a formula of where it is, where its head
//! points and the phase of its theta rhythm. What an instrument finds in it can be held against what was put in.
//!
//! | cell | rate in Hz |
//! |---|---|
//! | place | peak e^(-d^2 / 2 w^2), d the distance to the centre of its field (O'Keefe & Dostrovsky 1971) |
//! | grid | peak (2/3) (1/3 sum_i cos k_i (x - x0) + 1/2), three waves 60 degrees apart (Solstad, Moser & Einevoll 2006) |
//! | head direction | peak e^(kappa (cos(h - h0) - 1)) (Taube, Muller & Ranck 1990) |
//! | border | peak e^(-d / w), d the distance to one wall (Solstad et al. 2008) |
//!
//! Place cells also prefer a phase of theta, which falls from 360 to 0 degrees while the animal crosses the field from 2 w before its
//! centre to 2 w behind it (O'Keefe & Recce 1993): their rate is multiplied by e^(kappa cos(phase - preferred)) / I0(kappa).

use std::f64::consts::{PI, TAU};

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::special::bessel_i_scaled;
use rheobase_core::{RandomStream, Seed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Arena;
use super::arena::Walk;
use crate::error::{Result, require};

/// Frames of the tracked position in a second.
const FRAMES_PER_S: usize = 50;
/// Steps of the spike generator in a frame: 1 ms each.
const STEPS_PER_FRAME: usize = 20;

/// Where the animal is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Enclosure {
    /// A square floor, centred at the origin, in which it wanders.
    Square {
        /// Side in cm.
        side_cm: f64,
    },
    /// A linear track from 0, on which it runs up and down.
    Track {
        /// Length in cm.
        length_cm: f64,
    },
}

/// How many cells of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CellCounts {
    /// Place cells.
    pub place: usize,
    /// Grid cells (square only).
    pub grid: usize,
    /// Head-direction cells (square only).
    pub head_direction: usize,
    /// Border cells (square only).
    pub border: usize,
}

impl Default for CellCounts {
    fn default() -> Self {
        Self { place: 4, grid: 4, head_direction: 4, border: 0 }
    }
}

/// A session: what the animal does and what its cells are like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Session {
    /// Where the animal is.
    pub enclosure: Enclosure,
    /// How long in s.
    #[schemars(range(min = 1.0, max = 100_000.0))]
    pub duration_s: f64,
    /// Mean speed in cm/s.
    pub speed_cm_s: f64,
    /// How many cells of each kind.
    pub cells: CellCounts,
    /// Largest rate of every cell in Hz, before theta.
    pub peak_hz: f64,
    /// Width w of place fields (standard deviation) and of the bands along walls in cm.
    pub width_cm: f64,
    /// Distance of neighbouring grid fields in cm.
    pub spacing_cm: f64,
    /// Concentration kappa of head-direction cells.
    pub direction_kappa: f64,
    /// Frequency of theta in Hz.
    pub theta_hz: f64,
    /// Concentration kappa with which place cells keep to their phase of theta; 0 for none.
    pub theta_kappa: f64,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            enclosure: Enclosure::Square { side_cm: 100.0 },
            duration_s: 1200.0,
            speed_cm_s: 20.0,
            cells: CellCounts::default(),
            peak_hz: 20.0,
            width_cm: 10.0,
            spacing_cm: 40.0,
            direction_kappa: 4.0,
            theta_hz: 8.0,
            theta_kappa: 1.5,
        }
    }
}

/// What a cell is tuned to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tuning {
    /// Centre of the field in cm.
    Place([f64; 2]),
    /// A point of the grid in cm, and its orientation in rad.
    Grid([f64; 2], f64),
    /// Preferred direction in rad.
    HeadDirection(f64),
    /// Wall by the direction towards it: 0 for the right, then counter-clockwise.
    Border(usize),
}

impl Tuning {
    /// Name of the kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Place(_) => "place",
            Self::Grid(..) => "grid",
            Self::HeadDirection(_) => "head-direction",
            Self::Border(_) => "border",
        }
    }
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Time of each frame in s.
    pub times_s: Vec<f64>,
    /// Place in each frame in cm; the second coordinate is 0 on a track.
    pub places_cm: Vec<[f64; 2]>,
    /// Direction of the head in each frame in rad, [0, 2 pi).
    pub headings_rad: Vec<f64>,
    /// Phase of theta in each frame in rad, not wrapped.
    pub theta_rad: Vec<f64>,
    /// What each cell is tuned to.
    pub cells: Vec<Tuning>,
    /// Spike times of each cell in s.
    pub spikes_s: Vec<Vec<f64>>,
}

impl Session {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// With the number and what would be right.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("duration_s of the session", self.duration_s),
            ("speed_cm_s of the animal", self.speed_cm_s),
            ("peak_hz of the cells", self.peak_hz),
            ("width_cm of the fields", self.width_cm),
            ("spacing_cm of the grids", self.spacing_cm),
            ("theta_hz", self.theta_hz),
        ];
        for (what, value) in positive {
            require(what, value, value > 0.0 && value.is_finite(), "above 0")?;
        }
        require("duration_s of the session", self.duration_s, self.duration_s <= 1e5, "at most 100,000 s")?;
        require("peak_hz of the cells", self.peak_hz, self.peak_hz <= 200.0, "at most 200 Hz")?;
        require("theta_hz", self.theta_hz, self.theta_hz <= 20.0, "at most 20 Hz")?;
        for (what, kappa) in [("direction_kappa", self.direction_kappa), ("theta_kappa", self.theta_kappa)] {
            require(what, kappa, (0.0..=100.0).contains(&kappa), "0 to 100")?;
        }
        let CellCounts { place, grid, head_direction, border } = self.cells;
        let all = place + grid + head_direction + border;
        require("the number of cells", all as f64, (1..=10_000).contains(&all), "1 to 10,000")?;
        match self.enclosure {
            Enclosure::Square { side_cm } => {
                require("side_cm of the square", side_cm, (20.0..=1e4).contains(&side_cm), "20 to 10,000 cm")
            }
            Enclosure::Track { length_cm } => {
                let length = "length_cm of the track";
                require(length, length_cm, (20.0..=1e4).contains(&length_cm), "20 to 10,000 cm")?;
                let flat = all - place;
                require("cells on a track that are no place cells", flat as f64, flat == 0, "0")
            }
        }
    }

    /// Lets the animal walk and the cells fire. A cell's tuning and spikes depend on its number and the seed alone.
    ///
    /// # Errors
    /// If it cannot be, or an item of the seed's stream cannot be drawn.
    pub fn record(&self, seed: &Seed) -> Result<Recorded> {
        self.check()?;
        let frames = (self.duration_s * FRAMES_PER_S as f64).ceil() as usize;
        let (places_cm, headings_rad) = match self.enclosure {
            Enclosure::Square { side_cm } => self.wander(side_cm, frames, &mut seed.child("walk").stream()),
            Enclosure::Track { length_cm } => self.run_up_and_down(length_cm, frames, &mut seed.child("walk").stream()),
        };
        let dt_s = 1.0 / FRAMES_PER_S as f64;
        let mut stream = seed.child("theta").stream();
        let mut phase = 0.0;
        let theta_rad = (0..=frames)
            .map(|_| {
                let now = phase;
                let noise: f64 = StandardNormal.sample(&mut stream);
                // A rhythm that drifts by about a radian in a second, and never goes back.
                phase += (TAU * self.theta_hz * dt_s + dt_s.sqrt() * noise).max(0.0);
                now
            })
            .collect();
        let mut recorded = Recorded {
            times_s: (0..=frames).map(|k| k as f64 * dt_s).collect(),
            places_cm,
            headings_rad,
            theta_rad,
            cells: self.tunings(&seed.child("tuning")),
            spikes_s: vec![],
        };
        recorded.spikes_s = (0..recorded.cells.len())
            .map(|k| self.fire(&recorded, recorded.cells[k], &mut seed.child("spikes").index(k).stream()))
            .collect();
        Ok(recorded)
    }

    fn wander(&self, side_cm: f64, frames: usize, stream: &mut RandomStream) -> (Vec<[f64; 2]>, Vec<f64>) {
        // A Rayleigh distribution of scale s has the mean s sqrt(pi / 2); a rat turns by about 5.76 rad in a second (Raudies & Hasselmo 2012).
        let speed_m_s = self.speed_cm_s / 100.0 / (PI / 2.0).sqrt();
        let walk = Walk { dt_s: 1.0 / FRAMES_PER_S as f64, speed_m_s, turn_rad_s: 11.5 };
        let path = walk.walk(Arena::Square { side_m: side_cm / 100.0 }, frames, stream);
        (path.places.into_iter().map(|place| place.map(|x| 100.0 * x)).collect(), path.headings)
    }

    /// Laps of speeds that differ by up to 30 %, with a rest of a second at either end.
    fn run_up_and_down(&self, length_cm: f64, frames: usize, stream: &mut RandomStream) -> (Vec<[f64; 2]>, Vec<f64>) {
        let dt_s = 1.0 / FRAMES_PER_S as f64;
        let (mut places, mut headings) = (vec![[0.0; 2]], vec![0.0]);
        let (mut at_cm, mut up, mut rest_s) = (0.0, true, 0.0);
        let mut speed = self.speed_cm_s;
        for _ in 0..frames {
            if rest_s > 0.0 {
                rest_s -= dt_s;
            } else {
                at_cm += if up { speed * dt_s } else { -speed * dt_s };
                if at_cm >= length_cm || at_cm <= 0.0 {
                    at_cm = at_cm.clamp(0.0, length_cm);
                    up = at_cm <= 0.0;
                    rest_s = 1.0;
                    speed = self.speed_cm_s * (0.7 + 0.6 * stream.random::<f64>());
                }
            }
            places.push([at_cm, 0.0]);
            headings.push(if up { 0.0 } else { PI });
        }
        (places, headings)
    }

    fn tunings(&self, seed: &Seed) -> Vec<Tuning> {
        let CellCounts { place, grid, head_direction, border } = self.cells;
        let within = |stream: &mut RandomStream| match self.enclosure {
            Enclosure::Square { side_cm } => [(); 2].map(|()| side_cm * 0.8 * (stream.random::<f64>() - 0.5)),
            Enclosure::Track { length_cm } => [length_cm * (0.2 + 0.6 * stream.random::<f64>()), 0.0],
        };
        // Grids of one module share their orientation.
        let orientation = seed.child("orientation").stream().random::<f64>() * PI / 3.0;
        let stream = |kind: &str, k: usize| seed.child(kind).index(k).stream();
        let mut all: Vec<Tuning> = (0..place).map(|k| Tuning::Place(within(&mut stream("place", k)))).collect();
        all.extend((0..grid).map(|k| Tuning::Grid(within(&mut stream("grid", k)), orientation)));
        let direction = |k: usize| TAU * stream("head direction", k).random::<f64>();
        all.extend((0..head_direction).map(|k| Tuning::HeadDirection(direction(k))));
        all.extend((0..border).map(|k| Tuning::Border(k % 4)));
        all
    }

    /// Rate in Hz at a place, a direction of the head and a phase of theta.
    pub fn rate_hz(&self, tuning: Tuning, place_cm: [f64; 2], heading_rad: f64, theta_rad: f64) -> f64 {
        match tuning {
            Tuning::Place(centre) => {
                let off = [place_cm[0] - centre[0], place_cm[1] - centre[1]];
                let squared = (off[0].powi(2) + off[1].powi(2)) / self.width_cm.powi(2);
                // Beyond five widths less than a spike in a day.
                if squared > 25.0 {
                    return 0.0;
                }
                let along_cm = off[0] * heading_rad.cos() + off[1] * heading_rad.sin();
                let preferred = PI * (1.0 - along_cm / (2.0 * self.width_cm));
                let lock = (self.theta_kappa * ((theta_rad - preferred).cos() - 1.0)).exp()
                    / bessel_i_scaled(0, self.theta_kappa);
                self.peak_hz * (-0.5 * squared).exp() * lock
            }
            Tuning::Grid(point, orientation) => {
                let k = 4.0 * PI / (3.0_f64.sqrt() * self.spacing_cm);
                let waves = (0..3).map(|i| {
                    let angle = orientation + PI / 3.0 * f64::from(i);
                    (k * ((place_cm[0] - point[0]) * angle.cos() + (place_cm[1] - point[1]) * angle.sin())).cos()
                });
                self.peak_hz * 2.0 / 3.0 * (waves.sum::<f64>() / 3.0 + 0.5)
            }
            Tuning::HeadDirection(preferred) => {
                self.peak_hz * (self.direction_kappa * ((heading_rad - preferred).cos() - 1.0)).exp()
            }
            Tuning::Border(wall) => {
                let Enclosure::Square { side_cm } = self.enclosure else { return 0.0 };
                let angle = PI / 2.0 * wall as f64;
                let gap_cm = side_cm / 2.0 - (place_cm[0] * angle.cos() + place_cm[1] * angle.sin());
                self.peak_hz * (-gap_cm / self.width_cm).exp()
            }
        }
    }

    /// Poisson spikes in steps of 1 ms, place and phase interpolated between frames.
    fn fire(&self, recorded: &Recorded, tuning: Tuning, stream: &mut RandomStream) -> Vec<f64> {
        let step_s = 1.0 / (FRAMES_PER_S * STEPS_PER_FRAME) as f64;
        let mut times = vec![];
        for frame in 0..recorded.times_s.len() - 1 {
            let (a, b) = (recorded.places_cm[frame], recorded.places_cm[frame + 1]);
            let (from, to) = (recorded.theta_rad[frame], recorded.theta_rad[frame + 1]);
            for step in 0..STEPS_PER_FRAME {
                let share = (step as f64 + 0.5) / STEPS_PER_FRAME as f64;
                let place = [a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])];
                let rate = self.rate_hz(tuning, place, recorded.headings_rad[frame], from + share * (to - from));
                if stream.random::<f64>() < -(-rate * step_s).exp_m1() {
                    times.push(recorded.times_s[frame] + (step as f64 + stream.random::<f64>()) * step_s);
                }
            }
        }
        times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(enclosure: Enclosure, cells: CellCounts) -> Session {
        Session { enclosure, duration_s: 300.0, cells, ..Session::default() }
    }

    #[test]
    fn spikes_are_as_many_as_the_rates_ask_for_and_a_cell_depends_on_its_number_alone() {
        let square = Enclosure::Square { side_cm: 100.0 };
        let few = CellCounts { place: 1, grid: 2, head_direction: 1, border: 1 };
        let session = session(square, few);
        let recorded = session.record(&Seed::root(3)).unwrap();
        for (k, spikes) in recorded.spikes_s.iter().enumerate() {
            let expected: f64 = (0..recorded.times_s.len() - 1)
                .flat_map(|f| (0..20).map(move |s| (f, (f64::from(s) + 0.5) / 20.0)))
                .map(|(f, share)| {
                    let between = |a: f64, b: f64| a + share * (b - a);
                    let (a, b) = (recorded.places_cm[f], recorded.places_cm[f + 1]);
                    let place = [between(a[0], b[0]), between(a[1], b[1])];
                    let theta = between(recorded.theta_rad[f], recorded.theta_rad[f + 1]);
                    0.001 * session.rate_hz(recorded.cells[k], place, recorded.headings_rad[f], theta)
                })
                .sum();
            assert!(
                (spikes.len() as f64 - expected).abs() < 5.0 * expected.sqrt() + 3.0,
                "{k}: {} for {expected}",
                spikes.len()
            );
        }
        let more = Session { cells: CellCounts { grid: 3, ..few }, ..session }.record(&Seed::root(3)).unwrap();
        assert_eq!(more.spikes_s[..3], recorded.spikes_s[..3]);
        assert_eq!(more.cells[4], recorded.cells[3]);
    }

    #[test]
    fn the_animal_stays_inside_and_theta_goes_forward() {
        for enclosure in [Enclosure::Square { side_cm: 80.0 }, Enclosure::Track { length_cm: 120.0 }] {
            let cells = CellCounts { place: 1, grid: 0, head_direction: 0, border: 0 };
            let recorded = session(enclosure, cells).record(&Seed::root(1)).unwrap();
            let inside = |p: &[f64; 2]| match enclosure {
                Enclosure::Square { side_cm } => p.iter().all(|x| x.abs() <= side_cm / 2.0),
                Enclosure::Track { length_cm } => (0.0..=length_cm).contains(&p[0]) && p[1] == 0.0,
            };
            assert!(recorded.places_cm.iter().all(inside));
            assert!(recorded.theta_rad.windows(2).all(|w| w[1] >= w[0]));
            let turns = recorded.theta_rad.last().unwrap() / TAU / 300.0;
            assert!((turns - 8.0).abs() < 0.1, "{turns} Hz");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let track = Enclosure::Track { length_cm: 100.0 };
        let message = session(track, CellCounts::default()).check().unwrap_err().to_string();
        assert!(message.contains("no place cells") && message.contains('8'), "{message}");
        let none = CellCounts { place: 0, grid: 0, head_direction: 0, border: 0 };
        assert!(session(track, none).check().is_err());
    }
}
