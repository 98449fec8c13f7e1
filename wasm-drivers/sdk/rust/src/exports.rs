//! What a module exports: see [`crate::export!`].

use std::cell::RefCell;

use crate::{log, Driver, Level};

thread_local! {
    static DRIVER: RefCell<Option<Driver>> = RefCell::new(None);
    static INCOMING: RefCell<Vec<u8>> = RefCell::new(Vec::new());
    static OUTGOING: RefCell<Vec<u8>> = RefCell::new(Vec::new());
}

/// Memory for a message of the host.
pub fn alloc(len: usize) -> *mut u8 {
    INCOMING.with(|b| {
        let mut b = b.borrow_mut();
        b.clear();
        b.resize(len.max(1), 0);
        b.as_mut_ptr()
    })
}

pub fn describe(make: fn() -> Driver) -> u64 {
    give(with(make, |d| d.describe()))
}

/// Answers the message in the memory that [`alloc`] gave.
pub fn call(make: fn() -> Driver, len: usize) -> u64 {
    let message = INCOMING.with(|b| std::mem::take(&mut *b.borrow_mut()));
    let answer = with(make, |d| d.call(&message[..len.min(message.len())]));
    INCOMING.with(|b| *b.borrow_mut() = message);
    give(answer)
}

fn with<T>(make: fn() -> Driver, f: impl FnOnce(&Driver) -> T) -> T {
    DRIVER.with(|d| {
        let mut d = d.borrow_mut();
        let driver = d.get_or_insert_with(|| {
            // A trap tells the host nothing; the panic's message does.
            std::panic::set_hook(Box::new(|info| log(Level::Error, &info.to_string())));
            make()
        });
        f(driver)
    })
}

/// Keeps an answer until the next call, and says where it is.
fn give(answer: Vec<u8>) -> u64 {
    OUTGOING.with(|b| {
        let mut b = b.borrow_mut();
        *b = answer;
        (b.as_ptr() as usize as u64) << 32 | b.len() as u64
    })
}

/// Makes a driver a module. It takes the name of the function that makes the
/// [`Driver`].
#[macro_export]
macro_rules! export {
    ($driver:path) => {
        #[no_mangle]
        pub extern "C" fn cloudlark_abi_version() -> i32 {
            1
        }

        #[no_mangle]
        pub extern "C" fn cloudlark_alloc(len: usize) -> *mut u8 {
            $crate::exports::alloc(len)
        }

        #[no_mangle]
        pub extern "C" fn cloudlark_describe() -> u64 {
            $crate::exports::describe($driver)
        }

        #[no_mangle]
        pub extern "C" fn cloudlark_call(_: *const u8, len: usize) -> u64 {
            $crate::exports::call($driver, len)
        }
    };
}
