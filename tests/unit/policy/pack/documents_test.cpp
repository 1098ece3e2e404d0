// Strict reading of the three documents: what was written is read again, and every rule is broken once.
#include "policy/pack/documents.hpp"

#include <doctest/doctest.h>

#include <functional>

#include "core/base/encoding.hpp"
#include "tests/support/policy_workshop.hpp"

using namespace ccp;
using namespace ccp::policy;
using ccp::test::PolicyWorkshop;

namespace {

/// A pack with everything that a pack can have.
PackDocument fullPack(const PolicyWorkshop& shop) {
  auto pack = shop.pack("full", 12);
  pack.lua = "5.4.9";
  pack.entry[Point::model_use] = "sub/model_2.lua";
  pack.files = {{"main.lua", "function decide(i) return {allow=true} end -- ü\n"},
                {"sub/model_2.lua", "function decide(i) return {allow=false} end\n"},
                {"sub/table.json", "{}"}};
  pack.input_schema[Point::model_use] = *parseJson(R"({"type":"object","required":["model"]})");
  pack.classes[Point::model_use] = PointClass::advisory;
  pack.limits = *parseJson(R"({"fuel":1000,"memory_bytes":65536,"wall_ms":5})");
  pack.data = *parseJson(R"({"models":["a","b"],"ratio":0.5,"nested":{"x":[1,2,{"y":null}]}})");
  pack.log_mask = {"/subject/email", "/a~1b"};
  pack.tests = {{"one", Point::model_use, *parseJson(R"({"model":"a"})"), *parseJson(R"({"allow":false})"), false},
                {"one", Point::feature_gate, *parseJson("{}"), *parseJson(R"({"allow":true})"), true}};
  pack.source = *parseJson(R"({"commit":"abc","builder":"ci"})");
  return pack;
}

/// Sets the member at a pointer ("/roles/root/threshold"); a null text removes it.
void put(Json& json, std::string_view pointer, const char* text) {
  const auto slash = pointer.find('/', 1);
  const std::string step(pointer.substr(1, slash == std::string_view::npos ? pointer.npos : slash - 1));
  if (slash == std::string_view::npos) {
    if (text == nullptr) {
      json.erase(step);
    } else {
      json.set(step, *parseJson(text));
    }
    return;
  }
  if (auto* items = json.asArray()) return put((*items)[static_cast<std::size_t>(std::stoi(step))], pointer.substr(slash), text);
  Json below = json[step];
  put(below, pointer.substr(slash), text);
  json.set(step, below);
}

struct Broken {
  const char* pointer;  // what is changed
  const char* value;    // to what; nullptr: removed
  const char* blamed;   // which pointer the error names, when it is another
  Errc code = Errc::policy_document_invalid;
};

template <class Parse>
void checkRefused(const std::string& good, const Parse& parse, const std::vector<Broken>& cases) {
  const auto whole = parse(good);
  REQUIRE_MESSAGE(whole.has_value(), (whole ? "" : whole.error().text()));
  for (const auto& broken : cases) {
    auto json = *parseJson(good);
    put(json, broken.pointer, broken.value);
    const std::string what = std::string(broken.pointer) + " = " + (broken.value ? broken.value : "(absent)");
    CAPTURE(what);
    const auto parsed = parse(json.dump());
    REQUIRE_FALSE(parsed.has_value());
    CHECK_MESSAGE((parsed.error().code == broken.code), parsed.error().text());
    if (broken.code == Errc::policy_document_invalid) {
      REQUIRE(parsed.error().fields.size() == 1);
      CHECK(parsed.error().fields[0].pointer == (broken.blamed ? broken.blamed : broken.pointer));
    }
  }
  for (const char* text : {"", "[]", "null", "{", "{}", "{\"format\":1}x", "{\"format\":1,\"format\":1}"}) CHECK_FALSE(parse(text).has_value());
  CHECK((parse(std::string(kMaxDocumentBytes + 1, ' ')).error().code == Errc::policy_too_large));
}

const std::vector<Broken> kCommon{
    {"/format", "2", nullptr, Errc::policy_format_unknown},
    {"/format", nullptr, nullptr},
    {"/format", "\"1\"", nullptr},
    {"/org", nullptr, nullptr},
    {"/org", "\"../x\"", nullptr},
    {"/org", "\"org_\"", nullptr},
    {"/org", "\"Operator\"", nullptr},
    {"/version", "0", nullptr},
    {"/version", "1.5", nullptr},
    {"/version", "\"1\"", nullptr},
    {"/version", "9007199254740992", nullptr},
    {"/issued_at", "\"yesterday\"", nullptr},
    {"/issued_at", "1800000000", nullptr},
    {"/expires_at", "\"2020-01-01T00:00:00Z\"", nullptr},
    {"/expires_at", "\"2999-01-01T00:00:00Z\"", nullptr},
    {"/unknown", "1", nullptr},
    {"/a~b", "1", "/a~0b"},
};

std::vector<Broken> with(std::vector<Broken> cases) {
  cases.insert(cases.begin(), kCommon.begin(), kCommon.end());
  return cases;
}

}  // namespace

