//! Compares lines of JSON with the tables in `docs/json.md`.

use std::collections::BTreeSet;

use serde_json::Value;

const DOC: &str = include_str!("../../docs/json.md");

/// Asserts that these lines, all of one type, have the fields that the section of the document
/// lists: every line has each field that cannot be absent, all lines together have each field, and
/// no line has another field.
#[track_caller]
pub(crate) fn holds(section: &str, lines: &[Value]) {
    let kind = lines[0]["type"].as_str().unwrap();
    let mut seen = BTreeSet::from(["type".to_owned()]);
    for line in lines {
        assert_eq!(line["type"], kind);
        seen.extend(conforms(section, line));
    }
    for Field { path, .. } in fields(section, kind) {
        assert!(seen.contains(path), "{kind}: no line has {path}");
    }
}

/// Asserts that a line has the fields that the section of the document lists for its type, as far
/// as they cannot be absent, and no other field. Returns its fields.
#[track_caller]
pub(crate) fn conforms(section: &str, line: &Value) -> BTreeSet<String> {
    let kind = line["type"].as_str().unwrap();
    let fields = fields(section, kind);
    let mut found = Vec::new();
    collect("", line, &mut found);
    for (path, value) in found.iter().filter(|(path, _)| path != "type") {
        let field = fields.iter().find(|field| field.path == path);
        let field = field.unwrap_or_else(|| panic!("{kind}: {path} is not documented"));
        assert!(field.allows(value), "{kind}: {path} is {value}, not {}", field.allowed);
    }
    for field in fields.iter().filter(|field| field.is_in_every_line()) {
        let has = found.iter().any(|(path, _)| path == field.path);
        assert!(has, "{kind}: {} is missing in {line}", field.path);
    }
    found.into_iter().map(|(path, _)| path).collect()
}

/// The types that a section of the document describes.
pub(crate) fn kinds(section: &str) -> BTreeSet<&'static str> {
    let (_, text) = DOC.split_once(&format!("\n## {section}\n")).unwrap();
    let text = text.split("\n## ").next().unwrap();
    text.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect()
}

/// A row of a table: a field and its allowed types.
struct Field {
    path: &'static str,
    allowed: &'static str,
}

impl Field {
    fn allows(&self, value: &Value) -> bool {
        let word = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_u64() => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.allowed.split(" or ").any(|allowed| allowed == word)
    }

    /// A field inside an array is in every element, but the array may be empty.
    fn is_in_every_line(&self) -> bool {
        !self.allowed.ends_with(" or absent") && !self.path.contains("[]")
    }
}

fn fields(section: &str, kind: &str) -> Vec<Field> {
    let (_, text) = DOC.split_once(&format!("\n## {section}\n")).unwrap();
    let text = text.split("\n## ").next().unwrap();
    let heading = format!("\n### `{kind}`\n");
    let (_, text) = text.split_once(&heading).unwrap_or_else(|| panic!("no {kind} in {section}"));
    let rows = text.lines().take_while(|line| !line.starts_with('#'));
    let field = |row: &'static str| {
        let mut cells = row.strip_prefix("| `")?.split(" | ");
        let path = cells.next()?.strip_suffix('`')?;
        Some(Field { path, allowed: cells.next()? })
    };
    rows.filter_map(field).collect()
}

/// Collects every key with its value: `a`, `a.b` in an object, `a[].b` in the objects of an array.
fn collect(prefix: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{prefix}{key}");
        collect(&format!("{path}."), value, found);
        for element in value.as_array().into_iter().flatten() {
            collect(&format!("{path}[]."), element, found);
        }
        found.push((path, value.clone()));
    }
}
