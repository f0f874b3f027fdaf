//! Names that secrets go by. Knows nothing of where the names stand.

/// Words of a name that say that its value is a secret (those of BuildKit's rule `SecretsUsedInArgOrEnv`, and a few more).
const WORDS: [&str; 16] = [
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "pass",
    "passphrase",
    "password",
    "passwd",
    "passwords",
    "pat",
    "pwd",
    "pword",
    "secret",
    "secrets",
    "token",
];
/// Words that say that it is none after all: `PUBLIC_KEY`, `CACHE_KEY`, `KEY_SERVER`, `TOKEN_URL`.
const HARMLESS: [&str; 13] = [
    "public",
    "cache",
    "server",
    "url",
    "file",
    "path",
    "id",
    "name",
    "endpoint",
    "fingerprint",
    "keyserver",
    "dir",
    "type",
];

/// Words by which the key that an option gives is a secret, not one to sort or to look up by.
const KEYS: [&str; 10] =
    ["access", "account", "api", "deploy", "encryption", "license", "master", "private", "signing", "ssh"];

/// What the value of `--secret=` begins with: BuildKit's words for where a secret is.
const PLACES: [&[u8]; 4] = [b"id=", b"src=", b"type=", b"env="];

/// Whether a variable of this name most likely holds a secret.
pub fn is_secret_name(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let any = words.clone().any(|word| WORDS.contains(&word));
    any && !words.any(|word| HARMLESS.contains(&word))
}

/// Whether the option `name` most likely gives no secret though its name is one of a secret: a key is to sort by as often as not
/// (`sort --key=2`), and `--secret=id=npm` says where the secret is.
fn is_harmless_option(name: &[u8], value: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let is_plain_key = words.all(|word| word == "key" || !WORDS.contains(&word) && !KEYS.contains(&word));
    name.starts_with('-') && (is_plain_key || PLACES.iter().any(|place| value.starts_with(place)))
}

/// Whether lines `NAME=value` of a file like `.env` give a value to a name of a secret.
pub fn has_secret_values(text: &str) -> bool {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| {
        let Some((name, value)) = line.split_once('=') else { return false };
        let name = name.trim().trim_start_matches("export ").trim();
        is_secret_name(name.as_bytes()) && !value.trim().trim_matches(['"', '\'']).is_empty()
    })
}

/// Whether a value of the variable `name` is the fingerprint of a public key, by which downloads are verified.
pub fn is_fingerprint(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_hex =
        |word: &str| [16, 32, 40].contains(&word.len()) && word.bytes().all(|b| b.is_ascii_hexdigit());
    (name.contains("gpg") || name.contains("pgp")) && value.split_whitespace().all(is_hex)
}

/// `text` with the values of `NAME=value` words of secret names made unreadable, byte for byte, so that columns stay. A
/// value that is a reference to a variable says nothing and stays.
pub fn masked(text: &str) -> String {
    masked_bytes(text.as_bytes())
        .map_or_else(|| text.to_owned(), |masked| String::from_utf8_lossy(&masked).into_owned())
}

/// As [`masked`]; none where nothing was to be masked.
pub fn masked_bytes(text: &[u8]) -> Option<Vec<u8>> {
    let is_name = |byte: u8| byte == b'_' || byte == b'-' || byte == b'.' || byte.is_ascii_alphanumeric();
    let mut masked: Option<Vec<u8>> = None;
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'=', &text[from..]) {
        let equals = from + found;
        let start =
            text[from..equals].iter().rposition(|&byte| !is_name(byte)).map_or(from, |at| from + at + 1);
        from = equals + 1;
        let name = &text[start..equals];
        if !is_secret_name(name) || is_harmless_option(name, &text[from..]) {
            continue;
        }
        let open = start.checked_sub(1).map(|at| text[at]).filter(is_quote);
        let end = from + word_length(&text[from..], open);
        let mut value = from..end;
        from = end;
        value.end -= usize::from(open.is_some() && text[value.clone()].last() == open.as_ref());
        if let Some(quote) = text[value.clone()].first().copied().filter(is_quote) {
            value.start += 1;
            value.end -= usize::from(!value.is_empty() && text[value.end - 1] == quote);
        }
        if text.get(value.start) != Some(&b'$') {
            masked.get_or_insert_with(|| text.to_vec())[value].fill(b'*');
        }
    }
    masked
}

fn is_quote(byte: &u8) -> bool {
    matches!(byte, b'"' | b'\'')
}

/// How far a shell's word goes that begins within the quote `open`.
fn word_length(text: &[u8], open: Option<u8>) -> usize {
    let mut quote = open;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, byte) if byte.is_ascii_whitespace() => break,
            (None | Some(b'"'), b'\\') => at += 1,
            _ => {}
        }
        at += 1;
    }
    at.min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in
            ["TOKEN", "NPM_TOKEN", "DB_PASSWORD", "SSH_PRIVATE_KEY", "api-key", "SECRET", "GITHUB_PAT"]
        {
            assert!(is_secret_name(name.as_bytes()), "{name}");
        }
        for name in ["KEYBOARD", "PUBLIC_KEY", "MONKEY", "CACHE_KEY", "VERSION", "TOKENIZERS", "COMPASS", ""]
        {
            assert!(!is_secret_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn values_of_secrets_are_masked_in_place() {
        let line = "docker build --build-arg TOKEN=abc --build-arg V=1 --build-arg KEY=\"a b\" .";
        let shown = "docker build --build-arg TOKEN=*** --build-arg V=1 --build-arg KEY=\"***\" .";
        assert_eq!(masked(line), shown);
        assert_eq!(masked("--build-arg TOKEN=$(TOKEN) x"), "--build-arg TOKEN=$(TOKEN) x");
        assert_eq!(masked("TOKEN=gehäus"), "TOKEN=*******");
        for (line, shown) in [
            ("--build-arg 'TOKEN=a b' c", "--build-arg 'TOKEN=***' c"),
            ("--build-arg \"TOKEN=a \\\" b\" c", "--build-arg \"TOKEN=******\" c"),
            (r"--build-arg TOKEN=a\ b'c d'e f", r"--build-arg TOKEN=********** f"),
            ("TOKEN= x KEY='' y", "TOKEN= x KEY='' y"),
            ("TOKEN='a", "TOKEN='*"),
            ("TOKEN=\"$(A)\" KEY=a\\", "TOKEN=\"$(A)\" KEY=**"),
            ("'KEY=it''s x' y", "'KEY=*******' y"),
            ("docker build --secret=id=npm,src=.npmrc .", "docker build --secret=id=npm,src=.npmrc ."),
            ("sort --key=2 --sort-key=name --token=abc", "sort --key=2 --sort-key=name --token=***"),
            ("V=1 A=TOKEN=b", "V=1 A=TOKEN=*"),
            ("x --api-key=a --secret-key=b --apikey=c", "x --api-key=* --secret-key=* --apikey=*"),
            ("x -key=a --private-key=b --Key=c", "x -key=a --private-key=* --Key=c"),
            (
                "x --db_password=a --my.token=b -Dspring.password=c",
                "x --db_password=* --my.token=* -Dspring.password=*",
            ),
        ] {
            assert_eq!(masked(line), shown);
        }
        assert_eq!(masked_bytes(b"V=1 \xff"), None);
        assert_eq!(masked_bytes(b"TOKEN=\xff \xff").unwrap(), b"TOKEN=* \xff");
    }
}
