//! From points with parents (SWC and skeletons) to sections.

use super::{AxisPoint, Morphology, Section, Tag, distance};
use crate::{Error, Result};
use serde::{Deserialize, Serialize};

/// A sample of a reconstruction.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Position in um.
    pub position_um: [f64; 3],
    /// Radius in um.
    pub radius_um: f64,
    /// Part of the neuron.
    pub tag: Tag,
    /// Index of the parent in the list; `None` for a root.
    pub parent: Option<usize>,
    /// Line of the file.
    pub line: usize,
}

/// What to do with a reconstruction in several pieces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Roots {
    /// Refuse it.
    Refuse,
    /// Join each piece to the nearest point of the rest, if that is within this distance in um.
    Heal(f64),
}

/// Builds sections from points in any order.
///
/// # Errors
/// If parents form a circle, there are several roots that may not be healed, or no section results.
pub(crate) fn sections_from_points(mut points: Vec<Point>, roots: Roots, file: &str) -> Result<Morphology> {
    let mut assumptions = Vec::new();
    if points.is_empty() {
        return Err(error(file, 0, "no point was found; a line has: number, type, x, y, z, radius, parent".into()));
    }
    join_roots(&mut points, roots, file, &mut assumptions)?;
    let order = parents_first(&points, file)?;
    let points = reorder(&points, &order);
    let sections = build(&points, &mut assumptions);
    Morphology::new(sections, assumptions).map_err(|e| error(file, 0, e.to_string()))
}

pub(crate) fn error(file: &str, line: usize, problem: String) -> Error {
    Error::Morphology { file: file.into(), line, problem }
}

/// Component of every point, numbered by first member.
fn components(points: &[Point]) -> (Vec<usize>, usize) {
    let mut component: Vec<usize> = (0..points.len()).collect();
    fn find(component: &mut [usize], mut i: usize) -> usize {
        while component[i] != i {
            component[i] = component[component[i]];
            i = component[i];
        }
        i
    }
    for (i, point) in points.iter().enumerate() {
        if let Some(parent) = point.parent {
            let (a, b) = (find(&mut component, i), find(&mut component, parent));
            component[a.max(b)] = a.min(b);
        }
    }
    let roots: Vec<usize> = (0..points.len()).map(|i| find(&mut component, i)).collect();
    let count = roots.iter().enumerate().filter(|(i, r)| i == *r).count();
    (roots, count)
}

fn join_roots(points: &mut [Point], roots: Roots, file: &str, assumptions: &mut Vec<String>) -> Result<()> {
    let starts: Vec<usize> = (0..points.len()).filter(|&i| points[i].parent.is_none()).collect();
    if starts.len() <= 1 {
        return Ok(());
    }
    let Roots::Heal(limit_um) = roots else {
        let lines: Vec<String> = starts.iter().take(6).map(|&i| points[i].line.to_string()).collect();
        let problem = format!(
            "{} roots (lines {}); a neuron has one. Ask for healing to join pieces by distance",
            starts.len(),
            lines.join(", ")
        );
        return Err(error(file, points[starts[1]].line, problem));
    };
    let (mut piece, _) = components(points);
    // The piece with a soma point is the trunk, else the largest.
    let size = |p: usize| piece.iter().filter(|&&q| q == p).count();
    let trunk = (0..points.len())
        .find(|&i| points[i].tag == Tag::Soma)
        .map_or_else(|| *piece.iter().max_by_key(|&&p| (size(p), usize::MAX - p)).expect("not empty"), |i| piece[i]);
    loop {
        let mut nearest: Option<(f64, usize, usize)> = None;
        for i in (0..points.len()).filter(|&i| piece[i] != trunk) {
            for j in (0..points.len()).filter(|&j| piece[j] == trunk) {
                let d = distance(&points[i].position_um, &points[j].position_um);
                if nearest.is_none_or(|(best, ..)| d < best) {
                    nearest = Some((d, i, j));
                }
            }
        }
        let Some((gap, i, j)) = nearest else { return Ok(()) };
        if gap > limit_um {
            let problem = format!(
                "the piece of line {} is {gap:.3} um from the rest, and healing was allowed up to {limit_um} um",
                points[i].line
            );
            return Err(error(file, points[i].line, problem));
        }
        reverse_to_root(points, i);
        points[i].parent = Some(j);
        let healed = piece[i];
        piece.iter_mut().filter(|p| **p == healed).for_each(|p| *p = trunk);
        assumptions.push(format!("the piece of line {} was joined across {gap:.3} um", points[i].line));
    }
}

