// One transcript line: what counts, what does not, and which of two lines wins. tests/e2e/ccusage
// holds the same rules against ccusage itself.
#include "cli/support/transcript.hpp"

#include <doctest/doctest.h>

#include "cli/support/json_cursor.hpp"

namespace ccp::cli {
namespace {

/// A line with the members that a case changes: "$" stands where `value` goes.
struct Line {
  std::string type = R"("assistant")", timestamp = R"("2026-02-10T10:00:00.000Z")",
              session = R"("s1")", request = R"("r1")", version = R"("2.1.39")", id = R"("m1")",
              model = R"("claude-opus-4-6")", usage = R"({"input_tokens":3,"output_tokens":4})",
              more = {};
  std::string text() const {
    return R"({"type":)" + type + R"(,"timestamp":)" + timestamp + R"(,"sessionId":)" + session +
           R"(,"requestId":)" + request + R"(,"version":)" + version + more +
           R"(,"message":{"id":)" + id + R"(,"model":)" + model + R"(,"usage":)" + usage + "}}";
  }
};

LineKind kindOf(const std::string& text) {
  UsageRecord record;
  return parseTranscriptLine(text, record);
}

UsageRecord recordOf(const std::string& text) {
  UsageRecord record;
  REQUIRE(parseTranscriptLine(text, record) == LineKind::usage);
  return record;
}

}  // namespace

TEST_CASE("an assistant line is one response's usage") {
  Line line;
  line.usage =
      R"({"input_tokens":3,"output_tokens":4,"cache_creation_input_tokens":5,"cache_read_input_tokens":6})";
  line.more = R"(,"isSidechain":true,"isApiErrorMessage":true,"costUSD":0.0125)";
  const auto r = recordOf(line.text());
  CHECK(r.message_id == "m1");
  CHECK(r.request_id == "r1");
  CHECK(r.session_id == "s1");
  CHECK(r.model == "claude-opus-4-6");
  CHECK(formatRfc3339(r.at) == "2026-02-10T10:00:00Z");
  CHECK(r.input == 3);
  CHECK(r.output == 4);
  CHECK(r.cache_write == 5);
  CHECK(r.cache_read == 6);
  CHECK(r.sidechain);
  CHECK(r.error);
  CHECK(r.cost_microusd == 12'500);
}

TEST_CASE("the breakdown of cache writes counts where there is one") {
  Line line;
  line.usage =
      R"({"input_tokens":0,"output_tokens":0,"cache_creation_input_tokens":99,"cache_creation":{"ephemeral_5m_input_tokens":50,"ephemeral_1h_input_tokens":7}})";
  CHECK(recordOf(line.text()).cache_write == 57);
  line.usage =
      R"({"input_tokens":0,"output_tokens":0,"cache_creation_input_tokens":99,"cache_creation":null})";
  CHECK(recordOf(line.text()).cache_write == 99);
}

TEST_CASE("a fast response is another model, for it has another price") {
  Line line;
  line.usage = R"({"input_tokens":1,"output_tokens":1,"speed":"fast"})";
  CHECK(recordOf(line.text()).model == "claude-opus-4-6-fast");
  line.usage = R"({"input_tokens":1,"output_tokens":1,"speed":"standard"})";
  CHECK(recordOf(line.text()).model == "claude-opus-4-6");
}

TEST_CASE("lines that count nothing") {
  struct Case {
    const char* what;
    std::string text;
    LineKind kind;
  };
  const auto with = [](auto change) {
    Line line;
    change(line);
    return line.text();
  };
  const std::vector<Case> cases{
      {"blank", " \t\r", LineKind::blank},
      {"a prompt", R"({"type":"user","message":{"role":"user"}})", LineKind::no_usage},
      {"usage as a word of the text",
       R"({"type":"user","message":{"content":"\"usage\""},"usage":1})", LineKind::no_usage},
      {"null usage", with([](Line& l) { l.usage = "null"; }), LineKind::no_usage},
      {"local error", with([](Line& l) { l.model = R"("<synthetic>")"; }), LineKind::synthetic},
      {"empty model", with([](Line& l) { l.model = R"("")"; }), LineKind::disqualified},
      {"no model", with([](Line& l) { l.model = "null"; }), LineKind::disqualified},
      {"empty message id", with([](Line& l) { l.id = R"("")"; }), LineKind::disqualified},
      {"null request id", with([](Line& l) { l.request = "null"; }), LineKind::disqualified},
      {"empty session", with([](Line& l) { l.session = R"("")"; }), LineKind::disqualified},
      {"no version number", with([](Line& l) { l.version = R"("next")"; }), LineKind::disqualified},
      {"two-part version", with([](Line& l) { l.version = R"("2.1")"; }), LineKind::disqualified},
      {"version with a v", with([](Line& l) { l.version = R"("v2.1.3")"; }),
       LineKind::disqualified},
      {"no time", with([](Line& l) { l.timestamp = "null"; }), LineKind::disqualified},
      {"no such day", with([](Line& l) { l.timestamp = R"("2026-02-30T10:00:00.000Z")"; }),
       LineKind::disqualified},
      {"time without zone", with([](Line& l) { l.timestamp = R"("2026-02-10T10:00:00")"; }),
       LineKind::disqualified},
      {"negative count",
       with([](Line& l) { l.usage = R"({"input_tokens":-1,"output_tokens":1})"; }),
       LineKind::disqualified},
      {"fraction", with([](Line& l) { l.usage = R"({"input_tokens":1.5,"output_tokens":1})"; }),
       LineKind::disqualified},
      {"count as text",
       with([](Line& l) { l.usage = R"({"input_tokens":"1","output_tokens":1})"; }),
       LineKind::disqualified},
      {"count beyond 2^53",
       with([](Line& l) { l.usage = R"({"input_tokens":9007199254740993,"output_tokens":1})"; }),
       LineKind::disqualified},
      {"no output", with([](Line& l) { l.usage = R"({"input_tokens":1})"; }),
       LineKind::disqualified},
      {"null cache", with([](Line& l) {
         l.usage = R"({"input_tokens":1,"output_tokens":1,"cache_read_input_tokens":null})";
       }),
       LineKind::disqualified},
      {"cut off", Line().text().substr(0, 150), LineKind::malformed},
      {"text after it", Line().text() + " x}", LineKind::malformed},
      {"key twice", with([](Line& l) { l.more = R"(,"requestId":"other")"; }), LineKind::malformed},
      {"count twice",
       with([](Line& l) { l.usage = R"({"input_tokens":1,"input_tokens":2,"output_tokens":1})"; }),
       LineKind::malformed},
      {"not UTF-8", with([](Line& l) { l.more = ",\"x\":\"\xff\xfe\""; }), LineKind::malformed},
      {"control character", with([](Line& l) { l.more = ",\"x\":\"a\tb\""; }), LineKind::malformed},
      {"half a surrogate pair", with([](Line& l) { l.more = R"(,"x":"\ud800")"; }),
       LineKind::malformed},
      {"depth bomb", with([](Line& l) {
         l.more = ",\"x\":" + std::string(100'000, '[') + std::string(100'000, ']');
       }),
       LineKind::malformed},
      {"an array", "[" + Line().text() + "]", LineKind::malformed},
  };
  for (const auto& [bound_what, text, kind] : cases) {
    const auto& what = bound_what;  // clang 14 cannot capture a structured binding
    CAPTURE(what);
    CHECK(static_cast<int>(kindOf(text)) == static_cast<int>(kind));
  }
}

TEST_CASE("lines that count, although they look odd") {
  const auto with = [](auto change) {
    Line line;
    change(line);
    return line.text();
  };
  CHECK(recordOf("  \t" + Line().text() + "\r").input == 3);
  CHECK(recordOf(with([](Line& l) { l.version = R"("2.1.3-beta.1")"; })).input == 3);
  CHECK(recordOf(with([](Line& l) { l.type = R"("of a later version")"; })).input == 3);
  CHECK(recordOf(with([](Line& l) { l.model = R"("esc\u0061ped \"\ud83d\ude00\"")"; })).model ==
        "escaped \"\xf0\x9f\x98\x80\"");
  CHECK(formatRfc3339(recordOf(with([](Line& l) {
                        l.timestamp = R"("2026-02-10T23:30:00-05:00")";
                      })).at) == "2026-02-11T04:30:00Z");
  CHECK(recordOf(with([](Line& l) {
          l.more = ",\"x\":[1e999,-0.5,true,false,null,{\"y\":{}},[]]";
        })).input == 3);
}

TEST_CASE("a response without an id is told by its line") {
  const std::string text =
      R"({"timestamp":"2026-02-10T10:00:00Z","message":{"model":"m","usage":{"input_tokens":1,"output_tokens":1}}})";
  const auto first = recordOf(text), again = recordOf(text);
  CHECK(first.message_id.empty());
  CHECK(first.request_id.starts_with("line:"));
  CHECK(first.request_id == again.request_id);
  CHECK(recordOf(text.substr(0, text.size() - 1) + R"(,"x":1})").request_id != first.request_id);
}

TEST_CASE("a progress line carries a sub-agent's line") {
  const auto line = [](const std::string& outer, const std::string& inner) {
    return R"({"type":"progress","timestamp":"2026-02-10T10:00:00Z","sessionId":"s1","version":"2.1.39")" +
           outer + R"(,"data":{"message":{)" + inner +
           R"("message":{"id":"m1","model":"haiku","usage":{"input_tokens":7,"output_tokens":1}}}}})";
  };
  const auto r =
      recordOf(line(R"(,"isSidechain":true)",
                    R"("timestamp":"2026-02-11T10:00:00Z","requestId":"r1","isSidechain":false,)"));
  CHECK(r.input == 7);
  CHECK(r.session_id == "s1");
  CHECK_FALSE(r.sidechain);
  CHECK(formatRfc3339(r.at) == "2026-02-11T10:00:00Z");
  CHECK(recordOf(line(R"(,"requestId":"outer")", R"("timestamp":"2026-02-11T10:00:00Z",)"))
            .request_id == "outer");
  CHECK(kindOf(line("", R"("timestamp":"2026-02-11T10:00:00Z",)")) == LineKind::disqualified);
  CHECK(kindOf(line("", R"("requestId":"r1",)")) == LineKind::disqualified);
}

TEST_CASE("which of two lines of one response counts") {
  UsageRecord kept;
  kept.output = 10;
  kept.at = fromUnixSeconds(100);
  auto other = kept;
  CHECK_FALSE(supersedes(other, kept));
  other.output = 11;
  CHECK(supersedes(other, kept));
  CHECK_FALSE(supersedes(kept, other));
  other.sidechain = true;  // the main conversation's line wins, however small
  CHECK_FALSE(supersedes(other, kept));
  CHECK(supersedes(kept, other));
  other = kept;
  other.has_speed = true;
  CHECK(supersedes(other, kept));
  other = kept;
  other.at = fromUnixSeconds(99);
  CHECK(supersedes(other, kept));
}

TEST_CASE("the scanner survives every cut and every changed byte") {
  Line line;
  line.usage =
      R"({"input_tokens":3,"output_tokens":4,"cache_creation":{"ephemeral_5m_input_tokens":1},"x":[1,{"y":"\u00e9\n"}]})";
  const auto text = line.text();
  UsageRecord record;
  for (std::size_t n = 0; n < text.size(); ++n) {
    const auto kind = parseTranscriptLine(text.substr(0, n), record);
    CHECK(kind != LineKind::usage);
  }
  for (std::size_t n = 0; n < text.size(); ++n) {
    for (const char c : {'"', '\\', '{', '}', '[', ']', ',', ':', '0', '\0', '\xff'}) {
      auto changed = text;
      changed[n] = c;
      (void)parseTranscriptLine(changed, record);  // any answer; the sanitizers watch
    }
  }
}

}  // namespace ccp::cli
