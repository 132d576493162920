//! Border score (Solstad et al. 2008): (cM - dM) / (cM + dM), with cM the largest share of one wall that one field touches and dM the
//! rate-weighted mean distance of field bins to the nearest wall, over half the shorter side.

use ndarray::Array2;

use crate::{Error, Result};

/// Score of a map with square bins of `bin_cm`. A field is a connected patch above `threshold` (usually .3) of the peak rate, of at
/// least `least_area_cm2` (usually 200). -1 without a field; bins the animal did not visit belong to no field.
///
/// # Errors
/// If the map is smaller than 3 x 3, has no rate above 0, or a parameter is out of range.
pub fn border_score(map: &Array2<f64>, bin_cm: f64, threshold: f64, least_area_cm2: f64) -> Result<f64> {
    let (rows, columns) = map.dim();
    if rows < 3 || columns < 3 {
        return Err(Error::TooFew {
            what: "a border score",
            of: "rows and columns",
            needed: 3,
            found: rows.min(columns),
        });
    }
    if !(threshold > 0.0 && threshold < 1.0) {
        return Err(Error::Parameter { what: "share of the peak", found: threshold, allowed: "above 0, below 1" });
    }
    let peak = map.iter().copied().filter(|r| r.is_finite()).fold(0.0, f64::max);
    if peak <= 0.0 {
        return Err(Error::TooFew { what: "a border score", of: "spikes", needed: 1, found: 0 });
    }
    let least_bins = (least_area_cm2 / (bin_cm * bin_cm)).ceil().max(1.0) as usize;
    let fields: Vec<Vec<(usize, usize)>> =
        patches(map, threshold * peak).into_iter().filter(|f| f.len() >= least_bins).collect();
    if fields.is_empty() {
        return Ok(-1.0);
    }
    let coverage = |field: &Vec<(usize, usize)>| {
        let along = |inside: &dyn Fn(&(usize, usize)) -> bool, length: usize| {
            field.iter().filter(|bin| inside(bin)).count() as f64 / length as f64
        };
        along(&|b| b.0 == 0, columns)
            .max(along(&|b| b.0 == rows - 1, columns))
            .max(along(&|b| b.1 == 0, rows))
            .max(along(&|b| b.1 == columns - 1, rows))
    };
    let most = fields.iter().map(coverage).fold(0.0, f64::max);
    let (mut distance, mut weight) = (0.0, 0.0);
    for &(i, j) in fields.iter().flatten() {
        let nearest = i.min(rows - 1 - i).min(j).min(columns - 1 - j) as f64;
        distance += map[[i, j]] * nearest;
        weight += map[[i, j]];
    }
    let mean = distance / weight / (rows.min(columns) as f64 / 2.0);
    Ok((most - mean) / (most + mean))
}

/// Connected patches (sharing a side) of bins above a rate, (row, column) each; bins without a rate belong to none.
pub fn patches(map: &Array2<f64>, least: f64) -> Vec<Vec<(usize, usize)>> {
    let (rows, columns) = map.dim();
    let mut seen = Array2::from_elem((rows, columns), false);
    let mut found = Vec::new();
    for start in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        if seen[start] || map[start].is_nan() || map[start] <= least {
            continue;
        }
        let (mut patch, mut open) = (Vec::new(), vec![start]);
        seen[start] = true;
        while let Some((i, j)) = open.pop() {
            patch.push((i, j));
            let around = [(i.wrapping_sub(1), j), (i + 1, j), (i, j.wrapping_sub(1)), (i, j + 1)];
            for next in around.into_iter().filter(|n| n.0 < rows && n.1 < columns) {
                if !seen[next] && map[next] > least {
                    seen[next] = true;
                    open.push(next);
                }
            }
        }
        found.push(patch);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_along_a_wall_a_field_in_the_middle_and_none() {
        let wall = Array2::from_shape_fn((40, 40), |(i, _)| if i < 2 { 10.0 } else { 0.0 });
        let score = border_score(&wall, 2.5, 0.3, 200.0).unwrap();
        // cM = 1; 38 of 80 bins are one bin from the nearest wall, the rest touch one.
        let distance = 38.0 / 80.0 / 20.0;
        assert!((score - (1.0 - distance) / (1.0 + distance)).abs() < 1e-12, "{score}");
        let middle =
            Array2::from_shape_fn((40, 40), |(i, j)| if i.abs_diff(20) < 5 && j.abs_diff(20) < 5 { 10.0 } else { 0.0 });
        assert_eq!(border_score(&middle, 2.5, 0.3, 200.0).unwrap(), -1.0);
        let tiny = Array2::from_shape_fn((40, 40), |(i, j)| if i == 0 && j < 3 { 10.0 } else { 0.0 });
        assert_eq!(border_score(&tiny, 2.5, 0.3, 200.0).unwrap(), -1.0);
        assert!(border_score(&Array2::zeros((40, 40)), 2.5, 0.3, 200.0).is_err());
    }
}
