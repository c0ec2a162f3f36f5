//! The parameters of methods: wire to domain, every field named.
//!
//! A device, role or scope that is not one is refused here; whether there is such a device is for the
//! service to say.

use ipnet::IpNet;
use serde_json::Value;

use super::Fields;
use crate::{
    domain::{
        ids::{CodeId, DeviceId, RequestId, TokenId},
        refusal::Refusal,
        registry::Access,
        scope::{Role, ScopeSet},
        time::UnixMillis,
    },
    fronts::ws::limits,
    service::{HandoverOrder, TokenOrder},
    support::{gateway_url::GatewayUrl, secret::Secret},
};

/// Why parameters were not understood.
pub enum Misread {
    /// In the words of the schema's validator.
    Params(String),
    /// In words of the method's own, which its clients know.
    Said(&'static str),
    /// They name something that there is not.
    Refused(Refusal),
}

impl From<String> for Misread {
    fn from(fault: String) -> Self {
        Self::Params(fault)
    }
}

type Read<T> = Result<T, Misread>;

/// Parameters of a method.
pub trait Params: Sized {
    /// Reads every field.
    ///
    /// # Errors
    /// If one is missing, left over or not understood.
    fn read(fields: Fields<'_>) -> Read<Self>;
}

/// Reads the parameters of a request.
///
/// # Errors
/// As [`Params::read`].
pub fn read_params<T: Params>(params: Option<&str>) -> Read<T> {
    let text = params.unwrap_or("{}");
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    T::read(Fields::root(&value)?)
}

/// An id has one spelling; anything else names nothing.
fn known<T>(id: Option<T>, refusal: Refusal) -> Read<T> {
    id.ok_or(Misread::Refused(refusal))
}

fn device(text: &str) -> Read<DeviceId> {
    known(DeviceId::parse(text), Refusal::UnknownDevice)
}

fn role(fields: &mut Fields<'_>) -> Read<Role> {
    let text = fields.one_of("role", &[Role::Operator.name(), Role::Node.name()])?;
    Ok(Role::parse(text).unwrap_or(Role::Operator))
}

/// `{requestId}`
pub struct OfRequest {
    /// The pairing request.
    pub request: RequestId,
}

impl Params for OfRequest {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let id = fields.text("requestId")?;
        fields.end()?;
        Ok(Self { request: known(RequestId::parse(id), Refusal::UnknownRequest)? })
    }
}

/// `{deviceId}`
pub struct OfDevice {
    /// The device.
    pub device: DeviceId,
}

impl Params for OfDevice {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let id = fields.text("deviceId")?;
        fields.end()?;
        Ok(Self { device: device(id)? })
    }
}

/// `{deviceId, label}`
pub struct Rename {
    /// The device.
    pub device: DeviceId,
    /// Its new name, without white space around it.
    pub label: String,
}

impl Params for Rename {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let id = fields.text("deviceId")?;
        let label = fields.short("label", limits::LABEL_CHARS_MAX)?.trim();
        fields.end()?;
        if label.is_empty() {
            return Err(Misread::Said("label required"));
        }
        Ok(Self { device: device(id)?, label: label.to_owned() })
    }
}

/// `{deviceId, role}`
pub struct OfGrant {
    /// The device.
    pub device: DeviceId,
    /// The role in which it holds something.
    pub role: Role,
}

impl Params for OfGrant {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let id = fields.text("deviceId")?;
        let role = role(&mut fields)?;
        fields.end()?;
        Ok(Self { device: device(id)?, role })
    }
}

/// `{deviceId, role, scopes?}`
pub struct Rotate {
    /// Whose token.
    pub grant: OfGrant,
    /// What is to be in force; `None` leaves it.
    pub scopes: Option<ScopeSet>,
}

impl Params for Rotate {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let id = fields.text("deviceId")?;
        let role = role(&mut fields)?;
        let scopes = fields.optional_texts("scopes")?;
        let scopes = scopes.map(|texts| fields.scopes("scopes", &texts)).transpose()?;
        fields.end()?;
        Ok(Self { grant: OfGrant { device: device(id)?, role }, scopes })
    }
}

