//! A place to walk in, and a rat that walks: speeds and turns are drawn, walls are avoided (Raudies & Hasselmo 2012, PLoS Comput
//! Biol 8:e1002553, as used by Banino et al. 2018 and Sorscher et al. 2019).

use std::f64::consts::{PI, TAU};

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{RandomStream, circular};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, require};

/// The shape of the floor, centred at the origin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arena {
    /// A square.
    Square {
        /// Side in m.
        side_m: f64,
    },
    /// A circle.
    Circle {
        /// Radius in m.
        radius_m: f64,
    },
    /// A regular polygon.
    Polygon {
        /// Corners.
        corners: usize,
        /// Distance from the centre to a corner in m.
        radius_m: f64,
    },
}

impl Arena {
    /// Refuses arenas without floor.
    ///
    /// # Errors
    /// With the size.
    pub fn check(self) -> Result<()> {
        let (size, corners) = match self {
            Self::Square { side_m } => (side_m, 4),
            Self::Circle { radius_m } => (radius_m, 4),
            Self::Polygon { corners, radius_m } => (radius_m, corners),
        };
        require("size of the arena", size, size > 0.1 && size.is_finite(), "above 0.1 m")?;
        require("corners of the arena", corners as f64, corners >= 3, "at least 3")
    }

    /// Half the side of the smallest square, centred at the origin, that holds the arena, in m.
    pub fn half_width_m(self) -> f64 {
        match self {
            Self::Square { side_m } => side_m / 2.0,
            Self::Circle { radius_m } | Self::Polygon { radius_m, .. } => radius_m,
        }
    }

    /// Distance to the nearest wall in m (negative outside) and the direction towards it in rad.
    pub fn wall(self, place: [f64; 2]) -> (f64, f64) {
        let nearest = |walls: usize, first: f64, distance: f64| {
            let mut best = (f64::INFINITY, 0.0);
            for k in 0..walls {
                let angle = first + TAU * k as f64 / walls as f64;
                let gap = distance - (place[0] * angle.cos() + place[1] * angle.sin());
                if gap < best.0 {
                    best = (gap, angle);
                }
            }
            best
        };
        match self {
            Self::Square { side_m } => nearest(4, 0.0, side_m / 2.0),
            Self::Circle { radius_m } => (radius_m - place[0].hypot(place[1]), place[1].atan2(place[0])),
            Self::Polygon { corners, radius_m } => {
                nearest(corners, PI / corners as f64, radius_m * (PI / corners as f64).cos())
            }
        }
    }

    /// A place on the floor, evenly distributed.
    pub fn place(self, stream: &mut RandomStream) -> [f64; 2] {
        let half = self.half_width_m();
        loop {
            let place = [(); 2].map(|()| half * (2.0 * stream.random::<f64>() - 1.0));
            if self.wall(place).0 >= 0.0 {
                return place;
            }
        }
    }
}

/// How the rat moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// Step in s.
    pub dt_s: f64,
    /// Scale of the Rayleigh distribution of speed in m/s.
    pub speed_m_s: f64,
    /// Standard deviation of the turning rate in rad/s.
    pub turn_rad_s: f64,
}

/// Where the rat was and how it moved: lists over steps.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Path {
    /// Where it started, then where it was after each step, in m.
    pub places: Vec<[f64; 2]>,
    /// Direction of its head at the start and after each step, in rad.
    pub headings: Vec<f64>,
    /// Distance of each step in m, along the heading after the turn.
    pub distances: Vec<f64>,
}

/// Distance to the wall at which the rat turns away, in m, and what is left of its speed there.
const WALL: (f64, f64) = (0.03, 0.25);

impl Walk {
    /// A walk of some steps.
    pub fn walk(&self, arena: Arena, steps: usize, stream: &mut RandomStream) -> Path {
        let mut place = arena.place(stream);
        let mut heading = TAU * stream.random::<f64>();
        let mut path = Path { places: vec![place], headings: vec![heading], distances: vec![] };
        for _ in 0..steps {
            let mut speed = self.speed_m_s * (-2.0 * (1.0 - stream.random::<f64>()).ln()).sqrt();
            let normal: f64 = StandardNormal.sample(stream);
            let mut turn = self.turn_rad_s * normal * self.dt_s;
            let (gap, towards) = arena.wall(place);
            let off = circular::difference_rad(heading, towards);
            if gap < WALL.0 && off.abs() < PI / 2.0 {
                // Turn until the wall is at one's side, and a random turn on top.
                turn += off.signum() * (PI / 2.0 - off.abs());
                speed *= WALL.1;
            }
            heading = (heading + turn).rem_euclid(TAU);
            let mut distance = speed * self.dt_s;
            let moved = |d: f64| [place[0] + d * heading.cos(), place[1] + d * heading.sin()];
            // A step through a wall is cut short.
            while arena.wall(moved(distance)).0 < 0.0 && distance > 0.0 {
                distance = if distance > 1e-6 { distance / 2.0 } else { 0.0 };
            }
            place = moved(distance);
            path.places.push(place);
            path.headings.push(heading);
            path.distances.push(distance);
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rheobase_core::Seed;

    #[test]
    fn walks_stay_inside_and_steps_add_up() {
        let arenas = [
            Arena::Square { side_m: 2.2 },
            Arena::Circle { radius_m: 1.0 },
            Arena::Polygon { corners: 3, radius_m: 1.0 },
            Arena::Polygon { corners: 6, radius_m: 1.0 },
        ];
        let walk = Walk { dt_s: 0.02, speed_m_s: 0.13 * TAU, turn_rad_s: 11.52 };
        for (k, arena) in arenas.into_iter().enumerate() {
            let path = walk.walk(arena, 20_000, &mut Seed::root(5).index(k).stream());
            let mut near = 0;
            for t in 0..20_000 {
                let ([x, y], h, d) = (path.places[t], path.headings[t + 1], path.distances[t]);
                let next = path.places[t + 1];
                assert!((x + d * h.cos() - next[0]).abs() + (y + d * h.sin() - next[1]).abs() < 1e-12);
                let gap = arena.wall(next).0;
                assert!(gap >= -1e-12, "{arena:?} {gap}");
                near += usize::from(gap < 0.03);
            }
            // It visits the walls without sticking to them.
            assert!(near > 20 && near < 8_000, "{arena:?} {near}");
        }
    }

    #[test]
    fn places_fill_the_floor() {
        let arena = Arena::Polygon { corners: 6, radius_m: 1.0 };
        let mut stream = Seed::root(2).stream();
        let mean = (0..20_000).map(|_| arena.place(&mut stream)[0].powi(2)).sum::<f64>() / 2e4;
        // Second moment of a regular hexagon about its axis over its area: 5/24 of the squared side; standard error 0.0013.
        assert!((mean - 5.0 / 24.0).abs() < 0.006, "{mean}");
    }
}
