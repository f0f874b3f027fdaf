//! The program's memory: small pieces for the main thread from addresses set aside for them, everything else from the C
//! library. Knows nothing of what is kept in it.
//!
//! A make asks for dozens of small pieces for each target, nearly all of them in one thread, and seldom gives one back for good.
//! So a piece that is given back goes to the list of its size, from which the next one of that size comes; where the list is
//! empty the piece is the next of the addresses. There is no header beside a piece, no lock and no joining of neighbours.
//! Whether an address is one of these is seen by its number. What another thread gives back waits in a list of its own until the
//! main thread needs it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, UnsafeCell};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Pieces up to this size are small.
const MOST: usize = 32 * 1024;
/// All pieces have sizes that are multiples of it, and begin at such addresses.
const GRAIN: usize = 16;
/// Up to here sizes differ by [`GRAIN`], above there are four to each doubling.
const FINE: usize = 512;
/// How many sizes there are.
const CLASSES: usize = FINE / GRAIN + 4 * (MOST / FINE).ilog2() as usize;
/// The first pieces come from the program's own data, so that a short run asks the system for nothing.
const FIRST: usize = 256 * 1024;
/// Addresses set aside for the others; memory is behind those alone that are used.
const REST: usize = if cfg!(target_pointer_width = "64") { 16 << 30 } else { 0 };
/// What a processor maps at once, where it is let to.
const HUGE: usize = 2 << 20;

/// Which of the sizes is the least that holds `size`.
#[inline]
fn class_of(size: usize) -> usize {
    if size <= FINE {
        return size.saturating_sub(1) / GRAIN;
    }
    let doubling = (size - 1).ilog2() as usize;
    let quarter = ((size - 1) >> (doubling - 2)) & 3;
    FINE / GRAIN + (doubling - FINE.ilog2() as usize) * 4 + quarter
}

/// The size of the pieces of a class.
#[inline]
fn size_of_class(class: usize) -> usize {
    if class < FINE / GRAIN {
        return (class + 1) * GRAIN;
    }
    let above = class - FINE / GRAIN;
    let whole = FINE << (above / 4);
    whole + (whole / 4) * (above % 4 + 1)
}

/// A piece that nobody has.
struct Free {
    next: *mut Free,
    /// Its class, in lists of mixed ones.
    class: usize,
}

/// What only the owner of the small pieces touches.
struct Lists {
    free: [*mut Free; CLASSES],
    /// The addresses not given out yet.
    next: usize,
    end: usize,
}

/// The small pieces of one thread.
struct Pieces {
    lists: UnsafeCell<Lists>,
    first: Room,
    /// The complement of where the other addresses begin, above all addresses while there are none. All of a new table is zero, so
    /// that none of it is in the program's file.
    rest: AtomicUsize,
    /// Given back by other threads.
    returned: AtomicPtr<Free>,
}

#[repr(align(4096))]
struct Room(UnsafeCell<[u8; FIRST]>);

// SAFETY: `lists` is touched by the owning thread alone (see `Memory`), `first` is only lent out as memory, and the others are
// atomic.
unsafe impl Sync for Pieces {}

