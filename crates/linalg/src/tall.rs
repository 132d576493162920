//! A'B of matrices that lie in rows: the product in which covariances, alignments and regressions spend their time.
//!
//! The scheme of Goto & van de Geijn 2008 (ACM TOMS 34:12): rows are taken in blocks, a block's columns are packed into narrow panels, and a tile
//! of the result stays in registers over a block. A block is packed once, whatever products it takes part in. Every element is one chain of
//! fused multiply-adds in the order of the rows, so its bytes depend neither on the tile nor on the width of the machine's vectors.

use std::ops::Range;

use rheobase_core::parallel;
use rheobase_core::vectorised::{Kernel, has_512_bits, vectorised};

use crate::products::mirror_lower;

/// Columns of a panel, and of a tile of the result either way: three vectors of 512 bits, six of 256.
const WIDTH: usize = 24;
/// Rows packed at a time: memory is read from several places at once.
const TOGETHER: usize = 8;
/// Up to so many columns a matrix is not worth packing the other for: memory is the limit.
pub const THIN: usize = 4;

/// A'B for A (rows, m) and B (rows, n): (m, n).
pub fn transposed(a: &[f64], m: usize, b: &[f64], n: usize) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    if m <= THIN {
        vectorised(Thin { thin: a, few: m, wide: b, n, c: &mut c });
        return c;
    }
    if n <= THIN {
        let mut turned = vec![0.0; m * n];
        vectorised(Thin { thin: b, few: n, wide: a, n: m, c: &mut turned });
        for i in 0..m {
            for j in 0..n {
                c[i * n + j] = turned[j * m + i];
            }
        }
        return c;
    }
    let mut product = Tiles::new(m, n);
    tiled(Blocks { a: (a, m), b: (b, n), aa: None, ab: Some(&mut product), bb: None, sums: None });
    product.whole()
}

/// X'X for X (rows, n): (n, n). Each thread has rows of tiles of its own, so that their number never changes a byte.
pub fn symmetric(x: &[f64], n: usize, threads: usize) -> Vec<f64> {
    let shares = triangle_shares(n.div_ceil(WIDTH), threads);
    let parts = parallel::map(shares.len(), threads, |share| {
        let mut part = Tiles::of_rows(shares[share].clone(), n, n);
        tiled(Blocks { a: (x, n), b: (&[], 0), aa: Some(&mut part), ab: None, bb: None, sums: None });
        part
    });
    mirrored(&parts, n)
}

/// Cuts the rows of a lower triangle into shares of about the same area.
fn triangle_shares(rows: usize, shares: usize) -> Vec<Range<usize>> {
    let shares = shares.clamp(1, rows.max(1));
    let cut = |share: usize| (rows as f64 * (share as f64 / shares as f64).sqrt()).round() as usize;
    (0..shares).map(|share| cut(share)..cut(share + 1)).filter(|share| !share.is_empty()).collect()
}

/// X'X, Y'Y and X'Y of X (rows, p) and Y (rows, q), and the sums of their columns, in one pass over both.
pub struct Joint {
    /// X'X: (p, p).
    pub xx: Vec<f64>,
    /// Y'Y: (q, q).
    pub yy: Vec<f64>,
    /// X'Y: (p, q).
    pub xy: Vec<f64>,
    /// Sums of the columns of X, and of Y.
    pub sums: [Vec<f64>; 2],
}

impl Joint {
    /// Of matrices with equally many rows.
    pub fn of(x: &[f64], p: usize, y: &[f64], q: usize) -> Self {
        let (mut xx, mut yy, mut xy) = (Tiles::new(p, p), Tiles::new(q, q), Tiles::new(p, q));
        let mut sums = [vec![0.0; p], vec![0.0; q]];
        let [aa, ab, bb] = [&mut xx, &mut xy, &mut yy].map(Some);
        tiled(Blocks { a: (x, p), b: (y, q), aa, ab, bb, sums: Some(&mut sums) });
        Self { xx: mirrored(&[xx], p), yy: mirrored(&[yy], q), xy: xy.whole(), sums }
    }
}

