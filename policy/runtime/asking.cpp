#include "policy/runtime/asking.hpp"

#include <algorithm>

#include "policy/schema/schema.hpp"

namespace ccp::policy {

namespace {

/// Whole seconds: times with and without a fraction do not compare as text. Formatted once a second.
const std::string& secondOf(Timestamp now) {
  thread_local std::int64_t second = INT64_MIN;
  thread_local std::string text;
  if (const std::int64_t wanted = toUnixSeconds(now); wanted != second) {
    text = formatRfc3339(fromUnixSeconds(wanted));
    second = wanted;
  }
  return text;
}

}  // namespace

Inquiry prepareInquiry(Point point, const Json& input, Timestamp now, Timestamp trusted_now) {
  Inquiry out{point, now, trusted_now, {}, {}};
  if (!input.isObject()) {
    out.bad_input = ": must be an object";
    out.text = input.dump();
    return out;
  }
  const std::string& now_text = secondOf(now);
  std::vector<FieldError> errors;
  if (input.find("now") || input.find("point")) {
    Json own = input;
    own.set("now", now_text).set("point", toString(point));
    errors = inputSchema(point).check(own);
    out.text = own.dump();
  } else {
    // Without a copy of the value: what the host sets goes into the text alone, and the schema's complaint
    // that `now` is missing is waived.
    errors = inputSchema(point).check(input);
    std::erase_if(errors, [](const FieldError& error) { return error.pointer == "/now"; });
    out.text = input.dump();
    out.text.pop_back();
    if (out.text.size() > 1) out.text += ',';
    out.text += "\"now\":\"";
    out.text += now_text;
    out.text += "\",\"point\":\"";
    out.text += toString(point);
    out.text += "\"}";
  }
  if (!errors.empty()) out.bad_input = errors.front().pointer + ": " + errors.front().rule;
  return out;
}

namespace {

/// By the documents that answer at the point, not by the set as a whole (distribution's standing()).
Standing standingAt(Timestamp expires_at, Timestamp now, Duration grace) noexcept {
  if (now < expires_at) return Standing::fresh;
  return now - expires_at < grace ? Standing::grace : Standing::over;
}

}  // namespace

Said ask(const CompiledSet& set, const Inquiry& inquiry, Duration grace, Recording recording) {
  Said out;
  out.standing = standingAt(set.expiresAt(inquiry.point), inquiry.trusted_now, grace);
  if (out.standing == Standing::over) {
    out.answer = set.unasked(inquiry.point, Condition::stale);
  } else if (!inquiry.bad_input.empty()) {
    out.answer = set.unasked(inquiry.point, Condition::bad_input, inquiry.bad_input);
  } else {
    out.asked = true;
    out.answer = set.decide(inquiry.point, inquiry.text, recording);
    for (const auto& answer : out.answer.packs) {
      out.sample.elapsed += answer.outcome.elapsed;
      out.sample.fuel += answer.outcome.fuel;
      // A schema of the pack's own that live inputs do not fit is its fault, too.
      if (answer.faulted() || answer.condition == Condition::bad_input) {
        out.sample.fault = true;
      } else if (!answer.outcome.result.boolOr("allow")) {
        out.sample.denied = true;
      }
    }
  }
  return out;
}

void describe(const CompiledSet& set, Point point, DecisionRecord& record) {
  for (const auto* pack : set.packs(point)) {
    record.packs.push_back({pack->document.org, pack->document.name, pack->document.version, pack->sha256});
    for (const auto& pointer : pack->document.log_mask) {
      if (std::find(record.log_mask.begin(), record.log_mask.end(), pointer) == record.log_mask.end()) record.log_mask.push_back(pointer);
    }
  }
}

}  // namespace ccp::policy
