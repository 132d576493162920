//! Maximising a function of a few numbers without its gradient (Nelder & Mead 1965 Comput J 7:308).

/// The best point found after at most `most` moves from `start`: the first simplex spans it and a step of .7 along each coordinate, so give
/// coordinates whose natural scale is 1. Ends early when the vertices differ by less than 1e-9 of their value.
pub fn nelder_mead(start: &[f64], most: usize, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let n = start.len();
    let mut simplex: Vec<(f64, Vec<f64>)> = (0..=n)
        .map(|k| {
            let mut p = start.to_vec();
            if k > 0 {
                p[k - 1] += 0.7;
            }
            (f(&p), p)
        })
        .collect();
    for _ in 0..most {
        simplex.sort_by(|a, b| b.0.total_cmp(&a.0));
        if (simplex[0].0 - simplex[n].0).abs() < 1e-9 * (1.0 + simplex[0].0.abs()) {
            break;
        }
        let centre: Vec<f64> = (0..n).map(|i| simplex[..n].iter().map(|s| s.1[i]).sum::<f64>() / n as f64).collect();
        let along = |t: f64| -> Vec<f64> { (0..n).map(|i| centre[i] + t * (simplex[n].1[i] - centre[i])).collect() };
        let reflected = along(-1.0);
        let value = f(&reflected);
        let next = if value > simplex[0].0 {
            let expanded = along(-2.0);
            let further = f(&expanded);
            Some(if further > value { (further, expanded) } else { (value, reflected) })
        } else if value > simplex[n - 1].0 {
            Some((value, reflected))
        } else {
            let contracted = along(if value > simplex[n].0 { -0.5 } else { 0.5 });
            let nearer = f(&contracted);
            (nearer > simplex[n].0.max(value)).then_some((nearer, contracted))
        };
        if let Some(next) = next {
            simplex[n] = next;
        } else {
            let best = simplex[0].1.clone();
            for vertex in &mut simplex[1..] {
                vertex.1.iter_mut().zip(&best).for_each(|(v, b)| *v = 0.5 * (*v + b));
                vertex.0 = f(&vertex.1);
            }
        }
    }
    simplex.sort_by(|a, b| b.0.total_cmp(&a.0));
    simplex.swap_remove(0).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_valley_is_followed_to_its_end() {
        // Rosenbrock's function, whose only maximum is 0 at (1, 1).
        let value = |p: &[f64]| -((1.0 - p[0]).powi(2) + 100.0 * (p[1] - p[0] * p[0]).powi(2));
        let best = nelder_mead(&nelder_mead(&[-1.2, 1.0], 400, value), 400, value);
        assert!((best[0] - 1.0).abs() < 1e-3 && (best[1] - 1.0).abs() < 1e-3, "{best:?}");
    }
}
