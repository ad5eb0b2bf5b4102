//! Hunt files: a scenario in TOML, or a sentence that names file, line, column and what was
//! expected. Also the JSON schema of such files, made from the scenario's own defaults.

use crate::library::{Item, text};
use crate::place::{Misfit, hint};
use serde_json::{Map, Value, json};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zabra_core::rule::Rule;
use zabra_sim::marks::Mark;
use zabra_sim::scenario::Scenario;

const MILLION: i64 = 1_000_000;
/// A day: nobody means more virtual time than that.
const LONGEST_MS: i64 = 86_400_000;

/// Reads and checks a hunt of the library or a file.
pub fn load(item: &Item) -> Result<Scenario, Misfit> {
    let text = text(&item.path)?;
    let scenario = parse(&item.path.display().to_string(), &text)?;
    let stem = item.path.file_stem().unwrap_or_default().to_string_lossy();
    if scenario.name != stem {
        let (file, span) = (item.path.display().to_string(), span_of(&text, "name"));
        return Err(Misfit::at(file, &text, span, format!("a hunt is called as its file: expected name = {stem:?}")));
    }
    Ok(scenario)
}

/// A scenario from the text of a hunt file.
pub fn parse(file: &str, text: &str) -> Result<Scenario, Misfit> {
    let table = DeTable::parse(text).map_err(|e| misfit(file, text, &e))?;
    let scenario: Scenario = toml::from_str(text).map_err(|e| misfit(file, text, &e))?;
    if let Some((span, message)) = impossible_numbers(table.get_ref()) {
        return Err(Misfit::at(file, text, span, message));
    }
    scenario.check().map_err(|unusable| {
        let meant = unusable.why.split('"').nth(1).unwrap_or("");
        let hint = match unusable.field {
            "demands" => hint(meant, Mark::ALL.iter().map(|m| m.name())),
            "without" => hint(meant, Rule::ALL.iter().map(|r| r.entry().name)),
            _ => String::new(),
        };
        Misfit::at(file, text, span_of(text, unusable.field), format!("{unusable}{hint}"))
    })?;
    Ok(scenario)
}

fn misfit(file: &str, text: &str, error: &toml::de::Error) -> Misfit {
    let message = error.message().replace('\n', ", ");
    let message = match unknown_name(&message) {
        Some((word, candidates)) => format!("{message}{}", hint(word, candidates)),
        None => message,
    };
    match error.span() {
        Some(span) => Misfit::at(file, text, span, message),
        None => Misfit::whole(file, message),
    }
}

/// The word and the candidates of serde's "unknown field `x`, expected one of `a`, `b`".
fn unknown_name(message: &str) -> Option<(&str, Vec<&str>)> {
    if !message.starts_with("unknown") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// The place of a key given by its dotted path, or of the part of it that is there.
fn span_of(text: &str, path: &str) -> Range<usize> {
    let Ok(table) = DeTable::parse(text) else { return 0..0 };
    let (mut here, mut found) = (table.into_inner(), 0..0);
    for part in path.split('.') {
        let Some((key, value)) = here.iter().find(|(key, _)| key.get_ref() == part) else { break };
        found = if value.get_ref().is_table() { key.span() } else { value.span() };
        let DeValue::Table(inner) = value.get_ref() else { break };
        here = inner.clone();
    }
    found
}

/// Ranges that run backwards, chances above certainty, times beyond reason.
fn impossible_numbers(table: &DeTable<'_>) -> Option<(Range<usize>, String)> {
    table.iter().find_map(|(key, value)| impossible(key.get_ref(), value))
}

fn impossible(key: &str, value: &Spanned<DeValue<'_>>) -> Option<(Range<usize>, String)> {
    if let DeValue::Table(inner) = value.get_ref() {
        return impossible_numbers(inner);
    }
    let most = if key.ends_with("_ppm") {
        MILLION
    } else if key.ends_with("_ms") {
        LONGEST_MS
    } else {
        return None;
    };
    let beyond = |value: &Spanned<DeValue<'_>>| {
        let too_much = integer(value).is_some_and(|n| n > most);
        too_much.then(|| (value.span(), format!("{key}: expected at most {most}")))
    };
    let Some(ends) = value.get_ref().as_array() else { return beyond(value) };
    let mut ends = ends.iter();
    let (from, to) = (ends.next()?, ends.next()?);
    if integer(from)? > integer(to)? {
        return Some((
            value.span(),
            format!("{key}: a range runs from the smaller to the larger: expected [least, most]"),
        ));
    }
    beyond(from).or_else(|| beyond(to))
}

