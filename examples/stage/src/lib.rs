//! What stands around a small example, so that its own files are a seller's code and a buyer's:
//!
//! - the command line, the same for all: a tour, or `--serve`;
//! - the settings: test money on a chain in this process, or what the environment says;
//! - what a tour prints, and balances that have to add up.
//!
//! A seller has none of this: in production a setting is a variable of the environment.

mod arguments;
mod end;
pub mod program;
mod purses;
mod scratch;
mod settings;
mod stage;
mod unpaid;

pub use arguments::Errand;
pub use end::{Failure, Stop, end, interrupted};
pub use purses::Purses;
pub use stage::{Invitation, Stage};
pub use unpaid::{http, unpaid};
