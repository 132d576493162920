//! Matching single units: exact assignment and optimal transport between equal masses (Khosla & Williams 2024, "soft matching").
//!
//! Assignment is the shortest augmenting path algorithm (Jonker & Volgenant 1987). Transport between p and q units of masses
//! 1 / p and 1 / q is solved exactly by the same method on integer masses: with g = gcd(p, q), each left unit holds q / g parts and
//! each right unit takes p / g parts, and successive shortest augmenting paths move them (Edmonds & Karp 1972).

use ndarray::{Array2, ArrayView2, Axis};
use rheobase_linalg::transposed_product;

use crate::prepare::centred_pair;
use crate::{Error, Result};

/// The column assigned to each row at the least total cost, for a square cost matrix.
///
/// # Panics
/// If the matrix is not square.
pub fn best_assignment(cost: &Array2<f64>) -> Vec<usize> {
    let n = cost.nrows();
    assert_eq!(n, cost.ncols(), "an assignment needs a square matrix");
    let plan = transport(cost, &vec![1; n], &vec![1; n]);
    plan.rows().into_iter().map(|row| row.iter().position(|&m| m > 0).expect("every row is matched")).collect()
}

/// The cheapest integer flow from rows with `supply` parts to columns with `demand` parts; the sums must agree.
///
/// # Panics
/// If the lengths or the sums do not fit.
pub fn transport(cost: &Array2<f64>, supply: &[usize], demand: &[usize]) -> Array2<usize> {
    let (p, q) = cost.dim();
    assert!(supply.len() == p && demand.len() == q, "one mass for each row and column");
    assert_eq!(supply.iter().sum::<usize>(), demand.iter().sum::<usize>(), "equal total mass");
    // Shortest paths are sought by Dijkstra's rule, which needs costs of 0 or more; a constant changes no plan.
    let least = cost.iter().copied().fold(0.0, f64::min);
    let cost = &cost.mapv(|c| c - least);
    let mut flow = Array2::<usize>::zeros((p, q));
    let (mut row_price, mut column_price) = (vec![0.0; p], vec![0.0; q]);
    let mut room = demand.to_vec();
    for source in 0..p {
        let mut left = supply[source];
        while left > 0 {
            let path = shortest_path(cost, &flow, &room, source, &mut row_price, &mut column_price);
            // The most that fits: what is left, the room at the end, and what flows back along the path.
            let mut amount = left.min(room[path.end]);
            let mut column = path.end;
            loop {
                let row = path.from_row[column];
                let Some(previous) = path.from_column[row] else { break };
                amount = amount.min(flow[[row, previous]]);
                column = previous;
            }
            room[path.end] -= amount;
            left -= amount;
            let mut column = path.end;
            loop {
                let row = path.from_row[column];
                flow[[row, column]] += amount;
                let Some(previous) = path.from_column[row] else { break };
                flow[[row, previous]] -= amount;
                column = previous;
            }
        }
    }
    flow
}

struct Path {
    end: usize,
    from_row: Vec<usize>,
    from_column: Vec<Option<usize>>,
}

