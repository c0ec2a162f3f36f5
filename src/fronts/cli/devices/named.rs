//! What someone means by a few characters or a name (N12).

use crate::{
    fronts::cli::{
        Session,
        admin::Admin,
        exit::{ExitStatusCode, Trouble},
        words,
    },
    proto::v1::{Device, Profile},
};

/// The fewest characters of an id that are taken for it.
const PREFIX_MIN: usize = 4;

/// The length of a whole request id, a UUID with hyphens.
const REQUEST_ID_LEN: usize = 36;

/// The length of a whole device id, SHA-256 in hex.
const DEVICE_ID_LEN: usize = 64;

/// The whole id of a request that was named by its beginning. A whole id is passed on as it is:
/// the gateway knows what became of requests that no longer wait.
///
/// # Errors
/// If it names none, or several.
pub async fn request(
    session: &Session<'_>,
    admin: &mut Admin,
    given: &str,
) -> Result<String, Trouble> {
    if given.len() >= REQUEST_ID_LEN {
        return Ok(given.to_owned());
    }
    let listed = admin.devices().await?;
    let known: Vec<_> =
        listed.pending.iter().map(|request| (request.request_id.as_str(), vec![])).collect();
    choose("request that waits", &known, given)
        .map_err(|trouble| trouble.run(session.command("devices list")))
}

/// The whole id of a device that was named by its beginning or by a name.
///
/// # Errors
/// If it names none, or several.
pub async fn device(
    session: &Session<'_>,
    admin: &mut Admin,
    given: &str,
) -> Result<String, Trouble> {
    if given.len() == DEVICE_ID_LEN && given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(given.to_ascii_lowercase());
    }
    let listed = admin.devices().await?;
    choose_device(&listed.devices, given)
        .map_err(|trouble| trouble.run(session.command("devices list")))
}

/// As [`device`], among these.
///
/// # Errors
/// If it names none, or several.
pub fn choose_device(devices: &[Device], given: &str) -> Result<String, Trouble> {
    let names = |device: &Device| {
        let claimed = device.profile.as_ref().and_then(|profile| profile.display_name.clone());
        device.label.iter().cloned().chain(claimed).collect()
    };
    let known: Vec<_> =
        devices.iter().map(|device| (device.device_id.as_str(), names(device))).collect();
    choose("device", &known, given)
}

/// The one among `known`, each an id with its names, that `given` is the name or the beginning of. A
/// name comes before a beginning: people choose names so as to be understood.
///
/// # Errors
/// If it is none, or several.
pub fn choose(what: &str, known: &[(&str, Vec<String>)], given: &str) -> Result<String, Trouble> {
    let called =
        |names: &[String]| names.iter().any(|name| name.to_lowercase() == given.to_lowercase());
    let prefix = given.to_ascii_lowercase();
    let long_enough = given.len() >= PREFIX_MIN;
    let by_name: Vec<_> = known.iter().filter(|(_, names)| called(names)).collect();
    let found = match by_name.as_slice() {
        [] if long_enough => known.iter().filter(|(id, _)| id.starts_with(&prefix)).collect(),
        _ => by_name,
    };
    match found.as_slice() {
        [(id, _)] => Ok((*id).to_owned()),
        [] if !long_enough => {
            let what = format!("give at least {PREFIX_MIN} characters of the id, or a name");
            Err(Trouble::new(ExitStatusCode::USAGE, what))
        }
        [] => {
            let what = format!("no {what} is called {given:?} or begins with it");
            Err(Trouble::new(ExitStatusCode::NOT_DONE, what))
        }
        several => {
            let what = format!("{given:?} could mean {} of them", several.len());
            Err(Trouble::new(ExitStatusCode::USAGE, what))
        }
    }
}

/// The name that an operator gave a device; else what it calls itself, or which program it is.
pub fn device_name(device: &Device) -> String {
    match &device.label {
        Some(label) => words::plain(label),
        None => claimed_name(device.profile.as_ref()),
    }
}

/// What a device calls itself, or else which program it is.
pub fn claimed_name(profile: Option<&Profile>) -> String {
    let Some(profile) = profile else { return "-".into() };
    words::plain(profile.display_name.as_ref().unwrap_or(&profile.client_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_or_a_name_means_one_or_none() {
        let named = |name: &str| vec![name.to_owned()];
        let known = [
            ("3f2a91c4-aaaa", named("Kitchen")),
            ("3f2b0000-bbbb", named("3f2a")),
            ("99990000-cccc", named("Phone")),
            ("99991111-dddd", named("phone")),
        ];
        let chosen = |given: &str| choose("device", &known, given);
        for (given, expected) in [
            ("3f2a9", "3f2a91c4-aaaa"),
            ("3F2B", "3f2b0000-bbbb"),
            ("kitchen", "3f2a91c4-aaaa"),
            ("3f2a", "3f2b0000-bbbb"),
            ("99990", "99990000-cccc"),
        ] {
            assert_eq!(chosen(given).unwrap(), expected, "{given}");
        }
        for (given, expected) in [
            ("3f2", ExitStatusCode::USAGE),
            ("9999", ExitStatusCode::USAGE),
            ("Phone", ExitStatusCode::USAGE),
            ("abcd", ExitStatusCode::NOT_DONE),
        ] {
            assert_eq!(chosen(given).unwrap_err().exit, expected, "{given}");
        }
    }
}
