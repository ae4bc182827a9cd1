//! The readers of states: good files of every format, and every way in which one can be bad.

mod arrays;
mod support;
mod text;
