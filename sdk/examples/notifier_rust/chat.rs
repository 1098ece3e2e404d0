// example.chat: tells people in a chat what happened, through the chat's incoming webhook.
// One file, no crates; everything goes through ccp.http/1, so that it runs without a network of its own.
use ccp_sdk::{abi, Call, Error, Host, HttpRequest, HttpResponse, Json, Notifier, Plugin};

struct Chat {
    url: String,
    /// Id of a secret; the host attaches its value.
    token: Option<String>,
}

/// What an event is to its reader: a sign and a sentence. `data` of the event fills in what it knows.
fn sentence(kind: &str, subject: &str, data: &Json) -> (&'static str, String) {
    let plan = data.str("plan").map(|p| format!(" (plan {})", p)).unwrap_or_default();
    match kind {
        "license.expired" | "license.revoked" | "license.suspended" => ("\u{1F534}", format!("License {} is {}{}", subject, &kind["license.".len()..], plan)),
        "payment.failed" => ("\u{1F7E0}", format!("A payment for {} failed{}", subject, plan)),
        _ if kind.starts_with("license.") || kind.starts_with("subscription.") => ("\u{1F7E2}", format!("{} {}{}", subject, kind.replace('.', " "), plan)),
        _ => ("\u{26AA}", format!("{}: {}", kind, subject)),
    }
}

impl Chat {
    fn request(&self, method: &str) -> HttpRequest {
        let request = HttpRequest::new(method, &self.url);
        match &self.token {
            Some(token) => request.bearer(token),
            None => request,
        }
    }
}

/// "Retry-After" in seconds, as milliseconds; half a minute when the chat does not say.
fn retry_after_ms(answer: &HttpResponse) -> i64 {
    let header = answer.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    match header.and_then(|(_, value)| value.trim().parse::<i64>().ok()) {
        Some(seconds) if (1..=3600).contains(&seconds) => seconds * 1000,
        _ => 30_000,
    }
}

impl Plugin for Chat {
    fn configure(_: Host, _: &Call, config: &Json) -> Result<Self, Error> {
        let url = config.str("url").ok_or_else(|| Error::invalid_argument("\"url\" must be a text"))?;
        let token = config.at(&["token", "$secret"]).and_then(Json::as_str);
        Ok(Chat { url: url.to_string(), token: token.map(str::to_string) })
    }
}

impl Notifier for Chat {
    fn render(&self, _: &Call, input: &Json) -> Result<Json, Error> {
        let event = input.get("event").ok_or_else(|| Error::invalid_argument("\"event\" is required"))?;
        let kind = event.str("type").ok_or_else(|| Error::invalid_argument("the event's \"type\" is required"))?;
        let nothing = Json::object([]);
        let (sign, text) = sentence(kind, event.str("subject").unwrap_or(""), event.get("data").unwrap_or(&nothing));
        let org = event.str("org").filter(|o| !o.is_empty()).map(|o| format!("\n{}", o)).unwrap_or_default();
        let blocks = vec![Json::object([("type", "section".into()), ("text", format!("{} *{}*{}", sign, text, org).into())])];
        Ok(Json::object([("message", Json::object([("text", format!("{} {}", sign, text).into()), ("title", kind.into()), ("blocks", blocks.into())]))]))
    }

    /// The host repeats it with the same idempotency key until it is OK or final.
    fn send(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        let message = input.get("message").ok_or_else(|| Error::invalid_argument("\"message\" is required"))?;
        let text = message.str("text").ok_or_else(|| Error::invalid_argument("the message's \"text\" is required"))?;
        let mut body = Json::object([("text", text.into())]);
        if let Some(blocks) = message.get("blocks") {
            body.set("blocks", blocks.clone());
        }
        if let Some(target) = input.str("target") {
            body.set("channel", target.into());
        }
        let answer = call.http(&self.request("POST").json(&body).header("Idempotency-Key", &call.idempotency_key()))?;
        match answer.status {
            429 => Err(Error { retry_after_ms: retry_after_ms(&answer), ..Error::new(abi::CCP_RC_RATE_LIMITED, "rate_limited", "the chat asks to slow down") }),
            404 | 410 => Err(Error::new(abi::CCP_RC_NOT_FOUND, "no_such_hook", "the webhook does not exist any more; make a new one in the chat")),
            _ if !answer.ok() => Err(Error::provider(format!("the chat answered with HTTP status {}", answer.status))),
            _ => {
                // Some chats name the message in their answer; most say "ok".
                let id = answer.json().ok().and_then(|said| said.str("id").map(str::to_string)).filter(|id| id.len() <= 200);
                Ok(match id {
                    Some(id) => Json::object([("provider_id", id.into())]),
                    None => Json::object([]),
                })
            }
        }
    }

