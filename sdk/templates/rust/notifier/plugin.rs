// @ID@: tells people what happened, by posting to the incoming webhook of a chat.
// Operations run on many threads at once: after configure the value does not change.
use ccp_sdk::{abi, Call, Error, Host, HttpRequest, Json, Notifier, Plugin};

struct @CLASS@ {
    url: String,
    /// Id of a secret; the host attaches its value.
    token: Option<String>,
}

impl Plugin for @CLASS@ {
    fn configure(_: Host, _: &Call, config: &Json) -> Result<Self, Error> {
        let url = config.str("url").ok_or_else(|| Error::invalid_argument("\"url\" must be a text"))?;
        let token = config.at(&["token", "$secret"]).and_then(Json::as_str);
        Ok(@CLASS@ { url: url.to_string(), token: token.map(str::to_string) })
    }
}

impl Notifier for @CLASS@ {
    /// Pure: the same event gives the same message; previews call it too.
    fn render(&self, _: &Call, input: &Json) -> Result<Json, Error> {
        let event = input.get("event").ok_or_else(|| Error::invalid_argument("\"event\" is required"))?;
        let kind = event.str("type").ok_or_else(|| Error::invalid_argument("the event's \"type\" is required"))?;
        let mut text = kind.to_string();
        if let Some(subject) = event.str("subject").filter(|s| !s.is_empty()) {
            text += &format!(": {}", subject);
        }
        if let Some(org) = event.str("org").filter(|s| !s.is_empty()) {
            text += &format!(" ({})", org);
        }
        Ok(Json::object([("message", Json::object([("text", text.into()), ("title", kind.into())]))]))
    }

    /// The host repeats it with the same idempotency key until it is OK.
    fn send(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        let text = input.at(&["message", "text"]).and_then(Json::as_str).ok_or_else(|| Error::invalid_argument("\"message\" with its \"text\" is required"))?;
        let mut body = Json::object([("text", text.into())]);
        if let Some(target) = input.str("target") {
            body.set("channel", target.into());
        }
        let mut request = HttpRequest::new("POST", &self.url).json(&body).header("Idempotency-Key", &call.idempotency_key());
        if let Some(token) = &self.token {
            request = request.bearer(token);
        }
        let answer = call.http(&request)?;
        if answer.status == 429 {
            return Err(Error { retry_after_ms: 30_000, ..Error::new(abi::CCP_RC_RATE_LIMITED, "rate_limited", "the chat asks to slow down") });
        }
        if !answer.ok() {
            return Err(Error::provider(format!("the chat answered with HTTP status {}", answer.status)));
        }
        Ok(Json::object([]))
    }

    /// Says whether messages would arrive, without sending one to people.
    fn test_connection(&self, _: &Call, _: &Json) -> Result<Json, Error> {
        Ok(Json::object([("ok", true.into()), ("detail", format!("Messages go to {}.", self.url).into())]))
    }
}

ccp_sdk::plugin!(@CLASS@: notifier);

#[cfg(test)]
mod tests {
    use super::*;
    use ccp_sdk::testing::FakeHost;

    const ID: &str = abi::CCP_NOTIFIER_ID;

    fn parsed(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn an_event_becomes_a_message_and_is_posted() {
        let host = FakeHost::new();
        let plugin = host.create(ccp_plugin_entry_v1());
        assert_eq!(plugin.configure(&Json::object([])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        plugin.configure(&parsed(r#"{"url":"https://chat.example.com/hooks/1","token":{"$secret":"chat/token"}}"#)).unwrap();
        plugin.start().unwrap();

        let rendered = plugin.call(ID, "render", &parsed(r#"{"event":{"id":"evt_1","type":"license.expired","subject":"lic_1","org":"org_1"}}"#)).unwrap();
        assert_eq!(rendered.at(&["message", "text"]).and_then(Json::as_str), Some("license.expired: lic_1 (org_1)"));
        assert_eq!(plugin.call(ID, "render", &Json::object([])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);

        host.with(|h| h.on_http = Box::new(|_, _| Ok((200, "ok".to_string()))));
        let message = parsed(r##"{"message":{"text":"hello"},"target":"#ops"}"##);
        plugin.call(ID, "send", &message).unwrap();
        host.with(|h| {
            let (head, body) = &h.requests[0];
            assert_eq!((head.str("url"), head.at(&["auth", "bearer"]).and_then(Json::as_str)), (Some("https://chat.example.com/hooks/1"), Some("chat/token")));
            assert_eq!(std::str::from_utf8(body), Ok(r##"{"text":"hello","channel":"#ops"}"##));
            h.on_http = Box::new(|_, _| Ok((503, String::new())));
        });
        assert_eq!(plugin.call(ID, "send", &message).unwrap_err().0, abi::CCP_RC_UNAVAILABLE);
        host.with(|h| h.on_http = Box::new(|_, _| Ok((429, String::new()))));
        assert_eq!(plugin.call(ID, "send", &message).unwrap_err().0, abi::CCP_RC_RATE_LIMITED);
        assert_eq!(plugin.call(ID, "test_connection", &Json::object([])).unwrap().bool("ok"), Some(true));
    }
}
