//! What someone means by a few characters or a name (N12).

use crate::{
    domain::registry::called::PREFIX_MIN,
    fronts::cli::{
        Session,
        admin::Admin,
        exit::{ExitStatusCode, Trouble},
        words,
    },
    proto::v1::{Among, Device, Profile, party::Kind},
};

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
    let listed = admin.pending().await?;
    let known: Vec<_> = listed.pending.iter().map(|request| request.request_id.as_str()).collect();
    choose(&known, given).map_err(|trouble| trouble.run(session.command("devices list")))
}

/// The one id that begins so.
fn choose(known: &[&str], given: &str) -> Result<String, Trouble> {
    let prefix = given.to_ascii_lowercase();
    let found: Vec<_> = known.iter().filter(|id| id.starts_with(&prefix)).collect();
    let (exit, what) = match found.as_slice() {
        _ if given.len() < PREFIX_MIN => {
            (ExitStatusCode::USAGE, format!("give at least {PREFIX_MIN} characters of the id"))
        }
        [id] => return Ok((**id).to_owned()),
        [] => (ExitStatusCode::NOT_DONE, format!("no request that waits begins with {given:?}")),
        several => {
            (ExitStatusCode::USAGE, format!("{given:?} could mean {} of them", several.len()))
        }
    };
    Err(Trouble::new(exit, what))
}

/// The whole id of a device that was named by its beginning or by a name.
///
/// # Errors
/// If it names none, or several.
pub async fn device(admin: &mut Admin, given: &str) -> Result<String, Trouble> {
    if given.len() == DEVICE_ID_LEN && given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(given.to_ascii_lowercase());
    }
    match admin.resolve(given, Among::Devices).await? {
        Kind::Device(device) => Ok(device.device_id),
        _ => Err(Trouble::new(ExitStatusCode::INTERNAL, "the gateway named no device")),
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
    fn the_beginning_of_a_request_means_one_or_none() {
        let known = ["3f2a91c4-aaaa", "3f2b0000-bbbb", "99990000-cccc", "99991111-dddd", "abc-e"];
        for (given, expected) in [
            ("3f2a9", Ok("3f2a91c4-aaaa")),
            ("3F2B", Ok("3f2b0000-bbbb")),
            ("abc", Err(ExitStatusCode::USAGE)),
            ("9999", Err(ExitStatusCode::USAGE)),
            ("abcd", Err(ExitStatusCode::NOT_DONE)),
        ] {
            let chosen = choose(&known, given).map_err(|trouble| trouble.exit);
            assert_eq!(chosen, expected.map(str::to_owned), "{given}");
        }
    }
}
