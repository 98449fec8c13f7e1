//! Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.
//!
//! The contracts: what the operations of each family take and answer with.

pub const compute = @import("contracts/compute.zig");
pub const storage = @import("contracts/storage.zig");
pub const lb = @import("contracts/lb.zig");
pub const container = @import("contracts/container.zig");
