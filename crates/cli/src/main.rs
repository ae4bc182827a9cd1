//! The command line of resrel.

fn main() {}
