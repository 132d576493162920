//! Systems whose fixed points are known.

use ndarray::{Array1, Array2, ArrayView1, array};
use rand_distr::{Distribution, StandardNormal};
use rheobase_core::{Dynamics, Seed, Silent};
use rheobase_fixed_point::basin::reached;
use rheobase_fixed_point::{Continuation, Error, Linearisation, Search, Shape, manifolds};

/// F(x) = tanh(x W + u).
struct Tanh(Array2<f64>);

impl Dynamics for Tanh {
    fn dimension(&self) -> usize {
        self.0.nrows()
    }
    fn step(&self, x: ArrayView1<'_, f64>, u: ArrayView1<'_, f64>) -> Array1<f64> {
        let drive = x.dot(&self.0);
        if u.is_empty() { drive.mapv(f64::tanh) } else { (drive + u).mapv(f64::tanh) }
    }
    fn jacobian(&self, x: ArrayView1<'_, f64>, u: ArrayView1<'_, f64>) -> Array2<f64> {
        let slopes = self.step(x, u).mapv(|y| 1.0 - y * y);
        Array2::from_shape_fn(self.0.dim(), |(i, j)| slopes[i] * self.0[[j, i]])
    }
}

/// F(x) = A x + b.
struct Linear(Array2<f64>, Array1<f64>);

impl Dynamics for Linear {
    fn dimension(&self) -> usize {
        self.1.len()
    }
    fn step(&self, x: ArrayView1<'_, f64>, _: ArrayView1<'_, f64>) -> Array1<f64> {
        self.0.dot(&x) + &self.1
    }
}

/// W[i, :] = -roll(linspace(-1, 1, n), -i).
fn ring(n: usize) -> Tanh {
    let line = Array1::linspace(-1.0, 1.0, n);
    Tanh(Array2::from_shape_fn((n, n), |(i, j)| -line[(j + i) % n]))
}

fn starts(n: usize, count: usize, sd: f64) -> Array2<f64> {
    let mut stream = Seed::root(17).stream();
    Array2::from_shape_simple_fn((count, n), || sd * Distribution::<f64>::sample(&StandardNormal, &mut stream))
}

fn none() -> Array1<f64> {
    Array1::zeros(0)
}

/// Whether one of the points is within 1e-8 of this one; the digits of the reference end there.
fn has(points: &[Array1<f64>], wanted: &[f64]) -> bool {
    points.iter().any(|p| p.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-8))
}

/// A fixed point and its leading eigenvalue.
type KnownPoint = (Vec<f64>, f64);

#[test]
fn tanh_rings_have_the_published_points_and_eigenvalues() {
    let expected: [(usize, Vec<KnownPoint>); 3] = [
        (2, vec![(vec![0.0, 0.0], 2.0), (vec![0.95750402, -0.95750402], 0.16637)]),
        (3, vec![(vec![0.0; 3], 1.73205), (vec![0.94979571, -0.4255023, -0.879894], -1.00641)]),
        (
            4,
            vec![
                (vec![0.0; 4], 1.88562),
                (vec![0.96289191, 0.52523523, -0.96289191, -0.52523523], -1.04743),
                (vec![0.87726314, -0.56969616, 0.339745, -0.78964767], 1.31596),
                (vec![0.339745, -0.78964767, 0.87726314, -0.56969616], 1.31596),
                (vec![0.77551631, -0.77551631, 0.77551631, -0.77551631], 0.75156),
            ],
        ),
    ];
    for (n, points) in expected {
        let map = ring(n);
        let found = Search::default().run(&map, starts(n, 512, 0.8).view(), none().view(), &Silent).unwrap();
        let states: Vec<Array1<f64>> = found.fixed.iter().map(|p| p.state.clone()).collect();
        for (point, leading) in &points {
            let opposite: Vec<f64> = point.iter().map(|v| -v).collect();
            assert!(has(&states, point) && has(&states, &opposite), "n {n}: {point:?} of {states:?}");
            let state = states.iter().find(|s| has(&[(*s).clone()], point)).unwrap();
            let linear = Linearisation::at(&map, state.view(), none().view()).unwrap();
            assert!((linear.values[0].norm() - leading.abs()).abs() < 1e-4, "n {n}: {}", linear.values[0]);
            if linear.values[0].im == 0.0 && n != 3 {
                assert!((linear.values[0].re - leading).abs() < 1e-4);
            }
        }
        // 0 counts once, every other with its opposite.
        assert_eq!(states.len(), 2 * points.len() - 1, "n {n}");
        for p in &found.fixed {
            let exact = map.step(p.state.view(), none().view());
            let q = (&exact - &p.state).mapv(|v| v * v).sum() / 2.0;
            assert_eq!(q, p.q, "q is that of the point returned");
            assert!(q <= 1e-20);
        }
    }
}

