// @ID@: streams records to a collector, one POST per batch. The host owns the cursor and repeats what was not
// acknowledged; the Idempotency-Key is the stream with its last sequence, so that the collector can tell.
use ccp_sdk::{abi, Call, Error, Exporter, Host, HttpRequest, Json, Plugin};

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

impl Exporter for @CLASS@ {
    /// Comes before a run of batches, and again after failures.
    fn open(&self, _: &Call, input: &Json) -> Result<Json, Error> {
        match input.str("stream") {
            Some("events") | Some("rollups") => Ok(Json::object([])),
            Some(other) => Err(Error::new(abi::CCP_RC_UNIMPLEMENTED, "unknown_stream", format!("this exporter takes no stream {}", other))),
            None => Err(Error::invalid_argument("\"stream\" must be a text")),
        }
    }

    /// Acknowledges the whole batch, or nothing of it.
    fn write_batch(&self, call: &Call, input: &Json) -> Result<Json, Error> {
        let (stream, last, records) = match (input.str("stream"), input.int("last_sequence"), input.list("records")) {
            (Some(stream), Some(last), Some(records)) => (stream, last, records),
            _ => return Err(Error::invalid_argument("\"stream\", \"last_sequence\" and a list of \"records\" are required")),
        };
        let body = Json::object([("stream", stream.into()), ("records", records.to_vec().into())]);
        let mut request = HttpRequest::new("POST", &self.url).json(&body).header("Idempotency-Key", &format!("{}-{}", stream, last));
        if let Some(token) = &self.token {
            request = request.bearer(token);
        }
        let answer = call.http(&request)?;
        if answer.status == 429 {
            return Err(Error { retry_after_ms: 30_000, ..Error::new(abi::CCP_RC_RATE_LIMITED, "rate_limited", "the collector asks to slow down") });
        }
        if !answer.ok() {
            return Err(Error::provider(format!("the collector answered with HTTP status {}", answer.status)));
        }
        Ok(Json::object([("last_sequence", last.into())]))
    }

    /// Nothing is kept back: what was acknowledged is with the collector.
    fn flush(&self, _: &Call, _: &Json) -> Result<Json, Error> {
        Ok(Json::object([]))
    }
    fn close(&self, _: &Call, _: &Json) -> Result<Json, Error> {
        Ok(Json::object([]))
    }
}

ccp_sdk::plugin!(@CLASS@: exporter);

#[cfg(test)]
mod tests {
    use super::*;
    use ccp_sdk::testing::FakeHost;

    const ID: &str = abi::CCP_EXPORTER_ID;

    fn parsed(text: &str) -> Json {
        Json::parse(text).unwrap()
    }

    #[test]
    fn a_batch_is_posted_whole_or_not_acknowledged() {
        let host = FakeHost::new();
        let plugin = host.create(ccp_plugin_entry_v1());
        assert_eq!(plugin.configure(&Json::object([])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        plugin.configure(&parsed(r#"{"url":"https://collector.example.com/batches"}"#)).unwrap();
        plugin.start().unwrap();
        plugin.call(ID, "open", &parsed(r#"{"stream":"events","cursor":0}"#)).unwrap();
        assert_eq!(plugin.call(ID, "open", &parsed(r#"{"stream":"other","cursor":0}"#)).unwrap_err().0, abi::CCP_RC_UNIMPLEMENTED);

        host.with(|h| h.on_http = Box::new(|_, _| Ok((202, String::new()))));
        let batch = parsed(r#"{"stream":"events","first_sequence":6,"last_sequence":7,"records":[{"sequence":6},{"sequence":7}]}"#);
        assert_eq!(plugin.call(ID, "write_batch", &batch).unwrap().int("last_sequence"), Some(7));
        host.with(|h| {
            let (head, body) = &h.requests[0];
            assert!(head.to_string().contains(r#"["Idempotency-Key","events-7"]"#));
            assert_eq!(std::str::from_utf8(body), Ok(r#"{"stream":"events","records":[{"sequence":6},{"sequence":7}]}"#));
            h.on_http = Box::new(|_, _| Ok((500, String::new())));
        });
        assert_eq!(plugin.call(ID, "write_batch", &batch).unwrap_err().0, abi::CCP_RC_UNAVAILABLE);
        host.with(|h| h.on_http = Box::new(|_, _| Err(abi::CCP_RC_DEADLINE_EXCEEDED)));
        assert_eq!(plugin.call(ID, "write_batch", &batch).unwrap_err().0, abi::CCP_RC_DEADLINE_EXCEEDED);
        assert_eq!(plugin.call(ID, "write_batch", &parsed(r#"{"stream":"events"}"#)).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        plugin.call(ID, "flush", &parsed(r#"{"stream":"events"}"#)).unwrap();
        plugin.call(ID, "close", &parsed(r#"{"stream":"events"}"#)).unwrap();
    }
}
