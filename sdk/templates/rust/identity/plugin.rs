// @ID@: log-in by device code. It makes codes and decides what a poll is told; it stores nothing: the host keeps
// the state and hands it back.
use ccp_sdk::{hex, Call, Error, Host, Identity, Json, Plugin};

struct @CLASS@ {
    expires_in_s: i64,
    interval_s: i64,
}

/// "BCDF-GHJK": 20 letters without vowels and look-alikes; bytes beyond the last multiple of 20 are skipped, so
/// that no letter is likelier than another. None when the bytes run out.
fn user_code(random: &[u8]) -> Option<String> {
    const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
    let letters: String = random.iter().filter(|b| **b < 240).take(8).map(|b| ALPHABET[*b as usize % 20] as char).collect();
    if letters.len() == 8 {
        Some(format!("{}-{}", &letters[..4], &letters[4..]))
    } else {
        None
    }
}

impl Plugin for @CLASS@ {
    fn configure(_: Host, _: &Call, config: &Json) -> Result<Self, Error> {
        let number = |name: &str, fallback: i64| match config.get(name) {
            None => Ok(fallback),
            Some(value) => value.as_int().ok_or_else(|| Error::invalid_argument(format!("\"{}\" must be an integer", name))),
        };
        Ok(@CLASS@ { expires_in_s: number("expires_in_s", 600)?, interval_s: number("interval_s", 5)? })
    }
}

impl Identity for @CLASS@ {
    fn begin(&self, call: &Call, _: &Json) -> Result<Json, Error> {
        let code = user_code(&call.random(64)?).ok_or_else(|| Error::unavailable("the random bytes held too few letters"))?;
        let expires_at_us = call.host().now_us()? + self.expires_in_s * 1_000_000;
        Ok(Json::object([
            ("user_code", code.into()),
            ("device_code", hex(&call.random(32)?).into()),
            ("expires_in_s", self.expires_in_s.into()),
            ("interval_s", self.interval_s.into()),
            ("state", Json::object([("expires_at_us", expires_at_us.into())])),
        ]))
    }

    fn poll(&self, _: &Call, input: &Json) -> Result<Json, Error> {
        let needed = || Error::invalid_argument("\"now_us\" and the \"state\" of begin are required");
        let state = input.get("state").ok_or_else(needed)?;
        let expired = input.int("now_us").ok_or_else(needed)? >= state.int("expires_at_us").ok_or_else(needed)?;
        let status = match input.str("decision") {
            _ if expired => "expired",
            Some("approved") => "done",
            Some("denied") => "denied",
            _ => "pending",
        };
        Ok(Json::object([("status", status.into()), ("interval_s", self.interval_s.into()), ("state", state.clone())]))
    }

    fn describe(&self, _: &Call, _: &Json) -> Result<Json, Error> {
        Ok(Json::object([("kind", "device".into()), ("title", "@NAME@".into())]))
    }
}

ccp_sdk::plugin!(@CLASS@: identity);

#[cfg(test)]
mod tests {
    use super::*;
    use ccp_sdk::{abi, testing::FakeHost};

    const ID: &str = abi::CCP_IDENTITY_ID;

    #[test]
    fn codes_are_made_and_polls_answered() {
        let host = FakeHost::new(); // its random bytes count up
        host.with(|h| h.now_us = 1_000_000);
        let plugin = host.create(ccp_plugin_entry_v1());
        assert_eq!(plugin.configure(&Json::object([("expires_in_s", "soon".into())])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        plugin.configure(&Json::object([("expires_in_s", 60.into())])).unwrap();
        plugin.start().unwrap();

        let begun = plugin.call(ID, "begin", &Json::object([])).unwrap();
        assert_eq!((begun.str("user_code"), begun.at(&["state", "expires_at_us"])), (Some("BCDF-GHJK"), Some(&Json::Int(61_000_000))));
        let poll = |decision: &str, now: i64| {
            let input = Json::object([("state", begun.get("state").unwrap().clone()), ("decision", decision.into()), ("now_us", now.into())]);
            plugin.call(ID, "poll", &input).unwrap().str("status").unwrap().to_string()
        };
        assert_eq!(poll("", 2_000_000), "pending");
        assert_eq!(poll("approved", 2_000_000), "done");
        assert_eq!(poll("denied", 2_000_000), "denied");
        assert_eq!(poll("approved", 61_000_000), "expired");
        assert_eq!(plugin.call(ID, "poll", &Json::object([])).unwrap_err().0, abi::CCP_RC_INVALID_ARGUMENT);
        assert_eq!(plugin.call(ID, "complete", &Json::object([])).unwrap_err().0, abi::CCP_RC_UNIMPLEMENTED);
        assert_eq!(plugin.call(ID, "describe", &Json::object([])).unwrap().str("kind"), Some("device"));
    }
}
