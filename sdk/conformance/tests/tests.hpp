// The tests of every level, as catalog.cpp lists them. Each runs once in a process of its own.
#pragma once

#include "sdk/conformance/context.hpp"

namespace ccp::kit::tests {

void elfFile(Context& t);
void exports(Context& t);
void uniqueSymbols(Context& t);
void searchPath(Context& t);
void textRelocations(Context& t);
void executableStack(Context& t);
void libraryName(Context& t);
void manifest(Context& t);
void hashes(Context& t);
void signature(Context& t);

void load(Context& t);
void descriptor(Context& t);
void interfaces(Context& t);
void configSchema(Context& t);

void createMany(Context& t);
void destroyCreated(Context& t);
void destroyConfigured(Context& t);
void configureInvalid(Context& t);
void startHealth(Context& t);
void secondInstance(Context& t);
void doubleDrain(Context& t);
void destroyRunning(Context& t);

void answers(Context& t);
void fixtures(Context& t);
void pure(Context& t);
void unsignedWebhook(Context& t);
void scenarios(Context& t);
void scenariosLost(Context& t);
void exporterAck(Context& t);
void identityKind(Context& t);

void expiredDeadline(Context& t);
void cancelled(Context& t);
void failingSink(Context& t);
void missingServices(Context& t);
void oldHosts(Context& t);
void unknownMembers(Context& t);
void wrongJson(Context& t);
void wrongTexts(Context& t);
void clockJumps(Context& t);
void garbageProvider(Context& t);

void leftovers(Context& t);
void noThreads(Context& t);
void processStateKept(Context& t);
void secretsKept(Context& t);
void concurrency(Context& t);
void contract(Context& t);
void ticks(Context& t);

void latency(Context& t);

}  // namespace ccp::kit::tests