#[test]
fn positions_are_exact_to_1e_10_where_a_scalar_equation_gives_them() {
    // x = tanh(2 x) by bisection.
    let (mut low, mut high) = (0.5_f64, 1.0_f64);
    for _ in 0..80 {
        let middle = f64::midpoint(low, high);
        if (2.0 * middle).tanh() > middle { low = middle } else { high = middle }
    }
    let found = Search::default().run(&ring(2), starts(2, 64, 0.8).view(), none().view(), &Silent).unwrap();
    let largest = found.fixed.iter().map(|p| p.state[0]).fold(0.0, f64::max);
    assert!((largest - low).abs() < 1e-10, "{largest} {low}");
}

#[test]
fn three_independent_bits_have_27_points_by_index() {
    let map = Tanh(Array2::eye(3) * 2.0);
    let found = Search::default().run(&map, starts(3, 1024, 0.7).view(), none().view(), &Silent).unwrap();
    let mut by_index = [0; 4];
    let mut stable = vec![];
    for p in &found.fixed {
        let linear = Linearisation::at(&map, p.state.view(), none().view()).unwrap();
        by_index[linear.index()] += 1;
        if linear.is_stable() {
            stable.push(p.state.clone());
        }
        assert!(linear.departure_from_normality() < 1e-6);
    }
    assert_eq!(by_index, [8, 12, 6, 1]);
    // By symmetry every corner draws an eighth of the states; 2,000 starts have a standard error of 15.
    let ends = reached(&map, starts(3, 2000, 1.0).view(), none().view(), &stable, 1e-3, 200, 2);
    for k in 0..8 {
        let share = ends.iter().filter(|e| **e == Some(k)).count();
        assert!((190..310).contains(&share), "{share}");
    }
}

#[test]
fn a_linear_map_has_its_one_point_and_time_constants() {
    let a = array![[0.5, 0.2], [0.0, 0.8]];
    let map = Linear(a.clone(), array![1.0, -0.5]);
    let found = Search::default().run(&map, starts(2, 20, 3.0).view(), none().view(), &Silent).unwrap();
    assert_eq!((found.fixed.len(), found.converged), (1, 20));
    let exact = [(1.0 + 0.2 * -2.5) / 0.5, -2.5];
    assert!((found.fixed[0].state[0] - exact[0]).abs() < 1e-12 && (found.fixed[0].state[1] - exact[1]).abs() < 1e-12);
    let linear = Linearisation::at(&map, found.fixed[0].state.view(), none().view()).unwrap();
    assert!((linear.time_constant(0, 10.0) - -10.0 / 0.8_f64.ln()).abs() < 1e-6);
    // The left eigenvector of .8 in the basis of the rows: l A = .8 l, l = (0, 1) up to scale; l'r = 1.
    let (l, r) = (linear.left.column(0), linear.right.column(0));
    assert!(l[0].norm() < 1e-9 && ((l[0] * r[0] + l[1] * r[1]).re - 1.0).abs() < 1e-12);
    // A rotation by 30 degrees that shrinks: a twelfth of a turn each step.
    let (s, c) = (std::f64::consts::PI / 6.0).sin_cos();
    let spiral = Linear(array![[c, -s], [s, c]] * 0.9, array![0.0, 0.0]);
    let linear = Linearisation::at(&spiral, array![0.0, 0.0].view(), none().view()).unwrap();
    assert!((linear.frequency(0, 0.01) - 100.0 / 12.0).abs() < 1e-4 && linear.is_stable());
}

#[test]
fn a_line_attractor_is_reported_as_one_manifold_along_its_null_vector() {
    // Eigenvalue 1 along (3, 4)/5, and .5 across.
    let v = array![0.6, 0.8];
    let projector = Array2::from_shape_fn((2, 2), |(i, j)| v[i] * v[j]);
    let map = Linear(Array2::eye(2) * 0.5 + projector * 0.5, array![0.0, 0.0]);
    let search = Search { unique_distance: 0.02, ..Search::default() };
    let found = search.run(&map, starts(2, 200, 1.0).view(), none().view(), &Silent).unwrap();
    assert!(found.fixed.len() > 30, "{}", found.fixed.len());
    let points: Vec<Array1<f64>> = found.fixed.iter().map(|p| p.state.clone()).collect();
    // All lie on the line, and no two are the same.
    assert!(points.iter().all(|p| (p[0] * 0.8 - p[1] * 0.6).abs() < 1e-9));
    let linear: Vec<_> = points.iter().map(|p| Linearisation::at(&map, p.view(), none().view()).unwrap()).collect();
    let manifolds = manifolds(&points, &linear);
    assert_eq!(manifolds.len(), 1);
    assert_eq!(manifolds[0].shape, Shape::Line);
    assert!(manifolds[0].points.len() > points.len() * 8 / 10 && manifolds[0].tangent_cosine > 0.999);
    assert!((manifolds[0].second_modulus - 0.5).abs() < 1e-9);
}

