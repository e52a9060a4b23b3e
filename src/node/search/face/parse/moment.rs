//! Dates and date maths: `2026-01-31`, `now-1h/d`, `2026-01-31||+1M`.

use std::time::Duration;

use serde_json::Value;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};

use super::Parsed;
use super::object::{shown, wrong};
use crate::node::search::face::refusal::Refusal;

/// Which moment of what is named counts: of a day its first or its last millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// The first.
    Down,
    /// The last.
    Up,
}

/// A step of the calendar or of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
    Milli,
}

/// Steps of date maths in one expression.
const MAX_STEPS: usize = 16;

/// The moment of a JSON value, in ms since the epoch: a number is that, a text an expression.
pub(super) fn of_value(value: &Value, now_ms: i64, rounding: Rounding) -> Parsed<i64> {
    match value {
        Value::Number(number) => number
            .as_i64()
            .ok_or_else(|| Refusal::parsing(format!("[{number}] is not a time in ms"))),
        Value::String(text) => of_text(text, now_ms, rounding),
        other => Err(wrong("date", "a string or a number", other)),
    }
}

/// The moment of an expression, in ms since the epoch.
pub(super) fn of_text(text: &str, now_ms: i64, rounding: Rounding) -> Parsed<i64> {
    let moment = expression(text, now_ms, rounding);
    moment.ok_or_else(|| {
        Refusal::parsing(format!(
            "failed to parse date [{}]: such as 2026-01-31, 2026-01-31T12:30:00Z, now-1h, now/d \
             or 2026-01-31||+1M/d",
            shown(text)
        ))
    })
}

/// The first and the last ms of what a text names: of a day all of it. `None` for what is no date,
/// or is beyond what the index has moments for.
pub(super) fn span(text: &str) -> Option<(i64, i64)> {
    let (from, unit) = literal(text)?;
    let span = (to_ms(from)?, to_ms(last_of(from, unit)?)?);
    let fits = |ms: i64| ms.checked_mul(1_000_000).is_some();
    (fits(span.0) && fits(span.1)).then_some(span)
}

/// Whether a text is meant as a date, where the field does not say so.
pub(super) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let year = bytes.len() >= 7 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-';
    let now = text
        .strip_prefix("now")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-', '/']));
    (year || now) && expression(text, 0, Rounding::Down).is_some()
}

fn expression(text: &str, now_ms: i64, rounding: Rounding) -> Option<i64> {
    if let Some(steps) = text.strip_prefix("now") {
        let now = from_ms(now_ms)?;
        return to_ms(walk(now, steps, rounding)?);
    }
    if let Some((date, steps)) = text.split_once("||") {
        let (from, _) = literal(date)?;
        return to_ms(walk(from, steps, rounding)?);
    }
    if text.len() > 4
        && text
            .strip_prefix('-')
            .unwrap_or(text)
            .bytes()
            .all(|b| b.is_ascii_digit())
    {
        return text.parse().ok();
    }
    let (from, unit) = literal(text)?;
    match rounding {
        Rounding::Down => to_ms(from),
        Rounding::Up => to_ms(last_of(from, unit)?),
    }
}

