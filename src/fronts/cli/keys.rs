//! `doorward keys`: a file of keys that need no approval (N17 A17.2).

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Session,
    exit::{ExitStatusCode, Trouble},
    words,
};
use crate::{
    proto::v1::{KeyChange, KeyList, ListedKey, Role, Scopes},
    support::{
        keys::{from_base64url, to_base64url},
        secret::digest,
    },
};

/// The largest file that is read: 256 keys with long names fit many times over.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// One key, as the file has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Written {
    public_key: String,
    label: String,
    #[serde(default = "operator")]
    role: String,
    #[serde(default)]
    scopes: Vec<String>,
}

fn operator() -> String {
    "operator".into()
}

/// `keys apply`
///
/// # Errors
/// If the file cannot be read or understood, or what the gateway said instead.
pub async fn apply(
    session: &mut Session<'_>,
    file: &Path,
    dry_run: bool,
) -> Result<ExitStatusCode, Trouble> {
    let list = read(file)?;
    let mut admin = session.admin().await?;
    let (changes, seq) = if dry_run {
        (admin.compare_keys(list).await?.changes, None)
    } else {
        let adopted = admin.adopt_keys(list).await?;
        (adopted.changes, adopted.seq)
    };
    session.out.result(|| text(&changes, dry_run, seq), || document(&changes, dry_run, seq))?;
    let pending = dry_run && !changes.is_empty();
    Ok(if pending { ExitStatusCode::NOT_DONE } else { ExitStatusCode::OK })
}

fn read(file: &Path) -> Result<KeyList, Trouble> {
    let wrong = |error: &dyn std::fmt::Display| {
        Trouble::new(ExitStatusCode::USAGE, format!("{}: {error}", file.display()))
    };
    let size = std::fs::metadata(file).map_err(|error| wrong(&error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(wrong(&"is larger than 256 KiB"));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error))?;
    parse(&text).map_err(|error| wrong(&error))
}

fn parse(text: &str) -> Result<KeyList, String> {
    let written: Vec<Written> = json5::from_str(text).map_err(|error| error.to_string())?;
    let keys = written.into_iter().enumerate().map(|(at, key)| {
        let Written { public_key, label, role, scopes } = key;
        let wrong = |what: &str| format!("key {}: {what}", at + 1);
        let key = from_base64url::<32>(&public_key)
            .ok_or_else(|| wrong("publicKey must be 32 bytes in unpadded base64url"))?;
        let role = match role.as_str() {
            "operator" => Role::Operator,
            "node" => Role::Node,
            _ => return Err(wrong("role must be \"operator\" or \"node\"")),
        };
        let scopes = Some(Scopes { names: scopes });
        Ok(ListedKey { public_key: key.to_vec(), label, role: role.into(), scopes })
    });
    let file_hash = digest(text.as_bytes()).to_vec();
    Ok(KeyList { file_hash, keys: keys.collect::<Result<_, String>>()? })
}

fn text(changes: &[KeyChange], dry_run: bool, seq: Option<u64>) -> String {
    let lines: String = changes.iter().map(line).collect();
    let end = match (changes.len(), dry_run, seq) {
        (0, ..) => "Nothing changes: this list is in force.\n".to_owned(),
        (_, true, _) => "Nothing was changed yet.\n".to_owned(),
        (_, false, Some(seq)) => format!("Adopted (record {seq}).\n"),
        (_, false, None) => "Adopted.\n".to_owned(),
    };
    lines + &end
}

/// `+` for what is gained, `-` for what is lost, as in a diff.
fn line(change: &KeyChange) -> String {
    let side = |sign: char, key: &Option<ListedKey>| {
        key.as_ref().map(|key| {
            let (role, scopes) = (words::role(key.role), words::scopes(key.scopes.as_ref()));
            let id = to_base64url(&key.public_key);
            format!("{sign} {id}  {}  {role}  {scopes}\n", words::plain(&key.label))
        })
    };
    side('-', &change.before).unwrap_or_default() + &side('+', &change.after).unwrap_or_default()
}

fn document(changes: &[KeyChange], dry_run: bool, seq: Option<u64>) -> Value {
    let key = |key: &Option<ListedKey>| {
        key.as_ref().map(|key| {
            json!({
                "publicKey": to_base64url(&key.public_key),
                "label": key.label,
                "role": words::role(key.role),
                "scopes": key.scopes.as_ref().map(|scopes| &scopes.names),
            })
        })
    };
    let changes: Vec<_> = changes
        .iter()
        .map(|change| json!({"before": key(&change.before), "after": key(&change.after)}))
        .collect();
    json!({"dryRun": dry_run, "changes": changes, "seq": seq})
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

    #[test]
    fn a_file_is_read_or_the_fault_is_named() {
        let file = format!(
            "[ // the hub\n {{publicKey: '{KEY}', label: 'hub', scopes: ['operator.read']}},]"
        );
        let list = parse(&file).unwrap();
        assert_eq!(list.file_hash, digest(file.as_bytes()));
        let [hub] = list.keys.as_slice() else { panic!("{list:?}") };
        assert_eq!((hub.label.as_str(), hub.public_key.as_slice()), ("hub", &[1; 32][..]));
        assert_eq!(hub.role, i32::from(Role::Operator));
        for (file, fault) in [
            ("{}", "expected"),
            ("[{label: 'x'}]", "publicKey"),
            ("[{publicKey: 'AQ', label: 'x'}]", "key 1: publicKey must be 32 bytes"),
            (&format!("[{{publicKey: '{KEY}', label: 'x', role: 'king'}}]"), "key 1: role must"),
            (&format!("[{{publicKey: '{KEY}', label: 'x', scope: []}}]"), "scope"),
        ] {
            let error = parse(file).unwrap_err();
            assert!(error.contains(fault), "{file}: {error}");
        }
    }

    #[test]
    fn a_change_reads_like_a_diff() {
        let key = |scopes: &str| {
            let scopes = Some(Scopes { names: vec![scopes.to_owned()] });
            let role = Role::Operator.into();
            Some(ListedKey { public_key: vec![1; 32], label: "hub".into(), role, scopes })
        };
        let change = KeyChange { before: key("operator.read"), after: key("operator.write") };
        let expected = format!(
            "- {KEY}  hub  operator  operator.read\n+ {KEY}  hub  operator  operator.write\n\
             Nothing was changed yet.\n"
        );
        assert_eq!(text(&[change], true, None), expected);
        assert_eq!(text(&[], false, None), "Nothing changes: this list is in force.\n");
    }
}