/// `{scopes}`: one to eight, each once.
pub struct Upgrade {
    /// What is asked for.
    pub scopes: ScopeSet,
}

impl Params for Upgrade {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let texts = fields.texts("scopes")?;
        let scopes = fields.scopes("scopes", &texts)?;
        let max = limits::UPGRADE_SCOPES_MAX;
        match texts.len() {
            0 => fields.refuse("scopes", "must not have fewer than 1 items")?,
            length if length > max => {
                fields.refuse("scopes", &format!("must not have more than {max} items"))?;
            }
            length if length > scopes.len() => {
                fields.refuse("scopes", "must not have duplicate items")?;
            }
            _ => {}
        }
        fields.end()?;
        Ok(Self { scopes })
    }
}

/// `{publicUrl?, preferRemoteUrl?, includeQr?, bootstrapProfile?, joinUrl?}`
pub struct NewSetup {
    /// What to make.
    pub order: HandoverOrder,
    /// Whether to draw it as well.
    pub draws: bool,
}

impl Params for NewSetup {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let url = fields.optional_text("publicUrl")?.map(GatewayUrl::parse).transpose();
        let url = url.or_else(|why| fields.refuse("publicUrl", why))?;
        let prefer_remote = fields.optional_bool("preferRemoteUrl")?.unwrap_or(false);
        let draws = fields.optional_bool("includeQr")?.unwrap_or(true);
        let profile = fields.optional_one_of("bootstrapProfile", &["limited", "node"])?;
        let join = match fields.optional_bool("joinUrl")? {
            Some(false) => fields.refuse("joinUrl", "must be equal to constant")?,
            join => join.is_some(),
        };
        fields.end()?;
        let access = match (profile, join) {
            (Some("limited"), true) => {
                return Err(Misread::Said("Join URLs require bootstrapProfile=node."));
            }
            (Some("limited"), false) => Some(Access::Limited),
            (Some(_), _) | (None, true) => Some(Access::Node),
            (None, false) => None,
        };
        Ok(Self { order: HandoverOrder { access, url, prefer_remote, join }, draws })
    }
}

/// `{setupId}`
pub struct OfSetup {
    /// The setup code.
    pub code: CodeId,
}

impl Params for OfSetup {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let id = fields.short("setupId", 128)?;
        fields.end()?;
        Ok(Self { code: known(CodeId::parse(id), Refusal::UnknownCode)? })
    }
}

/// `{name, scopes, expiresAtMs?, ranges?}`
pub struct NewToken {
    /// What to make.
    pub order: TokenOrder,
}

impl Params for NewToken {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let name = fields.short("name", limits::LABEL_CHARS_MAX)?.trim();
        let texts = fields.texts("scopes")?;
        let scopes = fields.scopes("scopes", &texts)?;
        let until = fields.optional_integer("expiresAtMs", 1)?.map(UnixMillis);
        let ranges = fields.optional_texts("ranges")?.unwrap_or_default();
        let range = |(at, text): (usize, &&str)| match text.parse::<IpNet>() {
            Ok(range) => Ok(range),
            Err(_) => {
                let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
                address.or_else(|_| {
                    fields.refuse(&format!("ranges/{at}"), "must be an address or a range of them")
                })
            }
        };
        let ranges = ranges.iter().enumerate().map(range).collect::<Result<_, _>>()?;
        fields.end()?;
        if name.is_empty() {
            return Err(Misread::Said("name required"));
        }
        Ok(Self { order: TokenOrder { name: name.to_owned(), scopes, until, ranges } })
    }
}

/// `{id}`
pub struct OfToken {
    /// The service token.
    pub token: TokenId,
}

impl Params for OfToken {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let id = fields.text("id")?;
        fields.end()?;
        Ok(Self { token: known(TokenId::parse(id), Refusal::UnknownToken)? })
    }
}

/// `{secret?}`
pub struct NewSecret {
    /// The secret to put in force; `None` has one made.
    pub secret: Option<Secret<String>>,
}

impl Params for NewSecret {
    fn read(mut fields: Fields<'_>) -> Read<Self> {
        let secret = fields.optional_any_text("secret")?;
        fields.end()?;
        Ok(Self { secret: secret.map(|secret| Secret::new(secret.to_owned())) })
    }
}
