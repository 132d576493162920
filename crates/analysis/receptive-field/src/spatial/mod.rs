//! Where an animal is, and what a unit says about it: rate maps, spatial information, grids, borders, head direction, phase precession.

pub mod autocorrelogram;
pub mod border;
pub mod direction;
pub mod ellipse;
pub mod grid;
pub mod information;
pub mod map;
pub mod precession;
pub mod rotation;
