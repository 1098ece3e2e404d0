// ccp-sign-manifest: signs plugin manifests at build time, makes and embeds the vendor key.
//   generate KEY                  a new key, unless the file is there already
//   public KEY                    prints the public JWK
//   embed KEY SOURCE              writes a .cpp with the public key for the loader
//   sign KEY MANIFEST ENVELOPE    writes the DSSE envelope over the manifest's exact bytes
// A key file holds the 32-byte seed in base64url and is readable by its owner only.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <string>
#include <vector>

#include "core/base/file.hpp"
#include "core/crypto/dsse.hpp"
#include "core/crypto/ed25519.hpp"

namespace {

using ccp::Result;
using ccp::Status;
using ccp::crypto::SigningKey;

Result<SigningKey> readKey(const std::string& path) {
  CCP_TRY(std::string text, ccp::readFile(path, 4096));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  auto seed = ccp::base64UrlDecode(text);
  if (!seed) {
    return ccp::fail(ccp::Errc::bad_encoding, path + " is no signing key: 32 bytes in base64url are expected");
  }
  return SigningKey::fromSeed(*seed);
}

Status generate(const std::string& path) {
  if (ccp::fileExists(path)) {
    // Kept, but newer than this program, so that the build does not ask again.
    ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);
    return {};
  }
  ccp::SystemRandom random;
  const SigningKey key = SigningKey::generate(random);
  return ccp::writeFileAtomic(path, ccp::base64UrlEncode(key.seed().view()) + "\n", 0600);
}

Status embed(const std::string& path, const std::string& source) {
  CCP_TRY(const SigningKey key, readKey(path));
  const std::string x = ccp::base64UrlEncode(key.publicKey().bytes);
  return ccp::writeFileAtomic(source,
                              "// Written by ccp-sign-manifest: the public vendor key of this build.\n"
                              "namespace ccp::plugin {\nextern const char* const kVendorPublicKey;\n"
                              "const char* const kVendorPublicKey = \"" + x + "\";\n}  // namespace ccp::plugin\n");
}

Status sign(const std::string& path, const std::string& manifest, const std::string& envelope) {
  CCP_TRY(const SigningKey key, readKey(path));
  CCP_TRY(const std::string text, ccp::readFile(manifest, 1u << 20));
  return ccp::writeFileAtomic(envelope, ccp::crypto::signDsse(ccp::crypto::kPayloadPluginManifest, text, {&key}) + "\n");
}

Status run(const std::vector<std::string>& args) {
  if (args.size() == 2 && args[0] == "generate") return generate(args[1]);
  if (args.size() == 3 && args[0] == "embed") return embed(args[1], args[2]);
  if (args.size() == 4 && args[0] == "sign") return sign(args[1], args[2], args[3]);
  if (args.size() == 2 && args[0] == "public") {
    CCP_TRY(const SigningKey key, readKey(args[1]));
    std::printf("%s\n", key.publicKey().jwk().dump().c_str());
    return {};
  }
  return ccp::fail(ccp::Errc::usage_error,
                   "ccp-sign-manifest generate KEY | public KEY | embed KEY SOURCE | sign KEY MANIFEST ENVELOPE");
}

}  // namespace

int main(int argc, char** argv) {
  const Status status = run(std::vector<std::string>(argv + 1, argv + argc));
  if (status) return 0;
  std::fprintf(stderr, "ccp-sign-manifest: %s\n", status.error().text().c_str());
  return status.error().code == ccp::Errc::usage_error ? 2 : 1;
}
