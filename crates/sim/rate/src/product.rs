//! Matrix products of training loops: one operand is packed into panels once and used many times.
//!
//! C (m, n) = A (m, k) B (k, n). B lies in panels of [`Scalar::TILE`] columns, or of twice as many where vectors have 512 bits, so the
//! innermost loop reads it in order; a tile of six rows stays in registers over the whole of k. Each element of C is one chain of fused multiply-adds in the order of k, so its
//! bytes do not depend on the tiling or on the width of vectors (the scheme of Goto & van de Geijn 2008, ACM TOMS 34:12).

use rheobase_core::vectorised::{Kernel, has_512_bits, vectorised};

use crate::scalar::Scalar;

/// A matrix packed into panels of columns.
#[derive(Debug, Clone)]
pub struct Packed<F> {
    panels: Vec<F>,
    rows: usize,
    columns: usize,
    /// Columns of a panel.
    tile: usize,
}

/// A matrix as a slice with strides.
#[derive(Debug, Clone, Copy)]
pub struct Strided<'a, F> {
    /// Values.
    pub values: &'a [F],
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
}

impl<'a, F> Strided<'a, F> {
    /// Rows one after the other, each of this length.
    pub fn rows(values: &'a [F], columns: usize) -> Self {
        Self { values, row: columns, column: 1 }
    }

    /// The transpose of rows of this length.
    pub fn transposed(values: &'a [F], columns: usize) -> Self {
        Self { values, row: 1, column: columns }
    }
}

impl<F: Scalar> Packed<F> {
    /// Packs a matrix of this many rows and columns.
    pub fn new(matrix: Strided<'_, F>, rows: usize, columns: usize) -> Self {
        let mut packed = Self { panels: Vec::new(), rows: 0, columns: 0, tile: F::TILE };
        packed.fill(matrix, rows, columns);
        packed
    }

    /// Packs another matrix into the same memory.
    pub fn fill(&mut self, matrix: Strided<'_, F>, rows: usize, columns: usize) {
        self.fill_panels(matrix, rows, columns, if has_512_bits() { 2 * F::TILE } else { F::TILE });
    }

    fn fill_panels(&mut self, matrix: Strided<'_, F>, rows: usize, columns: usize, tile: usize) {
        (self.rows, self.columns, self.tile) = (rows, columns, tile);
        self.panels.clear();
        let widths = (0..columns).step_by(tile).map(|first| panel_width::<F>(tile, columns - first));
        self.panels.resize(rows * widths.sum::<usize>(), F::ZERO);
        let mut rest = self.panels.as_mut_slice();
        for first in (0..columns).step_by(tile) {
            let (width, own) = (tile.min(columns - first), panel_width::<F>(tile, columns - first));
            let (panel, later) = rest.split_at_mut(rows * own);
            for (p, line) in panel.chunks_exact_mut(own).enumerate() {
                let start = p * matrix.row + first * matrix.column;
                if matrix.column == 1 {
                    line[..width].copy_from_slice(&matrix.values[start..start + width]);
                } else {
                    for (j, value) in line[..width].iter_mut().enumerate() {
                        *value = matrix.values[start + j * matrix.column];
                    }
                }
            }
            rest = later;
        }
    }

