//! A setup code as devices read it: an address, a credential and an end in one line of text.
//!
//! Official clients take it bare or as an `oc-pair://` address, by camera, keyboard or command line;
//! machines also fetch its JSON. docs/PROTOCOL.md (g).

use super::{gateway_url::GatewayUrl, keys, secret::Secret};

/// What makes an address of it.
const SCHEME: &str = "oc-pair://";

/// What a setup code says.
#[derive(Debug, Clone, Copy)]
pub struct SetupCode<'a> {
    /// Where the gateway is.
    pub url: &'a GatewayUrl,
    /// What to present there, once.
    pub bootstrap_token: &'a Secret<String>,
    /// When that ends, in milliseconds since the Unix epoch.
    pub expires_at_ms: u64,
}

impl SetupCode<'_> {
    /// The JSON that a join URL gives.
    pub fn json(&self) -> Secret<String> {
        let Self { url, bootstrap_token, expires_at_ms } = self;
        let url = serde_json::Value::from(url.to_string());
        let token = serde_json::Value::from(bootstrap_token.expose().as_str());
        Secret::new(format!(
            r#"{{"url":{url},"bootstrapToken":{token},"expiresAtMs":{expires_at_ms}}}"#
        ))
    }

    /// The bare text: that JSON in unpadded base64url.
    pub fn text(&self) -> Secret<String> {
        Secret::new(keys::to_base64url(self.json().expose().as_bytes()))
    }

    /// The text as an address, as `openclaw node run --pair` and `openclaw connect` also take it.
    pub fn uri(&self) -> Secret<String> {
        Secret::new(format!("{SCHEME}{}", self.text().expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The code of a recording of the real gateway.
    #[test]
    fn the_text_is_that_of_the_real_gateway() {
        let url = GatewayUrl::parse("ws://127.0.0.1:18941").unwrap();
        let bootstrap_token = Secret::new("oyrAmFGiZoZpX3V2MFtXAnVvMkoTMXZ9xzKKXvViNek".to_owned());
        let code = SetupCode {
            url: &url,
            bootstrap_token: &bootstrap_token,
            expires_at_ms: 1_795_208_965_355,
        };
        let text = "eyJ1cmwiOiJ3czovLzEyNy4wLjAuMToxODk0MSIsImJvb3RzdHJhcFRva2VuIjoib3lyQW1GR2lab1pw\
                    WDNWMk1GdFhBblZ2TWtvVE1YWjl4ektLWHZWaU5layIsImV4cGlyZXNBdE1zIjoxNzk1MjA4OTY1MzU1fQ";
        assert_eq!(code.text().expose(), text);
        assert_eq!(code.uri().expose().strip_prefix("oc-pair://"), Some(text));
    }
}