/// Makes point `start` the root of its piece.
fn reverse_to_root(points: &mut [Point], start: usize) {
    let (mut below, mut at) = (None, Some(start));
    while let Some(i) = at {
        let above = points[i].parent;
        points[i].parent = below;
        below = Some(i);
        at = above;
    }
}

fn parents_first(points: &[Point], file: &str) -> Result<Vec<usize>> {
    let mut children = vec![vec![]; points.len()];
    let mut order = Vec::with_capacity(points.len());
    for (i, point) in points.iter().enumerate() {
        match point.parent {
            Some(parent) => children[parent].push(i),
            None => order.push(i),
        }
    }
    // Depth first, so that sections come in the order in which a file lists its branches.
    let mut stack = order.clone();
    order.clear();
    while let Some(i) = stack.pop() {
        order.push(i);
        stack.extend(children[i].iter().rev());
    }
    if order.len() < points.len() {
        let mut reached = vec![false; points.len()];
        order.iter().for_each(|&i| reached[i] = true);
        let lost = reached.iter().position(|r| !r).expect("fewer were reached");
        return Err(error(file, points[lost].line, "the parents of this point run in a circle".into()));
    }
    Ok(order)
}

fn reorder(points: &[Point], order: &[usize]) -> Vec<Point> {
    let mut place = vec![0; points.len()];
    order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
    order.iter().map(|&old| Point { parent: points[old].parent.map(|p| place[p]), ..points[old].clone() }).collect()
}

fn axis_point(point: &Point) -> AxisPoint {
    AxisPoint { position_um: point.position_um, diameter_um: 2.0 * point.radius_um }
}

/// Cuts the tree of points at branch points and where the tag changes.
fn build(points: &[Point], assumptions: &mut Vec<String>) -> Vec<Section> {
    let mut children = vec![vec![]; points.len()];
    for (i, point) in points.iter().enumerate() {
        if let Some(parent) = point.parent {
            children[parent].push(i);
        }
    }
    let soma = soma_section(points, &children, assumptions);
    let has_soma_section = soma.is_some();
    let mut sections: Vec<Section> = soma.into_iter().collect();
    // Section in which a point lies, and whether as its last point.
    let mut home: Vec<Option<usize>> = vec![None; points.len()];
    let mut lone = 0;
    for i in 0..points.len() {
        let in_soma = has_soma_section && points[i].tag == Tag::Soma;
        if in_soma {
            home[i] = Some(0);
            continue;
        }
        let begins = points[i].parent.is_none_or(|p| {
            (has_soma_section && points[p].tag == Tag::Soma) || children[p].len() > 1 || points[p].tag != points[i].tag
        });
        if !begins {
            continue;
        }
        let mut axis = Vec::new();
        let mut chain = vec![i];
        while let [next] = children[*chain.last().expect("not empty")][..] {
            if points[next].tag != points[i].tag {
                break;
            }
            chain.push(next);
        }
        let parent = points[i].parent.map(|p| {
            let section = home[p].expect("parents come first");
            let on_soma = has_soma_section && points[p].tag == Tag::Soma;
            if !on_soma {
                axis.push(AxisPoint { diameter_um: 2.0 * points[p].radius_um, ..axis_point(&points[p]) });
            } else if chain.len() == 1 {
                // A lone point on the soma becomes a cylinder from the soma's point, with its own diameter.
                axis.push(AxisPoint { diameter_um: 2.0 * points[i].radius_um, ..axis_point(&points[p]) });
            }
            (section, if on_soma { 0.5 } else { 1.0 })
        });
        axis.extend(chain.iter().map(|&c| axis_point(&points[c])));
        axis.dedup_by(|b, a| a.position_um == b.position_um);
        if axis.len() < 2 {
            // Nothing but one place: a sphere of its radius, as a cylinder of equal area.
            lone += 1;
            let mut end = axis[0];
            end.position_um[1] += axis[0].diameter_um;
            axis.push(end);
        }
        chain.iter().for_each(|&c| home[c] = Some(sections.len()));
        sections.push(Section { name: String::new(), tag: points[i].tag, axis, parent });
    }
    if lone > 0 {
        assumptions.push(format!("{lone} single points without a length were taken as cylinders as long as wide"));
    }
    sections
}

