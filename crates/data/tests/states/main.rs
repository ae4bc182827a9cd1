//! The readers of states: good files of every format, and every way in which one can be bad.

mod arrays;
mod counts;
mod damage;
mod parquet;
mod support;
mod table;
mod text;
