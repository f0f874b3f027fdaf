//! Image references (`host:port/path:tag@digest`), read as the distribution reference grammar says. Knows no engine.
//!
//! The grammar and the familiar form (`alpine` for `docker.io/library/alpine`) are those of the distribution
//! project's `reference` package, which docker, buildkit, podman and nerdctl share.

use crate::base::Span;

/// The domain that a familiar name leaves out.
const DEFAULT_DOMAIN: &str = "docker.io";
/// The older spelling of the default domain, accepted in its place.
const LEGACY_DOMAIN: &str = "index.docker.io";
/// The path prefix that a familiar name of one component leaves out.
const OFFICIAL_PREFIX: &str = "library/";
/// The tag that a reference without tag and digest stands for.
pub const DEFAULT_TAG: &str = "latest";

/// A valid image reference in its full form: `alpine` is held as domain `docker.io`, path `library/alpine`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Registry host, with its port where one is given. Empty only where what stands in the host's place is no
    /// host name but passes as path (`a_b.c/d`).
    pub domain: String,
    /// Repository path within the registry.
    pub path: String,
    /// The tag, where one is written.
    pub tag: Option<String>,
    /// The digest with its algorithm (`sha256:…`), where one is written.
    pub digest: Option<String>,
}

/// Why a text is no image reference, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferenceError {
    /// What is wrong.
    pub kind: ReferenceErrorKind,
    /// The bytes of the reference text at fault; an empty span is a place where something is missing.
    pub span: Span,
}

/// What is wrong with an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceErrorKind {
    /// There is no text at all.
    Empty,
    /// The text begins with `http://` or `https://`: a reference is no URL.
    Scheme,
    /// There is a tag or digest, but no name before it.
    EmptyName,
    /// A slash with nothing before or after it.
    EmptyComponent,
    /// A repository name with an upper-case letter.
    Uppercase,
    /// A byte that a repository name cannot hold, or a separator (`.`, `_`, `__`, `-`) where it cannot stand.
    Name,
    /// The part before the first slash is no host name.
    Domain,
    /// What follows a host's colon is no port number.
    Port,
    /// The repository path is longer than 255 bytes.
    NameTooLong,
    /// The name is 64 hexadecimal digits, which would read as an image id.
    LooksLikeId,
    /// A colon with no tag after it.
    EmptyTag,
    /// A tag with a byte that tags cannot hold.
    Tag,
    /// A second colon: a reference has one tag.
    TwoTags,
    /// The tag is longer than 128 bytes.
    TagTooLong,
    /// What follows the `@` is no `algorithm:hex`.
    Digest,
    /// The digest's algorithm is none of sha256, sha384, sha512.
    DigestAlgorithm,
    /// The digest has not as many digits as its algorithm gives.
    DigestLength,
}

/// Longest repository path, in bytes.
const PATH_MAX: usize = 255;
/// Longest tag, in bytes.
const TAG_MAX: usize = 128;

