// Made by wasm-drivers/sdk/internal/gen from the contracts in drivers/; not to be edited.

//! The contracts: what the operations of each family take and answer with.

pub mod compute;
pub mod storage;
pub mod lb;
pub mod container;