/// Runs with the tile that this machine has registers for, and blocks of so many rows that two panels of one stay in the first cache: narrow
/// vectors read them slowly enough for the second cache to be felt, wide ones feel the result's tiles, which are read once a block.
fn tiled(blocks: Blocks<'_>) {
    // 24 vectors of 512 bits for the tile leave 8 for its operands; 12 of 256 bits leave 4, which is enough for two and a copied value but
    // not for three.
    if has_512_bits() {
        vectorised(Tiled::<'_, 8, WIDTH, 96>(blocks));
    } else {
        vectorised(Tiled::<'_, 6, 8, 64>(blocks));
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

/// A row of a panel, in whole lines of the cache: a vector that lies across two of them is read twice.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Row([f64; WIDTH]);

const ZEROS: Row = Row([0.0; WIDTH]);

/// A block of a matrix in panels: panel k holds columns from 24 k, the last one filled up with zeros.
struct Panels {
    rows: usize,
    values: Vec<Row>,
}

impl Panels {
    const fn new() -> Self {
        Self { rows: 0, values: vec![] }
    }

    #[inline(always)]
    fn pack(&mut self, block: &[f64], columns: usize) {
        self.rows = block.len() / columns;
        // Values beyond the last column are never read, whatever they are.
        self.values.resize(columns.div_ceil(WIDTH) * self.rows, ZEROS);
        for (group, rows) in block.chunks(columns * TOGETHER).enumerate() {
            for from in (0..columns).step_by(WIDTH) {
                let panel = &mut self.values[from / WIDTH * self.rows + group * TOGETHER..];
                for (to, row) in panel.iter_mut().zip(rows.chunks_exact(columns)) {
                    let part = &row[from..];
                    if let Some(part) = part.first_chunk::<WIDTH>() {
                        to.0 = *part;
                    } else {
                        // A loop, for a copy of so few values is not worth a call.
                        to.0.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn panel(&self, index: usize) -> &[Row] {
        &self.values[index * self.rows..][..self.rows]
    }
}

/// A result (m, n), or some of its rows of tiles, in square tiles, by rows of tiles: a tile lies in one piece, so that it is fetched while
/// the one before is worked on.
struct Tiles {
    /// Which rows of tiles these are.
    rows: Range<usize>,
    m: usize,
    n: usize,
    values: Vec<[Row; WIDTH]>,
}

impl Tiles {
    fn new(m: usize, n: usize) -> Self {
        Self::of_rows(0..m.div_ceil(WIDTH), m, n)
    }

    fn of_rows(rows: Range<usize>, m: usize, n: usize) -> Self {
        let values = vec![[ZEROS; WIDTH]; rows.len() * n.div_ceil(WIDTH)];
        Self { rows, m, n, values }
    }

    /// Adds a block's A'B; with `lower_only` what lies above the diagonal may be left unfinished.
    #[inline(always)]
    fn add<const R: usize, const N: usize>(&mut self, a: &Panels, b: &Panels, lower_only: bool) {
        for (i, tiles) in self.rows.clone().zip(self.values.chunks_exact_mut(self.n.div_ceil(WIDTH).max(1))) {
            let (own, height) = (a.panel(i), WIDTH.min(self.m - i * WIDTH));
            let across = if lower_only { i + 1 } else { tiles.len() };
            for (j, c) in tiles.iter_mut().enumerate().take(across) {
                let (panel, width) = (b.panel(j), WIDTH.min(self.n - j * WIDTH));
                for row in (0..height).step_by(R) {
                    let width = if lower_only && i == j { width.min(row + R) } else { width };
                    for column in (0..width).step_by(N) {
                        match width - column {
                            0..9 if N > 8 => tile::<R, 8>(own, row, panel, column, &mut c[row..]),
                            9..17 if N > 16 => tile::<R, 16>(own, row, panel, column, &mut c[row..]),
                            _ => tile::<R, N>(own, row, panel, column, &mut c[row..]),
                        }
                    }
                }
            }
        }
    }

    /// All of it, by rows.
    fn whole(&self) -> Vec<f64> {
        let mut whole = vec![0.0; self.m * self.n];
        self.write(&mut whole);
        whole
    }

    /// Puts it in its place in all of the result, by rows.
    fn write(&self, whole: &mut [f64]) {
        let own = whole.chunks_exact_mut(self.n.max(1)).enumerate().skip(self.rows.start * WIDTH);
        for (i, row) in own.take(self.rows.len() * WIDTH) {
            let tiles = &self.values[(i / WIDTH - self.rows.start) * self.n.div_ceil(WIDTH)..];
            for (part, tile) in row.chunks_mut(WIDTH).zip(tiles) {
                part.copy_from_slice(&tile[i % WIDTH].0[..part.len()]);
            }
        }
    }
}

/// All of a symmetric result (n, n), by rows, of whose parts only the lower triangle is finished.
fn mirrored(parts: &[Tiles], n: usize) -> Vec<f64> {
    let mut whole = vec![0.0; n * n];
    parts.iter().for_each(|part| part.write(&mut whole));
    mirror_lower(&mut whole, n);
    whole
}

/// Matrices A and B, (rows, columns) each, and which of their products are wanted.
struct Blocks<'a> {
    a: (&'a [f64], usize),
    /// Nothing where A alone is asked for.
    b: (&'a [f64], usize),
    aa: Option<&'a mut Tiles>,
    ab: Option<&'a mut Tiles>,
    bb: Option<&'a mut Tiles>,
    sums: Option<&'a mut [Vec<f64>; 2]>,
}

/// The products by tiles of R rows and N columns, over blocks of BLOCK rows of the matrices.
struct Tiled<'a, const R: usize, const N: usize, const BLOCK: usize>(Blocks<'a>);

impl<const R: usize, const N: usize, const BLOCK: usize> Kernel for Tiled<'_, R, N, BLOCK> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Blocks { a: (a, m), b: (b, n), mut aa, mut ab, mut bb, mut sums } = self.0;
        let (mut left, mut right) = (Panels::new(), Panels::new());
        let mut others = b.chunks(BLOCK * n.max(1));
        for own in a.chunks(BLOCK * m.max(1)) {
            left.pack(own, m);
            if let Some([sums, _]) = sums.as_deref_mut() {
                add_rows(own, sums);
            }
            if let Some(product) = aa.as_deref_mut() {
                product.add::<R, N>(&left, &left, true);
            }
            let Some(other) = others.next() else { continue };
            right.pack(other, n);
            if let Some([_, sums]) = sums.as_deref_mut() {
                add_rows(other, sums);
            }
            if let Some(product) = ab.as_deref_mut() {
                product.add::<R, N>(&left, &right, false);
            }
            if let Some(product) = bb.as_deref_mut() {
                product.add::<R, N>(&right, &right, true);
            }
        }
    }
}

#[inline(always)]
fn add_rows(block: &[f64], sums: &mut [f64]) {
    for row in block.chunks_exact(sums.len()) {
        for (sum, v) in sums.iter_mut().zip(row) {
            *sum += v;
        }
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
    ($a:ident, $b:ident, $c:ident, $column:ident, $($row:literal $sum:ident),+) => {{
        $(let mut $sum = *$c[$row].0[$column..].first_chunk::<N>().expect("a part of a panel");)+
        for (x, line) in $a.zip($b) {
            $($sum = add_scaled(x[$row], line, $sum);)+
        }
        $(*$c[$row].0[$column..].first_chunk_mut::<N>().expect("a part of a panel") = $sum;)+
    }};
}

/// c += a' b for R columns of panel a from `row` and N of panel b from `column`, which are also those of c.
#[inline(always)]
fn tile<const R: usize, const N: usize>(a: &[Row], row: usize, b: &[Row], column: usize, c: &mut [Row]) {
    // Checked before the loop, so that it holds no check.
    assert!(row + R <= WIDTH && column + N <= WIDTH && c.len() >= R, "a tile inside its panels");
    let a = a.iter().map(|line| line.0[row..].first_chunk::<R>().expect("a part of a panel"));
    let b = b.iter().map(|line| line.0[column..].first_chunk::<N>().expect("a part of a panel"));
    if R == 8 {
        rows!(a, b, c, column, 0 s0, 1 s1, 2 s2, 3 s3, 4 s4, 5 s5, 6 s6, 7 s7);
    } else {
        rows!(a, b, c, column, 0 s0, 1 s1, 2 s2, 3 s3, 4 s4, 5 s5);
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
            assert_eq!(transposed(&a, m, &b, n), expected, "{rows} {m} {n}");
            for wide in [true, false] {
                let mut product = Tiles::new(m, n);
                let blocks = Blocks { a: (&a, m), b: (&b, n), aa: None, ab: Some(&mut product), bb: None, sums: None };
                if wide {
                    Tiled::<'_, 8, 24, 128>(blocks).run()
                } else {
                    Tiled::<'_, 6, 8, 64>(blocks).run()
                }
                assert_eq!(product.whole(), expected, "{rows} {m} {n} {wide}");
            }
        }
    }

    #[test]
    fn one_pass_gives_the_products_of_three_and_the_sums() {
        for (rows, p, q) in [(150, 53, 30), (97, 5, 49), (200, 24, 8)] {
            let (x, y) = (matrix(rows, p, 3), matrix(rows, q, 4));
            let found = Joint::of(&x, p, &y, q);
            assert_eq!(found.xx, naive(&x, p, &x, p));
            assert_eq!(found.yy, naive(&y, q, &y, q));
            assert_eq!(found.xy, naive(&x, p, &y, q));
            for threads in [1, 2, 3, 50] {
                assert_eq!(symmetric(&x, p, threads), found.xx, "{threads} threads");
            }
            for (m, columns, sums) in [(&x, p, &found.sums[0]), (&y, q, &found.sums[1])] {
                let mut expected = vec![0.0; columns];
                m.chunks_exact(columns).for_each(|row| expected.iter_mut().zip(row).for_each(|(s, v)| *s += v));
                assert_eq!(*sums, expected);
            }
        }
    }

    #[test]
    fn nothing_times_nothing_is_nothing() {
        assert!(transposed(&[], 0, &[1.0, 2.0], 2).is_empty());
        assert_eq!(transposed(&[], 2, &[], 1), [0.0, 0.0]);
        assert_eq!(transposed(&[], 7, &[], 9), [0.0; 63]);
        let nothing = Joint::of(&[], 0, &[], 3);
        assert!(nothing.xx.is_empty() && nothing.xy.is_empty());
        assert_eq!(nothing.yy, [0.0; 9]);
    }
}
