#include "core/config/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/parser.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>

#include <charconv>
#include <sstream>
#include <vector>

#include "core/base/encoding.hpp"

namespace ccp::config {
namespace {

constexpr std::size_t kMaxBytes = 1u << 20;
constexpr std::size_t kMaxDepth = 32;

/// What we refuse beyond YAML's own syntax errors; carries the place.
struct Refusal {
  YAML::Mark mark;
  std::string why;
};

std::string escapePointer(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

/// Plain scalars by the YAML 1.2 core schema; "yes" and "no" stay strings.
Json plainScalar(const std::string& text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  long long integer = 0;
  const char* begin = text.data() + (text.front() == '+' ? 1 : 0);
  const char* end = text.data() + text.size();
  if (const auto r = std::from_chars(begin, end, integer); r.ec == std::errc() && r.ptr == end) return integer;
  double real = 0;
  const bool numeric_start = text.find_first_not_of("+-.0123456789eE") == std::string::npos;
  if (numeric_start) {
    if (const auto r = std::from_chars(begin, end, real); r.ec == std::errc() && r.ptr == end) return real;
  }
  return text;
}

/// Builds Json and places from yaml-cpp's events, so that what we refuse is refused before it exists.
class Builder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuseAnchor(mark, anchor);
    place(mark, nullptr);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { throw Refusal{mark, "aliases (*name) are not accepted"}; }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    refuseAnchor(mark, anchor);
    const bool plain = tag == "?" || tag.empty();
    if (!plain && tag != "!") throw Refusal{mark, "tags (" + tag + ") are not accepted"};
    if (!stack_.empty() && stack_.back().expects_key) {
      takeKey(mark, value);
      return;
    }
    place(mark, plain ? plainScalar(value) : Json(value));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::array(), false);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Json::object(), true);
  }
  void OnMapEnd() override { close(); }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override { throw Refusal{mark, "anchors (&name) are not accepted"}; }

  YamlDocument document;

 private:
  struct Level {
    Json value;
    YAML::Mark mark;
    std::string pointer;
    bool is_map;
    bool expects_key;
    std::string key = {};
  };

  static void refuseAnchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) throw Refusal{mark, "anchors (&name) are not accepted"};
  }
  std::string childPointer() const {
    if (stack_.empty()) return "";
    const Level& top = stack_.back();
    return top.pointer + "/" + (top.is_map ? escapePointer(top.key) : std::to_string(top.value.size()));
  }
  void note(const YAML::Mark& mark, const std::string& pointer) {
    document.places.emplace(pointer, YamlPlace{mark.line + 1, mark.column + 1});
  }
  void takeKey(const YAML::Mark& mark, const std::string& key) {
    Level& top = stack_.back();
    if (top.value.find(key)) throw Refusal{mark, "the key \"" + key + "\" stands here twice"};
    top.key = key;
    top.expects_key = false;
  }
  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Json empty, bool is_map) {
    refuseAnchor(mark, anchor);
    if (!tag.empty() && tag != "?" && tag != "!") throw Refusal{mark, "tags (" + tag + ") are not accepted"};
    if (!stack_.empty() && stack_.back().expects_key) throw Refusal{mark, "a key must be a scalar"};
    if (stack_.size() >= kMaxDepth) throw Refusal{mark, "nested deeper than 32 levels"};
    auto pointer = childPointer();
    stack_.push_back(Level{std::move(empty), mark, std::move(pointer), is_map, is_map});
  }
  void close() {
    Level done = std::move(stack_.back());
    stack_.pop_back();
    place(done.mark, std::move(done.value));
  }
  void place(const YAML::Mark& mark, Json value) {
    note(mark, childPointer());
    if (stack_.empty()) {
      document.value = std::move(value);
      return;
    }
    Level& top = stack_.back();
    if (top.is_map) {
      if (top.expects_key) throw Refusal{mark, "a key must be a scalar"};
      top.value.set(top.key, std::move(value));
      top.expects_key = true;
    } else {
      top.value.push(std::move(value));
    }
  }

  std::vector<Level> stack_;
};

tl::unexpected<Error> invalid(const std::string& origin, const YAML::Mark& mark, const std::string& why) {
  return fail(Errc::config_invalid,
              origin + ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1) + ": " + why + ".");
}

}  // namespace

YamlPlace YamlDocument::place(std::string pointer) const {
  for (;;) {
    if (const auto found = places.find(pointer); found != places.end()) return found->second;
    if (pointer.empty()) return {};
    pointer.resize(pointer.rfind('/'));
  }
}

std::string YamlDocument::where(const std::string& origin, const std::string& pointer) const {
  const auto at = place(pointer);
  return at.line == 0 ? origin : origin + ":" + std::to_string(at.line) + ":" + std::to_string(at.column);
}

Result<YamlDocument> parseYaml(std::string_view text, const std::string& origin) {
  if (text.size() > kMaxBytes) return fail(Errc::config_invalid, origin + ": larger than 1 MiB.");
  if (!isValidUtf8(text)) return fail(Errc::config_invalid, origin + ": not UTF-8.");
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    Builder builder;
    if (!parser.HandleNextDocument(builder)) builder.document.value = Json::object();
    Builder second;
    if (parser.HandleNextDocument(second)) return fail(Errc::config_invalid, origin + ": holds more than one YAML document.");
    if (builder.document.value.isNull()) builder.document.value = Json::object();
    return std::move(builder.document);
  } catch (const Refusal& refusal) {
    return invalid(origin, refusal.mark, refusal.why);
  } catch (const YAML::Exception& e) {
    return invalid(origin, e.mark, e.msg);
  } catch (const std::exception& e) {
    return fail(Errc::config_invalid, origin + ": " + e.what() + ".");
  }
}

}  // namespace ccp::config
