#include "core/package/trust/verify.hpp"

#include <map>

#include "core/crypto/dsse.hpp"

namespace ccp::plugin {

Result<Manifest> TrustStore::verify(std::string_view envelope, std::string_view manifest, const std::string& folder) const {
  const std::map<std::string, crypto::PublicKey> trusted{{vendor_.thumbprint(), vendor_}};
  auto payload = crypto::verifyDsse(envelope, crypto::kPayloadPluginManifest, trusted);
  if (!payload) {
    const Error& why = payload.error();
    const std::string found = why.code == Errc::key_unknown ? "is signed by a key that this server does not trust"
                              : why.code == Errc::signature_invalid ? "carries a signature that does not verify"
                                                                    : "holds no valid envelope (" + why.detail + ")";
    return fail(Errc::plugin_refused, folder + "/plugin.json.dsse " + found + "; the key " + vendor_.thumbprint() +
                                          " is needed. Install the plugin from the same release as ccpd, or sign it with that key (ccp-sign-manifest).");
  }
  if (*payload != manifest) {
    return fail(Errc::plugin_refused, folder + "/plugin.json is not the manifest that was signed. Restore the package.");
  }
  CCP_TRY(Manifest m, parseManifest(*payload));
  if (!m.id.starts_with(kVendorPrefix)) {
    const std::string prefix = m.id.substr(0, m.id.find('.') + 1);
    return fail(Errc::plugin_refused, "Plugin " + m.id + " (" + folder + "): ids that begin with \"" + prefix +
                                          "\" belong to no trusted key; this server loads \"ccp.\" plugins signed by its vendor only. "
                                          "Ask the vendor of ccpd to sign it, or use a first-party plugin.");
  }
  return m;
}

}  // namespace ccp::plugin
