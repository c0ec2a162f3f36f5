//! What a device says about itself, as rows of a list show it.

use serde_json::{Map, Value};

use crate::domain::registry::Profile;

/// Puts every part that is there into a row.
pub fn put(row: &mut Map<String, Value>, profile: &Profile) {
    let Profile { display_name, client_id, client_mode, version: _, platform, device_family } =
        profile;
    super::put(row, "displayName", display_name.as_deref().unwrap_or_default());
    super::put(row, "platform", platform);
    super::put(row, "deviceFamily", device_family.as_deref().unwrap_or_default());
    super::put(row, "clientId", client_id);
    super::put(row, "clientMode", client_mode);
}