fn integer(value: &Spanned<DeValue<'_>>) -> Option<i64> {
    let DeValue::Integer(number) = value.get_ref() else { return None };
    i64::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

/// The JSON schema of hunt files.
pub fn schema() -> String {
    let defaults = serde_json::to_value(Scenario::default()).expect("a scenario is data");
    let mut schema = shape("", &defaults);
    let top = schema.as_object_mut().expect("a scenario is a table");
    top.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    top.insert("title".into(), json!("A hunt of zabra-lab"));
    top.insert("required".into(), json!(["name", "about"]));
    serde_json::to_string_pretty(&schema).expect("a schema has only string keys") + "\n"
}

fn shape(key: &str, default: &Value) -> Value {
    let names = |all: Vec<&str>| json!({ "type": "array", "items": { "enum": all }, "uniqueItems": true });
    match (key, default) {
        ("demands", _) => names(Mark::ALL.iter().map(|m| m.name()).collect()),
        ("without", _) => names(Rule::ALL.iter().map(|r| r.entry().name).collect()),
        ("groups", _) => {
            json!({ "type": "array", "items": { "type": "array", "items": { "type": "integer", "minimum": 1 } } })
        }
        ("weights", _) => json!({ "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 } }),
        ("model", _) => json!({ "enum": ["record", "sector"], "default": default }),
        (_, Value::Object(fields)) => {
            let fields: Map<String, Value> = fields.iter().map(|(k, v)| (k.clone(), shape(k, v))).collect();
            json!({ "type": "object", "properties": fields, "additionalProperties": false })
        }
        (_, Value::Array(_)) => {
            let number = number(key);
            json!({ "type": "array", "items": number, "minItems": 2, "maxItems": 2, "default": default })
        }
        (_, Value::Number(_)) => {
            let mut number = number(key);
            number["default"] = default.clone();
            number
        }
        (_, Value::Bool(_)) => json!({ "type": "boolean", "default": default }),
        (_, Value::String(_) | Value::Null) => json!({ "type": "string" }),
    }
}

fn number(key: &str) -> Value {
    if key.ends_with("_ppm") {
        json!({ "type": "integer", "minimum": 0, "maximum": MILLION })
    } else {
        json!({ "type": "integer", "minimum": 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        parse("hunt.toml", text).expect_err("this is no hunt").to_string()
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_a_suggestion() {
        insta::assert_snapshot!(wrong("name = \"x\"\n[ensemble]\nvoter = 5\n"), @r#"
        hunt.toml:3:1: unknown field `voter`, expected one of `voters`, `observers`, `groups`, `weights`, `tick_ms`, `init_limit`, `sync_limit`, `finalize_wait_ms`, `notification_max_ms`, `window_bytes`, `checkpoint_records`, `counter_end`, `container_check_ms`, `container_unused_ms`, `read_only`, `local_sessions`, `throttle_requests`, `throttled_op_wait_ms`, `drops_stale`, `reconfig`, `spares`, `voters_min`; did you mean voters?
         3 | voter = 5
           | ^^^^^
        "#);
    }

    #[test]
    fn a_wrong_type_says_what_was_expected() {
        insta::assert_snapshot!(wrong("name = \"x\"\n[ensemble]\nvoters = \"five\"\n"), @r#"
        hunt.toml:3:10: invalid type: string "five", expected u8
         3 | voters = "five"
           |          ^^^^^^
        "#);
    }

    #[test]
    fn broken_toml_is_refused_with_its_place() {
        insta::assert_snapshot!(wrong("name = \"x\n[ensemble]\n"), @r#"
        hunt.toml:1:10: invalid basic string, expected `"`
         1 | name = "x
           |          ^
        "#);
    }

    #[test]
    fn an_impossible_ensemble_points_at_its_table() {
        insta::assert_snapshot!(wrong("[ensemble]\nvoters = 60\nobservers = 9\n"), @r#"
        hunt.toml:1:2: ensemble: 69 servers; at most 63 are possible
         1 | [ensemble]
           |  ^^^^^^^^
        "#);
        insta::assert_snapshot!(wrong("[ensemble]\nvoters = 3\ngroups = [[1, 2], [3, 4]]\n"), @r#"
        hunt.toml:3:10: ensemble.groups: server 4 is no voter
         3 | groups = [[1, 2], [3, 4]]
           |          ^^^^^^^^^^^^^^^^
        "#);
    }

    #[test]
    fn unknown_marks_and_rules_are_refused() {
        insta::assert_snapshot!(wrong("demands = [\"elektion\"]\n"), @r#"
        hunt.toml:1:11: demands: there is no mark "elektion"; did you mean election?
         1 | demands = ["elektion"]
           |           ^^^^^^^^^^^^
        "#);
        insta::assert_snapshot!(wrong("without = [\"VoteOder\"]\n"), @r#"
        hunt.toml:1:11: without: there is no rule "VoteOder"; did you mean VoteOrder?
         1 | without = ["VoteOder"]
           |           ^^^^^^^^^^^^
        "#);
    }

    #[test]
    fn backward_ranges_and_chances_above_certainty_are_refused() {
        insta::assert_snapshot!(wrong("[phases]\nsafety_ms = [20, 10]\n"), @r#"
        hunt.toml:2:13: safety_ms: a range runs from the smaller to the larger: expected [least, most]
         2 | safety_ms = [20, 10]
           |             ^^^^^^^^
        "#);
        insta::assert_snapshot!(wrong("[faults.crash]\non_ppm = 1_000_001\n"), @r#"
        hunt.toml:2:10: on_ppm: expected at most 1000000
         2 | on_ppm = 1_000_001
           |          ^^^^^^^^^
        "#);
    }
}
