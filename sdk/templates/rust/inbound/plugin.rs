// @ID@: turns signed requests of another system into commands. Its requests look like this:
//   X-Signature: sha256=<hex HMAC-SHA-256 of the body>
//   {"id":"d1","command":"seat.assign","user":"U1","team":"T1","args":{…}}
use ccp_sdk::{abi, base64url_decode, hex, same_secret, Call, Error, Host, Inbound, Json, Plugin};

struct @CLASS@ {
    /// Id of the secret that signs; its value stays in the host.
    secret: String,
}

/// The raw body and the header X-Signature.
fn read(input: &Json) -> Result<(Vec<u8>, String), Error> {
    let body = input.str("body_base64url").and_then(base64url_decode).ok_or_else(|| Error::invalid_argument("\"body_base64url\" is required"))?;
    let headers = input.list("headers").ok_or_else(|| Error::invalid_argument("\"headers\" is required"))?;
    let of = |pair: &Json, i: usize| pair.as_list().and_then(|p| p.get(i)).and_then(Json::as_str).unwrap_or("").to_string();
    let signature = headers.iter().find(|pair| of(pair, 0).eq_ignore_ascii_case("x-signature")).map(|pair| of(pair, 1));
    Ok((body, signature.unwrap_or_default()))
}

impl Plugin for @CLASS@ {
    fn configure(_: Host, _: &Call, config: &Json) -> Result<Self, Error> {
        let secret = config.at(&["secret", "$secret"]).and_then(Json::as_str);
        let secret = secret.ok_or_else(|| Error::invalid_argument("\"secret\" must be a secret reference"))?;
        Ok(@CLASS@ { secret: secret.to_string() })
    }
}

impl Inbound for @CLASS@ {
    /// Only then is anything of the request believed.
    fn verify(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        let (body, signature) = read(input)?;
        let expected = format!("sha256={}", hex(&call.hmac_sha256(&self.secret, abi::CCP_KEY_RAW, "", &body)?));
        if !same_secret(expected.as_bytes(), signature.as_bytes()) {
            return Err(Error::signature_invalid("X-Signature is not the HMAC of the body"));
        }
        Ok(Json::object([]))
    }

    fn parse(&self, _: &Call, input: &Json) -> Result<Json, Error> {
        let (body, _) = read(input)?;
        let text = std::str::from_utf8(&body).map_err(|_| Error::invalid_argument("the body is no UTF-8"))?;
        let body = Json::parse(text).map_err(Error::invalid_argument)?;
        let needed = |name: &str| body.str(name).map(Json::from).ok_or_else(|| Error::invalid_argument(format!("\"{}\" must be a text", name)));
        let args = body.get("args").filter(|a| matches!(a, Json::Object(_))).cloned().unwrap_or_else(|| Json::object([]));
        let mut command = Json::object([("id", needed("id")?), ("kind", needed("command")?), ("actor", needed("user")?), ("args", args)]);
        if let Some(team) = body.str("team") {
            command.set("org_hint", team.into());
        }
        Ok(Json::object([("commands", vec![command].into()), ("reply", Json::object([("status", 202.into())]))]))
    }

    /// Where the outcome of a command goes; this system does not ask for it.
    fn respond(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        let status = input.at(&["outcome", "status"]).and_then(Json::as_str).ok_or_else(|| Error::invalid_argument("\"outcome\" with its \"status\" is required"))?;
        call.host().log(abi::CCP_LOG_INFO, "command_answered", &Json::object([("status", status.into())]));
        Ok(Json::object([]))
    }
}

ccp_sdk::plugin!(@CLASS@: inbound);

#[cfg(test)]
mod tests {
    use super::*;
    use ccp_sdk::testing::FakeHost;

    const ID: &str = abi::CCP_INBOUND_ID;
    /// {"id":"d1","command":"seat.assign","user":"U1"}
    const BODY: &str = "eyJpZCI6ImQxIiwiY29tbWFuZCI6InNlYXQuYXNzaWduIiwidXNlciI6IlUxIn0";

    fn request(signature: &str, body: &str) -> Json {
        let header = Json::List(vec!["X-SIGNATURE".into(), signature.into()]);
        Json::object([("headers", vec![header].into()), ("body_base64url", body.into()), ("received_at", "2026-11-21T08:00:00Z".into())])
    }

    #[test]
    fn genuine_requests_become_commands() {
        let host = FakeHost::new(); // its MACs are 32 zero bytes
        let plugin = host.create(ccp_plugin_entry_v1());
        assert_eq!(plugin.configure(&Json::object([])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        plugin.configure(&Json::parse(r#"{"secret":{"$secret":"hook/secret"}}"#).unwrap()).unwrap();
        plugin.start().unwrap();

        let good = format!("sha256={}", "0".repeat(64));
        plugin.call(ID, "verify", &request(&good, BODY)).unwrap();
        host.with(|h| {
            assert_eq!(h.macced[0], br#"{"id":"d1","command":"seat.assign","user":"U1"}"#);
            h.mac[31] = 1;
        });
        let (rc, problem) = plugin.call(ID, "verify", &request(&good, BODY)).unwrap_err();
        assert_eq!((rc, problem.str("code")), (abi::CCP_RC_UNAUTHENTICATED, Some("signature_invalid")));
        assert_eq!(plugin.call(ID, "verify", &Json::object([])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);

        let parsed = plugin.call(ID, "parse", &request("", BODY)).unwrap();
        assert_eq!(parsed.list("commands").unwrap()[0].str("kind"), Some("seat.assign"));
        assert_eq!(plugin.call(ID, "parse", &request("", "e30")).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        plugin.call(ID, "respond", &Json::parse(r#"{"command":{},"outcome":{"status":"done","text":""}}"#).unwrap()).unwrap();
        assert_eq!(host.with(|h| h.log.len()), 1);
    }
}
