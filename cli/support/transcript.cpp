#include "cli/support/transcript.hpp"

#include <string.h>

#include <tuple>

#include "cli/support/json_cursor.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

/// A member that may be absent, present and usable, or present and of no use.
template <class T>
struct Field {
  bool present = false;
  std::optional<T> value = {};

  bool spoiled() const noexcept { return present && !value; }
};

struct UsagePart {
  Field<std::int64_t> input, output, cache_read, cache_write;
  bool has_breakdown = false;
  std::int64_t breakdown = 0;  // 5-minute and 1-hour cache writes together
  bool bad = false;
  Field<std::string> speed;
};

struct MessagePart {
  bool has_usage = false;
  Field<std::string> id, model;
  UsagePart usage;
};

struct LinePart {
  Field<std::string> timestamp, session, request, version;
  bool sidechain = false, sidechain_bad = false, api_error = false;
  std::optional<double> cost = {};
  MessagePart message;
};

/// Marks the member as seen; false when it stood there before (a duplicate key makes a line
/// ambiguous).
template <class T, class Read>
bool take(Field<T>& field, JsonCursor& in, Read read) {
  if (field.present) return false;
  field.present = true;
  field.value = (in.*read)();
  return true;
}

bool readCacheCreation(JsonCursor& in, UsagePart& out) {
  if (out.has_breakdown) return false;
  if (in.null()) return true;
  if (!in.enterObject()) {
    out.bad = true;
    return in.skip();
  }
  out.has_breakdown = true;
  for (std::string_view key; in.nextKey(key);) {
    if (key == "ephemeral_5m_input_tokens" || key == "ephemeral_1h_input_tokens") {
      const auto n = in.counter();
      if (!n) out.bad = true;
      out.breakdown += n.value_or(0);
    } else if (!in.skip()) {
      return false;
    }
  }
  return in.ok();
}

bool readUsage(JsonCursor& in, MessagePart& out) {
  if (out.has_usage) return false;
  if (!in.enterObject()) return in.skip();
  out.has_usage = true;
  auto& usage = out.usage;
  for (std::string_view key; in.nextKey(key);) {
    bool good = true;
    if (key == "input_tokens") {
      good = take(usage.input, in, &JsonCursor::counter);
    } else if (key == "output_tokens") {
      good = take(usage.output, in, &JsonCursor::counter);
    } else if (key == "cache_creation_input_tokens") {
      good = take(usage.cache_write, in, &JsonCursor::counter);
    } else if (key == "cache_read_input_tokens") {
      good = take(usage.cache_read, in, &JsonCursor::counter);
    } else if (key == "cache_creation") {
      good = readCacheCreation(in, usage);
    } else if (key == "speed") {
      good = take(usage.speed, in, &JsonCursor::string);
    } else {
      good = in.skip();
    }
    if (!good) return false;
  }
  return in.ok();
}

bool readMessage(JsonCursor& in, MessagePart& out) {
  if (!in.enterObject()) return in.skip();
  for (std::string_view key; in.nextKey(key);) {
    bool good = true;
    if (key == "id") {
      good = take(out.id, in, &JsonCursor::string);
    } else if (key == "model") {
      good = take(out.model, in, &JsonCursor::string);
    } else if (key == "usage") {
      good = readUsage(in, out);
    } else {
      good = in.skip();
    }
    if (!good) return false;
  }
  return in.ok();
}

bool readLine(JsonCursor& in, LinePart& out, LinePart* nested);

/// `data` of a progress line: data.message is a line of its own.
bool readData(JsonCursor& in, LinePart& nested) {
  if (!in.enterObject()) return in.skip();
  for (std::string_view key; in.nextKey(key);) {
    const bool good = key == "message"
                          ? (in.peek() == '{' ? readLine(in, nested, nullptr) : in.skip())
                          : in.skip();
    if (!good) return false;
  }
  return in.ok();
}

bool readLine(JsonCursor& in, LinePart& out, LinePart* nested) {
  if (!in.enterObject()) return false;
  for (std::string_view key; in.nextKey(key);) {
    bool good = true;
    if (key == "timestamp") {
      good = take(out.timestamp, in, &JsonCursor::string);
    } else if (key == "sessionId") {
      good = take(out.session, in, &JsonCursor::string);
    } else if (key == "requestId") {
      good = take(out.request, in, &JsonCursor::string);
    } else if (key == "version") {
      good = take(out.version, in, &JsonCursor::string);
    } else if (key == "isSidechain") {
      if (!in.null()) {
        const auto value = in.boolean();
        out.sidechain = value.value_or(false);
        out.sidechain_bad = !value;
      }
    } else if (key == "isApiErrorMessage") {
      out.api_error = in.boolean().value_or(false);
    } else if (key == "costUSD") {
      out.cost = in.number();
    } else if (key == "message") {
      good = readMessage(in, out.message);
    } else if (key == "data" && nested != nullptr) {
      good = readData(in, *nested);
    } else {
      good = in.skip();
    }
    if (!good) return false;
  }
  return in.ok();
}

