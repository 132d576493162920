//! Distances along the neurite between any places of a neuron.
//!
//! A skeleton is a graph of the points of the reconstruction and of the places that are asked for, joined by straight pieces of
//! neurite; distances are shortest paths (Dijkstra 1959 Numer Math 1:269). A piece's length is geodesic, in um, or electrotonic, in
//! length constants of its own diameter: lambda = sqrt(d Rm / (4 Ri)) (Rall 1959 Exp Neurol 1:491). A branch begins at its place on the
//! parent.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use ndarray::Array2;
use rheobase_core::parallel;

use crate::error::{POSITIVE, Result, require_range};
use crate::morphology::{Morphology, Section, distance};

/// A place on a section, from 0 to 1 of its length.
pub type Place = (usize, f64);

/// How long a piece of neurite counts as.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Length {
    /// In um.
    Geodesic,
    /// In length constants.
    Electrotonic {
        /// Membrane resistance in ohm cm2.
        rm_ohm_cm2: f64,
        /// Axial resistivity in ohm cm.
        ra_ohm_cm: f64,
    },
}

impl Length {
    fn check(self) -> Result<()> {
        if let Self::Electrotonic { rm_ohm_cm2, ra_ohm_cm } = self {
            require_range("rm_ohm_cm2", rm_ohm_cm2, POSITIVE, 1e12)?;
            require_range("ra_ohm_cm", ra_ohm_cm, POSITIVE, 1e12)?;
        }
        Ok(())
    }

