// Makes policy documents for tests: people with keys, roots, packs, channel documents, and a source that
// serves them and can be told to lie. Keys come from the names, so that a document is the same in every run.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/crypto/dsse.hpp"
#include "policy/distribution/source.hpp"
#include "policy/pack/documents.hpp"
#include "policy/pack/verify.hpp"

namespace ccp::test {

/// When the workshop's documents begin: what FakeClock says at its start.
inline constexpr Timestamp kPolicyStart = fromUnixSeconds(1'800'000'000);

class PolicyWorkshop {
 public:
  /// A set with root version 1: ada, bob and cyd hold root (2 of 3), pack.dev (1 of 3) and pack.prod
  /// (2 of 3); the key "server" holds both channels.
  explicit PolicyWorkshop(std::string org = "operator", Timestamp start = kPolicyStart);

  /// The key of this name, made when first asked for. "ada", or "ada/2" for another key of ada's.
  const crypto::SigningKey& key(const std::string& name);
  std::string keyid(const std::string& name) { return key(name).publicKey().thumbprint(); }
  static std::string personOf(const std::string& name) { return name.substr(0, name.find('/')); }

  const std::string& org() const { return org_; }
  const policy::RootDocument& root() const { return roots_.back(); }
  const std::string& rootEnvelope() const { return root_envelopes_.back(); }
  const std::vector<std::string>& rootEnvelopes() const { return root_envelopes_; }
  /// sha256 of the first root's envelope.
  std::string rootPin() const;
  /// Gives a role other holders in a root document.
  void setRole(policy::RootDocument& root, const std::string& role, const std::vector<std::string>& keys, int threshold);
  /// Version + 1, edited, signed by `signers` (default: ada and bob).
  const std::string& rotate(const std::function<void(policy::RootDocument&)>& edit,
                            const std::vector<std::string>& signers = {"ada", "bob"});
  std::string sign(const policy::RootDocument& root, const std::vector<std::string>& signers);

  /// A pack for both channels that answers `point` with this Lua text; issued at the start, for a year.
  policy::PackDocument pack(const std::string& name, std::int64_t version, const std::string& lua = kAllow,
                            policy::Point point = policy::Point::feature_gate) const;
  std::string sign(const policy::PackDocument& pack, const std::vector<std::string>& signers = {"ada", "bob"});
  static std::string sha256Of(const policy::PackDocument& pack);
  static policy::ListedPack listed(const policy::PackDocument& pack);

  /// The document that follows the newest of this channel (version + 1, its prev), not published yet.
  policy::ChannelDocument next(policy::Channel channel, const std::vector<policy::PackDocument>& packs, Timestamp now = kPolicyStart) const;
  std::string sign(const policy::ChannelDocument& document, const std::vector<std::string>& signers = {"server"});
  /// Makes a signed pack available under its digest.
  void store(const policy::PackDocument& pack) { packs_[sha256Of(pack)] = sign(pack); }
  /// Signs packs and the next channel document, and makes them the newest. Returns the channel's envelope.
  std::string publish(policy::Channel channel, const std::vector<policy::PackDocument>& packs, Timestamp now = kPolicyStart);
  /// Makes this document the newest, whatever it says.
  std::string publish(const policy::ChannelDocument& document);
  const std::map<policy::Channel, std::string>& channelEnvelopes() const { return channels_; }
  const std::map<std::string, std::string>& packEnvelopes() const { return packs_; }

  static constexpr const char* kAllow = "function decide(input)\n  return { allow = true, rule = \"all\" }\nend\n";
  static constexpr const char* kDeny = "function decide(input)\n  return { allow = false, rule = \"none\", reason = \"no\" }\nend\n";

 private:
  std::string signText(std::string_view type, const std::string& text, const std::vector<std::string>& signers);
  std::string org_;
  Timestamp start_;
  std::map<std::string, crypto::SigningKey> keys_;
  std::vector<policy::RootDocument> roots_;
  std::vector<std::string> root_envelopes_;
  std::map<policy::Channel, policy::ChannelDocument> newest_;
  std::map<policy::Channel, std::string> channels_;
  std::map<std::string, std::string> packs_;
};

/// Serves workshops; each answer can be replaced. Thread-safe.
class WorkshopSource final : public policy::Source {
 public:
  explicit WorkshopSource(PolicyWorkshop& workshop) { add(workshop); }
  void add(PolicyWorkshop& workshop);

  Result<std::optional<std::string>> root(const std::string& org, std::int64_t version, Deadline deadline) override;
  Result<std::optional<std::string>> channel(const std::string& org, policy::Channel channel, const std::string& etag,
                                             Duration wait) override;
  Result<std::string> pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline deadline) override;

  /// What is asked instead of the workshop, when set.
  std::function<Result<std::optional<std::string>>(std::int64_t version)> on_root;
  std::function<Result<std::optional<std::string>>(const std::string& etag)> on_channel;
  std::function<Result<std::string>(const std::string& sha256, std::size_t max_bytes)> on_pack;
  int roots_asked = 0, channels_asked = 0, packs_asked = 0;

 private:
  std::mutex mutex_;
  std::map<std::string, PolicyWorkshop*> workshops_;
};

}  // namespace ccp::test
