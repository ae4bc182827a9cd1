//! How finely numbers are cut into digits.

/// A matrix whose numbers are all smaller would lose too much of them if it were cut into digits.
pub const FAINT: f32 = 1.0 / 16.0;

/// How near products of bytes, by the processor's matrix tiles or its vectors, come to exact ones. Where they are made in
/// another way, as those of three digits are by vectors, all are of single precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Three digits to the base of 256: within inner · 2⁻²⁰ · (largest of the column of the right matrix), and for states
    /// and pixels of 256 grey levels on the left within 2⁻²² · (their sum) · (largest of the column).
    Single,
    /// Two digits, for half to two thirds of the work: within inner · 2⁻¹³·⁷ · (largest of the column), and for states and
    /// pixels within 2⁻¹⁴·⁹ · (their sum) · (largest of the column). Rounding has no preferred sign, so that errors add up
    /// to much less. The gradient of a mini-batch is known far less well than that.
    Training,
}

impl Precision {
    /// Digits of a number.
    pub(crate) const fn digits(self) -> usize {
        match self {
            Self::Single => 3,
            Self::Training => 2,
        }
    }

    /// By how many bits numbers of the left matrix are shifted up to three whole digits: more than 21 of them single
    /// precision would not surely hold.
    pub(crate) const fn shift(self) -> u32 {
        match self {
            Self::Single => 3,
            Self::Training => 8,
        }
    }

    /// What 1 on the left is before it is shifted.
    pub(crate) const fn one(self) -> f32 {
        (255 << (16 - self.shift())) as f32
    }
}
