#include <algorithm>
#include <set>

#include "policy/pack/document_text.hpp"

namespace ccp::policy {
namespace {

constexpr std::size_t kMaxFiles = 256;
constexpr std::size_t kMaxTests = 5'000;

tl::unexpected<Error> badFile(std::string_view path, const std::string& rule) {
  std::string shown;
  for (const char c : path.substr(0, 128)) shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
  Error error{Errc::policy_file_invalid, "\"" + shown + "\" " + rule + ".", {}};
  error.fields.push_back({"/files/" + pointerStep(path), rule});
  return fail(std::move(error));
}

bool isPackPath(std::string_view path) noexcept {
  const auto dot = path.find('.');
  if (dot == std::string_view::npos || path.size() > 128) return false;
  const auto stem = path.substr(0, dot);
  const auto type = path.substr(dot);
  if (type != ".lua" && type != ".json") return false;
  if (stem.empty() || stem.front() == '/' || stem.back() == '/' || stem.find("//") != std::string_view::npos) return false;
  return std::all_of(stem.begin(), stem.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '/'; });
}

bool isPointer(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 256 && text[0] == '/' && !hasBidiControl(text);
}

/// "hash:/pointer" leaves a hash of what it hides.
bool isMask(std::string_view text) noexcept { return isPointer(text.starts_with("hash:") ? text.substr(5) : text); }

Result<Point> pointNamed(std::string_view name, const std::string& pointer) {
  const auto point = pointFromName(name);
  if (!point) return badField(pointer, "is no decision point of this version of CCP");
  return *point;
}

Status readEngine(Fields& fields, PackDocument& out) {
  CCP_TRY(const Json* json, fields.object("engine"));
  CCP_TRY(auto engine, Fields::of(*json, fields.at("engine")));
  CCP_TRY(const auto min, engine.integer("min", 1, kMaxEngine));
  CCP_TRY(const auto max, engine.integer("max", min, kMaxEngine));
  out.engine_min = static_cast<int>(min);
  out.engine_max = static_cast<int>(max);
  if (engine.optional("lua")) {
    CCP_TRY(out.lua, engine.text("lua", 32));
  }
  return engine.done();
}

Status readFiles(Fields& fields, PackDocument& out) {
  CCP_TRY(const Json* files, fields.object("files"));
  if (files->size() > kMaxFiles) return badField(fields.at("files"), "must have at most 256 files");
  for (const auto& [path, content] : files->members()) {
    const std::string* text = content.asString();
    if (!text) return badField(fields.at("files") + "/" + pointerStep(path), "must be a text");
    CCP_CHECK_OK(checkPackFile(path, *text));
    // Paths are lower-case by their rule, so that no two differ by case alone.
    out.files.emplace_back(path, *text);
  }
  std::sort(out.files.begin(), out.files.end());
  return {};
}

Status readPoints(Fields& fields, PackDocument& out, Strictness strictness) {
  CCP_TRY(const Json* entry, fields.object("entry"));
  if (entry->empty()) return badField("/entry", "must name a file for at least one decision point");
  for (const auto& [name, path] : entry->members()) {
    const std::string where = "/entry/" + pointerStep(name);
    CCP_TRY(const Point point, pointNamed(name, where));
    const std::string* text = path.asString();
    if (!text || !isPackPath(*text) || !text->ends_with(".lua")) return badField(where, "must be the path of a .lua file");
    if (strictness == Strictness::signed_document && !out.file(*text)) return badField(where, "is not among the files");
    out.entry.emplace(point, *text);
  }
  if (const Json* schemas = fields.optional("input_schema")) {
    if (!schemas->isObject()) return badField("/input_schema", "must be an object");
    for (const auto& [name, schema] : schemas->members()) {
      const std::string where = "/input_schema/" + pointerStep(name);
      CCP_TRY(const Point point, pointNamed(name, where));
      if (!schema.isObject()) return badField(where, "must be an object");
      out.input_schema.emplace(point, schema);
    }
  }
  if (const Json* classes = fields.optional("class")) {
    if (!classes->isObject()) return badField("/class", "must be an object");
    for (const auto& [name, value] : classes->members()) {
      const std::string where = "/class/" + pointerStep(name);
      CCP_TRY(const Point point, pointNamed(name, where));
      const std::string* text = value.asString();
      if (!text || (*text != "enforce" && *text != "advisory")) return badField(where, "must be \"enforce\" or \"advisory\"");
      out.classes.emplace(point, *text == "enforce" ? PointClass::enforce : PointClass::advisory);
    }
  }
  return {};
}

Status readTests(Fields& fields, std::string_view member, bool golden, PackDocument& out) {
  if (!fields.optional(member)) return {};
  CCP_TRY(const Json* list, fields.array(member, kMaxTests));
  std::set<std::string> names;
  std::size_t i = 0;
  for (const Json& item : list->items()) {
    const std::string where = fields.at(member) + "/" + std::to_string(i++);
    CCP_TRY(auto test, testFromJson(item, where, golden, ""));
    if (!names.insert(test.name).second) return badField(where + "/name", "is the name of another case");
    out.tests.push_back(std::move(test));
  }
  return {};
}

Status readLimits(Fields& fields, PackDocument& out) {
  const Json* json = fields.optional("limits");
  if (!json) return {};
  CCP_TRY(auto limits, Fields::of(*json, "/limits"));
  for (const char* name : {"fuel", "memory_bytes", "wall_ms"}) {
    if (!limits.optional(name)) continue;
    CCP_TRY(const auto value, limits.integer(name, 1, 1'000'000'000));
    out.limits.set(name, value);
  }
  return limits.done();
}

Json testText(const PackTest& test) {
  return Json::object({{"name", test.name}, {"point", toString(test.point)}, {"input", test.input}, {"expect", test.expect}});
}

}  // namespace

const std::string* PackDocument::file(std::string_view path) const noexcept {
  for (const auto& [its_path, text] : files) {
    if (its_path == path) return &text;
  }
  return nullptr;
}

Status checkPackFile(std::string_view path, std::string_view text) {
  if (!isPackPath(path)) {
    return badFile(path, "is not a path of a pack: lower-case letters, digits, \"_\" and \"/\", ending in .lua or .json");
  }
  if (text.size() > kMaxFileBytes) return badFile(path, "has " + std::to_string(text.size()) + " bytes; 256 KiB is the most");
  if (!text.empty() && text[0] == 0x1B) return badFile(path, "is compiled Lua; packs hold source text only");
  if (text.starts_with("\xEF\xBB\xBF")) return badFile(path, "begins with a byte order mark; save it without one");
  if (text.find('\0') != std::string_view::npos) return badFile(path, "holds a NUL byte");
  if (!isValidUtf8(text)) return badFile(path, "is not valid UTF-8");
  if (hasBidiControl(text)) return badFile(path, "holds bidirectional control characters, which make code read differently than it runs");
  return {};
}

Result<PackTest> testFromJson(const Json& json, const std::string& pointer, bool golden, const std::string& name) {
  CCP_TRY(auto fields, Fields::of(json, pointer));
  PackTest out;
  out.golden = golden;
  out.name = name;
  if (name.empty() || fields.optional("name")) {
    CCP_TRY(out.name, fields.text("name", 256));
    if (out.name.empty() || hasBidiControl(out.name)) return badField(fields.at("name"), "must be a name in plain text");
  }
  CCP_TRY(const auto point, fields.text("point", 64));
  CCP_TRY(out.point, pointNamed(point, fields.at("point")));
  CCP_TRY(const Json* input, fields.object("input"));
  CCP_TRY(const Json* expect, fields.object("expect"));
  out.input = *input;
  out.expect = *expect;
  CCP_CHECK_OK(fields.done());
  return out;
}

Result<PackDocument> packFromJson(const Json& json, Strictness strictness) {
  const bool whole = strictness == Strictness::signed_document;
  CCP_TRY(auto fields, Fields::of(json, ""));
  (void)fields.optional("format");
  PackDocument out;
  if (whole || fields.optional("org")) {
    CCP_TRY(out.org, readOrg(fields));
  }
  CCP_TRY(out.name, fields.text("name", 64));
  if (!isPackName(out.name)) return badField("/name", "must match [a-z][a-z0-9_-]{0,63}");
  CCP_TRY(out.version, fields.integer("version", 1, kMaxVersion));
  CCP_TRY(const auto channels,
          fields.texts("channels", 2, [](std::string_view t) { return channelFromName(t).has_value(); }, "must be \"dev\" or \"prod\""));
  if (channels.empty()) return badField("/channels", "must name at least one channel");
  for (const auto& name : channels) out.channels.push_back(*channelFromName(name));
  std::sort(out.channels.begin(), out.channels.end());
  CCP_CHECK_OK(readEngine(fields, out));
  if (whole) CCP_CHECK_OK(readFiles(fields, out));
  CCP_CHECK_OK(readPoints(fields, out, strictness));
  CCP_CHECK_OK(readLimits(fields, out));
  for (auto [name, into] : {std::pair{"data", &out.data}, std::pair{"source", &out.source}}) {
    if (!fields.optional(name)) continue;
    CCP_TRY(const Json* value, fields.object(name));
    *into = *value;
  }
  if (fields.optional("log_mask")) {
    CCP_TRY(out.log_mask, fields.texts("log_mask", 256, isMask, "must be a JSON pointer, \"/subject/email\", or \"hash:\" and one"));
  }
  if (whole) {
    CCP_CHECK_OK(readTests(fields, "tests", false, out));
    CCP_CHECK_OK(readTests(fields, "golden", true, out));
  }
  if (whole || fields.optional("issued_at") || fields.optional("expires_at")) {
    CCP_CHECK_OK(readLife(fields, out.issued_at, out.expires_at, kLongestLife));
  }
  CCP_CHECK_OK(fields.done());
  return out;
}

Result<PackDocument> parsePack(std::string_view payload) {
  CCP_TRY(const Json json, parseDocument(payload));
  return packFromJson(json, Strictness::signed_document);
}

std::string toText(const PackDocument& document) {
  Json channels = Json::array();
  for (const Channel channel : document.channels) channels.push(toString(channel));
  Json engine = Json::object({{"min", document.engine_min}, {"max", document.engine_max}});
  if (!document.lua.empty()) engine.set("lua", document.lua);
  Json entry = Json::object();
  for (const auto& [point, path] : document.entry) entry.set(toString(point), path);
  Json schemas = Json::object();
  for (const auto& [point, schema] : document.input_schema) schemas.set(toString(point), schema);
  Json classes = Json::object();
  for (const auto& [point, value] : document.classes) {
    classes.set(toString(point), value == PointClass::enforce ? "enforce" : "advisory");
  }
  Json mask = Json::array();
  for (const auto& pointer : document.log_mask) mask.push(pointer);
  // By path and not by chance: the same pack has the same digest wherever it is made.
  auto sorted = document.files;
  std::sort(sorted.begin(), sorted.end());
  Json files = Json::object();
  for (const auto& [path, text] : sorted) files.set(path, text);
  Json tests = Json::array(), golden = Json::array();
  for (const auto& test : document.tests) (test.golden ? golden : tests).push(testText(test));
  return Json::object({{"format", kFormat},
                       {"org", document.org},
                       {"name", document.name},
                       {"version", document.version},
                       {"channels", channels},
                       {"engine", engine},
                       {"entry", entry},
                       {"input_schema", schemas},
                       {"class", classes},
                       {"limits", document.limits},
                       {"data", document.data},
                       {"log_mask", mask},
                       {"files", files},
                       {"tests", tests},
                       {"golden", golden},
                       {"issued_at", formatRfc3339(document.issued_at)},
                       {"expires_at", formatRfc3339(document.expires_at)},
                       {"source", document.source}})
      .dump();
}

}  // namespace ccp::policy
