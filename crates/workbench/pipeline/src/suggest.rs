//! Did you mean: the nearest known name.

/// The known name nearest to `found`, if it is near enough to be a slip (a third of the letters, at least one).
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (found.chars().count().max(3) / 3).max(1);
    known.into_iter().map(|name| (distance(found, name), name)).filter(|(d, _)| *d <= limit).min().map(|(_, name)| name)
}

/// Number of single-letter insertions, deletions, substitutions and swaps of neighbours (Damerau 1964, restricted).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let substitution = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = substitution.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = ["sparse-code", "mlp", "conv"];
        assert_eq!(nearest("sprase-code", known), Some("sparse-code"));
        assert_eq!(nearest("mpl", known), Some("mlp"));
        assert_eq!(nearest("transformer", known), None);
    }
}
