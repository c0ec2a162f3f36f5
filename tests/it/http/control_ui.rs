//! A page for browsers, served over the gateway's port.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::{Answer, bearer, send};
use crate::house::{Gateway, TOKEN, block_on, shared};

const PAGE: &str = "<html><script>a()</script><script src=\"./assets/app-AbCdEf12.js\"></script>";

/// A gateway with a page, and the page's directory.
fn with_page(more: &str) -> (Gateway, TempDir) {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join("assets")).unwrap();
    for (name, text) in [
        ("index.html", PAGE),
        ("sw.js", "sw()"),
        ("manifest.webmanifest", "{}"),
        ("favicon.svg", "<svg/>"),
        ("assets/app-AbCdEf12.js", "app()"),
        ("assets/style-AbCdEf12.css", "a{}"),
    ] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let root = dir.path().display();
    (Gateway::start(&format!("{{gateway: {{controlUi: {{root: '{root}', {more}}}}}}}")), dir)
}

const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

fn told(answer: &Answer) -> String {
    let header = |name| answer.header(name).unwrap_or("-");
    format!("{} {} {}", answer.status, header("content-type"), header("cache-control"))
}

const NO: &str = "404 application/json no-store";
const HTML: &str = "200 text/html; charset=utf-8 no-cache";
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