TEST_CASE("documents that are written are read again as they were") {
  PolicyWorkshop shop("org_01j");
  const auto root = toText(shop.root());
  CHECK(toText(*parseRoot(root)) == root);
  auto document = shop.next(Channel::dev, {fullPack(shop), shop.pack("base", 1)});
  document.revoked = {std::string(64, 'a')};
  document.prev = std::string(64, '0');
  const auto channel = toText(document);
  CHECK(toText(*parseChannel(channel)) == channel);
  const auto pack = toText(fullPack(shop));
  const auto parsed = parsePack(pack);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().text()));
  CHECK(toText(*parsed) == pack);
  CHECK(parsed->tests.size() == 2);
  CHECK(parsed->tests[1].golden);
  CHECK(*parsed->file("sub/table.json") == "{}");
  CHECK(parsed->file("none") == nullptr);
}

TEST_CASE("a root document is read strictly") {
  PolicyWorkshop shop;
  const auto id = shop.keyid("ada");
  const std::string key = "/keys/" + id;
  const std::string person = key + "/person", jwk = key + "/public_key", extra = key + "/x", jwk_extra = jwk + "/d";
  const std::string other = "/keys/" + shop.keyid("mallory");
  const auto stranger = Json::object({{"public_key", shop.key("bob").publicKey().jwk()}, {"person", "m"}}).dump();
  const auto server_root = Json::object({{"keyids", Json::array({shop.keyid("server")})}, {"threshold", 1}}).dump();
  const auto twice = Json::object({{"keyids", Json::array({id, id})}, {"threshold", 1}}).dump();
  checkRefused(toText(shop.root()), parseRoot,
               with({{person.c_str(), "\"\"", nullptr},
                     {person.c_str(), "\"a\\nb\"", nullptr},
                     {person.c_str(), "\"\\u202egpj\"", nullptr},
                     {person.c_str(), nullptr, nullptr},
                     {jwk.c_str(), "{}", nullptr},
                     {jwk.c_str(), "7", nullptr},
                     {jwk_extra.c_str(), "\"secret\"", jwk.c_str()},
                     {extra.c_str(), "1", nullptr},
                     {other.c_str(), stranger.c_str(), nullptr},
                     {"/keys", "[]", nullptr},
                     {"/roles/root", nullptr, nullptr},
                     {"/roles/pack.stage", "{}", nullptr},
                     {"/roles/root/threshold", "0", nullptr},
                     {"/roles/root/threshold", "4", nullptr},
                     {"/roles/root/threshold", "true", nullptr},
                     {"/roles/root/keyids", "[]", "/roles/root/threshold"},
                     {"/roles/root/keyids", "[\"x\"]", "/roles/root/keyids/0"},
                     {"/roles/root/more", "1", nullptr},
                     {"/roles/root", twice.c_str(), "/roles/root/keyids/1"},
                     {"/roles/root", server_root.c_str(), "/roles/root/keyids/0"},
                     {"/roles/pack.dev", server_root.c_str(), "/roles/pack.dev/keyids/0"}}));
  // Two keys of one person do not make a threshold of two.
  auto root = shop.root();
  shop.setRole(root, "pack.prod", {"ada", "ada/2"}, 2);
  const auto one = parseRoot(toText(root));
  REQUIRE_FALSE(one);
  CHECK(one.error().fields[0].pointer == "/roles/pack.prod/threshold");
}

TEST_CASE("a channel document is read strictly") {
  PolicyWorkshop shop;
  checkRefused(toText(shop.next(Channel::prod, {shop.pack("base", 1), shop.pack("other", 2)})), parseChannel,
               with({{"/channel", "\"stage\"", nullptr},
                     {"/channel", nullptr, nullptr},
                     {"/expires_at", "\"2027-06-01T00:00:00Z\"", nullptr},  // longer than a month
                     {"/min_engine", "0", nullptr},
                     {"/prev", "\"abc\"", nullptr},
                     {"/packs", "{}", nullptr},
                     {"/packs/0/name", "\"Base\"", nullptr},
                     {"/packs/0/name", "\"other\"", "/packs/1/name"},
                     {"/packs/0/version", "-1", nullptr},
                     {"/packs/0/sha256", "\"AB\"", nullptr},
                     {"/packs/0/size", "0", nullptr},
                     {"/packs/0/size", "1048577", nullptr},
                     {"/packs/0/url", "\"https://example.com\"", nullptr},
                     {"/revoked", "[\"x\"]", "/revoked/0"},
                     {"/revoked", nullptr, nullptr}}));
}

