//! Line and ring attractors: points that lie side by side along their own slow direction.
//!
//! A point belongs to a manifold if one eigenvalue is within 0.05 of 1 and the right eigenvector of that eigenvalue points along the
//! chain (cosine above 0.9, median over points). A chain whose ends are neighbours is a ring.

use ndarray::{Array1, Array2};

use crate::stability::Linearisation;

/// How far an eigenvalue of a slow direction may be from 1.
pub const SLOW_EIGENVALUE: f64 = 0.05;
/// Least cosine between the slow direction and the chain.
pub const TANGENT_COSINE: f64 = 0.9;
/// Fewest points of a manifold.
pub const FEWEST: usize = 6;

/// The shape of a manifold of one dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// With two ends.
    Line,
    /// Closed.
    Ring,
}

/// A chain of fixed or slow points.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifold {
    /// Shape.
    pub shape: Shape,
    /// Indices of the points in order along the chain.
    pub points: Vec<usize>,
    /// Length of the chain.
    pub length: f64,
    /// Median cosine between slow eigenvector and chain.
    pub tangent_cosine: f64,
    /// Median modulus of the second eigenvalue.
    pub second_modulus: f64,
}

fn slow_direction(linear: &Linearisation) -> Option<Array1<f64>> {
    let one = rheobase_linalg::Complex::new(1.0, 0.0);
    let k = (0..linear.values.len())
        .min_by(|a, b| (linear.values[*a] - one).norm().total_cmp(&(linear.values[*b] - one).norm()))?;
    ((linear.values[k] - one).norm() < SLOW_EIGENVALUE).then(|| linear.right.column(k).mapv(|v| v.re))
}

fn distance(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    if values.is_empty() { f64::NAN } else { values[values.len() / 2] }
}

/// Manifolds among points with their linearisations.
pub fn manifolds(points: &[Array1<f64>], linear: &[Linearisation]) -> Vec<Manifold> {
    let slow: Vec<(usize, Array1<f64>)> =
        linear.iter().enumerate().filter_map(|(k, l)| Some((k, slow_direction(l)?))).collect();
    if slow.len() < FEWEST {
        return vec![];
    }
    let n = slow.len();
    let gaps = Array2::from_shape_fn((n, n), |(a, b)| distance(&points[slow[a].0], &points[slow[b].0]));
    let nearest = |a: usize| (0..n).filter(|b| *b != a).map(|b| gaps[[a, b]]).fold(f64::INFINITY, f64::min);
    let reach = 4.0 * median((0..n).map(nearest).collect());
    let mut free = vec![true; n];
    let mut found = Vec::new();
    for first in 0..n {
        if !free[first] {
            continue;
        }
        let members = component(first, reach, &gaps, &mut free);
        if members.len() >= FEWEST
            && let Some(manifold) = chain(&members, reach, &gaps, points, &slow, linear)
        {
            found.push(manifold);
        }
    }
    found
}

/// Everything within reach of something within reach, and so on.
fn component(first: usize, reach: f64, gaps: &Array2<f64>, free: &mut [bool]) -> Vec<usize> {
    let (mut members, mut open) = (vec![], vec![first]);
    free[first] = false;
    while let Some(a) = open.pop() {
        members.push(a);
        for b in 0..free.len() {
            if free[b] && gaps[[a, b]] <= reach {
                free[b] = false;
                open.push(b);
            }
        }
    }
    members.sort_unstable();
    members
}

fn chain(
    members: &[usize],
    reach: f64,
    gaps: &Array2<f64>,
    points: &[Array1<f64>],
    slow: &[(usize, Array1<f64>)],
    linear: &[Linearisation],
) -> Option<Manifold> {
    // Start at the member that is farthest from another, which on a line is an end, and go from neighbour to neighbour.
    let far = |a: usize| members.iter().map(|b| gaps[[a, *b]]).fold(0.0, f64::max);
    let start = *members.iter().max_by(|a, b| far(**a).total_cmp(&far(**b)))?;
    let (mut order, mut left): (Vec<usize>, Vec<usize>) =
        (vec![start], members.iter().copied().filter(|m| *m != start).collect());
    while !left.is_empty() {
        let last = *order.last()?;
        let k = (0..left.len()).min_by(|a, b| gaps[[last, left[*a]]].total_cmp(&gaps[[last, left[*b]]]))?;
        order.push(left.remove(k));
    }
    let cosines = order.windows(2).map(|pair| {
        let step = &points[slow[pair[1]].0] - &points[slow[pair[0]].0];
        let direction = &slow[pair[0]].1;
        let scale = (step.dot(&step) * direction.dot(direction)).sqrt();
        if scale > 0.0 { (step.dot(direction) / scale).abs() } else { 0.0 }
    });
    let tangent_cosine = median(cosines.collect());
    let length: f64 = order.windows(2).map(|p| gaps[[p[0], p[1]]]).sum();
    let closed = order.len() >= 8 && gaps[[*order.first()?, *order.last()?]] <= reach && length > 4.0 * reach;
    let second = |m: &usize| linear[slow[*m].0].values.iter().nth(1).map_or(0.0, |v| v.norm());
    (tangent_cosine > TANGENT_COSINE).then(|| Manifold {
        shape: if closed { Shape::Ring } else { Shape::Line },
        points: order.iter().map(|m| slow[*m].0).collect(),
        length: if closed { length + gaps[[order[0], order[order.len() - 1]]] } else { length },
        tangent_cosine,
        second_modulus: median(order.iter().map(second).collect()),
    })
}
