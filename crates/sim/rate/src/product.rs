//! Matrix products of training loops: one operand is packed into panels once and used many times.
//!
//! C (m, n) = A (m, k) B (k, n). B lies in panels of [`Scalar::TILE`] columns, so the innermost loop reads it in order; a tile of
//! six rows stays in registers over the whole of k. Each element of C is one chain of fused multiply-adds in the order of k, so its
//! bytes do not depend on the tiling or on the width of vectors (the scheme of Goto & van de Geijn 2008, ACM TOMS 34:12).

use rheobase_core::vectorised::{Kernel, vectorised};

use crate::scalar::Scalar;

/// A matrix packed into panels of columns.
#[derive(Debug, Clone)]
pub struct Packed<F> {
    panels: Vec<F>,
    rows: usize,
    columns: usize,
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
        let mut packed = Self { panels: Vec::new(), rows: 0, columns: 0 };
        packed.fill(matrix, rows, columns);
        packed
    }

    /// Packs another matrix into the same memory.
    pub fn fill(&mut self, matrix: Strided<'_, F>, rows: usize, columns: usize) {
        let tile = F::TILE;
        let panels = columns.div_ceil(tile);
        (self.rows, self.columns) = (rows, columns);
        self.panels.clear();
        self.panels.resize(panels * rows * tile, F::ZERO);
        for (index, panel) in self.panels.chunks_exact_mut((rows * tile).max(1)).enumerate() {
            let first = index * tile;
            let width = tile.min(columns - first);
            for (p, line) in panel.chunks_exact_mut(tile).enumerate() {
                let start = p * matrix.row + first * matrix.column;
                if matrix.column == 1 {
                    line[..width].copy_from_slice(&matrix.values[start..start + width]);
                } else {
                    for (j, value) in line[..width].iter_mut().enumerate() {
                        *value = matrix.values[start + j * matrix.column];
                    }
                }
            }
        }
    }

    /// C = A B, or C += A B: A has `m` rows, C lies in rows of `columns` values.
    pub fn multiply(&self, a: Strided<'_, F>, m: usize, c: &mut [F], accumulate: bool) {
        if F::TILE == 16 {
            vectorised(Product::<'_, F, 16> { a, m, b: self, c, accumulate });
        } else {
            vectorised(Product::<'_, F, 8> { a, m, b: self, c, accumulate });
        }
    }
}

struct Product<'a, F, const N: usize> {
    a: Strided<'a, F>,
    m: usize,
    b: &'a Packed<F>,
    c: &'a mut [F],
    accumulate: bool,
}

impl<F: Scalar, const N: usize> Kernel for Product<'_, F, N> {
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
        for (index, panel) in self.b.panels.chunks_exact(k * N).enumerate() {
            let column = index * N;
            let mut row = 0;
            let width = N.min(n - column);
            while row < self.m {
                let rows = ROWS.min(self.m - row);
                let a = Strided { values: &self.a.values[row * self.a.row..], ..self.a };
                let c = &mut self.c[row * n + column..];
                if width == N {
                    tiles::<F, N>(a, panel, c, Place { k, n, accumulate: self.accumulate }, rows);
                } else {
                    // A panel at the edge goes through a full tile of its own.
                    let mut edge = [F::ZERO; EDGE];
                    if self.accumulate {
                        for i in 0..rows {
                            edge[i * N..i * N + width].copy_from_slice(&c[i * n..i * n + width]);
                        }
                    }
                    tiles::<F, N>(a, panel, &mut edge, Place { k, n: N, accumulate: self.accumulate }, rows);
                    for i in 0..rows {
                        c[i * n..i * n + width].copy_from_slice(&edge[i * N..i * N + width]);
                    }
                }
                row += ROWS;
            }
        }
    }
}

/// Rows of a tile: with two vectors each they fill twelve of sixteen registers.
const ROWS: usize = 6;
/// Values of the largest tile.
const EDGE: usize = ROWS * 16;

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
    ($a:ident, $panel:ident, $c:ident, $place:ident, $($row:literal $sum:ident $own:ident),+) => {{
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
        } else {
            // Rows lie side by side in a transposed operand.
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
        1 => tile!(a, panel, c, place, 0 s0 a0),
        2 => tile!(a, panel, c, place, 0 s0 a0, 1 s1 a1),
        3 => tile!(a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2),
        4 => tile!(a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2, 3 s3 a3),
        5 => tile!(a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2, 3 s3 a3, 4 s4 a4),
        _ => tile!(a, panel, c, place, 0 s0 a0, 1 s1 a1, 2 s2 a2, 3 s3 a3, 4 s4 a4, 5 s5 a5),
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
        for (m, k, n) in [(1, 1, 1), (6, 3, 8), (7, 5, 9), (13, 17, 40), (5, 0, 3), (12, 64, 16), (3, 4, 1)] {
            let value = |i: usize| ((i * 37 + m * 11 + k) as f64 * 0.713).sin();
            let a: Vec<f64> = (0..m * k).map(value).collect();
            let b: Vec<f64> = (0..k * n).map(|i| value(i + 1000)).collect();
            let packed = Packed::new(Strided::rows(&b, n), k, n);
            let mut c = vec![9.0; m * n];
            packed.multiply(Strided::rows(&a, k), m, &mut c, false);
            assert_eq!(c, naive(&a, &b, m, k, n), "{m} {k} {n}");
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
