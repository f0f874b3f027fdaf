//! Releases of distributions and of Python, and until when they are supported: the table `releases.txt`, with its sources there.
//! Knows nothing of images.

use std::fmt;
use std::sync::LazyLock;

/// The table.
const TABLE: &str = include_str!("releases.txt");

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// The month, from 1.
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Date {
    /// The day in UTC of `seconds` since 1970.
    pub fn of_seconds(seconds: i64) -> Date {
        // Days to the civil calendar, eras of 400 years, years from March on.
        let days = seconds.div_euclid(86_400) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Date { year: year + era * 400 + i64::from(month <= 2), month: month as u32, day: day as u32 }
    }

    /// Today in UTC; 1970-01-01 where the clock can't be read.
    pub fn today() -> Date {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Date::of_seconds(now.map_or(0, |past| past.as_secs() as i64))
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        let (year, month) = (self.year - i64::from(self.month <= 2), i64::from(self.month));
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year =
            (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Option<Date> {
        let mut parts = text.splitn(3, '-');
        let date = Date {
            year: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
        };
        ((1..=12).contains(&date.month) && (1..=31).contains(&date.day)).then_some(date)
    }
}

/// How long a release is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// For years.
    Long,
    /// For months.
    Short,
    /// There are no releases, only what is newest.
    Rolling,
}

/// A release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    /// `ID` of os-release; `python` for the language.
    pub id: &'static str,
    /// `VERSION_ID`; empty for a distribution without releases.
    pub version: &'static str,
    /// The code name; empty where there is none.
    pub codename: &'static str,
    /// The last day of free support; none for rolling ones.
    pub until: Option<Date>,
    /// How long it is supported.
    pub support: Support,
}

impl Release {
    /// For people: `Debian 12`, `Python 3.7`.
    pub fn shown(&self) -> String {
        let mut letters = self.id.chars();
        let name: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        match (self.version, self.codename) {
            ("", "") => name,
            ("", codename) => format!("{name} {codename}"),
            (version, _) => format!("{name} {version}"),
        }
    }
}

/// All releases of the table, in its order. It is read once.
pub fn all() -> impl Iterator<Item = Release> {
    static READ: LazyLock<Vec<Release>> = LazyLock::new(|| read().collect());
    READ.iter().copied()
}

fn read() -> impl Iterator<Item = Release> {
    TABLE.lines().filter_map(|line| {
        let mut words = line.split_whitespace().filter(|_| !line.starts_with('#'));
        let mut word = || words.next().map(|word| if word == "-" { "" } else { word });
        Some(Release {
            id: word()?,
            version: word()?,
            codename: word()?,
            until: Date::parse(word()?),
            support: match word()? {
                "long" => Support::Long,
                "short" => Support::Short,
                _ => Support::Rolling,
            },
        })
    })
}

/// The release of distribution `id` (os-release's `ID`, or `python`) that `version` names: by number, the number's first parts
/// (`3.11.4` is of `3.11`), or by code name.
pub fn find(id: &str, version: &str) -> Option<Release> {
    let of = |release: &Release| release.id == id;
    let part = |release: &Release| {
        let rest = version.strip_prefix(release.version);
        !release.version.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let named = |release: &Release| {
        release.codename == version && (!release.codename.is_empty() || release.version.is_empty())
    };
    all().filter(of).find(|release| part(release) || named(release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).count();
        assert_eq!(all().count(), lines);
        for release in all() {
            assert_eq!(release.until.is_none(), release.support == Support::Rolling, "{release:?}");
        }
    }

    #[test]
    fn releases_are_found_by_number_and_name() {
        let until =
            |id, version| find(id, version).and_then(|found| found.until).map(|date| date.to_string());
        assert_eq!(until("debian", "12").as_deref(), Some("2028-06-30"));
        assert_eq!(until("debian", "buster").as_deref(), Some("2024-06-30"));
        assert_eq!(until("debian", "12.5").as_deref(), Some("2028-06-30"));
        assert_eq!(until("python", "3.1"), None);
        assert_eq!(until("python", "3.11.9").as_deref(), Some("2027-10-31"));
        assert_eq!(find("ubuntu", "23.10").map(|found| found.support), Some(Support::Short));
        assert_eq!(find("debian", "sid").map(|found| found.support), Some(Support::Rolling));
        assert_eq!(find("arch", "").map(|found| found.shown()).as_deref(), Some("Arch"));
    }

    #[test]
    fn days_go_both_ways() {
        for (seconds, text) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_767_139_200, "2025-12-31"),
            (-1, "1969-12-31"),
        ] {
            let date = Date::of_seconds(seconds);
            assert_eq!(date.to_string(), text);
            assert_eq!(date.days(), seconds.div_euclid(86_400));
            assert_eq!(Date::parse(text), Some(date));
        }
        assert_eq!(Date::parse("2025-13-01"), None);
    }
}
