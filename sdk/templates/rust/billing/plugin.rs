// @ID@: a payment provider behind CCP's contract. This one speaks to a gateway of your own that takes and gives
// the contract's JSON under POST <base_url>/<operation>; for another provider, translate in ask() and in the
// operations. It keeps no state, and it reports whole snapshots: the host decides about licenses.
use ccp_sdk::{abi, base64url_decode, hex, same_secret, Billing, Call, Error, Host, HttpRequest, Json, Plugin};

struct @CLASS@ {
    base_url: String,
    /// Ids of secrets; their values stay in the host.
    api_key: String,
    webhook_secret: String,
}

impl @CLASS@ {
    /// Asks the gateway and passes its answer on when it has every member of `required`.
    fn ask(&self, call: &Call, input: &Json, operation: &str, required: &[&str]) -> Result<Json, Error> {
        let request = HttpRequest::new("POST", &format!("{}/{}", self.base_url, operation));
        let request = request.json(input).header("Idempotency-Key", &call.idempotency_key()).bearer(&self.api_key);
        let answer = call.http(&request)?;
        match answer.status {
            404 => return Err(Error::new(abi::CCP_RC_NOT_FOUND, "not_found", "the provider does not know it")),
            429 => return Err(Error { retry_after_ms: 30_000, ..Error::new(abi::CCP_RC_RATE_LIMITED, "rate_limited", "the provider asks to slow down") }),
            _ if !answer.ok() => return Err(Error::provider(format!("the provider answered with HTTP status {}", answer.status))),
            _ => {}
        }
        let out = answer.json()?;
        match required.iter().find(|name| out.get(name).is_none()) {
            Some(name) => Err(Error::provider(format!("the provider's answer has no {}", name))),
            None => Ok(out),
        }
    }
}

/// The raw body and the header X-Signature.
fn read(input: &Json) -> Result<(Vec<u8>, String), Error> {
    let body = input.str("body").and_then(base64url_decode).ok_or_else(|| Error::invalid_argument("\"body\" is required"))?;
    let headers = input.list("headers").ok_or_else(|| Error::invalid_argument("\"headers\" is required"))?;
    let of = |pair: &Json, i: usize| pair.as_list().and_then(|p| p.get(i)).and_then(Json::as_str).unwrap_or("").to_string();
    let signature = headers.iter().find(|pair| of(pair, 0).eq_ignore_ascii_case("x-signature")).map(|pair| of(pair, 1));
    Ok((body, signature.unwrap_or_default()))
}

impl Plugin for @CLASS@ {
    fn configure(_: Host, _: &Call, config: &Json) -> Result<Self, Error> {
        let text = |path: &[&str]| config.at(path).and_then(Json::as_str).map(str::to_string).ok_or_else(|| Error::invalid_argument(format!("\"{}\" is required", path[0])));
        Ok(@CLASS@ {
            base_url: text(&["base_url"])?.trim_end_matches('/').to_string(),
            api_key: text(&["api_key", "$secret"])?,
            webhook_secret: text(&["webhook_secret", "$secret"])?,
        })
    }
}

impl Billing for @CLASS@ {
    fn ensure_customer(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        self.ask(call, input, "ensure_customer", &["customer_id"])
    }
    fn create_checkout(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        self.ask(call, input, "create_checkout", &["id", "status"])
    }
    fn get_checkout(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        self.ask(call, input, "get_checkout", &["id", "status"])
    }
    fn get_subscription(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        self.ask(call, input, "get_subscription", &["id", "customer_id", "status"])
    }
    fn list_subscriptions(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        self.ask(call, input, "list_subscriptions", &["items"])
    }

    /// Pure but for the MAC, whose key stays in the host.
    fn verify_webhook(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        let (body, signature) = read(input)?;
        let expected = format!("sha256={}", hex(&call.hmac_sha256(&self.webhook_secret, abi::CCP_KEY_RAW, "", &body)?));
        if !same_secret(expected.as_bytes(), signature.as_bytes()) {
            return Err(Error::signature_invalid("X-Signature is not the HMAC of the body"));
        }
        Ok(Json::object([]))
    }

    /// Pure. The body is {"events":[…]} in the contract's own form.
    fn parse_webhook(&self, _: &Call, input: &Json) -> Result<Json, Error> {
        let (body, _) = read(input)?;
        let text = std::str::from_utf8(&body).map_err(|_| Error::invalid_argument("the body is no UTF-8"))?;
        let body = Json::parse(text).map_err(Error::invalid_argument)?;
        let events = body.list("events").ok_or_else(|| Error::invalid_argument("the webhook holds no list of events"))?;
        Ok(Json::object([("events", events.to_vec().into())]))
    }
}

ccp_sdk::plugin!(@CLASS@: billing);

#[cfg(test)]
mod tests {
    use super::*;
    use ccp_sdk::testing::FakeHost;

    const ID: &str = abi::CCP_BILLING_ID;

    fn hook(signature: &str, body: &str) -> Json {
        Json::object([("headers", vec![Json::List(vec!["X-Signature".into(), signature.into()])].into()), ("body", body.into())])
    }

    #[test]
    fn the_gateway_is_asked_and_its_webhooks_believed_when_they_are_signed() {
        let host = FakeHost::new(); // its MACs are 32 zero bytes
        let plugin = host.create(ccp_plugin_entry_v1());
        assert_eq!(plugin.configure(&Json::object([])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        plugin.configure(&Json::parse(r#"{"base_url":"https://pay.example.com/","api_key":{"$secret":"pay/key"},"webhook_secret":{"$secret":"pay/hook"}}"#).unwrap()).unwrap();
        plugin.start().unwrap();

        let customer = Json::object([("org_id", "org_1".into())]);
        host.with(|h| h.on_http = Box::new(|_, _| Ok((200, r#"{"customer_id":"c1"}"#.to_string()))));
        assert_eq!(plugin.call(ID, "ensure_customer", &customer).unwrap().str("customer_id"), Some("c1"));
        host.with(|h| assert_eq!(h.requests[0].0.str("url"), Some("https://pay.example.com/ensure_customer")));
        assert_eq!(plugin.call(ID, "get_subscription", &customer).unwrap_err().0, abi::CCP_RC_UNAVAILABLE); // no status in it
        host.with(|h| h.on_http = Box::new(|_, _| Ok((200, "<html>".to_string()))));
        assert_eq!(plugin.call(ID, "ensure_customer", &customer).unwrap_err().0, abi::CCP_RC_UNAVAILABLE);
        host.with(|h| h.on_http = Box::new(|_, _| Ok((404, String::new()))));
        assert_eq!(plugin.call(ID, "get_checkout", &customer).unwrap_err().0, abi::CCP_RC_NOT_FOUND);
        assert_eq!(plugin.call(ID, "diagnose", &customer).unwrap_err().0, abi::CCP_RC_UNIMPLEMENTED);

        let empty = "eyJldmVudHMiOltdfQ"; // {"events":[]}
        plugin.call(ID, "verify_webhook", &hook(&format!("sha256={}", "0".repeat(64)), empty)).unwrap();
        assert_eq!(plugin.call(ID, "verify_webhook", &hook("sha256=", empty)).unwrap_err().0, abi::CCP_RC_UNAUTHENTICATED);
        assert_eq!(plugin.call(ID, "parse_webhook", &hook("", empty)).unwrap().list("events").map(|e| e.len()), Some(0));
        assert_eq!(plugin.call(ID, "parse_webhook", &hook("", "e30")).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
    }
}