    /// A GET shows nothing to people: a hook that is there refuses the method, one that is gone is not found.
    fn test_connection(&self, call: &Call, _: &Json) -> Result<Json, Error> {
        let (ok, detail) = match call.http(&self.request("GET").timeout_ms(5000)) {
            Ok(answer) => match answer.status {
                404 | 410 => (false, "The webhook does not exist; make a new one in the chat.".to_string()),
                401 | 403 => (false, "The chat does not accept the token.".to_string()),
                status if status >= 500 || status < 200 => (false, format!("The chat answers with HTTP status {}.", status)),
                _ => (true, format!("Messages go to {}.", self.url)),
            },
            Err(error) => (false, format!("The chat cannot be reached: {}.", error.detail)),
        };
        Ok(Json::object([("ok", ok.into()), ("detail", detail.chars().take(2000).collect::<String>().into())]))
    }
}

ccp_sdk::plugin!(Chat: notifier);

#[cfg(test)]
mod tests {
    use super::*;
    use ccp_sdk::testing::FakeHost;

    const ID: &str = abi::CCP_NOTIFIER_ID;

    fn parsed(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn events_become_sentences() {
        let host = FakeHost::new();
        let plugin = host.create(ccp_plugin_entry_v1());
        plugin.configure(&parsed(r#"{"url":"https://chat.example.com/hooks/1"}"#)).unwrap();
        let text = |event: &str| plugin.call(ID, "render", &parsed(event)).unwrap().at(&["message", "text"]).and_then(Json::as_str).unwrap().to_string();
        assert_eq!(text(r#"{"event":{"id":"1","type":"license.expired","subject":"lic_1","data":{"plan":"solo"}}}"#), "\u{1F534} License lic_1 is expired (plan solo)");
        assert_eq!(text(r#"{"event":{"id":"2","type":"payment.failed","subject":"sub_1"}}"#), "\u{1F7E0} A payment for sub_1 failed");
        assert_eq!(text(r#"{"event":{"id":"3","type":"device.added","subject":"dev_1"}}"#), "\u{26AA} device.added: dev_1");
        assert_eq!(plugin.call(ID, "render", &parsed("{}")).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
    }

    #[test]
    fn answers_of_the_chat_become_classes() {
        let host = FakeHost::new();
        let plugin = host.create(ccp_plugin_entry_v1());
        plugin.configure(&parsed(r#"{"url":"https://chat.example.com/hooks/1","token":{"$secret":"chat/token"}}"#)).unwrap();
        plugin.start().unwrap();
        let send = |status: i64, body: &'static str| {
            host.with(|h| h.on_http = Box::new(move |_, _| Ok((status, body.to_string()))));
            plugin.call(ID, "send", &parsed(r##"{"message":{"text":"hi","blocks":[1]},"target":"#ops"}"##))
        };
        assert_eq!(send(200, r#"{"id":"m1"}"#).unwrap().str("provider_id"), Some("m1"));
        assert_eq!(send(200, "ok").unwrap(), Json::object([]));
        host.with(|h| {
            let (head, body) = &h.requests[0];
            assert_eq!(head.at(&["auth", "bearer"]).and_then(Json::as_str), Some("chat/token"));
            assert_eq!(std::str::from_utf8(body), Ok(r##"{"text":"hi","blocks":[1],"channel":"#ops"}"##));
        });
        let (rc, problem) = send(429, "").unwrap_err();
        assert_eq!((rc, problem.int("retry_after_ms")), (abi::CCP_RC_RATE_LIMITED, Some(30_000)));
        assert_eq!(send(410, "").unwrap_err().0, abi::CCP_RC_NOT_FOUND);
        assert_eq!(send(500, "").unwrap_err().0, abi::CCP_RC_UNAVAILABLE);
        let test = |status: i64| {
            host.with(|h| h.on_http = Box::new(move |_, _| Ok((status, String::new()))));
            plugin.call(ID, "test_connection", &parsed("{}")).unwrap().bool("ok").unwrap()
        };
        assert!(test(405) && test(200) && !test(404) && !test(401) && !test(502));
        host.with(|h| h.on_http = Box::new(|_, _| Err(abi::CCP_RC_UNAVAILABLE)));
        assert_eq!(plugin.call(ID, "test_connection", &parsed("{}")).unwrap().bool("ok"), Some(false));
    }

    #[test]
    fn a_retry_hint_is_believed_within_reason() {
        let answer = |value: &str| HttpResponse { status: 429, headers: vec![("Retry-After".to_string(), value.to_string())], body: vec![] };
        assert_eq!(retry_after_ms(&answer("7")), 7000);
        for odd in ["-1", "0", "999999", "soon", ""] {
            assert_eq!(retry_after_ms(&answer(odd)), 30_000);
        }
    }
}