    /// C = A B, or C += A B: A has `m` rows, C lies in rows of `columns` values.
    pub fn multiply(&self, a: Strided<'_, F>, m: usize, c: &mut [F], accumulate: bool) {
        match (F::TILE, self.tile) {
            (16, 32) => vectorised(Product::<'_, F, 16, 32> { a, m, b: self, c, accumulate }),
            (16, _) => vectorised(Product::<'_, F, 16, 16> { a, m, b: self, c, accumulate }),
            (_, 16) => vectorised(Product::<'_, F, 8, 16> { a, m, b: self, c, accumulate }),
            _ => vectorised(Product::<'_, F, 8, 8> { a, m, b: self, c, accumulate }),
        }
    }
}

/// Columns of a panel when so many are left: the last one is narrow where that is enough.
fn panel_width<F: Scalar>(tile: usize, left: usize) -> usize {
    if left <= F::TILE { F::TILE } else { tile }
}

/// A product with panels of `W` columns, the last one of `N` where that is enough.
struct Product<'a, F, const N: usize, const W: usize> {
    a: Strided<'a, F>,
    m: usize,
    b: &'a Packed<F>,
    c: &'a mut [F],
    accumulate: bool,
}

impl<F: Scalar, const N: usize, const W: usize> Kernel for Product<'_, F, N, W> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (k, n) = (self.b.rows, self.b.columns);
        if k == 0 || n == 0 {
            if !self.accumulate {
                self.c[..self.m * n].fill(F::ZERO);
            }
            return;
        }
        let mut rest = self.b.panels.as_slice();
        for column in (0..n).step_by(W) {
            let own = panel_width::<F>(W, n - column);
            let (panel, later) = rest.split_at(k * own);
            let place = Place { k, n, accumulate: self.accumulate };
            let c = &mut *self.c;
            // The last number is that of the values of a tile.
            match if own == W { W } else { N } {
                32 => through_panel::<F, 32, { 32 * ROWS }>(self.a, self.m, panel, c, column, place),
                16 => through_panel::<F, 16, { 16 * ROWS }>(self.a, self.m, panel, c, column, place),
                _ => through_panel::<F, 8, { 8 * ROWS }>(self.a, self.m, panel, c, column, place),
            }
            rest = later;
        }
    }
}

/// All rows of A times one panel of N columns, the first of which is `column`.
#[inline(always)]
fn through_panel<F: Scalar, const N: usize, const EDGE: usize>(
    a: Strided<'_, F>,
    m: usize,
    panel: &[F],
    c: &mut [F],
    column: usize,
    place: Place,
) {
    let n = place.n;
    let width = N.min(n - column);
    for row in (0..m).step_by(ROWS) {
        let rows = ROWS.min(m - row);
        let a = Strided { values: &a.values[row * a.row..], ..a };
        let c = &mut c[row * n + column..];
        if width == N {
            tiles::<F, N>(a, panel, c, place, rows);
        } else {
            // A panel at the edge goes through a full tile of its own.
            let mut edge = [F::ZERO; EDGE];
            if place.accumulate {
                for i in 0..rows {
                    edge[i * N..i * N + width].copy_from_slice(&c[i * n..i * n + width]);
                }
            }
            tiles::<F, N>(a, panel, &mut edge, Place { n: N, ..place }, rows);
            for i in 0..rows {
                c[i * n..i * n + width].copy_from_slice(&edge[i * N..i * N + width]);
            }
        }
    }
}

/// Rows of a tile: with two vectors each they fill twelve of sixteen registers, or of 32 where vectors have 512 bits.
const ROWS: usize = 6;

#[derive(Clone, Copy)]
struct Place {
    k: usize,
    n: usize,
    accumulate: bool,
}

/// line * x + sum, all in registers.
#[inline(always)]
fn add_scaled<F: Scalar, const N: usize>(x: F, line: &[F; N], mut sum: [F; N]) -> [F; N] {
    for j in 0..N {
        sum[j] = x.mul_add(line[j], sum[j]);
    }
    sum
}

/// A tile of some rows by N columns. Every row's sums are a variable of their own: sums in an array over rows would not stay in
/// registers, which costs a factor of ten.
macro_rules! tile {
    ($rows:literal, $a:ident, $panel:ident, $c:ident, $place:ident, $($row:literal $sum:ident $own:ident),+) => {{
        let Place { k, n, accumulate } = $place;
        $(let mut $sum = if accumulate {
            *$c[$row * n..].first_chunk::<N>().expect("a full tile")
        } else {
            [F::ZERO; N]
        };)+
        let lines = $panel.as_chunks::<N>().0;
        let k = k.min(lines.len());
        if $a.column == 1 {
            $(let $own = &$a.values[$row * $a.row..][..k];)+
            for p in 0..k {
                let line = &lines[p];
                $($sum = add_scaled($own[p], line, $sum);)+
            }
        } else if $a.row == 1 {
            // Rows lie side by side in a transposed operand.
            for (p, line) in lines.iter().enumerate() {
                let column = $a.values[p * $a.column..].first_chunk::<$rows>().expect("a value for each row");
                $($sum = add_scaled(column[$row], line, $sum);)+
            }
        } else {
            for (p, line) in lines.iter().enumerate() {
                let column = &$a.values[p * $a.column..];
                $($sum = add_scaled(column[$row * $a.row], line, $sum);)+
            }
        }
        $(*$c[$row * n..].first_chunk_mut::<N>().expect("a full tile") = $sum;)+
    }};
}

#[inline(always)]
fn tiles<F: Scalar, const N: usize>(a: Strided<'_, F>, panel: &[F], c: &mut [F], place: Place, rows: usize) {
    match rows {
        1 => tile!(1, a, panel, c, place, 0 s0 a0),
        2 => tile!(2, a, panel, c, place, 0 s0 a0, 1 s1 a1),
        3 => tile!(3, a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2),
        4 => tile!(4, a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2, 3 s3 a3),
        5 => tile!(5, a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2, 3 s3 a3, 4 s4 a4),
        _ => tile!(6, a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2, 3 s3 a3, 4 s4 a4, 5 s5 a5),
    }
}

/// C += A'B for A (rows, m) and B (rows, n), both in rows: the sum over time and trials that gives the gradient of weights.
/// Blocks of rows keep both operands in cache.
pub fn add_transposed_product<F: Scalar>(a: &[F], m: usize, b: &[F], n: usize, c: &mut [F], packed: &mut Packed<F>) {
    const BLOCK: usize = 192;
    if m == 0 || n == 0 {
        return;
    }
    for (a, b) in a.chunks(BLOCK * m).zip(b.chunks(BLOCK * n)) {
        packed.fill(Strided::rows(b, n), b.len() / n, n);
        packed.multiply(Strided::transposed(a, m), m, c, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(a: &[f64], b: &[f64], m: usize, k: usize, n: usize) -> Vec<f64> {
        let mut c = vec![0.0; m * n];
        for i in 0..m {
            for p in 0..k {
                for j in 0..n {
                    c[i * n + j] = a[i * k + p].mul_add(b[p * n + j], c[i * n + j]);
                }
            }
        }
        c
    }

    #[test]
    fn products_equal_three_loops_to_the_bit_at_awkward_sizes() {
        for (m, k, n) in [(1, 1, 1), (6, 3, 8), (7, 5, 9), (13, 17, 40), (5, 0, 3), (12, 64, 16), (3, 4, 1), (9, 6, 27)]
        {
            let value = |i: usize| ((i * 37 + m * 11 + k) as f64 * 0.713).sin();
            let a: Vec<f64> = (0..m * k).map(value).collect();
            let b: Vec<f64> = (0..k * n).map(|i| value(i + 1000)).collect();
            let mut packed = Packed::new(Strided::rows(&b, n), k, n);
            let mut c = vec![9.0; m * n];
            packed.multiply(Strided::rows(&a, k), m, &mut c, false);
            assert_eq!(c, naive(&a, &b, m, k, n), "{m} {k} {n}");
            // The same with panels of either width.
            for tile in [8, 16] {
                packed.fill_panels(Strided::rows(&b, n), k, n, tile);
                let mut d = vec![9.0; m * n];
                packed.multiply(Strided::rows(&a, k), m, &mut d, false);
                assert_eq!(c, d, "{m} {k} {n}, panels of {tile}");
            }
            // The same from transposed operands.
            let turned: Vec<f64> = (0..k * m).map(|i| a[(i % m.max(1)) * k + i / m.max(1)]).collect();
            let b_turned: Vec<f64> = (0..k * n).map(|i| b[(i % k.max(1)) * n + i / k.max(1)]).collect();
            let mut d = vec![0.0; m * n];
            Packed::new(Strided::transposed(&b_turned, k), k, n).multiply(
                Strided::transposed(&turned, m),
                m,
                &mut d,
                true,
            );
            assert_eq!(c, d, "{m} {k} {n}");
        }
    }

    #[test]
    fn blocks_of_rows_add_up() {
        let (rows, m, n) = (500, 7, 10);
        let a: Vec<f32> = (0..rows * m).map(|i| (i as f32 * 0.37).sin()).collect();
        let b: Vec<f32> = (0..rows * n).map(|i| (i as f32 * 0.11).cos()).collect();
        let mut c = vec![0.0; m * n];
        add_transposed_product(&a, m, &b, n, &mut c, &mut Packed::new(Strided::rows(&b, n), 0, 0));
        for i in 0..m {
            for j in 0..n {
                let exact: f64 = (0..rows).map(|r| f64::from(a[r * m + i]) * f64::from(b[r * n + j])).sum();
                // 500 products of size 1 in single precision.
                assert!((f64::from(c[i * n + j]) - exact).abs() < 1e-4);
            }
        }
    }
}
