#include "tests/support/policy_workshop.hpp"

#include <stdexcept>

#include "core/base/encoding.hpp"

namespace ccp::test {

using namespace ccp::policy;

PolicyWorkshop::PolicyWorkshop(std::string org, Timestamp start) : org_(std::move(org)), start_(start) {
  RootDocument root;
  root.org = org_;
  root.version = 1;
  root.issued_at = start_;
  root.expires_at = start_ + hours(24 * 365);
  setRole(root, "root", {"ada", "bob", "cyd"}, 2);
  setRole(root, "pack.dev", {"ada", "bob", "cyd"}, 1);
  setRole(root, "pack.prod", {"ada", "bob", "cyd"}, 2);
  setRole(root, "channel.dev", {"server"}, 1);
  setRole(root, "channel.prod", {"server"}, 1);
  roots_.push_back(root);
  root_envelopes_.push_back(sign(root, {"ada", "bob"}));
}

const crypto::SigningKey& PolicyWorkshop::key(const std::string& name) {
  const auto found = keys_.find(name);
  if (found != keys_.end()) return found->second;
  return keys_.emplace(name, *crypto::SigningKey::fromSeed(sha256(bytesOf("policy workshop " + name)))).first->second;
}

std::string PolicyWorkshop::rootPin() const { return sha256Hex(root_envelopes_.front()); }

void PolicyWorkshop::setRole(RootDocument& root, const std::string& role, const std::vector<std::string>& keys, int threshold) {
  Role& out = root.roles[role];
  out = Role{{}, threshold};
  for (const auto& name : keys) {
    root.keys[keyid(name)] = RootKey{key(name).publicKey(), personOf(name)};
    out.keyids.push_back(keyid(name));
  }
}

const std::string& PolicyWorkshop::rotate(const std::function<void(RootDocument&)>& edit, const std::vector<std::string>& signers) {
  RootDocument next = root();
  ++next.version;
  edit(next);
  roots_.push_back(next);
  root_envelopes_.push_back(sign(next, signers));
  return root_envelopes_.back();
}

PackDocument PolicyWorkshop::pack(const std::string& name, std::int64_t version, const std::string& lua, Point point) const {
  PackDocument out;
  out.org = org_;
  out.name = name;
  out.version = version;
  out.channels = {Channel::dev, Channel::prod};
  out.entry[point] = "main.lua";
  out.files = {{"main.lua", lua}};
  out.issued_at = start_;
  out.expires_at = start_ + hours(24 * 365);
  return out;
}

std::string PolicyWorkshop::sha256Of(const PackDocument& pack) { return sha256Hex(toText(pack)); }

ListedPack PolicyWorkshop::listed(const PackDocument& pack) {
  const auto text = toText(pack);
  return {pack.name, pack.version, sha256Hex(text), text.size()};
}

ChannelDocument PolicyWorkshop::next(Channel channel, const std::vector<PackDocument>& packs, Timestamp now) const {
  ChannelDocument out;
  out.org = org_;
  out.channel = channel;
  out.version = 1;
  if (const auto newest = newest_.find(channel); newest != newest_.end()) {
    out.version = newest->second.version + 1;
    out.prev = sha256Hex(channels_.at(channel));
    out.revoked = newest->second.revoked;
  }
  for (const auto& pack : packs) out.packs.push_back(listed(pack));
  out.issued_at = now;
  out.expires_at = now + hours(channel == Channel::dev ? 24 : 72);
  return out;
}

std::string PolicyWorkshop::signText(std::string_view type, const std::string& text, const std::vector<std::string>& signers) {
  std::vector<const crypto::SigningKey*> keys;
  for (const auto& name : signers) keys.push_back(&key(name));
  return crypto::signDsse(type, text, keys);
}

std::string PolicyWorkshop::sign(const RootDocument& root, const std::vector<std::string>& signers) {
  return signText(kPayloadRoot, toText(root), signers);
}
std::string PolicyWorkshop::sign(const PackDocument& pack, const std::vector<std::string>& signers) {
  return signText(kPayloadPack, toText(pack), signers);
}
std::string PolicyWorkshop::sign(const ChannelDocument& document, const std::vector<std::string>& signers) {
  return signText(kPayloadChannel, toText(document), signers);
}

std::string PolicyWorkshop::publish(Channel channel, const std::vector<PackDocument>& packs, Timestamp now) {
  for (const auto& pack : packs) store(pack);
  return publish(next(channel, packs, now));
}

std::string PolicyWorkshop::publish(const ChannelDocument& document) {
  newest_[document.channel] = document;
  return channels_[document.channel] = sign(document);
}

void WorkshopSource::add(PolicyWorkshop& workshop) { workshops_[workshop.org()] = &workshop; }

Result<std::optional<std::string>> WorkshopSource::root(const std::string& org, std::int64_t version, Deadline) {
  const std::lock_guard lock(mutex_);
  ++roots_asked;
  if (on_root) return on_root(version);
  const auto found = workshops_.find(org);
  if (found == workshops_.end()) return std::optional<std::string>();
  const auto& roots = found->second->rootEnvelopes();
  if (version < 1 || version > static_cast<std::int64_t>(roots.size())) return std::optional<std::string>();
  return std::optional(roots[static_cast<std::size_t>(version - 1)]);
}

Result<std::optional<std::string>> WorkshopSource::channel(const std::string& org, Channel channel, const std::string& etag, Duration) {
  const std::lock_guard lock(mutex_);
  ++channels_asked;
  if (on_channel) return on_channel(etag);
  const auto found = workshops_.find(org);
  if (found == workshops_.end() || !found->second->channelEnvelopes().contains(channel)) {
    return fail(Errc::not_found, "The workshop has no such channel.");
  }
  const auto& envelope = found->second->channelEnvelopes().at(channel);
  if (sha256Hex(envelope) == etag) return std::optional<std::string>();
  return std::optional(envelope);
}

Result<std::string> WorkshopSource::pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline) {
  const std::lock_guard lock(mutex_);
  ++packs_asked;
  if (on_pack) return on_pack(sha256, max_bytes);
  const auto found = workshops_.find(org);
  if (found == workshops_.end() || !found->second->packEnvelopes().contains(sha256)) return fail(Errc::not_found, "The workshop has no such pack.");
  const auto& envelope = found->second->packEnvelopes().at(sha256);
  if (envelope.size() > max_bytes) return fail(Errc::policy_too_large, "The pack has more bytes than asked for.");
  return envelope;
}

}  // namespace ccp::test
