//! The system calls that imk makes: those that are made to fail, each with what Linux can say, and those that are not, each with the
//! reason. Knows nothing of runs.

/// A piece of work of the system under all names that it has (an architecture and a version of the C library have some of them), and
/// what it can fail with.
pub struct Fault {
    pub names: &'static [&'static str],
    pub errors: &'static [&'static str],
}

const fn fault(names: &'static [&'static str], errors: &'static [&'static str]) -> Fault {
    Fault { names, errors }
}

pub const FAULTS: [Fault; 51] = [
    // Files and folders.
    fault(
        &["openat", "open"],
        &["EIO", "EMFILE", "ENFILE", "ENOSPC", "EACCES", "EINTR", "ENOMEM", "ELOOP", "EROFS", "ETXTBSY"],
    ),
    fault(&["read"], &["EIO", "EINTR"]),
    fault(&["write"], &["ENOSPC", "EIO", "EPIPE", "EINTR", "EDQUOT"]),
    fault(&["statx"], &["EIO", "EACCES", "ELOOP", "ENOMEM"]),
    fault(&["newfstatat", "stat", "lstat"], &["EIO", "EACCES", "ENOMEM", "ELOOP"]),
    fault(&["fstat"], &["EIO", "ENOMEM"]),
    fault(&["getdents64"], &["EIO", "ENOMEM", "ENOENT"]),
    fault(&["readlink", "readlinkat"], &["EIO", "EACCES", "ENOMEM"]),
    fault(&["faccessat2", "faccessat"], &["EIO", "ENOSYS", "EACCES"]),
    fault(&["access"], &["EIO", "EACCES"]),
    fault(&["getcwd"], &["ENOENT", "EACCES", "ENOMEM"]),
    fault(&["chdir"], &["EIO", "ENOENT", "EACCES"]),
    fault(&["mkdir"], &["ENOSPC", "EROFS", "EACCES"]),
    fault(&["mkdirat"], &["ENOSPC", "EROFS", "EACCES"]),
    fault(&["mknodat", "mknod"], &["EPERM", "ENOSPC"]),
    fault(&["symlink", "symlinkat"], &["ENOSPC", "EIO", "EPERM"]),
    fault(&["unlinkat", "unlink", "rmdir"], &["EIO", "EROFS", "EBUSY", "EPERM"]),
    fault(&["renameat", "rename", "renameat2"], &["EIO", "ENOSPC", "EXDEV", "EBUSY"]),
    fault(&["ftruncate"], &["EIO", "EINTR", "ENOSPC"]),
    fault(&["copy_file_range"], &["EIO", "ENOSPC", "EXDEV", "ENOSYS", "EOPNOTSUPP"]),
    fault(&["lseek"], &["EIO"]),
    fault(&["fsync"], &["EIO", "ENOSPC", "EINVAL"]),
    fault(&["fdatasync"], &["EIO", "ENOSPC", "EDQUOT"]),
    fault(&["flock"], &["ENOLCK", "EINTR"]),
    fault(&["chmod", "fchmodat"], &["EPERM", "EIO", "EROFS"]),
    fault(&["fchmod"], &["EPERM", "EIO", "EROFS"]),
    fault(&["utimensat"], &["EPERM", "EIO", "EROFS"]),
    fault(&["flistxattr"], &["EOPNOTSUPP", "EIO", "ENOMEM"]),
    // Descriptors.
    fault(&["pipe2", "pipe"], &["EMFILE", "ENFILE"]),
    fault(&["dup2", "dup3"], &["EBUSY", "EMFILE"]),
    fault(&["fcntl"], &["EINVAL", "EMFILE"]),
    fault(&["ioctl"], &["EIO", "ENOMEM"]),
    fault(&["poll"], &["EINTR", "ENOMEM"]),
    fault(&["ppoll"], &["EINTR", "ENOMEM"]),
    fault(&["inotify_init1"], &["EMFILE", "ENFILE", "ENOMEM"]),
    // Of a folder that is there and may be read.
    fault(&["inotify_add_watch"], &["ENOSPC", "ENOMEM"]),
    // Sockets.
    fault(&["socket"], &["EMFILE", "ENFILE", "ENOBUFS", "EACCES"]),
    fault(&["socketpair"], &["EMFILE", "ENFILE", "ENOMEM"]),
    fault(&["bind"], &["EADDRINUSE", "EACCES", "ENOSPC"]),
    fault(&["connect"], &["ECONNREFUSED", "EACCES", "ENOENT", "EAGAIN", "EINTR"]),
    fault(&["setsockopt"], &["ENOMEM", "ENOBUFS"]),
    fault(&["sendto"], &["EPIPE", "ECONNRESET", "EINTR", "ENOBUFS"]),
    fault(&["recvfrom"], &["ECONNRESET", "EIO", "EINTR", "ENOMEM"]),
    // Processes.
    fault(&["clone", "clone3", "vfork"], &["EAGAIN", "ENOMEM", "EPERM"]),
    fault(&["execve"], &["EAGAIN", "ENOMEM", "E2BIG", "EACCES", "EIO", "ETXTBSY", "EMFILE"]),
    fault(&["wait4", "waitid"], &["EINTR"]),
    fault(&["kill"], &["EPERM", "ESRCH"]),
    fault(&["setpgid"], &["EACCES", "EPERM"]),
    fault(&["prlimit64", "getrlimit", "setrlimit"], &["EPERM", "EINVAL"]),
    // What a filter of system calls refuses, and an old kernel does not know.
    fault(&["getrandom"], &["ENOSYS", "EPERM", "EINTR", "EAGAIN", "EIO"]),
    // Memory. The C library asks for more of it in another way first; where there is none the program is over.
    fault(&["brk", "mmap", "mremap", "mprotect", "munmap"], &["ENOMEM"]),
];

/// Calls that imk makes and that are not made to fail here, and why.
pub const OTHERS: [(&[&str], &str); 13] = [
    (&["close"], "it closes, whatever it says; that nothing depends on it is tried by `closes_that_fail`"),
    (&["exit", "exit_group", "rt_sigreturn"], "does not return"),
    (&["getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid"], "can't fail"),
    (&["rt_sigaction", "rt_sigprocmask", "sigaltstack"], "can fail with a wrong argument alone"),
    (
        &["futex"],
        "waits and wakes within the program: the C library and the standard library go on at each error",
    ),
    (
        &["arch_prctl", "set_tid_address", "set_robust_list", "rseq"],
        "the C library's, before the first instruction, or of a new thread",
    ),
    (&["pread64"], "the loader's, before the first instruction; `read` and `openat` are tried there"),
    (&["prctl"], "names a thread and asks to be told of orphans; what it says is not looked at"),
    (&["clock_nanosleep", "nanosleep"], "whatever it says, the time is looked at again"),
    (&["madvise"], "advice that the C library gives of a thread's stack"),
    (&["sched_getaffinity"], "can fail with a wrong argument alone"),
    (&["inotify_rm_watch"], "of a folder that is gone; there is nothing to do about an error"),
    (&["restart_syscall"], "what the kernel has a process make that was stopped"),
];