impl Reference {
    /// Reads `text`, familiar names allowed (`alpine`, `user/app:1`), without trimming anything.
    pub fn parse(text: &[u8]) -> Result<Reference, ReferenceError> {
        use ReferenceErrorKind as Kind;
        if text.is_empty() {
            return Err(error(Kind::Empty, 0, 0));
        }
        if text.len() == 64 && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(error(Kind::LooksLikeId, 0, text.len()));
        }
        if let Some(scheme) =
            ["https://", "http://"].iter().find(|scheme| text.starts_with(scheme.as_bytes()))
        {
            return Err(error(Kind::Scheme, 0, scheme.len()));
        }
        let name_start = domain_end(text).map_or(0, |slash| slash + 1);
        let (name_end, tag_span, digest_start) = split_tail(text, name_start);
        if name_end == name_start {
            let kind = if name_start == 0 { Kind::EmptyName } else { Kind::EmptyComponent };
            return Err(error(kind, name_start.saturating_sub(1), name_start));
        }
        // The whole name, domain included, is tried as path where the domain is none: `a_b.c/d` is a valid name.
        let domain = &text[..name_start.saturating_sub(1)];
        let mut path_start = name_start;
        if name_start > 0
            && let Err(fault) = check_domain(domain)
        {
            if check_path(text, 0, name_end).is_err() {
                return Err(fault);
            }
            path_start = 0;
        }
        check_path(text, path_start, name_end)?;
        let tag = tag_span.map(|span| check_tag(text, span)).transpose()?;
        let digest = digest_start.map(|at| check_digest(text, at)).transpose()?;
        let path = ascii(&text[path_start..name_end]);
        let (domain, path) = match (name_start, path_start) {
            (0, _) => (DEFAULT_DOMAIN.to_owned(), path),
            (_, 0) => (String::new(), path),
            _ if domain == LEGACY_DOMAIN.as_bytes() => (DEFAULT_DOMAIN.to_owned(), path),
            _ => (ascii(domain), path),
        };
        let path = match domain == DEFAULT_DOMAIN && !path.contains('/') {
            true => format!("{OFFICIAL_PREFIX}{path}"),
            false => path,
        };
        if path.len() > PATH_MAX {
            return Err(error(Kind::NameTooLong, path_start, name_end));
        }
        Ok(Reference { domain, path, tag, digest })
    }

    /// The name as people write it: without the default domain and its `library/`.
    pub fn familiar_name(&self) -> String {
        if self.domain == DEFAULT_DOMAIN {
            return match self.path.strip_prefix(OFFICIAL_PREFIX) {
                Some(short) if !short.contains('/') => short.to_owned(),
                _ => self.path.clone(),
            };
        }
        self.name()
    }

    /// The full name: domain and path.
    pub fn name(&self) -> String {
        match self.domain.is_empty() {
            true => self.path.clone(),
            false => format!("{}/{}", self.domain, self.path),
        }
    }

    /// The reference as people write it, with its tag and digest as given.
    pub fn familiar(&self) -> String {
        self.with_tail(self.familiar_name())
    }

    /// The reference in full, with its tag and digest as given.
    pub fn canonical(&self) -> String {
        self.with_tail(self.name())
    }

    /// This reference with the tag `latest` where it has neither tag nor digest: what an engine takes it for.
    pub fn with_default_tag(mut self) -> Reference {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// Whether both name the same image on one engine: equal in full form, the default tag added.
    pub fn same_image(&self, other: &Reference) -> bool {
        self.clone().with_default_tag() == other.clone().with_default_tag()
    }

    fn with_tail(&self, mut text: String) -> String {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(digest);
        }
        text
    }
}

impl ReferenceError {
    /// What is wrong, in words; the text itself is the caller's to show.
    pub fn message(&self) -> &'static str {
        use ReferenceErrorKind as Kind;
        match self.kind {
            Kind::Empty => "the image reference is empty",
            Kind::Scheme => "an image reference has no http:// or https:// before it",
            Kind::EmptyName => "the image has no name before its tag",
            Kind::EmptyComponent => "a slash of the image name has nothing beside it",
            Kind::Uppercase => "a repository name must be lower case",
            Kind::Name => "this cannot stand in a repository name",
            Kind::Domain => "the part before the first slash is no host name",
            Kind::Port => "a host's port must be a number",
            Kind::NameTooLong => "the repository name is longer than 255 bytes",
            Kind::LooksLikeId => "64 hexadecimal digits are an image id, not a name",
            Kind::EmptyTag => "the tag is empty",
            Kind::Tag => "this cannot stand in a tag",
            Kind::TwoTags => "a reference has one tag, and here is a second colon",
            Kind::TagTooLong => "the tag is longer than 128 bytes",
            Kind::Digest => "a digest is written algorithm:hexadecimal digits",
            Kind::DigestAlgorithm => "the digest's algorithm is none of sha256, sha384 and sha512",
            Kind::DigestLength => "the digest has the wrong number of digits",
        }
    }
}

fn error(kind: ReferenceErrorKind, start: usize, end: usize) -> ReferenceError {
    ReferenceError { kind, span: Span::new(start, end) }
}

