#include "core/decisions/mask.hpp"

#include <doctest/doctest.h>

#include "core/base/encoding.hpp"

using namespace ccp;
using namespace ccp::decisions;

namespace {

Json json(std::string_view text) {
  auto parsed = parseJson(text);
  REQUIRE_MESSAGE(parsed, std::string(text));
  return std::move(*parsed);
}
Mask::Whole masked(std::string_view text, const std::vector<std::string>& log_mask = {}) { return Mask(log_mask, "salt").whole(json(text)); }

}  // namespace

TEST_CASE("credentials, addresses and prompts never reach the log") {
  const auto out = masked(R"({"subject":{"email":"ada@example.com","role":"owner"},"access_token":"abc","prompt":"secret plan",
    "messages":[{"role":"user","content":"hello"}],"note":"ask ada@example.com or use ccp_sk_0123456789abcdef.","limits":{"tokens_per_month":5}})");
  const std::string text = out.value.dump();
  for (const char* secret : {"ada@", "abc\"", "secret plan", "hello", "0123456789abcdef"}) CHECK_MESSAGE(text.find(secret) == std::string::npos, secret);
  CHECK(out.value["subject"].strOr("role") == "owner");
  CHECK(out.value.strOr("note") == "ask [email] or use ccp_sk_[redacted]");
  CHECK(out.value["limits"].intOr("tokens_per_month") == 5);
  CHECK(out.hidden == std::vector<std::string>{"/access_token", "/messages/0/content", "/messages/0/role", "/note", "/prompt", "/subject/email"});
}

TEST_CASE("counters of tokens are no credentials") {
  const auto out = masked(R"({"block":{"input_tokens":17,"output_tokens":0,"cost_microusd":null}})");
  CHECK(out.hidden.empty());
  CHECK(out.value["block"].intOr("input_tokens") == 17);
}

TEST_CASE("what is masked keeps its type and its keys") {
  const auto out = masked(R"({"a":{"n":5,"d":1.5,"b":true,"z":null,"s":"x","l":[1,"y"]}})", {"/a"});
  CHECK(out.value.dump() == R"({"a":{"n":0,"d":0.0,"b":false,"z":null,"s":"[masked]","l":[0,"[masked]"]}})");
  CHECK(out.hidden == std::vector<std::string>{"/a/b", "/a/d", "/a/l/0", "/a/l/1", "/a/n", "/a/s"});
}

TEST_CASE("a pack masks by pointer, with a star for any member, and may ask for a hash") {
  const std::string input = R"({"files":[{"path":"a.txt","n":1},{"path":"b.txt","n":2}],"user":"usr_1","x/y":"slash"})";
  const auto erased = masked(input, {"/files/*/path", "/x~1y"});
  CHECK(erased.value["files"].items()[1].strOr("path") == "[masked]");
  CHECK(erased.value["files"].items()[1].intOr("n") == 2);
  CHECK(erased.value.strOr("x/y") == "[masked]");

  const auto hashed = masked(input, {"hash:/user"});
  const auto hash = hashed.value.strOr("user");
  CHECK(hash == "hash:" + saltedHash("salt", "usr_1"));
  CHECK(hash != "hash:" + saltedHash("pepper", "usr_1"));
  CHECK(hashed.hidden == std::vector<std::string>{"/user"});
  // Erasing wins over a hash.
  CHECK(masked(input, {"hash:/user", "/user"}).value.strOr("user") == "[masked]");
}

TEST_CASE("a mask that is no pointer hides everything") {
  for (const char* bad : {"", "user", "hash:", "hash:user"}) {
    const auto out = masked(R"({"user":"usr_1","n":7})", {bad});
    CHECK_MESSAGE(out.value.dump() == R"({"user":"[masked]","n":0})", bad);
  }
}

TEST_CASE("fields of a record are masked, printable and short") {
  const std::string long_text(2000, 'x');
  Json input = Json::object({{"name", "line\nbreak\x1b[31m"}, {"long", long_text}, {"email", "ada@example.com"}, {"n", 7}, {"secret", Json::object({{"pin", 1234}})}});
  const auto whole = Mask({}, "salt").whole(input);
  const Json fields = Mask::fields(whole, {"/name", "/long", "/email", "/n", "/secret/pin", "/absent"});
  CHECK(fields.strOr("/name") == "line\\x0abreak\\x1b[31m");
  CHECK(fields.strOr("/long").size() == kMaxLogText);
  CHECK(fields.strOr("/email") == "[email]");
  CHECK(fields.intOr("/n") == 7);
  CHECK(fields.strOr("/secret/pin") == "[masked]");
  REQUIRE(fields.find("/absent") != nullptr);
  CHECK(fields["/absent"].isNull());
}

TEST_CASE("log text is printable, valid and cut at a character") {
  CHECK(printable("a\x01z\x7f") == "a\\x01z\\x7f");
  CHECK(printable("\xff" "a\xc3") == "\xef\xbf\xbd" "a\xef\xbf\xbd");
  CHECK(printable("\xc2\x9b" "31m") == "\xef\xbf\xbd" "31m");  // CSI as one character
  std::string umlauts;
  for (int i = 0; i < 400; ++i) umlauts += "\xc3\xa4";
  const auto cut = printable(umlauts);
  CHECK(cut.size() == kMaxLogText);
  CHECK(isValidUtf8(cut));
  CHECK(printable(std::string(511, 'x') + "\xc3\xa4").size() == 511);
}

TEST_CASE("addresses are found wherever they stand, and nothing else") {
  CHECK(withoutSecrets("a@b.c, d@e.f!") == "[email], [email]!");
  CHECK(withoutSecrets("@team and x @ y") == "@team and x @ y");
  CHECK(withoutSecrets("write to a.b+c@x-y.example.") == "write to [email].");
  CHECK(withoutSecrets("a@b@c") == "[email]@c");
  CHECK(withoutSecrets("") == "");
}

TEST_CASE("segments of pointers") {
  CHECK(segments("").empty());
  CHECK(segments("a/b").empty());
  CHECK(segments("/a/~1~0/") == std::vector<std::string>{"a", "/~", ""});
}
