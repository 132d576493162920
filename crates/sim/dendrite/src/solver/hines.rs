//! Hines elimination (Hines 1984): a tree is solved like a tridiagonal system, from the tips to the root and back.
//!
//! For every node i with parent p and coupling a: f = a / d_i, d_p -= f a, r_p += f r_i; then, outwards,
//! v_i = r_i / d_i + f v_p. Only one division per node: 1 / d_i = f / a. Several lanes hold the same tree with other
//! numbers; a lane's result does not depend on how many there are.

use super::CableTree;
use crate::vectorised::{Kernel, vectorised};

/// Buffers of the elimination.
#[derive(Debug, Clone)]
pub struct Elimination {
    lanes: usize,
    /// Whether the tree is an unbranched cable: two chains from the centre, every parent two places before its child.
    is_cable: bool,
    parent: Vec<u32>,
    axial: Vec<f64>,
    inverse_axial: Vec<f64>,
    /// Diagonal on entry; ratios f on return. Shape (nodes, lanes), as all arrays of this type.
    pub diagonal: Vec<f64>,
    /// Right-hand side on entry, solution on return.
    pub right: Vec<f64>,
    inverse: Vec<f64>,
}

impl Elimination {
    /// For a tree and a number of lanes.
    pub fn new(tree: &CableTree, lanes: usize) -> Self {
        let size = tree.len() * lanes;
        let is_cable = tree.len() > 4 && (1..tree.len()).all(|i| tree.parent[i] as usize == i.saturating_sub(2));
        Self {
            lanes,
            is_cable,
            parent: tree.parent.clone(),
            axial: tree.axial_us.clone(),
            inverse_axial: tree.axial_us.iter().map(|a| if *a > 0.0 { 1.0 / a } else { 0.0 }).collect(),
            diagonal: vec![1.0; size],
            right: vec![0.0; size],
            inverse: vec![0.0; size],
        }
    }

    /// Eliminates and substitutes: `right` becomes the solution.
    pub fn solve(&mut self) {
        match self.lanes {
            1 => vectorised(Solve::<1>(self)),
            2 => vectorised(Solve::<2>(self)),
            4 => vectorised(Solve::<4>(self)),
            8 => vectorised(Solve::<8>(self)),
            16 => vectorised(Solve::<16>(self)),
            other => unreachable!("lanes are checked when a simulation is built: {other}"),
        }
    }

    /// The factors of the last [`Elimination::solve`], for further right-hand sides of the same matrix.
    pub fn factors(&self) -> (&[u32], &[f64], &[f64]) {
        (&self.parent, &self.diagonal, &self.inverse)
    }
}

/// Numbers of lanes that are compiled.
pub const LANES: [usize; 5] = [1, 2, 4, 8, 16];

struct Solve<'a, const L: usize>(&'a mut Elimination);

impl<const L: usize> Kernel for Solve<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Elimination { is_cable, parent, axial, inverse_axial, diagonal, right, inverse, .. } = self.0;
        let nodes = parent.len();
        let (d, r, inv) = (
            &mut diagonal.as_chunks_mut::<L>().0[..nodes],
            &mut right.as_chunks_mut::<L>().0[..nodes],
            &mut inverse.as_chunks_mut::<L>().0[..nodes],
        );
        let (parent, axial, inverse_axial) = (&parent[..nodes], &axial[..nodes], &inverse_axial[..nodes]);
        if *is_cable {
            return solve_cable(axial, d, r, inv);
        }
        for i in (1..nodes).rev() {
            let p = parent[i] as usize;
            let a = axial[i];
            let (di, ri) = (d[i], r[i]);
            let (mut dp, mut rp, mut f, mut inverse) = (d[p], r[p], [0.0; L], [0.0; L]);
            for l in 0..L {
                f[l] = a / di[l];
                dp[l] = (-f[l]).mul_add(a, dp[l]);
                rp[l] = f[l].mul_add(ri[l], rp[l]);
                inverse[l] = f[l] * inverse_axial[i];
            }
            d[p] = dp;
            r[p] = rp;
            d[i] = f;
            inv[i] = inverse;
        }
        for l in 0..L {
            inv[0][l] = 1.0 / d[0][l];
            r[0][l] *= inv[0][l];
            d[0][l] = 0.0;
        }
        for i in 1..nodes {
            let vp = r[parent[i] as usize];
            let mut v = r[i];
            for l in 0..L {
                v[l] = d[i][l].mul_add(vp[l], v[l] * inv[i][l]);
            }
            r[i] = v;
        }
    }
}

