//! The one place where this crate draws random numbers.

/// A number from 0 up to, not including, 1.
pub(crate) fn fraction() -> f64 {
    rand::random()
}

/// A name that no other worker has.
pub(crate) fn name() -> String {
    format!("{:032x}", rand::random::<u128>())
}
