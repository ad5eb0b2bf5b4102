//! What is said of an answer: for people in the shape of `zkCli.sh`, for scripts as JSON.

use serde_json::{Value, json};
use zabra_client::Grant;
use zabra_core::wire::records::Stat;

/// An answer: its lines, and the same for scripts.
#[derive(Debug)]
pub(super) struct Said {
    pub text: String,
    pub json: Value,
}

impl Said {
    pub fn new(text: impl Into<String>, json: Value) -> Said {
        Said { text: text.into(), json }
    }

    pub fn nothing() -> Said {
        Said::new("", json!({}))
    }

    /// With a stat behind it, where it is wanted.
    pub fn with(mut self, stat: Option<&Stat>) -> Said {
        if let Some(stat) = stat {
            if !self.text.is_empty() {
                self.text.push('\n');
            }
            self.text.push_str(&stat_lines(stat));
            self.json["stat"] = stat_json(stat);
        }
        self
    }
}

fn stat_lines(stat: &Stat) -> String {
    format!(
        "cZxid = 0x{:x}\nctime = {}\nmZxid = 0x{:x}\nmtime = {}\npZxid = 0x{:x}\ncversion = {}\ndataVersion = {}\n\
         aclVersion = {}\nephemeralOwner = 0x{:x}\ndataLength = {}\nnumChildren = {}",
        stat.czxid,
        date(stat.ctime),
        stat.mzxid,
        date(stat.mtime),
        stat.pzxid,
        stat.cversion,
        stat.version,
        stat.aversion,
        stat.ephemeral_owner,
        stat.data_length,
        stat.num_children
    )
}

fn stat_json(stat: &Stat) -> Value {
    json!({
        "czxid": stat.czxid, "mzxid": stat.mzxid, "pzxid": stat.pzxid, "ctime": stat.ctime, "mtime": stat.mtime,
        "version": stat.version, "cversion": stat.cversion, "aversion": stat.aversion,
        "ephemeralOwner": format!("0x{:x}", stat.ephemeral_owner),
        "dataLength": stat.data_length, "numChildren": stat.num_children,
    })
}

/// Milliseconds since 1970 as Java prints a date, in UTC.
fn date(ms: i64) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    let (days, seconds) = (ms.div_euclid(86_400_000), ms.div_euclid(1000).rem_euclid(86_400));
    // Days since the 1st of March of the year 0, in eras of 400 years: the leap day is the last of a year.
    let (era, day) = ((days + 719_468).div_euclid(146_097), (days + 719_468).rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (of_month, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12);
    let year = era * 400 + year + i64::from(month < 2);
    let name =
        |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or("?");
    format!(
        "{} {} {of_month:02} {:02}:{:02}:{:02} UTC {year}",
        name(&DAYS, days.rem_euclid(7)),
        name(&MONTHS, month),
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

const PERMS: [(char, i32); 5] = [('c', 4), ('d', 8), ('r', 1), ('w', 2), ('a', 16)];

pub(super) fn perms(bits: i32) -> String {
    PERMS.iter().filter(|(_, bit)| bits & bit != 0).map(|(letter, _)| letter).collect()
}

/// `scheme:id:perms`, several separated by commas.
pub(super) fn acl(text: &str) -> Result<Vec<Grant>, String> {
    text.split(',')
        .map(|entry| grant(entry).ok_or_else(|| format!("{entry} does not have the form scheme:id:perm")))
        .collect()
}

fn grant(entry: &str) -> Option<Grant> {
    let (scheme, rest) = entry.split_once(':')?;
    let (id, letters) = rest.rsplit_once(':')?;
    let bit = |letter| PERMS.iter().find(|(known, _)| *known == letter).map(|(_, bit)| bit);
    let perms = letters.chars().try_fold(0, |bits, letter| Some(bits | bit(letter)?))?;
    Some(Grant { perms, scheme: scheme.trim().into(), id: id.into() })
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_javas() {
        assert_eq!(date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(date(951_782_400_000), "Tue Feb 29 00:00:00 UTC 2000");
        assert_eq!(date(1_795_442_903_999), "Mon Nov 23 14:08:23 UTC 2026");
        assert_eq!(date(1_735_689_599_000), "Tue Dec 31 23:59:59 UTC 2024");
    }

    #[test]
    fn lists_are_read_as_they_are_printed() {
        let list = acl("world:anyone:r,digest:alice:x=:cdrwa").expect("a list");
        assert_eq!((perms(list[0].perms), perms(list[1].perms)), ("r".into(), "cdrwa".into()));
        assert_eq!((text(&list[1].id), acl("open").is_err(), acl("a:b:z").is_err()), ("alice:x=".into(), true, true));
    }
}
