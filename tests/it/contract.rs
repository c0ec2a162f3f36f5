//! The contract of the admin API only grows: whoever was built against it goes on working.
//!
//! `tests/goldens/proto/v1.txt` holds a line for everything that clients may rely on. A line that is
//! gone is a break, which regeneration does not accept; a new one is an addition, and accepted by
//! `DOORWARD_REGENERATE=1 cargo test --test it contract`.

use std::{collections::BTreeSet, fs, path::Path};

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto,
    field_descriptor_proto::{Label, Type},
};

use crate::{golden::wants_regeneration, proto};

/// Everything that a client may rely on, a line each.
fn promises(files: &FileDescriptorSet) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in &files.file {
        let package = file.package();
        for message in &file.message_type {
            add_message(package, message, &mut lines);
        }
        for one in &file.enum_type {
            add_enum(package, one, &mut lines);
        }
        for service in &file.service {
            let name = format!("{package}.{}", service.name());
            lines.extend(service.method.iter().map(|method| call(&name, method)));
        }
    }
    lines
}

fn add_message(parent: &str, message: &DescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{parent}.{}", message.name());
    lines.insert(format!("message {name}"));
    lines.extend(message.field.iter().map(|field| self::field(&name, message, field)));
    for nested in &message.nested_type {
        add_message(&name, nested, lines);
    }
    for nested in &message.enum_type {
        add_enum(&name, nested, lines);
    }
}

fn field(parent: &str, message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        plain => plain.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
    };
    let label = match (field.label(), field.proto3_optional(), field.oneof_index) {
        (Label::Repeated, ..) => "repeated ".to_owned(),
        (_, true, _) => "optional ".to_owned(),
        (_, _, Some(index)) => format!("oneof {} ", message.oneof_decl[index as usize].name()),
        _ => String::new(),
    };
    format!("field {parent}.{} = {}: {label}{kind}", field.name(), field.number())
}

fn add_enum(parent: &str, one: &EnumDescriptorProto, lines: &mut BTreeSet<String>) {
    let name = format!("{parent}.{}", one.name());
    let value = |value: &prost_types::EnumValueDescriptorProto| {
        format!("value {name}.{} = {}", value.name(), value.number())
    };
    lines.extend(one.value.iter().map(value));
}

fn call(service: &str, method: &MethodDescriptorProto) -> String {
    let stream = |streams| if streams { "stream " } else { "" };
    format!(
        "rpc {service}/{} ({}{}) -> ({}{})",
        method.name(),
        stream(method.client_streaming()),
        method.input_type().trim_start_matches('.'),
        stream(method.server_streaming()),
        method.output_type().trim_start_matches('.'),
    )
}

#[test]
fn the_contract_breaks_no_promise() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/proto/v1.txt");
    let now = promises(&proto::descriptors());
    let text = fs::read_to_string(&path).unwrap();
    let promised: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let broken: Vec<_> = promised.difference(&now).collect();
    assert!(broken.is_empty(), "v1 promised this, and clients rely on it: {broken:#?}");
    if wants_regeneration() {
        let lines: String = now.iter().map(|line| format!("{line}\n")).collect();
        return fs::write(&path, lines).unwrap();
    }
    let added: Vec<_> = now.difference(&promised).collect();
    let fix = "agree to it: DOORWARD_REGENERATE=1 cargo test --test it contract";
    assert!(added.is_empty(), "this is new in the contract; {fix}: {added:#?}");
}

/// A contract with one of each.
const SAMPLE: &str = r#"syntax = "proto3";
package sample.v1;
service Things { rpc List(ListRequest) returns (stream Thing); }
message ListRequest {}
message Thing {
  string name = 1;
  optional uint64 size = 2;
  repeated Kind kinds = 3;
  oneof place { string shelf = 4; string drawer = 5; }
  message Part { bool loose = 1; }
  Part part = 6;
}
enum Kind { KIND_UNSPECIFIED = 0; KIND_ROUND = 1; }
"#;

fn promises_of(text: &str) -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.proto");
    fs::write(&path, text).unwrap();
    promises(&protox::compile([path], [folder.path()]).unwrap())
}