fn ascii(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Offset of the slash that ends the domain: the first slash, where what is before it can be told from a path
/// component by a dot, a colon, an upper-case letter, or the name `localhost`.
fn domain_end(text: &[u8]) -> Option<usize> {
    let slash = memchr::memchr(b'/', text)?;
    let head = &text[..slash];
    let is_domain = head == b"localhost"
        || head.iter().any(|byte| matches!(byte, b'.' | b':') || byte.is_ascii_uppercase());
    is_domain.then_some(slash)
}

/// Splits off what follows the name that starts at `from`: end of the name, span of the tag, start of the digest.
fn split_tail(text: &[u8], from: usize) -> (usize, Option<Span>, Option<usize>) {
    let at = memchr::memchr(b'@', &text[from..]).map(|at| from + at);
    let end = at.unwrap_or(text.len());
    match memchr::memchr(b':', &text[from..end]).map(|colon| from + colon) {
        Some(colon) => (colon, Some(Span::new(colon + 1, end)), at.map(|at| at + 1)),
        None => (end, None, at.map(|at| at + 1)),
    }
}

/// `domain := host [":" port]`, where host is a dotted name, an IPv4 address, or an IPv6 address in brackets.
fn check_domain(domain: &[u8]) -> Result<(), ReferenceError> {
    use ReferenceErrorKind as Kind;
    let host_end = if domain.first() == Some(&b'[') {
        let close = memchr::memchr(b']', domain).ok_or(error(Kind::Domain, 0, domain.len()))?;
        let inner = &domain[1..close];
        if inner.is_empty() || !inner.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':') {
            return Err(error(Kind::Domain, 0, close + 1));
        }
        close + 1
    } else {
        let end = memchr::memchr(b':', domain).unwrap_or(domain.len());
        let mut start = 0;
        for label in domain[..end].split(|byte| *byte == b'.') {
            let bad = label.iter().any(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-');
            if label.is_empty() || bad || label.first() == Some(&b'-') || label.last() == Some(&b'-') {
                return Err(error(Kind::Domain, start, start + label.len()));
            }
            start += label.len() + 1;
        }
        end
    };
    match domain[host_end..].split_first() {
        None => Ok(()),
        Some((b':', port)) if !port.is_empty() && port.iter().all(u8::is_ascii_digit) => Ok(()),
        Some((b':', _)) => Err(error(Kind::Port, host_end + 1, domain.len())),
        Some(_) => Err(error(Kind::Domain, host_end, domain.len())),
    }
}

/// `path := component ("/" component)*`, each of lower-case letters and digits with single separators between.
fn check_path(text: &[u8], start: usize, end: usize) -> Result<(), ReferenceError> {
    use ReferenceErrorKind as Kind;
    let mut at = start;
    for component in text[start..end].split(|byte| *byte == b'/') {
        if component.is_empty() {
            return Err(error(Kind::EmptyComponent, at.saturating_sub(1), (at + 1).min(end)));
        }
        check_component(component, at)?;
        at += component.len() + 1;
    }
    Ok(())
}

/// `component := alphanumeric (separator alphanumeric)*` with `separator := "." | "_" | "__" | "-"+`.
fn check_component(component: &[u8], base: usize) -> Result<(), ReferenceError> {
    use ReferenceErrorKind as Kind;
    let mut separator_start = Some(0);
    for (at, byte) in component.iter().enumerate() {
        let separator = separator_start.map_or(&b""[..], |start| &component[start..at]);
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => {
                let fits =
                    matches!(separator, b"" | b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-');
                if !fits || (at > 0 && separator.len() == at) {
                    return Err(error(Kind::Name, base + at - separator.len(), base + at));
                }
                separator_start = None;
            }
            b'.' | b'_' | b'-' => {
                separator_start.get_or_insert(at);
            }
            b'A'..=b'Z' => return Err(error(Kind::Uppercase, base + at, base + at + 1)),
            _ => return Err(error(Kind::Name, base + at, base + at + 1)),
        }
    }
    match separator_start {
        Some(start) => Err(error(Kind::Name, base + start, base + component.len())),
        None => Ok(()),
    }
}

/// `tag := word (word | "." | "-"){0,127}`.
fn check_tag(text: &[u8], span: Span) -> Result<String, ReferenceError> {
    use ReferenceErrorKind as Kind;
    let tag = span.of(text);
    if tag.is_empty() {
        return Err(error(Kind::EmptyTag, span.start.saturating_sub(1), span.end));
    }
    for (at, byte) in tag.iter().enumerate() {
        let place = (span.start + at, span.start + at + 1);
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => {}
            b'.' | b'-' if at > 0 => {}
            b':' => return Err(error(Kind::TwoTags, place.0, place.1)),
            _ => return Err(error(Kind::Tag, place.0, place.1)),
        }
    }
    match tag.len() > TAG_MAX {
        true => Err(error(Kind::TagTooLong, span.start, span.end)),
        false => Ok(ascii(tag)),
    }
}

