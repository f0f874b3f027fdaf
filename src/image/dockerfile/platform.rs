//! Platforms in the one form in which BuildKit writes them, and the arguments that it sets by them. Asks no engine: what is not
//! certain is not known.

use super::scope::PLATFORM_ARGS;

/// A platform in its normal form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    os: &'static str,
    architecture: &'static str,
    /// Empty where the architecture says all.
    variant: &'static str,
}

/// Architectures and variants as they are written, and what all releases of BuildKit make of them. Of what is not here
/// (`linux/amd64/v1`, `linux/arm64/v9`) releases make different things.
const NORMAL: [(&str, &str, &str, &str); 22] = [
    ("amd64", "", "amd64", ""),
    ("amd64", "v2", "amd64", "v2"),
    ("amd64", "v3", "amd64", "v3"),
    ("amd64", "v4", "amd64", "v4"),
    ("x86_64", "", "amd64", ""),
    ("x86-64", "", "amd64", ""),
    ("arm64", "", "arm64", ""),
    ("arm64", "v8", "arm64", ""),
    ("arm64", "8", "arm64", ""),
    ("aarch64", "", "arm64", ""),
    ("arm", "", "arm", "v7"),
    ("arm", "v7", "arm", "v7"),
    ("arm", "7", "arm", "v7"),
    ("arm", "v6", "arm", "v6"),
    ("arm", "6", "arm", "v6"),
    ("arm", "v5", "arm", "v5"),
    ("arm", "5", "arm", "v5"),
    ("386", "", "386", ""),
    ("i386", "", "386", ""),
    ("ppc64le", "", "ppc64le", ""),
    ("s390x", "", "s390x", ""),
    ("riscv64", "", "riscv64", ""),
];

impl Platform {
    /// The platform that `text` names to every BuildKit: `linux/amd64`, `linux/arm64/v8`, …; none where the name leaves something
    /// to the machine that reads it (`arm64`, `local`), or is not known.
    pub fn parse(text: &[u8]) -> Option<Platform> {
        let text = std::str::from_utf8(text).ok()?.to_ascii_lowercase();
        let (os, rest) = text.split_once('/')?;
        let (architecture, variant) = match rest.split_once('/') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (rest, ""),
        };
        let is_it = |one: &&(&str, &str, &str, &str)| (one.0, one.1) == (architecture, variant);
        let (_, _, architecture, variant) = *NORMAL.iter().find(is_it)?;
        (os == "linux").then_some(Platform { os: "linux", architecture, variant })
    }

    /// The platform of a machine with this system and architecture, as its engine names them. A processor that has variants may be
    /// any of them.
    pub fn of_machine(os: &str, architecture: &str) -> Option<Platform> {
        let parsed = Platform::parse(format!("{os}/{architecture}").as_bytes())?;
        (parsed.architecture != "arm").then_some(parsed)
    }

    /// `os/architecture`, with `/variant` where there is one.
    pub fn text(&self) -> String {
        match self.variant {
            "" => format!("{}/{}", self.os, self.architecture),
            variant => format!("{}/{}/{variant}", self.os, self.architecture),
        }
    }
}

/// Whether `text` names one of the arguments that platforms set.
pub fn are_mentioned(text: &[u8]) -> bool {
    PLATFORM_ARGS.iter().any(|name| memchr::memmem::find(text, name).is_some())
}

/// The arguments of a build that runs on `build` and is for `target`; those of a platform that is not known are left out, and the
/// version of the system: not every BuildKit sets it.
pub fn arguments(build: Option<&Platform>, target: Option<&Platform>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut out = Vec::new();
    for (side, platform) in [("BUILD", build), ("TARGET", target)] {
        let Some(platform) = platform else { continue };
        let text = platform.text();
        let parts = [
            ("PLATFORM", text.as_str()),
            ("OS", platform.os),
            ("ARCH", platform.architecture),
            ("VARIANT", platform.variant),
        ];
        out.extend(parts.map(|(name, value)| (format!("{side}{name}").into_bytes(), value.into())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_that_every_buildkit_gives_them() {
        for (written, normal) in [
            ("linux/amd64", Some("linux/amd64")),
            ("Linux/AMD64", Some("linux/amd64")),
            ("linux/x86_64", Some("linux/amd64")),
            ("linux/amd64/v3", Some("linux/amd64/v3")),
            ("linux/amd64/v1", None),
            ("linux/arm64/v8", Some("linux/arm64")),
            ("linux/aarch64", Some("linux/arm64")),
            ("linux/arm64/v9", None),
            ("linux/arm", Some("linux/arm/v7")),
            ("linux/arm/7", Some("linux/arm/v7")),
            ("linux/arm/v6", Some("linux/arm/v6")),
            ("linux/386", Some("linux/386")),
            ("linux/riscv64", Some("linux/riscv64")),
            ("windows/amd64", None),
            ("amd64", None),
            ("linux", None),
            ("local", None),
            ("linux/amd64/", None),
            ("linux/amd64,linux/arm64", None),
            ("linux/amd64/v2/x", None),
            ("", None),
        ] {
            let found = Platform::parse(written.as_bytes()).map(|platform| platform.text());
            assert_eq!(found.as_deref(), normal, "{written}");
        }
    }

    #[test]
    fn a_machine_of_several_variants_may_be_any() {
        let of = |os, architecture| Platform::of_machine(os, architecture).map(|platform| platform.text());
        assert_eq!(of("linux", "amd64").as_deref(), Some("linux/amd64"));
        assert_eq!(of("linux", "arm64").as_deref(), Some("linux/arm64"));
        assert_eq!(of("linux", "arm"), None);
        assert_eq!(of("", "amd64"), None);
    }

    #[test]
    fn each_platform_sets_four_arguments() {
        let arm = Platform::parse(b"linux/arm");
        let text = |pairs: Vec<(Vec<u8>, Vec<u8>)>| -> Vec<String> {
            let one = |(name, value): &(Vec<u8>, Vec<u8>)| {
                format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            };
            pairs.iter().map(one).collect()
        };
        assert_eq!(
            text(arguments(None, arm.as_ref())),
            ["TARGETPLATFORM=linux/arm/v7", "TARGETOS=linux", "TARGETARCH=arm", "TARGETVARIANT=v7"]
        );
        assert_eq!(text(arguments(arm.as_ref(), None)).len(), 4);
        assert!(arguments(None, None).is_empty());
        assert!(
            are_mentioned(b"FROM --platform=${BUILDPLATFORM} x") && !are_mentioned(b"FROM x\nRUN build\n")
        );
    }
}
