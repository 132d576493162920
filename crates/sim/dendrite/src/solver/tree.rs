//! Which compartment is coupled to which, in an order that suits elimination.

use crate::compartments::Compartments;
use crate::error::{POSITIVE, require_range};
use crate::morphology::Morphology;
use crate::{Error, Result};

/// The nodes of a cable tree, numbered outwards from its centre, so that a parent comes before its children.
///
/// Where three or more sections meet lies a node without membrane, as in NEURON. Nodes are numbered level by level:
/// neighbours in the numbering do not depend on each other, and a processor works on several branches at once.
#[derive(Debug, Clone)]
pub struct CableTree {
    /// Parent of every node; of the root, itself.
    pub parent: Vec<u32>,
    /// Conductance in uS to the parent; 0 for the root.
    pub axial_us: Vec<f64>,
    /// Sum of the conductances in uS to all neighbours.
    pub axial_sum_us: Vec<f64>,
    /// Node of every compartment.
    pub node_of: Vec<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Site {
    Compartment(usize),
    End(usize),
    Start,
}

impl CableTree {
    /// Couples compartments with axial resistivities in ohm cm, one per compartment.
    ///
    /// # Errors
    /// If a resistivity is not positive and finite.
    pub fn new(morphology: &Morphology, compartments: &Compartments, ra_ohm_cm: &[f64]) -> Result<Self> {
        let list = compartments.list();
        for (i, &ra) in ra_ohm_cm.iter().enumerate() {
            let name = &morphology.sections()[list[i].section].name;
            require_range(format!("ra_ohm_cm in section {name}"), ra, POSITIVE, 1e12)?;
        }
        // 1 ohm cm / um = 1e4 ohm = .01 Mohm.
        let half = |i: usize, side: usize| 0.01 * ra_ohm_cm[i] * list[i].half_resistance_per_um[side];
        let mut edges: Vec<(usize, usize, f64)> = Vec::with_capacity(list.len());
        let mut meetings: Vec<(Site, usize)> = Vec::new();
        for (index, section) in morphology.sections().iter().enumerate() {
            let range = compartments.of_section(index);
            edges.extend(range.clone().skip(1).map(|i| (i - 1, i, half(i - 1, 1) + half(i, 0))));
            if section.parent.is_some() {
                match site(morphology, compartments, index) {
                    Site::Compartment(i) => edges.push((i, range.start, half(range.start, 0))),
                    meeting => meetings.push((meeting, range.start)),
                }
            }
        }
        meetings.sort();
        let mut nodes = list.len();
        for group in meetings.chunk_by(|a, b| a.0 == b.0) {
            let (near, side) = match group[0].0 {
                Site::End(section) => (compartments.of_section(section).end - 1, 1),
                Site::Start | Site::Compartment(_) => (0, 0),
            };
            if let [(_, child)] = group {
                edges.push((near, *child, half(near, side) + half(*child, 0)));
            } else {
                edges.push((near, nodes, half(near, side)));
                edges.extend(group.iter().map(|&(_, child)| (nodes, child, half(child, 0))));
                nodes += 1;
            }
        }
        Self::from_edges(nodes, list.len(), &edges)
    }

    /// From couplings (node, node, resistance in Mohm); the first `compartments` nodes have a membrane.
    ///
    /// # Errors
    /// If the couplings do not form one tree or a resistance is not positive.
    pub fn from_edges(nodes: usize, compartments: usize, edges: &[(usize, usize, f64)]) -> Result<Self> {
        let mut neighbours: Vec<Vec<(usize, f64)>> = vec![vec![]; nodes];
        for &(a, b, resistance) in edges {
            require_range("axial resistance in Mohm", resistance, 1e-15, 1e15)?;
            neighbours[a].push((b, 1.0 / resistance));
            neighbours[b].push((a, 1.0 / resistance));
        }
        if edges.len() + 1 != nodes {
            return Err(Error::Description(format!("{} couplings do not make a tree of {nodes} nodes", edges.len())));
        }
        let far = *walk(&neighbours, 0).0.last().expect("at least one node");
        let (order, from) = walk(&neighbours, far);
        if order.len() != nodes {
            return Err(Error::Description("the couplings leave nodes apart".into()));
        }
        let mut path = vec![*order.last().expect("at least one node")];
        while path[path.len() - 1] != far {
            path.push(from[path[path.len() - 1]]);
        }
        let centre = path[path.len() / 2];
        let (order, from) = walk(&neighbours, centre);
        let mut number = vec![0_u32; nodes];
        order.iter().enumerate().for_each(|(new, &old)| number[old] = new as u32);
        let axial = |old: usize| {
            let up = neighbours[old].iter().find(|(n, _)| *n == from[old]);
            if old == centre { 0.0 } else { up.expect("its parent is a neighbour").1 }
        };
        Ok(Self {
            parent: order.iter().map(|&old| number[from[old]]).collect(),
            axial_us: order.iter().map(|&old| axial(old)).collect(),
            axial_sum_us: order.iter().map(|&old| neighbours[old].iter().map(|(_, g)| g).sum()).collect(),
            node_of: number[..compartments].to_vec(),
        })
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.parent.len()
    }

    /// Never, for a valid tree.
    pub fn is_empty(&self) -> bool {
        self.parent.is_empty()
    }
}

/// Breadth-first order from a node, and from where each node was reached.
fn walk(neighbours: &[Vec<(usize, f64)>], start: usize) -> (Vec<usize>, Vec<usize>) {
    let mut from = vec![usize::MAX; neighbours.len()];
    from[start] = start;
    let mut order = vec![start];
    let mut next = 0;
    while next < order.len() {
        let node = order[next];
        next += 1;
        for &(other, _) in &neighbours[node] {
            if from[other] == usize::MAX {
                from[other] = node;
                order.push(other);
            }
        }
    }
    (order, from)
}

/// Where a section begins.
fn site(morphology: &Morphology, compartments: &Compartments, mut section: usize) -> Site {
    loop {
        let Some((parent, at)) = morphology.sections()[section].parent else { return Site::Start };
        if at >= 1.0 {
            return Site::End(parent);
        }
        if at > 0.0 {
            return Site::Compartment(compartments.at(parent, at));
        }
        // The start of a section is where that section itself begins.
        section = parent;
    }
}
