// From a folder to a pack: the same bytes each time, and errors that name the file.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/base/encoding.hpp"
#include "policy/pack/documents.hpp"
#include "tests/support/temp_dir.hpp"

using namespace ccp;
using namespace ccp::policy;

namespace {

struct Folder {
  Folder() {
    write("pack.json", R"({"format":1,"org":"operator","name":"base","version":3,"channels":["dev","prod"],"engine":{"min":1,"max":1},)"
                       R"("entry":{"feature.gate":"gate.lua","model.use":"sub/model.lua"},"data":{"inline":[1]}})");
    write("gate.lua", "function decide(i) return {allow=true} end\n");
    write("sub/model.lua", "function decide(i) return {allow=true} end\n");
    write("tests/one.json", R"({"point":"feature.gate","input":{"a":1},"expect":{"allow":true}})");
    write("tests/deep/many.json", R"([{"point":"model.use","input":{},"expect":{}},{"name":"named","point":"model.use","input":{},"expect":{}}])");
    write("golden/rec.json", R"({"point":"feature.gate","input":{},"expect":{"allow":true,"rule":"r"}})");
    write("data/models.json", R"({"cheap":["a"]})");
    write("README.md", "# about");
    write("types/ccp.d.lua", "---@meta");
    write(".luarc.json", "{");
    write(".git/config.lua", "x");
  }
  void write(const std::string& name, const std::string& text) const {
    const auto path = std::filesystem::path(dir.path()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  Result<PackDocument> read() const { return readPackFolder(dir.path()); }
  test::TempDir dir;
};

}  // namespace

TEST_CASE("a folder becomes a pack, with the same bytes wherever it lies") {
  Folder folder, same;
  auto pack = folder.read();
  REQUIRE_MESSAGE(pack.has_value(), (pack ? "" : pack.error().text()));
  CHECK(pack->files.size() == 2);
  CHECK(pack->file("sub/model.lua") != nullptr);
  REQUIRE(pack->tests.size() == 4);
  CHECK(pack->tests[0].name == "rec");
  CHECK(pack->tests[0].golden);
  CHECK(pack->tests[1].name == "many/1");
  CHECK(pack->tests[2].name == "named");
  CHECK(pack->tests[3].name == "one");
  CHECK(pack->data == *parseJson(R"({"inline":[1],"models":{"cheap":["a"]}})"));
  CHECK(toText(*pack) == toText(*same.read()));
  pack->issued_at = fromUnixSeconds(1'800'000'000);
  pack->expires_at = pack->issued_at + hours(24);
  const auto signed_text = toText(*pack);
  CHECK(toText(*parsePack(signed_text)) == signed_text);
}

TEST_CASE("what is wrong in a folder is named by its file") {
  Folder folder;
  const auto refused = [&](const std::string& words, Errc code) {
    const auto pack = folder.read();
    REQUIRE_FALSE(pack.has_value());
    CHECK_MESSAGE((pack.error().code == code), pack.error().text());
    CHECK_MESSAGE(pack.error().detail.find(words) != std::string::npos, pack.error().detail);
  };
  SUBCASE("upper case") { folder.write("Gate.lua", ""), refused("Gate.lua", Errc::policy_file_invalid); }
  SUBCASE("upper case type") { folder.write("x.LUA", ""), refused("x.LUA", Errc::policy_file_invalid); }
  SUBCASE("bytecode") { folder.write("x.lua", "\x1bLua"), refused("x.lua", Errc::policy_file_invalid); }
  SUBCASE("compiled") { folder.write("x.luac", "x"), refused("x.luac", Errc::policy_file_invalid); }
  SUBCASE("BOM") { folder.write("x.lua", "\xEF\xBB\xBF"), refused("x.lua", Errc::policy_file_invalid); }
  SUBCASE("large") { folder.write("x.lua", std::string(300u << 10, 'x')), refused("x.lua", Errc::policy_too_large); }
  SUBCASE("stray json") { folder.write("x.json", "{}"), refused("x.json", Errc::policy_file_invalid); }
  SUBCASE("lua among tests") { folder.write("tests/x.lua", ""), refused("tests/x.lua", Errc::policy_file_invalid); }
  SUBCASE("broken test") { folder.write("tests/x.json", "{"), refused("tests/x.json", Errc::policy_document_invalid); }
  SUBCASE("test without input") {
    folder.write("tests/x.json", R"([{"point":"feature.gate","input":{},"expect":{}},{"point":"feature.gate"}])");
    refused("tests/x.json: /1/input", Errc::policy_document_invalid);
  }
  SUBCASE("two tests of a name") {
    folder.write("tests/two.json", R"({"name":"one","point":"feature.gate","input":{},"expect":{}})");
    refused("\"one\"", Errc::policy_document_invalid);
  }
  SUBCASE("deep data") { folder.write("data/a/b.json", "{}"), refused("data/a/b.json", Errc::policy_file_invalid); }
  SUBCASE("data twice") { folder.write("data/inline.json", "{}"), refused("inline", Errc::policy_document_invalid); }
  SUBCASE("no manifest") { std::filesystem::remove(folder.dir.path() + "/pack.json"), refused("pack.json", Errc::not_found); }
  SUBCASE("manifest with files") {
    folder.write("pack.json", R"({"format":1,"name":"b","version":1,"channels":["dev"],"engine":{"min":1,"max":1},"entry":{"redact":"gate.lua"},"files":{}})");
    refused("pack.json: /files", Errc::policy_document_invalid);
  }
  SUBCASE("entry without a file") {
    folder.write("pack.json", R"({"format":1,"name":"b","version":1,"channels":["dev"],"engine":{"min":1,"max":1},"entry":{"redact":"none.lua"}})");
    refused("none.lua", Errc::policy_document_invalid);
  }
  SUBCASE("a newer format") { folder.write("pack.json", R"({"format":2})"), refused("pack.json", Errc::policy_format_unknown); }
  SUBCASE("a link") {
    REQUIRE(::symlink("/etc/passwd", (folder.dir.path() + "/link.lua").c_str()) == 0);
    refused("link.lua", Errc::policy_file_invalid);
  }
  SUBCASE("no folder") { CHECK((readPackFolder(folder.dir.path() + "/none").error().code == Errc::not_found)); }
}

TEST_CASE("org and times may wait for the signer") {
  Folder folder;
  folder.write("pack.json", R"({"format":1,"name":"b","version":1,"channels":["dev"],"engine":{"min":1,"max":1},"entry":{"redact":"gate.lua"}})");
  const auto pack = folder.read();
  REQUIRE(pack);
  CHECK(pack->org.empty());
  CHECK_FALSE(parsePack(toText(*pack)).has_value());
}