/// Dijkstra over reduced costs from a row to the nearest column with room; updates the prices.
fn shortest_path(
    cost: &Array2<f64>,
    flow: &Array2<usize>,
    room: &[usize],
    source: usize,
    row_price: &mut [f64],
    column_price: &mut [f64],
) -> Path {
    let (p, q) = cost.dim();
    let mut row_distance = vec![f64::INFINITY; p];
    let mut column_distance = vec![f64::INFINITY; q];
    let (mut row_done, mut column_done) = (vec![false; p], vec![false; q]);
    let mut from_row = vec![usize::MAX; q];
    let mut from_column = vec![None; p];
    row_distance[source] = 0.0;
    let mut row = source;
    let end = loop {
        row_done[row] = true;
        for j in 0..q {
            if !column_done[j] {
                let reduced = (cost[[row, j]] - row_price[row] - column_price[j]).max(0.0);
                if row_distance[row] + reduced < column_distance[j] {
                    column_distance[j] = row_distance[row] + reduced;
                    from_row[j] = row;
                }
            }
        }
        // Settle columns, nearest first, until one has room or leads on to a row that is not settled yet.
        let next = loop {
            let j = (0..q)
                .filter(|&j| !column_done[j])
                .min_by(|&a, &b| column_distance[a].total_cmp(&column_distance[b]))
                .expect("the masses agree, so some column has room");
            if room[j] > 0 {
                break Err(j);
            }
            column_done[j] = true;
            for i in 0..p {
                if !row_done[i] && flow[[i, j]] > 0 && column_distance[j] < row_distance[i] {
                    row_distance[i] = column_distance[j];
                    from_column[i] = Some(j);
                }
            }
            let reach = (0..p).filter(|&i| !row_done[i] && row_distance[i].is_finite());
            if let Some(i) = reach.min_by(|&a, &b| row_distance[a].total_cmp(&row_distance[b])) {
                let nearest = (0..q).filter(|&k| !column_done[k]).fold(f64::INFINITY, |m, k| m.min(column_distance[k]));
                if row_distance[i] <= nearest {
                    break Ok(i);
                }
            }
        };
        match next {
            Ok(i) => row = i,
            Err(j) => break j,
        }
    };
    let length = column_distance[end];
    for i in 0..p {
        if row_distance[i] < length {
            row_price[i] += length - row_distance[i];
        }
    }
    for j in 0..q {
        if column_distance[j] < length {
            column_price[j] -= length - column_distance[j];
        }
    }
    Path { end, from_row, from_column }
}

fn soft_plan(cost: &Array2<f64>) -> Array2<f64> {
    let (p, q) = cost.dim();
    let (mut a, mut b) = (p, q);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let flow = transport(cost, &vec![q / a; p], &vec![p / a; q]);
    let parts = (p * q / a) as f64;
    flow.mapv(|m| m as f64 / parts)
}

fn require_units(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<()> {
    if x.ncols() == 0 || y.ncols() == 0 {
        return Err(Error::UnitMismatch { what: "soft matching", left: x.ncols(), right: y.ncols() });
    }
    Ok(())
}

/// Soft-matching correlation: the mean correlation of matched units under the transport plan that maximises it.
///
/// # Errors
/// If the conditions differ, a side has no units, or a unit does not vary.
pub fn soft_matching_correlation(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    require_units(x, y)?;
    let (mut x, mut y) = centred_pair("soft matching", x, y, 3)?;
    for (side, m) in [("left", &mut x), ("right", &mut y)] {
        for mut column in m.axis_iter_mut(Axis(1)) {
            let norm = column.dot(&column).sqrt();
            if norm == 0.0 {
                return Err(Error::Constant { side, what: "soft matching (one unit is flat; drop it)" });
            }
            column /= norm;
        }
    }
    let correlations = transposed_product(x.view(), y.view());
    let plan = soft_plan(&correlations.mapv(|r| 1.0 - r));
    Ok(correlations.iter().zip(&plan).map(|(r, m)| r * m).sum())
}

/// Soft-matching distance: the square root of the least mean squared distance between centred units under transport.
///
/// # Errors
/// If the conditions differ or a side has no units or does not vary.
pub fn soft_matching_distance(x: ArrayView2<'_, f64>, y: ArrayView2<'_, f64>) -> Result<f64> {
    require_units(x, y)?;
    let (x, y) = centred_pair("soft matching", x, y, 2)?;
    let squares = |m: &Array2<f64>| m.map_axis(Axis(0), |c| c.dot(&c));
    let (sx, sy) = (squares(&x), squares(&y));
    let inner = transposed_product(x.view(), y.view());
    let cost = Array2::from_shape_fn(inner.dim(), |(i, j)| (sx[i] + sy[j] - 2.0 * inner[[i, j]]).max(0.0));
    let plan = soft_plan(&cost);
    Ok(cost.iter().zip(&plan).map(|(c, m)| c * m).sum::<f64>().sqrt())
}