    fn of(self, piece: &Piece) -> f64 {
        match self {
            Self::Geodesic => piece.length_um,
            Self::Electrotonic { rm_ohm_cm2, ra_ohm_cm } => {
                let lambda_cm = (piece.diameter_um * 1e-4 * rm_ohm_cm2 / (4.0 * ra_ohm_cm)).sqrt();
                piece.length_um * 1e-4 / lambda_cm
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    to: usize,
    length_um: f64,
    diameter_um: f64,
}

/// Points of a neuron and the pieces of neurite between them.
#[derive(Debug, Clone)]
pub struct Skeleton {
    /// Pieces that leave each point.
    pieces: Vec<Vec<Piece>>,
    /// The point of each place that was asked for.
    places: Vec<usize>,
}

impl Skeleton {
    /// The graph of a morphology with a point at each of these places.
    ///
    /// # Errors
    /// If a place is on no section, or not from 0 to 1 of it.
    pub fn new(morphology: &Morphology, places: &[Place]) -> Result<Self> {
        let sections = morphology.sections();
        // Arc lengths at which a section has a point: its own points, where others begin, and the places.
        let mut cuts: Vec<Vec<f64>> = sections.iter().map(arc_lengths_um).collect();
        let whole: Vec<f64> = cuts.iter().map(|arc| arc[arc.len() - 1]).collect();
        for &(section, x) in sections.iter().filter_map(|s| s.parent.as_ref()).chain(places) {
            require_range("section of a place", section as f64, 0.0, sections.len() as f64 - 1.0)?;
            require_range(format!("place on section {}", sections[section].name), x, 0.0, 1.0)?;
            cuts[section].push(x * whole[section]);
        }
        let mut first = Vec::with_capacity(sections.len());
        let mut pieces: Vec<Vec<Piece>> = Vec::new();
        for (section, arc) in sections.iter().zip(&mut cuts) {
            arc.sort_by(f64::total_cmp);
            arc.dedup();
            first.push(pieces.len());
            pieces.resize(pieces.len() + arc.len(), vec![]);
            let own = arc_lengths_um(section);
            for (k, pair) in arc.windows(2).enumerate() {
                let diameter_um = diameter_um(section, &own, 0.5 * (pair[0] + pair[1]));
                join(&mut pieces, first[first.len() - 1] + k, 1, pair[1] - pair[0], diameter_um);
            }
        }
        let point = |&(section, x): &Place| {
            let at = x * whole[section];
            first[section] + cuts[section].partition_point(|cut| *cut < at)
        };
        for (section, own) in sections.iter().zip(&first) {
            if let Some(parent) = &section.parent {
                let (parent, diameter_um) = (point(parent), section.axis[0].diameter_um);
                pieces[*own].push(Piece { to: parent, length_um: 0.0, diameter_um });
                pieces[parent].push(Piece { to: *own, length_um: 0.0, diameter_um });
            }
        }
        let places = places.iter().map(point).collect();
        Ok(Self { pieces, places })
    }

    /// Distances from each of the first `rows` places to all places, shape (rows, places), on `threads` threads; symmetric where both are
    /// among the first.
    ///
    /// # Errors
    /// If a resistance is not positive, or there are fewer places.
    pub fn distances(&self, rows: usize, length: Length, threads: usize) -> Result<Array2<f64>> {
        length.check()?;
        require_range("rows of places", rows as f64, 0.0, self.places.len() as f64)?;
        let found = parallel::map(rows, threads, |row| {
            let all = self.shortest_paths(self.places[row], length);
            self.places.iter().map(|&p| all[p]).collect::<Vec<f64>>()
        });
        // A path's lengths are added from its beginning, so the ways there and back differ in the last digits: one of them counts.
        let value = |(a, b): (usize, usize)| if b < a { found[b][a] } else { found[a][b] };
        Ok(Array2::from_shape_fn((rows, self.places.len()), value))
    }

    /// Shortest paths from one point to all.
    fn shortest_paths(&self, start: usize, length: Length) -> Vec<f64> {
        let mut found = vec![f64::INFINITY; self.pieces.len()];
        let mut open = BinaryHeap::from([Reached { distance: 0.0, point: start }]);
        found[start] = 0.0;
        while let Some(Reached { distance, point }) = open.pop() {
            if distance > found[point] {
                continue;
            }
            for piece in &self.pieces[point] {
                let next = distance + length.of(piece);
                if next < found[piece.to] {
                    found[piece.to] = next;
                    open.push(Reached { distance: next, point: piece.to });
                }
            }
        }
        found
    }
}

/// The place of a morphology nearest to a position in um, among its points, and how far away it is in um.
pub fn nearest(morphology: &Morphology, position_um: &[f64; 3]) -> (Place, f64) {
    let mut best = ((0, 0.0), f64::INFINITY);
    for (index, section) in morphology.sections().iter().enumerate() {
        let arc = arc_lengths_um(section);
        for (point, at) in section.axis.iter().zip(&arc) {
            let gap = distance(&point.position_um, position_um);
            if gap < best.1 {
                best = ((index, (at / arc[arc.len() - 1]).min(1.0)), gap);
            }
        }
    }
    best
}

/// A point that was reached; the nearest comes first, of equally near ones that with the lower number.
#[derive(PartialEq)]
struct Reached {
    distance: f64,
    point: usize,
}

impl Eq for Reached {}

impl Ord for Reached {
    fn cmp(&self, other: &Self) -> Ordering {
        other.distance.total_cmp(&self.distance).then(other.point.cmp(&self.point))
    }
}

impl PartialOrd for Reached {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn join(pieces: &mut [Vec<Piece>], point: usize, step: usize, length_um: f64, diameter_um: f64) {
    pieces[point].push(Piece { to: point + step, length_um, diameter_um });
    pieces[point + step].push(Piece { to: point, length_um, diameter_um });
}

/// Path from a section's start to each of its points.
fn arc_lengths_um(section: &Section) -> Vec<f64> {
    let mut arc = vec![0.0];
    for pair in section.axis.windows(2) {
        arc.push(arc[arc.len() - 1] + pair[0].distance_um(&pair[1]));
    }
    arc
}

/// Diameter at a place between a section's points: of truncated cones.
fn diameter_um(section: &Section, arc: &[f64], at_um: f64) -> f64 {
    let after = arc.partition_point(|a| *a <= at_um).clamp(1, arc.len() - 1);
    let (before, span) = (arc[after - 1], arc[after] - arc[after - 1]);
    let share = if span > 0.0 { (at_um - before) / span } else { 0.0 };
    let [from, to] = [after - 1, after].map(|k| section.axis[k].diameter_um);
    from + share * (to - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::morphology::{AxisPoint, Tag, cylinder, rall_tree, star};
    use ndarray::array;
    use rand::RngExt;
    use rheobase_core::Seed;

    fn section(parent: Option<Place>, axis: &[([f64; 3], f64)]) -> Section {
        let axis = axis.iter().map(|&(position_um, diameter_um)| AxisPoint { position_um, diameter_um }).collect();
        Section { name: String::new(), tag: Tag::Dendrite, axis, parent }
    }

    fn between(morphology: &Morphology, places: &[Place], length: Length) -> Array2<f64> {
        Skeleton::new(morphology, places).unwrap().distances(places.len(), length, 2).unwrap()
    }

    #[test]
    fn distances_along_a_cable_and_across_a_star_are_exact() {
        let line = cylinder(100.0, 4.0).unwrap();
        let d = between(&line, &[(0, 0.0), (0, 0.25), (0, 1.0)], Length::Geodesic);
        assert_eq!(d, array![[0.0, 25.0, 100.0], [25.0, 0.0, 75.0], [100.0, 75.0, 0.0]]);
        // lambda = sqrt(4e-4 cm x 10,000 / 400) = .1 cm.
        let electrotonic = Length::Electrotonic { rm_ohm_cm2: 1e4, ra_ohm_cm: 100.0 };
        let x = between(&line, &[(0, 0.0), (0, 1.0)], electrotonic);
        assert!((x[[0, 1]] - 0.1).abs() < 1e-14);
        // Arms of 50 um from the soma's end.
        let two = star(10.0, 2, 50.0, 1.0).unwrap();
        let d = between(&two, &[(1, 0.9), (2, 0.6), (0, 0.5)], Length::Geodesic);
        assert!((d[[0, 1]] - 75.0).abs() < 1e-12 && (d[[0, 2]] - 50.0).abs() < 1e-12, "{d}");
    }

    #[test]
    fn branches_from_the_middle_of_a_bent_and_tapering_section_count_from_there() {
        // 30 um and 40 um around a corner, 4 um wide at first and 2 um at the end; a branch at 21 of 70 um.
        let trunk = section(None, &[([0.0; 3], 4.0), ([30.0, 0.0, 0.0], 4.0), ([30.0, 40.0, 0.0], 2.0)]);
        let branch = section(Some((0, 0.3)), &[([21.0, 0.0, 0.0], 1.0), ([21.0, -12.0, 5.0], 1.0)]);
        let tree = Morphology::new(vec![trunk, branch], vec![]).unwrap();
        let places = [(1, 1.0), (0, 1.0), (0, 0.0)];
        let d = between(&tree, &places, Length::Geodesic);
        assert!((d[[0, 1]] - 62.0).abs() < 1e-12 && (d[[0, 2]] - 34.0).abs() < 1e-12, "{d}");
        let x = between(&tree, &places, Length::Electrotonic { rm_ohm_cm2: 1e4, ra_ohm_cm: 100.0 });
        // Lambda is 500 um times the root of the diameter; the cone counts with its mean diameter.
        let expected = 13.0 / 500.0 + 9.0 / 1000.0 + 40.0 / (500.0 * 3.0_f64.sqrt());
        assert!((x[[0, 1]] - expected).abs() < 1e-14, "{} {expected}", x[[0, 1]]);
    }

    #[test]
    fn a_tree_after_ralls_rule_is_equally_deep_everywhere() {
        let tree = rall_tree(4, 100.0, 4.0, 1.0).unwrap();
        let children = tree.children();
        let tips: Vec<Place> =
            (0..tree.sections().len()).filter(|&i| children[i].is_empty()).map(|i| (i, 1.0)).collect();
        let places = [vec![(0, 0.0)], tips].concat();
        let d = between(&tree, &places, Length::Electrotonic { rm_ohm_cm2: 2e4, ra_ohm_cm: 150.0 });
        let depth = d[[0, 1]];
        assert!(places.len() > 8 && d.row(0).iter().skip(1).all(|x| (x - depth).abs() < 1e-12), "{d}");
    }

    /// Floyd & Warshall on points at both ends of every section and at every branch.
    #[test]
    fn random_trees_agree_with_all_pairs_by_another_algorithm() {
        let mut stream = Seed::root(5).stream();
        for count in [2, 7, 23] {
            let mut sections = vec![section(None, &[([0.0; 3], 1.0), ([17.0, 0.0, 0.0], 1.0)])];
            for index in 1..count {
                let parent = (stream.random_range(0..index), f64::from(stream.random_range(0..=4_u32)) / 4.0);
                let axis = [([0.0; 3], 1.0), ([0.0, f64::from(stream.random_range(1..40_u32)), 0.0], 1.0)];
                sections.push(section(Some(parent), &axis));
            }
            let tree = Morphology::new(sections, vec![]).unwrap();
            // Five points on each section, a quarter apart.
            let places: Vec<Place> = (0..count).flat_map(|s| (0..5).map(move |k| (s, f64::from(k) / 4.0))).collect();
            let mut expected = Array2::from_elem((places.len(), places.len()), f64::INFINITY);
            let mut edge = |a: usize, b: usize, length: f64| {
                expected[[a, b]] = length;
                expected[[b, a]] = length;
            };
            for (index, section) in tree.sections().iter().enumerate() {
                (0..4).for_each(|k| edge(5 * index + k, 5 * index + k + 1, section.length_um() / 4.0));
                if let Some((parent, x)) = section.parent {
                    edge(5 * index, 5 * parent + (4.0 * x) as usize, 0.0);
                }
            }
            for k in 0..places.len() {
                expected[[k, k]] = 0.0;
                for a in 0..places.len() {
                    for b in 0..places.len() {
                        expected[[a, b]] = expected[[a, b]].min(expected[[a, k]] + expected[[k, b]]);
                    }
                }
            }
            let found = between(&tree, &places, Length::Geodesic);
            assert!((&found - &expected).iter().all(|e| e.abs() < 1e-10), "{count}");
            assert_eq!(found, found.t());
            let one = Skeleton::new(&tree, &places).unwrap().distances(places.len(), Length::Geodesic, 1).unwrap();
            assert_eq!(found, one);
        }
    }

    #[test]
    fn positions_go_to_the_nearest_point_and_bad_places_are_refused() {
        let line = cylinder(100.0, 1.0).unwrap();
        let end = line.sections()[0].axis[1].position_um;
        let ((section, x), gap) = nearest(&line, &[end[0], end[1], end[2] + 3.0]);
        assert!(section == 0 && x == 1.0 && (gap - 3.0).abs() < 1e-12);
        for place in [(1, 0.5), (0, 1.5), (0, f64::NAN)] {
            assert!(Skeleton::new(&line, &[place]).is_err(), "{place:?}");
        }
        let zero = Length::Electrotonic { rm_ohm_cm2: 0.0, ra_ohm_cm: 100.0 };
        assert!(Skeleton::new(&line, &[]).unwrap().distances(0, zero, 1).is_err());
    }
}