impl Pieces {
    const fn new() -> Pieces {
        Pieces {
            lists: UnsafeCell::new(Lists { free: [ptr::null_mut(); CLASSES], next: 0, end: 0 }),
            first: Room(UnsafeCell::new([0; FIRST])),
            rest: AtomicUsize::new(0),
            returned: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether `address` is of one of these pieces.
    #[inline]
    fn holds(&self, address: *mut u8) -> bool {
        let at = address as usize;
        let rest = !self.rest.load(Ordering::Relaxed);
        // No wrapping for the rest: where there is none yet, what lies low would be in it, as the C library's heap does in a
        // program at a fixed address.
        at.wrapping_sub(self.first.0.get() as usize) < FIRST || (at >= rest && at - rest < REST)
    }

    /// A piece of class `class`; null where there are no more addresses.
    ///
    /// # Safety
    ///
    /// Only the owning thread calls it.
    #[inline]
    unsafe fn take(&self, class: usize) -> *mut u8 {
        // SAFETY: the caller owns the lists; what is in a list is a piece of its class that nobody has.
        unsafe {
            let lists = &mut *self.lists.get();
            let head = lists.free[class];
            if !head.is_null() {
                lists.free[class] = (*head).next;
                return head.cast();
            }
            let size = size_of_class(class);
            if lists.end - lists.next >= size {
                let piece = lists.next as *mut u8;
                lists.next += size;
                return piece;
            }
            self.take_more(class)
        }
    }

    /// As [`Pieces::take`], where neither the list nor the addresses at hand have a piece.
    ///
    /// # Safety
    ///
    /// Only the owning thread calls it.
    #[cold]
    unsafe fn take_more(&self, class: usize) -> *mut u8 {
        // SAFETY: as for `take`; of what other threads gave back each piece is in the list once, with its class.
        unsafe {
            let mut returned = self.returned.swap(ptr::null_mut(), Ordering::Acquire);
            if !returned.is_null() {
                while !returned.is_null() {
                    let next = (*returned).next;
                    self.give(returned.cast(), (*returned).class);
                    returned = next;
                }
                return self.take(class);
            }
            let lists = &mut *self.lists.get();
            if lists.next == 0 {
                lists.next = self.first.0.get() as usize;
                lists.end = lists.next + FIRST;
            } else {
                if self.rest.load(Ordering::Relaxed) != 0 {
                    return ptr::null_mut();
                }
                let Some(rest) = set_aside() else { return ptr::null_mut() };
                self.rest.store(!rest, Ordering::Relaxed);
                lists.next = rest;
                lists.end = rest + REST;
            }
            self.take(class)
        }
    }

    /// Puts a piece into the list of its class.
    ///
    /// # Safety
    ///
    /// Only the owning thread calls it, with a piece of that class that nobody uses any more.
    #[inline]
    unsafe fn give(&self, piece: *mut u8, class: usize) {
        // SAFETY: the caller owns the lists, and the piece has room for the record: the least size is that of two words.
        unsafe {
            let lists = &mut *self.lists.get();
            let piece = piece.cast::<Free>();
            (*piece).next = lists.free[class];
            lists.free[class] = piece;
        }
    }

    /// Takes a piece back from a thread that does not own the lists.
    ///
    /// # Safety
    ///
    /// It is a piece of that class that nobody uses any more.
    #[cold]
    unsafe fn give_from_elsewhere(&self, piece: *mut u8, class: usize) {
        let piece = piece.cast::<Free>();
        let mut head = self.returned.load(Ordering::Relaxed);
        loop {
            // SAFETY: as for `give`; until the exchange succeeds no other thread knows the piece.
            unsafe { piece.write(Free { next: head, class }) };
            match self.returned.compare_exchange_weak(head, piece, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }
}

/// Asks the system for addresses. Where it refuses so many, as it does where the limit of a process says so, there are none.
fn set_aside() -> Option<usize> {
    if REST == 0 {
        return None;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: asks for addresses that nothing uses; the advice is about those alone.
    unsafe {
        let begin = libc::mmap(ptr::null_mut(), REST, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if begin == libc::MAP_FAILED {
            return None;
        }
        #[cfg(target_os = "linux")]
        {
            // Much memory is mapped faster, and found faster, in large pages; little of it would only be cleared in vain.
            let large = begin.byte_add(HUGE);
            libc::madvise(large, REST - HUGE, libc::MADV_HUGEPAGE);
        }
        Some(begin as usize)
    }
}

static PIECES: Pieces = Pieces::new();

thread_local! {
    static OWNS: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread that calls it the owner of the small pieces.
///
/// # Safety
///
/// It is called once in a process.
pub unsafe fn own() {
    OWNS.set(true);
}

/// The allocator of the program.
pub struct Memory;

/// The class of a small piece.
#[inline]
fn small(size: usize, align: usize) -> Option<usize> {
    (size <= MOST && align <= GRAIN).then(|| class_of(size))
}

// SAFETY: a piece is given out once until it is given back: by the lists, which one thread alone touches, or by the C library.
// Which of both it came from is told by its address, its class by its layout, which is the same at both ends.
unsafe impl GlobalAlloc for Memory {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the thread that owns the lists is asked for; the layout is the caller's.
        unsafe {
            if let Some(class) = small(layout.size(), layout.align())
                && OWNS.get()
            {
                let piece = PIECES.take(class);
                if !piece.is_null() {
                    return piece;
                }
            }
            System.alloc(layout)
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`; a piece has at least the size of its layout.
        unsafe {
            if let Some(class) = small(layout.size(), layout.align())
                && OWNS.get()
            {
                let piece = PIECES.take(class);
                if !piece.is_null() {
                    piece.write_bytes(0, layout.size());
                    return piece;
                }
            }
            System.alloc_zeroed(layout)
        }
    }

    #[inline]
    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back what it was given with this layout; pieces that the lists hold are all small.
        unsafe {
            if !PIECES.holds(piece) {
                return System.dealloc(piece, layout);
            }
            let class = class_of(layout.size());
            if OWNS.get() {
                PIECES.give(piece, class);
            } else {
                PIECES.give_from_elsewhere(piece, class);
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as for `dealloc` and `alloc`; as much is copied as both pieces have.
        unsafe {
            if !PIECES.holds(piece) {
                return System.realloc(piece, layout, size);
            }
            if small(size, layout.align()) == Some(class_of(layout.size())) {
                return piece;
            }
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(piece, new, layout.size().min(size));
                self.dealloc(piece, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_low_is_none_of_the_pieces_while_there_are_no_further_addresses() {
        static ALONE: Pieces = Pieces::new();
        for address in [1, 0x40_0000, 0x3fff_0000, REST - 2, REST, 1 << 46] {
            assert!(!ALONE.holds(ptr::without_provenance_mut(address)), "{address:#x}");
        }
        assert!(ALONE.holds(ALONE.first.0.get().cast()));
    }

    #[test]
    fn a_class_holds_what_is_asked_of_it_and_not_much_more() {
        for size in 1..=MOST {
            let class = class_of(size);
            assert!(class < CLASSES, "{size}");
            assert!(size_of_class(class) >= size, "{size}");
            assert!(class == 0 || size_of_class(class - 1) < size, "{size}");
            assert_eq!(size_of_class(class) % GRAIN, 0, "{size}");
        }
        assert_eq!(class_of(0), 0);
        assert_eq!(size_of_class(CLASSES - 1), MOST);
    }

    /// What a thread was given keeps what it wrote, whoever gives it back and in whatever order.
    #[test]
    fn pieces_do_not_overlap() {
        static PIECES: Pieces = Pieces::new();
        let mut random = fastrand::Rng::with_seed(1);
        let mut held: Vec<(usize, usize, u8)> = Vec::new();
        for turn in 0..200_000u32 {
            if random.u8(..) < 140 {
                let most = if random.bool() { 64 } else { MOST };
                let size = 1 + random.usize(..most);
                let class = class_of(size);
                // SAFETY: this thread alone takes pieces of this table, and each is written within its size.
                let piece = unsafe {
                    let piece = PIECES.take(class);
                    assert!(
                        !piece.is_null() && PIECES.holds(piece) && (piece as usize).is_multiple_of(GRAIN)
                    );
                    piece.write_bytes(turn as u8, size_of_class(class));
                    piece as usize
                };
                held.push((piece, class, turn as u8));
            } else if !held.is_empty() {
                let (piece, class, mark) = held.swap_remove(random.usize(..held.len()));
                let piece = piece as *mut u8;
                // SAFETY: the piece was taken and not given back; another thread gives it back after this one used it last.
                unsafe {
                    let bytes = std::slice::from_raw_parts(piece, size_of_class(class));
                    assert!(bytes.iter().all(|&byte| byte == mark));
                    if random.u8(..) < 240 {
                        PIECES.give(piece, class);
                    } else {
                        let piece = piece as usize;
                        std::thread::spawn(move || PIECES.give_from_elsewhere(piece as *mut u8, class))
                            .join()
                            .unwrap();
                    }
                }
            }
        }
    }
}