/// `digest := algorithm ":" hex`, of an algorithm that engines know and with as many digits as it gives.
fn check_digest(text: &[u8], start: usize) -> Result<String, ReferenceError> {
    use ReferenceErrorKind as Kind;
    let digest = &text[start..];
    let Some(colon) = memchr::memchr(b':', digest) else {
        return Err(error(Kind::Digest, start, text.len()));
    };
    let (algorithm, hex) = (&digest[..colon], &digest[colon + 1..]);
    let digits = match algorithm {
        b"sha256" => 64,
        b"sha384" => 96,
        b"sha512" => 128,
        _ => return Err(error(Kind::DigestAlgorithm, start, start + colon)),
    };
    if let Some(bad) = hex.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(error(Kind::Digest, start + colon + 1 + bad, start + colon + 2 + bad));
    }
    match hex.len() == digits {
        true => Ok(ascii(digest)),
        false => Err(error(Kind::DigestLength, start + colon + 1, text.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `valid` lines: text, full form, familiar form; `invalid` lines: text, kind, span. See the file's head.
    const CASES: &str = include_str!("../../tests/data/references.txt");

    #[test]
    fn the_table_of_references_holds() {
        let mut count = 0;
        for line in CASES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            count += 1;
            match fields.as_slice() {
                ["valid", text, canonical, familiar] => {
                    let reference = Reference::parse(text.as_bytes());
                    let reference = reference.unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
                    assert_eq!(reference.canonical(), *canonical, "{text}");
                    assert_eq!(reference.familiar(), *familiar, "{text}");
                    assert_eq!(Reference::parse(canonical.as_bytes()), Ok(reference), "{text}");
                }
                ["invalid", text, kind, span] => {
                    let fault = Reference::parse(text.as_bytes()).expect_err(text);
                    assert_eq!(format!("{:?}", fault.kind), *kind, "{text}");
                    assert_eq!(format!("{}..{}", fault.span.start, fault.span.end), *span, "{text}");
                    assert!(!fault.message().is_empty());
                }
                _ => panic!("not a case: {line}"),
            }
        }
        assert!(count > 60);
    }

    #[test]
    fn lengths_have_their_bounds() {
        let tag = |length: usize| format!("a:{}", "t".repeat(length));
        assert!(Reference::parse(tag(128).as_bytes()).is_ok());
        assert_eq!(kind(tag(129).as_bytes()), ReferenceErrorKind::TagTooLong);
        let name = |length: usize| format!("host.example/{}", "n".repeat(length));
        assert!(Reference::parse(name(255).as_bytes()).is_ok());
        assert_eq!(kind(name(256).as_bytes()), ReferenceErrorKind::NameTooLong);
        assert_eq!(kind("0f".repeat(32).as_bytes()), ReferenceErrorKind::LooksLikeId);
        assert_eq!(kind(b"a:\xff"), ReferenceErrorKind::Tag);
    }

    #[test]
    fn the_default_tag_makes_equal() {
        let parse = |text: &str| Reference::parse(text.as_bytes()).unwrap();
        assert!(parse("app").same_image(&parse("docker.io/library/app:latest")));
        assert!(!parse("app:1").same_image(&parse("app")));
    }

    fn kind(text: &[u8]) -> ReferenceErrorKind {
        Reference::parse(text).unwrap_err().kind
    }
}
