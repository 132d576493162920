//! Fixed points.
