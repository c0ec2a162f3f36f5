//! TLS on the network door, and clients that are known by their certificates.

use std::collections::BTreeMap;

use doorward::{
    fronts::grpc::Tls,
    proto::v1::{
        CreateTokenRequest, ListTokensRequest, RevokeServiceTokenRequest, Scopes, StatusRequest,
        TailRequest, WhoamiRequest, principal::Kind,
    },
    support::secret::Secret,
};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair,
};
use sha2::{Digest as _, Sha256};
use tonic::{
    Code,
    transport::{Certificate as Pem, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::{
    client::{Carried, Client, refusal},
    gateway::{Gateway, block_on, doorward},
};

/// An authority that signs certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
struct Held {
    certificate: Certificate,
    key: KeyPair,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn sign(&self, name: &str, purpose: ExtendedKeyUsagePurpose) -> Held {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Held { certificate, key }
    }

    fn client(&self, name: &str) -> Held {
        self.sign(name, ExtendedKeyUsagePurpose::ClientAuth)
    }
}

impl Held {
    fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(self.certificate.der()).into()
    }

    fn identity(&self) -> Identity {
        Identity::from_pem(self.certificate.pem(), self.key.serialize_pem())
    }
}

/// A gateway with TLS, and the clients that it is about.
struct Scene {
    gateway: Gateway,
    authority: Authority,
    /// Stands for the token `grafana`.
    known: Held,
    /// Stands for the token `elsewhere`.
    elsewhere: Held,
    /// Stands for a token that is not there.
    orphan: Held,
    /// Signed, and mapped to nothing.
    unknown: Held,
}

impl Scene {
    fn new(state_dir: &std::path::Path) -> Self {
        let authority = Authority::new("home");
        let server = authority.sign("localhost", ExtendedKeyUsagePurpose::ServerAuth);
        let [known, elsewhere, orphan, unknown] =
            ["known", "elsewhere", "orphan", "unknown"].map(|name| authority.client(name));
        let clients = BTreeMap::from([
            (known.fingerprint(), "grafana".to_owned()),
            (elsewhere.fingerprint(), "elsewhere".to_owned()),
            (orphan.fingerprint(), "gone".to_owned()),
        ]);
        let key = Secret::new(server.key.serialize_pem());
        let tls = Tls::new(&server.certificate.pem(), &key, Some(&authority.pem), clients);
        let gateway = Gateway::start_with(state_dir, Some(tls.unwrap()));
        Self { gateway, authority, known, elsewhere, orphan, unknown }
    }

    async fn channel(&self, held: Option<&Held>) -> Result<Channel, tonic::transport::Error> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Pem::from_pem(&self.authority.pem))
            .domain_name("localhost");
        if let Some(held) = held {
            tls = tls.identity(held.identity());
        }
        let endpoint = Endpoint::new(format!("https://{}", self.gateway.tcp)).unwrap();
        endpoint.tls_config(tls).unwrap().connect().await
    }

    async fn client(&self, held: Option<&Held>, carried: Carried) -> Client {
        Client::over(self.channel(held).await.unwrap(), carried)
    }
}

fn order(name: &str, ranges: &[&str]) -> CreateTokenRequest {
    CreateTokenRequest {
        name: name.into(),
        scopes: Some(Scopes { names: vec!["operator.read".into(), "operator.admin".into()] }),
        until_ms: None,
        ranges: ranges.iter().map(|&range| range.to_owned()).collect(),
    }
}

