//! Every figure, drawn of small hand-made records.

mod compare;
mod fig2;
mod fig3;
mod single;
mod support;
