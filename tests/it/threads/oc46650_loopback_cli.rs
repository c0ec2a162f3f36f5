//! openclaw #46650, "Loopback token-auth CLI connects but RPC is scope-limited (missing
//! operator.read/write)".
//!
//! An agent runs the official CLI on the gateway's own machine, with the gateway's token. The CLI
//! shows no device there. `gateway probe` says "Connect: ok" and "RPC: limited - missing scope:
//! operator.read"; `cron add` and `cron runs` fail the same way. The files of pairing all list every
//! scope, a restart changes nothing. Here are the connects of that CLI.

use doorward::fronts::cli::client::{ConnectOptions, Session};
use serde_json::json;

use super::{LATER, held, reads, refusal, set};
use crate::house::{Gateway, block_on, shared};

/// A connect as that CLI makes one.
fn cli(id: &str, mode: &str, scopes: &[&str]) -> ConnectOptions {
    ConnectOptions {
        client_id: id.into(),
        mode: mode.into(),
        platform: "linux".into(),
        device_family: Some("Linux".into()),
        ..shared(scopes)
    }
}

async fn connect(gateway: &Gateway, options: &ConnectOptions) -> Session {
    gateway.connect(options).await.unwrap_or_else(|no| panic!("{}: {no}", options.mode))
}

/// `openclaw gateway probe`: one socket, four calls at once, none of them waits for another.
#[test]
fn the_probe_reads() {
    block_on(async {
        let mut gateway = Gateway::start("{}");
        for restarted in [false, true] {
            let options = cli("cli", "probe", &["operator.read"]);
            let mut session =
                connect(&gateway, &ConnectOptions { protocol: (3, 4), ..options }).await;
            assert_eq!(held(&session), set("read"), "restarted: {restarted}");
            let mut ids = Vec::new();
            for method in ["health", "status", "system-presence", "config.get"] {
                ids.push((method, session.send_request(method, json!({})).await.unwrap()));
            }
            for (method, id) in ids {
                let answer = session.response(&id).await;
                answer.unwrap_or_else(|error| panic!("{method}: {error}"));
            }
            if !restarted {
                assert!(gateway.terminate().success());
                gateway.run();
            }
        }
    });
}

/// Each command connects anew, as another kind of client and with the scopes of its one call.
#[test]
fn every_command_has_the_scopes_that_it_asks_for() {
    block_on(async {
        let gateway = Gateway::start("{}");
        for (id, mode, scope) in [
            ("cli", "cli", "read"),
            ("cli", "probe", "read"),
            ("gateway-client", "backend", "read"),
            ("gateway-client", "cli", "read"),
            ("cli", "cli", "write"),
            ("cli", "cli", "admin"),
        ] {
            let name = format!("operator.{scope}");
            let mut session = connect(&gateway, &cli(id, mode, &[&name])).await;
            assert_eq!(held(&session), set(scope), "{id}/{mode}");
            reads(&mut session, mode).await;
            for method in LATER {
                let refused = refusal(&mut session, method).await;
                assert_eq!(refused.message, format!("unknown method: {method}"), "{id}/{mode}");
            }
        }
    });
}
