#include "core/package/signing.hpp"

#include <algorithm>
#include <filesystem>

#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"

namespace ccp::plugin {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxLibrary = std::size_t{256} << 20;
constexpr std::size_t kMaxManifest = std::size_t{256} << 10;

tl::unexpected<Error> refuse(std::string detail) { return fail(Errc::plugin_refused, std::move(detail)); }

/// Paths of the package's files, relative to `folder`, in the order of the manifest.
Result<std::vector<std::string>> filesOf(const std::string& folder, const Json& manifest) {
  std::vector<std::string> out;
  for (const auto& [path, hash] : manifest["files"].members()) out.push_back(path);
  const bool all = out.empty();
  std::error_code error;
  for (auto at = fs::recursive_directory_iterator(folder, error); !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (!at->is_regular_file() || at->is_symlink()) continue;
    const std::string path = fs::relative(at->path(), folder).generic_string();
    if (path == "plugin.json" || path == "plugin.json.dsse") continue;
    const bool library = path.ends_with(".so") && path.find('/') == std::string::npos;
    if ((all || library) && std::find(out.begin(), out.end(), path) == out.end()) out.push_back(path);
  }
  if (error) return fail(Errc::io_error, folder + " cannot be listed: " + error.message() + ".");
  if (all) std::sort(out.begin(), out.end());
  return out;
}

/// The envelope's signatures without those of `kid`, once it holds this very manifest.
Result<std::vector<crypto::DsseSignature>> othersOf(const std::string& path, const std::string& manifest, const std::string& kid) {
  CCP_TRY(const std::string text, readFile(path, 2u << 20));
  CCP_TRY(auto envelope, crypto::parseDsse(text));
  if (envelope.payload_type != crypto::kPayloadPluginManifest || envelope.payload != manifest) {
    return refuse(path + " signs another manifest than plugin.json is now; a further signature needs the same one. "
                         "Sign without --add, and have the others sign again.");
  }
  std::erase_if(envelope.signatures, [&](const auto& signature) { return signature.keyid == kid; });
  return std::move(envelope.signatures);
}

}  // namespace

Result<SignedPackage> signPackage(const std::string& folder, const crypto::SigningKey& key, bool add) {
  const std::string path = folder + "/plugin.json";
  CCP_TRY(std::string text, readFile(path, kMaxManifest));
  auto parsed = parseJson(text, {kMaxManifest, 32});
  if (!parsed || !parsed->isObject()) return refuse(path + " is no JSON object" + (parsed ? "" : ": " + parsed.error().detail));
  Json manifest = std::move(*parsed);
  CCP_TRY(const auto files, filesOf(folder, manifest));
  Json hashes = Json::object();
  for (const auto& file : files) {
    CCP_TRY(const std::string bytes, readFile(folder + "/" + file, kMaxLibrary));
    hashes.set(file, "sha256:" + sha256Hex(bytes));
  }
  SignedPackage out;
  if (!(manifest["files"] == hashes)) {
    manifest.set("files", std::move(hashes));
    text = manifest.pretty() + "\n";
    out.manifest_changed = true;
  }
  // Nothing is signed that the loader would refuse.
  auto checked = parseManifest(text);
  if (!checked) return refuse(folder + "/" + checked.error().detail);
  out.manifest = std::move(*checked);

  const std::string kid = key.publicKey().thumbprint();
  std::vector<crypto::DsseSignature> signatures;
  if (add) {
    CCP_TRY(signatures, othersOf(path + ".dsse", text, kid));
  }
  const auto own = key.sign(bytesOf(crypto::dssePae(crypto::kPayloadPluginManifest, text)));
  signatures.push_back({kid, Bytes(own.begin(), own.end())});
  Json list = Json::array();
  for (const auto& signature : signatures) {
    list.push(Json::object({{"keyid", signature.keyid}, {"sig", base64Encode(signature.signature)}}));
    out.kids.push_back(signature.keyid);
  }
  const Json envelope =
      Json::object({{"payloadType", crypto::kPayloadPluginManifest}, {"payload", base64Encode(bytesOf(text))}, {"signatures", std::move(list)}});
  if (out.manifest_changed) CCP_CHECK_OK(writeFileAtomic(path, text, 0644));
  CCP_CHECK_OK(writeFileAtomic(path + ".dsse", envelope.dump() + "\n", 0644));
  return out;
}

}  // namespace ccp::plugin
