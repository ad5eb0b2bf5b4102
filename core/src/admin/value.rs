//! Answers as values, and their text as JSON.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// What an answer is made of. A map keeps the order that it was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    Average(Average),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

/// A sum and what it is divided by; written as Java writes a number with at most four decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Average {
    pub sum: u64,
    pub count: u64,
}

impl fmt::Display for Average {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = u128::from(self.sum) * 10_000 + u128::from(self.count / 2);
        let scaled = scaled.checked_div(u128::from(self.count)).unwrap_or(0);
        let decimals = format!("{:04}", scaled % 10_000);
        let decimals = decimals.trim_end_matches('0');
        write!(f, "{}.{}", scaled / 10_000, if decimals.is_empty() { "0" } else { decimals })
    }
}

impl Value {
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// Of numbers without a sign; what is larger than any count of ours is the largest number.
    pub fn count(count: u64) -> Value {
        Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// As a line has it: a text without quotes.
    pub fn plain(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Average(_) | Value::List(_) | Value::Map(_) => {
                self.to_json()
            }
        }
    }

    /// JSON over several lines, two blanks for each level.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, level: usize) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Value::Integer(value) => out.push_str(&value.to_string()),
            Value::Average(value) => out.push_str(&value.to_string()),
            Value::Text(text) => write_text(out, text),
            Value::List(values) if values.is_empty() => out.push_str("[ ]"),
            Value::List(values) => {
                for (at, value) in values.iter().enumerate() {
                    out.push_str(if at == 0 { "[ " } else { ", " });
                    value.write(out, level);
                }
                out.push_str(" ]");
            }
            Value::Map(entries) if entries.is_empty() => out.push_str("{ }"),
            Value::Map(entries) => {
                out.push('{');
                for (at, (name, value)) in entries.iter().enumerate() {
                    out.push_str(if at == 0 { "\n" } else { ",\n" });
                    indent(out, level + 1);
                    write_text(out, name);
                    out.push_str(" : ");
                    value.write(out, level + 1);
                }
                out.push('\n');
                indent(out, level);
                out.push('}');
            }
        }
    }
}

fn indent(out: &mut String, level: usize) {
    out.extend(core::iter::repeat_n("  ", level));
}

fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes everything"),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn averages_are_written_as_java_writes_them() {
        let text = |sum, count| Average { sum, count }.to_string();
        assert_eq!(
            [text(0, 0), text(37, 10), text(1, 3), text(2, 3), text(8, 2)],
            ["0.0", "3.7", "0.3333", "0.6667", "4.0"]
        );
    }

    #[test]
    fn values_are_written_as_json() {
        let inner = Value::Map(vec![("x".into(), Value::List(vec![Value::Integer(-1), Value::Null]))]);
        let value = Value::Map(vec![
            ("a \"b\"\\".into(), Value::text("line\nend\u{1}")),
            ("none".into(), Value::List(vec![])),
            ("m".into(), inner),
        ]);
        let expected = "{\n  \"a \\\"b\\\"\\\\\" : \"line\\nend\\u0001\",\n  \"none\" : [ ],\n  \"m\" : {\n    \"x\" : [ -1, null ]\n  }\n}";
        assert_eq!(value.to_json(), expected);
    }
}
