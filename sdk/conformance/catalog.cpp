#include "sdk/conformance/catalog.hpp"

#include <array>

#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit {
namespace {

constexpr bool kYes = true, kNo = false;

}  // namespace

const std::vector<Test>& allTests() {
  using namespace tests;
  //  id, level, title, file, inproc, process, seconds, function
  static const std::vector<Test> all = {
      {"L0.elf", 0, "the library is a shared object for this machine", kYes, kNo, kNo, 20, &elfFile},
      {"L0.exports", 0, "exactly one symbol is exported", kYes, kNo, kNo, 20, &exports},
      {"L0.unique-symbols", 0, "no symbol is shared by force with other plugins", kYes, kNo, kNo, 20, &uniqueSymbols},
      {"L0.search-path", 0, "no RPATH, no RUNPATH", kYes, kNo, kNo, 20, &searchPath},
      {"L0.text-relocations", 0, "the code is position-independent", kYes, kNo, kNo, 20, &textRelocations},
      {"L0.executable-stack", 0, "the stack is not executable", kYes, kNo, kNo, 20, &executableStack},
      {"L0.name", 0, "the library is called as the manifest and the folder say", kYes, kNo, kNo, 20, &libraryName},
      {"L0.manifest", 0, "plugin.json is valid for this release", kYes, kNo, kNo, 20, &manifest},
      {"L0.hashes", 0, "every file has the SHA-256 that the manifest says", kYes, kNo, kNo, 20, &hashes},
      {"L0.signature", 0, "the signed manifest is the one beside it", kYes, kNo, kNo, 20, &signature},

      {"L1.load", 1, "the library loads and has its entry point", kNo, kYes, kYes, 20, &load},
      {"L1.descriptor", 1, "the descriptor is whole and equals the manifest", kNo, kYes, kNo, 20, &descriptor},
      {"L1.interfaces", 1, "tables are what the manifest provides, without holes", kNo, kYes, kNo, 20, &interfaces},
      {"L1.config-schema", 1, "the configuration's schema compiles and is strict", kYes, kNo, kNo, 20, &configSchema},

      {"L2.create-many", 2, "several instances live side by side", kNo, kYes, kYes, 30, &createMany},
      {"L2.destroy-created", 2, "destroy right after create", kNo, kYes, kYes, 20, &destroyCreated},
      {"L2.destroy-configured", 2, "configure has no side effects; destroy without start", kNo, kYes, kYes, 20, &destroyConfigured},
      {"L2.configure-invalid", 2, "a wrong configuration is INVALID_ARGUMENT with a text", kNo, kYes, kYes, 20, &configureInvalid},
      {"L2.start-health", 2, "a started instance is healthy and stops", kNo, kYes, kYes, 20, &startHealth},
      {"L2.second-instance", 2, "a swap: the new instance works before, beside and after the old one", kNo, kYes, kYes, 20, &secondInstance},
      {"L2.double-drain", 2, "drain twice is drain once", kNo, kYes, kYes, 20, &doubleDrain},
      {"L2.destroy-running", 2, "destroy without drain and stop", kNo, kYes, kYes, 20, &destroyRunning},

      {"L3.answers", 3, "every operation answers as its schema says", kNo, kYes, kYes, 30, &answers},
      {"L3.fixtures", 3, "recorded exchanges are repeated", kNo, kYes, kYes, 60, &fixtures},
      {"L3.pure", 3, "pure operations repeat themselves and use nothing", kNo, kYes, kYes, 20, &pure},
      {"L3.unsigned-webhook", 3, "a webhook without a valid signature is UNAUTHENTICATED", kNo, kYes, kYes, 20, &unsignedWebhook},
      {"L3.scenarios", 3, "billing: the license follows every story, step by step", kNo, kYes, kYes, 120, &scenarios},
      {"L3.scenarios-lost", 3, "billing: shuffled, doubled and lost webhooks and one reconcile end in the same place", kNo, kYes, kYes, 240, &scenariosLost},
      {"L3.exporter-ack", 3, "acknowledged sequences never go back and never run ahead", kNo, kYes, kYes, 20, &exporterAck},
      {"L3.identity-kind", 3, "the kind that is described is implemented", kNo, kYes, kYes, 20, &identityKind},

      {"L4.expired-deadline", 4, "a deadline that is over ends the call at once", kNo, kYes, kYes, 60, &expiredDeadline},
      {"L4.cancelled", 4, "a caller that left is noticed", kNo, kYes, kYes, 60, &cancelled},
      {"L4.failing-sink", 4, "a refused write is RESOURCE_EXHAUSTED and the last one", kNo, kYes, kYes, 60, &failingSink},
      {"L4.missing-services", 4, "optional services may be absent; required ones kill nobody", kNo, kYes, kYes, 60, &missingServices},
      {"L4.old-hosts", 4, "hosts of every earlier release that the manifest allows", kNo, kYes, kYes, 60, &oldHosts},
      {"L4.unknown-members", 4, "members of later revisions are ignored", kNo, kYes, kYes, 30, &unknownMembers},
      {"L4.wrong-json", 4, "input that is no JSON, or too deep", kNo, kYes, kYes, 60, &wrongJson},
      {"L4.wrong-texts", 4, "texts of 1 MiB, no UTF-8, hostile ones", kNo, kYes, kYes, 90, &wrongTexts},
      {"L4.clock-jumps", 4, "the wall clock jumps", kNo, kYes, kYes, 60, &clockJumps},
      {"L4.garbage-provider", 4, "a provider that answers garbage", kNo, kYes, kYes, 60, &garbageProvider},

      {"L5.leftovers", 5, "no descriptor, thread or mapping is left behind", kNo, kYes, kNo, 60, &leftovers},
      {"L5.no-threads", 5, "the plugin creates no threads", kNo, kYes, kNo, 20, &noThreads},
      {"L5.process-state", 5, "environment, locale, signals and output stay as they were", kNo, kYes, kNo, 20, &processStateKept},
      {"L5.secrets", 5, "secrets appear in no log, result, error or address", kNo, kYes, kYes, 30, &secretsKept},
      {"L5.concurrency", 5, "many threads get the answers of one", kNo, kYes, kYes, 90, &concurrency},
      {"L5.contract", 5, "host services are used as they are documented", kNo, kYes, kYes, 30, &contract},
      {"L5.ticks", 5, "periodic work answers", kNo, kYes, kYes, 20, &ticks},

      {"L6.latency", 6, "p50 and p99 of every operation (report)", kNo, kYes, kYes, 60, &latency},
  };
  return all;
}

const Test* findTest(std::string_view id) {
  for (const auto& test : allTests()) {
    if (test.id == id) return &test;
  }
  return nullptr;
}

std::string_view levelTitle(int level) {
  static constexpr std::array<std::string_view, 7> kTitles = {"file", "descriptor", "lifecycle", "behaviour", "hostile host", "hygiene", "speed"};
  return level >= 0 && level < static_cast<int>(kTitles.size()) ? kTitles[static_cast<std::size_t>(level)] : "";
}

}  // namespace ccp::kit
