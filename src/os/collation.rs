//! The order in which the user's locale puts names (`LC_COLLATE`), as the C library's `glob` sorts by it. Knows nothing of files.

use crate::os::sys::Locale;
use std::cell::OnceCell;
use std::ffi::CString;

/// The user's order of names; asked for when there is first something to sort.
#[derive(Default)]
pub struct Collation(OnceCell<Option<Locale>>);

impl Collation {
    /// Sorts `names`, by their bytes where the locale says nothing else.
    pub fn sort(&self, names: &mut [Vec<u8>]) {
        names.sort_unstable();
        if names.len() < 2 {
            return;
        }
        let Some(locale) = self.0.get_or_init(of_the_user) else { return };
        let Ok(mut texts) = names.iter().map(|name| CString::new(&name[..])).collect::<Result<Vec<_>, _>>()
        else {
            return;
        };
        texts.sort_by(|one, other| locale.compare(one, other));
        for (name, text) in names.iter_mut().zip(texts) {
            *name = text.into_bytes();
        }
    }
}

/// The locale, unless it is one that sorts by bytes.
fn of_the_user() -> Option<Locale> {
    let named = ["LC_ALL", "LC_COLLATE", "LANG"].into_iter().filter_map(std::env::var_os);
    let name = named.into_iter().find(|name| !name.is_empty())?;
    if matches!(name.as_encoded_bytes(), b"C" | b"POSIX" | [b'C', b'.', ..]) {
        return None;
    }
    Locale::of_the_user()
}