/// An unbranched cable, whose two halves are worked on side by side, two nodes of each at a time.
///
/// Eliminating node 0 and then node 1 of a chain gives d_2 = D_2 - a_1^2 d_0 / (D_1 d_0 - a_0^2): one division deep for two
/// nodes, where one after the other would be two deep.
#[inline(always)]
fn solve_cable<const L: usize>(axial: &[f64], d: &mut [[f64; L]], r: &mut [[f64; L]], inverse: &mut [[f64; L]]) {
    let nodes = axial.len();
    let (d, r, inverse) = (&mut d[..nodes], &mut r[..nodes], &mut inverse[..nodes]);
    let mut i = nodes - 1;
    // The nodes of both chains that come next are i and i - 1; two of each are eliminated while their parents are others.
    while i >= 6 {
        for first in [i, i - 1] {
            let (a, b) = (axial[first], axial[first - 2]);
            let (d0, d1, mut d2) = (d[first], d[first - 2], d[first - 4]);
            let (r0, mut r1, mut r2) = (r[first], r[first - 2], r[first - 4]);
            let (mut f0, mut f1, mut inverse0, mut inverse1) = ([0.0; L], [0.0; L], [0.0; L], [0.0; L]);
            for l in 0..L {
                let product = d1[l].mul_add(d0[l], -(a * a));
                inverse0[l] = 1.0 / d0[l];
                inverse1[l] = d0[l] / product;
                f0[l] = a * inverse0[l];
                f1[l] = b * inverse1[l];
                d2[l] = (-(b * b)).mul_add(inverse1[l], d2[l]);
                r1[l] = f0[l].mul_add(r0[l], r1[l]);
                r2[l] = f1[l].mul_add(r1[l], r2[l]);
            }
            (d[first], d[first - 2], d[first - 4]) = (f0, f1, d2);
            (r[first - 2], r[first - 4]) = (r1, r2);
            (inverse[first], inverse[first - 2]) = (inverse0, inverse1);
        }
        i -= 4;
    }
    for k in (1..=i).rev() {
        let (a, p) = (axial[k], k.saturating_sub(2));
        for l in 0..L {
            inverse[k][l] = 1.0 / d[k][l];
            let f = a * inverse[k][l];
            d[p][l] = (-f).mul_add(a, d[p][l]);
            r[p][l] = f.mul_add(r[k][l], r[p][l]);
            d[k][l] = f;
        }
    }
    for l in 0..L {
        inverse[0][l] = 1.0 / d[0][l];
        r[0][l] *= inverse[0][l];
        d[0][l] = 0.0;
    }
    let (mut before, mut last) = (r[0], r[0]);
    for k in 1..nodes {
        // Nodes 1 and 2 hang on node 0, and so on outwards.
        let mut v = r[k];
        for l in 0..L {
            v[l] = d[k][l].mul_add(before[l], v[l] * inverse[k][l]);
        }
        r[k] = v;
        (before, last) = (last, v);
    }
}

/// Solves for another right-hand side with the factors of [`Elimination::factors`].
pub fn solve_with_factors(parent: &[u32], ratios: &[f64], inverse: &[f64], lanes: usize, right: &mut [f64]) {
    match lanes {
        1 => vectorised(Resolve::<1>(parent, ratios, inverse, right)),
        2 => vectorised(Resolve::<2>(parent, ratios, inverse, right)),
        4 => vectorised(Resolve::<4>(parent, ratios, inverse, right)),
        8 => vectorised(Resolve::<8>(parent, ratios, inverse, right)),
        16 => vectorised(Resolve::<16>(parent, ratios, inverse, right)),
        other => unreachable!("lanes are checked when a simulation is built: {other}"),
    }
}

