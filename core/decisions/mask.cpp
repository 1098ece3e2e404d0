#include "core/decisions/mask.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/encoding.hpp"
#include "core/base/log.hpp"

namespace ccp::decisions {
namespace {

constexpr std::string_view kEmail = "[email]";
/// Members whose texts are what people wrote to a model, or got back.
constexpr std::array<std::string_view, 6> kPrompts{"prompt", "prompts", "messages", "completion", "content", "transcript"};

bool isPromptName(std::string_view name) {
  return std::find(kPrompts.begin(), kPrompts.end(), name) != kPrompts.end() || name.ends_with("_prompt") || name.starts_with("prompt_");
}
bool isEmailName(std::string_view name) { return name == "email" || name.ends_with("_email") || name == "mail"; }

bool isLocalPart(char c) { return std::isalnum(static_cast<unsigned char>(c)) || (c != '\0' && std::string_view(".!#$%&'*+/=?^_`{|}~-").find(c) != std::string_view::npos); }
bool isDomain(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.'; }

/// Replaces what has the form of an address; linear.
std::string withoutEmails(std::string_view text) {
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    std::size_t from = at;
    while (from > done && isLocalPart(text[from - 1])) --from;
    std::size_t to = at + 1;
    while (to < text.size() && isDomain(text[to])) ++to;
    while (to > at + 1 && (text[to - 1] == '.' || text[to - 1] == '-')) --to;  // the end of a sentence
    if (from == at || to == at + 1) continue;
    out += text.substr(done, from - done);
    out += kEmail;
    done = to;
    at = to - 1;
  }
  return out.empty() && done == 0 ? std::string(text) : out + std::string(text.substr(done));
}

std::string escaped(std::string_view segment) {
  std::string out;
  for (const char c : segment) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out += c;
  }
  return out;
}
std::string pointerOf(const std::vector<std::string>& path) {
  std::string out;
  for (const auto& segment : path) out += "/" + escaped(segment);
  return out;
}

bool covers(const std::vector<std::string>& rule, const std::vector<std::string>& path) {
  if (path.size() < rule.size()) return false;
  for (std::size_t i = 0; i < rule.size(); ++i) {
    if (rule[i] != "*" && rule[i] != path[i]) return false;
  }
  return true;
}

/// For the log: every text printable, the whole at most kMaxLogText bytes.
Json forLog(const Json& value) {
  if (const auto* text = value.asString()) return printable(*text);
  if (!value.isArray() && !value.isObject()) return value;
  const std::string text = value.dump();
  return text.size() <= kMaxLogText && printable(text) == text ? value : Json(printable(text));
}

}  // namespace

std::vector<std::string> segments(std::string_view pointer) {
  std::vector<std::string> out;
  if (pointer.empty() || pointer.front() != '/') return out;
  std::string segment;
  for (std::size_t i = 1; i <= pointer.size(); ++i) {
    if (i == pointer.size() || pointer[i] == '/') {
      out.push_back(std::move(segment));
      segment.clear();
    } else if (pointer[i] == '~' && i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1')) {
      segment += pointer[++i] == '0' ? '~' : '/';
    } else {
      segment += pointer[i];
    }
  }
  return out;
}

std::string printable(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  const auto put = [&](std::string_view piece) {
    if (out.size() + piece.size() > kMaxLogText) return false;
    out += piece;
    return true;
  };
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) {
      const char hex[] = {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
      if (!put({hex, 4})) break;
      ++i;
      continue;
    }
    std::size_t length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    const auto piece = text.substr(i, length);
    const bool valid = piece.size() == length && isValidUtf8(piece);
    // C1 controls (U+0080 to U+009F) steer terminals as well.
    const bool control = valid && length == 2 && byte == 0xc2 && static_cast<unsigned char>(piece[1]) < 0xa0;
    if (!put(valid && !control ? piece : std::string_view("\xef\xbf\xbd"))) break;
    i += valid ? length : 1;
  }
  return out;
}

std::string withoutSecrets(std::string_view text) { return withoutEmails(log::redact(text)); }

