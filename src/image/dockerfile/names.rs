//! What the words of FROM, COPY --from, ADD and `--build-context` name: images in familiar form, remote sources,
//! kinds of named contexts. Looks nothing up.

/// An image name as people write it: without `docker.io/`, `library/` and `:latest` (the form in which BuildKit looks
/// for named contexts, `frontend/dockerui/config.go`).
pub fn familiar(name: &[u8]) -> Vec<u8> {
    let mut rest = name;
    for registry in [&b"docker.io/"[..], b"index.docker.io/"] {
        if let Some(after) = rest.strip_prefix(registry) {
            rest = after;
        }
    }
    if let Some(after) = rest.strip_prefix(b"library/")
        && !after.contains(&b'/')
    {
        rest = after;
    }
    rest.strip_suffix(b":latest").unwrap_or(rest).to_vec()
}

/// Whether ADD takes `source` for a git repository (`frontend/dockerfile/dfgitutil/git_ref.go`).
pub fn is_git(source: &[u8]) -> bool {
    if source.starts_with(b"./") || source.starts_with(b"../") {
        return false;
    }
    if let Some((scheme, rest)) = scheme(source) {
        return match scheme.as_slice() {
            b"ssh" | b"git" => true,
            b"http" | b"https" => {
                let end = rest.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(rest.len());
                let path = memchr::memchr(b'/', &rest[..end]).map(|slash| &rest[slash..end]);
                path.is_some_and(|path| path.ends_with(b".git"))
            }
            _ => false,
        };
    }
    // user@host:path
    let Some(at) = memchr::memchr(b'@', source) else { return false };
    let user = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let after = &source[at + 1..];
    let Some(colon) = memchr::memchr(b':', after) else { return false };
    at > 0 && source[..at].iter().all(user) && colon > 0 && after[..colon].iter().all(host)
}

/// Whether ADD takes `source` for a file to be fetched by HTTP.
pub fn is_http(source: &[u8]) -> bool {
    (source.starts_with(b"http://") || source.starts_with(b"https://")) && !is_git(source)
}

/// What fixes the content of a git source by itself: the commit in its fragment or query.
pub fn git_commit(source: &[u8]) -> Option<Vec<u8>> {
    let is_commit = |text: &[u8]| matches!(text.len(), 40 | 64) && text.iter().all(u8::is_ascii_hexdigit);
    let (before, fragment) = match memchr::memchr(b'#', source) {
        Some(at) => (&source[..at], &source[at + 1..]),
        None => (source, &b""[..]),
    };
    let reference = fragment.split(|&byte| byte == b':').next().unwrap_or_default();
    if is_commit(reference) {
        return Some(reference.to_vec());
    }
    let query = memchr::memchr(b'?', before).map_or(&b""[..], |at| &before[at + 1..]);
    query.split(|&byte| byte == b'&').find_map(|part| {
        let value = part.strip_prefix(b"checksum=").or_else(|| part.strip_prefix(b"commit="));
        let value = value.or_else(|| part.strip_prefix(b"ref=").filter(|value| is_commit(value)));
        value.filter(|value| !value.is_empty()).map(<[u8]>::to_vec)
    })
}

/// `https` and what follows `://`, in lower case.
fn scheme(source: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let end = memchr::memmem::find(source, b"://")?;
    let scheme = &source[..end];
    (!scheme.is_empty() && scheme.iter().all(u8::is_ascii_alphanumeric))
        .then(|| (scheme.to_ascii_lowercase(), &source[end + 3..]))
}

/// What a named context, or the main one, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextKind {
    /// A folder.
    Local(Vec<u8>),
    /// An image; the reference.
    Image(Vec<u8>),
    /// A repository, an archive, an OCI layout, another target: opaque here.
    Remote(Vec<u8>),
    /// The standard input.
    Stdin,
}

/// What the operand of `--build-context NAME=…`, or the context operand of a build, names.
pub fn context_kind(value: &[u8]) -> ContextKind {
    if value == b"-" {
        return ContextKind::Stdin;
    }
    if let Some(image) = value.strip_prefix(b"docker-image:") {
        return ContextKind::Image(image.strip_prefix(b"//").unwrap_or(image).to_vec());
    }
    let other = [&b"oci-layout:"[..], b"target:", b"input:", b"github.com/"];
    if other.iter().any(|prefix| value.starts_with(prefix)) || is_git(value) || is_http(value) {
        return ContextKind::Remote(value.to_vec());
    }
    ContextKind::Local(value.strip_prefix(b"local:").unwrap_or(value).to_vec())
}

/// `path` cleaned inside its root: no leading slash, no `.`, no `..`; empty for the root itself.
pub fn clean_rooted(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_familiar() {
        for (name, short) in [
            ("docker.io/library/alpine:latest", "alpine"),
            ("alpine:3", "alpine:3"),
            ("library/alpine", "alpine"),
            ("docker.io/me/x", "me/x"),
            ("localhost:5000/library/x:latest", "localhost:5000/library/x"),
        ] {
            assert_eq!(familiar(name.as_bytes()), short.as_bytes());
        }
    }

    #[test]
    fn sources_are_told_apart() {
        let git = [
            "https://h/o/r.git",
            "https://h/o/r.git#v1:dir",
            "git@h:o/r",
            "ssh://h/x",
            "git://h/x",
            "HTTPS://h/r.git?a=b",
        ];
        let http = ["https://h/x.tar.gz", "http://h/r.git/x", "https://h/x?y=r.git", "http://h"];
        let local = ["github.com/o/r", "./git@h:x", "a@b", "ftp://h/x", "x/y:z", "a b@h:x"];
        for source in git {
            assert!(is_git(source.as_bytes()) && !is_http(source.as_bytes()), "{source}");
        }
        for source in http {
            assert!(!is_git(source.as_bytes()) && is_http(source.as_bytes()), "{source}");
        }
        for source in local {
            assert!(!is_git(source.as_bytes()) && !is_http(source.as_bytes()), "{source}");
        }
        let commit = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(git_commit(format!("https://h/r.git#{commit}:d").as_bytes()), Some(commit.into()));
        assert_eq!(git_commit(b"https://h/r.git?a=b&checksum=12"), Some(b"12".to_vec()));
        assert_eq!(git_commit(b"https://h/r.git#main"), None);
    }

    #[test]
    fn paths_stay_in_their_root() {
        assert_eq!(clean_rooted(b"/a/./b/../../../c//d/"), b"c/d");
        assert_eq!(clean_rooted(b"."), b"");
    }
}
