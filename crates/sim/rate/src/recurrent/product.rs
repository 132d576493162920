//! Matrix products of the recurrent loop: one operand is packed into panels once and used at every time step.
//!
//! C (m, n) = A (m, k) B (k, n). B lies in panels of [`Scalar::TILE`] columns, so the innermost loop reads it in order; a tile of
//! six rows stays in registers over the whole of k. Each element of C is one chain of fused multiply-adds in the order of k, so its
//! bytes do not depend on the tiling or on the width of vectors (the scheme of Goto & van de Geijn 2008, ACM TOMS 34:12).

use rheobase_core::vectorised::{Kernel, vectorised};

use super::scalar::Scalar;

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
            while row < self.m {
                let a = Strided { values: &self.a.values[row * self.a.row..], ..self.a };
                let c = &mut self.c[row * n + column..];
                let place = Place { k, n, width: N.min(n - column), accumulate: self.accumulate };
                match self.m - row {
                    1 => tile::<F, N, 1>(a, panel, c, place),
                    2 => tile::<F, N, 2>(a, panel, c, place),
                    3 => tile::<F, N, 3>(a, panel, c, place),
                    4 => tile::<F, N, 4>(a, panel, c, place),
                    5 => tile::<F, N, 5>(a, panel, c, place),
                    _ => tile::<F, N, 6>(a, panel, c, place),
                }
                row += 6;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Place {
    k: usize,
    n: usize,
    width: usize,
    accumulate: bool,
}

/// M rows by N columns of C, kept in registers over all of k.
#[inline(always)]
fn tile<F: Scalar, const N: usize, const M: usize>(a: Strided<'_, F>, panel: &[F], c: &mut [F], place: Place) {
    let Place { k, n, width, accumulate } = place;
    let mut sums = [[F::ZERO; N]; M];
    if accumulate {
        for (i, line) in sums.iter_mut().enumerate() {
            line[..width].copy_from_slice(&c[i * n..i * n + width]);
        }
    }
    // Lines as arrays: their length is known, so the loop over j becomes vectors without checks.
    let lines = panel.as_chunks::<N>().0;
    let k = k.min(lines.len());
    if a.column == 1 {
        let rows: [&[F]; M] = std::array::from_fn(|i| &a.values[i * a.row..][..k]);
        for p in 0..k {
            let line = &lines[p];
            for i in 0..M {
                let x = rows[i][p];
                for j in 0..N {
                    sums[i][j] = x.fused(line[j], sums[i][j]);
                }
            }
        }
    } else {
        for (p, line) in lines.iter().enumerate() {
            let start = p * a.column;
            let column = &a.values[start..start + (M - 1) * a.row + 1];
            for i in 0..M {
                let x = column[i * a.row];
                for j in 0..N {
                    sums[i][j] = x.fused(line[j], sums[i][j]);
                }
            }
        }
    }
    for (i, line) in sums.iter().enumerate() {
        c[i * n..i * n + width].copy_from_slice(&line[..width]);
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