std::string saltedHash(std::string_view salt, std::string_view text) {
  return sha256Hex(std::string(salt) + "\n" + std::string(text)).substr(0, 32);
}

Mask::Mask(const std::vector<std::string>& log_mask, std::string salt) : salt_(std::move(salt)) {
  for (std::string_view entry : log_mask) {
    Rule rule;
    rule.hash = entry.starts_with("hash:");
    if (rule.hash) entry.remove_prefix(5);
    rule.path = segments(entry);
    if (rule.path.empty()) everything_ = true;
    else rules_.push_back(std::move(rule));
  }
}

const Mask::Rule* Mask::ruleFor(const std::vector<std::string>& path) const {
  const Rule* found = nullptr;
  for (const auto& rule : rules_) {
    if (!covers(rule.path, path)) continue;
    if (!rule.hash) return &rule;  // erasing wins
    found = &rule;
  }
  return found;
}

Json Mask::hide(const Json& value, bool hash, const std::vector<std::string>& path, std::vector<std::string>& hidden) const {
  if (value.isArray() || value.isObject()) {
    std::vector<std::string> below = path;
    below.emplace_back();
    Json out = value.isArray() ? Json::array() : Json::object();
    std::size_t index = 0;
    for (const auto& item : value.items()) {
      below.back() = std::to_string(index++);
      out.push(hide(item, hash, below, hidden));
    }
    for (const auto& [name, item] : value.members()) {
      below.back() = name;
      out.asObject()->emplace_back(name, hide(item, hash, below, hidden));
    }
    return out;
  }
  if (value.isNull()) return value;
  hidden.push_back(pointerOf(path));
  if (value.isBool()) return false;
  if (value.isInt()) return 0;
  if (value.isDouble()) return 0.0;
  return hash ? Json("hash:" + saltedHash(salt_, *value.asString())) : Json(kMaskedText);
}

Json Mask::mask(const Json& value, std::vector<std::string>& path, std::vector<std::string>& hidden) const {
  if (everything_) return hide(value, false, path, hidden);
  if (const auto* rule = ruleFor(path)) return hide(value, rule->hash, path, hidden);
  const std::string_view name = path.empty() ? std::string_view() : std::string_view(path.back());
  if (const auto* text = value.asString()) {
    // Only texts carry secrets: counters such as input_tokens are numbers.
    std::string shown = withoutSecrets(*text);
    if (!text->empty() && isEmailName(name)) shown = kEmail;
    if (!text->empty() && (log::isSecretName(name) || isPromptName(name))) shown = kMaskedText;
    if (shown != *text) hidden.push_back(pointerOf(path));
    return shown;
  }
  if (value.isArray() || value.isObject()) {
    // What is below a prompt, or below a member named like a credential, is one: {"content": [{"text": …}]}.
    if (isPromptName(name) || log::isSecretName(name)) return hide(value, false, path, hidden);
    Json out = value.isArray() ? Json::array() : Json::object();
    path.emplace_back();
    std::size_t index = 0;
    for (const auto& item : value.items()) {
      path.back() = std::to_string(index++);
      out.push(mask(item, path, hidden));
    }
    for (const auto& [key, item] : value.members()) {
      path.back() = key;
      out.asObject()->emplace_back(key, mask(item, path, hidden));
    }
    path.pop_back();
    return out;
  }
  return value;
}

Mask::Whole Mask::whole(const Json& input) const {
  Whole out;
  std::vector<std::string> path;
  out.value = mask(input, path, out.hidden);
  std::sort(out.hidden.begin(), out.hidden.end());
  return out;
}

Json Mask::fields(const Whole& masked, const std::vector<std::string>& pointers) {
  Json out = Json::object();
  for (const auto& pointer : pointers) {
    const Json* found = masked.value.at(pointer);
    Json shown = found ? forLog(*found) : Json();
    // A number or a boolean that stands in for a hidden one must not be taken for the real one.
    if (found && !found->isString() && std::binary_search(masked.hidden.begin(), masked.hidden.end(), pointer)) shown = kMaskedText;
    out.set(printable(withoutSecrets(pointer)), std::move(shown));
  }
  return out;
}

}  // namespace ccp::decisions
