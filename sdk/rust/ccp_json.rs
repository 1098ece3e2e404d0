// JSON for plugins in Rust: one value type, a strict parser (64 levels, no name twice), a writer. No crates.
use std::fmt;

pub const MAX_DEPTH: usize = 64;

/// One JSON value. Integers that fit are `Int`, all other numbers `Float`.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Exactly one value; the error says what is wrong and where.
    pub fn parse(text: &str) -> Result<Json, String> {
        let mut parser = Parser { bytes: text.as_bytes(), text, at: 0 };
        let value = parser.value(0)?;
        parser.space();
        if parser.at < parser.bytes.len() {
            return parser.fail("something follows the value");
        }
        Ok(value)
    }

    /// `Json::object([("text", "hi".into()), ("count", 3.into())])`
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        Json::Object(members.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
    }

    /// The member; None when it is absent, null, or this is no object.
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, v)| v).filter(|v| **v != Json::Null),
            _ => None,
        }
    }
    /// The value at a path of names: `event.at(&["data", "plan"])`.
    pub fn at(&self, path: &[&str]) -> Option<&Json> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Json::Int(number) => Some(*number),
            _ => None,
        }
    }
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Json::Bool(value) => Some(*value),
            _ => None,
        }
    }
    pub fn as_list(&self) -> Option<&[Json]> {
        match self {
            Json::List(items) => Some(items),
            _ => None,
        }
    }
    pub fn str(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }
    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_int()
    }
    pub fn bool(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }
    pub fn list(&self, name: &str) -> Option<&[Json]> {
        self.get(name)?.as_list()
    }
    /// Adds a member to an object; does nothing to other values.
    pub fn set(&mut self, name: &str, value: Json) {
        if let Json::Object(members) = self {
            members.retain(|(n, _)| n != name);
            members.push((name.to_string(), value));
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(text.to_string())
    }
}
impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::Text(text)
    }
}
impl From<i64> for Json {
    fn from(number: i64) -> Json {
        Json::Int(number)
    }
}
impl From<i32> for Json {
    fn from(number: i32) -> Json {
        Json::Int(number.into())
    }
}
impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}
impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Json {
        Json::List(items)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => out.write_str("null"),
            Json::Bool(value) => write!(out, "{}", value),
            Json::Int(number) => write!(out, "{}", number),
            Json::Float(number) if number.is_finite() => write!(out, "{:?}", number),
            Json::Float(_) => out.write_str("null"),
            Json::Text(text) => quote(text, out),
            Json::List(items) => {
                out.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(out, "{}{}", if i == 0 { "" } else { "," }, item)?;
                }
                out.write_str("]")
            }
            Json::Object(members) => {
                out.write_str("{")?;
                for (i, (name, value)) in members.iter().enumerate() {
                    out.write_str(if i == 0 { "" } else { "," })?;
                    quote(name, out)?;
                    write!(out, ":{}", value)?;
                }
                out.write_str("}")
            }
        }
    }
}

fn quote(text: &str, out: &mut fmt::Formatter<'_>) -> fmt::Result {
    out.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            c if (c as u32) < 0x20 => write!(out, "\\u{:04x}", c as u32)?,
            c => write!(out, "{}", c)?,
        }
    }
    out.write_str("\"")
}

