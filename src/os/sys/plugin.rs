//! Shared objects opened while the program runs, and the C functions that they may call back (manual, "Loading Dynamic
//! Objects"). Knows nothing of make: what the calls mean is told by [`Services`].
//!
//! Code of a loaded object is trusted as far as C code in the same process has to be: it keeps to the declared types, returns
//! only memory that [`gmk_alloc`] or [`gmk_expand`] gave it, and calls from the thread that called it.

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulong, c_void};
use std::ptr::{self, NonNull};

/// What an object that was loaded can ask of the program.
pub trait Services {
    /// The expansion of `text`.
    fn expand(&mut self, text: &[u8]) -> Vec<u8>;
    /// Reads `text` as part of a makefile, at this file and line where they are given.
    fn evaluate(&mut self, text: &[u8], place: Option<(&[u8], c_ulong)>);
    /// Registers a function.
    fn add_function(&mut self, registration: Registration);
}

/// A function that an object wants to be called from makefiles.
pub struct Registration<'r> {
    /// Its name.
    pub name: &'r [u8],
    /// What is called; none where the object gave a null pointer.
    pub function: Option<Function>,
    /// Least count of arguments.
    pub least: u32,
    /// Greatest count of arguments; zero means no limit.
    pub most: u32,
    /// Whether the arguments are expanded before the call.
    pub expanded: bool,
}

/// A place as objects see it.
#[repr(C)]
pub struct GmkFloc {
    filenm: *const c_char,
    lineno: c_ulong,
}

type RawFunction = unsafe extern "C" fn(*const c_char, c_uint, *mut *mut c_char) -> *mut c_char;
type RawSetup = unsafe extern "C" fn(*const GmkFloc) -> c_int;

/// A function of a loaded object.
#[derive(Clone, Copy)]
pub struct Function(RawFunction);

/// The function of a loaded object that sets it up.
#[derive(Clone, Copy)]
pub struct Setup(RawSetup);

/// A shared object that was opened.
pub struct Object(NonNull<c_void>);

thread_local! {
    /// Who answers the calls of the object that is running now; none while nobody does.
    static SERVICES: Cell<Option<NonNull<dyn Services>>> = const { Cell::new(None) };
}

/// Runs `body`, code of an object, with `services` to answer its calls.
fn serve<T>(services: &mut (dyn Services + '_), body: impl FnOnce() -> T) -> T {
    struct Restore(Option<NonNull<dyn Services>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SERVICES.set(self.0);
        }
    }
    let pointer: NonNull<dyn Services + '_> = NonNull::from(services);
    // SAFETY: only the lifetime changes. The pointer is taken out of the cell before this function returns, and `services` is
    // borrowed for as long, so that nothing else uses it meanwhile.
    let pointer: NonNull<dyn Services> = unsafe { std::mem::transmute(pointer) };
    let _restore = Restore(SERVICES.replace(Some(pointer)));
    let result = body();
    // What the object printed through the C library comes before what this program prints next.
    // SAFETY: flushes the C library's own streams.
    unsafe { libc::fflush(ptr::null_mut()) };
    result
}

/// Hands the services to `body`; none where no object is being called, as in a thread that an object started.
fn ask<T>(body: impl FnOnce(&mut dyn Services) -> T) -> Option<T> {
    let mut pointer = SERVICES.take()?;
    // SAFETY: `serve` put the pointer there and holds the exclusive borrow behind it; while `body` uses it the cell is empty,
    // so that there is no second reference. A call of an object from within puts in a pointer of its own.
    let result = body(unsafe { pointer.as_mut() });
    SERVICES.set(Some(pointer));
    Some(result)
}

/// The words of the last failure of the loader.
fn last_error() -> Vec<u8> {
    // SAFETY: the text is static until the next call of the loader, and copied at once.
    unsafe {
        let words = libc::dlerror();
        if words.is_null() { Vec::new() } else { CStr::from_ptr(words).to_bytes().to_vec() }
    }
}

fn symbol_in(handle: *mut c_void, name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: the handle is that of an open object or one of the loader's own; the result is looked at, not followed.
    NonNull::new(unsafe { libc::dlsym(handle, name.as_ptr()) })
}

fn setup_of(symbol: NonNull<c_void>) -> Setup {
    // SAFETY: on the systems with `dlsym` an address of code is a function pointer; that the function has this type is the
    // object's promise.
    Setup(unsafe { std::mem::transmute::<*mut c_void, RawSetup>(symbol.as_ptr()) })
}

/// The function `name` that this program, or an object opened before, has already.
pub fn global_setup(name: &CStr) -> Option<Setup> {
    symbol_in(libc::RTLD_DEFAULT, name).map(setup_of)
}

impl Object {
    /// Opens the object in file `path`, or found along the loader's path where there is no slash in it. The object's
    /// constructors may ask for `services`.
    ///
    /// Errors: the loader's words.
    pub fn open(path: &CStr, services: &mut dyn Services) -> Result<Object, Vec<u8>> {
        super::spawn::caught_signals_may_change();
        // SAFETY: the path is a C string; what the object's constructors do is the object's responsibility.
        let handle =
            serve(services, || unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_GLOBAL) });
        NonNull::new(handle).map(Object).ok_or_else(last_error)
    }

    /// Whether the object has a symbol of this name.
    pub fn has(&self, name: &CStr) -> bool {
        symbol_in(self.0.as_ptr(), name).is_some()
    }

    /// The function `name` of the object.
    ///
    /// Errors: the loader's words.
    pub fn setup(&self, name: &CStr) -> Result<Setup, Vec<u8>> {
        symbol_in(self.0.as_ptr(), name).map(setup_of).ok_or_else(last_error)
    }

    /// Closes the object. [`Function::is_loaded`] then says which functions are gone.
    ///
    /// Errors: the loader's words.
    pub fn close(self) -> Result<(), Vec<u8>> {
        // SAFETY: the handle is closed once, as `self` is taken; callers forget functions that are gone with it.
        if unsafe { libc::dlclose(self.0.as_ptr()) } == 0 { Ok(()) } else { Err(last_error()) }
    }
}

