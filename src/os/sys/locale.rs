//! The system's order of texts. Knows nothing of what they are.

use std::cmp::Ordering;
use std::ffi::{CStr, c_char, c_int};

/// A locale's order.
pub struct Locale(libc::locale_t);

unsafe extern "C" {
    fn strcoll_l(one: *const c_char, other: *const c_char, locale: libc::locale_t) -> c_int;
}

impl Locale {
    /// That which the environment names; none where the system does not have it.
    pub fn of_the_user() -> Option<Locale> {
        // SAFETY: the name is a text that ends in a null byte, and a null base asks for a new locale.
        let locale = unsafe { libc::newlocale(libc::LC_COLLATE_MASK, c"".as_ptr(), std::ptr::null_mut()) };
        (!locale.is_null()).then(|| Locale(locale))
    }

    /// How the locale orders two texts.
    pub fn compare(&self, one: &CStr, other: &CStr) -> Ordering {
        // SAFETY: both texts end in a null byte and live through the call, and the locale lives as long as `self`.
        unsafe { strcoll_l(one.as_ptr(), other.as_ptr(), self.0) }.cmp(&0)
    }
}

impl Drop for Locale {
    fn drop(&mut self) {
        // SAFETY: the locale came from `newlocale` and is freed once.
        unsafe { libc::freelocale(self.0) }
    }
}
