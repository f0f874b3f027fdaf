//! Times as engines write them. Knows no clock.

/// Seconds since 1970 of an RFC 3339 time (`2026-11-22T02:11:35.86Z`, `…+01:00`); none where it is none. The fraction is
/// cut off.
pub(super) fn parse(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let valid =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    if !valid || !text.get(10..11)?.eq_ignore_ascii_case("t") {
        return None;
    }
    let zone = text.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|digit| digit.is_ascii_digit()) =>
        {
            let digit = |byte: &u8| i64::from(byte - b'0');
            let seconds = (digit(h1) * 10 + digit(h2)) * 3600 + (digit(m1) * 10 + digit(m2)) * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn times_are_read() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse("2026-11-22T02:11:35.860326566Z"), Some(1_795_313_495));
        assert_eq!(parse("2000-02-29T12:00:00+01:30"), Some(951_820_200));
        assert_eq!(parse("1969-12-31T23:59:59-00:00"), Some(-1));
        assert_eq!(parse("0001-01-01T00:00:00Z"), Some(-62_135_596_800));
        for bad in [
            "",
            "2026",
            "2026-13-01T00:00:00Z",
            "2026-11-22 02:11:35Z",
            "2026-11-22T02:11:35",
            "x026-11-22T02:11:35Z",
            "2026-11-22T02:11:35+1:00",
            "+026-11-22T02:11:35Z",
            "2026-11-22T02:11:35é",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
