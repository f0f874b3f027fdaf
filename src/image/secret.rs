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

/// Whether a variable of this name most likely holds a secret.
pub fn is_secret_name(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let any = words.clone().any(|word| WORDS.contains(&word));
    any && !words.any(|word| HARMLESS.contains(&word))
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
    let mut bytes = text.as_bytes().to_vec();
    let is_name = |byte: u8| byte == b'_' || byte == b'-' || byte == b'.' || byte.is_ascii_alphanumeric();
    let mut from = 0;
    while let Some(found) = memchr::memchr(b'=', &bytes[from..]) {
        let equals = from + found;
        let start = bytes[..equals].iter().rposition(|&byte| !is_name(byte)).map_or(0, |at| at + 1);
        let name = bytes[start..equals].to_vec();
        from = equals + 1;
        if !is_secret_name(&name) {
            continue;
        }
        let quote = bytes.get(from).copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let value = from + usize::from(quote.is_some());
        let ends = |byte: &u8| match quote {
            Some(quote) => *byte == quote,
            None => byte.is_ascii_whitespace(),
        };
        let end = bytes[value..].iter().position(ends).map_or(bytes.len(), |at| value + at);
        if bytes.get(value) != Some(&b'$') {
            bytes[value..end].fill(b'*');
        }
        from = end;
    }
    String::from_utf8_lossy(&bytes).into_owned()
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
    }
}