#[test]
fn what_each_path_is_answered_with() {
    let (gateway, _dir) = with_page("");
    let script = format!("200 text/javascript {FOR_GOOD}");
    let style = format!("200 text/css; charset=utf-8 {FOR_GOOD}");
    for (line, browser, program) in [
        ("GET /", HTML, HTML),
        ("HEAD /", HTML, HTML),
        ("GET /index.html", HTML, HTML),
        ("GET /chat/main?x=1", HTML, NO),
        ("GET /assets/app-AbCdEf12.js", &script, &script),
        ("HEAD /assets/app-AbCdEf12.js", &script, &script),
        ("GET /assets/style-AbCdEf12.css", &style, &style),
        ("GET /sw.js?v=1", "200 text/javascript no-cache", "200 text/javascript no-cache"),
        (
            "GET /manifest.webmanifest",
            "200 application/manifest+json no-cache",
            "200 application/manifest+json no-cache",
        ),
        ("GET /favicon.svg", "200 image/svg+xml no-cache", "200 image/svg+xml no-cache"),
        ("GET /assets/gone-AbCdEf12.js", NO, NO),
        // The rest of the port stays what it is.
        ("GET /health", "200 application/json no-store", "200 application/json no-store"),
        ("GET /v1/nope", NO, NO),
        ("GET /api/users/x/avatar", NO, NO),
        ("GET /doorward/nope", NO, NO),
        ("GET /__openclaw__/workspace-icon/x", NO, NO),
        ("GET /../doorward.json", NO, NO),
        ("GET /..%2fdoorward.json", NO, NO),
    ] {
        assert_eq!(told(&send(&gateway, line, &[BROWSER], "")), browser, "{line}");
        assert_eq!(told(&send(&gateway, line, &["Accept: */*"], "")), program, "{line}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = send(&gateway, &format!("{method} /"), &[BROWSER], "");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
        let answer = send(&gateway, &format!("{method} /v1/nope"), &[], "");
        assert_eq!(answer.status, 404, "{method}");
    }
}

#[test]
fn a_browser_is_told_what_the_page_may_do() {
    let (gateway, _dir) = with_page("");
    for (path, scripts) in
        [("/", " 'sha256-qVpDBgj7bpq5hMAcGp3AOc79J3Y1Z4HvySTwKrWDoy4='"), ("/sw.js", "")]
    {
        let answer = send(&gateway, &format!("GET {path}"), &[BROWSER], "");
        let policy = format!(
            "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; \
             form-action 'none'; script-src 'self'{scripts}; style-src 'self' 'unsafe-inline'; \
             img-src 'self' data: blob:; media-src 'self' data: blob:; connect-src 'self' data:"
        );
        for (name, value) in [
            ("content-security-policy", policy.as_str()),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
    }
}

#[test]
fn what_a_browser_has_already_is_not_sent_again() {
    let (gateway, dir) = with_page("");
    for path in ["/", "/chat", "/sw.js", "/assets/app-AbCdEf12.js"] {
        let line = format!("GET {path}");
        let first = send(&gateway, &line, &[BROWSER], "");
        let known = format!("If-None-Match: \"other\", {}", first.header("etag").unwrap());
        let again = send(&gateway, &line, &[BROWSER, &known], "");
        assert_eq!((again.status, &again.body), (304, &Value::Null), "{path}");
        assert_eq!(again.header("cache-control"), first.header("cache-control"), "{path}");
    }
    let known =
        format!("If-None-Match: {}", send(&gateway, "GET /", &[], "").header("etag").unwrap());
    std::fs::write(dir.path().join("index.html"), "<html>new").unwrap();
    assert_eq!(send(&gateway, "GET /", &[&known], "").status, 200);
}

#[test]
fn a_page_below_a_path_leaves_the_rest_alone() {
    let (gateway, _dir) = with_page("basePath: '/openclaw'");
    for (line, expected) in [
        ("GET /", NO),
        ("GET /chat", NO),
        ("GET /openclaws", NO),
        ("GET /openclaw/", HTML),
        ("GET /openclaw/chat", HTML),
        ("GET /openclaw/sw.js", "200 text/javascript no-cache"),
    ] {
        assert_eq!(told(&send(&gateway, line, &[BROWSER], "")), expected, "{line}");
    }
    let answer = send(&gateway, "GET /openclaw?a=b", &[BROWSER], "");
    assert_eq!((answer.status, answer.header("location")), (302, Some("/openclaw/?a=b")));
    let page = send(&gateway, "GET /openclaw/chat", &[BROWSER], "").body;
    let page = page.as_str().unwrap();
    assert!(page.contains("src=\"/openclaw/assets/app-AbCdEf12.js\""), "{page}");
}

/// The document that the page asks for first, for whoever may know the agents.
#[test]
fn what_the_page_is_told_of_the_gateway() {
    let (gateway, _dir) = with_page("");
    let paths = ["", "/__openclaw", "/__openclaw__"];
    for path in paths.map(|path| format!("GET {path}/control-ui-config.json")) {
        assert_eq!(send(&gateway, &path, &[BROWSER], "").code(), "AUTH_TOKEN_MISSING");
        assert_eq!(send(&gateway, &path, &[&bearer("x")], "").code(), "AUTH_TOKEN_MISMATCH");
        let answer = send(&gateway, &path, &[&bearer(TOKEN)], "");
        let expected = json!({
            "basePath": "", "assistantName": "main", "assistantAvatar": "M",
            "assistantAvatarSource": null, "assistantAvatarStatus": null,
            "assistantAvatarReason": null, "assistantAgentId": "main",
            "serverVersion": env!("CARGO_PKG_VERSION"), "embedSandbox": "strict",
            "allowExternalEmbedUrls": false, "automaticallyFetchFavicons": false,
            "communityInvite": false, "terminalEnabled": false, "cliAgentsEnabled": false,
            "pluginAssetsRequireAuth": true, "pluginFrameGrants": [],
        });
        assert_eq!((answer.status, answer.body), (200, expected), "{path}");
    }
    let token = block_on(async {
        let mut owner = gateway.connect(&shared(&["operator.admin"])).await.unwrap();
        let order = json!({"name": "pairs", "scopes": ["operator.pairing"]});
        let made = owner.request("doorward.tokens.create", order).await.unwrap();
        made["token"].as_str().unwrap().to_owned()
    });
    let line = "GET /control-ui-config.json";
    assert_eq!(send(&gateway, line, &[&bearer(&token)], "").code(), "MISSING_SCOPE");
}

#[test]
fn without_a_page_there_is_none() {
    let gateway = Gateway::start("{}");
    for path in ["/", "/index.html", "/control-ui-config.json"] {
        assert_eq!(told(&send(&gateway, &format!("GET {path}"), &[BROWSER], "")), NO, "{path}");
    }
    let answer = send(&gateway, "POST /", &[], "");
    assert_eq!(answer.status, 404);
}