impl Setup {
    /// Calls the function with the place of the line that loads the object, and returns what it returns.
    pub fn call(self, file: Option<&CStr>, line: u64, services: &mut dyn Services) -> i32 {
        let place = GmkFloc { filenm: file.map_or(ptr::null(), CStr::as_ptr), lineno: line as c_ulong };
        // SAFETY: the place and the name in it outlive the call; the function's type is the object's promise.
        serve(services, || unsafe { (self.0)(&place) })
    }
}

impl Function {
    /// Calls the function under `name` with `arguments`, and returns what it returns; nothing where that is a null pointer.
    pub fn call(self, name: &CStr, arguments: Vec<CString>, services: &mut dyn Services) -> Vec<u8> {
        let count = arguments.len() as c_uint;
        // The object may write into its arguments, as it owns them for the time of the call. Their bytes are kept as plain
        // vectors, whose length does not depend on where a null byte is.
        let mut texts: Vec<Vec<u8>> = arguments.into_iter().map(CString::into_bytes_with_nul).collect();
        let mut pointers: Vec<*mut c_char> = texts.iter_mut().map(|text| text.as_mut_ptr().cast()).collect();
        pointers.push(ptr::null_mut());
        let result = serve(services, || {
            // SAFETY: the texts and the vector of pointers, which ends with a null pointer, outlive the call.
            unsafe { (self.0)(name.as_ptr(), count, pointers.as_mut_ptr()) }
        });
        drop(texts);
        if result.is_null() {
            return Vec::new();
        }
        // SAFETY: the object promises a C string from `gmk_alloc` or `gmk_expand`, which is this program's to free.
        unsafe {
            let text = CStr::from_ptr(result).to_bytes().to_vec();
            libc::free(result.cast());
            text
        }
    }

    /// Whether the function is still there, after an object was closed.
    pub fn is_loaded(self) -> bool {
        // SAFETY: `dladdr` asks which object the address lies in, whatever address it is, and writes into a local structure.
        unsafe {
            let mut found = std::mem::zeroed::<libc::Dl_info>();
            libc::dladdr(self.0 as *const c_void, &mut found) != 0
        }
    }
}

fn allocate(size: usize) -> *mut c_char {
    // SAFETY: asks for memory, which the caller fills and someone frees with `free`.
    let memory = unsafe { libc::malloc(size.max(1)) };
    if memory.is_null() {
        std::process::abort();
    }
    memory.cast()
}

/// A copy of `text` for an object, as a C string that ends at the first null byte.
fn copy_out(text: &[u8]) -> *mut c_char {
    let length = memchr::memchr(0, text).unwrap_or(text.len());
    let memory = allocate(length + 1);
    // SAFETY: there is room for `length` bytes and one more, and the fresh memory cannot overlap `text`.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), memory.cast::<u8>(), length);
        *memory.add(length) = 0;
    }
    memory
}

/// Copies a C string of an object; empty for a null pointer.
fn copy_in(text: *const c_char) -> Vec<u8> {
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: the object promises a C string; it is copied at once.
    unsafe { CStr::from_ptr(text) }.to_bytes().to_vec()
}

/// `gmk_alloc` of the interface: memory that [`gmk_free`] frees.
// SAFETY: the name is the interface's own, and nothing else in this program or the C library has it.
#[unsafe(no_mangle)]
pub extern "C" fn gmk_alloc(size: c_uint) -> *mut c_char {
    allocate(size as usize)
}

/// `gmk_free` of the interface.
///
/// # Safety
///
/// `text` comes from [`gmk_alloc`] or [`gmk_expand`] and was not freed before.
// SAFETY: the name is the interface's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmk_free(text: *mut c_char) {
    // SAFETY: as the caller promises.
    unsafe { libc::free(text.cast()) }
}

/// `gmk_expand` of the interface: the expansion of a text, as memory for [`gmk_free`].
///
/// # Safety
///
/// `text` is a C string or null.
// SAFETY: the name is the interface's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmk_expand(text: *const c_char) -> *mut c_char {
    let text = copy_in(text);
    copy_out(&ask(|services| services.expand(&text)).unwrap_or_default())
}

/// `gmk_eval` of the interface: reads a text as part of a makefile.
///
/// # Safety
///
/// `text` is a C string or null; `place` is null or a place whose name is a C string or null.
// SAFETY: the name is the interface's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmk_eval(text: *const c_char, place: *const GmkFloc) {
    let text = copy_in(text);
    // SAFETY: as the caller promises.
    let place = unsafe { place.as_ref() }.map(|place| (copy_in(place.filenm), place.lineno));
    ask(|services| {
        let place = place.as_ref().map(|(file, line)| (file.as_slice(), *line));
        services.evaluate(&text, place);
    });
}

/// `gmk_add_function` of the interface: registers a function.
///
/// # Safety
///
/// `name` is a C string or null; `function` is null or a function of the declared type.
// SAFETY: the name is the interface's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gmk_add_function(
    name: *const c_char,
    function: Option<RawFunction>,
    least: c_uint,
    most: c_uint,
    flags: c_uint,
) {
    const NO_EXPAND: c_uint = 1;
    let name = copy_in(name);
    ask(|services| {
        services.add_function(Registration {
            name: &name,
            function: function.map(Function),
            least,
            most,
            expanded: flags & NO_EXPAND == 0,
        });
    });
}
