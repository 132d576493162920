//! A'B of matrices that lie in rows: the product in which covariances, alignments and regressions spend their time.
//!
//! The scheme of Goto & van de Geijn 2008 (ACM TOMS 34:12): rows are taken in blocks, a block's columns are packed into narrow panels, and a tile
//! of the result stays in registers over a block. Every element is one chain of fused multiply-adds in the order of the rows, so its bytes
//! depend neither on the tile nor on the width of the machine's vectors.

use rheobase_core::vectorised::{Kernel, vectorised};

/// Rows of a block: a panel of B's columns then stays in the first cache.
const BLOCK: usize = 128;
/// Columns of A whose panels stay in the second cache while all of B's go by.
const GROUP: usize = 512;
/// Up to so many columns a matrix is not worth packing the other for: memory is the limit.
pub const THIN: usize = 4;
/// Values of the largest tile.
const EDGE: usize = 8 * 24;

/// A'B for A (rows, m) and B (rows, n): (m, n). With `lower_only` elements above the diagonal may be left unfinished.
pub fn transposed(a: &[f64], m: usize, b: &[f64], n: usize, lower_only: bool) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    if m <= THIN {
        vectorised(Thin { thin: a, few: m, wide: b, n, c: &mut c });
    } else if n <= THIN {
        let mut turned = vec![0.0; m * n];
        vectorised(Thin { thin: b, few: n, wide: a, n: m, c: &mut turned });
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = turned[j * m + i];
            }
        }
    } else {
        let product = Product { a, m, b, n, lower_only };
        // 24 vectors of 512 bits for the tile leave 8 for its operands; 12 of 256 bits leave 4.
        if wide_vectors() {
            vectorised(Tiled::<'_, 8, 24> { product, c: &mut c });
        } else {
            vectorised(Tiled::<'_, 4, 12> { product, c: &mut c });
        }
    }
    c
}

fn wide_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        is_x86_feature_detected!("avx512f")
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// The product where one matrix has few columns: every row of the other is read once, where it lies.
struct Thin<'a> {
    thin: &'a [f64],
    few: usize,
    wide: &'a [f64],
    n: usize,
    c: &'a mut [f64],
}

impl Kernel for Thin<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if self.few == 0 || self.n == 0 {
            return;
        }
        for (own, row) in self.thin.chunks_exact(self.few).zip(self.wide.chunks_exact(self.n)) {
            for (x, sums) in own.iter().zip(self.c.chunks_exact_mut(self.n)) {
                for (sum, y) in sums.iter_mut().zip(row) {
                    *sum = x.mul_add(*y, *sum);
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Product<'a> {
    a: &'a [f64],
    m: usize,
    b: &'a [f64],
    n: usize,
    lower_only: bool,
}

/// The product by tiles of R rows and N columns.
struct Tiled<'a, const R: usize, const N: usize> {
    product: Product<'a>,
    c: &'a mut [f64],
}

impl<const R: usize, const N: usize> Kernel for Tiled<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Product { a, m, b, n, lower_only } = self.product;
        let (mut left, mut right) = (vec![], vec![]);
        for (a, b) in a.chunks(BLOCK * m).zip(b.chunks(BLOCK * n)) {
            let rows = a.len() / m;
            pack::<R>(a, m, &mut left);
            pack::<N>(b, n, &mut right);
            for (group, panels) in left.chunks(GROUP / R * rows * R).enumerate() {
                for (index, panel) in right.chunks_exact(rows * N).enumerate() {
                    let column = index * N;
                    for (own_index, own) in panels.chunks_exact(rows * R).enumerate() {
                        let row = group * GROUP + own_index * R;
                        if !(lower_only && row + R <= column) {
                            let c = &mut self.c[row * n + column..];
                            place::<R, N>(own, panel, c, n, [R.min(m - row), N.min(n - column)]);
                        }
                    }
                }
            }
        }
    }
}

/// Columns in panels of W: each panel is (rows, W), the last one filled up with zeros.
#[inline(always)]
fn pack<const W: usize>(block: &[f64], columns: usize, panels: &mut Vec<f64>) {
    let rows = block.len() / columns;
    let count = columns.div_ceil(W);
    panels.clear();
    panels.resize(count * rows * W, 0.0);
    for (p, row) in block.chunks_exact(columns).enumerate() {
        let (whole, rest) = row.as_chunks::<W>();
        for (index, part) in whole.iter().enumerate() {
            // A copy of known length is a few vector moves instead of a call.
            let start = (index * rows + p) * W;
            *panels[start..].first_chunk_mut::<W>().expect("room for a panel") = *part;
        }
        if !rest.is_empty() {
            let start = (whole.len() * rows + p) * W;
            panels[start..start + rest.len()].copy_from_slice(rest);
        }
    }
}