fn from_ms(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

fn to_ms(moment: OffsetDateTime) -> Option<i64> {
    i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok()
}

/// `+1d`, `-2h` and `/d`, one after the other.
fn walk(from: OffsetDateTime, steps: &str, rounding: Rounding) -> Option<OffsetDateTime> {
    let (mut moment, mut rest) = (from, steps);
    for _ in 0..MAX_STEPS {
        let Some(sign) = rest.chars().next() else {
            return Some(moment);
        };
        rest = &rest[sign.len_utf8()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let count = match &rest[..digits] {
            "" => 1,
            count => count.parse::<i32>().ok()?,
        };
        let unit = rest[digits..].chars().next()?;
        rest = &rest[digits + unit.len_utf8()..];
        let unit = unit_of(unit)?;
        moment = match (sign, digits, rounding) {
            ('+', _, _) => add(moment, unit, count)?,
            ('-', _, _) => add(moment, unit, -count)?,
            ('/', 0, Rounding::Down) => first_of(moment, unit)?,
            ('/', 0, Rounding::Up) => last_of(first_of(moment, unit)?, unit)?,
            _ => return None,
        };
    }
    None
}

fn unit_of(letter: char) -> Option<Unit> {
    Some(match letter {
        'y' => Unit::Year,
        'M' => Unit::Month,
        'w' => Unit::Week,
        'd' => Unit::Day,
        'h' | 'H' => Unit::Hour,
        'm' => Unit::Minute,
        's' => Unit::Second,
        _ => return None,
    })
}

fn add(moment: OffsetDateTime, unit: Unit, count: i32) -> Option<OffsetDateTime> {
    let seconds = match unit {
        Unit::Year => return add_months(moment, count.checked_mul(12)?),
        Unit::Month => return add_months(moment, count),
        Unit::Week => 7 * 86_400,
        Unit::Day => 86_400,
        Unit::Hour => 3_600,
        Unit::Minute => 60,
        Unit::Second => 1,
        Unit::Milli => return moment.checked_add(time::Duration::milliseconds(count.into())),
    };
    moment.checked_add(time::Duration::seconds(seconds * i64::from(count)))
}

fn add_months(moment: OffsetDateTime, count: i32) -> Option<OffsetDateTime> {
    let months = moment
        .year()
        .checked_mul(12)?
        .checked_add(i32::from(u8::from(moment.month())) - 1)?;
    let months = months.checked_add(count)?;
    let year = months.div_euclid(12);
    let month = Month::try_from(u8::try_from(months.rem_euclid(12) + 1).ok()?).ok()?;
    let day = moment.day().min(month.length(year));
    let date = Date::from_calendar_date(year, month, day).ok()?;
    Some(moment.replace_date(date))
}

fn first_of(moment: OffsetDateTime, unit: Unit) -> Option<OffsetDateTime> {
    let time = moment.time();
    let (hour, minute, second) = time.as_hms();
    let date = moment.date();
    let date = match unit {
        Unit::Year => date.replace_ordinal(1).ok()?,
        Unit::Month => date.replace_day(1).ok()?,
        Unit::Week => {
            let back = date.weekday().number_days_from_monday();
            date.checked_sub(time::Duration::days(back.into()))?
        }
        _ => date,
    };
    let time = match unit {
        Unit::Hour => Time::from_hms(hour, 0, 0),
        Unit::Minute => Time::from_hms(hour, minute, 0),
        Unit::Second => Time::from_hms(hour, minute, second),
        Unit::Milli => return Some(moment),
        _ => Ok(Time::MIDNIGHT),
    };
    Some(moment.replace_date(date).replace_time(time.ok()?))
}

/// The last millisecond of the unit that begins at `first`.
fn last_of(first: OffsetDateTime, unit: Unit) -> Option<OffsetDateTime> {
    match add(first, unit, 1) {
        Some(next) => next.checked_sub(time::Duration::milliseconds(1)),
        // Nothing comes after the year 9999.
        None => Some(PrimitiveDateTime::MAX.assume_utc()),
    }
}

/// `2026[-01[-31[T12[:30[:00[.123]]]]]][Z|+02:00]`, and how exact it is.
fn literal(text: &str) -> Option<(OffsetDateTime, Unit)> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = digits(parts.next()?, 4)?;
    let month = parts.next().map(|month| digits(month, 2));
    let day = parts.next().map(|day| digits(day, 2));
    if parts.next().is_some() || (time.is_some() && day.is_none()) {
        return None;
    }
    let unit = match (month, day) {
        (None, _) => Unit::Year,
        (_, None) => Unit::Month,
        _ => Unit::Day,
    };
    let month = Month::try_from(month.unwrap_or(Some(1))? as u8).ok()?;
    let date = Date::from_calendar_date(year, month, day.unwrap_or(Some(1))? as u8).ok()?;
    let Some(time) = time else {
        return Some((date.midnight().assume_utc(), unit));
    };
    let (time, offset) = zoned(time)?;
    let (time, unit) = clock(time)?;
    let moment = OffsetDateTime::new_in_offset(date, time, offset);
    Some((moment, unit))
}

fn digits(text: &str, width: usize) -> Option<i32> {
    let plain = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok())?
}

fn zoned(time: &str) -> Option<(&str, UtcOffset)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, UtcOffset::UTC));
    }
    let Some(at) = time.find(['+', '-']) else {
        return Some((time, UtcOffset::UTC));
    };
    let (time, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = match zone[1..].split_once(':') {
        Some(parts) => parts,
        None if zone.len() == 5 => zone[1..].split_at_checked(2)?,
        None => (&zone[1..], "00"),
    };
    let (hours, minutes) = (digits(hours, 2)? as i8, digits(minutes, 2)? as i8);
    let offset = UtcOffset::from_hms(sign * hours, sign * minutes, 0).ok()?;
    Some((time, offset))
}