#[test]
fn a_ring_attractor_is_closed() {
    /// Radius relaxes to 1, the angle stays.
    struct Ring;
    impl Dynamics for Ring {
        fn dimension(&self) -> usize {
            2
        }
        fn step(&self, x: ArrayView1<'_, f64>, _: ArrayView1<'_, f64>) -> Array1<f64> {
            let r = x.dot(&x).sqrt().max(1e-9);
            &x * ((0.5 + 0.5 * r) / r)
        }
    }
    let search = Search { unique_distance: 0.05, ..Search::default() };
    let found = search.run(&Ring, starts(2, 300, 1.0).view(), none().view(), &Silent).unwrap();
    let points: Vec<Array1<f64>> = found.fixed.iter().map(|p| p.state.clone()).collect();
    let linear: Vec<_> = points.iter().map(|p| Linearisation::at(&Ring, p.view(), none().view()).unwrap()).collect();
    let manifolds = manifolds(&points, &linear);
    assert_eq!((manifolds.len(), manifolds[0].shape), (1, Shape::Ring));
    // Chords of a unit circle: a little under its length.
    assert!((manifolds[0].length - std::f64::consts::TAU).abs() < 0.6, "{}", manifolds[0].length);
}

#[test]
fn the_number_of_points_of_a_scalar_tanh_follows_its_gain_and_input() {
    for (gain, points) in [(0.5, 1), (0.95, 1), (1.05, 3), (2.0, 3)] {
        let map = Tanh(array![[gain]]);
        let found = Search::default().run(&map, starts(1, 100, 1.0).view(), none().view(), &Silent).unwrap();
        assert_eq!(found.fixed.len(), points, "gain {gain}");
    }
}

#[test]
fn continuation_passes_the_folds_of_a_hysteresis_loop() {
    // x = tanh(2 x + u): folds where 2 (1 - x^2) = 1, x = -+ sqrt(1/2), u = atanh(x) - 2 x.
    let map = Tanh(array![[2.0]]);
    let fold = std::f64::consts::FRAC_1_SQRT_2;
    let u_fold = fold.atanh() - 2.0 * fold;
    let start = Search::default()
        .run(&map, array![[-0.99]].view(), array![-1.0].view(), &Silent)
        .unwrap()
        .fixed
        .remove(0)
        .state;
    let walk = Continuation { from: array![-1.0], to: array![1.0], step: 0.02, most: 2000 };
    let branch = walk.branch(&map, start.view()).unwrap();
    for p in &branch {
        let u = array![-1.0 + 2.0 * p.s];
        assert!((map.step(p.state.view(), u.view())[0] - p.state[0]).abs() < 1e-10);
    }
    let inputs: Vec<f64> = branch.iter().map(|p| -1.0 + 2.0 * p.s).collect();
    // Forward to the first fold, back to the second, forward to the end.
    let turn = inputs.windows(2).position(|w| w[1] < w[0]).unwrap();
    assert!((inputs[turn] - -u_fold).abs() < 1e-3, "{} {}", inputs[turn], -u_fold);
    let back = turn + inputs[turn..].windows(2).skip(1).position(|w| w[1] > w[0]).unwrap() + 1;
    assert!((inputs[back] - u_fold).abs() < 1e-3);
    assert!(*inputs.last().unwrap() > 1.0 && branch.last().unwrap().state[0] > 0.9);
}

#[test]
fn threads_do_not_change_a_byte_and_mistakes_are_named() {
    let (map, starts) = (ring(4), starts(4, 300, 0.8));
    let with =
        |threads| Search { threads, ..Search::default() }.run(&map, starts.view(), none().view(), &Silent).unwrap();
    assert_eq!(with(1), with(2));
    let wrong = Search::default().run(&map, Array2::zeros((3, 5)).view(), none().view(), &Silent);
    assert_eq!(wrong, Err(Error::Size { what: "a start", found: 5, expected: 4 }));
    let bad = Search { tolerance_q: 0.0, ..Search::default() };
    let message = bad.run(&map, starts.view(), none().view(), &Silent).unwrap_err().to_string();
    assert_eq!(message, "tolerance_q is 0, allowed is above 0");
}
