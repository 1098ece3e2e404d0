// A plugin package in a temporary folder, made from a fixture that the build packed, to be edited,
// damaged and signed with keys of the test. Needs doctest.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "core/base/json.hpp"
#include "core/base/random.hpp"
#include "core/crypto/dsse.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::test {

inline const std::string kBuiltFixtures = std::string(CCP_BINARY_DIR) + "/tests/plugins";

class PackageWorkshop {
 public:
  /// `as`: the folder's name; not signed yet by anybody but the build.
  PackageWorkshop(const std::string& fixture, const std::string& as) : folder(dir_.path() + "/" + as) {
    std::filesystem::create_directories(folder);
    for (const auto& entry : std::filesystem::directory_iterator(kBuiltFixtures + "/" + fixture)) {
      if (entry.path().extension() == ".so") library_ = folder + "/" + entry.path().filename().string();
      if (entry.is_regular_file()) std::filesystem::copy_file(entry.path(), folder + "/" + entry.path().filename().string());
    }
  }
  crypto::SigningKey newKey() { return crypto::SigningKey::generate(random_); }
  std::string manifest() const { return *readFile(folder + "/plugin.json"); }
  void sign(const std::vector<const crypto::SigningKey*>& keys, std::string_view type = crypto::kPayloadPluginManifest) {
    writeEnvelope(crypto::signDsse(type, manifest(), keys));
  }
  void writeEnvelope(const std::string& text) { REQUIRE(writeFileAtomic(folder + "/plugin.json.dsse", text).has_value()); }
  void unsign() { std::filesystem::remove(folder + "/plugin.json.dsse"); }
  void edit(const std::function<void(Json&)>& change) {
    Json json = *parseJson(manifest());
    change(json);
    REQUIRE(writeFileAtomic(folder + "/plugin.json", json.dump()).has_value());
  }
  std::string library() const { return library_; }
  const std::string& root() const { return dir_.path(); }

 private:
  TempDir dir_;
  SystemRandom random_;
  std::string library_;

 public:
  const std::string folder;
};

}  // namespace ccp::test