struct Resolve<'a, const L: usize>(&'a [u32], &'a [f64], &'a [f64], &'a mut [f64]);

impl<const L: usize> Kernel for Resolve<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Resolve(parent, ratios, inverse, right) = self;
        let nodes = parent.len();
        let (f, inv, r) = (
            &ratios.as_chunks::<L>().0[..nodes],
            &inverse.as_chunks::<L>().0[..nodes],
            &mut right.as_chunks_mut::<L>().0[..nodes],
        );
        for i in (1..nodes).rev() {
            let p = parent[i] as usize;
            let ri = r[i];
            let mut rp = r[p];
            for l in 0..L {
                rp[l] = f[i][l].mul_add(ri[l], rp[l]);
            }
            r[p] = rp;
        }
        for l in 0..L {
            r[0][l] *= inv[0][l];
        }
        for i in 1..nodes {
            let vp = r[parent[i] as usize];
            let mut v = r[i];
            for l in 0..L {
                v[l] = f[i][l].mul_add(vp[l], v[l] * inv[i][l]);
            }
            r[i] = v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cable_alone_has_the_bytes_of_a_cable_in_a_lane() {
        for nodes in [5, 6, 101, 1000] {
            let edges: Vec<(usize, usize, f64)> = (1..nodes).map(|i| (i - 1, i, 0.01 + (i % 7) as f64)).collect();
            let tree = CableTree::from_edges(nodes, nodes, &edges).unwrap();
            let solve = |lanes: usize| {
                let mut elimination = Elimination::new(&tree, lanes);
                assert!(elimination.is_cable);
                for i in 0..nodes * lanes {
                    elimination.diagonal[i] = tree.axial_sum_us[i / lanes] + 0.1 + (i / lanes % 11) as f64;
                    elimination.right[i] = (i / lanes) as f64 - 3.3;
                }
                elimination.solve();
                elimination.right
            };
            let (alone, pair) = (solve(1), solve(2));
            assert!(alone.iter().zip(pair.chunks(2)).all(|(a, b)| *a == b[0] && *a == b[1]));
        }
    }

    /// A random tree against the dense matrix it stands for.
    #[test]
    fn the_solution_satisfies_the_equations_in_every_lane() {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let edges: Vec<(usize, usize, f64)> =
            (1..60).map(|i| ((random() * i as f64) as usize, i, 0.2 + random())).collect();
        let tree = CableTree::from_edges(60, 60, &edges).unwrap();
        for lanes in LANES {
            let mut elimination = Elimination::new(&tree, lanes);
            let own: Vec<f64> = (0..60 * lanes).map(|_| 0.1 + random()).collect();
            let right: Vec<f64> = (0..60 * lanes).map(|_| random() - 0.5).collect();
            for i in 0..60 * lanes {
                elimination.diagonal[i] = own[i] + tree.axial_sum_us[i / lanes];
                elimination.right[i] = right[i];
            }
            elimination.solve();
            let v = elimination.right.clone();
            for node in 0..60 {
                for lane in 0..lanes {
                    let at = |n: usize| v[n * lanes + lane];
                    let mut sum = (own[node * lanes + lane] + tree.axial_sum_us[node]) * at(node);
                    for other in 1..60 {
                        let parent = tree.parent[other] as usize;
                        if other == node {
                            sum -= tree.axial_us[other] * at(parent);
                        } else if parent == node {
                            sum -= tree.axial_us[other] * at(other);
                        }
                    }
                    assert!((sum - right[node * lanes + lane]).abs() < 1e-12, "{node} {lane}");
                }
            }
            let (parent, ratios, inverse) = elimination.factors();
            let mut again = right.clone();
            solve_with_factors(parent, ratios, inverse, lanes, &mut again);
            assert_eq!(again, v);
        }
    }
}