struct Parser<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn fail<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("not JSON: {} at byte {}", what, self.at))
    }
    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += there as usize;
        there
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        self.space();
        match self.peek() {
            Some(b'{') | Some(b'[') if depth == MAX_DEPTH => self.fail("nested deeper than 64 levels"),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                for (word, value) in [("true", Json::Bool(true)), ("false", Json::Bool(false)), ("null", Json::Null)] {
                    if self.bytes[self.at..].starts_with(word.as_bytes()) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                self.fail("a value is expected")
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        let mut members: Vec<(String, Json)> = Vec::new();
        self.at += 1;
        self.space();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return self.fail("a colon is expected");
            }
            let value = self.value(depth + 1)?;
            members.push((name, value));
            self.space();
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return self.fail("a comma or a brace is expected");
            }
        }
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) {
            return self.fail("a name stands twice in an object that ends");
        }
        Ok(Json::Object(members))
    }

    fn list(&mut self, depth: usize) -> Result<Json, String> {
        let mut items = Vec::new();
        self.at += 1;
        self.space();
        if self.take(b']') {
            return Ok(Json::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Json::List(items));
            }
            if !self.take(b',') {
                return self.fail("a comma or a bracket is expected");
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        if !self.take(b'"') {
            return self.fail("a string is expected");
        }
        let mut out = String::new();
        loop {
            let begin = self.at;
            while matches!(self.peek(), Some(c) if c >= 0x20 && c != b'"' && c != b'\\') {
                self.at += 1;
            }
            // Quote and backslash are ASCII, so both ends lie between characters.
            out.push_str(&self.text[begin..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escaped()?);
                }
                _ => return self.fail("a string does not end"),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let c = self.peek().unwrap_or(0);
        self.at += 1;
        Ok(match c {
            b'"' | b'\\' | b'/' => c as char,
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                let code = if (0xD800..0xDC00).contains(&high) && self.take(b'\\') && self.take(b'u') {
                    let low = self.hex4()?;
                    if !(0xDC00..0xE000).contains(&low) {
                        return self.fail("half of a surrogate pair");
                    }
                    0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
                } else {
                    high
                };
                match char::from_u32(code) {
                    Some(c) => c,
                    None => return self.fail("half of a surrogate pair"),
                }
            }
            _ => return self.fail("an unknown escape"),
        })
    }

    fn hex4(&mut self) -> Result<u32, String> {
        let digits = self.bytes.get(self.at..self.at + 4).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let value = digits.and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| u32::from_str_radix(d, 16).ok());
        match value {
            Some(value) => {
                self.at += 4;
                Ok(value)
            }
            None => self.fail("four hex digits are expected"),
        }
    }

    fn digits(&mut self) -> bool {
        let begin = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > begin
    }

    fn number(&mut self) -> Result<Json, String> {
        let begin = self.at;
        self.take(b'-');
        let mut whole = true;
        if !self.take(b'0') && !self.digits() {
            return self.fail("a digit is expected");
        }
        if self.take(b'.') {
            whole = false;
            if !self.digits() {
                return self.fail("a digit is expected");
            }
        }
        if self.take(b'e') || self.take(b'E') {
            whole = false;
            if !self.take(b'+') {
                self.take(b'-');
            }
            if !self.digits() {
                return self.fail("a digit is expected");
            }
        }
        let text = &self.text[begin..self.at];
        if whole {
            if let Ok(number) = text.parse::<i64>() {
                return Ok(Json::Int(number));
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Json::Float(number)),
            _ => self.fail("a number is too large"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Json;

    #[test]
    fn what_is_read_is_written_again() {
        for text in ["null", "[1,-2,0.5,true]", r#"{"a":{"b":["x\"\\\u0001é😀"]},"":{}}"#, "9223372036854775807", "-9223372036854775808"] {
            let value = Json::parse(text).unwrap();
            assert_eq!(value.to_string(), text);
            assert_eq!(Json::parse(&value.to_string()).unwrap(), value);
        }
        assert_eq!(Json::parse(r#""\ud83d\ude00\n\/""#).unwrap(), Json::Text("😀\n/".to_string()));
        assert_eq!(Json::parse("9223372036854775808").unwrap(), Json::Float(9223372036854775808.0));
    }

    #[test]
    fn mistakes_are_refused() {
        for text in ["", "{", "[1,]", "{\"a\":1,}", "01", "1.", "-", "+1", "tru", "\"\n\"", "\"\\x\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\u00\"", "{} {}", r#"{"a":1,"a":2}"#, "1e999"] {
            assert!(Json::parse(text).is_err(), "{}", text);
        }
        assert!(Json::parse(&("[".repeat(64) + &"]".repeat(64))).is_ok());
        assert!(Json::parse(&("[".repeat(65) + &"]".repeat(65))).is_err());
        assert!(Json::parse(&"[".repeat(1 << 20)).is_err());
    }

    #[test]
    fn members_are_found_by_name_and_type() {
        let value = Json::parse(r#"{"s":"x","n":7,"b":true,"l":[1],"o":{"p":"q"},"z":null}"#).unwrap();
        assert_eq!((value.str("s"), value.int("n"), value.bool("b")), (Some("x"), Some(7), Some(true)));
        assert_eq!(value.list("l").map(|l| l.len()), Some(1));
        assert_eq!(value.at(&["o", "p"]).and_then(Json::as_str), Some("q"));
        assert_eq!((value.get("z"), value.int("s"), value.str("n"), value.get("x")), (None, None, None, None));
    }
}