#[test]
fn a_certificate_is_worth_what_its_token_is_worth() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new(dir.path());
    block_on(async {
        let mut host = Client::host(&scene.gateway).await;
        let mut reader = order("grafana", &[]);
        reader.scopes = Some(Scopes { names: vec!["operator.read".into()] });
        let made = host.tokens.create_token(reader).await.unwrap().into_inner();
        host.tokens.create_token(order("elsewhere", &["192.0.2.0/24"])).await.unwrap();

        let mut known = scene.client(Some(&scene.known), Carried::default()).await;
        let seen = known.gateway.whoami(WhoamiRequest {}).await.unwrap().into_inner();
        assert_eq!(seen.scopes.unwrap().names, ["operator.read"]);
        assert_eq!(seen.address.as_deref(), Some("127.0.0.1"));
        let Some(Kind::ServiceToken(token)) = seen.principal.unwrap().kind else { panic!() };
        assert_eq!(token.token_id, made.token_id);
        known.gateway.status(StatusRequest {}).await.unwrap();
        let refused = refusal(known.tokens.list_tokens(ListTokensRequest::default()).await);
        assert_eq!(refused, (Code::PermissionDenied, "MISSING_SCOPE".into()));

        let bad = || Carried::bearer("dwst_unknown");
        let unauthenticated = |code: &str| (Code::Unauthenticated, code.to_owned());
        for (held, carried, code) in [
            (None, Carried::default(), "BEARER_REQUIRED"),
            (Some(&scene.unknown), Carried::default(), "CERTIFICATE_UNKNOWN"),
            (Some(&scene.orphan), Carried::default(), "SERVICE_TOKEN_INVALID"),
            (Some(&scene.elsewhere), Carried::default(), "SERVICE_TOKEN_ADDRESS"),
            // A certificate does not help a credential that is no good.
            (Some(&scene.known), bad(), "SERVICE_TOKEN_INVALID"),
        ] {
            let mut caller = scene.client(held, carried).await;
            let refused = refusal(caller.gateway.status(StatusRequest {}).await);
            assert_eq!(refused, unauthenticated(code));
        }
        // A credential is as good with TLS, whoever shows it.
        for held in [None, Some(&scene.unknown)] {
            let mut caller = scene.client(held, Carried::bearer(&made.secret)).await;
            caller.gateway.status(StatusRequest {}).await.unwrap();
        }
    });
    // Whichever way they showed who they are, they are counted.
    let counted = doorward(dir.path(), "audit access --kind refused --json").json();
    let rows = counted["rows"].as_array().unwrap().iter();
    let times = |code| rows.clone().find(|row| row["code"] == code).map(|row| row["count"].clone());
    assert_eq!(times("SERVICE_TOKEN_ADDRESS"), Some(1.into()));
    assert_eq!(times("SERVICE_TOKEN_INVALID"), Some(2.into()));
}

#[test]
fn the_end_of_the_token_is_the_end_of_the_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new(dir.path());
    block_on(async {
        let mut host = Client::host(&scene.gateway).await;
        let made = host.tokens.create_token(order("grafana", &[])).await.unwrap().into_inner();
        let mut known = scene.client(Some(&scene.known), Carried::default()).await;
        known.gateway.status(StatusRequest {}).await.unwrap();
        let asked = TailRequest { follow: true, ..Default::default() };
        let mut records = known.ledger.tail(asked).await.unwrap().into_inner();
        records.message().await.unwrap().unwrap();

        // The host is there and holds everything, so the last token that does may go.
        let revoke = RevokeServiceTokenRequest {
            token_id: made.token_id,
            force_reason: Some("a test".into()),
        };
        host.tokens.revoke_service_token(revoke).await.unwrap();
        let refused = refusal(known.gateway.status(StatusRequest {}).await);
        assert_eq!(refused, (Code::Unauthenticated, "SERVICE_TOKEN_INVALID".into()));
        let ended = loop {
            match records.message().await {
                Ok(Some(_)) => {}
                ended => break ended,
            }
        };
        assert_eq!(refusal(ended), (Code::PermissionDenied, "GRANT_ENDED".into()));

        // Another token of that name is what the configuration means now.
        host.tokens.create_token(order("grafana", &[])).await.unwrap();
        known.gateway.status(StatusRequest {}).await.unwrap();
    });
}

#[test]
fn who_is_not_of_the_house_gets_no_connection() {
    let dir = tempfile::tempdir().unwrap();
    let scene = Scene::new(dir.path());
    let stranger = Authority::new("elsewhere").client("known");
    block_on(async {
        // With TLS 1.3 a client hears of it with its first call. Whatever it hears, it is no answer.
        if let Ok(channel) = scene.channel(Some(&stranger)).await {
            let mut caller = Client::over(channel, Carried::default());
            let failure = caller.gateway.status(StatusRequest {}).await.unwrap_err();
            assert_eq!(failure.metadata().get("doorward-code"), None, "{failure:?}");
        }
        let plain = Endpoint::new(format!("http://{}", scene.gateway.tcp)).unwrap();
        let outcome = match plain.connect().await {
            Ok(channel) => {
                let mut caller = Client::over(channel, Carried::default());
                caller.gateway.status(StatusRequest {}).await.map(drop).map_err(drop)
            }
            Err(_) => Err(()),
        };
        assert_eq!(outcome, Err(()), "in the clear");
        // The gateway serves on.
        let mut host = Client::host(&scene.gateway).await;
        host.gateway.status(StatusRequest {}).await.unwrap();
    });
}