/// "2.1.39" and what may follow; anything else was not written by a released Claude Code.
bool isSemanticVersion(std::string_view text) noexcept {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    const auto begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    if (at == begin) return false;
    if (part < 2 && (at >= text.size() || text[at++] != '.')) return false;
  }
  return true;
}

bool emptyOrSpoiled(const Field<std::string>& field) noexcept {
  return field.spoiled() || (field.present && field.value->empty());
}

LineKind fill(const LinePart& line, const MessagePart& message, bool needs_request,
              std::string_view text, UsageRecord& out) {
  const auto& usage = message.usage;
  if (!line.timestamp.value || emptyOrSpoiled(line.session) || emptyOrSpoiled(line.request) ||
      emptyOrSpoiled(message.id) || line.sidechain_bad ||
      (needs_request && !line.request.present)) {
    return LineKind::disqualified;
  }
  if (line.version.spoiled() || (line.version.present && !isSemanticVersion(*line.version.value))) {
    return LineKind::disqualified;
  }
  if (!message.model.value || message.model.value->empty()) return LineKind::disqualified;
  if (*message.model.value == "<synthetic>") return LineKind::synthetic;
  if (!usage.input.value || !usage.output.value || usage.cache_read.spoiled() ||
      usage.cache_write.spoiled() || usage.bad) {
    return LineKind::disqualified;
  }
  const auto at = parseRfc3339(*line.timestamp.value);
  if (!at) return LineKind::disqualified;

  out = UsageRecord();
  out.session_id = line.session.value.value_or("");
  out.message_id = message.id.value.value_or("");
  out.request_id = line.request.value.value_or("");
  // A response without an id cannot be told from another one: the line itself is its identity, so
  // that reading the file again does not count it again.
  if (out.message_id.empty()) out.request_id = "line:" + sha256Hex(text).substr(0, 32);
  out.model = *message.model.value;
  // Another price and another service: reports keep them apart, as ccusage does.
  if (usage.speed.value && *usage.speed.value == "fast") out.model += "-fast";
  out.has_speed = usage.speed.value.has_value();
  out.at = *at;
  out.sidechain = line.sidechain;
  out.error = line.api_error;
  out.input = *usage.input.value;
  out.output = *usage.output.value;
  out.cache_read = usage.cache_read.value.value_or(0);
  out.cache_write = usage.has_breakdown ? usage.breakdown : usage.cache_write.value.value_or(0);
  if (line.cost && *line.cost >= 0 && *line.cost < 1e9) {
    out.cost_microusd = static_cast<std::int64_t>(*line.cost * 1e6 + 0.5);
  }
  return LineKind::usage;
}

std::string_view trim(std::string_view text) noexcept {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

bool supersedes(const UsageRecord& candidate, const UsageRecord& kept) noexcept {
  if (candidate.sidechain != kept.sidechain) return !candidate.sidechain;
  if (candidate.total() != kept.total()) return candidate.total() > kept.total();
  if (candidate.has_speed != kept.has_speed) return candidate.has_speed;
  if (candidate.at != kept.at) return candidate.at < kept.at;
  return std::tie(candidate.model, candidate.input, candidate.output, candidate.cache_read,
                  candidate.session_id) >
         std::tie(kept.model, kept.input, kept.output, kept.cache_read, kept.session_id);
}

LineKind parseTranscriptLine(std::string_view line, UsageRecord& out) {
  line = trim(line);
  if (line.empty()) return LineKind::blank;
  if (line.front() != '{' || line.back() != '}') return LineKind::malformed;
  static constexpr std::string_view kWord = "\"usage\"";
  if (::memmem(line.data(), line.size(), kWord.data(), kWord.size()) == nullptr)
    return LineKind::no_usage;

  JsonCursor in(line);
  LinePart outer, nested;
  if (!readLine(in, outer, &nested) || !in.atEnd() || !isValidUtf8(line))
    return LineKind::malformed;
  if (outer.message.has_usage) return fill(outer, outer.message, false, line, out);
  if (!nested.message.has_usage) return LineKind::no_usage;
  // A progress line carries a sub-agent's line; what the inner line leaves out, the outer one says.
  nested.session = outer.session;
  if (!nested.request.present) nested.request = outer.request;
  nested.version = {};  // ccusage does not look at it here
  return fill(nested, nested.message, true, line, out);
}

}  // namespace ccp::cli
