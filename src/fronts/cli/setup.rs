//! `doorward bootstrap` and `doorward devices setup-code`: a code for the first device that brings it.

use serde_json::json;

use super::{
    Session,
    args::{AccessWord, SetupArgs},
    exit::{ExitStatusCode, Trouble},
    json, words,
};
use crate::{
    proto::v1::{CreateCodeResponse, SetupAccess},
    support::{gateway_url::GatewayUrl, qr::Qr, secret::Secret, setup_code::SetupCode},
};

impl AccessWord {
    fn access(self) -> SetupAccess {
        match self {
            Self::Full => SetupAccess::Full,
            Self::Limited => SetupAccess::Limited,
            Self::Node => SetupAccess::Node,
        }
    }
}

/// A code with everything that a person needs to hand it over.
struct Handed {
    made: CreateCodeResponse,
    url: GatewayUrl,
    text: Secret<String>,
    uri: Secret<String>,
}

/// `bootstrap` and `devices setup-code`
///
/// # Errors
/// If the address is none, or what the gateway said instead.
pub async fn create(
    session: &mut Session<'_>,
    access: AccessWord,
    args: SetupArgs,
) -> Result<ExitStatusCode, Trouble> {
    let SetupArgs { url, no_qr } = args;
    let given = url.map(|url| GatewayUrl::parse(&url)).transpose();
    let given = given.map_err(|why| Trouble::new(ExitStatusCode::USAGE, format!("--url {why}")))?;
    let made = session.admin().await?.create_code(access.access()).await?;
    let first = made.gateway_urls.first().and_then(|url| GatewayUrl::parse(url).ok());
    let url = given.or(first).ok_or_else(|| {
        let what = "this gateway knows no address that a device could use";
        Trouble::new(ExitStatusCode::NOT_DONE, what).run("the same with --url ws://ADDRESS:PORT")
    })?;
    let secret = Secret::new(made.secret.clone());
    let code = SetupCode { url: &url, bootstrap_token: &secret, expires_at_ms: made.until_ms };
    let (text, uri) = (code.text(), code.uri());
    let handed = Handed { made, url, text, uri };
    session.out.result(|| people(&handed, !no_qr), || programs(&handed))?;
    Ok(ExitStatusCode::OK)
}

fn people(handed: &Handed, with_qr: bool) -> String {
    let Handed { made, url, text, uri } = handed;
    let qr = Qr::new(uri.expose()).filter(|_| with_qr).map(|qr| terminal(&qr) + "\n");
    format!(
        "{}A code for one device, good until {}. Whoever brings it first holds: {}\n\n  \
         gateway     {url}\n  code        {}\n  setup code  {}\n\n\
         Scan the picture, paste the setup code, or give a client the code as its bootstrap token.\n\
         It is shown this once; the ledger knows it as {} (record {}).\n",
        qr.unwrap_or_default(),
        words::time(made.until_ms),
        words::scopes(made.scopes.as_ref()),
        made.secret,
        text.expose(),
        made.code_id,
        made.seq,
    )
}

fn programs(handed: &Handed) -> serde_json::Value {
    let Handed { made, url, text, uri } = handed;
    json!({
        "codeId": made.code_id,
        "bootstrapToken": made.secret,
        "setupCode": text.expose(),
        "uri": uri.expose(),
        "gatewayUrl": url.to_string(),
        "gatewayUrls": made.gateway_urls,
        "scopes": json::scopes(made.scopes.as_ref()),
        "untilMs": made.until_ms,
        "seq": made.seq,
    })
}

/// Two rows of modules in a line of half blocks, light on dark, with the margin that readers need.
/// The spaces are the dark modules: on the dark ground of most terminals a code drawn the other way
/// round could not be read.
fn terminal(qr: &Qr) -> String {
    const MARGIN: usize = 2;
    let side = qr.width() + 2 * MARGIN;
    let light = |column: usize, row: usize| {
        let inside = column.checked_sub(MARGIN).zip(row.checked_sub(MARGIN));
        row < side && !inside.is_some_and(|(column, row)| qr.is_dark(column, row))
    };
    let line = |row: usize| -> String {
        let modules = (0..side).map(|column| match (light(column, row), light(column, row + 1)) {
            (true, true) => '█',
            (true, false) => '▀',
            (false, true) => '▄',
            (false, false) => ' ',
        });
        modules.collect::<String>() + "\n"
    };
    (0..side).step_by(2).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fronts::cli::samples;

    fn handed() -> Handed {
        let made = samples::setup_code();
        let url = GatewayUrl::parse(&made.gateway_urls[0]).unwrap();
        let secret = Secret::new(made.secret.clone());
        let code = SetupCode { url: &url, bootstrap_token: &secret, expires_at_ms: made.until_ms };
        let (text, uri) = (code.text(), code.uri());
        Handed { made, url, text, uri }
    }

    #[test]
    fn the_code_as_people_and_programs_see_it() {
        let handed = handed();
        samples::assert_golden("bootstrap.txt", &people(&handed, true));
        samples::assert_golden("bootstrap.json", &programs(&handed).to_string());
    }

    /// Every module is where the picture says: two of them in each character.
    #[test]
    fn the_picture_in_the_terminal_is_the_code() {
        let qr = Qr::new("hello").unwrap();
        let lines: Vec<Vec<char>> =
            terminal(&qr).lines().map(|line| line.chars().collect()).collect();
        for column in 0..qr.width() {
            for row in 0..qr.width() {
                let (x, y) = (column + 2, row + 2);
                let drawn = match lines[y / 2][x] {
                    '█' => false,
                    '▀' => y % 2 == 1,
                    '▄' => y % 2 == 0,
                    _ => true,
                };
                assert_eq!(drawn, qr.is_dark(column, row), "{column}, {row}");
            }
        }
    }
}