TEST_CASE("a pack document is read strictly") {
  PolicyWorkshop shop;
  checkRefused(toText(fullPack(shop)), parsePack,
               with({{"/name", "\"a b\"", nullptr},
                     {"/name", "\"\"", nullptr},
                     {"/channels", "[]", nullptr},
                     {"/channels", "[\"prod\",\"prod\"]", "/channels/1"},
                     {"/channels", "[\"stage\"]", "/channels/0"},
                     {"/engine", nullptr, nullptr},
                     {"/engine/min", "0", nullptr},
                     {"/engine", R"({"min":2,"max":1})", "/engine/max"},
                     {"/engine/wasm", "1", nullptr},
                     {"/entry", "{}", nullptr},
                     {"/entry/model.use", "\"gone.lua\"", nullptr},
                     {"/entry/model.use", "\"sub/table.json\"", nullptr},
                     {"/entry/model.abuse", "\"main.lua\"", nullptr},
                     {"/input_schema", "[]", nullptr},
                     {"/input_schema/nothing", "{}", nullptr},
                     {"/class/model.use", "\"maybe\"", nullptr},
                     {"/limits/fuel", "0", nullptr},
                     {"/limits/sleep", "1", nullptr},
                     {"/data", "[]", nullptr},
                     {"/source", "\"x\"", nullptr},
                     {"/log_mask", "[\"x\"]", "/log_mask/0"},
                     {"/files", nullptr, nullptr},
                     {"/files/main.lua", "7", nullptr},
                     {"/tests/0/expect", nullptr, nullptr},
                     {"/tests/0/input", "[]", nullptr},
                     {"/tests/0/point", "\"x\"", nullptr},
                     {"/tests/0/skip", "true", nullptr},
                     {"/golden/0/name", "\"\"", nullptr}}));
  // Optional members may be absent.
  auto json = *parseJson(toText(fullPack(shop)));
  for (const char* name : {"input_schema", "class", "limits", "data", "log_mask", "tests", "golden", "source"}) json.erase(name);
  CHECK(parsePack(json.dump()).has_value());
  // Two tests of one name.
  auto twice = fullPack(shop);
  twice.tests.push_back(twice.tests[0]);
  CHECK(parsePack(toText(twice)).error().fields[0].pointer == "/tests/1/name");
}

TEST_CASE("files of a pack are plain text under plain names") {
  CHECK(checkPackFile("a.lua", "").has_value());
  CHECK(checkPackFile("a/b_2/c.json", "{\"ä\":1}\n\t").has_value());
  CHECK(checkPackFile("a.lua", std::string(kMaxFileBytes, 'x')).has_value());
  const std::vector<std::pair<std::string, std::string>> bad{
      {"../x.lua", ""}, {"/x.lua", ""},   {"x//y.lua", ""},    {"x/.lua", ""},   {".lua", ""},      {"A.lua", ""},   {"x.LUA", ""},
      {"x", ""},        {"x.txt", ""},    {"x.lua.lua", ""},   {"x.luac", ""},   {"x\\y.lua", ""},  {"ä.lua", ""},   {"x y.lua", ""},
      {"", ""},         {"./x.lua", ""},  {"x/../y.lua", ""},  {std::string(130, 'x') + ".lua", ""}, {std::string("x\0.lua", 6), ""},
      {"a.lua", "\x1bLua"},               {"a.lua", "\xEF\xBB\xBFreturn 1"},   {"a.lua", std::string("a\0b", 3)},
      {"a.lua", "\xff"},                  {"a.lua", "\xc3"},                   {"a.lua", "\xed\xa0\x80"},
      {"a.lua", "-- \xE2\x80\xAE x"},     {"a.lua", "\xE2\x81\xA6"},           {"a.lua", "\xD8\x9C"},   {"a.lua", "\xE2\x80\x8F"},
      {"a.lua", std::string(kMaxFileBytes + 1, 'x')}};
  for (const auto& [path, text] : bad) {
    const std::string name = path;
    CAPTURE(name);
    const auto status = checkPackFile(path, text);
    REQUIRE_FALSE(status.has_value());
    CHECK((status.error().code == Errc::policy_file_invalid));
  }
  // And so inside of a document.
  PolicyWorkshop shop;
  for (const char* path : {"../x.lua", "Main.lua", "a.lua\\u0000"}) {
    auto json = *parseJson(toText(shop.pack("base", 1)));
    Json files = json["files"];
    files.set(path, "");
    json.set("files", files);
    CHECK((parsePack(json.dump()).error().code == Errc::policy_file_invalid));
  }
}

TEST_CASE("a pack has at most 1 MiB") {
  PolicyWorkshop shop;
  auto pack = shop.pack("big", 1);
  for (int i = 0; i < 5; ++i) pack.files.emplace_back("f" + std::to_string(i) + ".lua", std::string(220u << 10, 'x'));
  CHECK((parsePack(toText(pack)).error().code == Errc::policy_too_large));
  pack.files.resize(4);
  CHECK(parsePack(toText(pack)).has_value());
}