/// Adds a tile to the result; one at the edge goes through a full tile of its own.
#[inline(always)]
fn place<const R: usize, const N: usize>(a: &[f64], b: &[f64], c: &mut [f64], n: usize, [height, width]: [usize; 2]) {
    if height == R && width == N {
        tile::<R, N>(a, b, c, n);
        return;
    }
    let mut edge = [0.0; EDGE];
    for k in 0..height {
        edge[k * N..k * N + width].copy_from_slice(&c[k * n..k * n + width]);
    }
    tile::<R, N>(a, b, &mut edge, N);
    for k in 0..height {
        c[k * n..k * n + width].copy_from_slice(&edge[k * N..k * N + width]);
    }
}

/// line * x + sum, all in registers.
#[inline(always)]
fn add_scaled<const N: usize>(x: f64, line: &[f64; N], mut sum: [f64; N]) -> [f64; N] {
    for j in 0..N {
        sum[j] = x.mul_add(line[j], sum[j]);
    }
    sum
}

/// Every row's sums are a variable of their own: sums in an array over rows would not stay in registers.
macro_rules! rows {
    ($a:ident, $b:ident, $c:ident, $n:ident, $($row:literal $sum:ident),+) => {{
        $(let mut $sum = *$c[$row * $n..].first_chunk::<N>().expect("a full tile");)+
        for (x, line) in $a.as_chunks::<R>().0.iter().zip($b.as_chunks::<N>().0) {
            $($sum = add_scaled(x[$row], line, $sum);)+
        }
        $(*$c[$row * $n..].first_chunk_mut::<N>().expect("a full tile") = $sum;)+
    }};
}

/// c += a' b for panels a (rows, R) and b (rows, N); a row of c is n values from the next.
#[inline(always)]
fn tile<const R: usize, const N: usize>(a: &[f64], b: &[f64], c: &mut [f64], n: usize) {
    if R == 8 {
        rows!(a, b, c, n, 0 s0, 1 s1, 2 s2, 3 s3, 4 s4, 5 s5, 6 s6, 7 s7);
    } else {
        rows!(a, b, c, n, 0 s0, 1 s1, 2 s2, 3 s3);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: usize, columns: usize, salt: usize) -> Vec<f64> {
        (0..rows * columns).map(|i| ((i * 37 + salt * 11) as f64 * 0.713).sin()).collect()
    }

    /// Three loops: one chain of fused multiply-adds for each element.
    fn naive(a: &[f64], m: usize, b: &[f64], n: usize) -> Vec<f64> {
        let mut c = vec![0.0; m * n];
        for (a, b) in a.chunks_exact(m).zip(b.chunks_exact(n)) {
            for i in 0..m {
                for j in 0..n {
                    c[i * n + j] = f64::mul_add(a[i], b[j], c[i * n + j]);
                }
            }
        }
        c
    }

    #[test]
    fn products_equal_three_loops_to_the_bit_with_tiles_of_either_size() {
        // More rows than a block, more columns than a group, and edges of every kind.
        for (rows, m, n) in
            [(1, 1, 1), (3, 8, 24), (50, 2, 37), (50, 37, 3), (130, 9, 25), (257, 520, 7), (40, 7, 100), (129, 24, 24)]
        {
            let (a, b) = (matrix(rows, m, 1), matrix(rows, n, 2));
            let expected = naive(&a, m, &b, n);
            assert_eq!(transposed(&a, m, &b, n, false), expected, "{rows} {m} {n}");
            let product = Product { a: &a, m, b: &b, n, lower_only: false };
            let (mut wide, mut narrow) = (vec![0.0; m * n], vec![0.0; m * n]);
            Tiled::<'_, 8, 24> { product, c: &mut wide }.run();
            Tiled::<'_, 4, 12> { product, c: &mut narrow }.run();
            assert_eq!(wide, expected, "{rows} {m} {n}");
            assert_eq!(narrow, expected, "{rows} {m} {n}");
        }
    }

    #[test]
    fn the_lower_triangle_is_whole() {
        let (rows, m) = (150, 53);
        let a = matrix(rows, m, 3);
        let (whole, lower) = (naive(&a, m, &a, m), transposed(&a, m, &a, m, true));
        assert!((0..m).all(|i| (0..=i).all(|j| whole[i * m + j] == lower[i * m + j])));
    }

    #[test]
    fn nothing_times_nothing_is_nothing() {
        assert!(transposed(&[], 0, &[1.0, 2.0], 2, false).is_empty());
        assert_eq!(transposed(&[], 2, &[], 1, false), [0.0, 0.0]);
    }
}