#[test]
fn each_kind_of_break_is_noticed_and_no_addition_is_one() {
    let before = promises_of(SAMPLE);
    for (what, old, new, breaks) in [
        ("a field goes", "  string name = 1;\n", "", true),
        ("a field is renamed", "string name", "string title", true),
        ("a field is renumbered", "string name = 1", "string name = 7", true),
        ("a field changes its type", "string name", "bytes name", true),
        ("a field changes its message", "Part part", "ListRequest part", true),
        ("a field becomes a list", "string name", "repeated string name", true),
        ("a list becomes a field", "repeated Kind", "Kind", true),
        ("a field can be absent now", "string name", "optional string name", true),
        ("a field cannot be absent now", "optional uint64", "uint64", true),
        ("a field leaves its choice", "string drawer = 5; }", "} string drawer = 5;", true),
        ("a nested message changes", "bool loose = 1", "bool loose = 2", true),
        ("a value goes", "KIND_ROUND = 1;", "", true),
        ("a value is renumbered", "KIND_ROUND = 1", "KIND_ROUND = 2", true),
        ("a call goes", "rpc List(ListRequest) returns (stream Thing);", "", true),
        ("a call is renamed", "rpc List(", "rpc Watch(", true),
        ("a call takes another message", "List(ListRequest)", "List(Thing)", true),
        ("a call gives another message", "(stream Thing)", "(stream ListRequest)", true),
        ("a call streams no longer", "(stream Thing)", "(Thing)", true),
        ("a call takes a stream", "List(ListRequest)", "List(stream ListRequest)", true),
        ("an empty message goes", "sample.v1;", "sample.v2;", true),
        ("a field is added", "string name = 1;", "string name = 1; bool new = 9;", false),
        ("a value is added", "KIND_ROUND = 1;", "KIND_ROUND = 1; KIND_FLAT = 2;", false),
        ("a message is added", "enum Kind", "message New {}\nenum Kind", false),
        (
            "a call is added",
            "service Things {",
            "service Things { rpc Get(ListRequest) returns (Thing);",
            false,
        ),
    ] {
        assert!(SAMPLE.contains(old), "{what}");
        let after = promises_of(&SAMPLE.replacen(old, new, 1));
        assert_eq!(!before.is_subset(&after), breaks, "{what}");
        assert!(!after.is_subset(&before) || breaks, "{what} is not seen at all");
    }
}

/// What the style guide of Protocol Buffers asks of names, and the AIPs of calls: who reads one
/// service can guess the next.
fn ill_named(files: &FileDescriptorSet) -> Vec<String> {
    let camel =
        |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase()) && !name.contains('_');
    let snake =
        |name: &str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let mut found = vec![];
    for file in &files.file {
        for message in &file.message_type {
            found.extend((!camel(message.name())).then(|| message.name().to_owned()));
            let fields = message.field.iter().map(FieldDescriptorProto::name);
            let bad = fields.filter(|name| !snake(name));
            found.extend(bad.map(|name| format!("{}.{name}", message.name())));
        }
        for one in &file.enum_type {
            let prefix = upper(one.name());
            for value in &one.value {
                let zero = value.number() != 0 || value.name() == format!("{prefix}UNSPECIFIED");
                let good = value.name().starts_with(&prefix) && zero;
                found.extend((!good).then(|| value.name().to_owned()));
            }
        }
        for service in &file.service {
            found.extend((!service.name().ends_with("Service")).then(|| service.name().to_owned()));
            for method in &service.method {
                let ends =
                    |name: &str, with: &str| name.ends_with(&format!(".{}{with}", method.name()));
                let good =
                    ends(method.input_type(), "Request") && ends(method.output_type(), "Response");
                found.extend((!good).then(|| format!("{}/{}", service.name(), method.name())));
            }
        }
    }
    found
}

/// `SetupAccess` as its values begin: `SETUP_ACCESS_`.
fn upper(name: &str) -> String {
    let parts = name.split_inclusive(|_: char| true).enumerate().map(|(at, c)| {
        let begins = at > 0 && c.starts_with(|c: char| c.is_ascii_uppercase());
        format!("{}{}", if begins { "_" } else { "" }, c.to_ascii_uppercase())
    });
    parts.collect::<String>() + "_"
}

#[test]
fn names_follow_one_style() {
    assert_eq!(ill_named(&proto::descriptors()), Vec::<String>::new());
    let text = r#"syntax = "proto3";
package sample.v1;
service Things { rpc List(ListRequest) returns (thing); }
message ListRequest { string theName = 1; }
message thing {}
enum SetupKind { NONE = 0; SETUP_KIND_ROUND = 1; }
enum Shelf { SHELF_LOWEST = 0; }
"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.proto");
    fs::write(&path, text).unwrap();
    let files = protox::compile([path], [folder.path()]).unwrap();
    let expected =
        ["ListRequest.theName", "thing", "NONE", "SHELF_LOWEST", "Things", "Things/List"];
    assert_eq!(ill_named(&files), expected);
}