/// One section for the soma, if its points are the root of the tree.
fn soma_section(points: &[Point], children: &[Vec<usize>], assumptions: &mut Vec<String>) -> Option<Section> {
    if points[0].tag != Tag::Soma {
        assumptions.push(if points.iter().any(|p| p.tag == Tag::Soma) {
            "the root is not a soma point; soma points are an ordinary section".to_owned()
        } else {
            "there is no soma; the root is the first point of the file".to_owned()
        });
        return None;
    }
    let soma: Vec<usize> = (0..points.len()).filter(|&i| points[i].tag == Tag::Soma).collect();
    let root = axis_point(&points[0]);
    let sphere = || {
        let (mut start, mut end) = (root, root);
        start.position_um[1] -= points[0].radius_um;
        end.position_um[1] += points[0].radius_um;
        vec![start, end]
    };
    let soma_children: Vec<usize> = children[0].iter().copied().filter(|&c| points[c].tag == Tag::Soma).collect();
    let at_radius =
        |i: usize| (distance(&points[i].position_um, &points[0].position_um) / points[0].radius_um - 1.0).abs() < 0.05;
    let mut axis = if soma.len() == 1 {
        assumptions.push("the one-point soma is a sphere, kept as a cylinder as long as wide (equal area)".into());
        sphere()
    } else if soma.len() == 3 && soma_children.len() == 2 && soma_children.iter().all(|&c| at_radius(c)) {
        assumptions
            .push("the three-point soma is NeuroMorpho's form of a sphere, kept as a cylinder of equal area".into());
        sphere()
    } else {
        longest_chain(points, &soma, assumptions)
    };
    axis.dedup_by(|b, a| a.position_um == b.position_um);
    if axis.len() < 2 {
        axis = sphere();
    }
    Some(Section { name: String::new(), tag: Tag::Soma, axis, parent: None })
}

/// The path between the two soma points that are farthest apart along the tree.
fn longest_chain(points: &[Point], soma: &[usize], assumptions: &mut Vec<String>) -> Vec<AxisPoint> {
    let mut from_root = vec![0.0_f64; points.len()];
    for &i in &soma[1..] {
        if let Some(p) = points[i].parent {
            from_root[i] = from_root[p] + distance(&points[i].position_um, &points[p].position_um);
        }
    }
    let path_to_root = |mut i: usize| {
        let mut path = vec![i];
        while let Some(p) = points[i].parent {
            path.push(p);
            i = p;
        }
        path
    };
    let farthest = |candidates: &[usize], length: &dyn Fn(usize) -> f64| {
        *candidates.iter().max_by(|a, b| length(**a).total_cmp(&length(**b)).then(b.cmp(a))).expect("not empty")
    };
    let tip = farthest(soma, &|i| from_root[i]);
    let trunk = path_to_root(tip);
    let mut on_trunk = vec![false; points.len()];
    trunk.iter().for_each(|&p| on_trunk[p] = true);
    let meet_of = |mut i: usize| {
        while !on_trunk[i] {
            i = points[i].parent.expect("the root lies on the trunk");
        }
        i
    };
    let from_tip: Vec<f64> =
        (0..points.len()).map(|i| from_root[i] + from_root[tip] - 2.0 * from_root[meet_of(i)]).collect();
    let other = farthest(soma, &|i| from_tip[i]);
    let meet = meet_of(other);
    let mut chain: Vec<usize> = trunk.iter().copied().take_while(|&p| p != meet).collect();
    chain.push(meet);
    let back: Vec<usize> = path_to_root(other).into_iter().take_while(|&p| p != meet).collect();
    chain.extend(back.into_iter().rev());
    assumptions.push(format!(
        "the soma of {} points is one section along its longest path ({} points); neurites begin at its middle",
        soma.len(),
        chain.len()
    ));
    chain.iter().map(|&i| axis_point(&points[i])).collect()
}
