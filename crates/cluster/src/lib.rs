//! k-means.
