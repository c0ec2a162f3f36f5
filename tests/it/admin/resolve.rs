//! Whom someone means by an id, the beginning of one, or a name: the gateway says it (N12).

use doorward::proto::v1::{
    Among, ResolveRequest, audit_service_client::AuditServiceClient, party::Kind,
};
use tonic::Code;

use super::{
    client::{Client, refusal},
    gateway::{Gateway, block_on, doorward},
};

/// Runs each line, which must work.
fn run(gateway: &Gateway, lines: &[String]) {
    for line in lines {
        let ended = doorward(&gateway.state_dir, line);
        assert_eq!(ended.code, 0, "{line}: {ended:?}");
    }
}

#[test]
fn n12_an_id_a_beginning_or_a_name_means_one_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let gateway = Gateway::start(dir.path());
    let id = |n: u8| format!("{n:02x}").repeat(32);
    let requests = [1, 2, 3, 4].map(|n| gateway.ask(n, "operator.read"));
    run(&gateway, &requests.map(|request| format!("devices approve {}", &request[..8])));
    run(
        &gateway,
        &[
            format!("devices rename {} kitchen", id(1)),
            // Whoever is called like another's id does not stand in its place.
            format!("devices rename 0202 {}", id(1)),
            format!("devices rename {} hall", id(3)),
            "devices rename hall Hall".into(),
            "devices rename 0404 gone".into(),
            "devices remove gone".into(),
            "tokens create --name kitchen --scope operator.read".into(),
            "tokens create --name grafana --scope operator.read".into(),
        ],
    );
    use Among::{Devices, ServiceTokens, Unspecified};
    let invalid = (Code::InvalidArgument, "NAME_UNCLEAR".to_owned());
    let unknown = (Code::NotFound, "NAME_UNKNOWN".to_owned());
    let rows = [
        (id(1), Unspecified, Ok((id(1), "kitchen"))),
        (id(2), Devices, Ok((id(2), &*id(1).leak()))),
        ("0303".into(), Unspecified, Ok((id(3), "Hall"))),
        ("KITCHEN".into(), Unspecified, Ok((id(1), "kitchen"))),
        ("kitchen".into(), ServiceTokens, Ok(("token".into(), "kitchen"))),
        ("grafana".into(), Unspecified, Ok(("token".into(), "grafana"))),
        ("grafana".into(), Devices, Err(&unknown)),
        ("hall".into(), ServiceTokens, Err(&unknown)),
        ("gone".into(), Unspecified, Ok((id(4), "-"))),
        (id(4), Unspecified, Ok((id(4), "-"))),
        ("gone".into(), Devices, Err(&unknown)),
        ("nobody".into(), Unspecified, Err(&unknown)),
        ("030".into(), Unspecified, Err(&invalid)),
        (String::new(), Unspecified, Err(&invalid)),
    ];
    block_on(async {
        let host = Client::host(&gateway).await;
        let mut audit = AuditServiceClient::new(host.line.clone());
        for (who, among, expected) in rows {
            let request = ResolveRequest { who: who.clone(), among: among.into() };
            let found = match (audit.resolve(request).await, expected) {
                (Ok(found), Ok(expected)) => (found.into_inner().party.unwrap(), expected),
                (outcome, Err(expected)) => {
                    assert_eq!(&refusal(outcome), expected, "{who}");
                    continue;
                }
                (Err(failure), Ok(_)) => panic!("{who}: {failure:?}"),
            };
            let (party, (id, name)) = found;
            let found = match party.kind.unwrap() {
                Kind::Device(device) => device.device_id,
                Kind::TokenId(_) => "token".into(),
                other => panic!("{who}: {other:?}"),
            };
            assert_eq!((found, party.name.as_deref().unwrap_or("-")), (id, name), "{who}");
        }
    });
}