fn clock(text: &str) -> Option<(Time, Unit)> {
    let (text, fraction) = match text.split_once(['.', ',']) {
        Some((text, fraction)) => (text, Some(fraction)),
        None => (text, None),
    };
    let mut parts = text.split(':');
    let hour = digits(parts.next()?, 2)? as u8;
    let minute = parts.next().map(|part| digits(part, 2));
    let second = parts.next().map(|part| digits(part, 2));
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let unit = match (minute, second, fraction) {
        (None, ..) => Unit::Hour,
        (_, None, _) => Unit::Minute,
        (.., None) => Unit::Second,
        _ => Unit::Milli,
    };
    let nanos = fraction.map_or(Some(0), nanos)?;
    let (minute, second) = (minute.unwrap_or(Some(0))?, second.unwrap_or(Some(0))?);
    let time = Time::from_hms_nano(hour, minute as u8, second as u8, nanos).ok()?;
    Some((time, unit))
}

fn nanos(fraction: &str) -> Option<u32> {
    let plain = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| format!("{fraction:0<9}").parse().ok())?
}

/// A length of time such as `500ms`, `2s` or `1m`; `None` for `-1`, no limit.
pub(in crate::node::search::face) fn length(place: &str, text: &str) -> Parsed<Option<Duration>> {
    if text == "-1" {
        return Ok(None);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let micros = match &text[digits..] {
        "nanos" => Some(0),
        "micros" => Some(1),
        "ms" => Some(1_000),
        "s" => Some(1_000_000),
        "m" => Some(60_000_000),
        "h" => Some(3_600_000_000),
        "d" => Some(86_400_000_000_u64),
        _ => None,
    };
    let count: Option<u64> = text[..digits].parse().ok();
    match count
        .zip(micros)
        .map(|(count, unit)| count.saturating_mul(unit))
    {
        Some(micros) => Ok(Some(Duration::from_micros(micros))),
        None => Err(Refusal::parsing(format!(
            "failed to parse [{place}] [{}] as a time: such as 500ms, 2s or 1m",
            shown(text)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-31T10:20:30.500Z
    const NOW: i64 = 1_774_952_430_500;

    fn down(text: &str) -> i64 {
        of_text(text, NOW, Rounding::Down).unwrap()
    }

    fn up(text: &str) -> i64 {
        of_text(text, NOW, Rounding::Up).unwrap()
    }

    #[test]
    fn now_is_moved_and_rounded() {
        assert_eq!(down("now"), NOW);
        assert_eq!(down("now-1h"), NOW - 3_600_000);
        assert_eq!(down("now/d"), down("2026-03-31"));
        assert_eq!(up("now/d"), down("2026-04-01") - 1);
        assert_eq!(down("now-1M"), down("2026-02-28T10:20:30.500"));
        assert_eq!(down("now+1y-1d/M"), down("2027-03-01"));
        assert_eq!(down("now/w"), down("2026-03-30"));
    }

    #[test]
    fn dates_are_as_exact_as_they_are_written() {
        assert_eq!(down("1970-01-01"), 0);
        assert_eq!(down("1970-01-01T00:00:01.5Z"), 1_500);
        assert_eq!(down("1970-01-01T02:00+02:00"), 0);
        assert_eq!(up("1970-01-01"), 86_400_000 - 1);
        assert_eq!(up("1970-01"), down("1970-02-01") - 1);
        assert_eq!(up("1970"), down("1971-01-01") - 1);
        assert_eq!(up("9999-12-31"), 253_402_300_799_999);
        assert_eq!(up("1970-01-01T00:00:01.5Z"), 1_500);
        assert_eq!(down("1774952430500"), NOW);
        assert_eq!(down("2024-01-31||+1M"), down("2024-02-29"));
    }

    #[test]
    fn what_is_no_date_is_refused_by_name() {
        for text in [
            "",
            "yesterday",
            "now-",
            "now-1",
            "now-1x",
            "now/2d",
            "2026-13-01",
            "2026-02-30",
            "2026-01-01T",
            "2026-01-01T25",
            "2026-01-01T10:00+99:99",
            "2026-01T10",
            "||",
            "now+999999999y",
            "2026-01-01||*1d",
            "nowé",
            "2026-01-01T10:00:00.",
            "now+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d+1d",
        ] {
            let refused = of_text(text, NOW, Rounding::Up).unwrap_err();
            assert!(refused.reason().contains("failed to parse date"), "{text}");
        }
    }

    #[test]
    fn lengths_have_units() {
        assert_eq!(
            length("timeout", "2s").unwrap(),
            Some(Duration::from_secs(2))
        );
        assert_eq!(length("timeout", "-1").unwrap(), None);
        for text in ["", "2", "s", "2 s", "-2s", "2é", "99999999999999999999s"] {
            assert!(length("timeout", text).is_err(), "{text}");
        }
    }
}
