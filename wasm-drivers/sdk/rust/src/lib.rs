//! Drivers for Cloudlark, written in Rust and loaded as WebAssembly modules.
//!
//! A driver is a [`Driver`] with a function for each operation that it has. What
//! an operation takes and answers with are the types of the contracts, in
//! [`compute`], [`storage`], [`lb`] and [`container`]; which operations a driver
//! has follows from the functions:
//!
//! ```
//! use cloudlark::{compute, Call, Driver, Page, Result};
//!
//! fn list_locations(_: &Call, _: compute::ListLocations) -> Result<Page<compute::Location>> {
//!     Ok(Page::last(vec![compute::Location { id: "home".into(), ..Default::default() }]))
//! }
//!
//! fn driver() -> Driver {
//!     Driver::new("example", "0.1.0").title("Example Cloud").on(list_locations)
//! }
//!
//! cloudlark::export!(driver);
//! # fn main() {}
//! ```
//!
//! Requests to the provider are [`Request`]s, which the host sends; it adds the
//! credential that a request names. Nothing else is reachable. docs/driver-abi.md
//! says how host and guest talk to each other.

mod contracts;
mod describe;
mod driver;
mod error;
pub mod exports;
mod host;
mod http;
mod stream;
mod wire;

pub use contracts::{compute, container, lb, storage};
pub use describe::{Credential, Field};
pub use driver::{Call, Driver, Operation, Page, Shape};
pub use error::{Error, Kind, Result};
pub use host::{log, poll, sleep, Level};
pub use http::{presign, Pending, Request, Response};
pub use stream::{Digest, Info, Stream};
